"""Every view as a person finds it: empty, filled, and with something broken in it."""

import shutil

import pytest
from PIL import Image

from facetell.errors import ModelError
from tests.broken_inputs.make import photo, saved
from tests.lab_data import write_lab_data

VIEWS = ("models", "image", "video", "data", "robustness")
BEACON = "![x](&#47;&#47;evil.example&#47;p.png)"
"""A name of a file that Markdown takes for a picture."""


def said(view) -> str:
    """All the words of a view."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "success",
    )
    return "\n".join(str(element.value) for kind in kinds for element in getattr(view, kind))


def give(view, path):
    """Upload a file."""
    view.file_uploader[0].set_value((path.name, path.read_bytes(), "application/octet-stream"))
    return view.run()


def charts(view) -> int:
    return len(view.get("plotly_chart"))


@pytest.mark.parametrize("name", VIEWS)
def test_an_empty_view_says_what_to_do(name, opened):
    view = opened(name)
    assert not view.exception
    assert not view.error
    assert view.info


def test_all_runs_and_models_are_compared_and_drawn(lab, opened):
    view = opened("models", lab)
    assert not view.exception
    table = view.dataframe[0].value
    assert list(table["model"]) == ["good", "poor"]
    assert list(table["AUC"]) == sorted(table["AUC"], reverse=True)
    assert {"accuracy", "precision", "recall", "F1", "EER", "TPR at 1 % FPR", "ECE", "MB"} < set(
        table
    )
    assert "80 pictures" in said(view)
    # ROC, precision-recall, bars, two matrices, reliability, two heat maps, loss, AUC over steps
    assert charts(view) >= 10
    assert set(view.dataframe[-1].value["state"]) == {"finished", "unfinished"}


def test_an_auc_of_few_pictures_has_its_interval_and_may_be_chance(lab, opened):
    for name in ("good", "poor"):
        path = lab / name / "val-clean.csv"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:7]))
    table = opened("models", lab).dataframe[0].value
    assert list(table.columns)[:3] == ["model", "AUC", "AUC, 95 %"]
    assert all(said.endswith("to 1.000, may be chance") for said in table["AUC, 95 %"])


def test_what_is_broken_is_told_and_does_not_stop_the_page(lab, opened):
    warnings = "\n".join(warning.value for warning in opened("models", lab).warning)
    assert "**broken** (run)" in warnings
    assert "**foreign.onnx** (model file)" in warnings
    assert "damaged or no ONNX model" in warnings


def test_the_name_of_a_run_fetches_no_picture(lab, opened, tmp_path, monkeypatch):
    import streamlit

    (lab / "poor").rename(lab / BEACON)
    told, progress = [], streamlit.progress
    monkeypatch.setattr(
        streamlit, "progress", lambda *said: told.append(said[1]) or progress(*said)
    )
    view = opened("models", lab)
    assert rf"!\{BEACON[1:]} and good" in said(view)
    assert "![" not in said(view)
    data = write_lab_data(tmp_path / BEACON / "test", count=8).parent
    view.text_input[0].set_value(str(data))
    view.multiselect[0].set_value([BEACON]).run()
    view.button[0].click().run()
    assert not view.exception
    assert [words.partition("x]")[0] for words in told] == [r"Measuring !\["]


def test_no_name_fetches_a_picture_beside_a_verdict(lab, opened, small_portrait):
    shutil.copy(lab / "good" / "model.onnx", lab / f"{BEACON}.onnx")
    view = opened("image", lab)
    view.multiselect[0].set_value([view.multiselect[0].options[0], BEACON])
    give(view, small_portrait)
    assert r"!\[x]" in view.subheader[1].value
    assert said(view).count(r"!\[x]") == 2  # above the verdict, and above the reasons for it
    assert "![" not in said(view)


def test_label_folders_and_lists_beside_them_are_offered(opened, tmp_path, monkeypatch):
    faces = write_lab_data(tmp_path / "faces", count=8)
    (tmp_path / "faces.csv").write_text("path,label\nfaces/real/1.jpg,real\n")
    monkeypatch.chdir(tmp_path)
    assert opened("data", faces).selectbox[0].options == [str(faces), "faces.csv"]


def test_the_name_of_a_folder_of_data_fetches_no_picture(opened, tmp_path):
    data = write_lab_data(tmp_path / BEACON, count=8)
    view = opened("data")
    view.text_input[0].set_value(str(data)).run()
    assert r"!\[x]" in said(view)
    assert "![" not in said(view)


def test_tables_of_different_pictures_are_not_compared(lab, opened):
    text = (lab / "poor" / "val-clean.csv").read_text()
    (lab / "poor" / "val-clean.csv").write_text(text.replace(".jpg", ".png"))
    view = opened("models", lab)
    assert not view.exception
    assert "no real and fake samples in common" in view.error[0].value


def test_the_table_is_filtered_by_the_least_auc(lab, opened):
    view = opened("models", lab)
    best, worst = view.dataframe[0].value["AUC"]
    view.slider[0].set_value(round((best + worst) / 2, 2)).run()
    assert list(view.dataframe[0].value["model"]) == ["good"]


def test_the_speed_is_measured_when_it_is_asked_for(lab, opened):
    view = opened("models", lab)
    view.toggle[0].set_value(True).run()
    assert (view.dataframe[0].value["crops a second"] > 0).all()


def test_models_are_measured_on_labelled_pictures(lab, opened, tmp_path):
    data = write_lab_data(tmp_path / "data" / "test", count=8).parent
    view = opened("models", lab)
    view.text_input[0].set_value(str(data))
    view.multiselect[0].set_value(view.multiselect[0].options[1:3])
    view.run()
    view.button[0].click().run()
    assert not view.exception
    assert not view.error
    assert view.selectbox[3].value == "data test, tier web"
    assert set(view.dataframe[0].value["model"]) == {"good", "poor"}


def test_data_without_the_split_are_told_with_a_remedy(lab, opened, tmp_path):
    view = opened("models", lab)
    view.text_input[0].set_value(str(tmp_path / "nowhere"))
    view.run()
    view.button[0].click().run()
    assert "nowhere" in view.error[0].value


def test_the_card_of_the_model_inside_is_shown(opened):
    assert "What it is for" in said(opened("models"))


def test_several_models_judge_a_picture_side_by_side(lab, opened, small_portrait):
    view = opened("image", lab)
    models = view.multiselect[0]
    models.set_value(models.options[:2])
    give(view, small_portrait)
    assert not view.exception
    assert [metric.label for metric in view.metric] == ["p_fake", "p_fake"]
    assert [button.label for button in view.get("download_button")] == [
        "Report (HTML)",
        "Report (JSON)",
    ] * 2
    assert charts(view) == 5  # two scales, spectrum, by frequency, DCT
    assert "Grad-CAM++ needs" in said(view)


def test_a_moving_picture_is_sent_to_the_view_of_clips(opened, small_portrait, tmp_path):
    with Image.open(small_portrait) as picture:
        frames = [picture.rotate(turn) for turn in range(-4, 5)]
    frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:], duration=200)
    view = give(opened("image"), tmp_path / "m.gif")
    assert not view.exception
    assert "the view Video" in said(view)


def test_a_picture_comes_from_the_camera_as_well(opened, small_portrait):
    view = opened("image")
    view.segmented_control[0].set_value("the camera").run()
    view.camera_input[0].set_value(("shot.jpg", small_portrait.read_bytes(), "image/jpeg")).run()
    assert not view.exception
    assert view.metric[0].label == "p_fake"


@pytest.mark.parametrize("view", ["image", "robustness"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", saved(photo(), "PNG")[:90]],
    ids=["empty", "text", "cut off"],
)
def test_a_file_that_is_no_picture_has_a_reason_and_no_score(view, content, opened, tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    shown = give(opened(view), path)
    assert not shown.exception
    assert shown.error
    assert not shown.metric


def test_a_picture_without_a_face_has_no_score(opened, landscape):
    view = give(opened("image"), landscape)
    assert "no face found" in said(view)
    assert not view.metric


def test_a_clip_is_shown_over_time_and_moment_by_moment(lab, opened, clip):
    view = give(opened("video", lab), clip)
    assert not view.exception
    assert not view.error
    assert charts(view) == 2  # the scale and the time line of one face
    view.slider[0].set_value(1.0).run()
    assert not view.exception
    assert not view.error
    assert view.get("download_button")[0].label == "Report (HTML)"


def test_a_clip_that_cannot_be_read_says_why(opened, tmp_path, clip):
    path = tmp_path / "half.mp4"
    path.write_bytes(clip.read_bytes()[:200])
    view = give(opened("video"), path)
    assert not view.exception
    assert "cannot be judged" in said(view)


@pytest.mark.parametrize("view", ["image", "video"])
def test_a_model_that_cannot_be_used_is_told_with_a_remedy(view, opened, tmp_path, monkeypatch):
    def refuse(*args):
        raise ModelError("the file is gone", hint="reinstall facetell")

    monkeypatch.setattr("facetell.dashboard.cached.report", refuse)
    path = tmp_path / "moving.gif"
    path.write_bytes(b"a clip")
    view = give(opened(view), path)
    assert not view.exception
    assert "reinstall facetell" in view.error[0].value


def test_a_still_picture_is_sent_to_its_own_view(opened, small_portrait, tmp_path):
    with Image.open(small_portrait) as picture:
        picture.save(tmp_path / "still.gif")
    view = give(opened("video"), tmp_path / "still.gif")
    assert not view.exception
    assert "the view Image" in said(view)


def test_an_audit_shows_balance_leaks_and_contact_sheets(opened, tmp_path):
    data = write_lab_data(tmp_path / "data", count=60)
    view = opened("data")
    view.text_input[0].set_value(str(data)).run()
    assert not view.exception
    assert view.metric[0].value == "60"
    assert charts(view) == 2
    assert "**real**, real, 30 pictures: 30 train" in said(view)


def test_data_that_are_none_are_told_with_a_remedy(opened, tmp_path):
    view = opened("data")
    for path in (str(tmp_path / "nowhere"), "~nowhereman/data", "x" * 300):
        view.text_input[0].set_value(path).run()
        assert not view.exception
        assert path in view.error[0].value


def test_a_folder_that_is_gone_stops_no_view(lab, opened, tmp_path):
    assert not opened("models", lab, tmp_path / "gone").exception


def test_a_manifest_in_the_folders_is_offered(opened, tmp_path):
    manifest = tmp_path / "faces" / "manifest.csv"
    manifest.parent.mkdir()
    manifest.write_text("path,label\n")
    assert opened("data", tmp_path).selectbox[0].options == [str(manifest)]


def test_the_score_moves_with_the_sliders(opened, small_portrait):
    view = give(opened("robustness"), small_portrait)
    before = view.metric[0].value
    view.select_slider(key="noise").set_value(30).run()
    assert not view.exception
    assert view.metric[0].value != before
    assert charts(view) == 2  # the scale and the curve


def test_runs_of_one_name_in_two_folders_are_both_listed(lab, opened, tmp_path):
    shutil.copytree(lab / "good", tmp_path / "elsewhere" / "good")
    view = opened("models", lab, tmp_path / "elsewhere", lab / "good")
    assert not view.exception
    listed = view.dataframe[-1].value["run"]
    assert sorted(listed) == ["good", "good~2", "poor", "young"]
    assert sorted(view.dataframe[0].value["model"]) == ["good", "good~2", "poor"]
