"""Write the HTML page of a run."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from facetell.cli.writers import TextFile
from facetell.cli.writing import writing
from facetell.detect.page import page_end, page_entry, page_head
from facetell.detect.report import ModelInfo, Report


class HtmlPage(TextFile):
    """The page is written at the end, when the counts at its top are known; an interrupted run
    ends too."""

    def __init__(self, path: Path, model: ModelInfo, limits: Sequence[str]) -> None:
        super().__init__(path)
        self._model = model
        self._limits = limits
        self._counts: Counter[str] = Counter()
        # Lives as long as this object, which is itself a context manager.
        self._entries = tempfile.TemporaryFile(  # noqa: SIM115
            "w+", encoding="utf-8", errors="backslashreplace"
        )

    def write(self, report: Report) -> None:
        self._counts[str(report.verdict or report.status)] += 1
        with writing(self._path):
            self._entries.write(page_entry(report))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with writing(self._path), self._entries as entries:
                self._file.write(page_head(self._model, self._limits, self._counts))
                entries.seek(0)
                shutil.copyfileobj(entries, self._file)
                self._file.write(page_end())
        finally:
            super().__exit__(kind, error, trace)
