"""`facetell models` and `facetell doctor`."""

import json
import re
import shutil
import tomllib
from itertools import chain

import yaml

from facetell._version import __version__
from facetell.cli import doctor
from facetell.cli.models import MOST_TOLD, telling
from facetell.detect.card import ModelCard
from facetell.detect.faces import SmallFinder
from facetell.detect.model import Model
from facetell.detect.session import DEFAULT_MODEL, FINDER_FILE
from facetell.errors import ModelError
from facetell.evaluate.score import Score, write_scores
from tests.cli.command import facetell
from tests.shared import EXAMPLES, ROOT


def test_models_shows_the_card_of_the_model_inside():
    done = facetell("models")
    card = Model.load(DEFAULT_MODEL).card
    assert done.code == 0
    assert card.name in done.out
    assert f"{card.thresholds.fake_from:.3f}" in done.out
    words = " ".join(done.out.split())
    assert f"{sum(card.trained_on.values()):,} pictures of {len(card.trained_on)} sources" in words
    assert words.index("verdicts") < words.index("limits") < words.index("Measured on val")
    assert len(done.out.splitlines()) < 80
    everything = " ".join(facetell("models", "--all").out.split())
    assert card.licence.split()[0] in everything
    assert all(f"{row.auc:.3f} [{row.low:.3f}, {row.high:.3f}]" in everything
               for row in card.metrics)  # fmt: skip
    assert all(f"{row.balanced_accuracy:.3f}" in everything for row in card.robustness)


def test_the_numbers_told_first_are_of_all_fakes_and_of_the_kinds_told_worst():
    rows = [row for row in Model.load(DEFAULT_MODEL).card.metrics if row.fakes]
    told = telling(rows)
    assert len(told) == MOST_TOLD
    assert [row.tier for row in told[:3]] == ["clean", "web", "hard"]
    worst = min(row.auc for row in rows if row.tier == "web")
    assert told[3].auc == worst


def test_models_prints_the_whole_card_as_json(tiny_model):
    done = facetell("models", tiny_model, "--json")
    assert ModelCard.model_validate_json(done.out) == Model.load(tiny_model).card
    assert json.loads(done.out)["name"] == "tiny"


def test_models_writes_the_card_as_a_document(tiny_model, tmp_path):
    path = tmp_path / "card.md"
    assert facetell("models", "--markdown", path).code == 0
    text, card = path.read_text("utf-8"), Model.load(DEFAULT_MODEL).card
    for row in card.metrics:
        assert f"{row.auc:.3f} [{row.low:.3f}, {row.high:.3f}]" in text
    assert all(f"| {name} | {count} |" in text for name, count in card.trained_on.items())
    assert all(f"- {limit}" in text for limit in card.limits)
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0]) == card.recipe
    assert facetell("models", tiny_model, "--markdown", path).code == 0
    assert "Not measured." in path.read_text("utf-8")


def test_the_document_shows_pictures_and_names_the_surest_answers(tiny_model, tmp_path):
    shutil.copy(EXAMPLES / "real-astronaut.jpg", tmp_path)
    rows = [
        Score(f"{name}.jpg", label, "val", "s", generator, "", "web", "ok", odds, 0.5, verdict, 90)
        for name, label, generator, odds, verdict in (
            ("caught", 1, "gan", 3.0, "fake"),
            ("caught-surely", 1, "gan", 5.0, "fake"),
            ("other-kind", 1, "flux", 2.0, "fake"),
            ("missed", 1, "gan", -4.0, "real"),
            ("wronged", 0, "", 4.0, "fake"),
            ("left-open", 0, "", 0.0, "uncertain"),
        )
    ]
    write_scores(rows, tmp_path / "scores.csv")
    path = tmp_path / "card.md"
    command = ["models", tiny_model, "--markdown", path, "--examples", tmp_path]
    assert facetell(*command, "--scores", tmp_path / "scores.csv").code == 0
    text = path.read_text("utf-8")
    assert '<img src="real-astronaut.jpg"' in text
    assert "Of val, tier web" in text
    found = [part.partition(":")[0] for part in text.split("\n\n")]
    assert found.index("Fakes called fake") < found.index("Real photos called fake")
    assert "Fakes called fake: 3 of 4." in text
    assert text.index("caught-surely.jpg") < text.index("other-kind.jpg") < text.index("missed.jpg")
    assert "| caught.jpg" not in text  # a surer one of its kind stands for it
    assert "Real photos called fake: 1 of 2." in text
    assert "left-open.jpg" not in text


def test_models_lists_what_can_be_trained(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = facetell("models", "--architectures")
    assert done.code == 0
    for name in ("efficientnet_lite0", "baseline_cnn", "hybrid", "resnet50"):
        assert name in done.out
    assert "23.5" in done.out  # millions of parameters in a ResNet-50 without its classifier


def test_models_shows_the_face_finder_too():
    done = facetell("models")
    card = SmallFinder().card
    assert card.name in done.out
    assert str(card.min_score) in done.out
    assert "CenterFace" in facetell("models", "--all").out


def test_a_finder_does_not_judge():
    done = facetell("models", FINDER_FILE)
    assert done.code == 3
    assert "no detector" in done.err


def test_doctor_finds_detect_working():
    done = facetell("doctor")
    assert done.code == 0
    assert "onnxruntime" in done.out
    assert "works" in done.out


def test_doctor_knows_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *chain(*(extras[name] for name in extras if name != "dev"))]
    names = {re.split(r"[\[><=;]", requirement)[0] for requirement in asked}
    assert names - {need.distribution for need in doctor.NEEDS} == set()


def test_doctor_names_the_remedy_for_what_is_missing(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    absent = doctor.Need("no-such-package", "detect", "pip install 'it[train]'")
    monkeypatch.setattr(doctor, "NEEDS", (absent,))
    done = facetell("doctor")
    assert "missing" in done.out
    assert "pip install 'it[train]'" in done.out


def test_doctor_tells_when_the_model_cannot_be_opened(monkeypatch):
    def refuse(*args, **options):
        raise ModelError("the file is gone", hint="reinstall facetell")

    monkeypatch.setattr(Model, "load", refuse)
    done = facetell("doctor")
    assert done.code == 3
    assert "reinstall facetell" in done.out


def test_the_version_is_printed():
    assert facetell("--version").out == f"facetell {__version__}\n"
