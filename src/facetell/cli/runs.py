"""`facetell runs`"""

from pathlib import Path
from typing import Annotated

import typer


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder that holds run folders.")] = Path("runs"),
) -> None:
    """List the runs of `facetell train`: what was trained, how far it came, how well it does."""
    from rich.console import Console
    from rich.table import Table

    from facetell.evaluate.runs import find_runs

    found = find_runs(folder)
    if not found:
        typer.echo(f"no run in {folder}; facetell train makes one")
        return
    console = Console(highlight=False, markup=False)  # a file may say [/a]
    table = Table("run", "architecture", "state", "steps", "best AUC on val", box=None)
    for run in found:
        name = str(run.folder.relative_to(folder)) if run.folder != folder else run.folder.name
        auc = "-" if run.best_auc is None else f"{run.best_auc:.3f}"
        kind = str(run.recipe.get("architecture", "face finder"))
        table.add_row(name, "-" if run.problem else kind, run.state, str(run.steps), auc)
    console.print(table)
    for run in found:
        if run.problem:
            console.print(f"{run.folder.name}: {run.problem}", style="yellow")
