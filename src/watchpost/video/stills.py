"""Single key frames of many cameras, decoded by a few codec contexts that they use in turn.

A context holds some megabytes: the frames it refers to, and those it has handed out and got back. A camera that sleeps
needs one for some milliseconds every few seconds, so it has none of its own.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from watchpost.types import StreamInfo
from watchpost.video.hardware import open_on

_MOST: Final = 16

_Kind = tuple[object, ...]


def set_up(context: VideoCodecContext, stream: StreamInfo, threads: int = 1) -> VideoCodecContext:
    """Tell a new context, not opened yet, what a stream's container says; returns it."""
    if stream.extradata:
        context.extradata = stream.extradata
    context.width, context.height = stream.width, stream.height
    if stream.pixel_format and not context.is_hwaccel:  # raw video has nowhere else to say it
        context.pix_fmt = stream.pixel_format
    context.colorspace, context.color_range = stream.color_matrix, stream.color_range
    context.thread_count = threads
    context.thread_type = "FRAME" if threads != 1 else "NONE"
    context.copy_opaque = True
    return context


class Stills:
    """Decodes key frames by themselves, on the processor; from any threads.

    As many contexts are at work as threads ask at the same time. At most `most` are kept for later: one does for all
    cameras whose streams have the same parameters, as those of one model and setting do.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, tuple[_Kind, VideoCodecContext]] = OrderedDict()
        """Newest last."""

    def decode(self, stream: StreamInfo, payload: av.Packet[VideoStream]) -> list[av.VideoFrame]:
        """The pictures of a key frame, at once.

        Raises `FFmpegError` for what can not be decoded, and as `open_on` does for a codec that is not known.
        """
        kind = _kind(stream)
        context = self._taken(kind) or set_up(open_on(stream.codec, None), stream)
        try:
            return [*context.decode(payload), *context.decode(None)]
        finally:
            context.flush_buffers()
            self._put_back(kind, context)

    def __len__(self) -> int:
        """Contexts that are kept."""
        return len(self._idle)

    def _taken(self, kind: _Kind) -> VideoCodecContext | None:
        with self._lock:
            number = next((number for number in reversed(self._idle) if self._idle[number][0] == kind), None)
            return None if number is None else self._idle.pop(number)[1]

    def _put_back(self, kind: _Kind, context: VideoCodecContext) -> None:
        with self._lock:
            self._idle[id(context)] = kind, context
            dropped = self._idle.popitem(last=False) if len(self._idle) > self._most else None
        del dropped  # closing it takes time, which nobody needs to wait for


def _kind(stream: StreamInfo) -> _Kind:
    """What streams have in common that one context can decode."""
    sizes = stream.width, stream.height, stream.pixel_format
    return stream.codec, stream.extradata, sizes, stream.color_matrix, stream.color_range
