"""`facetell explain`: pictures of the reasons, and which of them to believe."""

import json
import shutil

import numpy as np
import pytest

from facetell import Detector
from facetell.evaluate.explain import Explained
from tests.cli.command import facetell
from tests.clips import nodding, portrait, write_clip
from tests.shared import EXAMPLES

pytest.importorskip("matplotlib", reason="the training extra is not installed")

from facetell.cli.explaining import _row


def test_every_file_has_a_row_and_every_face_a_picture(tiny_model, two_people, landscape, tmp_path):
    out = tmp_path / "out"
    missing = tmp_path / "gone.jpg"
    files = (two_people, landscape, missing)
    done = facetell("explain", *files, "--model", tiny_model, "--out", out, "--faces", 2)
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert "gains: evidence" in lines[0]
    assert f"{landscape}: no_face" in lines[1]
    assert f"{missing}: error, no such file" in lines[2]
    drawn = sorted(path.name for path in out.glob("*.png"))
    assert drawn == ["00001-two_people-face1.png", "00001-two_people-face2.png"]
    found = json.loads((out / "explain.json").read_text("utf-8"))["files"]
    assert [one["report"]["status"] for one in found] == ["ok", "no_face", "error"]
    faith = found[0]["explained"][0]["faithfulness"]["evidence"]
    assert faith["gain"] == pytest.approx(faith["insertion"] - faith["deletion"])
    page = (out / "report.html").read_text("utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "random order" in page
    assert "no such file" in page
    assert "mean gain (pictures: 1, too few for an interval)" in page
    assert f'<td>evidence</td><td class="n">{mean_gain(found):.3f}</td>' in page


def test_the_mean_gain_of_some_pictures_has_its_interval(tiny_model, two_people, tmp_path):
    for number in range(5):
        shutil.copy(two_people, tmp_path / f"{number}.png")
    done = facetell("explain", tmp_path, "--model", tiny_model, "--out", tmp_path / "out")
    assert done.code == 0
    found = json.loads((tmp_path / "out" / "explain.json").read_text("utf-8"))["files"]
    table = (tmp_path / "out" / "table.md").read_text("utf-8")
    assert "(95 %)" in table
    assert f"| evidence | {mean_gain(found):.3f} [" in table


def mean_gain(files):
    return np.mean(
        [face["faithfulness"]["evidence"]["gain"] for one in files for face in one["explained"]]
    )


def test_a_clip_is_explained_from_its_most_suspicious_face_on(tiny_model, tmp_path):
    lit = [(image * (0.6 + 0.4 * n / 30)).astype(np.uint8)
           for n, image in enumerate(nodding(portrait(), 30))]  # fmt: skip
    clip = write_clip(tmp_path / "c.mp4", lit, fps=5)
    done = facetell("explain", clip, "--model", tiny_model, "--out", tmp_path / "o", "--faces", 3)
    assert (done.code, done.err) == (0, "")
    (found,) = json.loads((tmp_path / "o" / "explain.json").read_text("utf-8"))["files"]
    p_fakes = [one["p_fake"] for one in found["explained"]]
    assert len(p_fakes) > 1
    assert p_fakes == sorted(p_fakes, reverse=True)
    times = [one["time_s"] for one in found["explained"]]
    assert times != sorted(times)
    assert f"p_fake {found['report']['p_fake']:.3f}" in done.out


def test_a_file_whose_faces_are_not_found_again_has_its_row(tiny_model, small_portrait):
    report = Detector.load(tiny_model).analyze(small_portrait)
    row = _row(Explained(report, []))
    assert row.startswith(f"{small_portrait}: uncertain, p_fake {report.p_fake:.3f}; ")
    assert "not found again" in row


def test_a_model_and_a_run_at_once_are_refused(tiny_model, tmp_path):
    picture = EXAMPLES / "real-astronaut.jpg"
    both = ("--model", tiny_model, "--run", tmp_path)
    done = facetell("explain", picture, "--out", tmp_path / "out", *both)
    assert (done.code, "a run has its own model" in done.err) == (2, True)


def test_a_run_without_a_model_is_refused(tmp_path):
    picture = EXAMPLES / "real-astronaut.jpg"
    done = facetell("explain", picture, "--out", tmp_path / "out", "--run", tmp_path / "no run")
    assert (done.code, "holds no run" in done.err) == (2, True)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.yaml").write_text("samples: 64\n")
    done = facetell("explain", picture, "--out", tmp_path / "out", "--run", tmp_path / "begun")
    assert (done.code, "has no model yet" in done.err) == (2, True)
