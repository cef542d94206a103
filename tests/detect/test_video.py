"""Reading clips: the right frames at the right times, whatever the file is like."""

import io
import struct
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from facetell.detect.frames import OUT_OF_TIME, at, sampled, wanted_frames
from facetell.detect.reading import open_media
from facetell.detect.video import MAX_SIDE_PX, SEEK_FROM_S
from facetell.errors import MediaError
from facetell.types import Picture, Sampling
from tests.clips import clip_bytes, counting, number_in, sound_only, write_clip
from tests.shared import noise_image

EVERY = Sampling(fps=None)


def watch(path, sampling=EVERY, **options):
    """The frames of a clip, and what was lost."""
    with open_media(path, **options) as clip:
        assert not isinstance(clip, Picture)
        return list(wanted_frames(clip, sampling)), clip.losses


def numbers(frames):
    return [number_in(frame.picture.image) for frame in frames]


def times(frames):
    return pytest.approx([frame.time_s for frame in frames], abs=2e-3)


@pytest.fixture
def clip(tmp_path):
    """Five seconds, ten frames each."""
    return write_clip(tmp_path / "clip.mp4", counting(50))


# ---------------------------------------------------------------------------- sampling


def test_every_frame_is_given_once_with_its_time(clip):
    frames, losses = watch(clip)
    assert numbers(frames) == list(range(50))
    assert times(frames) == [n / 10 for n in range(50)]
    assert (losses.damaged, losses.estimated, losses.broken_off) == (0, 0, None)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(fps=2), [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]),
        (Sampling(fps=1, start_s=2), [2, 3, 4]),
        (Sampling(fps=1, start_s=1.5, end_s=3), [1.5, 2.5]),
        (Sampling(fps=1, start_s=1, max_s=2), [1, 2]),
        (Sampling(fps=None, start_s=4.75), [4.8, 4.9]),
        (Sampling(fps=100, end_s=0.3), [0, 0.1, 0.2]),
        (Sampling(fps=1, start_s=9), []),
    ],
    ids=str,
)
def test_frames_are_sampled_by_time(clip, sampling, expected):
    frames, _ = watch(clip, sampling)
    assert times(frames) == expected


def test_frames_are_sampled_by_time_where_their_rate_varies(tmp_path):
    stamps = [0, 0.1, 0.2, 0.3, 1.5, 1.6, 1.7, 4.0, 4.1, 5.2]
    path = write_clip(tmp_path / "c.mkv", counting(10), times_s=stamps)
    assert times(watch(path)[0]) == stamps
    assert times(watch(path, Sampling(fps=1))[0]) == [0, 1.5, 4.0, 5.2]


def test_jumping_to_key_frames_gives_the_frames_that_playing_gives(tmp_path):
    path = write_clip(
        tmp_path / "c.mp4", counting(50, 32, 32) * 8, options={"g": "15"}, codec="mpeg4"
    )
    every = watch(path)[0]
    wanted = Sampling(fps=1 / (SEEK_FROM_S + 3))
    jumped = watch(path, wanted)[0]
    assert [frame.time_s for frame in jumped] == [0, 8, 16, 24, 32]
    by_time = {round(frame.time_s, 3): frame for frame in every}
    for frame in jumped:
        same = by_time[round(frame.time_s, 3)].picture.image
        assert np.array_equal(frame.picture.image, same)


def test_without_a_key_frame_between_nothing_is_watched_twice(tmp_path):
    path = write_clip(tmp_path / "c.mp4", counting(50, 32, 32) * 3, options={"g": "1000"})
    assert times(watch(path, Sampling(fps=1 / 6))[0]) == [0, 6, 12]


def test_frames_named_by_their_times_are_the_frames_that_were_judged(clip):
    judged, _ = watch(clip, Sampling(fps=4))
    with open_media(clip) as again:
        named = [round(frame.time_s, 3) for frame in judged[::3]]
        found = list(again.frames(at(named)))
    for before, after in zip(judged[::3], found, strict=True):
        assert np.array_equal(before.picture.image, after.picture.image)


def test_a_due_time_is_always_later_than_the_frame_given():
    for sampling in (EVERY, Sampling(fps=3), Sampling(fps=30, start_s=2)):
        due, now = sampled(sampling), -1.0
        for _ in range(50):
            wanted = due(now)
            assert wanted > now
            now = wanted


# ---------------------------------------------------------------------------- odd files


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("mp4", "libx264"),
        ("mov", "mpeg4"),
        ("mkv", "libx264"),
        ("webm", "libvpx"),
        ("avi", "mpeg4"),
        ("avi", "mjpeg"),
        ("ts", "libx264"),
        ("mpg", "mpeg2video"),
        ("flv", "flv"),
        ("ogv", "libtheora"),
        ("wmv", "wmv2"),
        ("mxf", "mpeg2video"),
        ("y4m", "wrapped_avframe"),
        ("h264", "libx264"),
        ("nut", "ffv1"),
    ],
)
def test_containers_and_codecs_are_read(tmp_path, ending, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg writes no {codec}")
    path = write_clip(tmp_path / f"c.{ending}", counting(30), fps=25, codec=codec)
    frames, losses = watch(path.rename(tmp_path / "no ending"))
    assert numbers(frames) == pytest.approx(range(30), abs=1)
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(30) / 25, abs=0.05)
    assert losses.broken_off is None


@pytest.mark.parametrize("turned_deg", [0, 90, 180, -90])
def test_a_clip_that_lies_on_its_side_is_turned_upright(tmp_path, turned_deg):
    image = np.zeros((48, 96, 3), np.uint8)
    image[:16, :24] = 250
    path = write_clip(tmp_path / "c.mp4", [image] * 3, turned_deg=turned_deg)
    picture = watch(path)[0][0].picture
    upright = np.rot90(image, turned_deg // 90)
    assert picture.size_wh == upright.shape[1::-1]
    assert np.abs(picture.image.astype(int) - upright).mean() < 4


@pytest.mark.parametrize("size_wh", [(97, 61), (2, 2), (16, 400), (1, 1)], ids=str)
def test_odd_sizes_are_read(tmp_path, size_wh):
    width, height = size_wh
    path = tmp_path / "c.mkv"
    images = [np.full((height, width, 3), 90, np.uint8)] * 2
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    assert watch(path)[0][0].picture.image.shape == (height, width, 3)


def test_a_frame_of_8k_is_judged_at_a_fraction_of_its_size(tmp_path):
    path = write_clip(tmp_path / "c.avi", counting(1, 4320, 7680), codec="mjpeg")
    picture = watch(path)[0][0].picture
    assert picture.size_wh == (7680, 4320)
    assert max(picture.image.shape) <= MAX_SIDE_PX
    assert picture.scale == 2


def test_a_time_stamp_that_makes_no_sense_is_guessed_and_counted(tmp_path):
    path = write_clip(tmp_path / "c.mkv", counting(6), times_s=[0, 0.1, 0.2, 5000, 5000.1, 5000.2])
    frames, losses = watch(path)
    assert numbers(frames) == list(range(6))
    assert times(frames) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert losses.estimated == 1  # the others go on from it


def test_one_wrong_time_stamp_does_not_shift_those_behind_it(tmp_path):
    path = tmp_path / "c.ts"
    parts = ([0, 0.1, 0.2], [5000], [0.4, 0.5, 0.6])
    path.write_bytes(
        b"".join(
            clip_bytes(counting(len(stamps)), "mpegts", times_s=stamps, options={"bf": "0"})
            for stamps in parts
        )
    )
    frames, losses = watch(path)
    assert times(frames) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert losses.estimated == 1


SLOW, FAST = 0.2 * np.arange(40), 7.8 + 0.033 * np.arange(1, 31)


@pytest.mark.parametrize(
    "parts",
    [
        ([*SLOW, *FAST[:8]], [0], FAST[9:]),
        ([*SLOW, 17], [0], 17.4 + SLOW),
        (FAST[:20] - 7.8, [0], 22 * 0.033 + SLOW),
    ],
    ids=["in a burst", "behind a pause", "before a slow part"],
)
def test_one_wrong_time_stamp_harms_no_other_where_the_rate_varies(tmp_path, parts):
    path = tmp_path / "c.ts"
    path.write_bytes(
        b"".join(
            clip_bytes(counting(len(stamps)), "mpegts", times_s=list(stamps), options={"bf": "0"})
            for stamps in parts
        )
    )
    before, _, behind = parts
    frames, losses = watch(path)
    found = [frame.time_s for frame in frames]
    assert found[: len(before)] == pytest.approx(before, abs=0.1)
    assert found[len(before) + 1 :] == pytest.approx(behind, abs=0.1)
    assert losses.estimated == 1


@pytest.fixture
def joined(tmp_path):
    """Two recordings written one behind the other: 30 frames and 20, whose stamps begin anew."""
    parts = [
        clip_bytes(counting(count), "mpegts", options={"g": "10", "bf": "2"}, fps=25)
        for count in (30, 20)
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))
    return path


def test_stamps_that_begin_anew_go_on_from_there(joined):
    for sampling in (EVERY, Sampling(fps=5)):
        frames, losses = watch(joined, sampling)
        found = [frame.time_s for frame in frames]
        assert losses.estimated == 1
        second = next(
            at for at in range(1, len(frames)) if numbers(frames)[at] < numbers(frames)[at - 1]
        )
        assert found[second] == pytest.approx(1.2, abs=0.1)
        assert found[-1] == pytest.approx(1.96, abs=0.2)


def test_frames_of_joined_recordings_are_found_again(joined):
    judged, _ = watch(joined, Sampling(fps=5))
    with open_media(joined) as again:
        found = list(again.frames(at(frame.time_s for frame in judged), sparse=True))
    assert numbers(found) == numbers(judged)


def write_late(path, images, late_s):
    """Ten pictures a second, which begin so many seconds after the sound."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=8000)
        packets = []
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = 10 * late_s + number, Fraction(1, 10)
            packets += pictures.encode(frame)
        for number in range(10 * late_s + len(images)):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts, silence.time_base = (
                8000,
                800 * number,
                Fraction(1, 8000),
            )
            packets += sound.encode(silence)
        for packet in packets + pictures.encode() + sound.encode():
            if packet.dts is not None:
                container.mux(packet)
    return path


def test_a_clip_whose_pictures_begin_late_counts_from_its_beginning(tmp_path):
    path = write_late(tmp_path / "late.mp4", counting(10), 2)
    frames, losses = watch(path)
    assert times(frames) == [2 + number / 10 for number in range(10)]
    assert losses.broken_off is None
    with open_media(path) as clip:
        assert clip.facts.duration_s == pytest.approx(3, abs=0.05)


def test_a_clip_cut_short_gives_what_there_is_and_says_so(tmp_path):
    path = write_clip(tmp_path / "c.mkv", counting(50), options={"g": "5"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, losses = watch(path)
    assert 3 < len(frames) < 45
    assert losses.broken_off


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("step_s", [0.5, SEEK_FROM_S + 5, 20])
def test_a_clip_cut_short_says_so_at_wide_steps_too(tmp_path, ending, step_s):
    images = [noise_image(64, 64, seed) for seed in range(120)]
    path = tmp_path / f"c.{ending}"
    is_mp4 = ending == "mp4"
    write_clip(path, images, fps=2, codec="mpeg4", options={"g": "4"}, index_first=is_mp4)
    assert watch(path, Sampling(fps=1 / step_s))[1].broken_off is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 5])
    if ending != "ts":  # which does not say how long it is
        assert watch(path, Sampling(fps=1 / step_s))[1].broken_off


def test_a_last_picture_that_stands_for_long_is_the_end_of_a_whole_clip(tmp_path):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        packets = []
        for number, image in enumerate(counting(6, 64, 64)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = 100 * number
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode()]:
            packet.duration = 100
            container.mux(packet)
    path = tmp_path / "slides.mp4"
    path.write_bytes(buffer.getvalue())
    frames, losses = watch(path)
    assert times(frames) == [0, 10, 20, 30, 40, 50]
    assert losses.broken_off is None


def test_a_file_that_is_longer_in_its_own_words_is_found_out(tmp_path):
    path = write_clip(tmp_path / "c.mkv", counting(20))
    stated = b"\x44\x89\x88" + struct.pack(">d", 2000.0)
    data = path.read_bytes()
    assert data.count(stated) == 1
    path.write_bytes(data.replace(stated, stated[:3] + struct.pack(">d", 200_000.0)))
    frames, losses = watch(path)
    assert len(frames) == 20
    assert "200 s" in losses.broken_off


def test_damaged_frames_are_left_out_and_counted(tmp_path):
    path = write_clip(tmp_path / "c.mkv", counting(20), codec="ffv1", options={"g": "1"})
    frames, losses = watch(with_a_break(path, packet=7))
    assert numbers(frames) == [n for n in range(20) if n != 7]
    assert losses.damaged == 1


def test_what_is_drawn_from_a_damaged_frame_is_left_out_up_to_the_next_key_frame(tmp_path):
    images = [np.roll(noise_image(64, 96), n, axis=1) for n in range(20)]
    path = write_clip(
        tmp_path / "c.mkv", images, options={"g": "10", "sc_threshold": "0", "bf": "0"}
    )
    frames, losses = watch(with_a_break(path, packet=3))
    assert times(frames) == [0, 0.1, 0.2, *(n / 10 for n in range(10, 20))]
    assert losses.damaged == 7


def with_a_break(path, packet):
    """Writes nonsense over the end of one frame."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        start, size = packets[packet].pos, packets[packet].size
    data = bytearray(path.read_bytes())
    data[start + size // 3 : start + size] = b"\x55" * (size - size // 3)
    path.write_bytes(data)
    return path


def test_reading_ends_when_its_time_is_over(clip):
    frames, losses = watch(clip, timeout_s=0)
    assert (frames, losses.broken_off) == ([], OUT_OF_TIME)


def test_a_song_is_no_clip(tmp_path):
    path = tmp_path / "song.mp4"
    path.write_bytes(sound_only())
    with pytest.raises(MediaError, match="only sound"):
        watch(path)


# ---------------------------------------------------------------------------- hostile files


def lists_that_name(path):
    """Files that make a player open another one."""
    return {
        "hls.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{path}\n#EXT-X-ENDLIST\n",
        "list.ffconcat": f"ffconcat version 1.0\nfile '{path}'\n",
        "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "dash.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        f'type="static"><Period><AdaptationSet><Representation id="1"><BaseURL>{path}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>",
        "old.asx": f"[Reference]\nRef1=file://{path}\n",
    }


@pytest.mark.parametrize("name", lists_that_name(""))
def test_a_list_opens_no_other_file(clip, tmp_path, name):
    path = tmp_path / name
    path.write_text(lists_that_name(clip)[name])
    with pytest.raises(MediaError, match="neither a picture nor a clip"):
        watch(path)


# ---------------------------------------------------------------------------- moving pictures


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_moving_pictures_are_clips(tmp_path, image_format):
    path = tmp_path / "moving"
    first, *others = (Image.fromarray(image) for image in counting(5))
    lossless = {"lossless": True} if image_format == "WEBP" else {}
    first.save(path, image_format, save_all=True, append_images=others, duration=200, **lossless)
    frames, losses = watch(path)
    assert numbers(frames) == pytest.approx(range(5), abs=1)
    assert times(frames) == [0, 0.2, 0.4, 0.6, 0.8]
    assert losses.broken_off is None


def test_a_broken_moving_picture_gives_its_frames_up_to_the_break(tmp_path):
    buffer = io.BytesIO()
    first, *others = (Image.fromarray(image) for image in counting(8, 300, 300))
    first.save(buffer, "PNG", save_all=True, append_images=others, duration=100)
    path = tmp_path / "moving.png"
    path.write_bytes(buffer.getvalue()[: int(0.6 * len(buffer.getvalue()))])
    frames, losses = watch(path)
    assert 1 <= len(frames) < 8
    assert losses.broken_off


def test_frames_shown_for_no_time_are_shown_as_browsers_show_them(tmp_path):
    path = tmp_path / "moving.gif"
    first, *others = (Image.fromarray(image) for image in counting(3))
    first.save(path, save_all=True, append_images=others, duration=0)
    assert times(watch(path)[0]) == [0, 0.1, 0.2]


def test_still_pictures_and_pages_stay_pictures(tmp_path):
    image = Image.fromarray(counting(1)[0])
    for name, more in (("a.gif", {}), ("b.tif", {"save_all": True, "append_images": [image]})):
        image.save(tmp_path / name, **more)
        with open_media(tmp_path / name) as media:
            assert isinstance(media, Picture)


def test_cuts_stand_between_the_frames_they_divide(tmp_path):
    rng = np.random.default_rng(0)
    scenes = [rng.integers(0, 255, (18, 32, 3), np.uint8) for _ in range(3)]
    images = [np.kron(scene, np.ones((4, 4, 1), np.uint8)) for scene in scenes for _ in range(10)]
    path = write_clip(tmp_path / "c.mp4", images)
    for sampling in (EVERY, Sampling(fps=2)):
        frames, _ = watch(path, sampling)
        assert [f.time_s for f in frames if f.after_cut] == pytest.approx([1.0, 2.0], abs=0.11)
    assert not any(f.after_cut for f in watch(path, replace(EVERY, end_s=0.9))[0])


def test_frames_that_lie_far_apart_tell_of_no_cut(tmp_path):
    """From one key frame to the next one wanted nothing is decoded in between."""
    images = [np.full((64, 64, 3), 40 + number, np.uint8) for number in range(100)]
    path = write_clip(tmp_path / "c.mp4", images, fps=2, codec="mpeg4", options={"g": "10"})
    frames, _ = watch(path, Sampling(fps=1 / (SEEK_FROM_S + 5)))
    assert len(frames) == 5
    assert not any(frame.after_cut for frame in frames)


def test_a_cut_is_told_though_nothing_beside_it_was_decoded(tmp_path):
    images = [np.full((64, 64, 3), 60 if number < 50 else 180, np.uint8) for number in range(100)]
    path = write_clip(tmp_path / "c.mp4", images, fps=2, codec="mpeg4", options={"g": "10"})
    frames, _ = watch(path, Sampling(fps=1 / (SEEK_FROM_S + 5)))
    assert [frame.after_cut for frame in frames] == [False, False, False, True, False]


def test_a_cut_is_told_once_though_its_frames_are_read_twice(tmp_path):
    images = [np.full((64, 64, 3), 60 if number < 5 else 180, np.uint8) for number in range(40)]
    options = {"g": "1000", "sc_threshold": "0"}
    path = write_clip(tmp_path / "c.mp4", images, fps=2, options=options)
    frames, _ = watch(path, Sampling(fps=1 / (SEEK_FROM_S + 1), start_s=4))
    assert times(frames) == [4, 10, 16]
    assert [frame.after_cut for frame in frames] == [True, False, False]


# ---------------------------------------------------------------------------- pixels


def test_pixels_are_what_ffmpeg_makes_of_each_frame_alone(tmp_path):
    """Filters are kept from frame to frame, also where size and colours change on the way."""
    kinds = [(64, "yuv420p"), (96, "yuv420p"), (96, "yuv444p"), (96, "yuvj420p")]
    parts = [
        clip_bytes([noise_image(height, 160)] * 3, "h264", pix_fmt=pix_fmt)
        for height, pix_fmt in kinds
    ]
    path = tmp_path / "c.h264"
    path.write_bytes(b"".join(parts))
    with av.open(str(path)) as container:
        alone = [
            frame.to_ndarray(
                format="rgb24", width=frame.width, height=frame.height, interpolation="AREA"
            )
            for frame in container.decode(video=0)
        ]
    frames, _ = watch(path)
    assert {image.shape for image in alone} == {(64, 160, 3), (96, 160, 3)}
    assert len(frames) == len(alone) == 12
    for frame, image in zip(frames, alone, strict=True):
        assert np.array_equal(frame.picture.image, image)
