from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facetell.data.hashes import difference_hash, fingerprint, heaps, joined, near_pairs
from facetell.data.manifest import Sample
from facetell.data.split import groups_by_pattern, groups_joined, split_samples
from facetell.errors import DataError
from tests.shared import noise_image


def drawn(count, source="s", group=lambda n: str(n)):
    return [
        Sample(Path(f"{source}-{n}.png"), n % 2, "train", source, "", f"{source}-{group(n)}")
        for n in range(count)
    ]


def test_shares_hold_for_every_label_and_source():
    divided = split_samples(drawn(200, "one") + drawn(100, "two"))
    counts = Counter((s.source, s.label, s.split) for s in divided)
    for label in (0, 1):
        assert [counts["one", label, split] for split in ("train", "val", "test")] == [80, 10, 10]
        assert [counts["two", label, split] for split in ("train", "val", "test")] == [40, 5, 5]


def test_sources_of_one_group_each_share_the_splits():
    """A folder for each clip: every clip is a source and, its frames being alike, a group."""
    clips = [
        Sample(Path(f"{clip}/{n}.png"), clip % 2, "train", f"source {clip}", "", f"clip {clip}")
        for clip in range(60)
        for n in range(4)
    ]
    counts = Counter((s.label, s.split) for s in split_samples(clips))
    for label in (0, 1):
        assert [counts[label, split] for split in ("train", "val", "test")] == [96, 12, 12]


@pytest.mark.parametrize("seed", range(4))
def test_a_source_of_large_groups_takes_no_share_of_another(seed):
    samples = [
        *(Sample(Path(f"r{n}"), 0, "train", "real", "", f"r{n}") for n in range(1000)),
        *(Sample(Path(f"s{n}"), 1, "train", "swap", "", f"s{n % 2}") for n in range(800)),
        *(Sample(Path(f"g{n}"), 1, "train", "gan", "", f"g{n}") for n in range(200)),
    ]
    divided = Counter(s.split for s in split_samples(samples, seed=seed) if s.source == "gan")
    assert divided == {"train": 160, "val": 20, "test": 20}


def test_a_group_is_never_divided():
    divided = split_samples(drawn(300, group=lambda n: n // 7))
    splits = {}
    for sample in divided:
        assert splits.setdefault(sample.group, sample.split) == sample.split
    assert set(splits.values()) == {"train", "val", "test"}


def test_the_split_hangs_on_names_and_seed_and_not_on_order():
    samples = drawn(100)
    one = {s.path: s.split for s in split_samples(samples)}
    assert {s.path: s.split for s in split_samples(samples[::-1])} == one
    assert {s.path: s.split for s in split_samples(samples, seed=1)} != one


def test_impossible_divisions_are_refused():
    with pytest.raises(DataError, match="groups"):
        split_samples(drawn(10, group=lambda n: 0))
    with pytest.raises(DataError, match="leave nothing for val"):
        split_samples(drawn(6))
    with pytest.raises(DataError, match="no division"):
        split_samples(drawn(10), shares=(1, -1, 1))


def test_groups_are_found_in_file_names():
    samples = [Sample(Path(f"{name}.jpg"), 0, "train", "s", "", name)
               for name in ("ann_001", "ann_002", "bob_001", "other")]  # fmt: skip
    groups = [s.group for s in groups_by_pattern(samples, r"^(\w+)_\d+")]
    assert groups == ["ann", "ann", "bob", "other"]
    with pytest.raises(DataError, match="not valid"):
        groups_by_pattern(samples, "(")


def test_a_parenthesis_that_takes_no_part_finds_no_group():
    samples = [Sample(Path(name), 0, "train", "s", "", name)
               for name in ("ann_frame1.jpg", "ann_frame2.jpg", "frame2.jpg")]  # fmt: skip
    groups = [s.group for s in groups_by_pattern(samples, r"^(?:(\w+)_)?frame")]
    assert groups == ["ann", "ann", "frame2.jpg"]


def test_a_pattern_leaves_together_what_the_manifest_has_together():
    listed = [("ann_001", "clip"), ("bob_001", "clip"), ("1", "carl"), ("2", "carl")]
    samples = [Sample(Path(f"{name}.jpg"), 0, "train", "s", "", group) for name, group in listed]
    groups = [s.group for s in groups_by_pattern(samples, r"^(\w+)_\d+")]
    assert groups == ["ann", "ann", "carl", "carl"]


def test_near_duplicates_merge_their_groups_whatever_their_order():
    samples = drawn(4)
    merged = groups_joined(samples, [0, 1, 0, 3])
    assert [s.group for s in merged] == ["s-0", "s-1", "s-0", "s-3"]
    merged = groups_joined(samples[::-1], [3, 0, 1, 0])
    assert [s.group for s in merged] == ["s-3", "s-0", "s-1", "s-0"]


def test_a_copy_looks_the_same_and_another_picture_does_not(tmp_path):
    image = Image.fromarray(noise_image(200, 300))
    image.save(tmp_path / "a.png")
    image.resize((150, 100)).save(tmp_path / "b.jpg", quality=60)
    Image.fromarray(noise_image(200, 300, 1)).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_bytes((tmp_path / "c.png").read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG nothing")
    names = ("a.png", "b.jpg", "c.png", "d.png", "broken.png")
    prints = [fingerprint(tmp_path / name) for name in names]
    assert heaps(prints) == [0, 0, 2, 2, 4]
    assert prints[4].problem
    assert prints[2].sha256 == prints[3].sha256


def test_even_pictures_are_not_duplicates_of_each_other():
    assert difference_hash(Image.new("RGB", (50, 50), "white")) is None


def test_near_pairs_are_those_that_differ_in_few_bits():
    rng = np.random.default_rng(0)
    looks = [int(v) for v in rng.integers(0, 2**63, 300)]
    for bits in (1, 3, 4):
        changed = looks[5]
        for bit in rng.choice(64, bits, replace=False):
            changed ^= 1 << int(bit)
        expected = [(5, 300)] if bits <= 3 else []
        assert near_pairs([*looks, changed, None]) == expected


def test_what_belongs_together_is_one_heap():
    assert joined(6, [(4, 5), (0, 1), (5, 1)]) == [0, 0, 2, 3, 0, 0]
