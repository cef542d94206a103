"""facetell finds the tell in a fake face.

from facetell import Detector

report = Detector.load().analyze("photo.jpg")
print(report.verdict, report.p_fake)
report.heatmap().save("evidence.png")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facetell._version import __version__

if TYPE_CHECKING:
    from facetell.detect.analyze import Detector, Options, analyze
    from facetell.detect.report import Report
    from facetell.errors import FacetellError, MediaError, ModelError
    from facetell.types import Kind, Status, Verdict

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
