"""Live streams and boxes over the link of a worker: sent only of cameras that somebody watches at the server.

The server tells which these are (`watch_streams`), all of them each time, so that what it said last holds. A worker's
taps and readers bound what waits: where the server is slow, they drop, and go on with a key frame.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from watchpost.runtime.boxes import BoxFeed, BoxReader, boxes_from_json, boxes_to_json
from watchpost.runtime.link import Message
from watchpost.runtime.taps import Tap, Taps
from watchpost.types import Packet, StreamInfo
from watchpost.video.wire import packet_from_wire, packet_to_wire, stream_from_json, stream_to_json

_LOOK_S: Final = 1.0
_ROOM_WITHIN_S: Final = 0.5
"""How long to wait for room in the link before looking whether it is to be gone on."""

Send = Callable[[Message, float], bool]
"""`Link.send_streamed`."""


def watch_message(packets: Iterable[str], boxes: Iterable[str]) -> Message:
    """Send the packets of these cameras and the boxes of those, and of no others."""
    return Message("watch_streams", {"packets": sorted(packets), "boxes": sorted(boxes)})


class StreamPump:
    """In a worker: sends what is watched. `watch` may be called from any thread; `run` is a thread of its own."""

    def __init__(self, taps: Taps, boxes: BoxFeed, send: Send) -> None:
        self._taps = taps
        self._boxes = boxes
        self._send = send
        self._lock = threading.Lock()
        self._open_taps: dict[str, Tap] = {}
        self._open_readers: dict[str, BoxReader] = {}
        self._streams: dict[str, tuple[StreamInfo, int]] = {}
        """The stream that the server knows of a camera, and its number."""
        self._count = 0
        self._news = threading.Event()

    def watch(self, message: Message) -> None:
        """Take in what the server watches from now on."""
        packets, boxes = set(message.data["packets"]), set(message.data["boxes"])
        with self._lock:
            going: list[Tap | BoxReader] = [self._open_taps.pop(each) for each in self._open_taps.keys() - packets]
            going += [self._open_readers.pop(each) for each in self._open_readers.keys() - boxes]
            for camera in packets - self._open_taps.keys():
                self._open_taps[camera] = self._taps.open(camera, self._news.set)
            for camera in boxes - self._open_readers.keys():
                self._open_readers[camera] = self._boxes.open(camera, self._news.set)
        for each in going:
            each.close()
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        while not stop.is_set():
            self._news.wait(_LOOK_S)
            self._news.clear()
            self._pass_on(stop)

    def _pass_on(self, stop: threading.Event) -> None:
        """Send what has come, the cameras in turn."""
        with self._lock:
            readers, taps = list(self._open_readers.values()), list(self._open_taps.items())
        for reader in readers:
            for boxes in reader.take():
                self._deliver(Message("boxes", boxes_to_json(boxes)), stop)
        for camera, tap in taps:
            if tap.ended:  # the camera has gone, and may come again
                self._reopen(camera, tap)
            for packet in tap.take():
                self._packet(camera, packet, stop)

    def _packet(self, camera: str, packet: Packet, stop: threading.Event) -> None:
        known = self._streams.get(camera)
        if known is None or known[0] is not packet.stream:
            self._count += 1
            known = self._streams[camera] = packet.stream, self._count
            said = {"camera": camera, "number": self._count, "stream": stream_to_json(packet.stream)}
            self._deliver(Message("stream", said), stop)
        head, body = packet_to_wire(packet)
        self._deliver(Message("packet", {"camera": camera, "number": known[1], **head}, body), stop)

    def _deliver(self, message: Message, stop: threading.Event) -> None:
        while not stop.is_set() and not self._send(message, _ROOM_WITHIN_S):
            pass

    def _reopen(self, camera: str, tap: Tap) -> None:
        with self._lock:
            if self._open_taps.get(camera) is tap:
                self._open_taps[camera] = self._taps.open(camera, self._news.set)


class StreamInlet:
    """At the server: one worker's streams, for those who watch here. Used from the link's receiving thread."""

    def __init__(self, taps: Taps, boxes: BoxFeed) -> None:
        self._taps = taps
        self._boxes = boxes
        self._streams: dict[str, tuple[int, StreamInfo]] = {}

    def hear(self, message: Message) -> None:
        """Take in a `stream`, `packet` or `boxes`. Raises `ValueError` for what is none."""
        if message.kind == "boxes":
            self._boxes.publish(boxes_from_json(message.data))
            return
        try:
            self._hear_stream(message)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no stream: {error}") from None

    def _hear_stream(self, message: Message) -> None:
        data = message.data
        camera, number = str(data["camera"]), int(data["number"])
        if message.kind == "stream":
            self._streams[camera] = number, stream_from_json(data["stream"])
        elif (known := self._streams.get(camera)) is not None and known[0] == number:
            self._taps.offer(camera, packet_from_wire(camera, known[1], data, message.body))
