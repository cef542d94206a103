"""The part of the view Models that compares: a table and charts, on the same pictures for all."""

import csv
import io
from collections.abc import Mapping, Sequence

import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.evaluate.compare import Comparison, in_common
from facetell.evaluate.found import FoundModel, FoundScores, file_of
from facetell.evaluate.metrics import Interval
from facetell.evaluate.numbers import NAMES
from facetell.evaluate.score import Score, ranking_of, reliability_of
from facetell.evaluate.subjects import unique_name
from facetell.evaluate.table import right_by_source

Row = dict[str, str | float | None]
COLUMNS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "precision": "precision",
    "fake_recall": "recall",
    "f1": "F1",
    "eer": "EER",
    "caught_at_1": "TPR at 1 % FPR",
}
"""Of the table, by the keys of NAMES."""
SPREAD = "AUC, 95 %"
HELP = {title: NAMES[key] for key, title in COLUMNS.items()} | {
    "ECE": "expected calibration error: how far p_fake is from the share of fakes",
    "MB": "size of the model file",
    "crops a second": "judged on one thread of this machine",
}


def show_comparison(tables: Sequence[FoundScores], models: Sequence[FoundModel]) -> None:
    left, right = st.columns([1, 3])
    way = left.selectbox("Measured on", list(dict.fromkeys(table.measured_on for table in tables)))
    named = _named([table for table in tables if table.measured_on == way])
    chosen = right.multiselect("Compare", list(named), list(named), key=f"compare {way}")
    if not chosen:
        st.info("Choose models to compare.", icon=":material/leaderboard:")
        return
    with parts.explained():
        scores = {name: named[name].scores for name in chosen}
        found, aligned = cached.compared(scores), in_common(scores)
        left_out = f" ({found.left_out} more were not judged by all)" if found.left_out else ""
        st.caption(
            f"The same {found.samples} pictures for all{left_out}. Decided by each model's "
            "own thresholds; uncertain is not called fake."
        )
        _show_table(found, {name: file_of(named[name], models) for name in chosen})
        _show_charts(found, aligned)


def _named(tables: Sequence[FoundScores]) -> dict[str, FoundScores]:
    """By model; the second of a name is told apart."""
    named: dict[str, FoundScores] = {}
    for table in tables:
        named[unique_name(table.model, named)] = table
    return named


def _show_table(found: Comparison, files: Mapping[str, FoundModel | None]) -> None:
    """files: the model file of each, where it is known."""
    filtered, timing, saved = st.columns([3, 2, 1], vertical_alignment="bottom")
    least = filtered.slider("Show from an AUC of", 0.0, 1.0, 0.0, 0.01)
    timed = timing.toggle("Measure the speed, too", help="One second for each model.")
    rows = [_row(name, found, model, timed=timed) for name, model in files.items()]
    rows.sort(key=lambda row: -float(row["AUC"] or 0))
    shown = [row for row in rows if float(row["AUC"] or 0) >= least]
    numbers = {
        title: st.column_config.NumberColumn(help=text, format="%.3f")
        for title, text in HELP.items()
    }
    numbers["MB"] = st.column_config.NumberColumn(help=HELP["MB"], format="%.1f")
    numbers["crops a second"] = st.column_config.NumberColumn(
        help=HELP["crops a second"], format="%.0f"
    )
    st.dataframe(shown, column_config=numbers, hide_index=True)
    saved.download_button(
        "Table (CSV)",
        _csv(shown),
        "models.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
        disabled=not shown,
    )


def _row(name: str, found: Comparison, model: FoundModel | None, *, timed: bool) -> Row:
    numbers = found.models[name]
    values = {title: numbers.values[key] for key, title in COLUMNS.items()}
    row: Row = {"model": name, "AUC": None, SPREAD: _spread(numbers.values["auc"])}
    row |= {title: None if value is None else value.value for title, value in values.items()}
    row |= {"ECE": numbers.ece, "MB": None if model is None else model.megabytes}
    if timed:
        row["crops a second"] = None if model is None else cached.speed(model)
    return row


def _spread(auc: Interval | None) -> str | None:
    """The interval in words, for a column of its own: that of the value is sorted by."""
    if auc is None:
        return None
    return f"{auc.low:.3f} to {auc.high:.3f}" + (", may be chance" if auc.may_be_chance else "")


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0] if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _show_charts(found: Comparison, scores: Mapping[str, Sequence[Score]]) -> None:
    """scores: of the samples that all judged."""
    curves, bars, matrices, trust, sources = st.tabs(
        ["ROC and precision-recall", "Bars", "Confusion", "Reliability", "By source"]
    )
    with curves:
        left, right = st.columns([3, 2])
        drawn = {
            name: curve for name, rows in scores.items() if (curve := ranking_of(rows).curve())
        }
        with left:
            parts.draw(charts.roc(drawn), "roc")
        with right:
            parts.draw(charts.precision_recall(drawn), "pr")
    with bars:
        keys = {title: key for key, title in COLUMNS.items()}
        title = st.selectbox("Number", list(keys))
        values = {name: numbers.values[keys[title]] for name, numbers in found.models.items()}
        known = {name: value for name, value in values.items() if value is not None}
        parts.draw(charts.bars(known, NAMES[keys[title]]), "bars")
        real = [f"{d.one} and {d.other}: {d.auc}" for d in found.differences if d.real]
        with st.expander(f"{len(real)} of {len(found.differences)} differences of AUC are real"):
            said = "\n".join(f"- {line}" for line in real)
            st.markdown(parts.without_pictures(said) or "All may be chance.")
    with matrices:
        columns = st.columns(3)
        for number, (name, numbers) in enumerate(found.models.items()):
            with columns[number % len(columns)]:
                parts.draw(charts.confusion(numbers, name), f"confusion {name}")
    with trust:
        parts.draw(
            charts.reliability({name: reliability_of(s) for name, s in scores.items()}),
            "reliability",
        )
    with sources:
        right_of = {name: right_by_source(rows) for name, rows in scores.items()}
        title = "Judged right: reals not called fake, fakes called fake"
        parts.draw(charts.heat_map(right_of, title, lowest=0), "sources")
        kinds = {
            name: {
                kind: None if (auc := aucs[name]) is None else auc.value
                for kind, aucs in found.kinds.items()
            }
            for name in found.models
        }
        parts.draw(charts.heat_map(kinds, "AUC by kind of fake", lowest=0.5), "kinds")
