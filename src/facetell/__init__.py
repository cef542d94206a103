"""facetell finds the tell in a fake face.

from facetell import Detector

report = Detector.load().analyze("photo.jpg")
print(report.verdict, report.p_fake)
report.heatmap().save("evidence.png")
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from facetell._version import __version__

if TYPE_CHECKING:
    from facetell.detect.analyze import Detector, Options, analyze
    from facetell.detect.report import Report
    from facetell.errors import FacetellError, MediaError, ModelError
    from facetell.types import Kind, Status, Verdict

# ONNX Runtime's wheels (1.31 does) keep records of their use in the home folder and send them to
# their maker, unless told otherwise before they are loaded. Nothing leaves the machine from here.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Detector",
    "FacetellError",
    "Kind",
    "MediaError",
    "ModelError",
    "Options",
    "Report",
    "Status",
    "Verdict",
    "__version__",
    "analyze",
]

_HOMES = {
    "Detector": "detect.analyze",
    "Options": "detect.analyze",
    "analyze": "detect.analyze",
    "Report": "detect.report",
    "FacetellError": "errors",
    "MediaError": "errors",
    "ModelError": "errors",
    "Kind": "types",
    "Status": "types",
    "Verdict": "types",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `facetell --help` loads no NumPy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'facetell' has no attribute {name!r}")
    return getattr(import_module(f"facetell.{_HOMES[name]}"), name)
