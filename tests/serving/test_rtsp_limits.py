"""Patience that ends, and bounds: whoever breaks them is alone with it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from filming import film
from rtsp_client import Client
from rtsp_house import House
from waiting import until
from watchpost.clock import ManualClock
from watchpost.config.serve import RtspOptions
from watchpost.serving import rtsp_connection, rtsp_server
from watchpost.serving.access import network
from watchpost.serving.readers import TcpReader
from watchpost.serving.sdp import Description, Media, write

VIDEO = Media("video", 96, "H264", 90_000, None, "packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=")


class Timed(House):
    """A server whose time is moved by hand, looked at all the time."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        super().__init__(RtspOptions(publish=("yard",)), clock=self.clock)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    monkeypatch.setattr(rtsp_server, "_LOOK_S", 0.01)
    with Timed() as made:
        made.feed(film(5))
        yield made


@contextlib.contextmanager
def other_reader(house: Timed) -> Iterator[None]:
    """Somebody reads a camera before, and after, and misses nothing."""
    with Client(house.port) as client:
        client.play()
        client.pictures(5)
        yield
        house.feed(film(5, start_s=5.0))
        assert len(client.pictures(5)) == 5


def is_closed(connection: socket.socket) -> bool:
    """Read to the end, which comes."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def test_a_message_that_never_ends(house: Timed) -> None:
    with other_reader(house), socket.create_connection(("127.0.0.1", house.port), 10) as loris:
        assert until(lambda: house.server.figures().connections == 2)
        for byte in b"OPTIONS *":
            loris.sendall(bytes((byte,)))
        assert until(lambda: any(each._messages.is_waiting for each in list(house.server._connections)))
        house.clock.advance(9.0)
        loris.sendall(b" ")
        house.clock.advance(1.5)
        assert is_closed(loris)
    assert until(lambda: house.server.figures().connections == 0)


def test_a_connection_that_asks_for_nothing(house: Timed) -> None:
    with other_reader(house), Client(house.port) as client:
        client.ask("OPTIONS")
        house.clock.advance(59.0)
        client.ask("OPTIONS")
        house.clock.advance(2.0)
        assert is_closed(client.socket)


def test_a_session_that_is_not_played(house: Timed) -> None:
    with Client(house.port) as client:
        session = client.set_up().session
        house.clock.advance(59.0)
        client.ask("GET_PARAMETER", Session=session)
        house.clock.advance(59.0)
        assert client.ask("OPTIONS", Session=session).status == 200
        house.clock.advance(61.0)
        assert is_closed(client.socket)


def test_a_reader_over_udp_lives_by_its_reports(house: Timed) -> None:
    with Client(house.port) as client, socket.socket(type=socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        port = ear.getsockname()[1]
        reply = client.set_up(transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
        server_port = int(reply.header("transport").partition("server_port=")[2].partition("-")[0].partition(";")[0])
        client.ask("PLAY", Session=reply.session)
        [connection] = house.server._connections
        for _ in range(3):
            house.clock.advance(50.0)
            ear.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x01", ("127.0.0.1", server_port))
            assert until(lambda: connection._heard_s == house.clock.monotonic_s())
        house.clock.advance(61.0)
        assert is_closed(client.socket)


def test_a_publisher_that_falls_silent(house: Timed) -> None:
    body = write(Description("x", (VIDEO,)), session_id=1, address="127.0.0.1").encode()
    with other_reader(house), Client(house.port, "publish/yard") as client:
        assert client.ask("ANNOUNCE", body=body).status == 200
        session = client.set_up(transport="RTP/AVP/TCP;interleaved=0-1;mode=record").session
        assert client.ask("RECORD", Session=session).status == 200
        house.clock.advance(11.0)
        assert is_closed(client.socket)
    assert until(lambda: "publish/yard" not in house.server.figures().readers)


def test_a_reader_that_takes_nothing(house: Timed) -> None:
    with Client(house.port) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.play()
        [connection] = house.server._connections
        reader = connection.session.reader if connection.session else None
        assert isinstance(reader, TcpReader)
        for number in range(40):
            written = reader._written
            house.feed(film(1, size=(640, 480), noise=120, start_s=1.0 + number))
            assert until(lambda written=written: reader._written > written)  # type: ignore[misc]
        assert until(lambda: reader.accepted is not None)
        house.clock.advance(1.0)
        assert until(lambda: connection._accepted is not None)
        house.clock.advance(61.0)
        assert until(lambda: house.server.figures().connections == 0)


def test_questions_by_the_thousand(house: Timed) -> None:
    with other_reader(house), Client(house.port) as client:
        client.socket.sendall(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n" * 500)
        statuses = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                statuses.append(client.reply().status)
        assert statuses[-1:] == [429] or not statuses


def test_data_that_nobody_asked_for(house: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_connection, "_MOST_UNASKED_BYTES", 100_000)
    with other_reader(house), Client(house.port) as client:
        client.play()
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                client.socket.sendall(b"$\x09\xff\xff" + bytes(65_535))
        assert is_closed(client.socket)


@pytest.mark.parametrize("data", [b"\x00" * 100 + b"\r\n\r\n", b"A" * 20_000, b"GET / HTTP/1.1\r\n\r\n"])
def test_rubbish_has_an_answer_and_an_end(house: Timed, data: bytes) -> None:
    with other_reader(house), Client(house.port) as client:
        client.socket.sendall(data)
        assert client.reply().status in (400, 413)
        assert is_closed(client.socket)


def test_who_counts_as_one() -> None:
    assert network("192.0.2.1") == network("::ffff:192.0.2.1") != network("192.0.2.2")
    assert network("2001:db8::1") == network("2001:db8::2") != network("2001:db8:0:1::1")
    assert network("fe80::1%eth0") == network("fe80::2")
    assert network("") == ""
