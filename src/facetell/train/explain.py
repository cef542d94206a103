"""Pictures of the reasons that need a network's gradients: for checkpoints, not for model files."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam import GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import BinaryClassifierOutputTarget
from torch import Tensor, nn

from facetell.detect.crop import CropSpec, to_tensor
from facetell.evaluate.explain import Explainer
from facetell.train.checkpoints import load_run
from facetell.train.networks.detector import Detector
from facetell.types import FloatArray, UInt8Array


class Logit(nn.Module):
    """A detector without its evidence: [N, 3, S, S] -> [N, 1], as other libraries expect it."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor) -> Tensor:
        logit: Tensor = self.net(crops)[0]
        return logit[:, None]


def explainers(run: Path) -> Mapping[str, Explainer]:
    """By the name under which they are shown."""
    net, recipe = load_run(run)
    return {
        "Grad-CAM++": partial(grad_cam, net, recipe.crop),
        "saliency": partial(saliency, net, recipe.crop),
    }


def grad_cam(net: Detector, spec: CropSpec, crop: UInt8Array, fake: bool) -> FloatArray:
    """Grad-CAM++ on the backbone's features (Chattopadhyay et al. 2018,
    https://arxiv.org/abs/1710.11063)."""
    with GradCAMPlusPlus(model=Logit(net), target_layers=[net.backbone]) as cam:
        target = BinaryClassifierOutputTarget(int(fake))
        found = cam(input_tensor=_tensor(crop, spec), targets=[target])
    return np.asarray(found[0], np.float32)


def saliency(net: Detector, spec: CropSpec, crop: UInt8Array, fake: bool) -> FloatArray:
    """How much the score hangs on each pixel: size of its gradient, the largest of the colours
    (Simonyan et al. 2014, https://arxiv.org/abs/1312.6034). The same for fake and real."""
    crops = _tensor(crop, spec).requires_grad_()
    gradient = torch.autograd.grad(Logit(net)(crops).sum(), crops)[0]
    return np.asarray(gradient[0].abs().amax(dim=0).numpy(), np.float32)


def _tensor(crop: UInt8Array, spec: CropSpec) -> Tensor:
    return torch.from_numpy(to_tensor(crop[None], spec))
