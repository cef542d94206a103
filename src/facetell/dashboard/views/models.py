"""Models: all that lie in the folders, compared on the same pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.data.degrade import TIERS
from facetell.data.layouts import split_of
from facetell.data.manifest import SPLITS, Sample, capped
from facetell.evaluate.card_page import card_markdown
from facetell.evaluate.compare import Comparison, in_common
from facetell.evaluate.found import FoundModel, FoundScores, file_of
from facetell.evaluate.numbers import NAMES
from facetell.evaluate.runs import Run
from facetell.evaluate.score import Score, ranking_of, reliability_of
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
HELP = {title: NAMES[key] for key, title in COLUMNS.items()} | {
    "ECE": "expected calibration error: how far p_fake is from the share of fakes",
    "MB": "size of the model file",
    "crops a second": "judged on one thread of this machine",
}
MEASURED = "measured"
"""Tables of this session, in its state."""


def show(folders: Sequence[Path]) -> None:
    st.title("Models")
    models, found = cached.models(folders), cached.scores(folders)
    runs = cached.runs(folders)
    _show_what_lies(models, runs, folders)
    _show_measuring(folders)
    measured: list[FoundScores] = st.session_state.get(MEASURED, [])
    tables = [*measured, *(table for table in found if not table.problem)]
    if tables:
        _show_comparison(tables, models)
    else:
        st.info(
            "No evaluation was found. Measure here, above; or on the command line with "
            "facetell evaluate --data DATA --out FOLDER, and give that folder to the dashboard.",
            icon=":material/query_stats:",
        )
    st.subheader("Each model and run")
    cards, robustness, training = st.tabs(["Cards", "Robustness", "Training curves"])
    with robustness:
        _show_robustness(models)
    with training:
        _show_training(runs, folders)
    with cards:
        _show_card(models)
    _show_broken(models, found, runs)


def _show_what_lies(
    models: Sequence[FoundModel], runs: Sequence[Run], folders: Sequence[Path]
) -> None:
    usable = sum(model.problem is None for model in models)
    where = ", ".join(str(folder) for folder in folders)
    if where:
        st.caption(
            f"{usable} models and {len(runs)} runs in {where}, with the model inside facetell."
        )
    else:
        st.caption(
            "The model inside facetell. To see runs and models of your own, name their "
            "folders: facetell dashboard runs/ models/"
        )


# Measured here


def _show_measuring(folders: Sequence[Path]) -> None:
    with st.expander("Measure on labelled pictures", icon=":material/straighten:"):
        models = parts.usable(folders)
        path = parts.data_wanted(folders)
        first, second, third = st.columns(3)
        split = first.selectbox("Split", SPLITS, index=SPLITS.index("test"))
        tier = second.selectbox(
            "Tier",
            list(TIERS),
            index=list(TIERS).index("web"),
            help="How the pictures are degraded before they are judged.",
        )
        most = third.number_input("Pictures of a source, at most", 1, value=20)
        chosen = st.multiselect(
            "Models to measure", models, models[:1], format_func=lambda model: model.name
        )
        if not st.button("Measure", disabled=path is None or not chosen) or path is None:
            return
        with parts.explained():
            samples = capped(split_of([path], split), most)
            for model in chosen:
                _measure(model, samples, f"{path.name} {split}", tier)


def _measure(model: FoundModel, samples: Sequence[Sample], on: str, tier: str) -> None:
    """Adds a table to those of this session."""
    words = f"Measuring {model.name} on {len(samples)} pictures…"
    bar = st.progress(0.0, words)
    scores = cached.measured(model, samples, tier, lambda share: bar.progress(share, words))
    bar.empty()
    made = FoundScores(model.name, model.path, on, tier, scores)
    tables: list[FoundScores] = st.session_state.setdefault(MEASURED, [])
    if made not in tables:
        tables.insert(0, made)


# Compared


def _show_comparison(tables: Sequence[FoundScores], models: Sequence[FoundModel]) -> None:
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
        taken = sum(name.partition("~")[0] == table.model for name in named)
        named[f"{table.model}~{taken + 1}" if taken else table.model] = table
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
    row: Row = {"model": name}
    row |= {title: None if value is None else value.value for title, value in values.items()}
    row |= {"ECE": numbers.ece, "MB": None if model is None else model.path.stat().st_size / 1e6}
    if timed:
        row["crops a second"] = None if model is None else cached.speed(model)
    return row


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
            st.markdown("\n".join(f"- {line}" for line in real) or "All may be chance.")
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


# Models and runs by themselves


def _show_robustness(models: Sequence[FoundModel]) -> None:
    cards = {m.name: m.card.robustness for m in models if m.card and m.card.robustness}
    if not cards:
        st.info(
            "No model here has a robustness card: facetell stress MODEL --data DATA --out FOLDER "
            "--into-card measures one.",
            icon=":material/tune:",
        )
        return
    kinds = list(dict.fromkeys(row.kind for rows in cards.values() for row in rows[1:]))
    columns = st.columns(3)
    for number, kind in enumerate(kinds):
        with columns[number % len(columns)]:
            parts.draw(charts.robustness(cards, kind), f"robustness {kind}")


def _show_training(runs: Sequence[Run], folders: Sequence[Path]) -> None:
    known = {_run_name(run, folders): run for run in runs if not run.problem}
    if not known:
        st.info("No run was found: facetell train makes one.", icon=":material/model_training:")
        return
    chosen = st.multiselect("Runs", list(known), list(known)[:4])
    drawn = {name: known[name] for name in chosen}
    left, right = st.columns([2, 3])
    with left:
        parts.draw(charts.losses(drawn), "losses")
    with right:
        parts.draw(charts.aucs(drawn), "aucs")
    st.dataframe(
        [
            {
                "run": name,
                "architecture": str(run.recipe.get("architecture", "face finder")),
                "state": run.state,
                "steps": run.steps,
                "best AUC on val": run.best_auc,
            }
            for name, run in known.items()
        ],
        hide_index=True,
        column_config={"best AUC on val": st.column_config.NumberColumn(format="%.3f")},
    )


def _run_name(run: Run, folders: Sequence[Path]) -> str:
    inside = [run.folder.relative_to(f) for f in folders if run.folder.is_relative_to(f)]
    return str(inside[0]) if inside and inside[0].parts else run.folder.name


def _show_card(models: Sequence[FoundModel]) -> None:
    with_card = [model for model in models if model.card]
    model = st.selectbox("Card of", with_card, format_func=lambda model: model.name)
    if model is None or model.card is None:
        return
    megabytes = model.path.stat().st_size / 1e6
    st.markdown(card_markdown(model.card, model.sha256, megabytes))
    st.download_button(
        "Card (JSON)",
        model.card.model_dump_json(indent=2),
        f"{model.name}.json",
        "application/json",
        on_click="ignore",
        icon=":material/data_object:",
    )


def _show_broken(
    models: Sequence[FoundModel], tables: Sequence[FoundScores], runs: Sequence[Run]
) -> None:
    problems = [(run.folder, "run", run.problem) for run in runs if run.problem]
    problems += [
        (one.path, what, one.problem)
        for what, found in (("model file", models), ("table of scores", tables))
        for one in found
        if one.problem
    ]
    if problems:
        st.subheader("Broken")
        for path, what, problem in problems:
            st.warning(f"**{path.name}** ({what}): {problem}", icon=":material/broken_image:")
