"""Data: look at a data set before trusting it."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from facetell.dashboard import cached, charts
from facetell.dashboard.views import parts
from facetell.data.manifest import SPLITS, Sample
from facetell.evaluate.audit import LEAKS_FROM, MAX_PROBE, Audit


def show(folders: Sequence[Path]) -> None:
    st.title("Data")
    path = parts.data_wanted(folders)
    if path is None:
        st.info(
            "Name a manifest (path,label,…) or a folder with Real/ and Fake/ to see what is in "
            "it, what gives the label away, and what is there twice.",
            icon=":material/dataset:",
        )
        return
    with parts.explained():
        with st.spinner("Reading the list of pictures…"):
            data = cached.dataset(path)
        st.caption(parts.without_pictures(data.recognised))
        bar = st.progress(0.0, "Looking at the pictures…")
        found = cached.audit(
            data.samples, lambda share: bar.progress(share, "Looking at the pictures…")
        )
        bar.empty()
        _show_audit(found)
        _show_sheets(data.samples)


def _show_audit(found: Audit) -> None:
    counts, probe, faults = st.columns(3)
    counts.metric("Pictures", f"{found.pictures:,}")
    probe.metric(
        "Metadata alone tells fake from real: AUC",
        "too few pictures" if found.probe is None else f"{found.probe:.3f}",
        help=f"A classifier that sees no pixel. 0.5 is chance; from {MAX_PROBE} on, numbers "
        "measured on this data would mislead.",
    )
    faults.metric("Serious findings", sum(finding.serious for finding in found.findings))
    for finding in found.findings:
        tell = st.error if finding.serious else st.warning
        tell(f"**{finding.check}**: {finding.count} {finding.message}")
        if finding.examples:
            with st.expander(f"Examples of {finding.check}"):
                st.code("\n".join(finding.examples), language=None)
    if not found.findings:
        st.success("Nothing was found that would mislead.", icon=":material/check_circle:")
    parts.draw(charts.balance(found), "balance")
    if found.feature_aucs:
        parts.draw(charts.leaks(found, LEAKS_FROM), "leaks")
    if found.floor:
        with st.expander("How well metadata tells two real sources apart"):
            st.caption(
                "What is above 0.5 here is no sign of forgery: a detector that separates "
                "these has learnt sources."
            )
            st.dataframe(
                [{"sources": pair, "AUC": auc} for pair, auc in found.floor.items()],
                hide_index=True,
            )


def _show_sheets(samples: Sequence[Sample]) -> None:
    st.subheader("Contact sheets by source")
    with st.spinner("Drawing the contact sheets…"):
        sheets = cached.sheets(samples)
    for sheet in sheets:
        splits = ", ".join(f"{sheet.splits[s]} {s}" for s in SPLITS if s in sheet.splits)
        heading = f"**{sheet.source}**, {sheet.label}, {sheet.pictures} pictures: {splits}"
        st.markdown(parts.without_pictures(heading))
        if sheet.thumbnails:
            st.image(sheet.thumbnails, width=96)
        else:
            st.caption("none of them can be read")
