"""A user's first day: judge a folder, hand on the page, look closer from Python."""

import shutil
from pathlib import Path

import pytest

from facetell import Detector, Report
from facetell.detect.report import LIMITS_OF_THE_CLAIM
from tests.broken_inputs.make import photo
from tests.cli.command import csv_rows, facetell, rows
from tests.shared import EXAMPLES


def test_from_a_folder_to_a_page_and_back_to_the_picture(tmp_path):
    folder, out = tmp_path / "received", tmp_path / "report"
    (folder / "mail").mkdir(parents=True)
    for path in EXAMPLES.glob("*.jpg"):
        shutil.copy(path, folder / "mail" / path.name)
    photo().save(folder / "landscape.png")
    (folder / "letter.txt").write_text("Is this real?")

    done = facetell(
        *("detect", folder, "--json", out / "r.jsonl", "--csv", out / "r.csv"),
        *("--html", out / "r.html", "--heatmaps", out / "heatmaps"),
    )

    # One row for each file, the failed one named, the exit code telling of it.
    files = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    reports = [Report.model_validate(row) for row in rows(out / "r.jsonl")]
    assert done.code == 1
    assert sorted(report.path for report in reports) == files
    assert [row["path"] for row in csv_rows(out / "r.csv")] == [r.path for r in reports]
    status = {Path(report.path).name: report.status for report in reports}
    assert status.pop("letter.txt") == "error"
    assert status.pop("landscape.png") == "no_face"
    assert set(status.values()) == {"ok"}
    assert all(name in done.out for name in ("letter.txt", "landscape.png", "r.html"))

    # The page can be handed on alone.
    page = (out / "r.html").read_text("utf-8")
    assert "letter.txt" in page
    assert page.count("data:image/jpeg;base64,") >= 3 * len(status)
    assert LIMITS_OF_THE_CLAIM[0].replace("'", "&#39;") in page

    # From Python the same file gives the same answer, and the picture of its evidence.
    told = next(report for report in reports if report.status == "ok")
    again = Detector.load().analyze(told.path)
    assert again.p_fake == pytest.approx(told.p_fake, abs=1e-5)
    assert again.model == told.model
    assert again.heatmap().size == told.heatmap().size

    # The run can be called again and finds nothing left to do.
    before = (out / "r.jsonl").read_bytes()
    facetell("detect", folder, "--json", out / "r.jsonl", "--resume")
    assert (out / "r.jsonl").read_bytes() == before
