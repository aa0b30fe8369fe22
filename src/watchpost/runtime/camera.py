"""One running camera: a thread that reads and decodes, a thread that analyses, and nothing that blocks them.

A live camera's reader never waits: the analysis takes the newest frame and late ones are dropped, counted.
A file's reader waits, so that every frame is analysed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from watchpost.clock import Clock
from watchpost.pipeline import Analysed, FrameDecoder, Pipeline
from watchpost.runtime.ahead import in_order
from watchpost.runtime.due import Due
from watchpost.runtime.mailbox import Mailbox
from watchpost.runtime.stats import CameraStats
from watchpost.types import Event, Frame, Packet

_FILE_QUEUE: Final = 3


class Camera:
    """Runs `packets` through `decoder` and `pipeline`, then calls `on_frame` and, if something happened, `on_events`.

    They are called from the analysis thread: be quick, queue what is slow. `on_events` is also called after the
    last frame, for what was still going on.

    `max_fps` limits the analysed frames per second of camera time; `None` takes all. `parallel` frames are in
    detection at once: a camera alone on a machine gets all of it that way. `error` holds what ended
    the camera, `None` for the end of a file or a stop.
    """

    def __init__(
        self,
        name: str,
        packets: Callable[[threading.Event], Iterable[Packet]],
        decoder: FrameDecoder,
        pipeline: Pipeline,
        on_frame: Sequence[Callable[[Analysed], None]],
        on_events: Sequence[Callable[[list[Event]], None]],
        clock: Clock,
        max_fps: float | None = None,
        parallel: int = 1,
    ) -> None:
        self.name = name
        self.stats = CameraStats(clock)
        self.error: Exception | None = None
        self.finished = threading.Event()
        self._packets = packets
        self._decoder = decoder
        self._pipeline = pipeline
        self._on_frame = tuple(on_frame)
        self._on_events = tuple(on_events)
        self._parallel = parallel
        self._is_due = Due(1.0 / max_fps if max_fps else 0.0)
        self._stop = threading.Event()
        self._mailbox: Mailbox[Frame] = Mailbox(_FILE_QUEUE)
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=f"{name} {work.__name__[1:]}", daemon=True)
            for work in (self._read, self._analyse)
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Begin to end the camera, without waiting for it."""
        self._stop.set()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End the camera; its open events are still reported. False if a thread did not end in time."""
        self.ask_to_stop()
        end_s = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # a fault ends this camera alone; who watches it decides what next
            if self.error is None:
                self.error = error
        finally:
            if work == self._read:  # what came before a fault of the source is still analysed
                self._mailbox.close(discard=self._stop.is_set())
            else:
                self._stop.set()
                self._mailbox.close(discard=True)
                self.finished.set()

    def _read(self) -> None:
        try:
            for packet in self._packets(self._stop):
                for frame in self._decoder.decode(packet):
                    self._offer(frame, is_live=packet.stream.is_live)
                if self._stop.is_set():
                    return
        finally:  # a file that breaks off has shown what the decoder holds back
            if not self._stop.is_set():
                for frame in self._decoder.flush():
                    self._offer(frame, is_live=False)

    def _offer(self, frame: Frame, *, is_live: bool) -> None:
        if self._is_due(frame.camera_time_s):
            self._mailbox.put(frame, wait=not is_live)
            self.stats.dropped = self._mailbox.dropped
        else:
            self.stats.skipped += 1

    def _analyse(self) -> None:
        try:
            for frame, found in in_order(self._mailbox.get, self._pipeline.detect, self._parallel):
                result = self._pipeline.conclude(frame, found)
                self.stats.note(result)
                for call in self._on_frame:
                    call(result)
                self._tell(result.events)
        finally:
            self._tell(self._pipeline.finish())

    def _tell(self, events: list[Event]) -> None:
        if events:
            self.stats.events += len(events)
            for call in self._on_events:
                call(events)
