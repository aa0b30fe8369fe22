from __future__ import annotations

import re
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from fakes import detections, frame
from watchpost.clock import ManualClock
from watchpost.runtime.live import LiveHub
from watchpost.web.access import Role, User
from watchpost.web.app import create_app
from watchpost.web.dashboard.entrance import Entrance
from watchpost.web.dashboard.pages import nicegui_app
from watchpost.web.dashboard.view import NAVIGATION
from watchpost.web.services import Services

TOKEN = "correct horse battery"
KOREAN = {"Accept-Language": "ko-KR,ko;q=0.9"}


@pytest.fixture(scope="module")
def hub():
    hub = LiveHub(ManualClock())
    for name in ("gate", "정문/1", "<b>yard</b>"):
        hub.publish(name, frame(0), detections((1, 2, 30, 40)))
    return hub


@pytest.fixture(scope="module")
def client(hub):
    with TestClient(create_app(Services(hub)), base_url="http://127.0.0.1:8800", follow_redirects=False) as client:
        yield client


@pytest.fixture
def locked(hub):
    return TestClient(create_app(Services(hub), token=TOKEN), base_url="http://watch.example", follow_redirects=False)


def elements(page: str) -> str:
    """What NiceGUI is to build of a page."""
    found = re.search(r"parseElements\(String.raw`(.*?)`\)", page, re.DOTALL)
    assert found
    escaped = found[1]
    for code, sign in (("&#36;", "$"), ("&#96;", "`"), ("&gt;", ">"), ("&lt;", "<"), ("&amp;", "&")):
        escaped = escaped.replace(code, sign)
    return escaped


def test_the_wall_is_the_first_page(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<title>Wall · Watchpost</title>" in answer.text
    assert '"tag":"wp-wall"' in elements(answer.text).replace(" ", "")
    assert "/static/wall.js" in answer.text


def test_a_page_speaks_the_readers_language(client):
    english, korean = client.get("/"), client.get("/", headers=KOREAN)
    assert '<html lang="en-US"' in english.text
    assert "Find a camera" in elements(english.text)
    assert '<html lang="ko-KR"' in korean.text
    assert "카메라 찾기" in elements(korean.text)
    client.cookies.set("watchpost_language", "ko")
    assert '<html lang="ko-KR"' in client.get("/").text
    client.cookies.clear()


@pytest.mark.parametrize(("cookie", "dark"), [(None, "None"), ("dark", "True"), ("light", "False"), ("x", "None")])
def test_a_page_has_the_readers_theme(client, cookie, dark):
    if cookie:
        client.cookies.set("watchpost_theme", cookie)
    assert f"const dark = {dark};" in client.get("/").text
    client.cookies.clear()


def test_nothing_comes_from_elsewhere_and_no_script_runs_without_its_nonce(client):
    answer = client.get("/cameras/gate")
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy)
    assert nonce
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    tags = re.findall(r"<script[^>]*>", answer.text)
    assert len(tags) > 5
    assert all(f'nonce="{nonce[1]}"' in tag for tag in tags)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//|url\(["']?(?:https?:)?//""", answer.text)
    again = client.get("/cameras/gate").headers["content-security-policy"]
    assert again != policy


def test_a_camera_has_a_page_whatever_its_name(client):
    for name in ("gate", "정문%2F1", "%3Cb%3Eyard%3C%2Fb%3E"):
        assert client.get(f"/cameras/{name}").status_code == 200
    page = client.get("/cameras/%3Cb%3Eyard%3C%2Fb%3E").text
    assert "<b>yard" not in page
    assert "&lt;b&gt;yard" in elements(page)


@pytest.mark.parametrize("path", ["/cameras/attic", "/nothing", "/cameras/..%2f..%2fetc"])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


@pytest.fixture
def ann(hub, client):  # with `client` NiceGUI runs
    """A viewer of one camera."""
    entrance = Entrance(client.app, nicegui_app(), Services(hub), "en")

    async def as_ann(scope, receive, send):
        scope.setdefault("state", {})["user"] = User("ann <b>", Role.VIEWER, frozenset({"gate"}))
        await entrance(scope, receive, send)

    return TestClient(as_ann, base_url="http://127.0.0.1:8800")


def test_a_viewer_finds_what_she_may_see_and_no_more(ann):
    page = ann.get("/cameras/gate")
    assert page.status_code == 200
    assert 'content="{&quot;user&quot;: &quot;ann &lt;b&gt;&quot;, &quot;role&quot;: &quot;viewer&quot;}"' in page.text
    assert ann.get("/cameras/정문%2F1").status_code == 404


def test_the_api_answers_for_itself(client):
    missing = client.get("/api/nothing")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})
    assert client.get("/static/nothing.js").status_code == 404
    assert client.delete("/api/cameras").status_code == 405


def test_who_is_not_logged_in_is_asked_to(locked):
    for path in ("/", "/cameras/gate"):
        answer = locked.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    for path in ("/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/api/layouts"):
        assert locked.get(path).status_code == 401


def test_the_choice_of_a_language_leads_back_and_nowhere_else(client):
    for back, place in {
        "/cameras/a%20b": "/cameras/a%20b",
        "//evil.example/": "/",
        "/\\evil.example": "/",
        "x": "/",
    }.items():
        answer = client.get("/language/ko", params={"back": back})
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    client.cookies.clear()


def test_the_help_tells_of_every_page(client):
    page = elements(client.get("/").text)
    for entry in NAVIGATION:
        assert f"<kbd>g</kbd><kbd>{entry.key}</kbd>" in page.replace('\\"', '"')
    assert len({entry.key for entry in NAVIGATION}) == len(NAVIGATION)


def test_the_command_line_does_not_load_it():
    code = "import sys, watchpost.cli; print([name for name in sys.modules if name.split('.')[0] == 'nicegui'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
