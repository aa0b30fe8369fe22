from __future__ import annotations

import base64
import email.parser
import email.policy
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from watchpost.clock import ManualClock
from watchpost.event_json import event_from_json
from watchpost.sinks import webhook


@dataclass
class Web:
    """A real HTTP server; it answers with the scripted codes first, then with 200."""

    port: int = 0
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"


def serve(web: Web, port: int = 0) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            web.requests.append((self.path, dict(self.headers), body))
            code, headers = web.answers.pop(0) if web.answers else (200, {})
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    web.port = server.server_port
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    return server


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    server = serve(web)
    yield web
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(web: Web, tmp_path: Path):
    opened = []

    def open_one(clock: ManualClock | None = None, **options: object) -> webhook.WebhookSink:
        made = webhook.Options.model_validate({"url": web.url, "queue": tmp_path} | options)
        opened.append(webhook.create(made, clock or ManualClock()))
        return opened[-1]

    yield open_one
    for sink in opened:
        sink.close(1)


def test_an_event_arrives_as_json(web: Web, hook, make_event, eventually) -> None:
    event = make_event(3, attributes={"direction": "in"})
    hook(headers={"X-Room": "12"}).send(event)
    eventually(lambda: len(web.requests) == 1)
    path, headers, body = web.requests[0]
    assert path == "/hook?a=1"
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Watchpost-Event"] == event.id
    assert headers["X-Room"] == "12"
    assert headers["User-Agent"].startswith("watchpost/")
    assert event_from_json(json.loads(body)) == event


def test_the_body_is_signed(web: Web, hook, make_event, eventually) -> None:
    hook(secret="hush").send(make_event())
    eventually(lambda: len(web.requests) == 1)
    _, headers, body = web.requests[0]
    expected = hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    assert headers["X-Watchpost-Signature"] == f"sha256={expected}"


def test_a_login_in_the_url_becomes_basic_authentication(web: Web, hook, make_event, eventually) -> None:
    sink = hook(url=f"http://me:p%40ss@127.0.0.1:{web.port}/")
    sink.send(make_event())
    eventually(lambda: len(web.requests) == 1)
    assert base64.b64decode(web.requests[0][1]["Authorization"].removeprefix("Basic ")) == b"me:p@ss"
    assert sink.name == f"webhook http://127.0.0.1:{web.port}"


def test_the_snapshot_as_base64(web: Web, hook, make_event, eventually) -> None:
    sink = hook(snapshot="base64")
    sink.send(make_event(snapshot=b"\xff\xd8jpeg"))
    sink.send(make_event())
    eventually(lambda: len(web.requests) == 2)
    first, second = (json.loads(body) for _, _, body in web.requests)
    assert base64.b64decode(first["snapshot_jpeg"]) == b"\xff\xd8jpeg"
    assert "snapshot_jpeg" not in second


def test_the_snapshot_in_a_form(web: Web, hook, make_event, eventually) -> None:
    event = make_event(snapshot=b"\xff\xd8\r\n--jpeg")
    hook(snapshot="multipart").send(event)
    eventually(lambda: len(web.requests) == 1)
    _, headers, body = web.requests[0]
    text = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
    assert event_from_json(json.loads(parts["event"].get_content()), event.snapshot) == event
    assert parts["snapshot"].get_content_type() == "image/jpeg"
    assert parts["snapshot"].get_payload(decode=True) == event.snapshot


def test_passing_troubles_are_tried_again(web: Web, hook, make_event, eventually) -> None:
    clock = ManualClock()
    web.answers = [(500, {}), (503, {}), (408, {}), (429, {"Retry-After": "70"})]
    sink = hook(clock)
    sink.send(make_event())
    eventually(lambda: sink.counts["sent"] == 1)
    assert len(web.requests) == 5
    assert clock.waits_s == [1, 2, 4, 70]


@pytest.mark.parametrize("code", [400, 401, 404, 301, 302])
def test_other_answers_are_final(web: Web, hook, make_event, eventually, code: int) -> None:
    web.answers = [(code, {"Location": "/elsewhere"})]
    sink = hook()
    sink.send(make_event())
    sink.send(make_event())
    eventually(lambda: sink.counts["sent"] == 1)
    assert sink.counts["refused"] == 1
    assert len(web.requests) == 2


def test_an_outage_loses_nothing(web: Web, hook, make_event, eventually) -> None:
    class Server:
        now = serve(Web())

    Server.now.shutdown()
    Server.now.server_close()
    port = Server.now.server_port
    tries = threading.Semaphore(0)

    class Clock(ManualClock):
        def wait(self, seconds: float, until: threading.Event | None = None) -> bool:
            tries.release()
            if len(self.waits_s) == 3:  # the server comes back during the fourth wait
                Server.now = serve(web, port)
            return super().wait(seconds, until)

    sink = hook(Clock(), url=f"http://127.0.0.1:{port}/")
    sent = [make_event(n) for n in range(3)]
    for event in sent:
        sink.send(event)
    eventually(lambda: sink.counts["sent"] == 3)
    assert [json.loads(body)["id"] for _, _, body in web.requests] == [event.id for event in sent]
    Server.now.shutdown()
    Server.now.server_close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "host/x",
        "http://",
        "http:// host",
        "http://[::1",
        "http://host:port/",
        "http://host:99999/",
        "http://me:secret@/",
        "https://host/후크",
        "https://호스트.example/",
        "http://host/a\x7f",
    ],
)
def test_only_web_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValidationError):
        webhook.Options(url=url)


@pytest.mark.parametrize(
    ("name", "value"), [("A b", "x"), ("", "x"), ("A:", "x"), ("A", "x\n"), ("A", "x\r\nB: y"), ("A", "한")]
)
def test_headers_that_can_not_be_sent_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        webhook.Options(url="https://host/", headers={name: value})


def test_refused_secrets_are_not_told() -> None:
    with pytest.raises(ValidationError) as caught:
        webhook.Options(url="https://me:s3cret@host:port/", headers={"Authorization": "Bearer s3cret\n"})
    assert len(caught.value.errors()) == 2
    assert "s3cret" not in str(caught.value)


def test_secrets_do_not_show_in_the_options() -> None:
    options = webhook.Options(url="https://host/hooks/T0KEN", headers={"Authorization": "Bearer abc"}, secret="hush")
    assert "T0KEN" not in repr(options)
    assert "abc" not in repr(options)
    assert "hush" not in repr(options)
