import os
import shutil

import numpy as np
import pytest
from PIL import Image

from facetell.data.labels import LabelCache, build_labels, clip_frames, corrected
from facetell.data.manifest import Sample, capped, folder_samples, read_manifest
from facetell.data.teacher import CenterFace
from facetell.detect.media import read_picture
from facetell.errors import DataError, MediaError
from facetell.types import FoundFaces
from tests.shared import EXAMPLES, SHARED, needs_shared, noise_image


def sample(path, split="train"):
    return Sample(path, 0, split, "drawn", "", path.name)


def test_the_teacher_finds_the_face_of_a_portrait():
    found = CenterFace().find_faces(read_picture(EXAMPLES / "real-astronaut.jpg").image)
    assert len(found) == 1
    assert found.scores[0] > 0.8


def test_labels_keep_pictures_with_and_without_faces_and_go_on(tmp_path):
    Image.fromarray(noise_image(700, 900)).save(tmp_path / "nobody.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    samples = [sample(tmp_path / "nobody.png", "val"), sample(tmp_path / "broken.jpg")]
    added, left_out = build_labels(samples, tmp_path / "labels", processes=1)
    assert added == 1
    assert "broken.jpg" in left_out[0]

    more = [*samples, sample(EXAMPLES / "real-astronaut.jpg")]
    added, _ = build_labels(more, tmp_path / "labels", processes=1)
    assert added == 1
    cache = LabelCache(tmp_path / "labels")
    nobody, portrait = cache.pictures
    assert (nobody.split, len(nobody.faces)) == ("val", 0)
    assert max(cache.image(nobody).shape) == 512
    assert len(portrait.faces) == 1
    expected = CenterFace(longest_side_px=512, min_score=0.2).find_faces(cache.image(portrait))
    np.testing.assert_allclose(portrait.faces.landmarks, expected.landmarks, atol=0.01)


def test_a_picture_is_labelled_once_whatever_its_name(tmp_path):
    Image.fromarray(noise_image(64, 64)).save(tmp_path / "a#1.png")
    for added in (1, 0):
        assert build_labels([sample(tmp_path / "a#1.png")], tmp_path / "labels", processes=1) == (
            added,
            [],
        )


def test_no_labels_and_cut_ones_are_refused(tmp_path):
    with pytest.raises(DataError, match="no labels"):
        LabelCache(tmp_path)
    build_labels([sample(EXAMPLES / "real-astronaut.jpg")], tmp_path / "labels", processes=1)
    pixels = tmp_path / "labels" / "pixels.u8"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut short"):
        LabelCache(tmp_path / "labels")
    index = tmp_path / "labels" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"index\.jsonl has a line that was cut short"):
        LabelCache(tmp_path / "labels")


def test_pictures_where_the_teacher_errs_are_corrected():
    face = FoundFaces(np.zeros((1, 4), np.float32), np.full(1, 0.8, np.float32),
                      np.zeros((1, 5, 2), np.float32))  # fmt: skip
    assert len(corrected("some/n02085620_Chihuahua.JPEG", face)) == 0
    assert corrected("some/n04005630_prison.JPEG", face).scores[0] < 0.5
    assert corrected("some/portrait.jpg", face) is face


@needs_shared
def test_frames_are_spread_over_a_clip():
    clip = next(s for s in read_manifest(SHARED / "media" / "videos.csv") if s.split == "train")
    frames = list(clip_frames(clip.path, 4))
    assert 4 <= len(frames) <= 8
    assert frames[0].dtype == np.uint8
    assert frames[0].shape == frames[-1].shape
    assert (frames[0] != frames[-1]).any()


def test_a_broken_clip_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"no clip at all")
    with pytest.raises(MediaError, match="neither a picture nor a clip"):
        list(clip_frames(tmp_path / "clip.mp4", 4))


def test_a_folder_is_one_source_split_by_the_names_of_its_files(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.jpg").touch()
    samples = folder_samples(folder)
    splits = {s.path.name: s.split for s in samples}
    assert set(splits.values()) == {"train", "val", "test"}
    assert {s.source for s in samples} == {"scenes"}
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert {s.path.name: s.split for s in folder_samples(moved)} == splits
    assert len(capped(samples, 7)) == 7
    with pytest.raises(DataError, match="no files"):
        folder_samples(tmp_path / "nowhere")


def test_a_name_that_is_not_utf_8_is_refused_before_the_work(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"bad\xff.jpg")).touch()
    except OSError:
        pytest.skip("this file system does not take such a name")
    with pytest.raises(DataError, match="not UTF-8"):
        folder_samples(tmp_path)
