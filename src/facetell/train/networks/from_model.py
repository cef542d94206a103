"""The weights in a model file, by the names that they had in training."""

from collections import defaultdict
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor


def witnesses(path: Path) -> list[dict[str, Tensor]]:
    """The convolutions of each network in a model file, normalisation folded into them, named as in
    a checkpoint of ours; one network but where several were joined, then in their order.

    The exporter names what it folded after the weight that it belongs to; `facetell join` keeps
    weights in half precision, and puts the number of its network before every name.

    Raises ValueError where normalisation is left that no convolution could take in.
    """
    graph = onnx.load(path).graph
    held = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            raise ValueError("its normalisation does not follow its convolutions")
        if node.op_type == "Cast" and node.input[0] in held:
            held[node.output[0]] = held[node.input[0]]
    found: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in held:
            number, _, name = node.input[1].removesuffix(".weight").rpartition("/")
            weight = torch.tensor(held[node.input[1]], dtype=torch.float32)
            bias = torch.zeros(len(weight))  # the exporter leaves out one of zeros
            if len(node.input) > 2:
                bias = torch.tensor(held[node.input[2]], dtype=torch.float32)
            found[number] |= {f"net.{name}.weight": weight, f"net.{name}.bias": bias}
    return list(found.values())
