import numpy as np
import torch

from facetell.detect.crop import crop_face, to_tensor
from facetell.train.dataset import TrainingSamples, augmented_crop
from facetell.train.recipe import Recipe
from tests.shared import DRAWN_LANDMARKS, noise_image
from tests.train.tiny import drawn_cache, tiny_recipe


def test_sample_k_depends_on_its_number_and_the_seed_alone(tmp_path):
    cache = drawn_cache(tmp_path / "cache")
    whole = TrainingSamples(cache, tiny_recipe())
    later = TrainingSamples(cache, tiny_recipe(), first=100)
    other_seed = TrainingSamples(cache, tiny_recipe(seed=2))
    assert torch.equal(whole[107][0], later[7][0])
    assert not torch.equal(whole[107][0], other_seed[107][0])


def test_half_of_the_samples_are_fake(tmp_path):
    samples = TrainingSamples(drawn_cache(tmp_path / "cache"), tiny_recipe())
    labels = [float(samples[k][1]) for k in range(20)]
    assert labels == [0.0, 1.0] * 10


def test_same_tensor_in_training_and_inference(monkeypatch):
    """With nothing drawn by chance, the training crop is byte for byte what judging builds."""
    monkeypatch.setattr("facetell.train.dataset._jitter", lambda square, rng: square)
    monkeypatch.setattr("facetell.train.dataset.random_shrink", lambda image, rng, px: image)
    monkeypatch.setattr("facetell.train.dataset.random_path", lambda image, rng: image)

    class NoFlip:
        def random(self):
            return 0.9

    recipe = Recipe()
    image, box = noise_image(300, 400), (150.0, 80.0, 260.0, 220.0)
    landmarks = DRAWN_LANDMARKS + np.float32(130)
    trained = augmented_crop(image, box, landmarks, recipe, NoFlip())
    judged = crop_face(image, box, recipe.crop, landmarks)
    np.testing.assert_array_equal(
        to_tensor(trained[None], recipe.crop), to_tensor(judged[None], recipe.crop)
    )


def test_augmentation_keeps_the_crop_size_for_any_face(tmp_path):
    rng = np.random.default_rng(0)
    recipe = Recipe()
    for box in [(0, 0, 30, 30), (10.5, 3.2, 88.1, 99.9), (60, 60, 100, 100)]:
        for _ in range(10):
            crop = augmented_crop(noise_image(100, 100), box, DRAWN_LANDMARKS, recipe, rng)
            assert crop.shape == (192, 192, 3)
            assert crop.dtype == np.uint8
