"""Every chart, as a pure function from the library's records to a Plotly figure.

Colours are told apart by colour-blind eyes and lie well on white and on black; text and ground are
left to the theme of whoever shows the figure.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from plotly import graph_objects as go

from facetell.detect.calibrate import Thresholds
from facetell.detect.card import Hardship
from facetell.detect.report import ClipReport, ModelInfo, TrackReport, clock, p_text
from facetell.detect.timeline import curves, gap_s, span_of
from facetell.evaluate.colours import COLOURS, FAKE, OTHER, REAL
from facetell.evaluate.metrics import Bin, Curve, Interval
from facetell.evaluate.numbers import Numbers
from facetell.evaluate.runs import Run, smoothed
from facetell.evaluate.spectrum import Reference, Spectrum
from facetell.types import FloatArray, Verdict

if TYPE_CHECKING:
    from facetell.evaluate.audit import Audit

VERDICT = {Verdict.REAL: REAL, Verdict.UNCERTAIN: OTHER, Verdict.FAKE: FAKE}
LINES = (*COLOURS[:-1], OTHER)
"""Without black, which is not seen on black."""
DASHES = ("solid", "dash", "dot", "dashdot")
ZONE_OPACITY = 0.16
SHARE = {"range": [-0.02, 1.02], "fixedrange": True}
UNIT = {"range": [-0.01, 1.01], "constrain": "domain", "fixedrange": True}
SEQUENTIAL = "Cividis"
BESIDE = {"x": 1.02, "y": 1}


def _figure(height: int, title: str = "", **layout: object) -> go.Figure:
    margin = {"l": 10, "r": 10, "t": 40 if title else 10, "b": 10}
    return go.Figure(layout={"height": height, "title": title, "margin": margin} | layout)


def _line(number: int) -> dict[str, object]:
    """Colour and dash of the nth of many: no two of the first 28 are alike."""
    dash = DASHES[number // len(LINES) % len(DASHES)]
    return {"color": LINES[number % len(LINES)], "dash": dash, "width": 2}


def _diagonal(figure: go.Figure) -> None:
    line = {"color": OTHER, "dash": "dot", "width": 1}
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line=line, showlegend=False, hoverinfo="skip"
    )


# Models


def roc(curves_of: Mapping[str, Curve]) -> go.Figure:
    figure = _figure(460, title="ROC", legend=BESIDE)
    for number, (name, curve) in enumerate(curves_of.items()):
        figure.add_scatter(
            x=curve.false_alarms, y=curve.caught, name=name, mode="lines", line=_line(number)
        )
    _diagonal(figure)
    figure.update_xaxes(title="reals flagged", **UNIT)
    return figure.update_yaxes(title="fakes caught", **UNIT)


def precision_recall(curves_of: Mapping[str, Curve]) -> go.Figure:
    figure = _figure(460, title="Precision and recall", showlegend=False)
    for number, (name, curve) in enumerate(curves_of.items()):
        figure.add_scatter(
            x=curve.caught[1:], y=curve.precision[1:], name=name, mode="lines", line=_line(number)
        )
    figure.update_xaxes(title="fakes caught", **UNIT)
    return figure.update_yaxes(title="fakes among the flagged", **UNIT)


def bars(rows: Mapping[str, Interval], title: str) -> go.Figure:
    """One bar with its 95 % interval for each name, the best on top."""
    names = sorted(rows, key=lambda name: rows[name].value)
    figure = _figure(120 + 30 * len(names), title=f"{title}, 95 %")
    figure.add_bar(
        y=names,
        x=[rows[name].value for name in names],
        orientation="h",
        marker_color=REAL,
        text=[f"{rows[name].value:.3f}" for name in names],
        textposition="inside",
        insidetextanchor="start",
        textfont_color="white",
        error_x={
            "array": [rows[name].high - rows[name].value for name in names],
            "arrayminus": [rows[name].value - rows[name].low for name in names],
            "color": FAKE,
        },
        hovertext=[str(rows[name]) for name in names],
        hoverinfo="text",
    )
    return figure.update_xaxes(range=[0, 1], fixedrange=True)


def confusion(found: Numbers, title: str) -> go.Figure:
    """Reals and fakes against the three verdicts, with shares of each row."""
    counts = np.array(found.matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    text = [
        [f"{n}<br>{share:.0%}" for n, share in zip(*rows, strict=True)]
        for rows in zip(counts, shares, strict=True)
    ]
    figure = _figure(250, title=title)
    figure.add_heatmap(
        z=shares,
        x=["real", "uncertain", "fake"],
        y=["is real", "is fake"],
        text=text,
        texttemplate="%{text}",
        colorscale=SEQUENTIAL,
        zmin=0,
        zmax=1,
        showscale=False,
        hovertemplate="%{y}, called %{x}: %{text}<extra></extra>",
    )
    return figure.update_yaxes(autorange="reversed", fixedrange=True)


def reliability(bins_of: Mapping[str, Sequence[Bin]]) -> go.Figure:
    """Share of fakes against p_fake: on the diagonal, p_fake means what it says."""
    figure = _figure(460, legend=BESIDE)
    for number, (name, bins) in enumerate(bins_of.items()):
        figure.add_scatter(
            x=[one.p_fake for one in bins],
            y=[one.fakes for one in bins],
            name=name,
            mode="lines+markers",
            line=_line(number),
            marker_size=[6 + 24 * one.share**0.5 for one in bins],
            hovertemplate="p_fake %{x:.2f}: %{y:.0%} are fake<extra>" + name + "</extra>",
        )
    _diagonal(figure)
    figure.update_xaxes(title="p_fake", **UNIT)
    return figure.update_yaxes(title="share of fakes", **UNIT)


def heat_map(
    values_of: Mapping[str, Mapping[str, float | None]], title: str, lowest: float
) -> go.Figure:
    """values_of: by model (a column) and row, in [lowest, 1]; None where there is no number."""
    rows = list(dict.fromkeys(row for cells in values_of.values() for row in cells))
    values = [[cells.get(row) for cells in values_of.values()] for row in rows]
    figure = _figure(200 + 26 * len(rows), title=title)
    figure.add_heatmap(
        z=values,
        x=list(values_of),
        y=rows,
        zmin=lowest,
        zmax=1,
        colorscale=SEQUENTIAL,
        texttemplate="%{z:.2f}",
        hovertemplate="%{x}<br>%{y}: %{z:.3f}<extra></extra>",
        xgap=1,
        ygap=1,
    )
    figure.update_xaxes(tickangle=-40, fixedrange=True)
    return figure.update_yaxes(autorange="reversed", fixedrange=True)


def robustness(cards: Mapping[str, Sequence[Hardship]], kind: str) -> go.Figure:
    """AUC after one treatment, from the untreated pictures on. cards: by model."""
    figure = _figure(320, title=kind)
    for number, (name, rows) in enumerate(cards.items()):
        found = [rows[0], *(row for row in rows if row.kind == kind)]
        figure.add_scatter(
            x=["as it is", *(row.level for row in found[1:])],
            y=[row.auc for row in found],
            name=name,
            mode="lines+markers",
            line=_line(number),
        )
    return figure.update_yaxes(title="AUC", range=[0.4, 1.01], fixedrange=True)


def losses(runs: Mapping[str, Run]) -> go.Figure:
    """Training loss, smoothed, over the steps of all stages."""
    figure = _figure(360, title="Training loss, smoothed", showlegend=False)
    for number, (name, run) in enumerate(runs.items()):
        points = [(p.step, p.loss) for p in run.history if p.loss is not None]
        steps, values = [step for step, _ in points], [loss for _, loss in points]
        figure.add_scatter(x=steps, y=smoothed(values), name=name, mode="lines", line=_line(number))
        _mark_stages(figure, run)
    return figure.update_xaxes(title="step").update_yaxes(title="loss")


def aucs(runs: Mapping[str, Run]) -> go.Figure:
    """AUC on val over the steps of all stages."""
    figure = _figure(360, title="AUC on val, tier web", legend=BESIDE)
    for number, (name, run) in enumerate(runs.items()):
        looks = [(p.step, p.val_auc) for p in run.history if p.val_auc is not None]
        figure.add_scatter(
            x=[step for step, _ in looks],
            y=[auc for _, auc in looks],
            name=name,
            mode="lines+markers",
            line=_line(number),
        )
        _mark_stages(figure, run)
    return figure.update_xaxes(title="step").update_yaxes(title="AUC")


def _mark_stages(figure: go.Figure, run: Run) -> None:
    for last, first in pairwise(run.history):
        if last.stage != first.stage:
            figure.add_vline(last.step, line={"color": OTHER, "dash": "dot", "width": 1})


# Single files


def scale(p_fake: float, model: ModelInfo) -> go.Figure:
    """p_fake between 0 and 1, on the zones of the three verdicts."""
    figure = _figure(78, showlegend=False)
    _zones(figure, model, along="x")
    figure.add_scatter(
        x=[p_fake],
        y=[0],
        mode="markers",
        marker={
            "symbol": "diamond",
            "size": 18,
            "color": _colour_of(p_fake, model),
            "line": {"width": 2, "color": "white"},
        },
        hovertext=f"p_fake {p_text(p_fake)}",
        hoverinfo="text",
    )
    limits = [model.real_below, model.fake_from]
    figure.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 22})
    figure.update_xaxes(
        range=[-0.02, 1.02], tickvals=limits, tickformat=".2f", showgrid=False, fixedrange=True
    )
    return figure.update_yaxes(visible=False, range=[-1, 1], fixedrange=True)


def _colour_of(p_fake: float, model: ModelInfo) -> str:
    thresholds = Thresholds(real_below=model.real_below, fake_from=model.fake_from)
    return VERDICT[thresholds.verdict(p_fake)]


def _zones(figure: go.Figure, model: ModelInfo, along: str) -> None:
    """The three verdicts as zones of an axis, with a line at both thresholds."""
    add = figure.add_vrect if along == "x" else figure.add_hrect
    line = figure.add_vline if along == "x" else figure.add_hline
    zones = [
        (0, model.real_below, REAL),
        (model.real_below, model.fake_from, OTHER),
        (model.fake_from, 1, FAKE),
    ]
    for low, high, colour in zones:
        add(low, high, fillcolor=colour, opacity=ZONE_OPACITY, line_width=0, layer="below")
    for threshold in (model.real_below, model.fake_from):
        line(threshold, line={"color": OTHER, "width": 1, "dash": "dash"})


def timeline(clip: ClipReport, track: TrackReport, model: ModelInfo, time_s: float) -> go.Figure:
    """p_fake of a face over the clip: thresholds as zones, suspicious segments shaded, its samples
    as points to click on; time_s: the moment that is looked at."""
    figure = _figure(300, showlegend=False)
    span = span_of(clip)
    _zones(figure, model, along="y")
    for segment in track.segments:
        figure.add_vrect(segment.start_s, segment.end_s, fillcolor=FAKE, opacity=0.22, line_width=0)
    length_s = span.end_s - span.start_s
    for line in curves(track, span, gap_s(clip)):
        figure.add_scatter(
            x=[span.start_s + along * length_s for along, _ in line],
            y=[p_fake for _, p_fake in line],
            mode="lines",
            line={"color": OTHER, "width": 2},
            hoverinfo="skip",
        )
    for used, symbol in ((True, "circle"), (False, "x-thin-open")):
        samples = [sample for sample in track.timeline if sample.used is used]
        figure.add_scatter(
            x=[sample.time_s for sample in samples],
            y=[sample.p_fake for sample in samples],
            mode="markers",
            marker={
                "size": 8,
                "symbol": symbol,
                "color": [_colour_of(sample.p_fake, model) for sample in samples],
            },
            hovertext=[
                f"{clock(s.time_s)}: p_fake {p_text(s.p_fake)}"
                + ("" if used else ", does not count")
                for s in samples
            ],
            hoverinfo="text",
        )
    for cut_s in clip.cuts_s:
        figure.add_vline(cut_s, line={"color": OTHER, "width": 1, "dash": "dot"})
    figure.add_vline(time_s, line={"color": LINES[4], "width": 2})
    figure.update_xaxes(title="seconds", range=[span.start_s, span.end_s])
    return figure.update_yaxes(title="p_fake", **SHARE)


def sweep(
    levels: Sequence[float],
    p_fakes: Sequence[float | None],
    model: ModelInfo,
    title: str,
    chosen: float,
) -> go.Figure:
    """p_fake over the amount of one treatment, the harmless end on the left; None where no face was
    found any more. chosen: the amount that is looked at."""
    figure = _figure(320, showlegend=False)
    _zones(figure, model, along="y")
    colours = [OTHER if p is None else _colour_of(p, model) for p in p_fakes]
    figure.add_scatter(
        x=levels,
        y=p_fakes,
        mode="lines+markers",
        line={"color": OTHER},
        marker={"size": 9, "color": colours},
    )
    figure.add_vline(chosen, line={"color": LINES[4], "width": 2})
    figure.update_xaxes(title=title, autorange="reversed" if levels[0] > levels[-1] else True)
    return figure.update_yaxes(title="p_fake", **SHARE)


def power(found: Spectrum) -> go.Figure:
    """The face by frequencies, the zero frequency in the middle."""
    side = len(found.power) // 2
    cycles = np.arange(-side, side)
    figure = _figure(320, title="Spectrum, log power")
    figure.add_heatmap(z=found.power, x=cycles, y=cycles, colorscale="Magma", showscale=False)
    figure.update_xaxes(title="cycles per crop", constrain="domain", fixedrange=True)
    return figure.update_yaxes(scaleanchor="x", constrain="domain", fixedrange=True)


def radial(found: Spectrum, reference: Reference | None) -> go.Figure:
    """Mean power by frequency, beside that of real faces of its size."""
    figure = _figure(320, "By frequency", legend={"x": 1, "xanchor": "right", "y": 1})
    cycles = np.arange(len(found.radial))
    if reference is not None:
        mean, spread = np.array(reference.radial), np.array(reference.spread)
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=cycles, y=mean - spread, **edge)
        figure.add_scatter(
            x=cycles, y=mean + spread, fill="tonexty", fillcolor="rgba(127, 127, 127, 0.25)", **edge
        )
        figure.add_scatter(
            x=cycles,
            y=mean,
            mode="lines",
            line={"color": OTHER},
            name=f"{reference.faces} real faces, {found.size}",
        )
    line = {"color": FAKE, "width": 2}
    figure.add_scatter(x=cycles, y=found.radial, mode="lines", line=line, name="this face")
    return figure.update_xaxes(title="cycles per crop").update_yaxes(title="log10 power")


def dct(found: FloatArray, reference: Reference | None) -> go.Figure:
    """The picture's own 8 x 8 blocks, less those of real faces where there are any; the blocks'
    brightness is left out."""
    shown = np.array(found if reference is None else found - np.array(reference.dct))
    shown[0, 0] = np.nan
    figure = _figure(320, title="8 x 8 DCT, log10" + ("" if reference is None else " less real"))
    limit = float(np.nanmax(np.abs(shown))) or 1.0
    colours = (
        {"colorscale": "Magma"}
        if reference is None
        else {
            "colorscale": [[0, REAL], [0.5, "#f7f7f7"], [1, FAKE]],
            "zmin": -limit,
            "zmax": limit,
        }
    )
    figure.add_heatmap(z=shown, **colours)
    figure.update_xaxes(visible=False, constrain="domain")
    return figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")


# Data


def balance(audit: "Audit") -> go.Figure:
    """How many real and fake pictures every split has, by source."""
    splits = list(dict.fromkeys(row["split"] for row in audit.counts))
    figure = _figure(140 + 46 * len(splits), barmode="stack", title="Split, label and source")
    seen: dict[str, int] = {}
    for row in audit.counts:
        label, source = row["label"], row["source"]
        shade = seen.setdefault(f"{label} {source}", len(seen))
        figure.add_bar(
            y=[[row["split"]], [label]],
            x=[row["pictures"]],
            orientation="h",
            marker={
                "color": FAKE if label == "fake" else REAL,
                "opacity": 1 - 0.15 * (shade % 4),
                "line": {"width": 1, "color": "white"},
            },
            hovertext=f"{source}: {row['pictures']} {label} in {row['split']}",
            hoverinfo="text",
            showlegend=False,
        )
    return figure.update_xaxes(title="pictures").update_yaxes(autorange="reversed")


def leaks(audit: "Audit", limit: float) -> go.Figure:
    """How well each feature of the files alone tells fake from real. limit: from where it leaks."""
    names = sorted(audit.feature_aucs, key=lambda name: audit.feature_aucs[name])
    values = [audit.feature_aucs[name] for name in names]
    figure = _figure(100 + 26 * len(names), title="AUC of each feature alone (0.5: gives nothing)")
    colours = [FAKE if value >= limit else REAL for value in values]
    figure.add_bar(
        y=names,
        x=values,
        orientation="h",
        marker_color=colours,
        text=[f"{value:.2f}" for value in values],
        textposition="outside",
    )
    figure.add_vline(limit, line={"color": OTHER, "width": 1, "dash": "dash"})
    return figure.update_xaxes(range=[0.5, 1.05], fixedrange=True)
