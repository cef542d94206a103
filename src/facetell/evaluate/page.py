"""Write pages, tables and JSON. A page is a filled template of `evaluate/templates`: one file,
nothing loaded from elsewhere."""

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from facetell._version import __version__


def render(template: str, **values: Any) -> str:
    """template: the name of its file; values: what it shows."""
    environment = Environment(
        loader=PackageLoader("facetell.evaluate"), autoescape=select_autoescape(), trim_blocks=True
    )
    text: str = environment.get_template(template).render(version=__version__, **values)
    return text


def write_report(template: str, folder: Path, **values: Any) -> None:
    """Write report.html; see `render`. Letters that no file can hold, as in names that are not
    UTF-8, are escaped."""
    _write(render(template, **values), folder / "report.html")


def write_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]], folder: Path) -> None:
    """Write table.md, for a document: the same as the page has."""
    _write(markdown_table(head, rows) + "\n", folder / "table.md")


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def embedded(path: Path) -> str:
    """A PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
