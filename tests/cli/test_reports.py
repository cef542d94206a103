"""What one line of JSON says, and that every file gets one."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from facetell import Detector
from facetell.cli.main import app
from tests.broken_inputs.make import BROKEN, draw_all
from tests.cli.command import facetell, rows
from tests.cli.tiny_model import ALWAYS_FAKE, ALWAYS_REAL, tiny_card, write_tiny_model
from tests.shared import EXAMPLES

FIELDS = {
    *("schema_version", "path", "kind", "status", "reason", "verdict", "p_fake", "faces"),
    *("warnings", "model", "timings_ms"),
}
FACE_FIELDS = {"box_xyxy", "score", "p_fake", "verdict", "quality", "warnings"}
MODEL_FIELDS = {"name", "version", "sha256"}


def test_the_examples_are_all_judged(examples_run):
    outcome, out = examples_run
    assert (outcome.code, outcome.err) == (0, "")
    assert len(rows(out / "r.jsonl")) == len(list(EXAMPLES.glob("*.jpg")))


def test_rows_stand_in_input_order(examples_run):
    _, out = examples_run
    assert [row["path"] for row in rows(out / "r.jsonl")] == sorted(map(str, EXAMPLES.iterdir()))


def test_rows_follow_the_order_in_which_files_were_named(portrait, landscape, tiny_model, tmp_path):
    missing, out = tmp_path / "missing.jpg", tmp_path / "r.jsonl"
    named = [missing, portrait, landscape]
    facetell("detect", *named, "--json", out, "--model", tiny_model)
    assert [row["path"] for row in rows(out)] == [str(path) for path in named]


def test_every_row_has_the_promised_fields(examples_run):
    _, out = examples_run
    for row in rows(out / "r.jsonl"):
        assert row.keys() >= FIELDS
        assert row["model"].keys() >= MODEL_FIELDS
        assert len(row["model"]["sha256"]) == 64
        assert (row["kind"], row["status"]) == ("image", "ok")
        assert row["faces"]
        for face in row["faces"]:
            assert face.keys() >= FACE_FIELDS


def test_verdicts_follow_the_thresholds_of_the_model(examples_run):
    _, out = examples_run
    for row in rows(out / "r.jsonl"):
        low, high = row["model"]["real_below"], row["model"]["fake_from"]
        for said in (row, *row["faces"]):
            p = said["p_fake"]
            assert said["verdict"] == ("real" if p < low else "fake" if p >= high else "uncertain")


def test_an_uncertain_verdict_says_why(examples_run):
    _, out = examples_run
    for row in rows(out / "r.jsonl"):
        assert bool(row["reason"]) == (row["verdict"] == "uncertain")


def test_the_evidence_of_each_face_has_the_mean_of_its_log_odds(examples_run):
    _, out = examples_run
    for row in rows(out / "r.jsonl"):
        for face in row["faces"]:
            assert np.mean(face["evidence"]) == pytest.approx(face["log_odds"], abs=1e-3)
            sigmoid = 1 / (1 + np.exp(-face["log_odds"]))
            assert sigmoid == pytest.approx(face["p_fake"], abs=1e-5)


def test_boxes_lie_in_the_picture(examples_run, two_people, tmp_path):
    _, out = examples_run
    facetell("detect", two_people, "--json", tmp_path / "r.jsonl")
    for row in rows(out / "r.jsonl") + rows(tmp_path / "r.jsonl"):
        width, height = row["size_wh"]
        for face in row["faces"]:
            x0, y0, x1, y1 = face["box_xyxy"]
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height


def test_the_most_suspicious_face_speaks_for_the_file(two_people, tmp_path):
    facetell("detect", two_people, "--json", tmp_path / "r.jsonl")
    (row,) = rows(tmp_path / "r.jsonl")
    scores = [face["p_fake"] for face in row["faces"]]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert (row["p_fake"], row["verdict"]) == (scores[0], row["faces"][0]["verdict"])


@pytest.mark.parametrize(
    ("intercept", "verdict"), [(ALWAYS_REAL, "real"), (0.0, "uncertain"), (ALWAYS_FAKE, "fake")]
)
def test_a_verdict_is_not_a_failure(portrait, tmp_path, intercept, verdict):
    model = write_tiny_model(tmp_path / "m.onnx", json.dumps(tiny_card(intercept)))
    done = facetell("detect", portrait, "--model", model, "--json", tmp_path / "r.jsonl")
    assert done.code == 0
    assert rows(tmp_path / "r.jsonl")[0]["verdict"] == verdict
    assert verdict in done.out


def test_a_picture_without_a_face_has_no_score(landscape, tiny_model, tmp_path):
    done = facetell("detect", landscape, "--model", tiny_model, "--json", tmp_path / "r.jsonl")
    (row,) = rows(tmp_path / "r.jsonl")
    assert done.code == 0
    assert row["status"] == "no_face"
    assert row["reason"]
    assert_no_score(row)


def test_every_broken_input_gives_one_row_with_a_reason(tmp_path):
    (tmp_path / "in").mkdir()
    drawn = draw_all(tmp_path / "in")
    done = facetell("detect", tmp_path / "in", "--json", tmp_path / "r.jsonl")
    found = {row["path"]: row for row in rows(tmp_path / "r.jsonl")}
    assert done.code == 1
    assert len(rows(tmp_path / "r.jsonl")) == len(found) == len(drawn)
    for name, path in drawn.items():
        row = found[str(path)]
        assert row["status"] == ("error" if name in BROKEN else "no_face"), name
        assert row["reason"]
        assert_no_score(row)


def test_a_missing_file_and_an_empty_folder_are_rows_too(portrait, tiny_model, tmp_path):
    (tmp_path / "empty").mkdir()
    missing, out = tmp_path / "missing.jpg", tmp_path / "r.jsonl"
    named = (missing, tmp_path / "empty", portrait)
    done = facetell("detect", *named, "--model", tiny_model, "--json", out)
    assert done.code == 1
    assert [row["status"] for row in rows(out)] == ["error", "error", "ok"]
    assert [bool(row["reason"]) for row in rows(out)[:2]] == [True, True]


def test_an_empty_name_is_not_the_current_folder(tiny_model, tmp_path, portrait, monkeypatch):
    monkeypatch.chdir(portrait.parent)
    done = facetell("detect", "", "--model", tiny_model)
    assert done.code in (1, 2)
    assert "face.jpg" not in done.out


def test_a_file_named_twice_is_judged_once(portrait, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    facetell("detect", portrait, portrait.parent, portrait, "--model", tiny_model, "--json", out)
    assert len(rows(out)) == 1


def test_whole_takes_the_picture_as_one_face(landscape, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    done = facetell("detect", landscape, "--whole", "--model", tiny_model, "--json", out)
    (row,) = rows(out)
    assert (done.code, row["status"], len(row["faces"])) == (0, "ok", 1)
    assert row["faces"][0]["box_xyxy"] == [0, 0, *row["size_wh"]]


def test_the_number_of_threads_changes_no_score(two_people, portrait, tmp_path):
    scores = []
    for threads in (1, 3):
        out = tmp_path / f"{threads}.jsonl"
        facetell("detect", two_people, portrait, "--threads", threads, "--json", out)
        scores.append([face["p_fake"] for row in rows(out) for face in row["faces"]])
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_the_library_gives_the_same_report_as_the_command(examples_run):
    _, out = examples_run
    row = rows(out / "r.jsonl")[0]
    report = json.loads(Detector.load().analyze(row["path"]).model_dump_json())
    assert report.keys() == row.keys()
    assert report["faces"][0]["p_fake"] == pytest.approx(row["faces"][0]["p_fake"], abs=1e-5)
    for same in FIELDS - {"timings_ms", "faces", "p_fake"}:
        assert report[same] == row[same]


def test_a_report_draws_its_own_heatmap(examples_run):
    _, out = examples_run
    image = Detector.load().analyze(rows(out / "r.jsonl")[0]["path"]).heatmap()
    assert image.mode == "RGB"
    assert image.width == image.height


def test_the_time_spent_on_a_picture_without_a_face_is_told(landscape, tiny_model, tmp_path):
    out = tmp_path / "r.jsonl"
    facetell("detect", landscape, "--model", tiny_model, "--json", out)
    assert rows(out)[0]["timings_ms"]["total"] > 0


@pytest.mark.parametrize(
    "args",
    [
        ["detect"],
        ["detect", "x.jpg", "--threads", "0"],
        ["detect", "x.jpg", "--resume"],
        ["detect", "x.jpg", "--no-such-option"],
        ["no-such-command"],
    ],
    ids=" ".join,
)
def test_wrong_use_has_exit_code_2(args):
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_help_names_every_exit_code_of_detect():
    text = CliRunner().invoke(app, ["detect", "--help"]).output
    assert all(f"{code} " in text for code in (0, 1, 2, 3))


def assert_no_score(row):
    assert row["p_fake"] is None
    assert row["verdict"] is None
    assert row["faces"] == []
