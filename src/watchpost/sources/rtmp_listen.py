"""RTMP turned round: the camera, or an encoder such as OBS or FFmpeg, publishes to us.

A port takes one camera: the address says where to listen, and its last part is the secret key that the encoder gives.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from pydantic import Field

from watchpost import options
from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.options import Seconds
from watchpost.rtmp.receiver import Receiver, is_same_secret
from watchpost.rtmp.wire import RtmpError
from watchpost.telemetry import redacted
from watchpost.types import Packet

SCHEMES: Final = ("rtmp-listen",)

_LOG: Final = logging.getLogger(__name__)
_PORT: Final = 1935
_NOTICE_CLOSE_S: Final = 0.5
_MOST_GUESTS: Final = 8
"""Connections that have not yet said who they are."""
_WRONG_KEY_S: Final = 1.0
"""How long somebody who gave a wrong key waits for the answer."""
MIN_KEY_LENGTH: Final = 8


class Options(options.Options):
    """How to take in what an encoder publishes."""

    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """An encoder that sends nothing for this long is lost. Before it comes there is no limit."""
    sound: bool = False
    """Take the sound along. A camera that is recorded with its sound does so by itself."""


class RtmpListenSource:
    """Listens, takes the first publisher with the right key, yields its packets, and raises `SourceError` when it has
    gone. Others are refused meanwhile."""

    def __init__(
        self, where: tuple[str, int], path: str, shown: str, camera: str, options: Options, clock: Clock
    ) -> None:
        self._where = where
        self._path = path
        self._shown = shown
        self._camera = camera
        self._options = options
        self._clock = clock
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._publisher: Receiver | None = None
        self._guests = threading.Semaphore(_MOST_GUESTS)
        self._accepted: queue.Queue[Receiver | None] = queue.Queue()

    def packets(self) -> Iterator[Packet]:
        """Wait for a publisher, however long, and yield its packets as they come."""
        listener = self._listen()
        thread = threading.Thread(target=self._welcome, args=(listener,), name=f"{self._camera} rtmp", daemon=True)
        thread.start()
        try:
            receiver = self._accepted.get()
            if receiver is None:
                return
            yield from self._film(receiver)
            if not self._closed.is_set():
                raise SourceError(f"{self._shown}: the encoder has ended the stream.")
        except RtmpError as error:
            if not self._closed.is_set():
                raise SourceError(str(error)) from None
        finally:
            self.close()
            thread.join()

    def close(self) -> None:
        """End `packets` now, and stop listening."""
        self._closed.set()
        self._accepted.put(None)
        with self._lock:
            if self._publisher is not None:
                self._publisher.close()

    def _listen(self) -> socket.socket:
        host, port = self._where
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=_MOST_GUESTS)
        except OSError as error:
            text = f"can not listen there: {error.strerror}; is the port another program's, or another camera's?"
            raise SourceError(f"{self._shown}: {text}") from None

    def _welcome(self, listener: socket.socket) -> None:
        """Let each connection say who it is, in a thread of its own."""
        with listener:
            listener.settimeout(_NOTICE_CLOSE_S)
            while not self._closed.is_set():
                try:
                    end, (host, *_) = listener.accept()
                except OSError:  # none came in time, or it went before it was greeted
                    continue
                if not self._guests.acquire(blocking=False):
                    end.close()
                    continue
                name = f"{self._camera} rtmp guest"
                threading.Thread(target=self._meet, args=(end, str(host)), name=name, daemon=True).start()

    def _meet(self, end: socket.socket, host: str) -> None:
        end.settimeout(self._options.timeout)
        receiver = Receiver(end, f"{self._shown}: {host}")
        try:
            key = receiver.asked()
            path = f"{receiver.app}/{key}"
            if not is_same_secret(path, self._path):
                _LOG.warning("%s: %s published with a wrong key", self._camera, host)
                self._clock.wait(_WRONG_KEY_S, self._closed)
                receiver.refuse("There is no such stream.")
            elif not self._take(receiver):
                receiver.refuse("Somebody publishes it already.")
            else:
                receiver.accept()
                self._accepted.put(receiver)
        except RtmpError as error:
            _LOG.debug("%s", error)
            receiver.close()
            self._give_up(receiver)
        finally:
            self._guests.release()

    def _take(self, receiver: Receiver) -> bool:
        with self._lock:
            if self._publisher is not None or self._closed.is_set():
                return False
            self._publisher = receiver
            return True

    def _give_up(self, receiver: Receiver) -> None:
        """The place is free again, if it was this one's."""
        with self._lock:
            if self._publisher is receiver:
                self._publisher = None

    def _film(self, receiver: Receiver) -> Iterator[Packet]:
        from watchpost.sources import _av

        # What streams there are is told by their packets alone; the exact frame rate is not worth waiting for.
        ffmpeg = {"analyzeduration": "1000000", "fpsprobesize": "0"}
        film = _Film(receiver.film())
        container, stream = _av.open_input(film, self._shown, options=ffmpeg, container="flv")  # type: ignore[arg-type]
        with container:
            sound = _av.Sound.of(container) if self._options.sound else None
            info = _av.stream_info(stream, is_live=True, sound=sound)
            for payload in _av.demux(container, stream, self._shown, sound):
                if self._closed.is_set():
                    return
                yield _av.to_packet(payload, info, self._camera, self._clock, sound)


class _Film:
    """What a publisher sends as a file that FFmpeg reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, count: int) -> bytes:
        """What is there, at most `count` bytes; empty at the end."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
        data, self._rest = self._rest[:count], self._rest[count:]
        return data


def create(address: str, camera: str, options: Options, clock: Clock) -> RtmpListenSource:
    """What is published to `rtmp-listen://HOST:PORT/APP/KEY`.

    Raises a permanent `SourceError` for an address that names no host or key, and for a short key where other machines
    can reach the host.
    """
    shown = redacted(address)
    host = port = None
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    if not host:
        raise SourceError(f"{shown}: write it as rtmp-listen://0.0.0.0:1935/live/KEY.", permanent=True)
    path = unquote(parts.path).strip("/") + (f"?{parts.query}" if parts.query else "")
    app, _, key = path.rpartition("/")
    if not app or not key:
        raise SourceError(f"{shown}: the path must name an application and a key: /live/KEY.", permanent=True)
    if len(key) < MIN_KEY_LENGTH and not _is_loopback(host):
        text = f"other machines can reach this address: make the key {MIN_KEY_LENGTH} characters or longer"
        raise SourceError(f"{shown}: {text}.", permanent=True)
    return RtmpListenSource((host, port or _PORT), path, shown, camera, options, clock)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
