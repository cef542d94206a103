"""The files a run leaves: table, page, pictures; and what must never be overwritten by them."""

import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from facetell import Detector
from facetell.errors import MediaError
from tests.cli.command import csv_rows, facetell, rows


def test_the_table_has_one_row_per_file(examples_run):
    _, out = examples_run
    for table, report in zip(csv_rows(out / "r.csv"), rows(out / "r.jsonl"), strict=True):
        assert table["path"] == report["path"]
        assert (table["status"], table["verdict"]) == (report["status"], report["verdict"])
        assert float(table["p_fake"]) == pytest.approx(report["p_fake"], abs=1e-6)
        assert int(table["faces"]) == len(report["faces"])
        assert table["sha256"] == report["model"]["sha256"]


def test_the_table_leaves_the_score_of_a_failed_file_empty(tiny_model, tmp_path):
    facetell("detect", tmp_path / "missing", "--model", tiny_model, "--csv", tmp_path / "r.csv")
    (row,) = csv_rows(tmp_path / "r.csv")
    assert (row["status"], row["verdict"], row["p_fake"]) == ("error", "", "")
    assert row["reason"]


def test_the_page_is_one_self_contained_file(examples_run):
    _, out = examples_run
    page = (out / "r.html").read_text("utf-8")
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r"@import|url\(", page)


def test_the_page_names_files_verdicts_model_and_limits(examples_run):
    _, out = examples_run
    page = (out / "r.html").read_text("utf-8")
    for row in rows(out / "r.jsonl"):
        assert row["path"] in page
        assert f"p_fake {row['p_fake']:.3f}" in page
        assert row["model"]["sha256"] in page
        assert row["limits"]
        assert all(limit.replace("'", "&#39;") in page for limit in row["limits"])


def test_the_page_shows_each_face_with_its_evidence(examples_run):
    _, out = examples_run
    page = (out / "r.html").read_text("utf-8")
    faces = sum(len(row["faces"]) for row in rows(out / "r.jsonl"))
    assert page.count('alt="Evidence over the face"') == faces


def test_the_page_is_well_formed_where_files_failed(tiny_model, landscape, tmp_path):
    page = tmp_path / "r.html"
    facetell("detect", tmp_path / "missing", landscape, "--model", tiny_model, "--html", page)
    text = page.read_text("utf-8")
    assert text.count('<section class="file"') == text.count("</section>") == 2
    assert "no such file" in text
    assert text.rstrip().endswith("</html>")


def test_files_are_told_by_what_became_of_them(tiny_model, small_portrait, landscape, tmp_path):
    page = tmp_path / "r.html"
    files = (tmp_path / "missing", landscape, small_portrait)
    done = facetell("detect", *files, "--model", tiny_model, "--html", page)
    assert "3 files: 1 uncertain, 1 no_face, 1 error" in done.out
    head, *groups = page.read_text("utf-8").split("</header>")[1].split('<span id="')
    assert [group.split('"')[0] for group in groups] == ["uncertain", "no_face", "error"]
    assert [str(file) in group for file, group in zip(files[::-1], groups, strict=True)] == [
        True
    ] * 3
    assert head.count("<details open") == 1
    assert "<details>" in groups[1]  # what failed is folded
    assert re.findall(r'href="#(\w+)"', page.read_text("utf-8")) == [
        "uncertain",
        "no_face",
        "error",
    ]


def test_heatmaps_are_one_square_picture_per_face(examples_run):
    _, out = examples_run
    drawn = sorted((out / "heatmaps").iterdir())
    assert len(drawn) == sum(len(row["faces"]) for row in rows(out / "r.jsonl"))
    for path in drawn:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.width == image.height


def test_every_picture_with_a_face_is_drawn_with_its_boxes(examples_run):
    _, out = examples_run
    drawn = sorted((out / "boxes").iterdir())
    judged = rows(out / "r.jsonl")
    assert len(drawn) == sum(bool(row["faces"]) for row in judged)
    for path, row in zip(drawn, judged, strict=True):
        with Image.open(path) as image, Image.open(row["path"]) as original:
            assert image.size == original.size
            x0, y0, _, _ = (round(v) for v in row["faces"][0]["box_xyxy"])
            r, g, b = image.getpixel((x0, y0 + 20))
            assert (r, g, b) != original.convert("RGB").getpixel((x0, y0 + 20))


def test_drawn_pictures_in_the_folder_are_not_judged_again(portrait, tiny_model, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(portrait, folder)
    out = ("--boxes", folder, "--heatmaps", folder, "--json", tmp_path / "r.jsonl")
    for _ in range(2):
        assert facetell("detect", folder, "--model", tiny_model, *out).code == 0
        assert len(rows(tmp_path / "r.jsonl")) == 1
    assert len(list(folder.iterdir())) == 3


def test_the_folder_of_an_output_is_made(portrait, tiny_model, tmp_path):
    out = tmp_path / "new" / "folder" / "r.jsonl"
    assert facetell("detect", portrait, "--model", tiny_model, "--json", out).code == 0
    assert len(rows(out)) == 1


@pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
def test_a_folder_where_a_file_is_wanted_is_refused(portrait, tiny_model, tmp_path, option):
    done = facetell("detect", portrait, "--model", tiny_model, option, tmp_path)
    assert_refused(done, tmp_path)


@pytest.mark.parametrize("option", ["--heatmaps", "--boxes"])
def test_a_file_where_a_folder_is_wanted_is_refused(portrait, tiny_model, tmp_path, option):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    done = facetell("detect", portrait, "--model", tiny_model, option, taken)
    assert_refused(done, taken)
    assert taken.read_text() == "mine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into locked folders"
)
def test_a_locked_folder_is_refused(portrait, tiny_model, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = facetell("detect", portrait, "--model", tiny_model, "--json", locked / "r.jsonl")
    assert_refused(done, locked)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
def test_a_full_disk_is_told_in_plain_words(portrait, tiny_model, option):
    assert_refused(facetell("detect", portrait, "--model", tiny_model, option, "/dev/full"))


@pytest.mark.parametrize("option", ["--json", "--csv", "--html"])
def test_an_output_never_overwrites_a_picture_to_be_judged(portrait, tiny_model, option):
    before = portrait.read_bytes()
    done = facetell("detect", portrait, "--model", tiny_model, option, portrait)
    assert portrait.read_bytes() == before
    assert_refused(done, portrait)


@pytest.mark.parametrize("option", ["--json", "--csv", "--html", "--annotate"])
def test_an_output_overwrites_nothing_but_texts(portrait, tiny_model, tmp_path, option):
    """What is no picture by its first bytes may be a camera's raw one, or a rare kind of clip."""
    raw = tmp_path / "raw.mp4"
    raw.write_bytes(b"\0\0\0\x18ftypcrx " + bytes(range(256)))
    before = raw.read_bytes()
    done = facetell("detect", portrait, "--model", tiny_model, option, raw)
    assert raw.read_bytes() == before
    assert_refused(done, raw)


def test_an_output_overwrites_a_text(portrait, tiny_model, tmp_path):
    out = tmp_path / "r.csv"
    out.write_text("\N{LATIN SMALL LETTER U WITH DIAERESIS}ber" * 1000, "utf-8")
    assert facetell("detect", portrait, "--model", tiny_model, "--csv", out).code == 0
    assert len(csv_rows(out)) == 1


def test_two_outputs_into_one_file_are_refused(portrait, tiny_model, tmp_path):
    both = tmp_path / "both"
    done = facetell("detect", portrait, "--model", tiny_model, "--json", both, "--csv", both)
    assert_refused(done, both)


def test_outputs_inside_the_searched_folder_are_not_judged(portrait, tiny_model):
    folder = portrait.parent
    options = ("--model", tiny_model, "--json", folder / "r.jsonl", "--html", folder / "r.html")
    for _ in range(2):
        assert facetell("detect", folder, *options).code == 0
        assert [row["path"] for row in rows(folder / "r.jsonl")] == [str(portrait)]


def test_outputs_spelled_otherwise_than_the_folder_are_not_judged(
    portrait, tiny_model, monkeypatch
):
    folder = portrait.parent
    monkeypatch.chdir(folder)
    out = ("--json", "r.jsonl", "--csv", "out.csv", "--boxes", ".", "--heatmaps", "../pictures")
    for _ in range(2):
        done = facetell("detect", f"../{folder.name}", "--model", tiny_model, *out)
        assert (done.code, len(rows(folder / "r.jsonl"))) == (0, 1)


@pytest.fixture
def linked(tmp_path):
    """A folder, and a link to it."""
    (tmp_path / "real").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    return tmp_path / "real", tmp_path / "link"


@pytest.mark.parametrize("is_there", [True, False])
def test_two_outputs_into_one_file_by_a_link_are_refused(portrait, tiny_model, linked, is_there):
    out = [folder / "x.txt" for folder in linked]
    if is_there:
        out[0].write_text("of an earlier run")
    both = ("--csv", out[0], "--json", out[1])
    assert_refused(facetell("detect", portrait, "--model", tiny_model, *both), "x.txt")


def test_an_output_that_is_named_by_a_hard_link_is_not_judged(portrait, tiny_model, tmp_path):
    out = tmp_path / "r.csv"
    facetell("detect", portrait, "--model", tiny_model, "--csv", out)
    try:
        (portrait.parent / "r.csv").hardlink_to(out)
    except OSError:
        pytest.skip("links cannot be made here")
    done = facetell("detect", portrait.parent, "--model", tiny_model, "--csv", out)
    assert (done.code, len(csv_rows(out))) == (0, 1)


@pytest.mark.parametrize("count", [1, 3])
def test_the_printed_table_has_one_line_per_file(small_portrait, tiny_model, tmp_path, count):
    for number in range(count):
        shutil.copy(small_portrait, tmp_path / f"{number}.jpg")
    printed = facetell("detect", tmp_path, "--model", tiny_model).out.splitlines()
    assert len(printed) == count + 3  # a header, the limit of the claim, the counts
    assert printed[0].split() == ["verdict", "p_fake", "faces", "file"]


def test_an_uncertain_row_still_prints_the_warnings_of_the_file(portrait, tiny_model, tmp_path):
    """The tiny model is uncertain of everything, and says so; the second page must not vanish."""
    with Image.open(portrait) as face:
        face.save(tmp_path / "pages.tif", save_all=True, append_images=[face.rotate(180)])
    printed = facetell("detect", tmp_path / "pages.tif", "--model", tiny_model).out
    assert "uncertain" in printed
    assert "only the first frame" in printed


def assert_refused(done, path=None):
    assert done.code == 2
    assert done.err.startswith("facetell: ")
    assert len(done.err.strip().splitlines()) == 2  # the cause and the remedy
    if path:
        assert str(path) in done.err


@pytest.mark.parametrize(
    ("option", "name", "remedy"),
    [
        ("--boxes", "photo.jpg", "name a folder"),
        ("--heatmaps", "photo.jpg", "name a folder"),
        ("--annotate", "out.avi", ".mp4"),
    ],
)
def test_a_place_that_cannot_be_drawn_into_is_refused(option, name, remedy, tmp_path):
    (tmp_path / "photo.jpg").touch()
    done = facetell("detect", tmp_path / "photo.jpg", option, tmp_path / name)
    assert done.code == 2
    assert remedy in done.err
    assert not (tmp_path / "out.avi").exists()


def test_a_pattern_without_a_match_is_no_slip_of_spelling(tmp_path):
    done = facetell("detect", tmp_path / "*.png")
    assert done.code == 1
    assert "no file matches" in done.out
    assert "1 file: 1 error" in done.out


def test_a_face_that_is_not_there_has_no_heatmap(tmp_path):
    report = Detector.load().analyze(tmp_path / "gone.jpg")
    with pytest.raises(MediaError, match="no face 0"):
        report.heatmap()


def test_ctrl_c_is_told_of_by_every_command(monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    pytest.importorskip("yaml", reason="the training extra is not installed")
    monkeypatch.setattr("facetell.evaluate.runs.find_runs", interrupted)
    done = facetell("runs")
    assert (done.code, done.err) == (130, "facetell: interrupted; files already written are kept\n")
