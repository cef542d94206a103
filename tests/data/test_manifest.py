from dataclasses import replace
from pathlib import Path

import pytest

from facetell.data.layouts import read_dataset
from facetell.data.manifest import (
    Sample,
    groups_apart,
    groups_of_both,
    read_manifest,
    write_manifest,
)
from facetell.errors import DataError
from tests.shared import SHARED, needs_shared


def manifest(folder, text):
    path = folder / "manifest.csv"
    path.write_text(text)
    return path


def test_a_manifest_gives_samples_with_paths_beside_it(tmp_path):
    head = "path,label,split,source,generator,group\n"
    text = head + "a/b.jpg,fake,val,s1,gan,g7\nc.png,real,test,s2,,\n"
    first, second = read_manifest(manifest(tmp_path, text))
    assert (first.path, first.label, first.split) == (tmp_path / "a/b.jpg", 1, "val")
    assert (first.source, first.generator, first.group) == ("s1", "gan", "g7")
    assert (second.label, second.generator, second.group) == (0, "", "c.png")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("path,split\nx.jpg,train\n", "no column label"),
        ("path,label\nx.jpg,1\n", ":2: label '1'"),
        ("path,label\nx\0.jpg,real\n", ":2: the path holds a NUL"),
        ("path,label,split,source\nx.jpg,maybe,train,s\n", ":2: label 'maybe'"),
        ("path,label,split,source\nx.jpg,real,holdout,s\n", ":2: split 'holdout'"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_place(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_manifest(manifest(tmp_path, text))


def test_a_missing_manifest_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")


@needs_shared
def test_the_research_manifest_is_read_with_splits_disjoint_by_group():
    samples = read_manifest(SHARED / "faces" / "manifest.csv")
    splits_of = {}
    for sample in samples:
        splits_of.setdefault(sample.group, set()).add(sample.split)
    assert len(samples) == 13650
    assert all(len(splits) == 1 for splits in splits_of.values())


def test_split_source_and_group_may_be_missing(tmp_path):
    (only,) = read_manifest(manifest(tmp_path, "path,label\na.jpg,fake\n"))
    assert (only.split, only.source, only.group) == ("train", "fake", "a.jpg")


@pytest.mark.parametrize(
    ("name", "split"), [("testing", "test"), ("Dev", "val"), ("trn", "train"), ("faces", "train")]
)
def test_a_manifest_is_of_the_split_that_its_name_says_as_folders_are(name, split, tmp_path):
    path = tmp_path / f"{name}.csv"
    path.write_text("path,label\na.jpg,real\n")
    assert [sample.split for sample in read_manifest(path)] == [split]


def test_groups_that_nobody_named_do_not_mix():
    """Two data sets may have a picture at the same place each; a name is meant."""
    unnamed = [Sample(Path(folder) / "faces/1.jpg", 0, "train", "s", "", "faces/1.jpg")
               for folder in ("a", "b")]  # fmt: skip
    named = [replace(sample, group="ann") for sample in unnamed]
    alone, other, *together = groups_apart([*unnamed, *named])
    assert alone.group != other.group
    assert together == named
    assert groups_apart(unnamed[:1]) == unnamed[:1]
    assert groups_of_both(unnamed[:1], unnamed[1:]) == set()
    assert groups_of_both(named[:1], named[1:]) == {"ann"}


def test_a_parquet_manifest_is_read_like_a_csv_one(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="the training extra is not installed")
    from pyarrow import parquet

    columns = {"path": ["a.jpg", "b.jpg"], "label": ["real", "fake"], "group": ["g", None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "manifest.parquet")
    samples = read_manifest(tmp_path / "manifest.parquet")
    assert [(s.path.name, s.label, s.group) for s in samples] == [
        ("a.jpg", 0, "g"),
        ("b.jpg", 1, "b.jpg"),
    ]
    assert read_dataset(tmp_path).samples == samples
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_manifest(tmp_path / "broken.parquet")


def test_the_lists_of_the_140k_set_are_understood_as_they_are(tmp_path):
    """Their label is 1 for real; beside it stands a word. Paths are relative to a folder below."""
    for name in ("train/real/31355.jpg", "train/fake/0B3GSS0SBE.jpg"):
        picture = tmp_path / "real_vs_fake" / "real-vs-fake" / name
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()
    (tmp_path / "valid.csv").write_text(
        ",original_path,id,label,label_str,path\n"
        "0,/kaggle/input/31355.jpg,31355,1,real,train/real/31355.jpg\n"
        "1,/kaggle/input/x.jpg,0B3GSS0SBE,0,fake,train/fake/0B3GSS0SBE.jpg\n"
    )
    samples = read_manifest(tmp_path / "valid.csv")
    assert [(s.label, s.split, s.path.is_file()) for s in samples] == [
        (0, "val", True),
        (1, "val", True),
    ]


def test_a_manifest_in_a_linked_folder_names_its_pictures(tmp_path):
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    try:
        (tmp_path / "home" / "out").symlink_to(tmp_path / "disk" / "deep")
    except OSError:
        pytest.skip("this system makes no links")
    picture = tmp_path / "home" / "a.png"
    picture.write_bytes(b"")
    listing = tmp_path / "home" / "out" / "manifest.csv"
    write_manifest([Sample(picture, 0, "train", "s", "", "g")], listing)
    assert read_manifest(listing)[0].path.exists()
