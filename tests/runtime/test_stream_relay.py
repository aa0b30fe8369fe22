"""Streams and boxes over a real pair of sockets: only while somebody watches, bounded, nothing held up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fakes import detections, frame
from filming import film
from waiting import until
from watchpost.pipeline import Analysed
from watchpost.runtime.boxes import BoxFeed
from watchpost.runtime.link import Link, Message
from watchpost.runtime.stream_relay import StreamInlet, StreamPump, watch_message
from watchpost.runtime.taps import Taps
from watchpost.types import Packet


class Pair:
    """A worker's end and a server's end."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.taps, self.boxes = Taps(), BoxFeed()
        self.here = Taps(lambda _camera, _wanted: self._tell())
        self.boxes_here = BoxFeed(lambda _camera: self._tell())
        self.inlet = StreamInlet(self.here, self.boxes_here)
        self.kinds: list[str] = []
        self.server = Link(ours, "worker", self._hear)
        self.worker = Link(theirs, "server", lambda message: self.pump.watch(message))
        self.pump = StreamPump(self.taps, self.boxes, self.worker.send_streamed)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.pump.run, args=(self.stop,), daemon=True)
        for each in (self.server, self.worker, self.thread):
            each.start()

    def offer(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.taps.offer("gate", packet)

    def is_watched(self) -> bool:
        return self.taps.viewers("gate") > 0

    def close(self) -> None:
        self.stop.set()
        self.thread.join(10.0)
        for each in (self.server, self.worker):
            each.close()

    def _tell(self) -> None:
        self.server.send(watch_message(self.here.watched(), self.boxes_here.watched()))

    def _hear(self, message: Message) -> None:
        self.kinds.append(message.kind)
        self.inlet.hear(message)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_a_viewer_at_the_server_gets_the_packets_from_the_last_key_frame_on(pair: Pair) -> None:
    packets = film(25)
    pair.offer(packets[:12])
    got: list[Packet] = []
    with pair.here.open("gate") as tap:
        assert until(lambda: not got.extend(tap.take()) and len(got) >= 2)
        pair.offer(packets[12:])
        assert until(lambda: not got.extend(tap.take()) and len(got) >= 15)
        assert [each.pts for each in got] == [each.pts for each in packets[10:]]
        assert [bytes(each.payload) for each in got] == [bytes(each.payload) for each in packets[10:]]
        assert len({id(each.stream) for each in got}) == 1, "one stream: a new object means a new decoder"


def test_nothing_is_sent_that_nobody_watches(pair: Pair) -> None:
    packets = film(40)
    pair.offer(packets[:10])
    assert pair.kinds == []
    with pair.here.open("gate") as tap:
        assert until(lambda: len(tap.take()) > 0)
    assert until(lambda: not pair.is_watched())
    count = len(pair.kinds)
    pair.offer(packets[10:20])
    with pair.here.open("gate") as tap:
        got: list[Packet] = []
        assert until(lambda: not got.extend(tap.take()) and len(got) >= 10)
        assert got[0].pts == packets[10].pts, "nothing old is shown"
    assert pair.kinds.count("packet") <= count + 10


def test_boxes_come_with_the_time_of_their_frame(pair: Pair) -> None:
    with pair.boxes_here.open("gate") as reader:
        assert until(lambda: "gate" in pair.boxes.watched())
        pair.boxes.see(Analysed(frame(3), detections((1, 2, 3, 4), track_ids=[9])))
        got: list[object] = []
        assert until(lambda: not got.extend(reader.take()) and len(got) == 1)
    assert got[0].moment.camera_time_s == pytest.approx(0.3)  # type: ignore[attr-defined]
    assert got[0].objects[0].track_id == 9  # type: ignore[attr-defined]


def test_a_stream_that_changes_is_told_anew(pair: Pair) -> None:
    first, second = film(10), [replace(each, pts=(each.pts or 0) + 90_000) for each in film(10, size=(96, 64))]
    got: list[Packet] = []
    with pair.here.open("gate") as tap:
        assert until(pair.is_watched)
        pair.offer(first + second)
        assert until(lambda: not got.extend(tap.take()) and len(got) >= 20)
    assert [(each.stream.width, each.stream.height) for each in (got[0], got[-1])] == [(64, 48), (96, 64)]


def test_a_camera_that_goes_and_comes_again_is_watched_again(pair: Pair) -> None:
    with pair.here.open("gate") as tap:
        assert until(pair.is_watched)
        pair.taps.remove("gate")
        assert until(pair.is_watched)
        pair.offer(film(5))
        got: list[Packet] = []
        assert until(lambda: not got.extend(tap.take()) and len(got) >= 5)


def test_a_server_that_reads_nothing_holds_up_no_camera_and_reports_go_first() -> None:
    ours, theirs = socket.socketpair()
    link = Link(theirs, "server", lambda _message: None)
    link.start()
    sent = 0
    while link.send_streamed(Message("packet", {"n": sent}, bytes(300_000)), 0.05):
        sent += 1
    assert sent < 20  # the socket's buffer and 1 MiB
    link.send(Message("event"))
    link.send_newest("report", Message("report"))
    kinds = []
    with ours.makefile("rb") as stream:
        from watchpost.runtime.link import read_message

        while "report" not in kinds:
            message = read_message(stream)
            assert message is not None
            kinds.append(message.kind)
        waited_behind = kinds.count("packet")
        assert waited_behind < sent, "an event and a report do not wait for what is queued of streams"
    link.close()
    ours.close()


def test_nonsense_is_an_error_and_no_packet() -> None:
    inlet = StreamInlet(Taps(), BoxFeed())
    for message in (
        Message("stream", {"camera": "gate", "number": 1, "stream": {}}),
        Message("packet", {}),
        Message("boxes", {"camera": "gate"}),
        Message("packet", {"camera": "gate", "number": None}),
    ):
        with pytest.raises(ValueError, match=r"."):
            inlet.hear(message)
    inlet.hear(Message("packet", {"camera": "gate", "number": 5}, b"x"))  # of a stream that was never told: no packet
