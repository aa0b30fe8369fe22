"""One source to one target, until one of them ends: what `watchpost relay` does.

A file is written as fast as the source gives, and what breaks off ends it. Over the network a target that is lost is
tried again, and meanwhile the source goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.runtime.outputs import Output
from watchpost.runtime.reconnect import Policy
from watchpost.runtime.taps import Taps
from watchpost.serving.targets import Target, TargetAddress
from watchpost.types import Packet

_NAME: Final = "relay"
_LOOK_S: Final = 0.5
_DRAIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    frames: int = 0
    """Written or sent."""
    bytes: int = 0
    media_s: float = 0.0
    """Length of the film so far, in camera time."""
    losses: int = 0
    """How often the target was lost."""
    lost_packets: int = 0
    """Packets that the target was too slow for."""
    problem: str = ""
    """Why the target is away at present."""
    left_out: str = ""
    """The codec of sound that the target does not take."""


class HandingOn:
    """Hands packets on to `target`. `run` does the work; `progress` tells of it, from any thread."""

    def __init__(
        self,
        target: TargetAddress,
        clock: Clock,
        stop: threading.Event,
        prepare: Callable[[Iterable[Packet]], Iterator[Packet]] = iter,
    ) -> None:
        """`prepare` is what packets go through first; `stop` ends it."""
        self._address = target
        self._clock = clock
        self._stop = stop
        self._prepare = prepare
        self._first_s: float | None = None
        self._last_s = 0.0
        self._target: Target | None = None
        self._output: Output | None = None

    def run(self, packets: Iterable[Packet]) -> None:
        """Hand on `packets`, timestamps mended, until they end or `stop`.

        Raises `WatchpostError` for what ends it otherwise.
        """
        if self._address.is_live:
            self._send(packets)
        else:
            self._write(packets)

    def progress(self) -> Progress:
        """How far it has come."""
        media_s = 0.0 if self._first_s is None else self._last_s - self._first_s
        if self._output is not None:
            done = self._output.figures()
            return Progress(done.frames, done.bytes, media_s, done.losses, done.lost_packets, done.problem)
        target = self._target
        if target is None:
            return Progress(media_s=media_s)
        return Progress(target.frames, target.bytes, media_s, left_out=target.left_out)

    def _noted(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        for packet in packets:
            time_s = packet.camera_time_s or 0.0
            self._first_s = time_s if self._first_s is None else self._first_s
            self._last_s = max(self._last_s, time_s)
            yield packet
            if self._stop.is_set():
                return

    def _write(self, packets: Iterable[Packet]) -> None:
        target = self._target = self._address.open()
        try:
            for packet in self._prepare(self._noted(packets)):
                target.write(packet)
        except BaseException as error:
            if isinstance(error, WatchpostError) and target.frames:
                target.close()  # what came is kept, whole
            else:
                target.abandon()
            raise
        target.close()

    def _send(self, packets: Iterable[Packet]) -> None:
        taps = Taps()
        policy = Policy(first_must_succeed=True)
        output = self._output = Output(
            _NAME,
            self._address.shown,
            self._address.open,
            lambda: taps.open(_NAME),
            self._clock,
            policy,
            prepare=self._prepare,
            is_end_final=True,
        )
        output.start()
        try:
            for packet in self._noted(packets):
                taps.offer(_NAME, packet)
                if output.ended.is_set():
                    break
        finally:
            taps.remove(_NAME)
            if not self._stop.is_set():
                output.ended.wait(_DRAIN_S)
            output.stop()
        done = output.figures()
        if not done.frames and not self._stop.is_set():
            raise WatchpostError(done.problem or f"{self._address.shown}: nothing was sent.")
