"""The web server here is Python's own, in this process: what is tested is how its answers are understood."""

from __future__ import annotations

import functools
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clips import encode_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.sources import open_source
from watchpost.types import Packet

BOUNDARY = b"--picture\r\nContent-Type: image/jpeg\r\n\r\n"


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = self.path.strip("/").partition("/")
        if parts[0] == "status":
            self.send_error(int(parts[2]))
        elif parts[0] == "mjpeg":
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
            self.end_headers()
            jpeg = (Path(self.directory) / "picture.jpg").read_bytes()
            for _ in range(int(parts[2])):
                self.wfile.write(BOUNDARY + jpeg + b"\r\n")
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    encode_clip(tmp_path / "clip.mp4", moving_square(10))
    encode_clip(tmp_path / "picture.jpg", moving_square(1), codec="mjpeg", pixel_format="yuvj420p", container="mjpeg")
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def read(address: str, **options: object) -> list[Packet]:
    return list(open_source(address, "yard", options, SystemClock()).packets())


def failure(address: str, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(address, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_file_on_a_web_server_is_a_film_that_ends(server: str) -> None:
    packets = read(f"{server}/clip.mp4")
    assert len(packets) == 10
    assert not packets[0].stream.is_live


def test_an_mjpeg_stream_is_live_and_its_end_a_loss(server: str) -> None:
    packets: list[Packet] = []
    with pytest.raises(SourceError, match=r"has ended|broke off") as caught:
        packets.extend(open_source(f"{server}/mjpeg/40", "yard", None, SystemClock()).packets())
    assert not caught.value.permanent
    assert len(packets) >= 39  # FFmpeg waits for the boundary after the last
    assert packets[0].stream.is_live
    assert packets[0].stream.codec == "mjpeg"


@pytest.mark.parametrize(
    ("status", "words", "permanent"),
    [
        (401, "wrong user or password", True),
        (403, "refuses access", True),
        (404, "no such path", True),
        (410, "refuses the request", True),
        (500, "error of its own", False),
        (503, "error of its own", False),
    ],
)
def test_what_the_server_answers(server: str, status: int, words: str, permanent: bool) -> None:
    address = f"{server}/status/{status}".replace("//", "//admin:secret@", 1)
    error = failure(address)
    assert words in str(error)
    assert error.permanent is permanent
    assert "***@127.0.0.1" in str(error)
    assert "secret" not in str(error)


def test_what_is_no_video_is_permanent(server: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<h1>Welcome to your camera</h1>" * 100)
    assert "is no video" in str(failure(f"{server}/page.html"))


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_nobody_listens(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = failure(f"{scheme}://u:p@127.0.0.1:{port}/live")
    assert "connection refused" in str(error)
    assert not error.permanent
    assert "u:p" not in str(error)


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_an_unknown_host(scheme: str) -> None:
    error = failure(f"{scheme}://camera.invalid/live")
    assert "host camera.invalid is not known" in str(error)
    assert error.permanent


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_a_server_that_does_not_answer(scheme: str, silent_port: int) -> None:
    started = time.monotonic()
    error = failure(f"{scheme}://127.0.0.1:{silent_port}/live", timeout=0.3)
    assert "no answer in time" in str(error)
    assert not error.permanent
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_close_from_another_thread_ends_it_at_once(scheme: str, silent_port: int) -> None:
    source = open_source(f"{scheme}://127.0.0.1:{silent_port}/live", "yard", {"timeout": "4s"}, SystemClock())
    threading.Timer(0.1, source.close).start()
    started = time.monotonic()
    assert list(source.packets()) == []
    assert time.monotonic() - started < 1
    source.close()
