import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facetell.data.crops import CropCache
from facetell.data.degrade import AUGMENTATIONS, TIERS, random_path
from facetell.detect.crop import crop_face, to_tensor
from facetell.errors import DataError
from facetell.train.dataset import TrainingSamples, ValidationSamples, _beside, augmented_crop
from facetell.train.recipe import Recipe
from tests.shared import DRAWN_LANDMARKS, noise_image
from tests.train.tiny import drawn_cache, tiny_recipe

STILL = AUGMENTATIONS["none"]


def samples(cache, first=0, end=256, **changes):
    return TrainingSamples(cache, tiny_recipe(**changes), first, end)


def paired_cache(folder):
    """Each fake picture is of the group of the real one before it."""
    drawn_cache(folder)
    index = folder / "index.csv"
    with index.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with index.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow(row | {"group": f"g{number // 2}"})
    return CropCache(folder)


def test_sample_k_depends_on_its_number_and_the_seed_alone(tmp_path):
    cache = paired_cache(tmp_path / "cache")
    for changes in ({}, {"twins": 1.0}, {"blends": 1.0}, {"twins": 0.3, "blends": 0.3}):
        whole, later = samples(cache, **changes), samples(cache, first=100, **changes)
        other_seed = samples(cache, seed=2, **changes)
        assert torch.equal(whole[107][0], later[7][0])
        assert not torch.equal(whole[107][0], other_seed[107][0])


def test_half_of_the_samples_are_fake(tmp_path):
    cache = paired_cache(tmp_path / "cache")
    for changes in ({}, {"twins": 0.5, "blends": 0.5}):
        labels = [float(samples(cache, **changes)[k][1]) for k in range(20)]
        assert labels == [0.0, 1.0] * 10


def test_twins_are_of_one_group_and_go_through_the_same_augmentation(tmp_path):
    cache = paired_cache(tmp_path / "cache")
    drawn = samples(cache, twins=1.0, augmentation=STILL)
    spec = tiny_recipe(augmentation=STILL).crop
    groups = {}
    for region in cache.regions:
        crop = crop_face(cache.image(region), region.box_xyxy, spec, region.landmarks)
        groups[to_tensor(crop[None], spec).tobytes()] = region.sample.group
    seen = [groups[drawn[k][0].numpy()[None].tobytes()] for k in range(40)]
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) > 4


def test_twins_of_unlike_size_meet_the_same_chances():
    """So that nothing but the forgery tells them apart: a pixel more draws no other numbers."""
    how = AUGMENTATIONS["forensic"]
    for seed in range(40):
        one, other = (np.random.default_rng(seed) for _ in range(2))
        random_path(noise_image(128, 128), one, how)
        random_path(noise_image(129, 128), other, how)
        assert one.bit_generator.state == other.bit_generator.state


def test_a_written_twin_is_paired_with_the_real_one_beside_it(tmp_path):
    cache = paired_cache(tmp_path / "cache")
    group = [r for r in cache.regions if r.sample.group == cache.regions[0].sample.group]
    real, fake = (next(r for r in group if r.sample.label == label) for label in (0, 1))

    def lying(region, path):
        return replace(region, sample=replace(region.sample, path=Path(path)))

    original, swap = lying(real, "real/a.jpg"), lying(fake, "swaps/a.jpg")
    written, forged = lying(real, "forged/a-real.png"), lying(fake, "forged/a.png")
    assert _beside(([original, written], [swap, forged])) == [
        ([written], [forged]),
        ([original], [swap]),
    ]
    later = lying(real, "forged/b-real.png"), lying(fake, "forged/b.jpg")
    assert _beside(([written, later[0]], [forged, later[1]])) == [
        ([written], [forged]),
        ([later[0]], [later[1]]),
    ]
    together = lying(real, "all/1.jpg"), lying(fake, "all/2.jpg")
    assert _beside(([together[0]], [together[1]])) == [([together[0]], [together[1]])]
    assert _beside(([original], [])) == []


def test_a_blend_is_its_original_but_for_the_face(tmp_path):
    drawn = samples(drawn_cache(tmp_path / "cache"), blends=1.0, augmentation=STILL)
    for pair in range(10):
        (real, no), (fake, yes) = drawn[2 * pair], drawn[2 * pair + 1]
        assert (float(no), float(yes)) == (0, 1)
        assert not torch.equal(real, fake)
        torch.testing.assert_close(real[:, :4], fake[:, :4])  # above the forehead


def test_twins_without_groups_of_both_labels_are_refused(tmp_path):
    with pytest.raises(DataError, match="no group with a real and a fake"):
        samples(drawn_cache(tmp_path / "cache"), twins=0.1)


def test_validation_crops_are_those_of_judging_after_the_web(tmp_path):
    cache, recipe = drawn_cache(tmp_path / "cache"), tiny_recipe()
    val = ValidationSamples(cache, recipe)
    held_out = [region for region in cache.regions if region.sample.split == "val"]
    assert len(val) == 2 * len(held_out)
    expected = {
        to_tensor(
            crop_face(TIERS["web"](cache.image(r)), r.box_xyxy, recipe.crop, r.landmarks)[None],
            recipe.crop,
        ).tobytes(): float(r.sample.label)
        for r in held_out
    }
    for k in range(len(val)):
        crop, label = val[k]
        assert expected[crop.numpy()[None].tobytes()] == float(label) == k % 2


@pytest.mark.parametrize("align", ["box", "level", "landmarks"])
@pytest.mark.parametrize(
    ("size_wh", "box"),
    [
        ((400, 300), (150.0, 80.0, 260.0, 220.0)),
        ((400, 300), (2.0, 150.0, 112.0, 290.0)),
        ((100, 140), (0.0, 5.0, 100.0, 135.0)),
    ],
    ids=["far from the border", "at the border", "longer than the picture is wide"],
)
def test_same_tensor_in_training_and_inference(size_wh, box, align):
    """With nothing drawn by chance, the training crop is byte for byte what judging builds."""
    recipe = Recipe(augmentation=STILL, align=align)
    image = noise_image(size_wh[1], size_wh[0])
    landmarks = DRAWN_LANDMARKS + np.float32(130)
    if size_wh[0] < 200:
        landmarks = DRAWN_LANDMARKS * np.float32(1.2)
    trained = augmented_crop(image, box, landmarks, recipe, np.random.default_rng(0))
    judged = crop_face(image, box, recipe.crop, landmarks)
    np.testing.assert_array_equal(
        to_tensor(trained[None], recipe.crop), to_tensor(judged[None], recipe.crop)
    )


def test_augmentation_keeps_the_crop_size_for_any_face():
    rng = np.random.default_rng(0)
    for name in AUGMENTATIONS:
        recipe = Recipe(augmentation=AUGMENTATIONS[name])
        for box in [(0, 0, 30, 30), (10.5, 3.2, 88.1, 99.9), (60, 60, 100, 100)]:
            for _ in range(10):
                crop = augmented_crop(noise_image(100, 100), box, DRAWN_LANDMARKS, recipe, rng)
                assert crop.shape == (192, 192, 3)
                assert crop.dtype == np.uint8
