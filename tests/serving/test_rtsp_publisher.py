"""Publishing to an RTSP server: what it asks for, what it refuses, and one that stops reading."""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filming import FPS, G711, film
from rtsp_client import Client
from rtsp_house import House
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config.serve import RtspOptions
from watchpost.errors import TargetError
from watchpost.runtime.outputs import Output
from watchpost.runtime.reconnect import Policy
from watchpost.runtime.taps import Taps
from watchpost.serving.access import TokenCredentials
from watchpost.serving.rtsp_client import Reply, ReplyReader
from watchpost.serving.targets import Target, TargetAddress
from watchpost.types import AudioStream, Packet

TOKEN = "correct horse battery"
YARD = RtspOptions(publish=("yard",))


def target(port: int, user: str = "", *, path: str = "publish/yard", timeout_s: float = 5.0) -> Target:
    return TargetAddress.parse(f"rtsp://{user}127.0.0.1:{port}/{path}", timeout_s).open()


def test_pictures_and_sound_are_published_with_a_password() -> None:
    packets = film(3 * FPS, sound=G711)
    with House(YARD, TokenCredentials(TOKEN)) as house:
        to = target(house.port, "any:correct%20horse%20battery@")
        to.write(packets[1])  # no key frame yet: nothing is connected
        assert to.frames == 0
        for packet in packets[: FPS + 1]:
            to.write(packet)
        with Client(house.port, "publish/yard") as reader:
            basic = "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()
            described = reader.ask("DESCRIBE", Authorization=basic)
            assert b"sprop-parameter-sets" in described.body
            assert b"m=audio 0 RTP/AVP 8" in described.body
            transport = "RTP/AVP/TCP;interleaved=0-1"
            session = reader.ask("SETUP", f"{reader.url}/trackID=0", Transport=transport, Authorization=basic).session
            assert reader.ask("PLAY", Session=session, Authorization=basic).status == 200
            for packet in packets[FPS + 1 :]:
                to.write(packet)
            pictures = reader.pictures(2 * FPS)
        assert (to.frames, to.left_out) == (3 * FPS, "")
        assert to.bytes > sum(packet.size for packet in packets)
        to.close()
    steps = {after[0] - before[0] for before, after in itertools.pairwise(pictures)}
    assert steps == {90_000 // FPS}


@pytest.mark.parametrize(
    ("user", "path", "says"),
    [
        ("any:wrong@", "publish/yard", "wrong user or password; write them"),
        ("", "publish/yard", "wrong user or password"),
        (f"any:{TOKEN.replace(' ', '%20')}@", "publish/other", r"\(40[34]\)"),
    ],
)
def test_a_refusal_is_told_and_final(user: str, path: str, says: str) -> None:
    with House(YARD, TokenCredentials(TOKEN)) as house:
        to = target(house.port, user, path=path)
        with pytest.raises(TargetError, match=says) as error:
            to.write(film(1)[0])
        to.abandon()
    assert error.value.permanent
    assert "wrong@" not in str(error.value)


def test_what_has_no_form_is_told() -> None:
    to, first = target(1), film(1)[0]
    with pytest.raises(TargetError, match="not mjpeg video; let it be encoded anew"):
        to.write(dataclasses.replace(first, stream=dataclasses.replace(first.stream, codec="mjpeg")))
    opus = AudioStream("opus", 48000, 2, Fraction(1, 48000), b"OpusHead")
    with House(YARD) as house:
        to = target(house.port)
        to.write(film(1, sound=opus)[0])
        assert to.left_out == "opus"
        to.close()


def test_nobody_listens_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(TargetError, match="check that the server runs") as error:
            target(unused.getsockname()[1]).write(film(1)[0])
    assert not error.value.permanent


class Scripted:
    """An RTSP server that takes a stream, and then, for its first `deaf` connections, reads nothing more."""

    def __init__(self, deaf: int, answer: Callable[[str], bytes | None] = lambda _method: b"") -> None:
        self.connections = 0
        self.received = 0
        self._deaf = deaf
        self._answer = answer
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.ExitStack() as deaf:
            while not self._over.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = self._listening.accept()
                    self.connections += 1
                    lines = connection.makefile("rb")
                    if self._talk(connection, lines):
                        lines.close()
                        connection.close()
                    else:
                        deaf.callback(connection.close)
                        deaf.callback(lines.close)

    def _talk(self, connection: socket.socket, lines: BinaryIO) -> bool:
        """Whether it is over; else nothing more is read."""
        head = b""
        while line := lines.readline():
            head += line
            if line != b"\r\n":
                continue
            if length := re.search(rb"Content-Length: (\d+)", head):
                lines.read(int(length[1]))
            method, number = head.split()[0].decode(), re.search(rb"CSeq: \d+", head)
            more = self._answer(method)
            if more is None or number is None:
                return False
            connection.sendall(b"RTSP/1.0 200 OK\r\n" + number[0] + b"\r\nSession: 7;timeout=60\r\n" + more + b"\r\n")
            head = b""
            if method == "RECORD":
                if self.connections <= self._deaf:
                    return False
                while data := connection.recv(65536):
                    self.received += len(data)
        return True

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


def large(count: int) -> Iterator[Packet]:
    for each in range(count):
        yield from film(FPS, size=(320, 240), noise=200, start_s=float(each))


def test_a_receiver_that_stops_reading_is_given_up_in_time() -> None:
    with Scripted(deaf=1) as server:
        to = target(server.port, path="gate", timeout_s=0.3)
        began_s = time.monotonic()
        with pytest.raises(TargetError, match="does not take what is sent") as error:
            collections.deque(map(to.write, large(100)), maxlen=0)
        assert time.monotonic() - began_s < 20
        assert not error.value.permanent
        to.abandon()


def test_a_server_that_does_not_answer_is_given_up_in_time() -> None:
    with Scripted(deaf=0, answer=lambda method: None if method == "SETUP" else b"") as server:
        to = target(server.port, path="gate", timeout_s=0.3)
        with pytest.raises(TargetError, match="no answer in time"):
            to.write(film(1)[0])
        to.abandon()


def test_an_output_comes_back_from_a_receiver_that_stopped_reading_and_others_notice_nothing() -> None:
    taps, clock = Taps(), SystemClock()

    def send(packet: Packet) -> None:
        taps.offer("gate", dataclasses.replace(packet, wall_time_s=clock.wall_time_s()))

    with Scripted(deaf=1) as server, House(YARD) as house:
        policy = Policy(first_delay_s=0.1, longest_delay_s=0.1)
        deaf = TargetAddress.parse(f"rtsp://127.0.0.1:{server.port}/gate", 0.3)
        well = TargetAddress.parse(f"rtsp://127.0.0.1:{house.port}/publish/yard", 5.0)
        outputs = [
            Output("gate", each.shown, each.open, lambda: taps.open("gate"), clock, policy) for each in (deaf, well)
        ]
        for each in outputs:
            each.start()
        assert until(lambda: taps.viewers("gate") == 2)
        for sent, packet in enumerate(large(60), 1):
            send(packet)
            assert until(lambda sent=sent: outputs[1].figures().frames == sent)
            if outputs[0].figures().losses:
                break
        assert outputs[0].figures().losses == 1
        for packet in film(FPS, size=(320, 240), noise=200, start_s=60.0):
            send(packet)
        assert until(lambda: outputs[0].figures().state == "live")
        assert until(lambda: server.received > 1000)
        assert server.connections == 2
        for each in outputs:
            assert each.stop(5)


def test_answers_between_packets_and_requests() -> None:
    reader = ReplyReader()
    said = b"$\x00\x00\x03abc\r\nRTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nWWW-Authenticate: Digest x\r\n"
    said += b"Content-Length: 2\r\n\r\nokOPTIONS rtsp://h RTSP/1.0\r\nCSeq: 1\r\n\r\nRTSP/1.0 200 OK\r\n\r\n$\x01\x00"
    found = [reply for at in range(len(said)) for reply in reader.feed(said[at : at + 1])]
    assert found == [
        Reply(401, {"www-authenticate": ["Basic", "Digest x"], "content-length": ["2"]}),
        Reply(200, {}),
    ]


@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"RTSP/1.0 200 OK\r\n", b"\r\n\r\n", b"$\0\0\1", b"Content-Length: 9"])
    )
)
def test_any_bytes_are_answers_or_none(pieces: list[bytes]) -> None:
    reader = ReplyReader()
    with contextlib.suppress(ValueError):
        for piece in pieces:
            reader.feed(piece)
