"""DESCRIBE against a small scripted server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from watchpost.errors import SourceError
from watchpost.video.rtsp_describe import describe

SDP = b"v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=cam\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP)


def refused(challenge: str) -> bytes:
    return f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: {challenge}\r\n\r\n".encode()


@contextmanager
def server(*answers: bytes) -> Iterator[tuple[int, list[str]]]:
    """Gives each request of one connection the next answer, and keeps the requests."""
    requests: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                request = b""
                while not request.endswith(b"\r\n\r\n"):
                    data = connection.recv(4096)
                    if not data:
                        return
                    request += data
                requests.append(request.decode())
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        thread.join()
        listener.close()


def test_the_sdp_comes_without_a_password_where_none_is_asked():
    with server(OK) as (port, requests):
        sdp = describe(f"rtsp://127.0.0.1:{port}/live?channel=1")
    assert sdp.splitlines()[-1] == "a=rtpmap:96 H264/90000"
    assert requests[0].startswith(f"DESCRIBE rtsp://127.0.0.1:{port}/live?channel=1 RTSP/1.0\r\nCSeq: 1\r\n")
    assert "Authorization" not in requests[0]


def test_basic_authentication_after_the_challenge():
    with server(refused('Basic realm="cam"'), OK) as (port, requests):
        assert describe(f"rtsp://admin:p%40ss@127.0.0.1:{port}/live").startswith("v=0")
    assert "Authorization: Basic YWRtaW46cEBzcw==" in requests[1]
    assert "admin" not in requests[0]
    assert "admin" not in requests[1].splitlines()[0]


def test_a_wrong_password_is_said_without_showing_it():
    challenge = refused('Digest realm="cam", nonce="abc"')
    with server(challenge, challenge) as (port, requests), pytest.raises(SourceError) as caught:
        describe(f"rtsp://admin:hunter2@127.0.0.1:{port}/live")
    assert "wrong user or password" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.permanent
    assert "hunter2" not in requests[1]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not RTSP"),
        (b"\xff\xfe\r\n\r\n", "DESCRIBE"),
        (b"RTSP/1.0 404 Not Found\r\n\r\n", "answers 404 Not Found"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "is not RTSP"),
        (b"", "is not RTSP"),
    ],
)
def test_bad_answers_are_one_clear_line(answer, message):
    with server(answer) as (port, _), pytest.raises(SourceError, match=message):
        describe(f"rtsp://127.0.0.1:{port}/live")


def test_silence_ends_with_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SourceError, match=r"no answer to DESCRIBE in 0\.05 s"):
            describe(f"rtsp://127.0.0.1:{port}/live", timeout_s=0.05)


@pytest.mark.parametrize("address", ["http://h/x", "rtsp://", "rtsp://h:notaport/", "file"])
def test_what_is_no_rtsp_address_is_refused(address):
    with pytest.raises(SourceError):
        describe(address)
