"""`facetell serve`"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from facetell.server.settings import Settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="For uploads and the SQLite database.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="URL of a database, in place of SQLite.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that judge.")] = None,
    model: Annotated[Path | None, typer.Option(help="Model file.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change any setting: name=value.")
    ] = None,
    show_settings: Annotated[
        bool, typer.Option("--show-settings", help="Print all settings and stop.")
    ] = False,
) -> None:
    """Serve an HTTP API, and a page for people.

    Every setting can come from the environment (FACETELL_PORT=9000) or a flag, which wins.
    """
    from facetell.errors import MissingExtra

    try:
        import fastapi  # noqa: F401 - whether the extra is installed
        import sqlalchemy  # noqa: F401

        from facetell.server.settings import read_settings
    except ImportError as error:
        raise MissingExtra(f"what the service needs ({error.name})", "serve") from error
    named = {
        "host": host,
        "port": port,
        "folder": folder,
        "database": database,
        "workers": workers,
        "model": model,
    }
    flags = [f"{name}={value}" for name, value in named.items() if value is not None]
    chosen, origins = read_settings(os.environ, [*flags, *(settings or [])])
    if show_settings:
        _show(chosen, origins)
    else:
        from facetell.server.run import serve as run

        run(chosen)


def _show(settings: "Settings", origins: dict[str, str]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("setting", "value", "from", "meaning")
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        table.add_row(name, escape(str(value)), origins.get(name, "default"), field.description)
    Console(highlight=False).print(table)
