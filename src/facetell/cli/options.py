"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Splits = Annotated[
    list[str], typer.Option("--split", help="Splits to take; may be given several times.")
]
PerSource = Annotated[
    int | None, typer.Option(min=1, help="At most so many pictures of a source, by name.")
]
ValPerSource = Annotated[
    int | None, typer.Option(min=1, help="Calibrate on at most so many of a source, by name.")
]
Processes = Annotated[int | None, typer.Option(min=1, help="By default one per core.")]
ModelName = Annotated[str, typer.Option(help="What the model's card calls it.")]
RunName = Annotated[
    str | None,
    typer.Option(
        "--name", help="What the model's card calls it; by default as the run folder is called."
    ),
]
RecipeFile = Annotated[
    Path | None, typer.Option(help="YAML file of settings that differ from the recipe's.")
]
RecipeSettings = Annotated[
    list[str] | None, typer.Option("--set", help="Change the recipe, last: name=value.")
]
