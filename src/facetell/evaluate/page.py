"""Fill a template of `evaluate/templates`: pages of one file, nothing loaded from elsewhere."""

import base64
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


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def embedded(path: Path) -> str:
    """A PNG as a data URL."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
