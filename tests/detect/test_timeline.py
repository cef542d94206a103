"""The curve of a track over time."""

import numpy as np
import pytest

from facetell.detect.report import ClipReport, TimelineSample
from facetell.detect.timeline import Span, curves, height, marks_at
from facetell.types import Sampling
from tests.detect.test_aggregate import GOOD, track


def seen_at(times):
    """A track whose face is seen at these times."""
    samples = [TimelineSample(float(t), (0, 0, 9, 9), 0.5, GOOD, used=True) for t in times]
    return track([0.0] * 4).model_copy(update={"timeline": samples})


@pytest.mark.parametrize("minutes", [1, 9, 60, 300])
def test_a_clip_of_any_length_is_one_line_where_the_face_never_leaves(minutes):
    (line,) = curves(seen_at(np.arange(0, 60 * minutes, 0.25)), Span(0.0, 60.0 * minutes), 1.0)
    assert len(line) > 200
    assert (line[0][0], line[-1][0]) == pytest.approx((0, 1), abs=0.01)


def test_where_the_face_was_away_the_line_is_interrupted():
    here = [*np.arange(0, 1000, 0.25), *np.arange(1100, 2000, 0.25)]
    lines = curves(seen_at(here), Span(0.0, 2000.0), 1.0)
    assert [len(line) > 100 for line in lines] == [True, True]
    assert (lines[0][-1][0], lines[1][0][0]) == pytest.approx((0.5, 0.55), abs=0.01)


class Asked(list):
    """Counts how often it is gone through."""

    times = 0

    def __iter__(self):
        self.times += 1
        return super().__iter__()


def test_people_of_earlier_scenes_cost_nothing():
    """Else each frame of a film would cost all scenes before it."""
    cuts_s = Asked(range(3, 300, 3))
    tracks = [
        seen_at(first + np.arange(0, 3, 0.25)).model_copy(
            update={"start_s": float(first), "end_s": float(first + 3)}
        )
        for first in range(0, 300, 3)
    ]
    clip = ClipReport.model_construct(
        sampling=Sampling(), frames_judged=1200, watched_s=300.0, cuts_s=cuts_s, tracks=tracks
    )
    assert len(marks_at(clip, 298.9)) == 1
    assert cuts_s.times <= 1


def test_the_curve_has_room_above_a_threshold_near_one_and_at_the_edges():
    assert height(0.5) == 0.5
    assert height(0.999) - height(0.962) > 0.2
    assert 0.03 < height(0.0) < height(0.001 + 1e-6) < 0.05
    assert height(1.0) == pytest.approx(1 - height(0.0))
