"""A camera's packets as the fragmented MP4 that a browser's Media Source Extensions take: one picture a fragment.

Nothing is encoded: H.264 and H.265 go through as they came. A player must know how long a picture lasts before the
next one is there, so the usual interval is told; the times of decoding are told for each picture, and true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.mp4.fragments import Sample, header, media
from watchpost.mp4.streams import VideoFormat
from watchpost.mp4.tracks import VIDEO_TIMESCALE, AudioTrack, VideoTrack
from watchpost.types import Packet
from watchpost.web.live_sound import SOUND, LiveSound

CODECS: Final = frozenset({"h264", "hevc"})
"""What browsers play in MP4 and cameras send; FFmpeg's names."""
_USUAL_FPS: Final = 25
_SMOOTHING: Final = 16
_LONGEST_STEP: Final = 2
"""In lasts of the picture before: where decoding goes on later than that, players wait for a key frame (W3C Media
Source Extensions, section 3.5.8, coded frame processing)."""


class NotPassedOnError(WatchpostError):
    """The camera's codec is none that a browser takes."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a player needs before the fragments that follow: at the beginning, and when the stream changes."""

    data: bytes
    mime: str
    """For `MediaSource.isTypeSupported`: `video/mp4; codecs="avc1.64001f"`."""
    width: int
    height: int
    camera_time_s: float
    """Camera time at the media's time 0. It changes where the camera's clock was started afresh."""
    sound: str
    """The codec of the camera's sound, FFmpeg's name; empty without. It is in the stream where `mime` names it."""


class LiveMp4:
    """One viewer's stream. `add` takes packets as the timestamp filter leaves them, from a key frame on."""

    def __init__(self, *, with_sound: bool = False) -> None:
        """`with_sound`: of a camera whose sound browsers play, it is passed on too. Pictures come a little later then,
        as players wait for both."""
        self._format = VideoFormat()
        self._sound = LiveSound() if with_sound else None
        self._number = 0
        self._zero: int | None = None
        """Ticks of camera time at the media's 0, `None` before the first picture."""
        self._told: tuple[VideoTrack, AudioTrack | None, int] | None = None
        """Tracks and zero of the last header."""
        self._last_real = 0
        """When the last picture is decoded, in ticks of camera time."""
        self._last_dts = 0
        """When it is decoded in the media, and how long it lasts."""
        self._last_duration = 0
        self._interval = VIDEO_TIMESCALE / _USUAL_FPS
        self._waits_for_key = True

    @property
    def zero_s(self) -> float | None:
        """Camera time in seconds at the media's time 0, `None` before the first header."""
        return None if self._zero is None else self._zero / VIDEO_TIMESCALE

    def add(self, packet: Packet) -> list[Header | bytes]:
        """What to send for a packet: perhaps a header, then a fragment; nothing before the first key frame.

        Raises `NotPassedOnError` for a codec that browsers do not take.
        """
        if packet.stream.codec not in CODECS:
            raise NotPassedOnError(
                f"{packet.camera}: browsers take H.264 and H.265, and it sends {packet.stream.codec}."
            )
        has_changed = self._format.see(packet)
        is_described = self._sound is None or self._sound.see(packet)
        sound = self._sound.track if self._sound is not None else None
        has_changed |= self._told is not None and self._told[1] != sound
        self._waits_for_key |= has_changed or packet.is_discontinuous
        track = self._format.track
        if track is None or (self._waits_for_key and not (packet.is_key and is_described)):
            return []
        self._waits_for_key = False
        dts, pts = _ticks(packet)
        self._place(packet, dts)
        assert self._zero is not None  # noqa: S101 - for the type checker: `_place` has set it
        made: list[Header | bytes] = []
        if self._told != (track, sound, self._zero):
            self._told = track, sound, self._zero
            made.append(_header(track, sound, packet, self._zero / VIDEO_TIMESCALE))
            if self._sound is not None:
                self._sound.forget()
        made.append(self._fragment(packet, dts - self._zero, pts - self._zero))
        return made

    def _place(self, packet: Packet, dts: int) -> None:
        """Put the media's 0 where the first picture is, and so that the media goes on where camera time does not."""
        if self._zero is None:
            self._interval = float(VIDEO_TIMESCALE / (packet.stream.average_rate or _USUAL_FPS))
            self._zero = dts
        elif dts <= self._last_real:  # the camera was started afresh, and counts from 0 again
            self._zero = dts - self._last_dts - self._last_duration
        elif dts - self._last_real < VIDEO_TIMESCALE:
            self._interval += (dts - self._last_real - self._interval) / _SMOOTHING
        self._last_real = dts

    def _fragment(self, packet: Packet, dts: int, pts: int) -> bytes:
        if self._number:
            dts = max(self._last_dts + 1, min(dts, self._last_dts + _LONGEST_STEP * self._last_duration))
        self._number += 1
        self._last_dts, self._last_duration = dts, max(1, round(self._interval))
        sample = Sample(self._format.stored(packet), self._last_duration, pts - dts, packet.is_key)
        heard = self._sound.heard(packet, self._zero or 0) if self._sound is not None else (0, [])
        return b"".join(media(self._number, dts, [sample], *heard))


def codec_string(track: VideoTrack) -> str:
    """A track's codec as browsers want it named (RFC 6381, section 3.3; ISO/IEC 14496-15, annex E)."""
    config = track.config
    if track.codec == "h264":
        return "avc1." + config[1:4].hex()
    space, tier, profile = config[1] >> 6, config[1] >> 5 & 1, config[1] & 31
    compatibility = int(f"{int.from_bytes(config[2:6], 'big'):032b}"[::-1], 2)
    constraints = config[6:12].rstrip(b"\x00")
    parts = [
        f"hvc1.{['', 'A', 'B', 'C'][space]}{profile}",
        f"{compatibility:X}",
        f"{'LH'[tier]}{config[12]}",
        *(f"{each:X}" for each in constraints),
    ]
    return ".".join(parts)


def _header(track: VideoTrack, sound: AudioTrack | None, packet: Packet, zero_s: float) -> Header:
    data = header(track, sound, {"camera": packet.camera}, packet.wall_time_s)
    turned = track.rotation in (90, 270)
    width, height = (track.height, track.width) if turned else (track.width, track.height)
    codecs = ",".join([codec_string(track), *([SOUND[sound.codec]] if sound is not None else [])])
    its_sound = packet.stream.audio.codec if packet.stream.audio is not None else ""
    return Header(data, f'video/mp4; codecs="{codecs}"', width, height, zero_s, its_sound)


def _ticks(packet: Packet) -> tuple[int, int]:
    """When a packet is decoded and shown, in ticks of camera time."""
    scale = VIDEO_TIMESCALE * packet.stream.time_base
    pts = packet.pts or 0
    dts = pts if packet.dts is None else packet.dts
    return round(dts * scale), round(pts * scale)
