"""Write a trained network as the one model file: ONNX, weights inside, card in the metadata."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from facetell.detect.card import CARD_KEY, FinderCard, ModelCard
from facetell.train.networks.detector import Detector

OPSET = 18


def onnx_bytes(net: Detector, size_px: int) -> bytes:
    """The network as ONNX without a card: crops [N, 3, S, S] -> logit [N], evidence [N, h, w]."""
    crops = {"crops": torch.zeros(2, 3, size_px, size_px)}
    shapes = {"crops": {0: torch.export.Dim("n")}}
    return exported(net, crops, ["logit", "evidence"], shapes)


def exported(
    net: nn.Module, examples: Mapping[str, Tensor], gives: list[str], dynamic: dict[str, Any]
) -> bytes:
    """Any network as ONNX bytes. examples: of its inputs, in the order in which it takes them.
    dynamic: sides that may differ from theirs, as `torch.onnx.export` wants them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch, about its own tree specs
        program = torch.onnx.export(
            net.eval(),
            tuple(examples.values()),
            input_names=list(examples),
            output_names=gives,
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    return data


def write_model(data: bytes, card: ModelCard | FinderCard, path: Path) -> None:
    """Put the card into ONNX bytes and write the file, whole or not at all."""
    model = onnx.load_from_string(data)
    _forget_origin(model)
    onnx.helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    model.producer_name = "facetell"
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(model.SerializeToString())
    beside.replace(path)


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes beside every node: stack traces with paths of this machine."""
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for weight in graph.initializer:
        del weight.metadata_props[:]
