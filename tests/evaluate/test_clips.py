"""Measuring and calibrating clips; no clip is decoded: what was said of them is made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facetell import Detector
from facetell.data.manifest import Sample
from facetell.detect.calibrate import ClipCalibration
from facetell.detect.report import ClipReport, ModelInfo, Report
from facetell.errors import DataError
from facetell.evaluate.calibration import INTERCEPT_SD, SLOPE_SD, fit_clip_calibration
from facetell.evaluate.clip_calibration import fit_clips, looks_of, noise_of
from facetell.evaluate.clips import (
    RULES,
    TEMPORAL_SIGNS,
    JudgedClip,
    clip_auc,
    frame_auc,
    group_auc,
    thinned,
    track_auc,
)
from facetell.evaluate.clips_page import as_markdown
from facetell.evaluate.score import unjudged
from facetell.types import BY_DEFAULT, Kind, Status
from tests.detect.test_aggregate import track

MODEL = ModelInfo(name="m", version="1", sha256="0", real_below=0.2, fake_from=0.8, finder="f")


@pytest.fixture
def clips(tmp_path):
    """Twelve clips, half of them fake, each of one person for ten seconds."""
    return [made_up(tmp_path, number) for number in range(12)]


def made_up(folder: Path, number: int) -> JudgedClip:
    rng = np.random.default_rng(number)
    label = number % 2
    path = folder / f"{number}.mp4"
    path.write_bytes(bytes(1000))
    said = track(rng.normal(2 * label - 1, 1) + rng.normal(0, 0.5, 40))
    clip = ClipReport(
        duration_s=10,
        fps=25,
        codec="h264",
        sampling=BY_DEFAULT,
        frames_judged=40,
        watched_s=10,
        judged_s=10,
        complete=True,
        cuts_s=[],
        tracks=[said],
    )
    report = Report(
        path=str(path),
        kind=Kind.VIDEO,
        status=Status.OK,
        verdict=said.verdict,
        p_fake=said.p_fake,
        size_wh=(64, 64),
        clip=clip,
        model=MODEL,
        limits=(),
    )
    split = ("train", "val", "test")[number // 4]
    return JudgedClip(Sample(path, label, split, "s", "", f"g{number}"), report)


def test_the_auc_of_clips_is_the_share_of_pairs_in_order(clips):
    scores = {0: [], 1: []}
    for clip in clips:
        scores[clip.sample.label].append(clip.tracks[0].log_odds)
    pairs = [fake > real for fake in scores[1] for real in scores[0]]
    found = clip_auc(clips, lambda said: said.log_odds)
    assert found.value == pytest.approx(np.mean(pairs))
    assert found.value == pytest.approx(track_auc(clips).value)
    assert found.low <= found.value <= found.high
    assert 0.5 < frame_auc(clips).value <= 1


def test_every_rule_and_sign_gives_a_number_for_a_track(clips):
    for score in (*RULES.values(), *TEMPORAL_SIGNS.values()):
        assert np.isfinite(score(clips[0].tracks[0]))


def test_all_frames_score_as_reported_and_fewer_nearly_so(clips):
    said = clips[0].tracks[0]
    assert thinned(said, 1, ClipCalibration()) == pytest.approx(said.log_odds, abs=1e-3)
    assert thinned(said, 4, ClipCalibration()) == pytest.approx(said.log_odds, abs=0.7)


def test_noise_is_the_spread_within_tracks_over_that_between_them(clips):
    assert len(looks_of(clips[0].tracks[0])) == 20
    assert 0.02 < noise_of(clips) < 1


def test_few_clips_hardly_move_the_calibration_and_many_do():
    """Clips whose frames' calibration is far too timid: slope 3 would be right."""

    def fitted(count):
        rng = np.random.default_rng(0)
        log_odds = rng.normal(0, 1, count)
        labels = (rng.uniform(size=count) < 1 / (1 + np.exp(-3 * log_odds))).astype(int)
        labels[:2] = 0, 1
        return fit_clip_calibration(labels, log_odds, 0.3, "a test")

    few, many = fitted(8), fitted(4000)
    assert 0.7 < few.slope < 2
    assert many.slope == pytest.approx(3, abs=0.3)
    assert (many.noise, many.fitted_on) == (0.3, "a test")


def test_the_calibration_is_the_best_there_is_where_clips_are_hardly_told_apart():
    """Steps as long as Newton's would run away to slopes of a hundred here."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        labels = np.arange(20) % 2
        log_odds = rng.normal(size=20) * 3 + (2 * labels - 1)
        fit = fit_clip_calibration(labels, log_odds, 0.3, "a test")

        def loss(slope, intercept, log_odds=log_odds, labels=labels):
            odds = slope * log_odds + intercept
            prior = ((slope - 1) / SLOPE_SD) ** 2 + (intercept / INTERCEPT_SD) ** 2
            return (np.logaddexp(0, odds) - labels * odds).sum() + prior / 2

        best = loss(fit.slope, fit.intercept)
        for slope in (fit.slope - 0.05, fit.slope, fit.slope + 0.05):
            for intercept in (fit.intercept - 0.05, fit.intercept, fit.intercept + 0.05):
                assert loss(slope, intercept) >= best


def test_clips_of_one_label_calibrate_nothing(clips):
    assert fit_clips(clips).slope > 0
    with pytest.raises(DataError, match="too few clips"):
        fit_clips([clip for clip in clips if clip.sample.label])


def test_pictures_of_a_clip_count_as_one(clips):
    rows = []
    for clip in clips:
        for shift in (-0.1, 0.1):
            row = unjudged(clip.sample, "clean")
            values = {"status": Status.OK, "log_odds": clip.sample.label + shift, "p_fake": 0.5}
            rows.append(type(row)(**{**row.__dict__, **values}))
    fakes, reals, found = group_auc(rows)
    assert (fakes, reals, found.value) == (6, 6, 1.0)


def test_the_document_has_a_table_for_every_question(clips, tmp_path):
    text = as_markdown(clips, [], Detector.load())
    for title in ("train", "val", "test", "Ways to add up", "Fewer frames", "Temporal signs"):
        assert f"## {title}" in text
    assert "nan" not in text.lower()


def test_a_document_says_of_the_clips_what_is_known_of_them(clips):
    detector = Detector.load()
    few = as_markdown(clips, [], detector)
    assert "6 real and 6 fake groups support no more than a rough answer" in few
    assert "none of these clips' among them" in few
    many = [of_group(clip, f"{n} {clip.sample.group}") for n in range(4) for clip in clips]
    assert "rough answer" not in as_markdown(many, [], detector)
    known = [replace(c, sample=replace(c.sample, source="video_clips")) for c in clips]
    assert "what it learnt by source, video_clips among them" in as_markdown(known, [], detector)


def of_group(clip, group):
    return replace(clip, sample=replace(clip.sample, group=group))


def test_a_document_of_clips_of_one_label_has_no_empty_cell(clips):
    text = as_markdown([clip for clip in clips if clip.sample.label], [], Detector.load())
    assert "None" not in text
    assert "| clips | not defined |" in text


def test_a_document_of_test_alone_chooses_nothing(clips):
    text = as_markdown([c for c in clips if c.sample.split == "test"], [], Detector.load())
    assert "## test" in text
    assert "no clips of train to learn from" in text
    assert "train and val" not in text
