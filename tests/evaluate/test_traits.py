import dataclasses

import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed")

from facetell.errors import DataError
from facetell.evaluate.traits import by_trait, read_traits, traits_table
from tests.evaluate.test_table import score, unjudged

SCORES = [
    *(score(n, 0, 3 if n < 5 else -3) for n in range(50)),  # of the first 25 reals, 5 called fake
    *(score(100 + n, 1, 3, "gan", "gan") for n in range(30)),
    unjudged(200, 0, "no_face"),
]


def table(path, ages):
    lines = [f"somewhere/{name},{age},x" for name, age in ages.items()]
    path.write_text("\n".join(["path,age,note", *lines]), encoding="utf-8")
    return read_traits(path)


def test_false_alarms_and_catches_are_counted_by_group(tmp_path):
    ages = {f"{n}.jpg": "young" if n < 25 else "old" for n in range(50)}
    ages |= {f"{100 + n}.jpg": "young" for n in range(30)}
    rows = by_trait(SCORES, table(tmp_path / "t.csv", ages))
    assert [(row.column, row.value) for row in rows] == [
        ("age", "old"),
        ("age", "young"),
        ("note", "x"),
    ]
    old, young, everyone = rows
    assert (young.reals, young.fakes, young.reals_called_fake.value) == (25, 30, 0.2)
    assert young.reals_called_fake.low < 0.2 < young.reals_called_fake.high
    assert young.fakes_called_fake.value == 1
    assert (old.reals_called_fake.value, old.fakes_called_fake) == (0, None)
    assert everyone.reals == 50
    head, lines = traits_table(rows)
    assert len(head) == len(lines[0])
    assert lines[0][-1] == "-"


def test_of_reals_that_are_not_there_none_is_uncertain_and_none_is_not(tmp_path):
    fakes = {f"{100 + n}.jpg": "young" for n in range(30)}
    row, _ = by_trait(SCORES, table(tmp_path / "t.csv", fakes))
    assert (row.reals, row.reals_uncertain) == (0, None)
    assert traits_table([row])[1][0][4] == "-"


def test_small_groups_say_nothing(tmp_path):
    ages = {f"{n}.jpg": "few" if n < 19 else "" for n in range(50)}
    rows = by_trait(SCORES, table(tmp_path / "t.csv", ages))
    assert [(row.column, row.value) for row in rows] == [("note", "x")]


def test_a_table_of_other_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="names none"):
        by_trait(SCORES, table(tmp_path / "t.csv", {"other.jpg": "young"}))
    (tmp_path / "empty.csv").write_text("path\n1.jpg\n")
    with pytest.raises(DataError, match="says nothing"):
        read_traits(tmp_path / "empty.csv")


def test_the_same_name_in_another_folder_is_the_same_picture(tmp_path):
    moved = [dataclasses.replace(s, path=f"deep/er/{s.path}") for s in SCORES]
    ages = {f"{n}.jpg": "a" for n in range(50)}
    assert by_trait(moved, table(tmp_path / "t.csv", ages))[0].reals == 50


def test_pictures_of_one_name_are_refused_and_not_mixed_up(tmp_path):
    traits = table(tmp_path / "t.csv", {f"{n}.jpg": "old" for n in range(50)})
    twice = [*SCORES, dataclasses.replace(SCORES[0], path="elsewhere/0.jpg")]
    with pytest.raises(DataError, match=r"2 of the pictures are called 0\.jpg"):
        by_trait(twice, traits)


def test_pictures_of_one_name_are_told_apart_by_their_paths(tmp_path):
    lines = [f"{folder}/{n}.jpg,{folder}" for folder in ("young", "old") for n in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["path,age", *lines]))
    scores = [
        dataclasses.replace(score(n, 0, odds), path=f"{folder}/{n}.jpg")
        for folder, odds in (("young", 3), ("old", -3))
        for n in range(20)
    ]
    old, young = by_trait(scores, read_traits(tmp_path / "t.csv"))
    assert (old.reals_called_fake.value, young.reals_called_fake.value) == (0, 1)


def test_rows_of_one_name_count_as_far_as_they_agree(tmp_path):
    (tmp_path / "t.csv").write_text("path,age,sex\na/1.jpg,old,f\nb/1.jpg,young,f\n")
    assert read_traits(tmp_path / "t.csv")["1.jpg"] == {"sex": "f"}
