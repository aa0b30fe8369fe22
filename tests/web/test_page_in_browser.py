"""The page in a real browser (Chromium)."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from fakes import event
from watchpost.clock import SystemClock
from watchpost.picture import ArrayPicture, encode_jpeg
from watchpost.runtime.live import LiveHub
from watchpost.types import Detections, Frame
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOKEN = "correct horse battery"
SIZE = (640, 360)
BRIGHTNESS = """() => {
  const picture = document.getElementById("picture");
  if (!picture.naturalWidth) return -1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, 8, 8);
  return context.getImageData(4, 4, 1, 1).data[0];
}"""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def hub():
    hub = LiveHub(SystemClock())
    show(hub, 40)
    return hub


@pytest.fixture
def serve(hub):
    servers = []

    def start(**settings):
        servers.append(WebServer(create_app(Services(hub), **settings), port=0))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def page(browser):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.problems = []
    page.asked = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


def show(hub, value, camera="gate"):
    picture = ArrayPicture(np.full((SIZE[1], SIZE[0], 3), value, np.uint8))
    hub.publish(camera, Frame(camera, picture, value / 10, 0.0, value), Detections.empty(SIZE))


def snapshot():
    return encode_jpeg(np.full((90, 160, 3), 128, np.uint8))


def test_the_picture_moves_and_an_event_arrives(hub, serve, page):
    url = serve()
    page.goto(url)
    page.wait_for_function(f"() => Math.abs(({BRIGHTNESS})() - 40) < 6")
    show(hub, 200)
    page.wait_for_function(f"() => Math.abs(({BRIGHTNESS})() - 200) < 6")
    assert page.locator("#events li").count() == 0
    hub.add_event(replace(event("entered", track_id=7), zone="Tür <b>", snapshot=snapshot()))
    row = page.locator("#events li").first
    row.wait_for()
    assert row.locator(".what").inner_text() == "Person #7 entered"
    assert row.locator(".where").inner_text() == "Tür <b> · gate"
    page.wait_for_function("() => document.querySelector('#events img').naturalWidth === 160")
    assert "Live" in page.locator("#status").inner_text()
    assert page.problems == []
    assert all(asked.startswith(url) for asked in page.asked)


def test_the_keyboard_alone_opens_and_closes_an_event(hub, serve, page):
    hub.add_event(replace(event(), snapshot=snapshot()))
    page.goto(serve())
    page.locator("#events li").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    assert page.locator("#snapshot-title").inner_text() == "Person #1 appeared"
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="hidden")
    assert page.problems == []


def test_another_camera_is_a_click_away(hub, serve, page):
    show(hub, 220, camera="정문/1")
    page.goto(serve())
    page.locator("#cameras button", has_text="정문/1").click()
    page.wait_for_function(f"() => Math.abs(({BRIGHTNESS})() - 220) < 6")
    assert page.locator("#cameras button[aria-pressed=true]").inner_text().startswith("정문/1")
    hub.remove("정문/1")
    page.wait_for_function(f"() => Math.abs(({BRIGHTNESS})() - 40) < 6")
    assert page.problems == []


def test_the_language_switch(serve, page):
    page.goto(serve())
    page.get_by_role("link", name="한국어").click()
    page.wait_for_function("() => document.documentElement.lang === 'ko'")
    page.locator("#status", has_text="실시간").wait_for()


def test_login_and_logout(serve, page):
    page.goto(serve(token=TOKEN))
    page.locator("#token").fill("a wrong token")
    page.keyboard.press("Enter")
    page.get_by_text("That token is not right.").wait_for()
    page.locator("#token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.locator("#status", has_text="Live").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.locator("#token").wait_for()
    assert not any(TOKEN.replace(" ", "") in asked.replace("+", "").replace("%20", "") for asked in page.asked)


def test_a_page_comes_back_when_the_server_does(hub, page):
    first = WebServer(create_app(Services(hub)), port=0)
    url = first.start()
    port = int(url.rstrip("/").rsplit(":", 1)[1])
    try:
        page.goto(url)
        page.locator("#status", has_text="Live").wait_for()
    finally:
        first.stop()
    page.locator("#link").wait_for()
    second = WebServer(create_app(Services(hub)), port=port)
    second.start()
    try:
        page.locator("#link").wait_for(state="hidden")
        show(hub, 130)
        page.wait_for_function(f"() => Math.abs(({BRIGHTNESS})() - 130) < 6")
    finally:
        second.stop()


def test_nothing_is_drawn_when_nobody_looks(hub, serve, page, monkeypatch):
    from watchpost.runtime import live

    drawn = threading.Event()
    render = live._render
    monkeypatch.setattr(live, "_render", lambda *args: drawn.set() or render(*args))
    page.goto(serve())
    page.wait_for_function(f"() => ({BRIGHTNESS})() >= 0")
    assert drawn.is_set()
    page.goto("about:blank")
    page.wait_for_timeout(300)
    drawn.clear()
    show(hub, 90)
    page.wait_for_timeout(500)
    assert not drawn.is_set()
