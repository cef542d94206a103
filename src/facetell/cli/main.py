"""The command line: parse, call the library, print. Heavy imports happen when a command runs."""

import atexit
import gc
import io
import signal
import sys

import typer

from facetell._version import __version__
from facetell.cli import (
    calibrate,
    clips,
    dashboard,
    data,
    detect,
    doctor,
    evaluate,
    explain,
    export,
    finder,
    generalise,
    join,
    models,
    runs,
    serve,
    stress,
    train,
)
from facetell.errors import FacetellError, MissingExtra

ALWAYS_INSTALLED = {
    *("facetell", "numpy", "onnxruntime", "PIL", "pillow_heif", "av", "pydantic", "rich", "jinja2"),
}
"""Where one of these cannot be imported, no extra is missing."""

app = typer.Typer(
    name="facetell",
    help="Tells whether faces in pictures and clips are real, generated or manipulated, and where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("detect")(detect.detect)
app.command("serve")(serve.serve)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(evaluate.compare)
app.command("stress")(stress.stress)
app.command("generalise")(generalise.generalise)
app.command("explain")(explain.explain)
app.command("train")(train.train)
app.command("runs")(runs.runs)
app.command("export")(export.export)
app.command("join")(join.join)
app.command("calibrate")(calibrate.calibrate)
app.command("dashboard")(dashboard.dashboard)
app.add_typer(data.app, name="data")
app.add_typer(clips.app, name="clips")
app.add_typer(finder.app, name="finder")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        typer.echo(f"facetell {__version__}")
        raise typer.Exit


def run() -> None:
    """What the `facetell` command calls: errors become one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # any file name on any terminal
    # The end of a process frees everything at once; looking for garbage before takes a while.
    atexit.register(gc.freeze)
    try:
        _call()
    except FacetellError as error:
        sys.stderr.write(f"facetell: {error.args[0]}\n  {error.hint}\n")
        sys.exit(error.exit_code)
    except OSError as error:  # such as a folder that cannot be made
        where = error.filename or "the output"
        hint = "name a place that you may write to and that has room"
        sys.stderr.write(f"facetell: {where}: {error.strerror or error}\n  {hint}\n")
        sys.exit(2)
    except SystemExit as end:
        # Typer turns Ctrl-C into this; `detect` ends so, too, with words of its own.
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            sys.stderr.write("facetell: interrupted; files already written are kept\n")
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # Python waits for what its threads have begun; a second Ctrl-C there would abort it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _call() -> None:
    """Raises MissingExtra where a command needs what only an extra brings: most need `train`, the
    others look themselves."""
    try:
        app()
    except ImportError as error:
        if not error.name or error.name.partition(".")[0] in ALWAYS_INSTALLED:
            raise
        raise MissingExtra(f"what this command needs ({error.name})", "train") from error
