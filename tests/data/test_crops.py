from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facetell.data.crops import MAX_REGION_PX, CropCache, build_cache, face_region
from facetell.data.manifest import Sample
from facetell.detect.align import LAYOUT
from facetell.detect.crop import CropSpec, crop_face
from facetell.errors import DataError
from tests.shared import DRAWN_LANDMARKS, EXAMPLES, noise_image

SPEC = CropSpec(
    align="landmarks", margin=1.3, size_px=96, mean=(127, 127, 127), std=(128, 128, 128)
)


def sample(path, label=0):
    return Sample(path, label, "train", "drawn", "", path.name)


def test_a_crop_from_the_region_is_the_crop_from_the_picture():
    image, box = noise_image(300, 400), (120.0, 90.0, 220.0, 230.0)
    landmarks = DRAWN_LANDMARKS + np.float32(100)
    region, inside, points = face_region(image, box, landmarks)
    np.testing.assert_array_equal(
        crop_face(region, inside, SPEC, points), crop_face(image, box, SPEC, landmarks)
    )


@pytest.mark.parametrize("size_wh", [(200, 200), (200, 260)])
def test_a_tight_picture_ends_where_it_ends_in_judging(size_wh):
    """Its landmarks say that the face is longer than the picture is wide: no border is repeated."""
    image, box = noise_image(size_wh[1], size_wh[0]), (2.0, 2.0, 198.0, 198.0)
    landmarks = np.float32(100) + LAYOUT * np.float32(196 * 1.2)
    region, inside, points = face_region(image, box, landmarks)
    assert region.shape[1] == size_wh[0]
    spec = SPEC.model_copy(update={"align": "level"})
    np.testing.assert_array_equal(
        crop_face(region, inside, spec, points), crop_face(image, box, spec, landmarks)
    )


@pytest.mark.parametrize("align", ["box", "level", "landmarks"])
@pytest.mark.parametrize("size_wh", [(224, 200), (500, 460)])
@pytest.mark.parametrize(("off", "tilt_deg"), [((0.15, 0.0), 0.0), ((-0.1, 0.12), 40.0)])
def test_a_crop_finds_all_that_it_wants_in_the_region(align, size_wh, off, tilt_deg):
    """Wherever box and landmarks say that the face lies, and however it is tilted."""
    width, height = size_wh
    image, side = noise_image(height, width), 100.0
    box = (width / 2 - 50, height / 2 - 50, width / 2 + 50, height / 2 + 50)
    angle = np.radians(tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (width / 2 + off[0] * side, height / 2 + off[1] * side)
    landmarks = np.asarray(LAYOUT * side * 0.8 @ turn.T + centre, np.float32)
    region, inside, points = face_region(image, box, landmarks)
    spec = SPEC.model_copy(update={"align": align})
    wanted = crop_face(image, box, spec, landmarks)
    found = crop_face(region, inside, spec, points)
    assert np.abs(found.astype(int) - wanted).mean() < 0.5


def test_a_large_face_is_kept_smaller():
    unknown = np.full((5, 2), np.nan, np.float32)
    region, box, _ = face_region(noise_image(1200, 1200), (100.0, 100.0, 1100.0, 1100.0), unknown)
    assert max(region.shape) == MAX_REGION_PX
    assert box == pytest.approx((32.5, 32.5, 357.5, 357.5))


def test_a_cache_keeps_faces_names_the_rest_and_goes_on(tmp_path):
    Image.new("RGB", (90, 90), "grey").save(tmp_path / "empty.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    samples = [sample(EXAMPLES / "real-astronaut.jpg"), sample(tmp_path / "empty.png"),
               sample(tmp_path / "broken.jpg")]  # fmt: skip
    kept, left_out = build_cache(samples, tmp_path / "cache", processes=1)
    assert kept == 1
    assert "no face found" in left_out[0]
    assert "broken.jpg" in left_out[1]

    more = [*samples, sample(EXAMPLES / "real-grace-hopper.jpg")]
    kept, _ = build_cache(more, tmp_path / "cache", processes=1)
    assert kept == 2
    cache = CropCache(tmp_path / "cache")
    assert [r.sample.path.name for r in cache.regions] == [
        "real-astronaut.jpg",
        "real-grace-hopper.jpg",
    ]
    first = cache.regions[0]
    assert cache.image(first).shape == (first.height, first.width, 3)
    x0, y0, x1, y1 = first.box_xyxy
    assert ((first.landmarks > (x0, y0)) & (first.landmarks < (x1, y1))).all()


def test_a_cache_whose_first_run_found_nothing_goes_on(tmp_path):
    Image.new("RGB", (90, 90), "grey").save(tmp_path / "empty.png")
    assert build_cache([sample(tmp_path / "empty.png")], tmp_path / "cache", processes=1)[0] == 0
    build_cache([sample(EXAMPLES / "real-astronaut.jpg")], tmp_path / "cache", processes=1)
    assert len(CropCache(tmp_path / "cache").regions) == 1


def test_a_cache_gives_samples_as_they_are_divided_now(tmp_path):
    samples = [sample(EXAMPLES / f"real-{name}.jpg") for name in ("astronaut", "grace-hopper")]
    build_cache(samples, tmp_path / "cache", processes=1)
    now = replace(samples[1], split="val", group="another")
    (region,) = CropCache(tmp_path / "cache").of([now]).regions
    assert region.sample == now


def test_a_cache_of_another_version_is_refused(tmp_path):
    build_cache([sample(EXAMPLES / "real-astronaut.jpg")], tmp_path / "cache", processes=1)
    (tmp_path / "cache" / "regions").unlink()
    for use in (CropCache, lambda cache: build_cache([], cache)):
        with pytest.raises(DataError, match="as another version of facetell cut them"):
            use(tmp_path / "cache")


def test_no_cache_and_a_cut_one_are_refused(tmp_path):
    with pytest.raises(DataError, match="no crop cache"):
        CropCache(tmp_path)
    build_cache([sample(EXAMPLES / "real-astronaut.jpg")], tmp_path / "cache", processes=1)
    pixels = tmp_path / "cache" / "pixels.u8"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut short"):
        CropCache(tmp_path / "cache")
    index = tmp_path / "cache" / "index.csv"
    index.write_bytes(index.read_bytes()[:-25])
    with pytest.raises(DataError, match="a line that was cut short"):
        CropCache(tmp_path / "cache")
