"""Events, insights and settings in a real browser (Chromium): one server and one browser for all tests here."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from filming import film
from watchpost.clock import SystemClock
from watchpost.notes.book import NoteBook
from watchpost.picture import ArrayPicture, encode_jpeg
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.runtime.figures import Figures
from watchpost.runtime.history import History
from watchpost.runtime.live import LiveHub
from watchpost.stores import sqlite
from watchpost.types import Detections, Event, Frame, Moment
from watchpost.web.access import Role
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE = (64, 48)
PASSWORD = "a long walk in the rain"
NAMES = {Role.ADMIN: "ada", Role.OPERATOR: "oh", Role.VIEWER: "vera"}
CONFIG = (
    "cameras:\n  gate: # the first\n    source: rtsp://10.0.0.5/stream1\n  yard: {source: rtsp://10.0.0.6/stream1}\n"
)

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def now_s():
    return time.time()


@pytest.fixture(scope="module")
def site(folder: Path, now_s: float):
    """The address of a server with two cameras, 150 events, and a film of the newest of them."""
    clock = SystemClock()
    hub, store = LiveHub(clock), sqlite.create(sqlite.Options(path=folder / "events.db"))
    archive, notes, history = Archive(folder), NoteBook(folder / "notes.db"), History(folder / "history.db")
    accounts = Accounts(folder, clock)
    for role, name in NAMES.items():
        accounts.add(name, role, PASSWORD, frozenset({"yard"}) if role is Role.VIEWER else None)
    (folder / "watchpost.yaml").write_text(CONFIG)
    picture = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for camera in ("gate", "yard"):
        hub.publish(camera, Frame(camera, ArrayPicture(picture), 0.0, now_s, 0), Detections.empty(SIZE))
    store.add(event(number, now_s, encode_jpeg(picture)) for number in range(150))
    writer = CameraWriter("gate", archive, clock, Lengths(segment_s=3.0, fragment_s=1.0))
    for packet in film(120, wall_time_s=now_s - 70.0):
        writer.add(packet)
    writer.finish()
    services = Services(
        hub,
        store=lambda: store,
        figures=lambda: Figures((), {"level": 0}),
        recordings=lambda: archive,
        notes=lambda: notes,
        history=lambda: history,
        accounts=accounts,
        config_file=folder / "watchpost.yaml",
        clock=clock,
    )
    server = WebServer(create_app(services), port=0)
    yield server.start().rstrip("/")
    server.stop()
    for each in (accounts, history, notes, store, archive):
        each.close()


def event(number: int, now_s: float, jpeg: bytes) -> Event:
    """The newest, 0, crossed the line of the gate a minute ago; one an hour before that."""
    at = Moment(0.0, now_s - 64.0 - 3600.0 * number)
    camera, kind = ("gate", "crossed") if number % 2 == 0 else ("yard", "left")
    way = {"direction": "in"} if kind == "crossed" else {}
    zone = "gate line" if kind == "crossed" else None
    box = (0.25, 0.25, 0.5, 0.75)
    return Event(f"{number:032x}", camera, "who", kind, "person", number, at, at, 0.9, box, zone, way, jpeg)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sessions(browser, site):
    """Role -> the state of a browser in which somebody of that role has logged in."""
    states = {}
    for role, name in NAMES.items():
        context = browser.new_context()
        answer = context.request.post(f"{site}/api/accounts/login", data={"name": name, "password": PASSWORD})
        assert answer.ok, answer.text()
        states[role] = context.storage_state()
        context.close()
    return states


@pytest.fixture
def visit(browser, site, sessions):
    """Opens a page as somebody of a role; at the end no page may have had a problem, or asked another server."""
    contexts, problems, asked = [], [], []

    def open_page(path: str, role: Role = Role.ADMIN, locale: str = "en-GB"):
        context = browser.new_context(storage_state=sessions[role], locale=locale, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
    assert [each for each in asked if not each.startswith((site, "data:", "blob:"))] == []


def test_an_event_is_searched_for_and_its_clip_plays(visit, site):
    page = visit("/events")
    page.locator(".wp-event").nth(59).wait_for()
    page.locator(".wp-query input").fill("camera:gate kind:crossed")
    page.keyboard.press("Enter")
    page.get_by_text("75 events", exact=True).wait_for()
    first = page.locator(".wp-event").first
    assert first.locator(".what").inner_text() == "Person #0 crossed"
    assert "gate line" in first.locator(".where").inner_text()
    first.click()
    page.locator(".wp-details h2", has_text="Person #0 crossed").wait_for()
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('.wp-clip video').currentTime > 0.3")
    assert f"event={0:032x}" in page.url
    assert "q=camera" in page.url


def test_the_box_lies_on_the_picture(visit):
    page = visit(f"/events?event={0:032x}")
    page.wait_for_function("() => document.querySelector('.wp-details .wp-shot img')?.naturalWidth === 64")
    picture, box = (page.locator(f".wp-details .wp-shot {each}").bounding_box() for each in ("img", "i"))
    assert box["x"] - picture["x"] == pytest.approx(picture["width"] / 4, abs=2)
    assert box["height"] == pytest.approx(picture["height"] / 2, abs=2)


def test_the_keyboard_goes_from_event_to_event_and_the_list_has_no_end(visit):
    page = visit("/events?view=table")
    page.locator("tbody tr").nth(59).wait_for()
    page.keyboard.press("j")
    page.locator(".wp-details h2", has_text="Person #0 crossed").wait_for()
    page.keyboard.press("j")
    page.locator(".wp-details h2", has_text="Person #1 left").wait_for()
    page.keyboard.press("k")
    page.locator(".wp-details h2", has_text="Person #0 crossed").wait_for()
    page.keyboard.press("Escape")
    page.locator(".wp-details").wait_for(state="hidden")
    for count in (119, 149):
        page.locator(".wp-results .end").scroll_into_view_if_needed()
        page.locator("tbody tr").nth(count).wait_for()
    assert page.locator("tbody tr").count() == 150


def test_a_wrong_search_says_what_is_wrong_in_its_place(visit):
    page = visit("/events?q=colour:red")
    page.locator(".wp-error", has_text="there is no 'colour' to search by").wait_for()


def test_a_facet_narrows_what_is_found(visit):
    page = visit("/events")
    page.get_by_text("150 events", exact=True).wait_for()
    page.get_by_label("Camera", exact=True).click()
    page.get_by_role("option", name="yard (75)").click()
    page.get_by_text("75 events", exact=True).wait_for()
    assert "camera=yard" in page.url


def test_feedback_is_kept(visit):
    page = visit(f"/events?event={2:032x}", Role.OPERATOR)
    page.locator(".wp-mark-bookmark").click()
    page.locator(".wp-mark-bookmark[aria-pressed=true]").wait_for()
    page.locator(".wp-mark-false_alarm").click()
    page.locator(".wp-mark-false_alarm[aria-pressed=true]").wait_for()
    page.locator(".wp-new-note textarea").fill("the wind, <b>again</b>")
    page.get_by_role("button", name="Add note").click()
    page.locator(".wp-said", has_text="the wind, <b>again</b>").wait_for()
    page.reload()
    page.locator(".wp-mark-false_alarm[aria-pressed=true]").wait_for()
    page.locator(".wp-said", has_text="oh ·").wait_for()
    assert page.locator(f"[id=event-{2:032x}] .marks").inner_text() == "★✎⚑"
    page.goto(page.url.partition("?")[0] + "?bookmarked=1")
    page.locator(".wp-event").wait_for()
    assert page.locator(".wp-event").count() == 1


def test_what_was_missed_is_drawn_over_the_clip(visit, site, now_s):
    page = visit(f"/events?event={0:032x}", Role.OPERATOR)
    page.wait_for_function("() => document.querySelector('.wp-clip video')?.readyState >= 1")
    page.locator(".wp-mark-missed").click()
    page.locator(".wp-clip .marking").scroll_into_view_if_needed()
    area = page.locator(".wp-clip .marking").bounding_box()
    page.mouse.move(area["x"] + area["width"] / 4, area["y"] + area["height"] / 4)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    page.mouse.up()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Kept for the next training.").wait_for()
    (note,) = page.request.get(f"{site}/api/events/notes?kind=missed").json()
    assert note["boxes"][0] == pytest.approx([0.25, 0.25, 0.5, 0.5], abs=0.02)
    assert note["time"] == pytest.approx(now_s - 70, abs=2.0)
    assert note["has_picture"]


def test_what_is_found_is_taken_away_as_files(visit):
    page = visit("/events?q=kind:left")
    page.get_by_text("75 events", exact=True).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="All that is found as a table (CSV)").click()
    table = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(table) == 76
    assert table[0].startswith("id,camera,")
    with page.expect_download() as download:
        page.get_by_role("link", name="All that is found as JSON, one event a line").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert {json.loads(line)["kind"] for line in lines} == {"left"}
    assert len(lines) == 75


def test_charts_are_drawn_and_told_where_there_is_nothing(visit):
    page = visit("/insights")
    page.locator("section[aria-label='Events by hour and day'] .plot-container").wait_for()
    page.locator("section[aria-label='Line crossings'] .barlayer path").first.wait_for()
    page.locator("section[aria-label='What was seen'] .legendtext", has_text="Person 100.0%").wait_for()
    page.locator("section[aria-label='Memory'] .wp-empty").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Figures of: Line crossings").click()
    rows = Path(download.value.path()).read_text("utf-8-sig").splitlines()[1:]
    assert sum(int(row.split(",")[1]) for row in rows) == 75
    page.get_by_role("button", name="24 hours").click()
    page.wait_for_url("**/insights?span=day")


def test_a_camera_is_added_by_its_address(visit, folder):
    page = visit("/settings?section=cameras")
    page.locator("tbody tr", has_text="yard").wait_for()
    page.get_by_role("button", name="Add camera").click()
    page.locator(".wp-source input").fill("synthetic:?width=320&height=180&seed=7")
    page.locator(".wp-test").click()
    page.wait_for_function("() => document.querySelector('.wp-look img')?.naturalWidth === 320")
    page.get_by_text("320×180, H264, 15 fps").wait_for()
    page.locator(".wp-name input").fill("옥상")
    page.locator(".wp-save").click()
    page.locator("tbody tr", has_text="옥상").wait_for()
    text = (folder / "watchpost.yaml").read_text("utf-8")
    assert "gate: # the first" in text
    assert "synthetic:?width=320&height=180&seed=7" in text


def test_what_does_not_hold_is_told_in_the_form(visit):
    page = visit("/settings?section=cameras")
    page.get_by_role("button", name="Add camera").click()
    page.locator(".wp-source input").fill("/etc/passwd")
    page.locator(".wp-name input").fill("roof")
    page.locator(".wp-save").click()
    page.locator(".wp-form .wp-error", has_text="a source is set from here as an address").wait_for()


def test_a_user_is_added_and_may_log_in(visit, browser, site):
    page = visit("/settings?section=users")
    page.get_by_role("button", name="Add user").click()
    page.get_by_label("Name", exact=True).fill("night shift")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    page.locator("tbody tr", has_text="night shift").wait_for()
    context = browser.new_context()
    answer = context.request.post(f"{site}/api/accounts/login", data={"name": "night shift", "password": PASSWORD})
    assert answer.json()["role"] == "viewer"
    context.close()


def test_a_token_is_shown_once_and_works(visit, site, browser):
    page = visit("/settings?section=tokens", Role.OPERATOR)
    page.get_by_role("button", name="New token").click()
    page.get_by_label("What for").fill("doorbell")
    page.get_by_role("button", name="Save").click()
    secret = page.locator(".wp-secret input").input_value()
    page.get_by_role("button", name="Close").click()
    page.locator("tbody tr", has_text="doorbell").wait_for()
    page.locator(".wp-secret").wait_for(state="detached")
    assert secret not in page.content()
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {secret}"})
    assert context.request.get(f"{site}/api/accounts/me").json()["name"] == "oh"
    context.close()


def test_storage_health_and_licences_are_there(visit):
    page = visit("/settings?section=storage", Role.OPERATOR)
    page.locator("tbody tr", has_text="gate").wait_for()
    page.get_by_role("tab", name="Health").click()
    page.locator(".wp-findings li").first.wait_for()
    page.get_by_role("tab", name="About").click()
    page.locator("tbody tr", has_text="nicegui").wait_for()


def test_who_may_not_does_not_see_it(visit):
    page = visit("/settings", Role.VIEWER)
    page.get_by_role("tab", name="About").wait_for()
    assert page.get_by_role("tab", name="Tokens").is_visible()
    assert page.get_by_role("tab").count() == 2
    page.goto(page.url.partition("/settings")[0] + "/events")
    page.get_by_text("75 events", exact=True).wait_for()
    page.locator(".wp-event").first.click()
    page.locator(".wp-details h2").wait_for()
    assert page.locator(".wp-mark-bookmark").count() == 0


def test_the_pages_speak_korean(visit):
    page = visit("/events", locale="ko-KR")
    page.get_by_text("이벤트 150건").wait_for()
    page.locator(".wp-query input").fill("카메라:gate 종류:건넘")
    page.keyboard.press("Enter")
    page.get_by_text("이벤트 75건").wait_for()
    assert page.locator(".wp-event .what").first.inner_text() == "사람 #0 통과"
