"""What the face finder is taught: which cell answers for which face, and how far off it is."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from facetell.train.networks.finder import STRIDES

REACH = 1.5
"""A cell may answer for a face whose middle is within so many strides of its own."""
SPAN = {8: (0.0, 72.0), 16: (28.0, 160.0), 32: (72.0, 1e9)}
"""Longer sides in pixels that each stride may answer for; they overlap, and the better one wins."""
MOST_CELLS = 8
BOX_WEIGHT, LANDMARK_WEIGHT, FOCUS = 2.0, 16.0, 1.0
LEAST_WEIGHT = 1.5
"""A scene counts by the root of its positive cells, so that sheets of small faces are not all."""


def finder_loss(answers: tuple[Tensor, Tensor, Tensor], rows: Tensor, size_px: int) -> Tensor:
    """answers: of `FinderNet` on pictures of size_px x size_px; rows: [N, M, 15] as
    `FinderSamples` gives them.

    Scores learn how well the box fits (generalised focal loss, Li et al. 2020,
    https://arxiv.org/abs/2006.04388), boxes the distance IoU (https://arxiv.org/abs/1911.08287),
    landmarks the mean distance over the face's side. Cells are given to faces by cost, as many as
    fit (SimOTA, https://arxiv.org/abs/2107.08430).
    """
    logits, boxes, landmarks = answers
    cells, strides = _cells(size_px, logits.device)
    quality, counts = torch.zeros_like(logits), torch.ones_like(logits)
    positives = torch.ones(len(rows), device=logits.device)
    places = []
    for n, row in enumerate(rows):
        faces, ignored = row[row[:, 0] == 1], row[row[:, 0] == 2]
        if len(ignored):
            counts[n] = 1 - _excused(cells, strides, ignored[:, 1:5])
        if not len(faces):
            places.append(logits.new_zeros(()))
            continue
        picked, owner = _assign(logits[n], boxes[n], faces, cells, strides)
        iou, distance = _fit(boxes[n, picked], faces[owner, 1:5])
        error = _landmark_error(landmarks[n, picked], faces[owner])
        places.append((BOX_WEIGHT * (1 - iou + distance) + LANDMARK_WEIGHT * error).sum())
        quality[n, picked] = iou.detach().clamp(min=0.05)
        counts[n, picked] = 1.0
        positives[n] = max(1, len(picked))
    focus = (logits.sigmoid().detach() - quality).abs() ** FOCUS
    entropy = functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    each = ((entropy * focus * counts).sum(dim=1) + torch.stack(places)) / positives
    weight = positives.sqrt().clamp(min=LEAST_WEIGHT)
    return (each * weight).sum() / weight.sum()


@cache
def _cells(size_px: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Middles [K, 2] and strides [K] of all cells, in the network's order."""
    middles, strides = [], []
    for stride in STRIDES:
        ticks = (torch.arange(size_px // stride, device=device) + 0.5) * stride
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        middles.append(torch.stack([x.flatten(), y.flatten()], dim=1))
        strides.append(torch.full((ticks.numel() ** 2,), float(stride), device=device))
    return torch.cat(middles), torch.cat(strides)


def _spans(strides: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest longer side that each cell may answer for, [K]."""
    low, high = torch.zeros_like(strides), torch.zeros_like(strides)
    for stride, (least, most) in SPAN.items():
        low[strides == stride], high[strides == stride] = least, most
    return low, high


@torch.no_grad()
def _assign(
    logits: Tensor, boxes: Tensor, faces: Tensor, cells: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor]:
    """Cells [P] and the face each answers for [P]."""
    true = faces[:, 1:5]
    middle = (true[:, :2] + true[:, 2:]) / 2
    side = (true[:, 2:] - true[:, :2]).amax(dim=1)
    near = (cells[None] - middle[:, None]).abs().amax(dim=2) <= REACH * strides[None]
    low, high = _spans(strides)
    fits = (side[:, None] >= low[None]) & (side[:, None] <= high[None])
    allowed = near & fits
    iou = _iou(true, boxes)
    prize = functional.binary_cross_entropy_with_logits(
        logits[None].expand_as(iou), iou.clamp(0, 1), reduction="none"
    )
    cost = prize + 3 * -(iou.clamp(min=1e-6)).log() + 1e5 * ~allowed
    best = torch.where(allowed, iou, torch.zeros_like(iou)).topk(MOST_CELLS, dim=1).values
    wanted = best.sum(dim=1).round().clamp(min=1, max=MOST_CELLS)
    cheapest = cost.topk(MOST_CELLS, dim=1, largest=False).indices
    first = torch.arange(MOST_CELLS, device=cost.device)[None] < wanted[:, None]
    taken = torch.zeros_like(allowed).scatter(1, cheapest, first) & allowed
    owner = torch.where(taken, cost, torch.full_like(cost, 1e9)).argmin(dim=0)
    picked = taken.any(dim=0).nonzero()[:, 0]
    return picked, owner[picked]


def _iou(true: Tensor, boxes: Tensor) -> Tensor:
    """[M, 4] and [K, 4] -> [M, K]."""
    low = torch.maximum(true[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(true[:, None, 2:], boxes[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=2)
    own = (true[:, 2:] - true[:, :2]).prod(dim=1)[:, None]
    other = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)[None]
    return overlap / (own + other - overlap).clamp(min=1e-6)


def _fit(boxes: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Pairwise IoU [P] and the distance of the middles over the enclosing diagonal, squared."""
    low, high = torch.maximum(boxes[:, :2], true[:, :2]), torch.minimum(boxes[:, 2:], true[:, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=1)
    areas = [(b[:, 2:] - b[:, :2]).prod(dim=1) for b in (boxes, true)]
    iou = overlap / (areas[0] + areas[1] - overlap).clamp(min=1e-6)
    apart = (boxes[:, :2] + boxes[:, 2:] - true[:, :2] - true[:, 2:]).square().sum(dim=1) / 4
    around = torch.maximum(boxes[:, 2:], true[:, 2:]) - torch.minimum(boxes[:, :2], true[:, :2])
    return iou, apart / around.square().sum(dim=1).clamp(min=1e-6)


def _landmark_error(landmarks: Tensor, faces: Tensor) -> Tensor:
    """Mean distance of the five points over the longer side of the true box, [P]."""
    side = (faces[:, 3:5] - faces[:, 1:3]).amax(dim=1)
    gap = landmarks - faces[:, 5:].reshape(-1, 5, 2)
    return gap.abs().sum(dim=2).mean(dim=1) / side


def _excused(cells: Tensor, strides: Tensor, boxes: Tensor) -> Tensor:
    """1.0 for each cell that need not know: its middle lies in one of the boxes [B, 4], and a face
    of that size would be its own to find. A finer cell must still see that an ear is no face."""
    after = (cells[:, None] >= boxes[None, :, :2]).all(dim=2)
    before = (cells[:, None] <= boxes[None, :, 2:]).all(dim=2)
    side = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    low, high = _spans(strides)
    own = (side[None] >= low[:, None]) & (side[None] <= high[:, None])
    return (after & before & own).any(dim=1).float()
