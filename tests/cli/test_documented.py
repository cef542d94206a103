"""docs/output.md against the code: every field and column is there, and nothing else."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from facetell.cli.writers import CsvWriter, FramesWriter
from facetell.detect.report import Report

PAGE = Path(__file__).parents[2] / "docs" / "output.md"


def fields_of(schema):
    """Names of all properties, of whatever depth."""
    found = set(schema.get("properties", {}))
    return found.union(*(fields_of(part) for part in schema.get("$defs", {}).values()))


def test_every_field_of_a_report_is_documented():
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_0-9]+)`", page))
    assert fields_of(TypeAdapter(Report).json_schema()) - named == set()


@pytest.mark.parametrize(("option", "table"), [("--csv", CsvWriter), ("--frames", FramesWriter)])
def test_the_columns_are_documented_as_they_are_written(option, table):
    page = PAGE.read_text(encoding="utf-8")
    (paragraph,) = re.findall(rf"^`{option}`, a row for each(?:.|\n)*?\n\n", page, re.M)
    listed = re.sub(r"\([^)]*\)", "", paragraph.partition(": ")[2])
    assert tuple(re.findall(r"`([a-z_0-9]+)`", listed)) == table.COLUMNS
