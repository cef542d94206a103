"""`facetell models`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from facetell.detect.card import Hardship, Measured
    from facetell.detect.model import Model

MOST_TOLD = 10


def models(
    model: Annotated[
        Path | None, typer.Argument(help="A model file; by default the one inside the package.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every source, number and treatment.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the whole card as JSON.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the card as a document into this file.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(help="Folder of pictures to judge and show in the document.")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Table of scores whose surest answers the document names."),
    ] = None,
    architectures: Annotated[
        bool, typer.Option("--architectures", help="List what can be trained, and what it costs.")
    ] = False,
) -> None:
    """Show a model and its card: what it was trained on, how well it does, what it cannot do.

    Without a file, the face finder inside the package is shown too.
    """
    for name, given in (("--examples", examples), ("--scores", scores)):
        if given and not markdown:
            raise typer.BadParameter(f"{name} belongs to --markdown")
    from rich.console import Console
    from rich.table import Table

    from facetell.detect.card import withstands_not
    from facetell.detect.model import Model
    from facetell.detect.session import DEFAULT_MODEL

    if architectures:
        _print_architectures(Console(highlight=False))
        return
    opened = Model.load(model or DEFAULT_MODEL)
    card = opened.card
    if json:
        typer.echo(card.model_dump_json(indent=2))
        return
    if markdown:
        _write_document(opened, markdown, examples, scores)
        return
    console = Console(highlight=False)
    limits = card.limits if everything else (*card.limits, *withstands_not(card.robustness))
    facts = {
        "model": f"{card.name} {card.version}, {card.created}",
        "verdicts": f"real below {card.thresholds.real_below:.3f}, "
        f"fake from {card.thresholds.fake_from:.3f}",
        "limits": " ".join(limits),
        "tested down to": f"faces of {card.smallest_face_px} px",
        "trained on": _trained_on(card.trained_on, everything=everything),
        "file": f"{opened.path} ({opened.path.stat().st_size / 1e6:.1f} MB)",
    }
    if everything:
        facts |= {
            "sha256": opened.sha256,
            "crop": f"{card.crop.size_px} px, {card.crop.margin} x the length of the face, "
            f"by its {card.crop.align}",
            "fitted on": card.thresholds.fitted_on,
            "started from": card.start_weights,
            "licence": card.licence,
        }
    _print_facts(console, facts)
    rows = card.metrics if everything else telling(card.metrics)
    which = "" if len(rows) == len(card.metrics) else ": all fakes, and the kinds told worst"
    table = Table(
        *("fakes / reals", "tier", "n", "AUC [95 %]"),
        title=f"Measured on val{which}",
        title_justify="left",
    )
    for row in rows:
        interval = f"{row.auc:.3f} [{row.low:.3f}, {row.high:.3f}]"
        table.add_row(row.name, row.tier, f"{row.fakes} / {row.reals}", interval)
    if card.metrics:
        console.print(table)
    if card.robustness and everything:
        console.print(_robustness(card.robustness))
    if model is None:
        _print_facts(console, _finder_facts(everything=everything))
    if not everything:
        console.print("--all prints every source, number and treatment.")


def telling(rows: "Sequence[Measured]") -> "list[Measured]":
    """The MOST_TOLD most important numbers: all fakes in every tier, then what is told worst on
    tier web."""
    from facetell.evaluate.comparisons import EVERYTHING

    overall = [row for row in rows if row.name == EVERYTHING]
    kinds = [row for row in rows if row.name != EVERYTHING and row.tier == "web"]
    return (overall + sorted(kinds, key=lambda row: row.auc))[:MOST_TOLD]


def _trained_on(counts: "Mapping[str, int]", *, everything: bool) -> str:
    if everything:
        return ", ".join(f"{name} {number}" for name, number in counts.items())
    return f"{sum(counts.values()):,} pictures of {len(counts)} sources"


def _write_document(
    opened: "Model", path: Path, examples: Path | None, scores: Path | None
) -> None:
    from facetell.cli.writing import writing
    from facetell.detect.analyze import Detector
    from facetell.detect.find import find_media
    from facetell.evaluate.card_page import card_markdown, named, shown
    from facetell.evaluate.score import read_scores

    parts = []
    if examples:
        detector = Detector.load(opened.path)
        reports = [detector.analyze(picture) for picture in find_media([str(examples)])]
        parts.append(shown(reports, path))
    if scores:
        parts.append(named(read_scores(scores)))
    megabytes = opened.path.stat().st_size / 1e6
    text = card_markdown(opened.card, opened.sha256, megabytes, "\n\n".join(parts))
    with writing(path):
        path.write_text(text, encoding="utf-8")
    typer.echo(f"wrote {path}")


def _robustness(rows: "Sequence[Hardship]") -> "Table":
    from rich.table import Table

    first = rows[0]
    title = f"Robustness: {first.pictures} pictures of {first.split}"
    table = Table("pictures", "AUC", "balanced accuracy", "uncertain", title=title,
                  title_justify="left")  # fmt: skip
    for row in rows:
        numbers = f"{row.auc:.3f}", f"{row.balanced_accuracy:.3f}", f"{row.uncertain:.0%}"
        table.add_row(f"{row.kind} {row.level}", *numbers)
    return table


def _finder_facts(*, everything: bool) -> dict[str, str]:
    from facetell.detect.faces import SmallFinder
    from facetell.detect.session import FINDER_FILE

    card = SmallFinder().card
    facts = {
        "face finder": f"{card.name} {card.version}, {card.created}",
        "a face": f"from a score of {card.min_score}",
        "limits": " ".join(card.limits),
        "trained on": _trained_on(card.trained_on, everything=everything),
        "file": f"{FINDER_FILE} ({FINDER_FILE.stat().st_size / 1e6:.2f} MB)",
    }
    return facts | ({"taught by": card.teacher, "licence": card.licence} if everything else {})


def _print_facts(console: "Console", facts: dict[str, str]) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, value)
    console.print(grid)


def _print_architectures(console: "Console") -> None:
    from rich.table import Table

    from facetell.train.networks.cost import cost
    from facetell.train.networks.registry import ARCHITECTURES, architecture
    from facetell.train.recipe import Recipe

    size_px = Recipe().size_px
    table = Table("name", "parameters", "GMACs", "pretrained by", "", title_justify="left",
                  title=f"One crop of {size_px} px")  # fmt: skip
    for name in ARCHITECTURES:
        made = architecture(name)
        parameters, macs = cost(made, size_px)
        numbers = f"{parameters / 1e6:.2f} M", f"{macs / 1e9:.2f}"
        table.add_row(name, *numbers, made.carrier, made.note)
    console.print(table)
    console.print("and every name of timm, such as vit_tiny_patch16_224 or convnext_atto")
