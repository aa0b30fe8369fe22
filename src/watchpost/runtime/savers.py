"""What a camera shows, written to disk, each kind from a thread of its own: annotated video, pictures."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import WatchpostError
from watchpost.picture import encode_jpeg
from watchpost.pipeline import Analysed
from watchpost.runtime.due import Due
from watchpost.runtime.mailbox import Mailbox
from watchpost.video.draw import Overlay
from watchpost.video.encoder import VideoWriter

_QUEUE: Final = 16


class Saver:
    """Does `job` for each frame in a thread; the camera waits when the job falls 16 frames behind.

    An error of the job is raised to the camera with its next frame, and at `close`.
    """

    def __init__(self, name: str, job: Callable[[Analysed], None]) -> None:
        self.finished = threading.Event()
        """Set when nothing more is written: after `close`, or at an error."""
        self._job = job
        self._error: Exception | None = None
        self._queue: Mailbox[Analysed] = Mailbox(_QUEUE)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def frame(self, result: Analysed) -> None:
        """Queue a frame."""
        if self._error is not None:
            raise self._error
        self._queue.put(result, wait=True)

    def close(self) -> None:
        """Write what is queued and finish the file."""
        self._queue.close()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (result := self._queue.get()) is not None:
            try:
                self._job(result)
            except Exception as error:  # the camera's thread raises it
                self._error = error
                self._queue.close(discard=True)
        self.finished.set()


class VideoSaver(Saver):
    """Writes the annotated video (H.264 in MP4) to `path`.

    Raises `WatchpostError` at once when the file can not be made.
    """

    def __init__(
        self,
        path: Path,
        zones: Mapping[str, NDArray[np.floating]] | None = None,
        lines: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> None:
        self._overlay = Overlay(zones, lines)
        self._writer = VideoWriter(path)
        super().__init__(f"save {path.name}", self._write)

    def close(self) -> None:
        """Write what is queued and finish the file."""
        try:
            super().close()
        finally:
            self._writer.close()

    def _write(self, result: Analysed) -> None:
        picture = self._overlay.annotate(result.frame, result.detections, result.counts)
        self._writer.write(picture, result.frame.camera_time_s)


class PictureSaver(Saver):
    """Writes one JPEG each `every_s` seconds of camera time to `folder`, named by camera time in milliseconds.

    Without boxes: these are pictures to label and to train on. Raises `WatchpostError` at once when the folder
    can not be made or written to.
    """

    def __init__(self, folder: Path, every_s: float) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WatchpostError(f"the folder {folder} can not be made: {error.strerror}.") from None
        if not os.access(folder, os.W_OK):
            raise WatchpostError(f"the folder {folder} can not be written to; choose one that you may write to.")
        self.saved = 0
        self._folder = folder
        self._is_due = Due(every_s)
        super().__init__(f"save {folder.name}", self._write)

    def frame(self, result: Analysed) -> None:
        """Queue a frame if it is due."""
        if self._is_due(result.frame.camera_time_s):
            super().frame(result)

    def _write(self, result: Analysed) -> None:
        name = f"{result.frame.camera}-{round(result.frame.camera_time_s * 1000):010d}ms.jpg"
        try:
            (self._folder / name).write_bytes(encode_jpeg(result.frame.picture.bgr(), quality=92))
        except OSError as error:
            raise WatchpostError(f"{self._folder / name} can not be written: {error.strerror}.") from None
        self.saved += 1
