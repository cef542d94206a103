"""`facetell data …`: folders in, a manifest or an audit out."""

import json
import shutil
from collections import defaultdict

import numpy as np
from PIL import Image

from facetell.data.manifest import read_manifest
from tests.cli.command import facetell, facetell_process
from tests.clips import counting, number_in, write_clip
from tests.shared import noise_image


def test_folders_become_a_manifest_that_keeps_copies_together(tmp_path):
    for label, start in (("Real", 0), ("Fake", 100)):
        (tmp_path / label).mkdir()
        for number in range(30):
            image = Image.fromarray(noise_image(64, 64, start + number))
            image.save(tmp_path / label / f"{number:02}.png")
            if number < 10:
                image.resize((48, 48)).save(tmp_path / label / f"{number:02}-copy.jpg")
    out = tmp_path / "manifest.csv"
    done = facetell("data", "split", tmp_path, "--out", out, "--shares", 60, 20, 20)
    assert done.code == 0
    assert "folders by label" in done.out
    splits = defaultdict(set)
    for sample in read_manifest(out):
        splits[sample.label, sample.path.stem[:2]].add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "val", "test"}
    again = tmp_path / "again.csv"
    facetell("data", "split", tmp_path, "--out", again, "--shares", 60, 20, 20)
    assert again.read_text() == out.read_text()


def test_what_cannot_be_told_apart_is_refused_with_the_accepted_layouts(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    done = facetell("data", "split", tmp_path, "--out", tmp_path / "manifest.csv")
    assert done.code == 2
    assert "data/Train/Real" in done.err
    assert not (tmp_path / "manifest.csv").exists()


def test_a_manifest_that_cannot_be_written_is_one_line(tmp_path):
    for label in ("real", "fake"):
        (tmp_path / label).mkdir()
        for number in range(5):
            Image.fromarray(noise_image(8, 8, number)).save(tmp_path / label / f"{number}.png")
    done = facetell(
        *("data", "split", tmp_path, "--out", tmp_path / "real", "--no-near-duplicates"),
        *("--shares", 60, 20, 20),
    )
    assert done.code == 2
    assert "cannot be written" in done.err
    assert "Traceback" not in done.err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "real").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "real" / "a.png")
    (tmp_path / "fake").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "fake" / "b.png")
    done = facetell_process("data", "crops", tmp_path, "--out", tmp_path / "file")
    assert done.code == 2
    assert f"{tmp_path / 'file'}: File exists" in done.err
    assert "Traceback" not in done.err


def test_an_audit_says_what_is_serious_by_its_exit_code(tmp_path):
    for label in ("real", "fake"):
        (tmp_path / label).mkdir()
        for number in range(24):
            image = Image.fromarray(noise_image(48, 48, number + 100 * (label == "fake")))
            image.save(tmp_path / label / f"{number:02}.jpg", quality=90)
    out = tmp_path / "audit"
    done = facetell("data", "audit", tmp_path, "--out", out)
    assert (done.code, "SERIOUS" in done.out) == (0, False)
    found = json.loads((out / "audit.json").read_text())
    assert (found["pictures"], found["serious"], found["findings"]) == (48, False, [])
    assert "No serious finding" in (out / "audit.html").read_text("utf-8")

    shutil.copy(tmp_path / "real" / "00.jpg", tmp_path / "fake" / "copy.jpg")
    done = facetell("data", "audit", tmp_path, "--out", out)
    assert done.code == 1
    assert "SERIOUS  exact duplicates across labels: 1" in done.out
    assert "copy.jpg" in done.out


def test_clips_become_frames_that_keep_label_and_group(tmp_path):
    (tmp_path / "fake").mkdir()
    write_clip(tmp_path / "fake" / "a.mp4", counting(30))
    write_clip(tmp_path / "fake" / "a.2.mp4", counting(30)[::-1])
    (tmp_path / "fake" / "b.mp4").write_bytes(b"no clip")
    Image.new("RGB", (8, 8)).save(tmp_path / "fake" / "c.png")
    listing = tmp_path / "clips.csv"
    rows = [
        f"fake/{name},fake,val,met,Wav2Lip,person"
        for name in ("a.mp4", "a.2.mp4", "b.mp4", "c.png", "a.mp4")
    ]
    listing.write_text("\n".join(["path,label,split,source,generator,group", *rows]))
    out = tmp_path / "frames"
    done = facetell("data", "frames", listing, "--per-clip", 3, "--out", out)
    assert done.code == 0
    frames = read_manifest(out / "manifest.csv")
    assert [number_in(np.asarray(Image.open(frame.path))) for frame in frames] == [
        *(5, 15, 25),
        *(24, 14, 4),
    ]
    assert {(f.label, f.split, f.source, f.generator, f.group) for f in frames} == {
        (1, "val", "met", "Wav2Lip", "person")
    }
    left_out = (out / "left_out.txt").read_text()
    assert "b.mp4: it is neither" in left_out
    assert "c.png: it is a picture, not a clip" in left_out
    assert "a.mp4: named in an earlier row" in left_out

    before = [frame.path.stat().st_mtime_ns for frame in frames]
    facetell("data", "frames", listing, "--per-clip", 3, "--out", out)
    again = read_manifest(out / "manifest.csv")
    assert (again, [f.path.stat().st_mtime_ns for f in again]) == (frames, before)
