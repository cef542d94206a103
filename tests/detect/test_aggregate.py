"""From frames to a track: what counts, what it adds up to, and when nothing is said."""

from dataclasses import replace

import numpy as np
import pytest

from facetell.detect.aggregate import MIN_LOOKS, is_clear, summarise_track
from facetell.detect.calibrate import ClipCalibration, sigmoid, trimmed_mean
from facetell.detect.card import ModelCard
from facetell.detect.clip import most_suspicious_first
from facetell.detect.quality import Quality
from facetell.detect.report import FaceReport, TimelineSample
from facetell.types import Verdict
from tests.cli.tiny_model import tiny_card

CARD = ModelCard.model_validate(tiny_card())  # real below 0.2, fake from 0.8
GOOD = Quality(
    size_px=120, sharpness=0.2, blockiness=1, jpeg_quality=None, brightness=120, cut_by_border=False
)
BOX = (10.0, 10.0, 130.0, 130.0)
STEP_S = 0.25


def face(log_odds=0.0, time_s=0.0, score=0.9, landmarks=(), **quality):
    p = float(sigmoid(log_odds))
    return FaceReport(
        time_s=time_s,
        box_xyxy=BOX,
        landmarks=list(landmarks),
        crop_xyxy=BOX,
        score=score,
        p_fake=p,
        verdict=CARD.thresholds.verdict(p),
        quality=replace(GOOD, **quality),
        warnings=[],
        log_odds=log_odds,
        evidence=[[log_odds]],
    )


def track(log_odds, used=None, step_s=STEP_S):
    """A track of samples one step apart, all used unless `used` says otherwise."""
    values = np.asarray(log_odds, np.float32)
    used = [True] * len(values) if used is None else used
    faces = [face(float(z), n * step_s) for n, z in enumerate(values)]
    samples = [
        TimelineSample(
            time_s=f.time_s, box_xyxy=BOX, p_fake=f.p_fake, quality=f.quality, used=bool(u)
        )
        for f, u in zip(faces, used, strict=True)
    ]
    suspicious = sorted(faces, key=lambda f: -f.log_odds)
    return summarise_track(1, samples, values, suspicious, step_s, 1e9, CARD)


# ---------------------------------------------------------------------------- adding up


def test_equal_frames_add_up_to_nearly_themselves():
    said = track([2.0] * 40)
    assert said.log_odds == pytest.approx(2.0, abs=0.05)
    assert said.p_fake == pytest.approx(float(sigmoid(said.log_odds)), abs=1e-6)


def test_more_looks_make_surer_but_more_frames_of_one_moment_do_not():
    short, long = track([2.0] * 6), track([2.0] * 60)
    dense = track([2.0] * 60, step_s=STEP_S / 10)
    assert short.log_odds < long.log_odds
    assert dense.looks == short.looks
    assert dense.log_odds == pytest.approx(short.log_odds, abs=1e-6)


def test_single_wild_frames_do_not_decide():
    calm = track([-2.0] * 40)
    wild = track([-2.0] * 38 + [30.0, 30.0])
    assert wild.log_odds == pytest.approx(calm.log_odds, abs=0.01)


def test_frames_that_do_not_count_change_nothing():
    used = [n % 2 == 0 for n in range(40)]
    mixed = track([-1.0 if u else 9.0 for u in used], used)
    assert mixed.log_odds == pytest.approx(track([-1.0] * 20, step_s=0.5).log_odds, abs=1e-6)
    assert mixed.frames_used == 20


def test_the_calibration_of_the_card_scales_and_shifts():
    rule = ClipCalibration(slope=2.0, intercept=-1.0, noise=0.0)
    assert rule.log_odds(np.array([1.0, 1.0, 1.0], np.float32), 3) == pytest.approx(1.0)
    assert ClipCalibration(noise=1.0).log_odds(np.array([4.0], np.float32), 1) == pytest.approx(2.0)


def test_the_trimmed_mean_leaves_a_tenth_out_at_each_end():
    assert trimmed_mean(np.array([-900, *[1] * 8, 900], np.float32)) == pytest.approx(1.0)
    assert trimmed_mean(np.array([1, 3], np.float32)) == pytest.approx(2.0)


# ---------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(("log_odds", "verdict"), [(-4, "real"), (0, "uncertain"), (4, "fake")])
def test_the_thresholds_of_the_model_decide(log_odds, verdict):
    said = track([log_odds] * 20)
    assert said.verdict == verdict
    assert bool(said.reason) == (verdict == "uncertain")


@pytest.mark.parametrize("frames", [1, 2 * MIN_LOOKS - 2])
def test_too_few_looks_have_no_verdict_but_uncertain(frames):
    said = track([9.0] * frames)
    assert said.looks < MIN_LOOKS
    assert said.verdict == "uncertain"
    assert "too few usable frames" in said.reason


def test_nothing_usable_is_uncertain_and_not_a_crash():
    said = track([9.0] * 20, [False] * 20)
    assert (said.verdict, said.looks, said.frames_used, said.segments) == ("uncertain", 0, 0, [])
    assert "the face is never seen clearly enough (frames that repeat" in said.reason
    assert "seen clearly in one moment only" in track([9.0]).reason


def test_real_on_the_whole_with_fake_signs_for_seconds_is_not_called_real():
    said = track([-5.0] * 80 + [5.0] * 8 + [-5.0] * 80)
    assert said.p_fake < CARD.thresholds.real_below
    assert said.verdict == "uncertain"
    assert "fake signs from 20.2 to 21.8 s" in said.reason  # 20 to 22, smoothed


def test_uncertain_on_the_whole_names_where_the_fake_signs_are():
    fake, real = [2.0] * 24, [-1.5] * 24
    once, thrice = track([*real, *fake]), track([*real, *fake, *real, *fake, *real, *fake])
    assert once.verdict is thrice.verdict is Verdict.UNCERTAIN
    assert CARD.thresholds.real_below < once.p_fake < CARD.thresholds.fake_from
    assert once.reason.startswith("fake signs from 6.5 to 12.0 s, but p_fake of the whole")
    assert "s and in 2 more spans, but" in thrice.reason


# ---------------------------------------------------------------------------- segments


def test_a_segment_is_where_p_fake_smoothed_stays_high():
    (segment,) = track([-5.0] * 20 + [5.0] * 12 + [-5.0] * 20).segments
    assert (segment.start_s, segment.end_s) == pytest.approx((5, 8), abs=0.3)
    assert [segment.peak, segment.mean] == pytest.approx([float(sigmoid(5.0))] * 2)


def test_a_single_high_frame_is_no_segment():
    assert track([-3.0] * 20 + [5.0] + [-3.0] * 20).segments == []


def test_a_dip_of_one_frame_does_not_part_a_segment():
    assert len(track([5.0] * 10 + [0.0] + [5.0] * 10).segments) == 1


def test_a_face_that_was_away_has_two_segments():
    away = [True] * 10 + [False] * 30 + [True] * 10
    assert len(track([5.0] * 50, away).segments) == 2


def test_each_segment_has_a_face_that_shows_it():
    said = track([-5.0] * 20 + [5.0] * 8 + [-5.0] * 20 + [4.0] * 8 + [-5.0] * 20)
    assert len(said.segments) == 2
    for segment in said.segments:
        assert any(segment.start_s <= f.time_s < segment.end_s for f in said.faces)


# ---------------------------------------------------------------------------- what is clear

FRONTAL = [(40, 50), (80, 50), (60, 70), (45, 90), (75, 90)]
PROFILE = [(40, 50), (60, 50), (75, 70), (45, 90), (60, 90)]


@pytest.mark.parametrize(
    ("seen", "clear"),
    [
        (face(), True),
        (face(landmarks=FRONTAL), True),
        (face(landmarks=PROFILE), False),
        (face(size_px=15), False),
        (face(sharpness=0.01), False),
        (face(cut_by_border=True), False),
        (face(score=0.5), False),
    ],
)
def test_only_faces_seen_well_count(seen, clear):
    assert is_clear(seen, smallest_face_px=40) == clear


def test_a_face_with_fake_signs_speaks_for_the_clip_before_one_that_is_real():
    part_fake = track([-4.0] * 40 + [3.0] * 8 + [-4.0] * 40)
    real = track([-1.9] * 88)
    assert part_fake.verdict is Verdict.UNCERTAIN
    assert real.verdict is Verdict.REAL
    assert part_fake.log_odds < real.log_odds
    few = track([9.0] * 2)
    assert most_suspicious_first([few, real, part_fake]) == [part_fake, real, few]


@pytest.mark.parametrize("step_s", [0.25, 1.0, 1.5, 2.0])
def test_fake_signs_for_seconds_are_a_segment_however_slow_the_frames(step_s):
    found = track([-4.0] * 30 + [4.0] * 10 + [-4.0] * 30, step_s=step_s)
    assert found.verdict is Verdict.UNCERTAIN
    assert len(found.segments) == 1


def test_a_single_frame_is_no_segment_however_long_it_stands():
    assert track([-4.0] * 30 + [6.0] + [-4.0] * 30, step_s=2.0).segments == []
