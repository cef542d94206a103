"""`facetell dashboard`"""

from pathlib import Path
from typing import Annotated

import typer

APP = Path(__file__).parents[1] / "dashboard" / "app.py"
NEEDED = ("streamlit", "plotly", "sklearn", "yaml")
USUAL_FOLDER = Path("runs")
SETTINGS = {
    "browser.gatherUsageStats": "false",
    "server.showEmailPrompt": "false",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "2000",
    "runner.magicEnabled": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "theme.light.primaryColor": "#0072b2",
    "theme.dark.primaryColor": "#56b4e9",
}
"""Of Streamlit: nothing leaves the machine, nobody is asked for an address, no traceback shows."""


def dashboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders with runs, models or data; by default runs/, if there is one."
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="By default 8501.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Open the dashboard: compare models, try pictures and clips, look at data. Ctrl-C ends it."""
    import signal
    import subprocess
    import sys
    from importlib.util import find_spec

    from facetell.errors import DataError, MissingExtra

    for name in NEEDED:
        if find_spec(name) is None:
            raise MissingExtra(f"what the dashboard needs ({name})", "dashboard")
    for folder in folders or ():
        if not folder.is_dir():
            raise DataError(
                f"{folder} is no folder", hint="name folders that hold runs, models or data"
            )
    named = folders or ([USUAL_FOLDER] if USUAL_FOLDER.is_dir() else [])
    settings = SETTINGS | {"server.address": host, "server.headless": str(not browser).lower()}
    if port is not None:
        settings["server.port"] = str(port)
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", *map(str, named)]
    with subprocess.Popen(command) as streamlit:
        signal.signal(signal.SIGTERM, lambda *_: streamlit.terminate())
        raise typer.Exit(streamlit.wait())
