from __future__ import annotations

import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.rtmp.wire import (
    ACKNOWLEDGEMENT,
    AUDIO,
    COMMAND,
    SET_CHUNK_SIZE,
    USER_CONTROL,
    VIDEO,
    WINDOW_BYTES,
    Message,
    MessageReader,
    RtmpError,
    Wire,
    answer_greeting,
    encoded,
    greet,
)


class Canned(Wire):
    """Gives prepared bytes, and keeps what is sent."""

    def __init__(self, data: bytes) -> None:
        self.shown = "peer"
        self.received = 0
        self.data = data
        self.sent = b""

    def read(self, count: int) -> bytes:
        taken, self.data = self.data[:count], self.data[count:]
        self.received += len(taken)
        if len(taken) < count:
            raise RtmpError("the end")
        return taken

    def send(self, data: bytes) -> None:
        self.sent += data

    def has_news(self) -> bool:
        return bool(self.data)


def read_all(wire: Canned) -> list[Message]:
    return list(MessageReader(wire).waiting())


MESSAGES = st.builds(
    Message,
    st.sampled_from([VIDEO, AUDIO, COMMAND]),
    st.binary(max_size=700),
    st.sampled_from([0, 40, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF]),
    st.integers(0, 5),
)


@given(st.lists(MESSAGES, max_size=4), st.sampled_from([1, 128, 65_536]))
def test_messages_come_through_chunks_of_any_size(messages, chunk_size):
    size = encoded(Message(SET_CHUNK_SIZE, struct.pack(">I", chunk_size)), 2)
    data = size + b"".join(encoded(each, 4, chunk_size) for each in messages)
    assert read_all(Canned(data)) == messages


def test_shorter_headers_take_the_rest_from_the_one_before():
    first = encoded(Message(VIDEO, b"one", 1000, 1), 4)
    shorter = bytes((0x44,)) + (40).to_bytes(3, "big") + (3).to_bytes(3, "big") + bytes((AUDIO,)) + b"two"
    time_alone = bytes((0x84,)) + (20).to_bytes(3, "big") + b"thr"
    nothing = bytes((0xC4,)) + b"fou"
    assert read_all(Canned(first + shorter + time_alone + nothing)) == [
        Message(VIDEO, b"one", 1000, 1),
        Message(AUDIO, b"two", 1040, 1),
        Message(AUDIO, b"thr", 1060, 1),
        Message(AUDIO, b"fou", 1080, 1),
    ]


def test_chunks_of_two_messages_may_alternate():
    long = encoded(Message(VIDEO, bytes(200)), 4)
    other = encoded(Message(AUDIO, b"ab"), 5)
    found = read_all(Canned(long[: 12 + 128] + other + long[12 + 128 :]))
    assert [(each.kind, len(each.body)) for each in found] == [(AUDIO, 2), (VIDEO, 200)]


def test_pings_are_answered_and_much_data_is_acknowledged():
    ping = encoded(Message(USER_CONTROL, struct.pack(">HI", 6, 1234)), 2)
    size = encoded(Message(SET_CHUNK_SIZE, struct.pack(">I", 1 << 20)), 2)
    wire = Canned(ping + size + encoded(Message(VIDEO, bytes(WINDOW_BYTES)), 4, 1 << 20)[: 12 + (1 << 20)])
    wire.data += b"\xc4" + bytes(1 << 20) + b"\xc4" + bytes(WINDOW_BYTES - (2 << 20)) + encoded(Message(VIDEO, b"x"), 4)
    assert [len(each.body) for each in read_all(wire)] == [WINDOW_BYTES, 1]
    assert wire.sent.startswith(encoded(Message(USER_CONTROL, struct.pack(">HI", 7, 1234)), 2))
    assert bytes((ACKNOWLEDGEMENT,)) in wire.sent


@pytest.mark.parametrize(
    "data",
    [
        b"\xc4",  # goes on with what never began
        encoded(Message(SET_CHUNK_SIZE, bytes(4)), 2),
        bytes((4,)) + bytes(3) + b"\xff\xff\xff" + bytes(5),  # 16 MB
    ],
)
def test_what_is_no_rtmp_is_refused(data):
    with pytest.raises(RtmpError, match="peer"):
        read_all(Canned(data))


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_end_in_messages_or_an_error(data):
    wire = Canned(data)
    try:
        read_all(wire)
    except RtmpError:
        return
    assert not wire.data


def test_the_handshake_and_its_time_out():
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(5)
        right.settimeout(5)
        thread = threading.Thread(target=answer_greeting, args=(Wire(right, "client"),))
        thread.start()
        greet(Wire(left, "server"))
        thread.join()
        left.settimeout(0.01)
        with pytest.raises(RtmpError, match="server: no answer in time"):
            greet(Wire(left, "server"))


def test_another_protocol_is_told():
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(5)
        right.sendall(b"HTTP/1.1 400 Bad Request")
        with pytest.raises(RtmpError, match="does not speak RTMP"):
            greet(Wire(left, "server"))
