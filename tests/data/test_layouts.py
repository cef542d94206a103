import os

import pytest
from PIL import Image

from facetell.data.layouts import find_datasets, read_dataset
from facetell.data.manifest import LABELS, read_manifest, write_manifest
from facetell.errors import DataError


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / path)
    return root


def seen(dataset):
    return sorted((s.path.name, s.label, s.split, s.source) for s in dataset.samples)


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        ("Train/Real/a.png", "Validation/Fake/b.png"),
        ("training_real/a.png", "valid_fake/b.png"),
        ("data/TRAIN/0_real/a.png", "data/val/1_fake/b.png"),
        (
            "real_vs_fake/real-vs-fake/train/real/a.png",
            "real_vs_fake/real-vs-fake/valid/fake/b.png",
        ),
        ("deepfake and real images/Train/Real/a.png", "deepfake and real images/Val/Fake/b.png"),
        ("Real/train/a.png", "Generated/dev/b.png"),
    ],
)
def test_common_trees_are_recognised(tmp_path, real, fake):
    dataset = read_dataset(tree(tmp_path, real, fake))
    assert [row[:3] for row in seen(dataset)] == [("a.png", 0, "train"), ("b.png", 1, "val")]


def test_what_holds_labelled_pictures_is_found(tmp_path):
    tree(tmp_path, "faces/real/a.png", "faces/fake/b.png", "kaggle/Train/Real/a.png")
    tree(tmp_path, "kaggle/Validation/Fake/b.png", "runs/mine/real/a.png", "1/2/3/4/real/a.png")
    tree(tmp_path, "1/2/3/4/fake/a.png", "listed/real/a.png", "listed/fake/a.png")
    write_manifest(read_dataset(tmp_path / "faces").samples, tmp_path / "faces.csv")
    write_manifest(read_dataset(tmp_path / "faces").samples, tmp_path / "listed" / "manifest.csv")
    (tmp_path / "runs" / "scores.csv").write_text("path,label,p_fake\n")
    (tmp_path / "runs" / "damaged.csv").write_bytes(b"path,label\xff\n")
    found = list(find_datasets(tmp_path))
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["faces.csv", "faces", "kaggle", "listed/manifest.csv"]
    assert all(read_dataset(path).samples for path in found)
    assert list(find_datasets(tmp_path / "gone")) == []


def test_without_splits_all_are_train_and_it_is_said(tmp_path):
    dataset = read_dataset(tree(tmp_path, "real/a.png", "fake/b.png"))
    assert {s.split for s in dataset.samples} == {"train"}
    assert "no split" in dataset.recognised
    assert "1 real, 1 fake" in dataset.recognised


def test_a_folder_below_the_label_is_the_source(tmp_path):
    dataset = read_dataset(tree(tmp_path, "fake/stylegan/a.png", "real/b.png"))
    assert [row[3] for row in seen(dataset)] == ["stylegan", "real"]


def test_the_name_of_a_source_is_not_taken_for_a_split_or_a_label(tmp_path):
    dataset = read_dataset(
        tree(tmp_path, "train/fake/flux1_dev/a.png", "train/fake/real_swapped/b.png")
    )
    assert seen(dataset) == [
        ("a.png", 1, "train", "flux1_dev"),
        ("b.png", 1, "train", "real_swapped"),
    ]


def test_folders_that_contradict_each_other_are_an_error(tmp_path):
    with pytest.raises(DataError, match="no label"):
        read_dataset(tree(tmp_path, "real/fake/a.png"))


def test_a_split_that_is_called_otherwise_is_not_taken_for_train(tmp_path):
    paths = [f"{split}/{label}/a.png" for split in ("train", "test_compressed") for label in LABELS]
    with pytest.raises(DataError, match=r"test_compressed/(real|fake) \(1\).* none"):
        read_dataset(tree(tmp_path, *paths))


@pytest.mark.parametrize("folder", ["not_fake", "non_ai"])
def test_what_is_not_fake_is_not_taken_for_fake(folder, tmp_path):
    with pytest.raises(DataError, match=folder):
        read_dataset(tree(tmp_path, "fake/a.png", f"{folder}/b.png"))


def test_a_negation_denies_the_word_behind_it_alone(tmp_path):
    paths = ["real_no_mask/a.png", "fake_no_mask/b.png", "fake_with_mask/c.png"]
    labels = {s.path.name: s.label for s in read_dataset(tree(tmp_path, *paths)).samples}
    assert labels == {"a.png": 0, "b.png": 1, "c.png": 1}


def test_a_damaged_picture_is_not_lost(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.png")
    (tmp_path / "fake" / "c.JPG").write_bytes(b"cut short")
    assert [row[0] for row in seen(read_dataset(tmp_path))] == ["a.png", "b.png", "c.JPG"]


def test_a_name_that_no_manifest_can_hold_is_told_at_once(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.png")
    try:
        (tmp_path / "real" / os.fsdecode(b"b\xe4d.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system does not take such a name")
    with pytest.raises(DataError, match=r"not UTF-8, such as b'.*b\\xe4d.png'") as refused:
        read_dataset(tmp_path)
    assert refused.value.hint == "rename them"


def test_other_files_are_left_alone(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.png")
    (tmp_path / "README.md").write_text("About this data")
    assert len(read_dataset(tmp_path).samples) == 2


def test_an_unknown_folder_is_an_error_that_shows_what_is_accepted(tmp_path):
    with pytest.raises(DataError, match="cats") as refused:
        read_dataset(tree(tmp_path, "real/a.png", "cats/b.png"))
    assert "training_fake" in refused.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        read_dataset(tmp_path / "empty")


def test_a_written_manifest_is_read_as_it_was(tmp_path):
    samples = read_dataset(tree(tmp_path / "data", "real/a.png", "fake/gan/b.png")).samples
    write_manifest(samples, tmp_path / "lists" / "manifest.csv")
    again = read_manifest(tmp_path / "lists" / "manifest.csv")
    assert [(s.path.resolve(), s.label, s.source, s.group) for s in again] == [
        (s.path.resolve(), s.label, s.source, s.group) for s in samples
    ]
    assert read_dataset(tmp_path / "lists").recognised.startswith(str(tmp_path))


def test_a_picture_linked_into_two_splits_is_in_both(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "real").mkdir(parents=True)
    (tmp_path / "train" / "real" / "a.jpg").write_bytes(b"a")
    try:
        (tmp_path / "test" / "real" / "b.jpg").symlink_to(tmp_path / "train" / "real" / "a.jpg")
    except OSError:
        pytest.skip("no links on this file system")
    assert sorted(s.split for s in read_dataset(tmp_path).samples) == ["test", "train"]
