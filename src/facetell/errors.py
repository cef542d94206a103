"""Every error a user can meet: it names the cause and, in `hint`, the remedy.

FacetellError            base; `exit_code` is what the command line returns
├── MediaError           one file cannot be read or judged            -> a row with status `error`
├── ModelError           the model file is missing, broken or foreign -> exit code 3
├── OutputError          a file cannot be written there, or must not be
├── DataError            a data set or manifest is not what it should be
└── MissingExtra         an optional part is not installed
"""

FOLDER = "in the folder of facetell"
"""Where it is installed from: it is on no index."""


class FacetellError(Exception):
    """A problem with a cause (the message) and a remedy (`hint`)."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.hint})"


class MediaError(FacetellError):
    """One file cannot be read or judged; the others go on."""

    exit_code = 1


class ModelError(FacetellError):
    """The model file cannot be used; nothing can be judged."""

    exit_code = 3


class OutputError(FacetellError):
    """A file cannot be written where it was asked for, or must not be."""


class DataError(FacetellError):
    """A data set, manifest or crop cache is not what it should be."""


class MissingExtra(FacetellError):
    """A command needs an optional dependency that is not installed."""

    def __init__(self, needs: str, extra: str) -> None:
        super().__init__(f"{needs} is not installed", hint=install(extra))


def install(extra: str) -> str:
    """How to get an extra."""
    return f"{FOLDER}: pip install '.[{extra}]'"
