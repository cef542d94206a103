import pytest

from facetell.errors import DataError
from facetell.evaluate.runs import RESULTS, Run, find_runs, read_run
from tests.lab_data import run_folder

plots = pytest.importorskip("facetell.evaluate.plots", reason="the training extra is not installed")


def test_the_stages_of_a_run_follow_each_other(tmp_path):
    head, rest = ["0,0.7,19,", "0,,19,0.6"], ["0,0.5,19,", "0,,19,0.9"]
    folder = run_folder(tmp_path / "a", {"1-head": [head], "2-all": [rest]})
    run = read_run(folder)
    assert [(p.stage, p.step, p.loss, p.val_auc) for p in run.history] == [
        ("head", 20, 0.7, None),
        ("head", 20, None, 0.6),
        ("all", 40, 0.5, None),
        ("all", 40, None, 0.9),
    ]
    assert (run.steps, run.best_auc, run.state) == (40, 0.9, "unfinished")
    (folder / "model.onnx").touch()
    assert read_run(folder).state == "finished"


def test_steps_that_were_done_twice_count_as_they_went_the_last_time(tmp_path):
    parts = [["0,0.9,19,", "0,0.8,39,"], ["0,0.7,39,", "0,0.6,59,"]]
    run = read_run(run_folder(tmp_path / "a", {"1-all": parts}))
    assert [(p.step, p.loss) for p in run.history] == [(20, 0.9), (40, 0.7), (60, 0.6)]


def test_a_line_that_is_being_written_breaks_no_run(tmp_path):
    for cut in ("0,0.", "0,0.65,", "0,0.65,12"):
        run = read_run(run_folder(tmp_path / cut, {"1-all": [["0,0.9,19,", cut]]}))
        assert [(p.step, p.loss) for p in run.history] == [(20, 0.9)]


@pytest.mark.parametrize("config", ["- a\n- list\n", "{", ""])
def test_a_broken_run_is_shown_as_broken_and_hides_no_other(tmp_path, config):
    run_folder(tmp_path / "whole")
    (run_folder(tmp_path / "broken") / "config.yaml").write_text(config)
    cut = run_folder(tmp_path / "cut", {"1-all": [["0,0.9,19,"]]})
    log = cut / "logs" / "1-all" / "part-1" / "metrics.csv"
    log.write_text("epoch,loss,step\n0,0.5,nineteen\n")
    states = {run.folder.name: run.state for run in find_runs(tmp_path)}
    assert states == {"broken": "broken", "cut": "broken", "whole": "unfinished"}
    with pytest.raises(DataError):
        read_run(tmp_path / "broken")


def test_a_folder_that_is_none_is_refused(tmp_path):
    assert find_runs(tmp_path) == []
    with pytest.raises(DataError, match="no folder"):
        find_runs(tmp_path / "gone")


@pytest.mark.parametrize("name", ["c.png", "c.svg"])
@pytest.mark.parametrize(
    "logs", [{}, {"1-head": [["0,0.7,19,"]], "2-all": [["0,0.5,19,", "0,,19,0.9"]]}]
)
def test_curves_are_drawn_of_any_run(tmp_path, name, logs):
    run = read_run(run_folder(tmp_path / "a", logs))
    assert isinstance(run, Run)
    plots.plot_curves(run, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 5000


@pytest.mark.parametrize("result", RESULTS)
def test_a_run_of_any_kind_is_finished_with_its_result(tmp_path, result):
    (tmp_path / "config.yaml").write_text("samples: 1\n")
    assert not read_run(tmp_path).finished
    (tmp_path / result).touch()
    assert read_run(tmp_path).finished
