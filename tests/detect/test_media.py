"""Finding, telling apart and reading pictures; every file is drawn by the test."""

import io
import os
import socket
import sys
import threading
import warnings

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from facetell.detect.find import drawn_stem, find_media
from facetell.detect.jpeg import estimate_jpeg_quality
from facetell.detect.media import MAX_PIXELS, media_kind, read_picture
from facetell.errors import MediaError
from facetell.types import Kind
from tests.broken_inputs import make

RED, BLUE, WHITE, GREEN = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 128, 0)


@pytest.fixture
def write(tmp_path):
    def write(data, name="file"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return write


def names(paths, base):
    return [path.relative_to(base).as_posix() for path in find_media(paths)]


# ---------------------------------------------------------------------------- finding files


def test_a_folder_gives_all_its_files_sorted_but_hidden_ones(write, tmp_path):
    for name in ("b/2.png", "b/1.txt", "a.jpg", ".hidden", ".git/x.jpg", "Thumbs.db", "c.jpg"):
        write(b"x", name)
    assert names([tmp_path], tmp_path) == ["a.jpg", "b/1.txt", "b/2.png", "c.jpg"]


def test_a_file_named_twice_is_given_once(write, tmp_path):
    file = write(b"x", "a.jpg")
    (tmp_path / "link.jpg").symlink_to(file)
    assert list(find_media([file, str(file), tmp_path, tmp_path / "*.jpg"])) == [file]


def test_a_pattern_is_expanded_unless_a_file_has_that_name(write, tmp_path):
    for name in ("x/1.jpg", "x/y/2.jpg", "x/y/3.png", "x/.h/4.jpg"):
        write(b"x", name)
    literal = write(b"x", "[1].jpg")
    assert names([tmp_path / "x" / "*.jpg"], tmp_path) == ["x/1.jpg"]
    assert names([tmp_path / "**" / "?.jpg"], tmp_path) == ["x/1.jpg", "x/y/2.jpg"]
    assert names([tmp_path / "x" / "**"], tmp_path) == ["x/1.jpg", "x/y/2.jpg", "x/y/3.png"]
    assert list(find_media([literal])) == [literal]


def test_a_relative_pattern_is_expanded(write, tmp_path, monkeypatch):
    write(b"x", "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [str(path) for path in find_media(["*.jpg"])] == ["a.jpg"]


def test_what_cannot_be_found_is_given_for_its_row(tmp_path):
    missing, pattern, strange = tmp_path / "no.jpg", tmp_path / "*.jpg", tmp_path / "a**b"
    assert list(find_media([missing, pattern, strange])) == [missing, pattern, strange]


def test_an_empty_folder_is_given_itself(tmp_path):
    (tmp_path / "inner").mkdir()
    assert list(find_media([tmp_path])) == [tmp_path]


def test_folders_linked_in_a_circle_end(write, tmp_path):
    write(b"x", "a/1.jpg")
    for link in ("a/back", "a/again", "a/b"):
        (tmp_path / link).symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert names([tmp_path], tmp_path) == ["a/1.jpg", "self"]
    assert names([tmp_path / "**" / "*.jpg"], tmp_path) == ["a/1.jpg"]


# ---------------------------------------------------------------------------- telling the kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", Kind.VIDEO),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", Kind.VIDEO),
        (b"\0\0\0\x14ftyp3gp4\0\0\0\x003gp4", Kind.VIDEO),
        (b"\0\0\0\x08wide\0\0\0\0mdat", Kind.VIDEO),
        (b"\x1a\x45\xdf\xa3webm", Kind.VIDEO),
        (b"RIFF\0\0\0\0AVI LIST", Kind.VIDEO),
        (b"FLV\1\5", Kind.VIDEO),
        (b"OggS\0", Kind.VIDEO),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind.VIDEO),
        (b"\0\0\1\xba", Kind.VIDEO),
        ((b"G" + bytes(187)) * 3, Kind.VIDEO),
        ((bytes(4) + b"G" + bytes(187)) * 3, Kind.VIDEO),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Kind.IMAGE),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", Kind.IMAGE),
        (b"RIFF\0\0\0\0WEBPVP8X", Kind.IMAGE),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom", Kind.UNKNOWN),
        (b"RIFF\0\0\0\0WAVEfmt ", Kind.UNKNOWN),
        (b"The free world", Kind.UNKNOWN),
        (b"BMW is a make of cars", Kind.UNKNOWN),
        (b"x", Kind.UNKNOWN),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(head, kind, write):
    assert media_kind(write(head, "holiday.jpg")) is kind


@pytest.mark.parametrize(
    "image_format",
    ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "TGA", "ICO"],
)
def test_every_format_is_told_and_read(image_format, write):
    path = write(make.saved(make.photo(), image_format))
    assert media_kind(path) is Kind.IMAGE
    picture = read_picture(path)
    assert (picture.format, picture.frames) == (image_format, 1)
    if image_format != "ICO":
        assert_looks_like_photo(picture)


def test_heic_is_told_and_read(write):
    path = write(make.heic())
    assert media_kind(path) is Kind.IMAGE
    picture = read_picture(path)
    assert picture.format == "HEIF"
    assert_looks_like_photo(picture)


def assert_looks_like_photo(picture):
    assert picture.size_wh == (64, 48)
    difference = np.abs(picture.image.astype(int) - np.asarray(make.photo()).astype(int))
    assert difference.mean() < 8


# ---------------------------------------------------------------------------- reading pictures


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_comes_upright(orientation, write):
    data = make.jpeg_turned(orientation)
    picture = read_picture(write(data))
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert picture.size_wh == expected.size
    np.testing.assert_array_equal(picture.image, np.asarray(expected))


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_every_format_is_turned_once(image_format, write):
    pillow_heif.register_heif_opener()  # only to write; the reader must not need it
    with Image.open(io.BytesIO(make.jpeg_turned(6))) as photo:
        data = make.saved(photo, image_format, exif=photo.getexif().tobytes())
    picture = read_picture(write(data))
    assert picture.size_wh == (48, 64)
    assert picture.image[4, 44, 0] > 200, "the red corner is at the top right"
    assert picture.image[4, 4, 0] < 200


def test_a_broken_exif_does_not_cost_the_picture(write):
    assert_looks_like_photo(read_picture(write(make.jpeg_with_broken_exif())))


def test_16_bit_grey_keeps_its_upper_8_bits_and_is_never_stretched(write):
    for value in (0, 0x0FFF, 0x8000, 0xFFFF):
        for image_format in ("PNG", "TIFF"):
            picture = read_picture(write(make.saved(make.grey_16_bit(value), image_format)))
            assert picture.image.shape == (5, 7, 3)
            assert set(picture.image.ravel()) == {value >> 8}


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, 0.5, 1.0], [0, 127, 255]), ([0, 128, 300], [0, 128, 255]), ([0, -9, 2], [0, 0, 2])],
)
def test_floats_are_taken_as_0_to_1_or_else_as_0_to_255(values, expected, write):
    image = Image.fromarray(np.array([values], np.float32))
    picture = read_picture(write(make.saved(image, "TIFF")))
    assert picture.image[0, :, 1].tolist() == expected


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_over_white(mode, write):
    image = read_picture(write(make.saved(make.transparent(mode), "PNG"))).image
    assert tuple(image[0, 7]) == WHITE
    assert tuple(image[0, 0]) == (BLUE if mode == "RGBA" else (29, 29, 29))


def test_a_transparent_palette_lies_over_white(write):
    image = read_picture(write(make.palette_png())).image
    assert (tuple(image[0, 0]), tuple(image[0, 7])) == (BLUE, WHITE)


def test_a_cmyk_jpeg_keeps_its_colours(write):
    path = write(make.saved(make.photo().convert("CMYK"), "JPEG", quality=95))
    assert_looks_like_photo(read_picture(path))


def test_a_lab_picture_becomes_rgb(write):
    path = write(make.saved(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"))
    assert read_picture(path).image.min() > 240


def test_the_first_of_many_frames_is_given(write):
    picture = read_picture(write(make.gif(3)))
    assert tuple(picture.image[0, 0]) == RED
    assert picture.frames == 3


def test_the_pages_of_a_tiff_are_counted(write):
    pages = [Image.new("L", (4, 4)) for _ in range(3)]
    data = make.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert read_picture(write(data)).frames == 3


def test_a_large_picture_is_converted_whole(write):
    """More rows than one strip of the conversion holds."""
    image = Image.new("L", (3000, 1500))
    image.paste(255, (0, 1490, 3000, 1500))
    pixels = read_picture(write(make.saved(image, "PNG", compress_level=1))).image
    assert pixels.shape == (1500, 3000, 3)
    assert pixels[:1490].max() == 0
    assert pixels[1490:].min() == 255


# ---------------------------------------------------------------------------- size


def test_a_bomb_is_refused_before_it_is_decoded(write):
    path = write(make.png_bomb())
    before = peak_mib()
    with pytest.raises(MediaError, match=r"too many pixels.*50 million"):
        read_picture(path)
    assert peak_mib() - before < 50


def peak_mib():
    resource = pytest.importorskip("resource", reason="this system does not tell peak memory")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def test_a_jpeg_that_stalls_decoders_is_refused(write):
    with pytest.raises(MediaError, match="passes over 4000 x 4000 pixels"):
        read_picture(write(make.endless_jpeg()))
    with pytest.raises(MediaError, match="passes over 4000 x 4000 pixels"):
        read_picture(write(make.endless_jpeg_in_disguise()))


def test_a_jpeg_of_segments_without_number_is_refused(write):
    photo = make.saved(make.photo(), "JPEG")
    with pytest.raises(MediaError, match="more than 100000 segments"):
        read_picture(write(photo[:-2] + b"\xff\xe0\x00\x02" * 200_000))


def test_a_clip_behind_a_photo_stalls_nothing(write):
    """As phones append one; its bytes hold what would mark a scan, thousands of times."""
    buffer = io.BytesIO()
    Image.new("RGB", (4000, 3000), "olive").save(buffer, "JPEG")
    picture = read_picture(write(buffer.getvalue() + b"....ftypmp42" + b"\xff\xda\x00\x08" * 5000))
    assert picture.size_wh == (4000, 3000)


def test_a_huge_jpeg_is_decoded_smaller_with_its_own_size_kept(write):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write(make.saved(make.photo(401, 301), "JPEG", exif=exif))
    picture = read_picture(path, max_pixels=40_000)
    assert picture.size_wh == (301, 401)
    assert picture.image.shape == (201, 151, 3)
    assert picture.scale == pytest.approx(2, abs=0.01)
    assert picture.image[20, 130, 0] > 200, "the red corner is at the top right"


@pytest.mark.parametrize(
    ("image_format", "options", "limit"),
    [
        ("JPEG", {}, 64 * 48 // 4 - 1),
        ("JPEG", {"progressive": True}, 64 * 48 - 1),
        ("PNG", {}, 64 * 48 - 1),
        ("WEBP", {}, 64 * 48),
    ],
)
def test_too_many_pixels_are_refused(image_format, options, limit, write):
    path = write(make.saved(make.photo(), image_format, **options))
    with pytest.raises(MediaError, match="too many pixels"):
        read_picture(path, max_pixels=limit)


def test_a_picture_of_just_the_limit_is_read_whole(write):
    path = write(make.saved(make.photo(), "PNG"))
    assert read_picture(path, max_pixels=64 * 48).image.shape == (48, 64, 3)
    assert MAX_PIXELS == 50_000_000


@pytest.mark.parametrize("note", [b"red fox", b"blue jay"])
def test_a_png_whose_text_was_edited_by_hand_is_read_like_any_other(note, write):
    text = PngImagePlugin.PngInfo()
    for prompt in ("red fox", "blue jay"):
        text.add_text("prompt", prompt)
    data = make.saved(make.photo(), "PNG", pnginfo=text)
    edited = data.replace(note, note.upper())
    assert edited != data
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(edited))
    picture = read_picture(write(edited, "edited"))
    np.testing.assert_array_equal(picture.image, read_picture(write(data, "as it was")).image)


# ---------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.jpg", "empty"),
        ("text.jpg", "not a picture"),
        ("truncated.jpg", "cut short"),
        ("truncated.png", "cut short"),
        ("broken_header.png", "damaged"),
        ("truncated.heic", "damaged|cut short"),
        ("postscript.eps", "not a picture"),
        ("video.mp4", "it is a clip"),
        ("video_named.jpg", "it is a clip"),
        ("camera_raw.dng", "raw file"),
    ],
)
def test_each_cause_has_its_own_words(name, reason, write):
    with pytest.raises(MediaError, match=reason):
        read_picture(write(make.BROKEN[name](), name))


@pytest.mark.parametrize("read", [read_picture, media_kind])
def test_what_is_no_file_is_refused(read, tmp_path):
    for path, reason in (
        (tmp_path / "no.jpg", "no such file"),
        (tmp_path / "*.jpg", "no file matches"),
        (tmp_path / ("x" * 300), "cannot be opened"),
        (f"{tmp_path}/a\0b", "cannot be opened"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(MediaError, match=reason):
            read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_hanging(tmp_path):
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    assert list(find_media([tmp_path])) == [pipe]
    with pytest.raises(MediaError, match="pipe"):
        read_picture(pipe)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no such sockets")
def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(MediaError, match="socket"):
            read_picture("s")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_locked_files_and_folders_are_named_as_such(write, tmp_path):
    locked = write(make.saved(make.photo(), "PNG"), "locked.png")
    locked.chmod(0)
    folder = tmp_path / "z"
    folder.mkdir(mode=0)
    assert list(find_media([tmp_path])) == [locked, folder]
    for path in (locked, folder, folder / "inside.png"):
        with pytest.raises(MediaError, match="permission denied"):
            read_picture(path)


def test_decoders_warnings_stay_inside_even_with_many_threads(write):
    path = write(make.jpeg_with_broken_exif())
    before = list(warnings.filters)
    threads = [threading.Thread(target=read_picture, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


# ---------------------------------------------------------------------------- JPEG quality


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_found(quality, write):
    path = write(make.saved(make.photo(), "JPEG", quality=quality))
    assert read_picture(path).jpeg_quality == pytest.approx(quality, abs=2)


def test_only_a_jpeg_has_a_quality(write):
    assert read_picture(write(make.saved(make.photo(), "WEBP", quality=50))).jpeg_quality is None


def test_a_table_between_two_qualities_gets_a_near_one():
    with Image.open(io.BytesIO(make.saved(make.photo(), "JPEG", quality=80))) as image:
        table = np.array(image.quantization[0])
    table[::7] += 1
    assert estimate_jpeg_quality(table.tolist()) == pytest.approx(80, abs=2)
    with pytest.raises(ValueError, match="64 values"):
        estimate_jpeg_quality([1, 2, 3])


@pytest.mark.parametrize("letter", ["a", "é", "写", "🙂"])
def test_what_is_drawn_of_a_long_name_has_a_name_that_a_disk_takes(tmp_path, letter):
    stem = drawn_stem(7, f"{letter * (255 // len(letter.encode()) - 4)}.jpg")
    (tmp_path / f"{stem}-face12.png").touch()
    assert stem.startswith("00007-")
    assert drawn_stem(12, "fo/a b:c?.tar.jpg") == "00012-a_b_c_.tar"
