from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from facetell.data.autoencoder import Autoencoder
from facetell.data.manifest import Sample
from facetell.data.twins import FORGERIES, forge_twins, regenerated, save_like
from facetell.errors import DataError
from tests.shared import EXAMPLES, noise_image

PORTRAITS = sorted(EXAMPLES.glob("real-*.jpg"))


def reals(paths=PORTRAITS):
    return [Sample(p, 0, "train", "portraits", "", f"person {p.stem}") for p in paths]


def darkener(path, name="regenerated"):
    """An "autoencoder" that gives back nine tenths of what it takes."""
    node = helper.make_node("Mul", ["pixels", "share"], [name])
    share = helper.make_tensor("share", TensorProto.FLOAT, [], [0.9])
    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [node],
        "darkener",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [share],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_twin_keeps_split_group_size_and_compression_of_its_original(tmp_path, kind):
    pairs, left_out = forge_twins(reals(), tmp_path, FORGERIES[kind], kind)
    assert left_out == []
    assert len(pairs) == 2 * len(PORTRAITS)
    for real, fake in zip(pairs[::2], pairs[1::2], strict=True):
        assert (real.label, fake.label) == (0, 1)
        assert (fake.split, fake.group) == (real.split, real.group)
        assert (fake.source, fake.generator) == (kind, kind)
        with Image.open(real.path) as original, Image.open(fake.path) as twin:
            assert twin.quantization == original.quantization
            assert twin.size == original.size
            assert max(twin.size) <= 390


@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_a_twin_differs_by_the_forgery_alone(tmp_path, ending):
    """Whatever the picture around the face is like: its size, how often it was compressed."""
    with Image.open(PORTRAITS[0]) as portrait:
        wide = Image.new("RGB", (1400, 900), "olive")
        wide.paste(portrait.resize((700, 700)), (300, 100))
        wide.save(tmp_path / f"wide{ending}", quality=70)
    pairs, _ = forge_twins(
        reals([tmp_path / f"wide{ending}"]), tmp_path / "out", lambda face, *_: face.image, "none"
    )
    real, fake = (pair.path for pair in pairs)
    assert real != fake
    assert real.read_bytes() == fake.read_bytes()


def test_the_same_samples_and_seed_give_the_same_pictures(tmp_path):
    made = [
        forge_twins(reals()[:1], tmp_path / str(number), FORGERIES["blend"], "b", seed=seed)[0]
        for number, seed in enumerate((1, 1, 2))
    ]
    one, again, other = (pairs[1].path.read_bytes() for pairs in made)
    assert one == again
    assert one != other


def test_an_interrupted_forging_keeps_what_is_done(tmp_path):
    forge_twins(reals()[:1], tmp_path, FORGERIES["blend"], "b")
    (first,) = (path for path in tmp_path.iterdir() if not path.stem.endswith("-real"))
    first.write_bytes(b"done before")
    pairs, _ = forge_twins(reals()[:2], tmp_path, FORGERIES["blend"], "b")
    assert first.read_bytes() == b"done before"
    assert len(pairs) == 4


def test_twins_forged_in_another_way_are_not_taken_for_these(tmp_path):
    ways = [("blend", 0), ("swap", 0), ("blend", 1)]
    made = [forge_twins(reals(), tmp_path, FORGERIES[k], k, seed=seed)[0] for k, seed in ways]
    assert len({pairs[1].path.read_bytes() for pairs in made}) == len(ways)


def test_faces_are_swapped_within_a_split_and_between_groups(tmp_path):
    one, two = reals()[:2]
    apart = [one, replace(two, split="val")]
    same = [one, replace(two, group=one.group)]
    for samples in (apart, same, [one]):
        pairs, left_out = forge_twins(samples, tmp_path, FORGERIES["swap"], "s")
        assert pairs == []
        assert len(left_out) == len(samples)
        assert "no face of another group in train" in left_out[0]


def test_a_picture_that_only_another_reader_knows_has_a_twin(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    with Image.open(PORTRAITS[0]) as portrait:
        pillow_heif.from_pillow(portrait).save(tmp_path / "phone.heic")
    pairs, left_out = forge_twins(
        reals([tmp_path / "phone.heic"]), tmp_path / "out", FORGERIES["blend"], "b"
    )
    assert left_out == []
    assert pairs[1].path.suffix == ".png"


def test_a_picture_without_a_face_is_named_and_left_out(tmp_path):
    Image.fromarray(noise_image(200, 200)).save(tmp_path / "field.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    samples = reals([PORTRAITS[0], tmp_path / "field.png", tmp_path / "broken.jpg"])
    pairs, left_out = forge_twins(samples, tmp_path / "out", FORGERIES["blend"], "b")
    assert [pair.path.name.startswith(PORTRAITS[0].stem) for pair in pairs] == [True, True]
    assert [line.partition(": ")[0] for line in left_out] == [str(s.path) for s in samples[1:]]
    assert "no face" in left_out[0]


def test_without_real_pictures_there_is_nothing_to_forge(tmp_path):
    fake = Sample(PORTRAITS[0], 1, "train", "s", "g", "a")
    with pytest.raises(DataError, match="no real picture"):
        forge_twins([fake], tmp_path, FORGERIES["blend"], "b")


def test_what_was_no_jpeg_is_kept_without_loss(tmp_path):
    image = noise_image(40, 50)
    Image.fromarray(image).save(tmp_path / "original.webp")
    path = save_like(image, tmp_path / "original.webp", [tmp_path / "t.jpg", tmp_path / "t.png"])
    assert path.name == "t.png"
    np.testing.assert_array_equal(np.asarray(Image.open(path)), image)


def test_regenerated_pictures_keep_their_size_whatever_it_is(tmp_path):
    opened = Autoencoder(darkener(tmp_path / "ae.onnx"))
    image = noise_image(37, 91)
    back = opened.regenerate(image)
    assert back.shape == image.shape
    np.testing.assert_allclose(back, image * 0.9, atol=1)
    pairs, _ = forge_twins(reals()[:1], tmp_path / "out", regenerated(opened), opened.name)
    assert pairs[1].generator.startswith("ae-")


def test_a_file_that_is_no_autoencoder_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DataError, match="cannot be opened"):
        Autoencoder(tmp_path / "text.onnx")
    with pytest.raises(DataError, match="no autoencoder"):
        Autoencoder(darkener(tmp_path / "other.onnx", name="depth"))
