"""A network stream or device, read by FFmpeg in a thread of its own.

FFmpeg can not be interrupted from another thread, and a name look-up can block for long. So the reading thread may
linger in a read until its timeout, while `packets` ends at once: on `close`, and when nothing comes in time.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.sources._changes import CurrentStream
from watchpost.sources._pace import Pace
from watchpost.telemetry import redacted
from watchpost.types import Packet

_QUEUE: Final = 64
"""Packets between FFmpeg and the reader. A reader that is slower for long slows the network connection."""
_NOTICE_CLOSE_S: Final = 0.5
_GRACE_S: Final = 2.0
"""FFmpeg's own timeout comes first where it works, as its message says more."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What FFmpeg is to open."""

    url: str
    timeout_s: float
    """Bounds connecting, and each wait for a packet."""
    options: dict[str, str] = field(default_factory=dict)
    container: str | None = None
    """FFmpeg's name of the input format, where the URL does not tell it."""
    sound: bool = False
    """Take the sound along."""
    may_end: bool = False
    """Whether it may be a finite film, such as a file on a web server, whose end is no loss."""


def check_host(address: str) -> None:
    """Raise a permanent `SourceError` for a URL without a host, which FFmpeg takes for this machine."""
    scheme = address.partition(":")[0]
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if not host:
        message = f"{redacted(address)}: names no host; write it as {scheme}://HOST/PATH."
        raise SourceError(message, permanent=True)


class LiveSource:
    """Yields the packets of one connection; raises `SourceError` when it breaks off, stalls or ends."""

    def __init__(self, connection: Connection, camera: str, clock: Clock, shown: str | None = None) -> None:
        """`shown` is what messages call the address, where that is another."""
        self._connection = connection
        self._address = connection.url if shown is None else shown
        self._shown = redacted(self._address)
        self._camera = camera
        self._clock = clock
        self._closed = threading.Event()
        self._queue: queue.Queue[Packet | SourceError | None] = queue.Queue(_QUEUE)

    def packets(self) -> Iterator[Packet]:
        """Connect and yield the packets as they come."""
        reader = threading.Thread(target=self._read, name=f"{self._camera} ffmpeg", daemon=True)
        reader.start()
        # Connecting may take the timeout twice: to open, and to find out what the stream is.
        patience_s = 2 * self._connection.timeout_s + _GRACE_S
        try:
            while True:
                try:
                    item = self._queue.get(timeout=patience_s)
                except queue.Empty:
                    raise SourceError(f"{self._shown}: no picture for {patience_s:.0f} s.") from None
                if self._closed.is_set() or item is None:
                    return
                if isinstance(item, SourceError):
                    raise item
                yield item
                patience_s = self._connection.timeout_s + _GRACE_S
        finally:
            self.close()

    def close(self) -> None:
        """End `packets` now; FFmpeg lets go of the connection when its read returns."""
        self._closed.set()
        with contextlib.suppress(queue.Full):  # when it is full nobody waits for an item
            self._queue.put_nowait(None)

    def _read(self) -> None:
        try:
            is_finite = self._read_all()
        except SourceError as error:
            self._put(error)
        except Exception as error:  # a reader that died silently would look like a camera that stalls
            self._put(SourceError(f"{self._shown}: {type(error).__name__}: {redacted(str(error))}"))
        else:
            self._put(None if is_finite else SourceError(f"{self._shown}: the stream has ended."))

    def _read_all(self) -> bool:
        """Read to the end; whether that was the end of a film."""
        from watchpost.sources import _av

        connection = self._connection
        container, stream = _av.open_input(
            connection.url,
            self._address,
            options=connection.options,
            container=connection.container,
            timeout_s=connection.timeout_s,
        )
        with container:
            is_finite = connection.may_end and container.duration is not None
            sound = _av.Sound.of(container) if connection.sound else None
            info = _av.stream_info(stream, is_live=not is_finite, sound=sound)
            # HLS brings seconds of video at once; a live camera's late frames would be dropped.
            pace = Pace(self._clock, self._closed) if container.format.name == "hls" and info.is_live else None
            current = CurrentStream(info)
            for payload in _av.demux(container, stream, self._address, sound):
                if payload.is_keyframe and info.is_live:
                    info = current.see_key_frame(bytes(payload), _av.new_extradata(payload))
                packet = _av.to_packet(payload, info, self._camera, self._clock, sound)
                if pace is not None:
                    pace.wait_for(packet)
                    packet = replace(packet, wall_time_s=self._clock.wall_time_s())
                if not self._put(packet):
                    break
        return is_finite

    def _put(self, item: Packet | SourceError | None) -> bool:
        """Hand `item` to the reader, waiting for room; false when it has gone."""
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_NOTICE_CLOSE_S)
            except queue.Full:
                continue
            return True
        return False
