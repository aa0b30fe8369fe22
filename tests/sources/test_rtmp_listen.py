"""Encoders publish to us. FFmpeg as an encoder is in tests/peers."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from clips import encode_clip, moving_square
from waiting import until
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.rtmp.publisher import Address, Publisher
from watchpost.rtmp.wire import RtmpError
from watchpost.sources import Source, open_source
from watchpost.telemetry import redacted
from watchpost.types import Packet

KEY = "a-secret-key"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def film() -> bytes:
    """30 pictures as FLV, without its end."""
    out = io.BytesIO()
    encode_clip(out, moving_square(30), gop=10, container="flv")
    return out.getvalue()


class Reader:
    """Reads a source in a thread."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.taken: list[Packet] = []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            for packet in self.source.packets():
                self.taken.append(packet)
        except SourceError as error:
            self.error = error

    def end(self) -> None:
        self.source.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def reader(port: int) -> Iterator[Reader]:
    address = f"rtmp-listen://127.0.0.1:{port}/live/{KEY}"
    reader = Reader(open_source(address, "yard", {"timeout": 5}, SystemClock()))
    yield reader
    reader.end()


def publish(port: int, key: str = KEY) -> Publisher:
    made: list[Publisher] = []

    def try_it() -> bool:
        try:
            made.append(Publisher(Address.parse(f"rtmp://127.0.0.1:{port}/live/{key}"), 5))
        except RtmpError as error:
            if error.permanent:
                raise
            return False
        return True

    assert until(try_it)
    return made[0]


def test_what_is_published_comes_in(port: int, reader: Reader, film: bytes) -> None:
    publisher = publish(port)
    publisher.write(film)
    publisher.close()
    reader.thread.join(10)
    with av.open(io.BytesIO(film)) as file:
        sent = [bytes(each) for each in file.demux(video=0) if each.size]
    assert [bytes(each.payload) for each in reader.taken] == sent  # type: ignore[call-overload]
    assert reader.taken[0].stream.is_live
    assert reader.taken[0].stream.codec == "h264"
    assert "the encoder has ended the stream" in str(reader.error)


def test_a_wrong_key_is_refused_and_the_right_one_still_taken(port: int, reader: Reader, film: bytes) -> None:
    with pytest.raises(RtmpError, match="There is no such stream"):
        publish(port, "another-key")
    publisher = publish(port)
    with pytest.raises(RtmpError, match="Somebody publishes it already"):
        publish(port)
    publisher.write(film)
    publisher.close()
    reader.thread.join(10)
    assert len(reader.taken) == 30


def test_closing_ends_it_whether_somebody_publishes_or_not(port: int, reader: Reader, film: bytes) -> None:
    reader.end()
    assert reader.error is None
    again = Reader(open_source(f"rtmp-listen://127.0.0.1:{port}/live/{KEY}", "yard", None, SystemClock()))
    publisher = publish(port)
    publisher.write(film)
    assert until(lambda: len(again.taken) > 5)
    again.end()
    assert again.error is None
    publisher.abort()


def test_a_port_that_is_taken_is_told(port: int) -> None:
    source = open_source(f"rtmp-listen://127.0.0.1:{port}/live/{KEY}", "yard", None, SystemClock())
    with socket.create_server(("127.0.0.1", port)), pytest.raises(SourceError, match="another camera's") as error:
        next(iter(source.packets()))
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "address", ["rtmp-listen:///live/k", "rtmp-listen://0.0.0.0/live", "rtmp-listen://0.0.0.0/a/short"]
)
def test_addresses_that_can_not_be_meant(address: str) -> None:
    with pytest.raises(SourceError) as error:
        open_source(address, "yard", None, SystemClock())
    assert error.value.permanent


def test_the_key_is_hidden_everywhere(tmp_path: Path) -> None:
    address = f"rtmp-listen://0.0.0.0:1935/live/{KEY}"
    assert redacted(f"{address}: no, {address} '{address}'") == (
        "rtmp-listen://0.0.0.0:1935/***: no, rtmp-listen://0.0.0.0:1935/*** 'rtmp-listen://0.0.0.0:1935/***'"
    )
    assert redacted(redacted(f"{address}: no")) == redacted(f"{address}: no")
