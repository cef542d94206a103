"""`facetell models`"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console


def models(
    model: Annotated[
        Path | None, typer.Argument(help="A model file; by default the one inside the package.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole card as JSON.")] = False,
) -> None:
    """Show a model and its card: what it was trained on, how well it does, what it cannot do.

    Without a file, the face finder inside the package is shown too.
    """
    from rich.console import Console
    from rich.table import Table

    from facetell.detect.model import DEFAULT_MODEL, Model

    opened = Model.load(model or DEFAULT_MODEL)
    card = opened.card
    if json:
        typer.echo(card.model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    facts = {
        "model": f"{card.name} {card.version}, {card.created}",
        "file": f"{opened.path} ({opened.path.stat().st_size / 1e6:.1f} MB)",
        "sha256": opened.sha256,
        "crop": f"{card.crop.size_px} px, {card.crop.margin} x the length of the face, "
        f"by its {card.crop.align}",
        "verdicts": f"real below {card.thresholds.real_below:.3f}, "
        f"fake from {card.thresholds.fake_from:.3f}",
        "fitted on": card.thresholds.fitted_on,
        "tested down to": f"faces of {card.smallest_face_px} px",
        "started from": card.start_weights,
        "trained on": ", ".join(f"{name} {number}" for name, number in card.trained_on.items()),
        "licence": card.licence,
        "limits": " ".join(card.limits),
    }
    _print_facts(console, facts)
    table = Table(
        "fakes / reals", "tier", "n", "AUC [95 %]", title="Measured on val", title_justify="left"
    )
    for row in card.metrics:
        interval = f"{row.auc:.3f} [{row.low:.3f}, {row.high:.3f}]"
        table.add_row(row.name, row.tier, f"{row.fakes} / {row.reals}", interval)
    if card.metrics:
        console.print(table)
    if model is None:
        _print_facts(console, _finder_facts())


def _finder_facts() -> dict[str, str]:
    from facetell.detect.faces import FINDER_FILE, SmallFinder

    card = SmallFinder().card
    return {
        "face finder": f"{card.name} {card.version}, {card.created}",
        "file": f"{FINDER_FILE} ({FINDER_FILE.stat().st_size / 1e6:.2f} MB)",
        "a face": f"from a score of {card.min_score}",
        "taught by": card.teacher,
        "trained on": ", ".join(f"{name} {number}" for name, number in card.trained_on.items()),
        "licence": card.licence,
        "limits": " ".join(card.limits),
    }


def _print_facts(console: "Console", facts: dict[str, str]) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, value)
    console.print(grid)
