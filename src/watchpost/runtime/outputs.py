"""Streams that are handed on: each in a thread of its own, on a viewer's place of its own, never holding up a camera.

This is the one place that tries again when a target is lost; targets themselves raise and end.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, Literal

from watchpost.clock import Clock
from watchpost.config import Configuration
from watchpost.config.outputs import OutputOptions
from watchpost.errors import TargetError, WatchpostError
from watchpost.rtmp.publisher import Trust
from watchpost.runtime.annotated import Annotated
from watchpost.runtime.reconnect import Policy
from watchpost.runtime.taps import Tap, Taps
from watchpost.serving.targets import Target, TargetAddress
from watchpost.types import Packet

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 0.5
_AWAY_S: Final = 10.0
"""A camera that sends nothing for so long: the connection is ended, and made anew when it is back."""
_STOP_WITHIN_S: Final = 3.0
"""All together: the guard kills a server that takes 20 s, and cameras and recordings need most of them."""
_PERMANENT_S: Final = 60.0
"""A refused stream is tried again as seldom as this: somebody may set the server right."""


@dataclasses.dataclass(frozen=True, slots=True)
class OutputFigures:
    """What one output has done, since it was started."""

    camera: str
    target: str
    """Without credentials and keys."""
    state: Literal["waiting", "live", "lost"]
    """Waiting for a picture of the camera; sending; between two attempts."""
    problem: str
    """Why it was lost; empty otherwise."""
    frames: int
    """Sent."""
    bytes: int
    losses: int
    """How often the target was lost, or could not be reached."""
    lost_packets: int
    """Packets that the target was too slow for."""


class Output:
    """Sends one camera's live packets to one target, and tries again when that is lost."""

    def __init__(
        self,
        camera: str,
        shown: str,
        open_target: Callable[[], Target],
        open_tap: Callable[[], Tap],
        clock: Clock,
        policy: Policy | None = None,
        *,
        prepare: Callable[[Iterable[Packet]], Iterator[Packet]] = iter,
        is_end_final: bool = False,
    ) -> None:
        """`prepare` is what packets go through first; `is_end_final` ends it when the camera has ended."""
        self.ended = threading.Event()
        self._camera = camera
        self._shown = shown
        self._open_target = open_target
        self._open_tap = open_tap
        self._clock = clock
        self._policy = policy or Policy()
        self._prepare = prepare
        self._is_end_final = is_end_final
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._state: Literal["waiting", "live", "lost"] = "waiting"
        self._problem = ""
        self._losses = 0
        self._before = (0, 0, 0)
        """Frames, bytes and lost packets of earlier connections."""
        self._target: Target | None = None
        self._tap: Tap | None = None
        self._thread = threading.Thread(target=self._run, name=f"{camera} output", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin to end, without waiting."""
        self._stop.set()
        with self._lock:
            tap = self._tap
        if tap is not None:
            tap.close()

    def stop(self, timeout_s: float = _STOP_WITHIN_S) -> bool:
        """End. False if that did not happen in time."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def figures(self) -> OutputFigures:
        """What it has done; from any thread."""
        with self._lock:
            frames, size, lost = self._before
            if self._target is not None:
                frames, size = frames + self._target.frames, size + self._target.bytes
            if self._tap is not None:
                lost += self._tap.lost
            return OutputFigures(
                self._camera, self._shown, self._state, self._problem, frames, size, self._losses, lost
            )

    def _run(self) -> None:
        failures = 0
        try:
            while not self._stop.is_set():
                began_s = self._clock.monotonic_s()
                try:
                    self._run_once()
                    if self._is_end_final:
                        return
                    failures = 0
                    # a stream that can not be made may end at once, again and again
                    self._clock.wait(self._policy.first_delay_s, self._stop)
                except WatchpostError as error:
                    if self._stop.is_set():
                        return
                    if self._clock.monotonic_s() - began_s >= self._policy.steady_after_s:
                        failures = 0
                    failures += 1
                    if self._wait_after(error, failures):
                        return
        except Exception as error:  # a fault ends this output alone, and is told
            _LOG.exception("%s: the output to %s failed", self._camera, self._shown)
            self._tell("lost", f"{type(error).__name__}: {error}")
        finally:
            self.ended.set()

    def _wait_after(self, error: WatchpostError, failures: int) -> bool:
        """Wait until the next attempt; true to end instead."""
        delay_s = self._policy.delay_s(failures, random.random())  # noqa: S311 - jitter
        if self._policy.first_must_succeed and not self.figures().frames:
            self._tell("lost", str(error))
            return True
        if isinstance(error, TargetError) and error.permanent:
            delay_s = max(delay_s, _PERMANENT_S)
        with self._lock:
            self._losses += 1
        self._tell("lost", str(error))
        _LOG.warning("%s: output lost: %s Trying again in %.0f s.", self._camera, error, delay_s)
        return self._clock.wait(delay_s, self._stop)

    def _run_once(self) -> None:
        """One connection: from a key frame of the camera until either side ends. Raises `WatchpostError`."""
        tap = self._open_tap()
        target = self._open_target()
        with self._lock:
            self._tap, self._target = tap, target
        self._tell("waiting")
        try:
            with tap:
                for packet in self._prepare(self._packets(tap)):
                    target.write(packet)
                    if target.frames and self._state != "live":
                        self._tell("live")
                        _LOG.info("%s: output to %s", self._camera, self._shown)
            target.close()
        except BaseException:
            target.abandon()
            raise
        finally:
            with self._lock:
                frames, size, lost = self._before
                self._before = frames + target.frames, size + target.bytes, lost + tap.lost
                self._tap = self._target = None

    def _packets(self, tap: Tap) -> Iterator[Packet]:
        """What the camera sends, until it ends or is away for long."""
        heard_s = self._clock.monotonic_s()
        has_sent = False
        while not self._stop.is_set():
            packets = tap.wait(_LOOK_S)
            if packets and not has_sent and self._clock.wall_time_s() - packets[-1].wall_time_s > _AWAY_S:
                continue  # the last group of a camera that has gone
            if packets:
                heard_s, has_sent = self._clock.monotonic_s(), True
                yield from packets
            elif tap.ended or (has_sent and self._clock.monotonic_s() - heard_s >= _AWAY_S):
                return

    def _tell(self, state: Literal["waiting", "live", "lost"], problem: str = "") -> None:
        with self._lock:
            self._state, self._problem = state, problem


class Outputs:
    """The outputs of a configuration: started, stopped and left alone as it changes. Called from one thread, `figures`
    from any."""

    def __init__(self, taps: Taps, annotated: Annotated, clock: Clock) -> None:
        self._taps = taps
        self._annotated = annotated
        self._clock = clock
        self._running: dict[tuple[str, OutputOptions], Output] = {}

    def apply(self, new: Configuration) -> None:
        """Hand on what this configuration wants, from now on."""
        cameras = {name: camera for name, camera in new.cameras.items() if camera.enabled}
        wanted = {(name, each) for name, camera in cameras.items() for each in camera.outputs}
        self._stop([key for key in self._running if key not in wanted])
        for key in wanted - self._running.keys():
            self._running[key] = self._made(*key)
            self._running[key].start()

    def figures(self) -> dict[str, tuple[OutputFigures, ...]]:
        """What each camera's outputs have done."""
        found: dict[str, tuple[OutputFigures, ...]] = {}
        for (camera, _), output in list(self._running.items()):
            found[camera] = (*found.get(camera, ()), output.figures())
        return found

    def close(self) -> None:
        """End all of them."""
        self._stop(list(self._running))

    def _made(self, camera: str, options: OutputOptions) -> Output:
        trust = Trust(options.tls_verify, options.ca_file)
        address = TargetAddress.parse(options.url.get_secret_value(), options.timeout, trust)
        prepare = transcoding if options.transcode else iter
        open_tap = partial(self._annotated.open if options.annotated else self._taps.open, camera)
        return Output(camera, address.shown, address.open, open_tap, self._clock, prepare=prepare)

    def _stop(self, keys: list[tuple[str, OutputOptions]]) -> None:
        going = [self._running.pop(key) for key in keys]
        for output in going:
            output.ask_to_stop()
        end_s = time.monotonic() + _STOP_WITHIN_S
        late = sum(not output.stop(max(0.0, end_s - time.monotonic())) for output in going)
        if late:
            _LOG.warning("%d outputs did not end in time; they are left to end by themselves", late)


def transcoding(packets: Iterable[Packet]) -> Iterator[Packet]:
    """The same as H.264 and AAC."""
    from watchpost.serving.transcoder import transcoded  # brings FFmpeg, which most outputs need later or not at all

    return transcoded(packets)
