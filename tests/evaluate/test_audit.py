"""Planted faults are found, and nothing else is."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facetell.data.manifest import Sample
from facetell.evaluate.audit import _leaking_metadata, audit, look_at
from facetell.evaluate.audit_page import audit_page
from facetell.evaluate.metrics import Interval
from facetell.evaluate.probe import metadata_scores
from tests.shared import SHARED, needs_shared, noise_image


def drawn(folder, count=40, quality=(85, 85), size=(64, 64)):
    """Real and fake pictures that differ in nothing but what is asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number in range(count):
        label = number % 2
        path = folder / f"{number:03}.jpg"
        image = Image.fromarray(noise_image(size[label], 64, number))
        image.save(path, quality=quality[label])
        split = ("train", "train", "train", "val", "test")[number // 2 % 5]
        samples.append(Sample(path, label, split, ("photos", "gan")[label], "", path.name))
    return samples


def looked_at(samples):
    return audit(samples, [look_at(sample.path) for sample in samples])


def checks(found):
    return {finding.check: (finding.serious, finding.count) for finding in found.findings}


def planted(samples, original, at, **changes):
    """Copy one sample's picture over another's path."""
    target = samples[at]
    target.path.write_bytes(samples[original].path.read_bytes())
    return samples


def png_header(width, height):
    """The first chunk of a PNG of such a size, and nothing of its pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


def test_a_clean_set_gives_no_finding(tmp_path):
    found = looked_at(drawn(tmp_path, 80))
    assert checks(found) == {}
    assert not found.serious
    assert found.probe < 0.7
    assert sum(row["pictures"] for row in found.counts) == 80


@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_files_that_all_lack_what_only_jpegs_have_are_audited(tmp_path, ending):
    samples = []
    for sample in drawn(tmp_path, 60):
        path = sample.path.with_suffix(ending)
        Image.open(sample.path).save(path)
        samples.append(replace(sample, path=path))
    assert 0.2 < looked_at(samples).probe < 0.8


def test_pictures_of_a_few_groups_have_no_probe(tmp_path):
    """Frames of two clips, as `data frames` makes them."""
    samples = [replace(s, group=f"clip {s.label}") for s in drawn(tmp_path, 80)]
    found = looked_at([replace(s, split="train") for s in samples])
    assert (found.probe, found.feature_aucs) == (None, {})


@pytest.mark.parametrize("damage", ["broken", "huge"])
def test_a_picture_that_breaks_its_reader_is_named_and_ends_nothing(tmp_path, damage):
    samples = drawn(tmp_path, 60)
    if damage == "huge":
        data = png_header(20_000, 20_000)
    else:
        whole = io.BytesIO()
        Image.fromarray(noise_image(300, 300, 1)).save(whole, "PNG", compress_level=0)
        data = whole.getvalue()
        second = data.index(b"IDAT", data.index(b"IDAT") + 4)
        data = data[:second] + b"I\x00AT" + data[second + 4 :]
    samples[0].path.write_bytes(data)
    found = looked_at(samples)
    assert checks(found)["unreadable"][1] == 1
    assert found.probe is not None


def test_an_exact_copy_across_labels_is_found(tmp_path):
    samples = planted(drawn(tmp_path), 0, 1)
    assert checks(looked_at(samples)) == {"exact duplicates across labels": (True, 1)}


def test_an_exact_copy_across_splits_is_found(tmp_path):
    samples = planted(drawn(tmp_path), 0, 6)  # train and val, both real
    assert checks(looked_at(samples)) == {"exact duplicates across splits": (True, 1)}


def test_a_copy_within_a_split_is_a_note(tmp_path):
    samples = planted(drawn(tmp_path), 0, 2)
    assert checks(looked_at(samples)) == {"exact duplicates within a split": (False, 1)}


def test_a_recompressed_copy_is_near(tmp_path):
    samples = drawn(tmp_path)
    Image.open(samples[0].path).resize((60, 60)).save(samples[8].path, quality=70)  # in test
    found = looked_at(samples)
    assert checks(found) == {"near duplicates across splits": (True, 1)}
    assert str(samples[8].path) in found.findings[0].examples[0]


def test_a_group_in_two_splits_is_found(tmp_path):
    samples = drawn(tmp_path)
    samples[6] = Sample(samples[6].path, 0, "val", "photos", "", samples[0].group)
    assert checks(looked_at(samples)) == {"group leaks": (True, 1)}


def test_unreadable_files_are_named(tmp_path):
    samples = drawn(tmp_path)
    samples[4].path.write_bytes(b"\xff\xd8\xff nothing")
    found = looked_at(samples)
    assert checks(found) == {"unreadable": (True, 1)}
    assert "004.jpg" in found.findings[0].examples[0]


@pytest.mark.parametrize(
    ("planted", "feature"),
    [({"quality": (95, 70)}, "JPEG quality"), ({"size": (64, 80)}, "height")],
)
def test_metadata_that_gives_the_label_away_is_named(tmp_path, planted, feature):
    found = looked_at(drawn(tmp_path, 80, **planted))
    assert "metadata gives the label away" in checks(found)
    assert found.probe > 0.9
    assert found.feature_aucs[feature] == 1.0


def test_imbalance_is_a_note_and_a_missing_label_is_serious(tmp_path):
    samples = drawn(tmp_path, 40)
    few = [s for n, s in enumerate(samples) if s.label == 0 or n in (1, 7, 9)]  # one per split
    missing = [s for s in samples if s.label == 0 or s.split == "train"]
    assert {f.serious for f in looked_at(few).findings if f.check == "imbalance"} == {False}
    assert {f.serious for f in looked_at(missing).findings if f.check == "imbalance"} == {True}


def test_real_sources_are_compared_with_each_other(tmp_path):
    one = drawn(tmp_path / "one", 60)
    other = [
        Sample(s.path, s.label, s.split, f"{s.source}2", "", f"2{s.group}")
        for s in drawn(tmp_path / "two", 60, quality=(60, 60))
    ]
    found = looked_at(one + other)
    assert list(found.floor) == ["photos / photos2"]
    assert found.floor["photos / photos2"] > 0.9


def test_the_page_is_self_contained_and_says_what_was_found(tmp_path):
    samples = planted(drawn(tmp_path), 0, 1)
    page = audit_page(looked_at(samples), samples, "drawn")
    assert "exact duplicates across labels" in page
    assert "Serious findings" in page
    assert "http" not in page
    assert "<script" not in page
    assert page.count('src="data:image/jpeg') == 24


@needs_shared
@pytest.mark.slow
def test_the_leaks_of_the_research_pictures_are_found():
    from facetell.data.manifest import read_manifest

    samples = read_manifest(SHARED / "faces" / "manifest.csv")
    found = looked_at(samples[::4])
    assert "metadata gives the label away" in checks(found)
    assert found.probe > 0.8
    assert "group leaks" not in checks(found)
    assert np.mean(list(found.floor.values())) > 0.8


@pytest.mark.parametrize("count", [40, 60])
def test_a_leak_in_few_pictures_is_found(tmp_path, count):
    found = looked_at(drawn(tmp_path, count, quality=(95, 60)))
    assert found.probe > 0.95
    assert checks(found)["metadata gives the label away"][0]


def test_what_may_be_chance_is_no_leak():
    assert list(_leaking_metadata(Interval(0.8, 0.45, 0.95), {})) == []
    (finding,) = _leaking_metadata(Interval(0.8, 0.65, 0.9), {})
    assert (finding.serious, "0.800 [0.650, 0.900]" in finding.message) == (True, True)


def test_nothing_is_said_of_metadata_where_nothing_can_be_learnt(tmp_path):
    samples = drawn(tmp_path, 40, quality=(95, 60))
    assert metadata_scores(samples[::2], samples) is None
    guesses = metadata_scores(samples[:20], samples[20:])
    assert min(guesses[1::2]) > max(guesses[::2])
