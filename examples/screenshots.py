"""Pictures for the README: the report, the page of the service, the dashboard; of the model inside.

    python -m examples.screenshots [--out docs]

Needs Chromium and the extras serve, dashboard and dev. Look at what it made.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.common import PROGRAM
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path("examples/pictures")
REAL, FAKE = PICTURES / "real-astronaut.jpg", PICTURES / "fake-swap-astronaut.jpg"
COMMAND = [sys.executable, "-c", PROGRAM]
DEADLINE_S = 60


def report(browser: Browser, out: Path, folder: Path) -> None:
    html = folder / "report.html"
    subprocess.run([*COMMAND, "detect", REAL, FAKE, "--html", html], check=True)
    page = browser.new_page(viewport={"width": 1000, "height": 1440})
    page.goto(html.absolute().as_uri())
    page.screenshot(path=out / "report.png")
    smaller(out / "report.png")


def finder(browser: Browser, out: Path, folder: Path) -> None:
    """A portrait turned by 28 degrees."""
    with Image.open(PICTURES / "real-grace-hopper.jpg") as portrait:
        turned = portrait.rotate(-28, Image.Resampling.BICUBIC, expand=True, fillcolor="dimgrey")
    turned.save(folder / "tilted.jpg", quality=92)
    command = [*COMMAND, "detect", "tilted.jpg", "--html", "report.html"]
    subprocess.run(command, check=True, cwd=folder)
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto((folder / "report.html").absolute().as_uri())
    page.locator(".file", has=page.get_by_text("tilted.jpg")).screenshot(path=out / "finder.png")
    smaller(out / "finder.png")


def service(browser: Browser, out: Path, folder: Path) -> None:
    with started("serve", "--folder", folder, "--workers", "1") as url:
        page = opened(browser, url, 1120, 980)
        page.set_input_files("#files", REAL)
        page.locator(".stage rect.box").wait_for()
        page.screenshot(path=out / "page.jpg", type="jpeg", quality=85)


def dashboard(browser: Browser, out: Path, folder: Path) -> None:
    with started("dashboard", folder, "--no-browser") as url:
        page = opened(browser, f"{url}/image", 1280, 1000)
        page.locator("input[type=file]").set_input_files(REAL)
        page.get_by_text("what the model saw").wait_for()
        page.get_by_text("Spectrum of the face").wait_for()
        page.screenshot(path=out / "dashboard.png")
        smaller(out / "dashboard.png")


def smaller(path: Path) -> None:
    """A third of the bytes, in 200 colours."""
    Image.open(path).convert("RGB").quantize(200, Image.Quantize.MEDIANCUT).save(
        path, optimize=True
    )


@contextmanager
def started(*command: object) -> Iterator[str]:
    """A server of ours on a free port; its address, once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, *map(str, command), "--port", str(port)])
    try:
        until_listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def until_listening(port: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.2)
    raise TimeoutError("the server does not listen")


def opened(browser: Browser, url: str, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(1000 * DEADLINE_S)
    page.goto(url)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out = parser.parse_args().out
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    flags = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for take in (report, finder, service, dashboard):
            folder = Path(name) / take.__name__
            folder.mkdir()
            take(browser, out, folder)
        browser.close()


if __name__ == "__main__":
    main()
