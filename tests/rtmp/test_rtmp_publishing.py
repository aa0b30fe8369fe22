"""Our publisher and our receiver, over a socket of this machine. Other programs are in tests/peers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from watchpost.rtmp import flv
from watchpost.rtmp.publisher import Address, Publisher
from watchpost.rtmp.receiver import Receiver
from watchpost.rtmp.wire import AUDIO, DATA, VIDEO, Message, RtmpError

TAGS = [Message(DATA, b"\x02\x00\x0aonMetaData\x05"), *(Message(VIDEO, bytes([n]) * 5000, n * 40) for n in range(50))]


@contextmanager
def server(serve: Callable[[Receiver], None]) -> Iterator[Address]:
    """Takes one connection, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            end, _ = listener.accept()
            with end:
                end.settimeout(5)
                serve(Receiver(end, "encoder"))

        thread = threading.Thread(target=run)
        thread.start()
        yield Address.parse(f"rtmp://127.0.0.1:{listener.getsockname()[1]}/live/secret-key?token=1")
        thread.join(10)
        assert not thread.is_alive()


def test_a_film_comes_through_whole():
    got: list[bytes] = []
    keys: list[tuple[str, str]] = []

    def serve(receiver: Receiver) -> None:
        key = receiver.asked()
        keys.append((receiver.app, key))
        receiver.accept()
        got.extend(receiver.film())

    with server(serve) as address:
        publisher = Publisher(address, 5)
        film = flv.HEADER + b"".join(map(flv.tag, TAGS))
        for at in range(0, len(film), 3000):  # as a muxer's buffer cuts it
            publisher.write(film[at : at + 3000])
        publisher.close()
    assert keys == [("live", "secret-key?token=1")]
    assert b"".join(got) == film
    assert publisher.sent == sum(len(each.body) for each in TAGS) + len(b"\x02\x00\x0d@setDataFrame")


def test_a_refused_key_is_told_and_not_tried_again():
    def serve(receiver: Receiver) -> None:
        receiver.asked()
        receiver.refuse("There is no such stream.")

    with server(serve) as address, pytest.raises(RtmpError, match="There is no such stream") as refused:
        Publisher(address, 5)
    assert refused.value.permanent
    assert "secret" not in str(refused.value)


def test_a_server_that_stops_reading_does_not_hold_up_the_publisher():
    def serve(receiver: Receiver) -> None:
        receiver.asked()
        receiver.accept()
        done.wait(10)

    done = threading.Event()
    with server(serve) as address:
        publisher = Publisher(address, 0.2)
        publisher.write(flv.HEADER)
        much = b"".join(flv.tag(Message(VIDEO, bytes(100_000), number)) for number in range(500))
        with pytest.raises(RtmpError, match="does not take what is sent"):
            publisher.write(much)
        done.set()
        publisher.abort()


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RtmpError, match="check that the server runs"):
        Publisher(Address.parse(f"rtmp://127.0.0.1:{port}/live/key"), 2)


@pytest.mark.parametrize(
    ("text", "app", "key", "shown"),
    [
        ("rtmp://h/live/key", "live", "key", "rtmp://h/live/***"),
        ("rtmps://h:444/a/b/key?x=1", "a/b", "key?x=1", "rtmps://h:444/a/b/***"),
        ("RTMP://[::1]/live/k%20y", "live", "k y", "rtmp://[::1]/live/***"),
    ],
)
def test_addresses(text, app, key, shown):
    address = Address.parse(text)
    assert (address.app, address.key, address.shown) == (app, key, shown)


@pytest.mark.parametrize(
    "text", ["rtmp://h/live", "rtmp://h", "rtmp:///live/key", "http://h/live/k", "rtmp://u:p@h/a/k"]
)
def test_what_is_no_address(text):
    with pytest.raises(RtmpError) as error:
        Address.parse(text)
    assert error.value.permanent
    assert "u:p" not in str(error.value)


def test_tags_are_read_from_pieces_of_any_size():
    film = flv.HEADER + b"".join(map(flv.tag, [*TAGS, Message(AUDIO, b"x", 0x12345678)]))
    for size in (1, 7, len(film)):
        reader = flv.TagReader()
        found = [each for at in range(0, len(film), size) for each in reader.feed(film[at : at + size])]
        assert found == [*TAGS, Message(AUDIO, b"x", 0x12345678)]
