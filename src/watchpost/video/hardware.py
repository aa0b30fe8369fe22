"""Decoding on a device (NVDEC, VAAPI), where there is one that works; otherwise FFmpeg's own decoders.

A device that is missing, refuses a codec or fails later is given up with one line in the log: a camera is never lost
for it. Pictures stay on the device until somebody asks for pixels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

from watchpost.config.decoding import DecodeOn

_LOG: Final = logging.getLogger(__name__)
_PATIENCE: Final = 12
"""Packets in a row that a device may fail: a damaged stream does so for a moment, a lost device for ever."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that decodes video."""

    kind: str
    """As FFmpeg calls it: `cuda`, `vaapi`."""
    node: str | None = None
    """Its file where FFmpeg wants one: `/dev/dri/renderD128`."""


def devices(choice: DecodeOn, root: Path = Path("/dev")) -> list[Device]:
    """What to try, in this order. `auto` names devices that FFmpeg was built for and that show a file in `root`."""
    nodes = sorted(str(node) for node in (root / "dri").glob("renderD*"))
    vaapi = Device("vaapi", nodes[0] if nodes else None)
    if choice == "cpu":
        return []
    if choice != "auto":
        return [vaapi if choice == "vaapi" else Device(choice)]
    present = [Device("cuda")] * any(root.glob("nvidia[0-9]*")) + [vaapi] * bool(nodes)
    return [device for device in present if device.kind in hwdevices_available()]


def open_on(codec: str, device: Device | None) -> VideoCodecContext:
    """A codec context on a device, or on the processor for `None`.

    Raises `FFmpegError` or `ValueError` where the codec is unknown, is no video, or the device can not decode it.
    """
    # It may turn to software by itself where the device lacks a profile: that is better than no picture.
    accel = None if device is None else HWAccel(device.kind, device.node, True, is_hw_owned=True)
    context = av.CodecContext.create(codec, "r", hwaccel=accel)
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"Decoder: {codec} is no video codec")
    if device is not None and not context.is_hwaccel:
        raise ValueError(f"the FFmpeg inside PyAV does not decode {codec} on it")
    return context


def fetched(picture: av.VideoFrame) -> av.VideoFrame:
    """The picture in memory: itself, or copied from the device. Raises `FFmpegError` where the device fails."""
    on_device = picture.sw_format
    return picture if on_device is None else picture.reformat(format=on_device.name)


class Hardware:
    """What one camera's video is decoded on; used from the decoder's thread."""

    def __init__(
        self,
        camera: str,
        choice: Sequence[Device] = (),
        opener: Callable[[str, Device | None], VideoCodecContext] = open_on,
        fetch: Callable[[av.VideoFrame], object] = fetched,
    ) -> None:
        """`choice` is tried in its order, then the processor."""
        self._camera = camera
        self._choice = list(choice)
        self._opener = opener
        self._fetch = fetch
        self._failures = 0
        self._is_proven = False
        self.device: Device | None = None
        """What is in use; `None` is the processor."""

    @property
    def is_device(self) -> bool:
        """A device decodes, or is still to be tried."""
        return bool(self._choice)

    def open(self, codec: str) -> VideoCodecContext:
        """A context on the first device that takes it. Raises as `open_on` does for the processor."""
        self._failures, self._is_proven = 0, False
        while self._choice:
            self.device = self._choice[0]
            try:
                return self._opener(codec, self.device)
            except (av.error.FFmpegError, ValueError) as error:
                self._give_up(str(error))
        self.device = None
        return self._opener(codec, None)

    def judge(self, pictures: Sequence[av.VideoFrame], has_failed: bool) -> bool:
        """Look at what a packet gave; false where the device has just been given up, and `open` is to be called."""
        if self.device is None:
            return True
        if pictures and not self._is_proven:
            try:  # that it decodes is not enough: later nobody could help a picture that can not be fetched
                self._fetch(pictures[0])
            except av.error.FFmpegError as error:
                self._give_up(str(error))
                return False
            self._is_proven = True
        self._failures = self._failures + 1 if has_failed else 0
        if self._failures >= _PATIENCE:
            self._give_up(f"{_PATIENCE} packets in a row failed")
            return False
        return True

    def _give_up(self, reason: str) -> None:
        device = self._choice.pop(0)
        following = self._choice[0].kind if self._choice else "the processor"
        _LOG.warning("%s: no decoding on %s: %s; %s decodes it", self._camera, device.kind, reason, following)
