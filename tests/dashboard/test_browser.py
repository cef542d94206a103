"""The dashboard in a real browser: what a person sees and does."""

import os
import shutil
import socket
from contextlib import suppress
from subprocess import Popen, TimeoutExpired

import pytest

from tests.cli.command import started
from tests.dashboard.conftest import write_lab

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytest.importorskip("streamlit", reason="the dashboard extra is not installed")
expect = sync_api.expect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
DEADLINE_MS = 60_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def url(tmp_path_factory, tiny_model):
    """A dashboard over a small lab, as the command starts it."""
    folder = write_lab(tmp_path_factory.mktemp("lab"), tiny_model)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = started("dashboard", folder, "--no-browser", "--port", port)
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_for(port: int, process: Popen[str]) -> None:
    """Until it listens."""
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        with suppress(TimeoutExpired):
            process.wait(0.1)
    pytest.fail(f"the dashboard ended: {process.stderr.read()}")


@pytest.fixture(scope="module")
def browser():
    flags = [*FAKE_CAMERA, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, url):
    """At the end nothing must have been asked of anybody else, and no script have failed."""
    context = browser.new_context(viewport={"width": 1400, "height": 1200})
    page, wrong = context.new_page(), []
    page.set_default_timeout(DEADLINE_MS)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: _stays_here(asked.url, url, wrong))
    yield page
    context.close()
    assert wrong == []


def _stays_here(asked: str, url: str, wrong: list[str]) -> None:
    if not asked.startswith((url, url.replace("http", "ws"), "blob:", "data:")):
        wrong.append(f"asked for {asked}")


def test_models_are_compared_and_the_broken_ones_named(page, url):
    page.goto(url)
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    expect(page.get_by_text("The same 80 pictures for all")).to_be_visible(timeout=DEADLINE_MS)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=DEADLINE_MS)
    page.get_by_role("tab", name="Confusion").click()
    expect(page.locator(".js-plotly-plot:visible")).to_have_count(2, timeout=DEADLINE_MS)
    expect(page.get_by_text("damaged or no ONNX model")).to_be_visible()


def test_a_picture_is_judged_and_its_report_downloaded(page, url, small_portrait):
    page.goto(f"{url}/image")
    page.set_input_files("[data-testid=stFileUploader] input", small_portrait)
    expect(page.get_by_text("what the model saw")).to_be_visible(timeout=DEADLINE_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    assert download.value.suggested_filename == "face-facetell.html"
    text = download.value.path().read_text("utf-8")
    assert "face.jpg" in text
    assert "<script" not in text


def test_the_camera_takes_a_picture(page, url):
    page.goto(f"{url}/image")
    page.get_by_text("the camera", exact=True).click()
    shows_something = "[...document.querySelectorAll('video')].some(v => v.readyState > 2)"
    page.wait_for_function(shows_something, timeout=DEADLINE_MS)
    page.get_by_role("button", name="Take Photo").click()
    expect(page.get_by_text("No verdict: no face found")).to_be_visible(timeout=DEADLINE_MS)


def test_a_click_on_the_time_line_shows_that_moment(page, url, clip):
    page.goto(f"{url}/video")
    page.set_input_files("[data-testid=stFileUploader] input", clip)
    expect(page.get_by_text("The most telling frames")).to_be_visible(timeout=DEADLINE_MS)
    line = page.locator(".js-plotly-plot").nth(1)
    first = line.locator(".points path.point").first
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2)
    expect(page.get_by_text("at 0.0 s")).to_be_visible(timeout=DEADLINE_MS)
