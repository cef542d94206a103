"""Several detectors in one model file: witnesses that saw different things, heard alike."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper

from facetell._version import __version__
from facetell.detect.card import ModelCard
from facetell.detect.model import Model
from facetell.errors import DataError
from facetell.train.learnt import together
from facetell.train.networks.start import first_of_all, origins
from facetell.train.release import NOT_FITTED, today

HALVED_FROM = 1000  # weights of a tensor


@dataclass
class _Witness:
    """A network among others. says: the names of its "logit" and its "evidence"."""

    nodes: list[NodeProto]
    weights: list[TensorProto]
    says: dict[str, str]


def join(
    paths: Sequence[Path], name: str, mirrored: Collection[int] = ()
) -> tuple[bytes, ModelCard]:
    """One network whose logit and evidence are the means of the calibrated ones of several, and the
    draft of its card, to be calibrated. Weights are kept in half precision and computed with in
    full, so that two files take the room of one.

    paths: one that is named twice counts twice, and is in it once. mirrored: numbers of the models,
    from 1, that also look at the mirror image of each crop; what they say is the mean of both
    looks.

    Raises DataError when they are not of one crop and one size of map, or when there is no model of
    such a number; ModelError for a file that is no model.
    """
    counted = Counter(paths)
    paths, shares = list(counted), [count / counted.total() for count in counted.values()]
    if len(paths) < 2:
        raise DataError("there is nothing to join", hint="name two different model files, or more")
    if strange := sorted(set(mirrored) - set(range(1, len(paths) + 1))):
        raise DataError(
            f"there is no model {strange[0]} to mirror", hint=f"count them from 1 to {len(paths)}"
        )
    cards = [Model.load(path).card for path in paths]
    if any(card.crop != cards[0].crop for card in cards):
        raise DataError(
            "the models want different crops", hint="join models trained on crops of one kind"
        )
    loaded = [onnx.load(path) for path in paths]
    shapes = {_shape(model.graph.output, "evidence") for model in loaded}
    if len(shapes) > 1:
        raise DataError(
            f"their evidence has different sizes: {sorted(shapes)}",
            hint="join models of architectures with the same stride",
        )
    witnesses = [_witness(model, f"{number}/") for number, model in enumerate(loaded)]
    for number in set(mirrored):
        witnesses[number - 1] = _looking_twice(witnesses[number - 1], f"{number - 1}/")
    nodes = [node for witness in witnesses for node in witness.nodes]
    weights = [weight for witness in witnesses for weight in witness.weights]
    for kind in ("logit", "evidence"):
        parts = []
        for number, (witness, card, share) in enumerate(zip(witnesses, cards, shares, strict=True)):
            part = f"{number}/calibrated {kind}"
            fitted = {"slope": card.calibration.slope, "intercept": card.calibration.intercept}
            for what, value in fitted.items():
                constant = np.array(value * share, np.float32)
                weights.append(numpy_helper.from_array(constant, f"{part} {what}"))
            nodes += [
                helper.make_node("Mul", [witness.says[kind], f"{part} slope"], [f"{part} scaled"]),
                helper.make_node("Add", [f"{part} scaled", f"{part} intercept"], [part]),
            ]
            parts.append(part)
        nodes.append(helper.make_node("Sum", parts, [kind]))
    casts, halved = _halved(weights)
    first = loaded[0]
    graph = helper.make_graph(
        casts + nodes, "joined", list(first.graph.input), list(first.graph.output), halved
    )
    model = helper.make_model(
        graph, opset_imports=list(first.opset_import), ir_version=first.ir_version
    )
    draft = draft_of(cards, name)
    recipe = dict(draft.recipe)
    if mirrored:
        recipe["mirrored"] = sorted(set(mirrored))
    if max(counted.values()) > 1:
        recipe["counted"] = list(counted.values())
    draft = draft.model_copy(update={"recipe": recipe})
    return model.SerializeToString(), draft


def _witness(model: ModelProto, prefix: str) -> _Witness:
    """The network with all its names apart from those of others, but for the crops it is given."""
    graph = compose.add_prefix(model, prefix).graph
    nodes = list(graph.node)
    _rename_input(nodes, f"{prefix}crops", "crops")
    says = {kind: f"{prefix}{kind}" for kind in ("logit", "evidence")}
    return _Witness(nodes, list(graph.initializer), says)


def _rename_input(nodes: Sequence[NodeProto], old: str, new: str) -> None:
    for node in nodes:
        for at, taken in enumerate(node.input):
            if taken == old:
                node.input[at] = new


def _looking_twice(witness: _Witness, prefix: str) -> _Witness:
    """It is given each crop and its mirror image, in one batch; says the mean of both, its evidence
    for the mirror image turned back."""

    def named(what: str) -> str:
        return f"{prefix}mirror {what}"

    def turned(value: str, result: str) -> NodeProto:
        return helper.make_node("Slice", [value, *map(named, slices)], [result])

    # All of the last axis, backwards.
    slices = {"start": -1, "end": np.iinfo(np.int64).min, "axis": -1, "step": -1}
    weights = [
        numpy_helper.from_array(np.array([value], np.int64), named(what))
        for what, value in slices.items()
    ]
    _rename_input(witness.nodes, "crops", named("both"))
    nodes = [
        turned("crops", named("image")),
        helper.make_node("Concat", ["crops", named("image")], [named("both")], axis=0),
        *witness.nodes,
    ]
    for kind, value in witness.says.items():
        looks = [named(f"{kind} {look}") for look in ("straight", "mirrored")]
        nodes.append(helper.make_node("Split", [value], looks, axis=0, num_outputs=2))
        if kind == "evidence":
            nodes.append(turned(looks[1], named("evidence turned back")))
            looks[1] = named("evidence turned back")
        nodes.append(helper.make_node("Mean", looks, [named(kind)]))
    says = {kind: named(kind) for kind in witness.says}
    return _Witness(nodes, witness.weights + weights, says)


def _shape(values: Sequence[Any], ending: str) -> tuple[int, ...]:
    found = next(value for value in values if value.name.endswith(ending))
    return tuple(side.dim_value for side in found.type.tensor_type.shape.dim[1:])


def _halved(weights: Sequence[TensorProto]) -> tuple[list[NodeProto], list[TensorProto]]:
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


def part_of(card: ModelCard, number: int) -> ModelCard:
    """What the card of a joined model says of one of its networks, counted from 1; any other card
    as it is."""
    found = list(_networks(card.name, card.recipe))
    if len(found) == 1:
        return card
    name, recipe = found[number - 1]
    began = first_of_all(card.start_weights)
    return card.model_copy(update={"name": name, "recipe": recipe, "start_weights": began})


def _networks(name: str, recipe: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and recipe of each network of a model, those of joined models one by one."""
    parts = {key: part for key, part in recipe.items() if key.partition(": ")[0].isdigit()}
    if not parts or "averaged" in recipe:
        yield name, recipe
        return
    for key, part in parts.items():
        yield from _networks(key.partition(": ")[2], part)


def draft_of(cards: Sequence[ModelCard], name: str) -> ModelCard:
    """The card of one model made of several, as far as it is known before it is calibrated."""
    recipe = {f"{number}: {card.name}": card.recipe for number, card in enumerate(cards, start=1)}
    changes = {
        "name": name,
        "created": today(),
        "trained_on": together(card.trained_on for card in cards),
        "recipe": recipe,
        "start_weights": origins([card.start_weights for card in cards]),
        "licence": "; ".join(dict.fromkeys(card.licence for card in cards)),
        "version": __version__,
    }
    return cards[0].model_copy(update={**changes, **NOT_FITTED})
