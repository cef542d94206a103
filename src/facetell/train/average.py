"""One network whose weights are the means of those of several."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.train.export import onnx_bytes
from facetell.train.join import draft_of, part_of
from facetell.train.networks.start import built, witness_like


def average(paths: Sequence[Path], name: str) -> tuple[bytes, ModelCard]:
    """The average of models that learnt on from one another, or from the same weights, and the
    draft of its card, to be calibrated. It often does better than each of them (model soups:
    Wortsman et al. 2022, https://arxiv.org/abs/2203.05482).

    A path named twice counts twice. Of a file of several networks the one counts that is like the
    others. Raises DataError when they are not of one known architecture and one crop; ModelError
    for a file that is no model.
    """
    if len(paths) < 2:
        raise DataError("there is nothing to average", hint="name two model files or more")
    cards = [Model.load(path).card for path in paths]
    architectures = {str(card.recipe["architecture"]) for card in cards if _is_trained(card)}
    if len(architectures) != 1 or any(card.crop != cards[0].crop for card in cards):
        found = ", ".join(sorted(architectures)) or "none names its architecture"
        raise DataError(
            f"the models are not alike: {found}",
            hint="average models of one architecture, trained on crops of one kind, one of them "
            "as it was trained",
        )
    size_px = cards[0].crop.size_px
    (architecture,) = architectures
    nets = [built(architecture, size_px, str(path), "fp32") for path in paths]
    parts = [
        part_of(card, witness_like(net, path)[0])
        for card, net, path in zip(cards, nets, paths, strict=True)
    ]
    states = [net.state_dict() for net in nets]
    nets[0].load_state_dict(
        {key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]}
    )
    counted = Counter(paths)
    draft = draft_of([parts[paths.index(path)] for path in counted], name)
    recipe = draft.recipe | {"averaged": list(counted.values())}
    return onnx_bytes(nets[0].eval(), size_px), draft.model_copy(update={"recipe": recipe})


def _is_trained(card: ModelCard) -> bool:
    """Rather than made of other models, which its recipe then names by number."""
    return "architecture" in card.recipe
