"""Every drawn file and every real hostile one is read, or refused in plain words."""

from pathlib import Path

import numpy as np
import pytest

from facetell import Detector
from facetell.detect.frames import wanted_frames
from facetell.detect.media import read_picture
from facetell.detect.reading import open_media
from facetell.errors import MediaError
from facetell.types import Picture, Sampling
from tests.broken_inputs.make import BROKEN, CLIPS, MARKED, ODD

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "media" / "hostile"
HOSTILE = sorted(SHARED.glob("*/*")) if SHARED.is_dir() else []
needs_hostile = pytest.mark.skipif(not HOSTILE, reason=f"the hostile files are not at {SHARED}")

REFUSED_VALID = {
    "1c9b03e6aa57.bmp": "bit fields of a layout that Pillow does not read",
    "351d35882467.bmp": "a JPEG inside a BMP, meant for printers",
    "7402abcfcaa4.bmp": "shortfile.bmp ends before its picture does",
    "8eb03a3c111c.png": "a text chunk that unpacks to a bomb",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_plain_line(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(BROKEN[name]())
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert_plain(caught.value, path)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_read(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(ODD[name]())
    assert_is_rgb(read_picture(path).image)


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_is_read_and_what_is_lost_of_it_is_told(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(CLIPS[name]())
    report = Detector.load().analyze(path)
    assert (report.kind, report.status, report.p_fake) == ("video", "no_face", None)
    assert report.clip.frames_judged >= 1
    told = " ".join(report.warnings)
    assert (MARKED[name] in told) if name in MARKED else not told


@needs_hostile
@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.name)
def test_a_real_hostile_file_is_read_or_refused_in_time(path):
    try:
        with open_media(path, timeout_s=20) as media:
            if isinstance(media, Picture):
                assert_is_rgb(media.image)
            else:
                for frame in wanted_frames(media, Sampling(fps=None)):
                    assert_is_rgb(frame.picture.image)
    except MediaError as error:
        assert_plain(error, path)


@needs_hostile
@pytest.mark.parametrize(
    "path",
    [path for path in HOSTILE if path.parent.name == "image_valid_odd"],
    ids=lambda path: path.name,
)
def test_a_real_odd_file_is_read_but_for_the_listed(path):
    if path.name in REFUSED_VALID:
        with pytest.raises(MediaError):
            read_picture(path)
    else:
        assert_is_rgb(read_picture(path).image)


def assert_is_rgb(image):
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert min(image.shape) >= 1


def assert_plain(error, path):
    assert "\n" not in str(error)
    assert path.name not in str(error)
    assert "Error" not in str(error)
    assert error.hint
