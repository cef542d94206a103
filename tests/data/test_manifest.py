import pytest

from facetell.data.manifest import read_manifest
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
        ("path,label\nx.jpg,real\n", "no column split, source"),
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
