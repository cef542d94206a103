"""The page in a real browser: what a person sees and does."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from facetell.detect.timeline import Span, curves, gap_s, height
from tests.broken_inputs.make import BROKEN
from tests.cli.tiny_model import ALWAYS_FAKE, tiny_card, write_tiny_model
from tests.server.live import running

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
DEADLINE_MS = 30_000
expect.set_options(timeout=DEADLINE_MS)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser():
    flags = [*FAKE_CAMERA, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens the page of a service; at the end there must have been no error in its console."""
    contexts, errors = [], []

    def open_one(service, **context) -> Page:
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(DEADLINE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda asked: _stays_here(asked.url, service, errors))
        page.goto(service.url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def _stays_here(url: str, service, errors: list[str]) -> None:
    if not url.startswith((service.url, "blob:", "data:")):
        errors.append(f"asked for {url}")


@pytest.fixture(scope="module")
def clip(tmp_path_factory, small_portrait) -> Path:
    """Two seconds of a face."""
    path = tmp_path_factory.mktemp("clip") / "interview.webm"
    with Image.open(small_portrait) as picture, av.open(path, "w") as container:
        image = np.asarray(picture.convert("RGB"))
        stream = container.add_stream("libvpx", rate=10)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        for number in range(20):
            moved = np.roll(image, number % 3, axis=1)  # no two frames alike
            container.mux(stream.encode(av.VideoFrame.from_ndarray(moved, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def suspicious(tmp_path_factory):
    """A service that finds every face fake."""
    folder = tmp_path_factory.mktemp("suspicious")
    model = write_tiny_model(folder / "fake.onnx", json.dumps(tiny_card(ALWAYS_FAKE)))
    with running(folder / "service", model) as service:
        yield service


def test_a_photo_is_judged_and_explained(live, open_page, small_portrait):
    page = open_page(live)
    page.set_input_files("#files", small_portrait)
    result = page.get_by_role("article")
    expect(result.get_by_role("heading", name="face.jpg")).to_be_visible()
    expect(result.locator(".verdict .word")).to_have_text("Uncertain")
    expect(result.get_by_role("img", name="p_fake")).to_be_visible()
    expect(result.locator(".stage img")).to_have_js_property("naturalWidth", 256)
    expect(result.locator(".stage rect.box")).to_have_count(1)
    expect(result.get_by_text("a toy")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("face.jpg: Uncertain")


def test_the_evidence_slider_works_by_keyboard(live, open_page, small_portrait):
    page = open_page(live)
    page.set_input_files("#files", small_portrait)
    slider = page.get_by_role("slider")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "0 % evidence")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "100 % evidence")


def test_reports_can_be_taken_along(live, open_page, small_portrait):
    page = open_page(live)
    page.set_input_files("#files", small_portrait)
    for name, suffix, words in (
        ("Report (HTML)", ".html", "<!doctype html>"),
        ("Data (JSON)", ".json", '"p_fake"'),
    ):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert download.value.suggested_filename == f"face-facetell{suffix}"
        assert words in Path(download.value.path()).read_text("utf-8")


def test_several_files_are_dropped_at_once_and_remembered(
    live, open_page, small_portrait, landscape
):
    page = open_page(live)
    page.set_input_files("#files", [small_portrait, landscape])
    expect(page.get_by_role("article")).to_have_count(2)
    expect(page.locator(".verdict")).to_have_count(2)
    expect(page.locator("#past li")).to_have_count(2)
    page.reload()
    expect(page.locator("#past li")).to_have_count(2)
    expect(page.locator("#past")).to_contain_text("no face")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#past li")).to_have_count(0)


def test_a_picture_can_be_pasted_and_dropped(live, open_page, small_portrait):
    page = open_page(live)
    data = list(small_portrait.read_bytes())
    for kind, holder in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.locator("main").evaluate(
            """(main, [kind, holder, data]) => {
              const files = new DataTransfer();
              const bytes = new Uint8Array(data);
              files.items.add(new File([bytes], `${kind}.jpg`, { type: "image/jpeg" }));
              const event = new Event(kind, { bubbles: true, cancelable: true });
              Object.defineProperty(event, holder, { value: files });
              main.dispatchEvent(event);
            }""",
            [kind, holder, data],
        )
        expect(page.get_by_role("heading", name=f"{kind}.jpg")).to_be_visible()
    expect(page.locator(".verdict")).to_have_count(2)


def test_the_webcam_takes_a_picture(live, open_page):
    page = open_page(live)
    page.get_by_role("button", name="Use the webcam").click()
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator(".verdict .word")).to_have_text("No face")  # it shows a test picture
    expect(page.get_by_role("heading", name="webcam")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_clip_is_played_with_its_segments(suspicious, open_page, clip):
    page = open_page(suspicious)
    page.set_input_files("#files", clip)
    expect(page.locator(".verdict .word")).to_have_text("Fake")
    player = page.locator("video").first
    expect(player).to_have_js_property("readyState", 4)
    jump = page.locator(".jumps button")
    expect(jump).to_have_count(1)
    line = page.locator("svg.line")
    expect(line.locator(".segment")).to_have_count(1)
    place = line.bounding_box()
    line.click(position={"x": place["width"] / 2, "y": 20})
    expect(line.locator(".head")).not_to_have_attribute("x1", "0")
    jump.press("Enter")
    expect(player).to_have_js_property("currentTime", 0)
    expect(page.locator(".stage rect.box.fake")).to_have_count(1)
    page.get_by_text("The most telling frames").click()
    expect(page.get_by_role("slider", name="evidence").first).to_be_visible()
    assert suspicious.metric("facetell_queue_files") == 0


def test_a_verdict_of_real_vouches_for_nothing(live, open_page):
    model = {"name": "a", "version": "1", "sha256": "0", "real_below": 0.2, "fake_from": 0.8}
    report = {"verdict": "real", "p_fake": 0.1, "reason": None, "path": "a.jpg", "model": model,
              "limits": ["a toy"], "faces": [], "warnings": [], "size_wh": None}  # fmt: skip
    said = open_page(live).evaluate(
        """async report => {
          const { reportParts } = await import("/static/result.js");
          return reportParts(report, new File([], "a.jpg"))[0].textContent;
        }""",
        report,
    )
    assert "No sign found. This clears nothing." in said


def body_of(page: Page, clip: dict, media_type: str, look: str):
    """What `look` returns of the body of a clip's report; look: a function of it, in JavaScript."""
    report = {"clip": clip, "model": {"real_below": 0.2, "fake_from": 0.8}, "size_wh": [64, 64]}
    return page.evaluate(
        """async ([report, type]) => {
          const { clipBody } = await import("/static/clip.js");
          return (LOOK)(clipBody(report, new File([], "clip", { type }), () => null));
        }""".replace("LOOK", look),
        [report, media_type],
    )


def one_track(times, p_fake=0.9, verdict="fake", watched_s=4.0, frames_judged=16):
    """A clip's report as far as the page reads it."""
    box = {"box_xyxy": [8, 8, 40, 40], "p_fake": p_fake, "used": True}
    track = {"id": 1, "verdict": verdict, "faces": [], "segments": [], "frames_used": len(times),
             "start_s": times[0], "end_s": times[-1],
             "timeline": [{"time_s": time_s} | box for time_s in times]}  # fmt: skip
    return {"duration_s": watched_s, "watched_s": watched_s, "frames_judged": frames_judged,
            "cuts_s": [], "tracks": [track]}  # fmt: skip


@pytest.mark.parametrize(
    ("times", "watched_s", "frames_judged"),
    [
        ([0, 0.25, 0.5, 1.4, 1.65], 4.0, 16),
        ([0, 0.25, 0.5, 1.6, 1.85], 4.0, 16),
        ([0, 2, 4, 9, 11], 20.0, 10),
    ],
    ids=["hidden for a moment", "away", "few frames"],
)
def test_the_time_line_is_divided_as_in_the_report(
    live, open_page, times, watched_s, frames_judged
):
    clip = one_track(times, watched_s=watched_s, frames_judged=frames_judged)
    lines = "body => body.querySelectorAll('svg.line polyline').length"
    drawn = body_of(open_page(live), clip, "image/gif", lines)
    (track,) = json.loads(
        json.dumps(clip), object_hook=lambda given: SimpleNamespace(**given)
    ).tracks
    gap = gap_s(SimpleNamespace(**clip))
    assert drawn == len(curves(track, Span(0, watched_s), gap))


def test_p_fake_and_thresholds_are_drawn_at_the_heights_of_the_report(live, open_page):
    look = """body => [
      ...body.querySelector("polyline").getAttribute("points").split(" ").map(p => p.split(",")[1]),
      ...[...body.querySelectorAll(".chart .at")].map(label => label.style.top.replace("%", ""))]"""
    drawn = body_of(open_page(live), one_track([0, 0.25], p_fake=0.9), "video/mp4", look)
    expected = [100 * (1 - height(p)) for p in (0.9, 0.9, 0.8, 0.2)]
    assert [float(y) for y in drawn] == pytest.approx(expected, abs=0.01)


def test_a_box_has_the_colour_of_its_track_as_in_the_report(live, open_page):
    look = """body => {
      body.querySelector("video").dispatchEvent(new Event("seeked"));
      return body.querySelector("rect.box").getAttribute("class");
    }"""
    clip = one_track([0, 0.25], p_fake=0.5, verdict="fake")
    assert "fake" in body_of(open_page(live), clip, "video/mp4", look).split()


def test_what_is_too_brief_to_be_judged_is_folded(live, open_page):
    clip = one_track([0, 0.25, 0.5])
    (man,) = clip["tracks"]
    fist = man | {"looks": 1, "verdict": "uncertain"}
    man |= {"p_fake": 0.9}
    fist |= {"p_fake": 0.5}
    clip["tracks"] = [man | {"looks": 9}, fist | {"id": 2}, fist | {"id": 3}]
    look = """body => [body.querySelectorAll("svg.line").length,
                       body.querySelector("summary").textContent,
                       body.querySelectorAll("details li").length]"""
    drawn = body_of(open_page(live), clip, "video/mp4", look)
    assert drawn == [1, "2 more, too brief to be judged", 2]


def test_what_went_wrong_is_said_and_can_be_tried_again(live, open_page, tmp_path):
    page = open_page(live)
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(BROKEN["truncated.jpg"]())
    text = tmp_path / "notes.jpg"
    text.write_text("These are notes.")
    for path, words in ((cut, "cut short"), (text, "is not a picture")):
        page.set_input_files("#files", path)
        expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    with page.expect_request("**/v1/detect*"):
        page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_role("alert")).to_have_count(2)


def test_a_lost_connection_is_said(live, open_page, small_portrait):
    page = open_page(live)
    page.context.set_offline(True)
    page.set_input_files("#files", small_portrait)
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")


def test_what_is_removed_is_given_up_and_not_remembered(live, open_page, small_portrait):
    page = open_page(live)

    def removed_meanwhile(route):
        page.get_by_role("button", name="Remove face.jpg").click()
        route.continue_()

    page.route("**/v1/detect*", removed_meanwhile, times=1)
    page.set_input_files("#files", small_portrait)
    expect(page.get_by_role("article")).to_have_count(0)
    page.set_input_files("#files", small_portrait)
    expect(page.locator(".verdict")).to_have_count(1)
    expect(page.locator("#past li")).to_have_count(1)


def test_a_clip_outlives_a_proxy_that_restarts(live, open_page, clip):
    page = open_page(live)
    page.route("**/events", lambda route: route.fulfill(status=502, body="Bad Gateway"), times=1)
    page.set_input_files("#files", clip)
    expect(page.locator(".verdict")).to_have_count(1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 200, "content_type": "text/html", "body": "<h1>Log in</h1>"}, "Reload"),
        ({"status": 403, "json": {"detail": "not you"}}, "not you"),
    ],
    ids=["login", "forbidden"],
)
def test_a_clip_is_not_asked_for_again_where_somebody_in_between_says_no(
    live, open_page, clip, answer, words
):
    page = open_page(live)
    page.route("**/events", lambda route: route.fulfill(**answer))
    page.set_input_files("#files", clip)
    expect(page.get_by_role("alert")).to_contain_text("did not work")
    expect(page.get_by_role("alert")).to_contain_text(words)


def test_an_answer_of_somebody_in_between_is_said(live, open_page, small_portrait):
    page = open_page(live)
    page.route("**/v1/detect*", lambda route: route.fulfill(status=200, body="<h1>Log in</h1>"))
    page.set_input_files("#files", small_portrait)
    expect(page.get_by_role("alert")).to_contain_text("did not work")


def test_a_key_is_asked_for(tmp_path, tiny_model, open_page, small_portrait):
    with running(tmp_path, tiny_model, api_keys="open sesame") as service:
        page = open_page(service)
        page.get_by_label("API key").fill("open sesame")
        page.get_by_label("API key").press("Enter")
        expect(page.locator("#limits")).to_contain_text("Up to 200 MB")
        page.set_input_files("#files", small_portrait)
        expect(page.locator(".verdict")).to_be_visible()


def test_a_key_that_cannot_be_one_is_told(tmp_path, tiny_model, open_page):
    with running(tmp_path, tiny_model, api_keys="open sesame") as service:
        page = open_page(service)
        for wrong in ("sesame\N{ZERO WIDTH SPACE}", "another"):
            page.get_by_label("API key").fill(wrong)
            page.get_by_label("API key").press("Enter")
            expect(page.locator("#key-trouble")).to_be_visible()
        page.get_by_label("API key").fill(" open sesame ")
        page.get_by_label("API key").press("Enter")
        expect(page.locator("#limits")).to_contain_text("Up to 200 MB")


def test_a_browser_that_keeps_nothing_judges_all_the_same(live, open_page, browser, small_portrait):
    page = open_page(live)
    page.add_init_script(
        """for (const name of ["sessionStorage", "localStorage"])
        Object.defineProperty(window, name, { get() { throw new DOMException("forbidden"); } });"""
    )
    page.reload()
    page.set_input_files("#files", small_portrait)
    expect(page.locator(".verdict")).to_be_visible()


def test_a_clip_is_forgotten_when_its_tab_is_closed(live, open_page, clip):
    page = open_page(live)
    page.route("**/events", lambda route: None)  # its end is never heard of
    with page.expect_response("**/v1/jobs*") as told:
        page.set_input_files("#files", clip)
    job_id = told.value.json()["id"]
    page.route("**/*", lambda route: route.fulfill(body="elsewhere"))
    with page.expect_request(f"**/v1/jobs/{job_id}") as asked:
        page.evaluate("() => dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert asked.value.method == "DELETE"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_a_phone(suspicious, open_page, clip, small_portrait, scheme):
    page = open_page(suspicious, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.set_input_files("#files", [small_portrait, clip])
    expect(page.locator(".verdict")).to_have_count(2)
    widths = page.locator("html").evaluate("html => [html.scrollWidth, html.clientWidth]")
    assert widths[0] <= widths[1]


def test_all_is_reached_by_keyboard(live, open_page):
    page = open_page(live)
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(page.locator(":focus").inner_text())
    assert names == [
        "Skip to content", "facetell", "History", "API", "Choose files", "Use the webcam"
    ]  # fmt: skip
