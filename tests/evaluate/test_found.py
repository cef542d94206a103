"""What lies in folders, whole and broken."""

import shutil
from dataclasses import replace

import pytest

pytest.importorskip("sklearn", reason="neither the dashboard nor the training extra is installed")

from facetell.detect.session import DEFAULT_MODEL
from facetell.evaluate.found import file_of, find_models, find_scores
from facetell.evaluate.score import write_scores
from tests.evaluate.test_compare import scored


@pytest.fixture
def lab(tmp_path, tiny_model):
    """The run "a" in two places, and an evaluation of it."""
    for run in ("one/a", "two/a"):
        (tmp_path / run).mkdir(parents=True)
        shutil.copy(tiny_model, tmp_path / run / "model.onnx")
    (tmp_path / "eval" / "b" / "web").mkdir(parents=True)
    shutil.copy(tiny_model, tmp_path / "b.onnx")
    write_scores(scored(1, 1.0, count=4), tmp_path / "one" / "a" / "val-clean.csv")
    write_scores(scored(2, 1.0, count=4), tmp_path / "eval" / "b" / "web" / "scores.csv")
    return tmp_path


def test_the_model_inside_comes_first_and_names_are_unique(lab):
    found = find_models([lab])
    assert found[0].path == DEFAULT_MODEL
    assert [model.name for model in found] == ["default", "b", "a", "a~2"]
    assert all(model.card and not model.problem for model in found)


def test_a_folder_inside_another_adds_nothing(lab):
    assert find_models([lab, lab / "one"]) == find_models([lab])


def test_a_file_that_is_no_model_says_why(lab):
    (lab / "b.onnx").write_bytes(b"nothing")
    (broken,) = (model for model in find_models([lab]) if model.problem)
    assert broken.path.name == "b.onnx"
    assert "damaged" in broken.problem


def test_scores_of_runs_and_of_evaluations_are_found(lab):
    found = {table.model: table for table in find_scores([lab])}
    assert set(found) == {"a", "b"}
    assert found["a"].measured_on == "test, tier clean"
    assert found["b"].scores == tuple(scored(2, 1.0, count=4))


@pytest.mark.parametrize("text", ["", "path,label\na.jpg,0\n"], ids=["empty", "other columns"])
def test_a_table_that_holds_no_scores_says_why(lab, text):
    path = lab / "eval" / "b" / "web" / "scores.csv"
    path.write_text(text)
    (broken,) = (table for table in find_scores([lab]) if table.problem)
    assert (broken.path, broken.scores) == (path, ())


def test_scores_belong_to_the_model_beside_them_or_the_only_one_so_called(lab):
    models = find_models([lab])
    run, evaluation = sorted(find_scores([lab]), key=lambda table: table.model)
    assert file_of(run, models).path == lab / "one" / "a" / "model.onnx"
    assert file_of(evaluation, models).path == lab / "b.onnx"
    shutil.move(run.path, lab / "eval" / "val-clean.csv")
    (lost,) = (table for table in find_scores([lab]) if table.path.name == "val-clean.csv")
    assert file_of(lost, models) is None


def test_scores_measured_just_now_belong_to_the_file_they_name(lab):
    other = shutil.copy(lab / "b.onnx", lab / "one" / "a" / "other.onnx")
    measured = replace(find_scores([lab])[0], path=other, model="other")
    assert file_of(measured, find_models([lab])).path == other


def test_a_link_to_nothing_is_listed_as_broken(lab):
    (lab / "gone.onnx").symlink_to(lab / "nowhere.onnx")
    (broken,) = (model for model in find_models([lab]) if model.problem)
    assert broken.path.name == "gone.onnx"
