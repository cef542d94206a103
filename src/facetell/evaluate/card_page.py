"""A model's card as a document, after Mitchell et al. 2019 (https://arxiv.org/abs/1810.03993)."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from facetell.detect.card import Measured, ModelCard
from facetell.detect.report import LIMITS_OF_THE_CLAIM, Report, p_text
from facetell.evaluate.page import markdown_table
from facetell.evaluate.score import Score
from facetell.types import Status, Verdict

NAMED = 6
"""Pictures named of each kind of answer."""


def card_markdown(card: ModelCard, sha256: str, megabytes: float, examples: str = "") -> str:
    """Everything the card says, as Markdown. examples: a section more, see below."""
    limits = card.thresholds
    parts = [
        f"# {card.name} {card.version}",
        f"{card.created}; {megabytes:.1f} MB, SHA-256 `{sha256}`. Written from the card inside the "
        "file.",
        "## What it is for",
        f"It judges one face at a time, cut {card.crop.margin:g} times as wide as the face is long "
        f"and brought to {card.crop.size_px} x {card.crop.size_px} pixels, and gives p_fake, a "
        "calibrated probability that the face is generated or manipulated, with a map of the "
        f"evidence. Below {limits.real_below:.3f} it says real, from {limits.fake_from:.3f} on "
        f"fake, between them uncertain. It was tested on faces down to {card.smallest_face_px} px.",
        "## What it cannot do",
        _list((*card.limits, *LIMITS_OF_THE_CLAIM)),
        "## Measured on val",
        "AUC with 95 % intervals over groups; thresholds and calibration come from the same split, "
        "which no weight was learnt from.",
        _numbers(card.metrics) if card.metrics else "Nothing yet.",
        *([examples] if examples else []),
        "## How it holds when pictures are treated badly",
        _robustness(card) if card.robustness else "Not measured.",
        "## Calibration and thresholds",
        f"p_fake = 1 / (1 + exp(-({card.calibration.slope:.4f} logit "
        f"{card.calibration.intercept:+.4f}))), fitted on {card.calibration.fitted_on}. "
        f"Thresholds: {limits.fitted_on}.",
        "## What it learnt from",
        f"Started from: {card.start_weights}.",
        markdown_table(
            ("source", "pictures of its train split"),
            ((name, str(count)) for name, count in sorted(card.trained_on.items())),
        ),
        "The recipe:",
        f"```yaml\n{_recipe(card.recipe)}\n```",
        "## Licence",
        card.licence + ".",
    ]
    return "\n\n".join(parts) + "\n"


def shown(reports: Sequence[Report], document: Path) -> str:
    """Pictures with what was said of them, to be seen in the document."""
    rows = []
    for report in reports:
        where = os.path.relpath(Path(report.path).absolute(), document.absolute().parent)
        p_fake = "-" if report.p_fake is None else p_text(report.p_fake)
        picture = f'<img src="{Path(where).as_posix()}" height="160" alt="">'
        rows.append((picture, Path(report.path).name, p_fake, report.verdict or report.status))
    head = "picture", "file (real or fake by its name)", "p_fake", "verdict"
    return "## Shown\n\n" + markdown_table(head, rows)


def named(rows: Sequence[Score]) -> str:
    """The surest right and wrong answers in a table of scores, one of each source and generator,
    by the names of their files."""
    told = sorted({f"{row.split}, tier {row.tier}" for row in rows})
    parts = ["## The surest answers, right and wrong", f"Of {'; '.join(told)}; files by name."]
    for title, label, verdict in (
        ("Fakes called fake", 1, Verdict.FAKE),
        ("Fakes called real", 1, Verdict.REAL),
        ("Real photos called fake", 0, Verdict.FAKE),
        ("Real photos called real", 0, Verdict.REAL),
    ):
        judged = [r for r in rows if r.status == Status.OK and r.label == label]
        such = [row for row in judged if row.verdict == verdict]
        such.sort(key=lambda row: row.log_odds or 0.0, reverse=verdict is Verdict.FAKE)
        kinds = {(row.source, row.generator): row for row in reversed(such)}
        surest = [row for row in such if kinds[row.source, row.generator] is row][:NAMED]
        parts.append(f"{title}: {len(such)} of {len(judged)}.")
        cells = (
            (Path(row.path).name, row.source, row.generator, p_text(row.p_fake or 0.0),
             f"{row.face_px:.0f}" if row.face_px else "-")
            for row in surest
        )  # fmt: skip
        if surest:
            head = "file", "source", "generator", "p_fake", "face, px"
            parts.append(markdown_table(head, cells))
    return "\n\n".join(parts)


def _numbers(rows: Sequence[Measured]) -> str:
    """A row for each kind of fake, a column for each tier."""
    tiers = list(dict.fromkeys(row.tier for row in rows))
    found = {(row.name, row.tier): row for row in rows}
    names = dict.fromkeys(row.name for row in rows)

    def cell(name: str, tier: str) -> str:
        row = found.get((name, tier))
        return "not defined" if row is None else f"{row.auc:.3f} [{row.low:.3f}, {row.high:.3f}]"

    sizes = {row.name: f"{row.fakes} / {row.reals}" for row in rows}
    return markdown_table(
        ("fakes / reals", "n", *tiers),
        ((name, sizes[name], *(cell(name, tier) for tier in tiers)) for name in names),
    )


def _robustness(card: ModelCard) -> str:
    first = card.robustness[0]
    return markdown_table(
        (f"{first.pictures} pictures of {first.split}", "AUC", "balanced accuracy", "uncertain"),
        (
            (f"{row.kind} {row.level}", f"{row.auc:.3f}", f"{row.balanced_accuracy:.3f}",
             f"{row.uncertain:.0%}")
            for row in card.robustness
        ),
    )  # fmt: skip


def _recipe(recipe: Mapping[str, Any], depth: int = 0) -> str:
    """As YAML: the trainings below each other, each in a few lines."""
    pad = "  " * depth
    if "architecture" in recipe or not any(isinstance(v, dict) for v in recipe.values()):
        text = yaml.safe_dump(dict(recipe), sort_keys=False, default_flow_style=True, width=110)
        return "\n".join(pad + line for line in text.strip().splitlines())
    parts = [
        f"{pad}{json.dumps(key)}:\n{_recipe(value, depth + 1)}"
        if isinstance(value, dict)
        else f"{pad}{json.dumps(key)}: {json.dumps(value)}"
        for key, value in recipe.items()
    ]
    return "\n".join(parts)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
