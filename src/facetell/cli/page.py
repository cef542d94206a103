"""Write the HTML page of a run."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

from facetell.cli.writers import TextFile
from facetell.cli.writing import writing
from facetell.detect.page import page_end, page_entry, page_group, page_head
from facetell.detect.report import OUTCOMES, ModelInfo, Report


class HtmlPage(TextFile):
    """The page is written at the end, when the counts at its top are known; an interrupted run
    ends too. Files stand by what became of them."""

    def __init__(self, path: Path, model: ModelInfo, limits: Sequence[str]) -> None:
        super().__init__(path)
        self._model = model
        self._limits = limits
        self._counts: Counter[str] = Counter()
        self._open = ExitStack()
        self._entries: dict[str, IO[str]] = {}

    def write(self, report: Report) -> None:
        self._counts[report.outcome] += 1
        with writing(self._path):
            self._entries_like(report).write(page_entry(report))

    def _entries_like(self, report: Report) -> IO[str]:
        if report.outcome not in self._entries:
            self._entries[report.outcome] = self._open.enter_context(
                # Lives as long as this object, which is itself a context manager.
                tempfile.TemporaryFile(  # noqa: SIM115
                    "w+", encoding="utf-8", errors="backslashreplace"
                )
            )
        return self._entries[report.outcome]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with writing(self._path), self._open:
                self._file.write(page_head(self._model, self._limits, self._counts))
                for outcome in OUTCOMES:
                    if outcome in self._entries:
                        self._copy(outcome)
                self._file.write(page_end())
        finally:
            super().__exit__(kind, error, trace)

    def _copy(self, outcome: str) -> None:
        before, after = page_group(outcome, self._counts)
        entries = self._entries[outcome]
        entries.seek(0)
        self._file.write(before)
        shutil.copyfileobj(entries, self._file)
        self._file.write(after)
