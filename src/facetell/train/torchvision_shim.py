"""Let `timm` import where torchvision's compiled extension does not load.

With a CPU build of torch, the package index still serves torchvision's CUDA build. Its extension
fails to load, and importing torchvision dies on "operator torchvision::nms does not exist" when it
registers shape functions for operators that were never declared. Declaring their schemas first is
enough: facetell uses no torchvision operator, and calling one still raises.
"""

import importlib.machinery
import importlib.util

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # schemas live as long as this object


def declare_missing_operators() -> None:
    """Declare what torchvision needs to be imported; does nothing where its extension loads."""
    global _library
    if _library is not None or _extension_loads():
        return
    _library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        _library.define(schema)  # type: ignore[no-untyped-call]


def _extension_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.submodule_search_locations is None:
        return True  # no torchvision: importing timm will say so itself
    for folder in spec.submodule_search_locations:
        extension = importlib.machinery.PathFinder.find_spec("torchvision._C", [folder])
        if extension is not None and extension.origin is not None:
            try:
                torch.ops.load_library(extension.origin)  # type: ignore[no-untyped-call]
            except OSError:
                return False
    return hasattr(torch.ops.torchvision, "nms")
