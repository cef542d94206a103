import dataclasses
import json

import pytest

pytest.importorskip("matplotlib", reason="the training extra is not installed")

from facetell.data.manifest import Sample
from facetell.errors import DataError
from facetell.evaluate.generalisation import ALL, matrix, plan
from facetell.evaluate.report import write_matrix
from facetell.evaluate.score import unjudged
from facetell.types import Status


def sample(number, label, source, generator="", split="train"):
    return Sample(f"{split}{number}.png", label, split, source, generator, str(number))


def pictures(**kinds):
    """So many fakes of each generator in train and a tenth of it in test; 20 reals in each."""
    made = [sample(f"r{n}", 0, "photos", split=s) for n in range(20) for s in ("train", "test")]
    for kind, count in kinds.items():
        made += [sample(f"{kind}{n}", 1, f"of {kind}", kind) for n in range(count)]
        made += [sample(f"{kind}{n}", 1, f"of {kind}", kind, "test") for n in range(count // 10)]
    return made


SAMPLES = pictures(gan=40, flow=30, rare=5)


def learnt(chosen, row):
    keep = chosen.learns(row)
    return {s.generator or "real" for s in SAMPLES if s.split == "train" and keep(s)}


def test_leaving_out_takes_all_fakes_but_one_kind():
    chosen = plan(SAMPLES, "generator", "without", 20)
    assert chosen.kinds == ("flow", "gan")
    assert list(chosen.rows) == [ALL, "without flow", "without gan"]
    assert learnt(chosen, ALL) == {"real", "gan", "flow", "rare"}
    assert learnt(chosen, "without gan") == {"real", "flow", "rare"}
    assert chosen.rows["without gan"] == {"flow"}


def test_training_on_one_kind_takes_no_other_fakes():
    chosen = plan(SAMPLES, "source", "only", 20)
    assert chosen.kinds == ("of flow", "of gan")
    assert learnt(chosen, "only of gan") == {"real", "gan"}


def test_too_few_kinds_are_refused_with_what_there_is():
    with pytest.raises(DataError, match="fewer than two generators") as refused:
        plan(SAMPLES, "generator", "without", 35)
    assert "40 fakes of gan" in refused.value.hint
    unnamed = [dataclasses.replace(one, generator="") for one in SAMPLES]
    with pytest.raises(DataError) as refused:
        plan(unnamed, "generator", "without", 35)
    assert refused.value.hint.startswith("75 fakes name no generator; lower --least")


def scores(**log_odds):
    """The test pictures, judged so by their generator ("real" for the reals)."""
    rows = []
    for number, one in enumerate(s for s in SAMPLES if s.split == "test"):
        value = log_odds[one.generator or "real"] + number / 1000
        rows.append(
            dataclasses.replace(unjudged(one, "web"), status=Status.OK, log_odds=value, p_fake=0.5)
        )
    return rows


@pytest.fixture
def found():
    chosen = plan(SAMPLES, "generator", "without", 20)
    good, blind = (scores(real=-2, gan=1, flow=2, rare=0), scores(real=0, gan=1, flow=-5, rare=0))
    return matrix(chosen, {ALL: good, "without flow": blind, "without gan": good})


def test_the_matrix_says_how_each_training_tells_each_kind(found):
    assert found.cells[ALL]["gan"].value == 1
    assert found.cells["without flow"]["flow"].value == 0
    assert found.cells["without flow"]["gan"].value == 1
    assert found.unseen == {"flow": 0, "gan": 1}
    assert found.reals == {"gan": "reals of sources without fakes"} | {
        "flow": "reals of sources without fakes"
    }


def test_a_kind_is_set_against_the_reals_of_its_own_source():
    rows = scores(real=0, gan=1, flow=1, rare=0)
    own = dataclasses.replace(rows[0], source="of gan", label=0, log_odds=9.0, group="own")
    chosen = plan(SAMPLES, "generator", "without", 20)
    found = matrix(chosen, {ALL: [*rows, own]})
    assert found.reals["gan"] == "reals of its own source"
    assert found.cells[ALL]["gan"].value == 0
    assert found.cells[ALL]["flow"].value == 1


def test_the_report_names_the_worst_and_frames_the_unseen(found, tmp_path):
    write_matrix(found, "web", tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "worst <strong>flow 0.000</strong>" in page
    assert page.count("data:image/png;base64,") == 1
    written = json.loads((tmp_path / "matrix.json").read_text())
    assert written["auc"]["without flow"]["flow"]["value"] == 0
    assert written["learnt"]["without gan"] == ["flow"]
    assert (tmp_path / "matrix.svg").exists()
