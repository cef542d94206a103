"""A model file of a few hundred bytes that keeps the contract, with whatever verdict is wanted."""

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from facetell.detect.calibrate import Calibration, Thresholds
from facetell.detect.card import CARD_KEY, ModelCard
from facetell.detect.crop import CropSpec

SIDE_PX = 32
ALWAYS_REAL, ALWAYS_FAKE = -20.0, 20.0
"""Intercepts of the calibration that drown what the tiny net says."""


def tiny_card(intercept: float = 0.0, **changes: Any) -> dict[str, Any]:
    """The card as JSON would have it. intercept: of the calibration, in log-odds."""
    card = ModelCard(
        card_version=1,
        name="tiny",
        version="1",
        created="2026-01-01",
        crop=CropSpec(margin=1.3, size_px=SIDE_PX, mean=(127, 127, 127), std=(128, 128, 128)),
        calibration=Calibration(slope=1.0, intercept=intercept),
        thresholds=Thresholds(real_below=0.2, fake_from=0.8),
        smallest_face_px=40,
        trained_on={},
        recipe={},
        start_weights="none",
        licence="Apache-2.0",
        limits=("a toy",),
    )
    return card.model_dump(mode="json") | changes


def write_tiny_model(path: Path, card_json: str | None, side_px: int = SIDE_PX) -> Path:
    """evidence: mean grey of the crop in 4 x 4 cells; logit: their mean. No card where None."""
    cell = side_px // 4
    nodes = [
        helper.make_node("ReduceMean", ["crops", "channels"], ["grey"], keepdims=1),
        helper.make_node(
            "AveragePool", ["grey"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("Squeeze", ["cells", "channels"], ["evidence"]),
        helper.make_node("ReduceMean", ["evidence", "places"], ["logit"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 3, side_px, side_px])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["n", 4, 4]),
        ],
        [
            helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
            helper.make_tensor("places", TensorProto.INT64, [2], [1, 2]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if card_json is not None:
        helper.set_model_props(model, {CARD_KEY: card_json})
    onnx.save(model, str(path))
    return path
