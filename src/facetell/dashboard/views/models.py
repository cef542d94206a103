"""Models: all that lie in the folders, compared on the same pictures."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.dashboard.views.comparison import show_comparison
from facetell.data.degrade import TIERS
from facetell.data.layouts import split_of
from facetell.data.manifest import SPLITS, Sample, capped
from facetell.evaluate.card_page import card_markdown
from facetell.evaluate.found import FoundModel, FoundScores
from facetell.evaluate.runs import Run
from facetell.evaluate.subjects import unique_name

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
        show_comparison(tables, models)
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
    where = parts.without_pictures(", ".join(str(folder) for folder in folders))
    if where:
        st.caption(
            f"{usable} models and {len(runs)} runs in {where}, with the model inside facetell."
        )
    else:
        st.caption(
            "The model inside facetell. To see runs and models of your own, name their "
            "folders: facetell dashboard runs/ models/"
        )


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
    words = parts.without_pictures(f"Measuring {model.name} on {len(samples)} pictures…")
    bar = st.progress(0.0, words)
    scores = cached.measured(model, samples, tier, lambda share: bar.progress(share, words))
    bar.empty()
    made = FoundScores(model.name, model.path, on, tier, scores)
    tables: list[FoundScores] = st.session_state.setdefault(MEASURED, [])
    if made not in tables:
        tables.insert(0, made)


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
    known: dict[str, Run] = {}
    for run in runs:
        if not run.problem:
            known[unique_name(_run_name(run, folders), known)] = run
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
    card = card_markdown(model.card, model.sha256, model.megabytes)
    st.markdown(parts.without_pictures(card))
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
            said = parts.without_pictures(f"**{path.name}** ({what}): {problem}")
            st.warning(said, icon=":material/broken_image:")
