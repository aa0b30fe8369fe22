"""A camera's sound beside its live pictures, for a viewer who listens: what it is, and the pieces of each fragment."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from watchpost.mp4.fragments import Sample
from watchpost.mp4.streams import AudioFormat, sounds
from watchpost.mp4.tracks import VIDEO_TIMESCALE, AudioTrack
from watchpost.types import Packet

SOUND: Final = {"aac": "mp4a.40.2", "mp3": "mp4a.6B", "opus": "opus"}
"""Sound that browsers play in MP4, by FFmpeg's names, and what they call it (RFC 6381)."""
_DESCRIBED_WITHIN: Final = 30
"""Packets until the first pieces of sound have said what it is."""
_SILENT_S: Final = 1.0
"""So long after the last piece of sound the pictures go on alone: a player waits for both."""


class LiveSound:
    """Follows one camera's sound. `see` takes each packet, `heard` those whose pictures are passed on."""

    def __init__(self) -> None:
        self._format = AudioFormat()
        self._seen = 0
        self._last_heard_s: float | None = None
        self._is_silent = False
        self._waiting: list[tuple[int, bytes]] = []
        """By ticks of camera time; the last piece waits, as the next one tells its length."""

    @property
    def track(self) -> AudioTrack | None:
        """`None` without sound that browsers play, and while none comes although the camera has some."""
        track = self._format.track
        return None if track is None or track.codec not in SOUND or self._is_silent else track

    def see(self, packet: Packet) -> bool:
        """Look at a packet; false while it is not known yet what the sound will be."""
        self._format.see(packet)
        self._seen += 1
        now_s = packet.camera_time_s or 0.0
        if packet.audio or self._last_heard_s is None or now_s < self._last_heard_s:
            self._last_heard_s = now_s
        self._is_silent = now_s - self._last_heard_s > _SILENT_S
        is_described = packet.stream.audio is None or self._format.track is not None or bool(self._format.left_out)
        return is_described or self._seen > _DESCRIBED_WITHIN

    def forget(self) -> None:
        """What waits belongs to another header."""
        self._waiting.clear()

    def heard(self, packet: Packet, zero: int) -> tuple[int, list[Sample]]:
        """When the sound for a fragment begins, in its own ticks, and its pieces; `zero` is the camera time at the
        media's 0, in ticks of the video."""
        track, stream = self.track, packet.stream.audio
        if track is None or stream is None:
            return 0, []
        for time_s, each in sounds(packet):
            ticks = round(time_s * track.sample_rate)
            if not self._waiting or ticks > self._waiting[-1][0]:
                self._waiting.append((ticks, self._format.stored(each)))
        begin = round(zero * track.sample_rate / VIDEO_TIMESCALE)
        pieces = [
            (ticks - begin, Sample(data, end - ticks))
            for (ticks, data), (end, _) in pairwise(self._waiting)
            if ticks >= begin
        ]
        del self._waiting[:-1]
        return (pieces[0][0], [sample for _, sample in pieces]) if pieces else (0, [])
