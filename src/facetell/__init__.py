"""facetell finds the tell in a fake face.

from facetell import Detector

report = Detector.load().analyze("photo.jpg")
print(report.verdict, report.p_fake)
report.heatmap().save("evidence.png")
"""

from facetell._version import __version__
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
