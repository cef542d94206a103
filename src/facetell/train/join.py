"""Several detectors in one model file: witnesses that saw different things, heard alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.train.release import NOT_FITTED, today

HALVED_FROM = 1000  # weights of a tensor


def join(paths: Sequence[Path], name: str) -> tuple[bytes, ModelCard]:
    """One network whose logit and evidence are the means of the calibrated ones of several, and the
    draft of its card, to be calibrated. Weights are kept in half precision and computed with in
    full, so that two files take the room of one.

    Raises DataError when they are not of one crop and one size of map; ModelError for a file that
    is no model.
    """
    if len(paths) < 2:
        raise DataError("there is nothing to join", hint="name two model files or more")
    cards = [Model.load(path).card for path in paths]
    if any(card.crop != cards[0].crop for card in cards):
        raise DataError(
            "the models want different crops", hint="join models trained on crops of one kind"
        )
    graphs = [_named(onnx.load(path), f"{number}/") for number, path in enumerate(paths)]
    shapes = {_shape(graph.output, "evidence") for graph in graphs}
    if len(shapes) > 1:
        raise DataError(
            f"their evidence has different sizes: {sorted(shapes)}",
            hint="join models of architectures with the same stride",
        )
    nodes = [node for graph in graphs for node in graph.node]
    weights = [weight for graph in graphs for weight in graph.initializer]
    for kind in ("logit", "evidence"):
        parts = []
        for number, card in enumerate(cards):
            part = f"{number}/calibrated {kind}"
            share = {"slope": card.calibration.slope, "intercept": card.calibration.intercept}
            for what, value in share.items():
                constant = np.array(value / len(cards), np.float32)
                weights.append(numpy_helper.from_array(constant, f"{part} {what}"))
            nodes += [
                helper.make_node("Mul", [f"{number}/{kind}", f"{part} slope"], [f"{part} scaled"]),
                helper.make_node("Add", [f"{part} scaled", f"{part} intercept"], [part]),
            ]
            parts.append(part)
        nodes.append(helper.make_node("Sum", parts, [kind]))
    casts, halved = _halved(weights)
    first = onnx.load(paths[0])
    graph = helper.make_graph(
        casts + nodes, "joined", list(first.graph.input), list(first.graph.output), halved
    )
    model = helper.make_model(
        graph, opset_imports=list(first.opset_import), ir_version=first.ir_version
    )
    return model.SerializeToString(), _draft(cards, name)


def _named(model: onnx.ModelProto, prefix: str) -> onnx.GraphProto:
    """The graph with all its names apart from those of others, but for the crops it is given."""
    graph = compose.add_prefix(model, prefix).graph
    for node in graph.node:
        for at, taken in enumerate(node.input):
            if taken == f"{prefix}crops":
                node.input[at] = "crops"
    return graph


def _shape(values: Sequence[Any], ending: str) -> tuple[int, ...]:
    found = next(value for value in values if value.name.endswith(ending))
    return tuple(side.dim_value for side in found.type.tensor_type.shape.dim[1:])


def _halved(weights: Sequence[TensorProto]) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """Large tensors in half precision, and what brings them back to full."""
    casts, kept = [], []
    for weight in weights:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < HALVED_FROM:
            kept.append(weight)
            continue
        half = f"{weight.name} half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [weight.name], to=TensorProto.FLOAT))
    return casts, kept


def _draft(cards: Sequence[ModelCard], name: str) -> ModelCard:
    trained_on = {
        source: max(card.trained_on.get(source, 0) for card in cards)
        for source in sorted({source for card in cards for source in card.trained_on})
    }
    recipe = {f"{number}: {card.name}": card.recipe for number, card in enumerate(cards, start=1)}
    starts = "; ".join(f"{n}: {card.start_weights}" for n, card in enumerate(cards, start=1))
    changes = {
        "name": name,
        "created": today(),
        "trained_on": trained_on,
        "recipe": recipe,
        "start_weights": starts,
    }
    return cards[0].model_copy(update={**changes, **NOT_FITTED})
