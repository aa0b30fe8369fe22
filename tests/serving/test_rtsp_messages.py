"""Requests and interleaved data, whole, in pieces, and as they must not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.serving.rtsp_messages import (
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    BadMessageError,
    Interleaved,
    MessageReader,
    Request,
    framed,
    response,
)

DESCRIBE = (
    b"DESCRIBE rtsp://127.0.0.1/gate RTSP/1.0\r\nCSeq: 7\r\nAccept: application/sdp\r\nX-A: 1\r\nx-a: two\r\n\r\n"
)
ANNOUNCE = b"ANNOUNCE rtsp://h/publish/yard RTSP/1.0\r\ncseq: 2\r\ncontent-length: 5\r\n\r\nv=0\r\n"


def test_a_request_is_read() -> None:
    [request] = MessageReader().feed(DESCRIBE)
    assert isinstance(request, Request)
    assert (request.method, request.target, request.sequence) == ("DESCRIBE", "rtsp://127.0.0.1/gate", "7")
    assert request.headers["x-a"] == "1, two"


@given(st.lists(st.integers(1, 200), max_size=60))
def test_messages_may_come_in_any_pieces(sizes: list[int]) -> None:
    stream = DESCRIBE + framed(1, b"$ab\r\n") + b"\r\n" + ANNOUNCE + framed(255, b"") + DESCRIBE
    reader = MessageReader()
    found = []
    for size in [*sizes, len(stream)]:
        found += reader.feed(stream[:size])
        stream = stream[size:]
    whole = MessageReader().feed(DESCRIBE)[0]
    assert found[0] == found[4] == whole
    assert found[1] == Interleaved(1, b"$ab\r\n")
    assert isinstance(found[2], Request)
    assert found[2].body == b"v=0\r\n"
    assert found[3] == Interleaved(255, b"")
    assert not reader.is_waiting


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"DESCRIBE rtsp://h/a RTSP/2.0\r\n\r\n", 505),
        (b"describe rtsp://h/a RTSP/1.0\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nCSeq 1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nA: b\x00c\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nA: b\r\n c\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nA: \xff\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"OPTIONS * RTSP/1.0\r\n" + b"A: b\r\n" * 65 + b"\r\n", 413),
        (b"O" * (MOST_HEAD_BYTES + 1), 413),
        (b"OPTIONS * RTSP/1.0\r\nA: " + b"b" * MOST_HEAD_BYTES + b"\r\n\r\n", 413),
    ],
)
def test_what_can_not_be_a_message_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(BadMessageError) as caught:
        MessageReader().feed(data)
    assert caught.value.status == status


def test_a_sequence_that_is_no_number_is_none() -> None:
    [request] = MessageReader().feed(b"OPTIONS * RTSP/1.0\r\nCSeq: 1; drop\r\n\r\n")
    assert isinstance(request, Request)
    assert request.sequence is None


def test_an_answer_is_written() -> None:
    data = response(401, "3", {"WWW-Authenticate": ["a", "b"]}, b"x")
    assert data == (
        b"RTSP/1.0 401 Unauthorized\r\nCSeq: 3\r\nWWW-Authenticate: a\r\nWWW-Authenticate: b\r\n"
        b"Content-Length: 1\r\n\r\nx"
    )


def test_no_header_can_break_an_answer() -> None:
    with pytest.raises(ValueError, match="Session"):
        response(200, "1", {"Session": "a\r\nX: y"})
