"""Messages over a real pair of sockets: framed, bounded, and nobody waits for the other side."""

from __future__ import annotations

import io
import socket
import struct
import threading

import pytest

from waiting import DEADLINE_S, until
from watchpost.runtime import link as link_module
from watchpost.runtime.link import Link, LinkError, Message, read_message


class Ends:
    """A link whose other end is a plain socket."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.heard: list[Message] = []
        self.link = Link(ours, "other", self.heard.append)
        self.stream = self.theirs.makefile("rb")

    def read(self) -> Message | None:
        return read_message(self.stream)

    def close(self) -> None:
        self.link.close()
        self.stream.close()
        self.theirs.close()


@pytest.fixture
def ends():
    made = Ends()
    yield made
    made.close()


def test_messages_arrive_as_they_were_sent_and_in_order(ends: Ends) -> None:
    ends.link.start()
    sent = [Message("event", {"name": "옆문", "n": number}, bytes([number]) * number) for number in range(20)]
    for message in sent:
        ends.link.send(message)
    assert [ends.read() for _ in sent] == sent


def test_what_comes_is_told(ends: Ends) -> None:
    ends.link.start()
    ends.theirs.sendall(Message("report", {"a": 1}).encoded() + Message("picture", {}, b"jpeg").encoded())
    assert until(lambda: len(ends.heard) == 2)
    assert ends.heard == [Message("report", {"a": 1}), Message("picture", {}, b"jpeg")]


def test_of_what_only_the_newest_counts_only_that_is_sent(ends: Ends) -> None:
    for number in range(5):
        ends.link.send_newest("report", Message("report", {"n": number}))
    ends.link.send(Message("event"))
    assert ends.link.is_waiting("report")
    ends.link.start()
    assert [ends.read(), ends.read()] == [Message("event"), Message("report", {"n": 4})]
    assert not ends.link.is_waiting("report")


def test_a_side_that_reads_nothing_holds_up_nobody(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_QUEUED_BYTES", 10_000_000)
    ends.link.start()
    for number in range(40):  # far more than the socket's buffer and the queue hold
        ends.link.send(Message("event", {"n": number}, bytes(1_000_000)))
    assert ends.link.lost >= 20
    numbers = []
    while (message := ends.read()) is not None:
        numbers.append(message.data["n"])
        if numbers[-1] == 39:
            break
    assert numbers == sorted(numbers)
    assert len(numbers) + ends.link.lost == 40


def test_closing_sends_what_is_waiting(ends: Ends) -> None:
    ends.link.start()
    for number in range(100):
        ends.link.send(Message("event", {"n": number}))
    assert ends.link.close(DEADLINE_S)
    numbers = []
    while (message := ends.read()) is not None:
        numbers.append(message.data["n"])
    assert numbers == list(range(100))


def test_closing_does_not_wait_longer_than_it_is_told(ends: Ends) -> None:
    ends.link.start()
    for _ in range(3):
        ends.link.send(Message("event", {}, bytes(4_000_000)))
    assert not ends.link.close(0.05)


def test_the_end_of_the_other_side_is_noticed(ends: Ends) -> None:
    ends.link.start()
    ends.theirs.sendall(Message("event").encoded() + Message("event").encoded()[:-3])
    ends.stream.close()
    ends.theirs.close()
    assert ends.link.ended.wait(DEADLINE_S)
    assert ends.heard == [Message("event")]  # half a message is none
    ends.link.send(Message("event"))
    ends.link.send(Message("event"))
    assert until(lambda: ends.link.lost >= 1)


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">II", 1 << 31, 0),
        struct.pack(">II", 2, 1 << 31) + b"{}",
        struct.pack(">II", 2, 0) + b"{}",
        struct.pack(">II", 3, 0) + b"\xff\xfe\xfd",
        struct.pack(">II", 4, 0) + b"null",
        struct.pack(">II", 24, 0) + b'{"kind":"a","data":null}',
    ],
)
def test_what_is_no_message_is_an_error_and_costs_no_memory(sent: bytes) -> None:
    with pytest.raises(LinkError):
        read_message(io.BytesIO(sent))


def test_nonsense_ends_the_conversation(ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
    ends.link.start()
    ends.theirs.sendall(b"\xff" * 64)
    assert ends.link.ended.wait(DEADLINE_S)
    assert "not listened to any more" in caplog.text


def test_a_message_that_can_not_be_dealt_with_ends_the_conversation(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    failed = threading.Event()

    def fail(_message: Message) -> None:
        failed.set()
        raise ValueError("no")

    link = Link(ours, "other", fail)
    link.start()
    theirs.sendall(Message("event").encoded() * 2)
    assert link.ended.wait(DEADLINE_S)
    assert failed.is_set()
    assert "not listened to any more" in caplog.text
    link.close()
    theirs.close()


def test_a_message_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(ValueError, match="too large"):
        Message("event", {}, bytes(link_module.MAX_BODY_BYTES + 1)).encoded()
