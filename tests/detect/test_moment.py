"""One moment of a clip, looked at again."""

import numpy as np
import pytest

from facetell.detect.analyze import Detector, judge_moment
from facetell.errors import MediaError


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


def test_a_moment_is_judged_as_it_was_in_the_whole_clip(clip, detector):
    told = detector.analyze(clip).clip.tracks[0].faces[0]
    picture, faces = judge_moment(clip, told.time_s, detector)
    assert picture.size_wh == (256, 256)
    assert faces[0].p_fake == pytest.approx(told.p_fake, abs=1e-6)
    np.testing.assert_allclose(faces[0].evidence, told.evidence, atol=1e-3)


def test_behind_the_end_there_is_no_moment(clip, detector):
    with pytest.raises(MediaError, match="no frame at 60 s"):
        judge_moment(clip, 60.0, detector)


def test_a_picture_has_no_moments(small_portrait, detector):
    with pytest.raises(MediaError):
        judge_moment(small_portrait, 0.0, detector)
