"""What is said of whole clips, by the real finder and a toy model."""

import json

import numpy as np
import pytest
from PIL import Image

from facetell import Detector, Options
from facetell.cli.drawn import write_film
from facetell.detect import video
from facetell.detect.annotate import annotate
from facetell.detect.card import ModelCard
from facetell.detect.clip import Watched
from facetell.detect.frames import ClipFacts, Losses
from facetell.detect.page import page_entry
from facetell.detect.reading import look_again
from facetell.detect.report import Report, clock
from facetell.detect.timeline import marks_at, span_of
from facetell.types import Frame, Picture, Sampling
from tests.cli.tiny_model import ALWAYS_FAKE, ALWAYS_REAL, tiny_card, write_tiny_model
from tests.clips import clip_bytes, nodding, on_ground, portrait, write_clip
from tests.detect.test_video import write_late


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


def detector(folder, intercept=0.0, **options):
    model = write_tiny_model(folder / f"{intercept}.onnx", json.dumps(tiny_card(intercept)))
    return Detector.load(model, Options(**options))


def judge(folder, path, **options):
    return detector(folder, **options).analyze(path)


@pytest.fixture(scope="module")
def one(folder):
    """Three seconds of one person."""
    return write_clip(folder / "one.mp4", nodding(portrait(), 30))


@pytest.fixture(scope="module")
def two(folder):
    """Two people side by side, then a cut to one of them."""
    both = on_ground((portrait(), 0), (portrait("grace-hopper"), 256))
    alone = on_ground((portrait("grace-hopper"), 128), seed=8)
    return write_clip(folder / "two.mp4", nodding(both, 30) + nodding(alone, 30))


def test_one_person_is_one_track_over_the_whole_clip(folder, one):
    report = judge(folder, one)
    (track,) = report.clip.tracks
    assert (report.status, report.kind, report.faces) == ("ok", "video", [])
    assert (track.start_s, track.end_s) == (0.0, pytest.approx(3.0, abs=0.05))
    assert report.clip.frames_judged == len(track.timeline) == 12
    assert report.clip.watched_s == report.clip.judged_s == pytest.approx(3.0, abs=0.05)
    assert (report.format, report.clip.codec) == ("MP4/MOV", "h264")
    assert report.size_wh == (256, 256)
    assert report.clip.complete


def test_two_people_and_a_cut_are_three_tracks(folder, two):
    clip = judge(folder, two).clip
    assert clip.cuts_s == pytest.approx([3.0], abs=0.11)
    spans = sorted((t.start_s, round(t.end_s)) for t in clip.tracks)
    assert spans == [(0.0, 3), (0.0, 3), (3.0, 6)]


def test_no_box_is_carried_over_a_cut(folder, two):
    clip = judge(folder, two).clip
    (cut_s,) = clip.cuts_s
    last_s = max(t.timeline[-1].time_s for t in clip.tracks if t.start_s < cut_s)
    assert len(marks_at(clip, last_s)) == 2
    assert marks_at(clip, (last_s + cut_s) / 2) == []
    assert len(marks_at(clip, cut_s)) == 1


def test_kept_filters_change_nothing_that_is_said_of_a_clip(two, monkeypatch):
    def anew(frame, size_wh, _):
        width, height = size_wh
        return frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")

    kept = Detector.load().analyze(two)
    monkeypatch.setattr(video, "_rgb", anew)
    plain = Detector.load().analyze(two)
    assert kept.p_fake is not None
    assert kept.clip == plain.clip


def test_the_most_suspicious_track_speaks_for_the_clip(folder, two):
    report = judge(folder, two)
    scores = [track.log_odds for track in report.clip.tracks]
    worst = report.clip.tracks[0]
    assert scores == sorted(scores, reverse=True)
    assert (report.p_fake, report.verdict, report.reason) == (
        worst.p_fake,
        worst.verdict,
        worst.reason,
    )


@pytest.mark.parametrize(
    ("intercept", "verdict", "segments"), [(ALWAYS_REAL, "real", 0), (ALWAYS_FAKE, "fake", 1)]
)
def test_verdict_and_segments_follow_the_model(folder, one, intercept, verdict, segments):
    report = judge(folder, one, intercept=intercept)
    assert report.verdict == verdict
    assert len(report.clip.tracks[0].segments) == segments


def test_a_still_picture_filmed_for_long_has_no_verdict(folder):
    path = write_clip(folder / "still.mp4", [portrait()] * 40)
    report = judge(folder, path, intercept=ALWAYS_FAKE)
    (track,) = report.clip.tracks
    assert (track.frames_used, track.looks) == (1, 1)
    assert report.verdict == "uncertain"
    assert "too few usable frames" in report.reason


def test_a_clip_of_one_frame_is_judged_and_has_no_verdict(folder):
    report = judge(folder, write_clip(folder / "short.mp4", [portrait()]), intercept=ALWAYS_FAKE)
    assert (report.status, report.verdict, report.clip.frames_judged) == ("ok", "uncertain", 1)


def test_a_face_that_leaves_and_comes_back_is_one_person(folder):
    here, away = on_ground((portrait(), 100)), on_ground()
    fades = [*[1.0] * 10, *np.linspace(1, 0, 10), *[0.0] * 20]
    images = [(s * here + (1 - s) * away).astype(np.uint8) for s in fades + fades[::-1]]
    path = write_clip(folder / "back.mp4", images)
    (track,) = judge(folder, path).clip.tracks
    assert (track.start_s, track.end_s) == (0.0, pytest.approx(8, abs=0.1))
    assert not any(2 < sample.time_s < 6 for sample in track.timeline)


def test_a_clip_without_a_face_has_no_score_but_its_coverage(folder):
    report = judge(folder, write_clip(folder / "empty.mp4", nodding(on_ground(), 20)))
    assert (report.status, report.p_fake, report.verdict) == ("no_face", None, None)
    assert report.reason == "no face found in the 8 frames that were looked at"
    assert (report.clip.judged_s, report.clip.tracks) == (0.0, [])
    assert report.clip.watched_s == pytest.approx(2.0, abs=0.05)


def test_sampling_decides_what_is_judged(folder, one):
    for sampling, frames in (
        (Sampling(fps=2), 6),
        (Sampling(fps=None), 30),
        (Sampling(fps=2, start_s=1, end_s=2), 2),
        (Sampling(fps=2, max_s=1), 2),
    ):
        report = judge(folder, one, sampling=sampling)
        assert report.clip.frames_judged == frames
        assert report.clip.sampling == sampling
    assert any("judged up to 1 s of 3.0 s" in warning for warning in report.warnings)


def test_nothing_behind_the_end_is_an_error_with_a_hint(folder, one):
    report = judge(folder, one, sampling=Sampling(start_s=60))
    assert report.status == "error"
    assert "--start" in report.reason


@pytest.fixture(scope="module")
def late(folder):
    """One second of one person, after ten seconds of sound alone."""
    return write_late(folder / "late.mp4", nodding(portrait(), 10), 10)


def test_a_part_that_ends_before_the_first_frame_is_no_damage(folder, late):
    report = judge(folder, late, sampling=Sampling(end_s=5))
    assert report.status == "error"
    assert "no frame in the part asked for" in report.reason
    assert "--end" in report.reason
    assert "damaged" not in report.reason


def test_a_part_between_two_frames_is_not_said_to_lie_behind_the_last(folder, one):
    report = judge(folder, one, sampling=Sampling(start_s=1.02, end_s=1.07))
    assert "no frame in the part asked for" in report.reason


def test_the_time_line_reaches_as_far_as_the_clip_was_watched(folder, late):
    paused = write_clip(
        folder / "paused.mkv", nodding(on_ground(), 6), times_s=[0, 0.25, 0.5, 9, 9.25, 9.5]
    )
    for path, end_s in ((late, 11), (paused, 9.75)):
        assert span_of(judge(folder, path).clip).end_s == pytest.approx(end_s, abs=0.3)


def test_a_late_clip_that_is_cut_short_is_annotated_to_its_last_frame(folder, tmp_path):
    path = write_late(tmp_path / "late.mkv", nodding(on_ground(), 20), 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    report = judge(folder, path)
    assert (report.status, report.clip.complete) == ("no_face", False)
    assert annotate(report, tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").stat().st_size > 0


def test_a_film_without_a_frame_is_not_said_to_be_written(folder, late, tmp_path):
    report = judge(folder, late)
    before_it = report.clip.model_copy(update={"sampling": Sampling(end_s=5)})
    assert not write_film(report.model_copy(update={"clip": before_it}), tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()


def test_a_clip_cut_short_keeps_its_verdict_and_is_marked(folder, tmp_path):
    whole = write_clip(tmp_path / "c.mkv", nodding(portrait(), 60), options={"g": "5"})
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    report = judge(folder, cut, intercept=ALWAYS_FAKE)
    assert (report.status, report.verdict, report.clip.complete) == ("ok", "fake", False)
    assert any("only" in warning and "could be judged" in warning for warning in report.warnings)


def test_a_clip_that_takes_too_long_is_told_of(folder, one):
    report = judge(folder, one, timeout_s=0)
    assert report.status == "error"
    assert "--timeout" in report.reason


def test_a_stopped_detector_ends_a_clip_where_it_is(folder, one):
    stopped = detector(folder)
    stopped.stop.set()
    report = stopped.analyze(one)
    assert (report.status, report.clip.frames_judged, report.clip.complete) == ("ok", 1, False)
    assert any("it was interrupted" in warning for warning in report.warnings)


def test_only_the_largest_faces_of_a_frame_are_judged(folder, two):
    report = judge(folder, two, max_faces_in_clips=1)
    assert any("only the 1 largest" in warning for warning in report.warnings)
    assert len({s.time_s for t in report.clip.tracks for s in t.timeline}) == sum(
        len(t.timeline) for t in report.clip.tracks
    )


def test_a_moving_gif_is_a_clip(folder):
    first, *others = (Image.fromarray(image) for image in nodding(portrait(), 20))
    path = folder / "moving.gif"
    first.save(path, save_all=True, append_images=others, duration=100)
    report = judge(folder, path)
    assert (report.kind, report.format, len(report.clip.tracks)) == ("video", "GIF", 1)


def test_a_clip_that_changes_its_size_on_the_way_is_judged_to_its_end(folder):
    """Two raw streams one after the other: people of before are not looked for in the new size."""
    small = on_ground((portrait(), 250))[:, 100:500]
    parts = [nodding(small, 20), nodding(portrait(), 20)]
    path = folder / "sizes.h264"
    path.write_bytes(b"".join(clip_bytes(part, "h264") for part in parts))
    report = judge(folder, path)
    assert report.status == "ok"
    assert report.clip.frames_judged == 7
    assert len(report.clip.tracks) == 2
    assert len(report.clip.cuts_s) == 1
    assert page_entry(report)


def test_whole_takes_each_frame_as_one_face(folder):
    path = write_clip(folder / "landscape.mp4", nodding(on_ground(), 20))
    (track,) = judge(folder, path, finder="whole").clip.tracks
    assert track.timeline[0].box_xyxy == (0, 0, 512, 256)


def test_a_report_of_a_clip_survives_json_and_shows_its_frames_again(folder, two):
    report = judge(folder, two)
    again = Report.model_validate_json(report.model_dump_json())
    assert again == report
    shown = [face for _, faces in look_again(again) for face in faces]
    assert len(shown) == len(report.shown)
    assert again.heatmap().size == again.heatmap(1).size


def test_every_shown_face_lies_where_its_picture_says(folder, one):
    """The crop of a frame read again is the crop that was judged."""
    report = judge(folder, one)
    for picture, faces in look_again(report):
        for face in faces:
            x0, y0, x1, y1 = (round(v) for v in face.box_xyxy)
            assert np.std(picture.image[y0:y1, x0:x1]) > 20


def test_the_page_links_every_segment_to_a_frame_that_is_there(folder, one):
    page = page_entry(judge(folder, one, intercept=ALWAYS_FAKE))
    targets = {part.split('"')[0] for part in page.split('href="#')[1:]}
    anchors = {part.split('"')[0] for part in page.split('id="')[1:]}
    assert targets
    assert targets <= anchors
    assert "<script" not in page
    assert page.count("<svg") == 1


def test_the_page_folds_what_was_too_brief_to_be_judged(folder, one):
    report = judge(folder, one)
    (track,) = report.clip.tracks
    fist = track.model_copy(update={"id": 2, "looks": 1, "start_s": 1.0, "end_s": 1.25})
    clip = report.clip.model_copy(update={"tracks": [track, fist]})
    page = page_entry(report.model_copy(update={"clip": clip}))
    assert page.count("<svg") == 1
    assert "<summary>1 more, too brief to be judged</summary>" in page
    assert "Face 2: seen 1.0 s to 1.2 s" in page
    assert "not drawn" not in page


def test_the_page_of_a_clip_that_is_gone_says_so(folder, tmp_path):
    path = write_clip(tmp_path / "gone.mp4", nodding(portrait(), 10))
    report = judge(folder, path)
    path.unlink()
    assert "could not be read again" in page_entry(report)


def test_a_slow_animation_is_watched_as_long_as_it_runs(folder):
    images = [Image.fromarray(image) for image in nodding(portrait(), 8)]
    path = folder / "slow.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=1500, lossless=True)
    for options in ({}, {"sampling": Sampling(fps=None)}):
        report = judge(folder, path, **options)
        assert report.clip.watched_s == pytest.approx(12, abs=0.1)


def test_a_clip_is_summed_up_alike_however_often():
    card, picture = ModelCard.model_validate(tiny_card()), Picture(portrait(), (256, 256), "MP4")
    often, once = (Watched(card, ClipFacts("MP4", "h264"), Sampling(fps=4)) for _ in range(2))
    for time_s in (0, 5, 5.25, 5.5, 5.75):
        for watched in (often, once):
            watched.add(Frame(time_s, picture), [], 0)
        often.report(Losses())
    assert often.report(Losses()) == once.report(Losses())


def test_a_clip_that_does_not_say_how_long_it_is_says_that_it_was_judged_in_part(folder):
    path = folder / "live.mkv"
    path.write_bytes(clip_bytes(nodding(portrait(), 40), "matroska", live=True))
    part = judge(folder, path, sampling=Sampling(max_s=2))
    assert part.clip.duration_s is None
    assert "judged up to 2 s, as was asked; how long it is the file does not say" in part.warnings
    assert not any("judged up to" in words for words in judge(folder, path).warnings)


def test_progress_is_told_in_seconds_of_the_clip(folder, one):
    told = []
    detector(folder).analyze(one, lambda watched_s, length_s: told.append((watched_s, length_s)))
    assert [length_s for _, length_s in told] == [3.0] * 12
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("time_s", "text"), [(0.04, "0.0 s"), (59.4, "59.4 s"), (187, "3:07"), (3787, "1:03:07")]
)
def test_times_are_written_as_people_read_them(time_s, text):
    assert clock(time_s) == text
