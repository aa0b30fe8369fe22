"""Cameras that misbehave, for the question whether the others notice: stalled, flapping, corrupt, and of 8K."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from watchpost.clock import SystemClock
from watchpost.errors import SourceError, WatchpostError
from watchpost.fleet.cameras import Fault, FleetCamera
from watchpost.fleet.clips import Clip
from watchpost.fleet.feed import Feed
from watchpost.sources.damaged import damaged
from watchpost.sources.looped import looped
from watchpost.types import BGR, Packet
from watchpost.video.camera_encoder import encode_as_camera
from watchpost.video.decoder import Decoder

_TIMEOUT_S: Final = 10.0
"""After so long without a packet a network source raises: the default of `rtsp:`."""
_STALLS_AFTER_S: Final = 5.0
_FLAPS_AFTER: Final = 5
"""Packets."""
_HEAVY_SIZE: Final = (7680, 4320)
_HEAVY_GRAIN: Final = 2.0
"""Standard deviation of the noise in an 8K picture, 0-255: without it a blown-up picture is cheap to decode."""
_HEAVY_CRF: Final = 24


class FeedSource:
    """A feed as one connection, with the camera's fault."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._closed = threading.Event()

    def packets(self) -> Iterator[Packet]:
        """What comes from now on, beginning with a key frame. Raises `SourceError` where the fault breaks it off."""
        match self._feed.camera.fault:
            case None | Fault.HEAVY:
                yield from self._feed.packets(self._closed)
            case Fault.CORRUPT:
                yield from damaged(self._feed.packets(self._closed), random.Random(self._feed.name))  # noqa: S311
            case Fault.STALLED:
                yield from self._stalling()
            case Fault.FLAPPING:
                yield from self._broken_off(_FLAPS_AFTER)

    def close(self) -> None:
        """End `packets`."""
        self._closed.set()

    def _stalling(self) -> Iterator[Packet]:
        end_s = self._feed.captured_s(_STALLS_AFTER_S)
        for packet in self._feed.packets(self._closed):
            if time.monotonic() >= end_s:
                break
            yield packet
        if not self._closed.wait(_TIMEOUT_S):
            raise SourceError(f"{self._feed.name}: no picture for {_TIMEOUT_S:g} s.")

    def _broken_off(self, count: int) -> Iterator[Packet]:
        now_s = time.monotonic()
        for due_s, packet in self._feed.due_packets():
            if due_s < now_s or (count == _FLAPS_AFTER and not packet.is_key):
                continue  # of before this connection
            if not self._feed.wait_until(due_s, self._closed):
                return
            yield packet
            count -= 1
            if not count:
                raise SourceError(f"{self._feed.name}: the connection was reset.")


def faulty(cameras: Sequence[FleetCamera], heavy: Clip) -> list[FleetCamera]:
    """One camera of each fault, `heavy` the clip of the 8K one; their streams and phases are those of `cameras`."""
    made = []
    for fault, camera in zip(Fault, cameras, strict=True):
        each = dataclasses.replace(camera, name=f"{fault.value}-{camera.name}", fault=fault)
        if fault is Fault.HEAVY:
            each = dataclasses.replace(
                each, path=heavy.path, clip_s=heavy.seconds, fps=heavy.fps, gop_s=heavy.gop_s, offset_s=0.0
            )
        made.append(each)
    return made


def heavy_clip(clips: Sequence[Clip], cache: Path, size: tuple[int, int] = _HEAVY_SIZE, seconds: float = 2.0) -> Clip:
    """A clip of 8K with somebody in it all the time, made once: a piece of one of `clips`, blown up, with grain.

    Raises `WatchpostError` where none of the clips shows anybody.
    """
    chosen = next(((clip, visit) for clip in clips for visit in clip.visits or () if visit.is_findable), None)
    if chosen is None:
        raise WatchpostError("no clip shows anybody; give a fleet with activity.")
    clip, visit = chosen
    path = cache / f"heavy-{size[0]}-{seconds:g}-{_HEAVY_CRF}-{clip.path.stem}.mp4"
    if not path.exists():
        begin_s = visit.seen_from_s or visit.enter_s
        pictures = _pictures(clip, begin_s, round(seconds * clip.fps), size)
        part = path.with_suffix(".part")
        frames = round(seconds * clip.fps)
        encode_as_camera(part, pictures, size=size, fps=round(clip.fps), gop=frames, crf=_HEAVY_CRF, preset="veryfast")
        part.rename(path)
    return Clip(path, seconds, clip.fps, seconds)


def _pictures(clip: Clip, begin_s: float, count: int, size: tuple[int, int]) -> Iterator[BGR]:
    decoder = Decoder("heavy")
    offset_s = begin_s // clip.gop_s * clip.gop_s
    grain = np.random.default_rng(0).normal(0, _HEAVY_GRAIN, (size[1], size[0], 1)).astype(np.int8)
    packets = looped(clip.path, "heavy", offset_s=offset_s, round_s=clip.seconds, clock=SystemClock())
    frames = (frame for packet in packets for frame in decoder.decode(packet))
    for frame in frames:
        if (frame.camera_time_s or 0.0) < begin_s - offset_s:
            continue
        picture = cv2.resize(frame.picture.bgr(), size, interpolation=cv2.INTER_CUBIC)
        moved = np.roll(grain, 997 * count)  # another place each time costs no new noise
        yield np.clip(picture.astype(np.int16) + moved, 0, 255).astype(np.uint8)
        count -= 1
        if not count:
            return
