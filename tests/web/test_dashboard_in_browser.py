"""The dashboard in a real browser (Chromium), over a real server with four synthetic cameras."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from watchpost.clock import SystemClock
from watchpost.picture import encode_jpeg
from watchpost.runtime.live import LiveHub
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DOT = base64.b64encode(encode_jpeg(np.zeros((1, 1, 3), np.uint8))).decode("ascii")
TOKEN = "correct horse battery"
CAMERAS = ("gate", "hall", "yard", "정문")
CONFIGURATION = """# the site's own words stay
data: {data}
web: {{port: {port}, token: {token}}}
defaults:
  gate: {{enabled: false}}  # all day long
  recording: {{mode: continuous}}
cameras:
"""
CAMERA = "  {name}: {{source: 'synthetic:?camera={number}&width=480&height=270&fps=8&loop=6s&activity=1&people=3'}}\n"

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The configuration file of a running server, and its address."""
    folder = tmp_path_factory.mktemp("site")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = folder / "watchpost.yaml"
    text = CONFIGURATION.format(data=folder / "data", port=port, token=TOKEN)
    file.write_text(text + "".join(CAMERA.format(name=name, number=number) for number, name in enumerate(CAMERAS)))
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "watchpost", "run", str(file)], stdout=log, stderr=log, env=os.environ
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(f"{address}/healthz", server, folder / "log")
        yield file, address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def wait_for_answer(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def session(browser, site):
    """The cookies of somebody who has logged in through the form."""
    _, address = site
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/cameras/gate")
    page.wait_for_url("**/login")
    page.locator("input[type=password]").fill("wrong password")
    page.keyboard.press("Enter")
    page.get_by_role("alert").first.wait_for()
    page.locator("input[type=password]").fill(TOKEN)
    page.keyboard.press("Enter")
    page.locator("wp-wall").wait_for()
    state = context.storage_state()
    context.close()
    return state


def is_problem(message):
    """Whether a message of the console is an error, and not of an event whose snapshot has yet to be kept."""
    return message.type == "error" and "/snapshot.jpg" not in message.location["url"]


@pytest.fixture
def open_page(browser, site, session):
    """A function that opens a page of the server; at the end it looks for errors in the console."""
    _, address = site
    contexts, problems, asked = [], [], []

    def opened(path, **settings):
        settings = {"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **settings}
        context = browser.new_context(storage_state=session, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: is_problem(message) and problems.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + path, wait_until="commit")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


def test_four_cameras_move_on_the_wall(open_page):
    page = open_page("/")
    tiles = page.locator(".tile")
    page.wait_for_function("() => document.querySelectorAll('.tile[data-state=live]').length === 4")
    assert sorted(tiles.evaluate_all("all => all.map(tile => tile.dataset.camera)")) == sorted(CAMERAS)
    page.evaluate(
        """() => {
        window.frames_ = {};
        for (const player of document.querySelectorAll('wp-player')) player.addEventListener('frame', ({detail}) =>
            (window.frames_[player.getAttribute('camera')] ??= []).push(detail));
        }"""
    )
    page.wait_for_function(
        """() => Object.values(window.frames_)
        .filter(all => all.length > 10 && all.some(each => each.objects.length)).length === 4""",
    )
    frames = page.evaluate("() => window.frames_")
    for name in CAMERAS:
        times = [each["cameraTime"] for each in frames[name]]
        assert times == sorted(set(times)), name
        boxes = [each["objects"][0]["box"] for each in frames[name] if each["objects"]]
        assert len({tuple(box) for box in boxes}) > 1, name
    before = [tiles.nth(index).screenshot() for index in range(4)]
    page.wait_for_timeout(700)
    assert all(tiles.nth(index).screenshot() != before[index] for index in range(4))


def test_what_happens_comes_up_at_the_side_and_leads_to_the_camera(open_page):
    page = open_page("/")
    row = page.locator(".strip .wp-events li a").first
    row.wait_for()
    row.click()
    page.wait_for_url("**/cameras/**at=**")
    page.locator("wp-timeline canvas").wait_for()


def test_the_past_plays_and_leads_back_to_live(open_page):
    page = open_page("/cameras/gate")
    page.locator("wp-player").wait_for()
    page.wait_for_function("() => document.querySelector('wp-camera .status .wp-state')?.dataset.state === 'live'")
    page.wait_for_timeout(4000)  # a fragment has to be on the disk
    page.get_by_role("button", name="10 seconds back").click()
    page.wait_for_function(
        """() => {
        const video = document.querySelector('wp-camera video');
        return !video.hidden && video.videoWidth === 480 && video.currentTime > 0.2;
        }"""
    )
    page.keyboard.press("k")
    page.wait_for_function("() => document.querySelector('wp-camera video').paused")
    at = page.evaluate("() => document.querySelector('wp-camera video').currentTime")
    page.keyboard.press(".")
    page.wait_for_function(f"() => Math.abs(document.querySelector('wp-camera video').currentTime - {at}) > 0.01")
    page.keyboard.press("i")
    link = page.locator("a[download]")
    assert "/api/cameras/gate/recording.mp4?since=" in link.get_attribute("href")
    page.get_by_role("button", name="Live", exact=True).click()
    page.locator("wp-player").wait_for()


def test_a_zone_is_drawn_and_its_event_arrives(open_page, site):
    file, _ = site
    page = open_page("/cameras/hall#zones")
    page.locator("wp-zones svg").wait_for()
    page.get_by_role("button", name="Zone", exact=True).click()
    box = page.locator("wp-zones svg").bounding_box()
    for x, y in ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.keyboard.press("Enter")
    page.locator("dialog[open] input.wp-field").first.fill("all over")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved. The camera starts again with it.").wait_for()
    written = file.read_text()
    assert "# the site's own words stay" in written
    assert "all over" in written
    page.get_by_role("tab", name="Events").click()
    page.locator("wp-camera-events .where", has_text="all over").first.wait_for(timeout=40_000)


def test_a_model_is_tried_and_the_slider_sifts(open_page):
    page = open_page("/cameras/yard#model")
    page.locator("wp-try option").first.wait_for(state="attached")
    while True:  # the newest picture may show nobody, or only people that the model is sure of
        with page.expect_response("**/try") as answer:
            page.get_by_role("button", name="Try", exact=True).click()  # waits until the trial before has ended
        if answer.value.status == 429:  # half a second lies between two trials
            continue
        assert answer.value.ok, answer.value.text()
        confidences = [each["confidence"] for each in answer.value.json()["detections"]]
        if any(each < 0.95 for each in confidences):
            break
    all_of_them = len(confidences)
    page.locator("wp-try .found li").first.wait_for()
    page.locator("wp-try input[type=range]").fill("0.05")
    page.locator(f"canvas.tried[aria-label^='{all_of_them} of {all_of_them} ']").wait_for()
    page.locator("wp-try input[type=range]").fill("0.95")
    sure = sum(each >= 0.95 for each in confidences)
    page.locator(f"canvas.tried[aria-label^='{sure} of {all_of_them} ']").wait_for()


def test_a_picture_in_which_a_model_finds_nothing_says_so(open_page):
    page = open_page("/cameras/yard#model")
    page.locator("wp-try option").first.wait_for(state="attached")
    nothing = {"model": "watchpost-person", "width": 1, "height": 1, "milliseconds": 7, "detections": [], "jpeg": DOT}
    page.route("**/try", lambda route: route.fulfill(json=nothing))
    page.get_by_role("button", name="Try", exact=True).click()
    page.locator("wp-try [role=status]", has_text="Nothing found in this picture").wait_for()


def test_the_keyboard_alone(open_page):
    page = open_page("/")
    page.locator(".tile").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "wp-skip"
    page.keyboard.press("?")
    page.locator("#wp-help[open]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("정")
    page.locator("#wp-finder [role=option]", has_text="정문").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/cameras/**")
    assert page.locator("#wp-title").inner_text() == "정문"
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.locator("wp-wall").wait_for()


def test_a_layout_is_saved_and_shown(open_page):
    page = open_page("/")
    page.locator(".tile").nth(3).wait_for()
    page.keyboard.press("1")
    page.wait_for_function("() => document.querySelectorAll('.tile').length === 1")
    page.locator("wp-layouts summary").click()
    page.get_by_role("textbox", name="Name of this layout").fill("night")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="night", exact=True).wait_for()
    page.keyboard.press("Escape")
    other = open_page("/")
    other.locator(".tile").nth(3).wait_for()
    other.locator("wp-layouts summary").click()
    other.get_by_role("button", name="night", exact=True).click()
    other.wait_for_function("() => document.querySelectorAll('.tile').length === 1")
    other.locator("wp-layouts summary").click()
    other.get_by_role("button", name="Delete night").click()
    other.get_by_text("Nothing saved yet", exact=False).wait_for()


def test_korean(open_page):
    page = open_page("/", locale="ko-KR")
    page.get_by_role("heading", name="최근 이벤트").wait_for()
    assert page.evaluate("() => document.documentElement.lang") == "ko-KR"
    page.locator(".wp-menu summary").first.click()
    page.locator(".wp-choices a", has_text="English").click()
    page.get_by_role("heading", name="Newest events").wait_for()


@pytest.mark.parametrize(("path", "scheme"), [("/", "dark"), ("/cameras/gate", "light")])
def test_on_a_telephone_dark_and_light(open_page, path, scheme):
    page = open_page(path, viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True)
    page.locator("wp-player").first.wait_for()
    assert page.evaluate("() => document.documentElement.dataset.theme") == scheme
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) > 380) == (scheme == "light")
    page.locator(".wp-burger").click()
    link = page.locator(".wp-side a").first
    page.wait_for_function("() => document.querySelector('.wp-side').getBoundingClientRect().left >= 0")
    assert link.is_visible()
    page.keyboard.press("Escape")


def test_nothing_streams_that_nobody_sees(open_page, site):
    page = open_page("/")
    page.locator("wp-player").first.wait_for()
    page.evaluate("() => document.querySelector('wp-wall').style.display = 'none'")
    page.wait_for_function("() => document.querySelectorAll('wp-player').length === 0")
    page.evaluate("() => document.querySelector('wp-wall').style.display = ''")
    page.locator("wp-player").first.wait_for()


def test_hundreds_of_cameras_are_a_short_list(browser):
    hub = LiveHub(SystemClock())
    for number in range(300):
        hub.add(f"camera {number:03d}")
    server = WebServer(create_app(Services(hub)), port=0)
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.goto(server.start(), wait_until="commit")
        page.get_by_text("1 / 34").wait_for()  # pages of nine
        assert page.locator(".tile").count() == 9
        page.keyboard.press("l")
        rows = page.locator("wp-camera-list [role=option]")
        rows.first.wait_for()
        assert rows.count() < 50
        page.keyboard.type("camera 29")  # 029, 129, 229 and 290 to 299
        page.wait_for_function("() => document.querySelectorAll('wp-camera-list [role=option]').length === 13")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator(".tile[data-camera='camera 129']").wait_for()
        page.keyboard.press("Escape")
        page.locator(".tile").first.focus()
        page.keyboard.press("n")
        page.get_by_text("2 / 34").wait_for()
    finally:
        context.close()
        server.stop()
