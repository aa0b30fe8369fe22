"""Live streams with boxes drawn in: decoded, drawn and encoded once for all, and only while somebody watches."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from watchpost.mp4.streams import sounds
from watchpost.runtime.taps import Tap, Taps
from watchpost.types import BGR, AudioPacket, AudioStream, Frame, Packet
from watchpost.video.decoder import Decoder
from watchpost.video.live_encoder import LiveEncoder
from watchpost.video.own_copy import own_copy

if TYPE_CHECKING:
    from watchpost.serving.sound_coder import SoundCoder

_LOG: Final = logging.getLogger(__name__)
_NOTICE_STOP_S: Final = 0.5
_STOPS_WITHIN_S: Final = 2.0
_MOST_SOUNDS: Final = 200
_SOUND_CODEC: Final = "aac"
_IN_TIME: Final = 3
"""Packets that may wait: when there are more, only the newest picture is drawn and encoded."""


Drawing = Callable[[str], AbstractContextManager[Callable[[Frame], BGR]]]


class Annotated:
    """The annotated streams of a server's cameras. Methods may be called from any thread.

    `drawing` gives, for a camera, what makes a picture of each of its frames, with what is known of it.
    """

    def __init__(self, taps: Taps, drawing: Drawing) -> None:
        self._taps = taps
        self._drawing = drawing
        self._lock = threading.Lock()
        self._running: dict[str, _Annotator] = {}
        self._made = Taps(on_demand=self._demand)

    def open(self, camera: str, on_news: Callable[[], None] = lambda: None) -> Tap:
        """A place at a camera's annotated stream, as `Taps.open` gives it."""
        return self._made.open(camera, on_news)

    def running(self) -> list[str]:
        """The cameras that are drawn and encoded now."""
        with self._lock:
            return list(self._running)

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            running, self._running = self._running, {}
        for annotator in running.values():
            annotator.ask_to_stop()
        for camera, annotator in running.items():
            annotator.join(_STOPS_WITHIN_S)
            self._made.remove(camera)

    def _demand(self, camera: str, is_wanted: bool) -> None:
        with self._lock:
            before = self._running.pop(camera, None)
            if before is not None:
                before.ask_to_stop()
            if is_wanted:
                self._running[camera] = _Annotator(camera, self._taps, self._drawing, self._made, before)
                self._running[camera].start()


class _Annotator:
    """Draws one camera, in a thread of its own; `before` is the one that is about to end."""

    def __init__(self, camera: str, taps: Taps, drawing: Drawing, made: Taps, before: _Annotator | None) -> None:
        self._camera = camera
        self._taps = taps
        self._drawing = drawing
        self._made = made
        self._before = before
        self._stop = threading.Event()
        self._decoder = Decoder(camera)
        self._encoder = LiveEncoder(camera)
        self._sound: AudioStream | None = None
        """The camera's."""
        self._coder: SoundCoder | None = None
        """Where the sound is no AAC."""
        self._heard: list[AudioPacket] = []
        self._thread = threading.Thread(target=self._run, name=f"{camera} annotated", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End soon."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        if self._before is not None:
            self._before.join(_STOPS_WITHIN_S)
            self._before = None
        try:
            with self._drawing(self._camera) as draw, self._taps.open(self._camera) as tap:
                while not (self._stop.is_set() or tap.ended):
                    self._take(tap.wait(_NOTICE_STOP_S), draw)
        except Exception:  # a fault here ends this stream, and nothing else
            _LOG.exception("%s: can not be annotated", self._camera)
        if not self._stop.is_set():
            self._made.remove(self._camera)  # the camera has gone: so have those who watch

    def _take(self, packets: list[Packet], draw: Callable[[Frame], BGR]) -> None:
        """Decode all, draw and encode: of a lot that waited, the newest picture alone."""
        newest: Frame | None = None
        for packet in packets:
            self._hear(packet)
            for frame in self._decoder.decode(own_copy(packet)):
                if len(packets) <= _IN_TIME:
                    self._show(draw(frame), frame)
                newest = frame
        if newest is not None and len(packets) > _IN_TIME:
            self._show(draw(newest), newest)

    def _hear(self, packet: Packet) -> None:
        """The sound goes along as AAC, with times of the camera."""
        stream = packet.stream.audio
        if stream is None:
            return
        known = self._sound
        if known is None or (known.extradata, known.codec) != (stream.extradata, stream.codec):
            self._sound = stream
            self._coder = None if stream.codec == _SOUND_CODEC else sound_coder(stream)
        for time_s, each in sounds(packet):
            if self._coder is not None:
                self._heard += self._coder.add(each, time_s)
            elif stream.codec == _SOUND_CODEC:
                self._heard.append(dataclasses.replace(each, pts=round(time_s / stream.time_base)))
        del self._heard[:-_MOST_SOUNDS]

    def _heard_as(self) -> AudioStream | None:
        """What the sound is that goes along."""
        if self._coder is not None:
            return self._coder.stream
        return self._sound if self._sound is not None and self._sound.codec == _SOUND_CODEC else None

    def _show(self, picture: BGR, frame: Frame) -> None:
        heard, self._heard = tuple(self._heard), []
        made = self._encoder.encode(picture, frame.camera_time_s, frame.wall_time_s, self._heard_as(), heard)
        for packet in made:
            if not self._stop.is_set():
                self._made.offer(self._camera, packet)


def sound_coder(stream: AudioStream) -> SoundCoder | None:
    """What makes AAC of it, `None` for a sound that FFmpeg does not know."""
    from watchpost.serving.sound_coder import SoundCoder  # brings FFmpeg, as does all that follows a first viewer

    return SoundCoder.of(stream)
