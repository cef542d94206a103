import dataclasses
import math

import pytest

pytest.importorskip("sklearn", reason="the training extra is not installed")

from facetell.errors import DataError
from facetell.evaluate.comparisons import comparisons
from facetell.evaluate.numbers import numbers
from facetell.evaluate.score import Score, read_scores, write_scores
from facetell.evaluate.table import as_markdown, right_by_source, summarise


def verdict_of(log_odds):
    if abs(log_odds) <= 1:
        return "uncertain"
    return "fake" if log_odds > 0 else "real"


def score(number, label, log_odds, source="ffhq256_140k", generator=""):
    return Score(
        path=f"{number}.jpg",
        label=label,
        split="test",
        source=source,
        generator=generator,
        group=str(number),
        tier="clean",
        status="ok",
        log_odds=log_odds,
        p_fake=1 / (1 + math.exp(-log_odds)),
        verdict=verdict_of(log_odds),
        face_px=90.0,
    )


def unjudged(number, label, status):
    blank = {"log_odds": None, "p_fake": None, "verdict": None, "face_px": None}
    return dataclasses.replace(score(number, label, 0.0), status=status, **blank)


def drawn():
    reals = [score(n, 0, v) for n, v in enumerate([-3, -2, -1.5, 0, 2])]
    fakes = [
        score(10 + n, 1, v, "stylegan1_140k", "stylegan1") for n, v in enumerate([3, 2, 4, 0.5])
    ]
    swaps = [score(20 + n, 1, v, "dfdc_face224", "dfdc_swap") for n, v in enumerate([-2, 2])]
    return [*reals, *fakes, *swaps, unjudged(30, 1, "no_face"), unjudged(31, 0, "error")]


def test_only_comparisons_with_both_sides_are_made():
    names = [c.name for c in comparisons(drawn())]
    assert "stylegan1_140k / ffhq256_140k" in names
    assert "face swaps / their originals" not in names  # the originals are missing


def test_every_kind_of_fake_has_a_row_of_its_own():
    """Also the one of which nobody says what made it, and one that is called like another."""

    def named(*kinds):
        rows = [score(n, 1, 2.0, *kind) for n, kind in enumerate(kinds)]
        return [c.name.partition(" / ")[0] for c in comparisons([*rows, score(9, 0, -2.0)])]

    assert named(("a", "gan"), ("midjourney", "")) == ["gan", "midjourney", "all fakes"]
    assert named(("a", "gan"), ("gan", "")) == ["gan", "gan (another)", "all fakes"]
    assert named(("swaps", "dfdc_swap"), ("web", ""))[-2:] == ["web", "all fakes"]
    assert named(("fake", "")) == ["all fakes"]


def test_the_pair_is_counted_with_its_verdicts():
    summary = summarise(drawn())
    pair = next(r for r in summary.comparisons if r.name == "stylegan1_140k / ffhq256_140k")
    assert (pair.fakes, pair.reals) == (4, 5)
    assert pair.auc.value == pytest.approx(18.5 / 20)
    assert (pair.called_real, pair.uncertain, pair.called_fake) == (0, 0.25, 0.75)
    (real,) = summary.reals
    assert (real.called_fake, real.uncertain, real.called_real) == (0.2, 0.2, 0.6)


def markdown(scores):
    return as_markdown(summarise(scores), numbers(scores))


def test_the_head_tells_what_has_no_score_what_is_uncertain_and_what_is_wrong():
    text = markdown(drawn())
    assert "\n13 pictures; without a score: 1 error, 1 no_face." in text
    assert "; uncertain 18.2%; wrong of the decided 22.2%." in text


def test_where_nothing_is_decided_nothing_is_said_of_the_decided():
    text = markdown([score(n, n % 2, 0.0) for n in range(4)])
    assert "; uncertain 100.0%; wrong of the decided not defined." in text


def test_the_metadata_column_judges_the_same_samples():
    known = {s.path: float(s.label) for s in drawn()}
    rows = summarise(drawn(), known).comparisons
    assert {row.metadata_auc for row in rows} == {1.0}


def test_the_markdown_names_every_row():
    text = markdown(drawn())
    assert "| stylegan1_140k / ffhq256_140k | 4 / 5 | 0.925 [" in text
    assert "| ffhq256_140k | 5 | 20.0% | 20.0% | 60.0% |" in text


def test_mean_and_worst_are_told_over_generators_and_over_real_sources():
    others = [score(40 + n, 1, v, "faces", "portrait_maker") for n, v in enumerate([-1.7, -1.6])]
    street = [score(50 + n, 0, v, "street") for n, v in enumerate([3, -3])]
    scores = [*drawn(), *others, *street]
    summary = summarise(scores)
    generators, reals = summary.mean_and_worst
    assert "2 kinds of fakes, each alone" in generators
    assert "(portrait_maker / real photos)" in generators
    assert reals == (
        "2 real sources: 35.0% called fake on average, worst 50.0% (street, 2 pictures)"
    )
    assert f"- {reals}" in markdown(scores)
    assert summarise(drawn()).mean_and_worst == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, "label 2"),
        ({"p_fake": None}, "no score"),
        ({"log_odds": None}, "no score"),
        ({"p_fake": 95}, "p_fake 95.0 is no probability"),
        ({"p_fake": math.nan}, "p_fake nan is no probability"),
        ({"log_odds": math.nan}, "log_odds nan is no number"),
        ({"log_odds": math.inf}, "log_odds inf is no number"),
        ({"status": "OK"}, "'OK' is not a valid Status"),
        ({"verdict": "FAKE"}, "'FAKE' is not a valid Verdict"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_file_and_path(tmp_path, changes, message):
    write_scores([dataclasses.replace(drawn()[0], **changes)], tmp_path / "scores.csv")
    with pytest.raises(DataError, match=message) as refused:
        read_scores(tmp_path / "scores.csv")
    assert "scores.csv, row of 0.jpg: " in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_score_table_is_read_as_it_was_written(tmp_path, ending):
    write_scores(drawn(), tmp_path / f"scores.{ending}")
    assert read_scores(tmp_path / f"scores.{ending}") == [
        dataclasses.replace(s, status=str(s.status)) for s in drawn()
    ]


def test_a_foreign_table_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no score table"):
        read_scores(tmp_path / "other.csv")


def test_by_source_a_real_is_right_unless_called_fake_and_a_fake_if_called_fake():
    judged = [s for s in drawn() if s.status == "ok"]
    assert right_by_source(judged) == {
        "fake: dfdc_face224": 0.5,
        "fake: stylegan1_140k": 0.75,
        "real: ffhq256_140k": 0.8,
    }


def test_fakes_of_which_only_the_folder_is_known_are_told_apart_by_it():
    real = [score(n, 0, -2, "real") for n in range(3)]
    one, other = [score(9, 1, 2, "stylegan")], [score(10, 1, -2, "sdxl")]
    names = [c.name for c in comparisons(real + one + other)]
    assert names == ["sdxl / real photos", "stylegan / real photos", "all fakes / all reals"]
    assert [c.name for c in comparisons(real + one)] == ["all fakes / all reals"]
