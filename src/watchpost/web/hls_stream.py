"""A camera's packets as HTTP Live Streaming (RFC 8216; low latency: its second edition, draft-pantos-hls-rfc8216bis).

Segments are fragmented MP4, cut at key frames, and nothing is encoded. Each segment is told in parts of about half a
second as they come, and players that know them may ask for what is not there yet: they are about two seconds behind
the camera, others about two segments.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from watchpost.errors import WatchpostError
from watchpost.mp4.fragments import Sample, header, media
from watchpost.mp4.streams import AudioFormat, VideoFormat, sounds
from watchpost.mp4.tracks import VIDEO_TIMESCALE, AudioTrack, VideoTrack
from watchpost.types import Packet
from watchpost.web.live_mp4 import codec_string
from watchpost.web.live_sound import SOUND

VIDEO_CODECS: Final = frozenset({"h264", "hevc"})
_SEGMENT_S: Final = 2.0
"""A segment ends with the first key frame after this."""
_LONGEST_SEGMENT_S: Final = 10.0
_PART_S: Final = 0.5
_LONGEST_PART_S: Final = 0.6
"""`PART-TARGET`: no part is longer."""
_KEPT: Final = 7
"""Whole segments."""
_WITH_PARTS: Final = 3
"""The newest segments whose parts are told: those of the last three target durations (section 6.2.2)."""
_MOST_WAITED: Final = 100
"""Packets until it is known what the sound is."""


class NotStreamedError(WatchpostError):
    """The camera's codec is none that HLS takes."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a segment: `moof` and `mdat`."""

    data: bytes = field(repr=False)
    duration_s: float
    is_independent: bool
    """It begins with a key frame."""


@dataclass(slots=True)
class Segment:
    """One file of the playlist, whole or in the making."""

    number: int
    init: int
    """Which header it needs."""
    wall_time_s: float
    """When its first picture came."""
    parts: list[Part] = field(default_factory=list)
    is_whole: bool = False
    has_changed: bool = False
    """Its header is another than that of the segment before."""

    @property
    def duration_s(self) -> float:
        """Of all that it holds."""
        return sum(part.duration_s for part in self.parts)

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(part.data for part in self.parts)


@dataclass(slots=True)
class _Waiting:
    """The pictures of the part in progress."""

    dts: list[int] = field(default_factory=list)
    pts: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)


class HlsStream:
    """One camera's stream for all who watch it. Not safe for several threads at once."""

    def __init__(self, first_number: int = 1) -> None:
        """Segments are numbered from `first_number` on."""
        self.bytes = 0
        """Held, of all segments."""
        self._video = VideoFormat()
        self._audio = AudioFormat()
        self._tracks: tuple[VideoTrack, AudioTrack | None] | None = None
        self._inits: dict[int, bytes] = {}
        self._init = 0
        """The header's number: that of the first segment that needs it."""
        self._segments: deque[Segment] = deque()
        self._next_number = first_number
        self._gone_changes = 0
        """Changes of format in segments that have gone: `EXT-X-DISCONTINUITY-SEQUENCE`."""
        self._target_s = 0
        self._waiting = _Waiting()
        self._sounds: list[tuple[int, bytes]] = []
        """Sound that waits, by its ticks of camera time."""
        self._zero = 0
        self._fragment = 0
        self._seen = 0
        self._restarts = False
        """The camera was started afresh and counts from 0 again."""
        self._interval = VIDEO_TIMESCALE / 25

    @property
    def newest(self) -> tuple[int, int]:
        """Number of the segment in the making, and how many of its parts there are."""
        last = self._segments[-1] if self._segments else None
        if last is None or last.is_whole:
            return self._next_number, 0
        return last.number, len(last.parts)

    @property
    def is_playable(self) -> bool:
        """Whether every player finds something: one whole segment."""
        return any(each.is_whole for each in self._segments)

    @property
    def codecs(self) -> str:
        """For `CODECS`; empty before the first key frame."""
        if self._tracks is None:
            return ""
        video, audio = self._tracks
        return ",".join([codec_string(video), *([SOUND[audio.codec]] if audio else [])])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture in pixels."""
        return (0, 0) if self._tracks is None else (self._tracks[0].width, self._tracks[0].height)

    @property
    def bits_a_second(self) -> int:
        """The largest of the whole segments."""
        rates = (8 * len(each.data) / max(each.duration_s, 0.1) for each in self._segments if each.is_whole)
        return math.ceil(max(rates, default=1_000_000))

    def add(self, packet: Packet) -> bool:
        """Take a packet, as the timestamp filter leaves it; whether there is something new to fetch.

        Raises `NotStreamedError` for a codec that HLS does not take.
        """
        if packet.stream.codec not in VIDEO_CODECS:
            message = f"{packet.camera}: HLS takes H.264 and H.265, and it sends {packet.stream.codec}."
            raise NotStreamedError(message)
        self._video.see(packet)
        self._audio.see(packet)
        before = self.newest
        dts, pts = _ticks(packet)
        self._cut_before(packet, dts)
        if self._begins(packet):
            self._begin(packet, dts)
        if self._segments and not self._segments[-1].is_whole:
            self._hold(packet, dts, pts)
        return self.newest != before

    def init(self, number: int) -> bytes | None:
        """A header, `None` for one that is not there any more."""
        return self._inits.get(number)

    def segment(self, number: int) -> bytes | None:
        """A whole segment."""
        found = self._find(number)
        return found.data if found is not None and found.is_whole else None

    def part(self, number: int, index: int) -> bytes | None:
        """A part of a segment, from 0."""
        found = self._find(number)
        return found.parts[index].data if found is not None and 0 <= index < len(found.parts) else None

    def main_playlist(self) -> str:
        """What leads to `playlist`, and says what it is made of (section 4.3.4)."""
        width, height = self.size
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f'#EXT-X-STREAM-INF:BANDWIDTH={self.bits_a_second},CODECS="{self.codecs}",RESOLUTION={width}x{height}',
            "live.m3u8",
        ]
        return "\n".join(lines) + "\n"

    def playlist(self) -> str:
        """The media playlist (sections 4.3.2 and 4.3.3)."""
        has_parts = self._interval <= _PART_S * VIDEO_TIMESCALE
        lines = ["#EXTM3U", "#EXT-X-VERSION:9", f"#EXT-X-TARGETDURATION:{self._target_s or round(_SEGMENT_S)}"]
        if has_parts:
            lines.append(f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * _LONGEST_PART_S:.3f}")
            lines.append(f"#EXT-X-PART-INF:PART-TARGET={_LONGEST_PART_S:.3f}")
        first = self._segments[0].number if self._segments else self._next_number
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
        if self._gone_changes:
            lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._gone_changes}")
        init = None
        for each in self._segments:
            if each.has_changed and init is not None:
                lines.append("#EXT-X-DISCONTINUITY")
            if each.init != init:
                init = each.init
                lines.append(f'#EXT-X-MAP:URI="init-{init}.mp4"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(each.wall_time_s)}")
            if has_parts and each.number > self.newest[0] - _WITH_PARTS:
                lines += [_told(each.number, index, part) for index, part in enumerate(each.parts)]
            if each.is_whole:
                lines += [f"#EXTINF:{each.duration_s:.5f},", f"{each.number}.m4s"]
        if has_parts and self._segments:
            number, parts = self.newest
            lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{number}.{parts}.m4s"')
        return "\n".join(lines) + "\n"

    def _find(self, number: int) -> Segment | None:
        return next((each for each in self._segments if each.number == number), None)

    def _begins(self, packet: Packet) -> bool:
        """Whether a segment begins with this packet."""
        is_open = bool(self._segments) and not self._segments[-1].is_whole
        if is_open or self._video.track is None:
            return False
        if self._tracks is not None:  # cut in the midst of a long group, it goes on
            return packet.is_key or (self._now() == self._tracks and not self._restarts)
        self._seen += 1
        may_have_sound = packet.stream.audio is not None and self._audio.track is None and not self._audio.left_out
        return packet.is_key and (not may_have_sound or self._seen > _MOST_WAITED)

    def _now(self) -> tuple[VideoTrack, AudioTrack | None] | None:
        """The tracks as they are at present."""
        sound = self._audio.track
        if self._video.track is None:
            return None
        return self._video.track, sound if sound is not None and sound.codec in SOUND else None

    def _begin(self, packet: Packet, dts: int) -> None:
        tracks = self._now()
        assert tracks is not None  # noqa: S101 - for the type checker: `_begins` looked
        is_first = self._tracks is None
        has_changed = tracks != self._tracks or self._restarts
        if has_changed:
            if is_first or self._restarts:
                self._zero = dts
            self._restarts = False
            self._tracks = tracks
            self._init = self._next_number
            self._inits[self._init] = header(*tracks, {"camera": packet.camera}, packet.wall_time_s)
            self._sounds.clear()
        segment = Segment(self._next_number, self._init, packet.wall_time_s, has_changed=has_changed and not is_first)
        self._segments.append(segment)
        self._next_number += 1
        while len(self._segments) > _KEPT:
            gone = self._segments.popleft()
            self._gone_changes += gone.has_changed
            self.bytes -= sum(len(part.data) for part in gone.parts)
            if all(each.init != gone.init for each in self._segments):
                self._inits.pop(gone.init, None)

    def _cut_before(self, packet: Packet, dts: int) -> None:
        """End the part, and the segment, where they are long enough."""
        waiting = self._waiting
        if not waiting.dts:
            return
        step = dts - waiting.dts[-1]
        if step > 0:  # a gap tells little, a slow camera is soon known
            self._interval += (min(step, 4 * self._interval) - self._interval) / 8
        segment = self._segments[-1]
        held_s = (dts - waiting.dts[0]) / VIDEO_TIMESCALE
        length_s = segment.duration_s + held_s
        is_full = length_s + self._interval / VIDEO_TIMESCALE >= (self._target_s or _LONGEST_SEGMENT_S) + 0.5
        self._restarts = step <= 0
        is_other = self._restarts or self._now() != self._tracks
        if (packet.is_key and length_s >= min(_SEGMENT_S, self._target_s or _SEGMENT_S)) or is_full or is_other:
            self._end_part(None if is_other else dts)
            segment.is_whole = True
            if not self._target_s:
                self._target_s = max(1, round(segment.duration_s))
        elif held_s >= _PART_S or held_s + self._interval / VIDEO_TIMESCALE > _LONGEST_PART_S:
            self._end_part(dts)

    def _hold(self, packet: Packet, dts: int, pts: int) -> None:
        waiting = self._waiting
        waiting.dts.append(dts)
        waiting.pts.append(pts)
        waiting.data.append(self._video.stored(packet))
        waiting.keys.append(packet.is_key)
        stream = packet.stream.audio
        if self._tracks is None or self._tracks[1] is None or stream is None:
            return
        for time_s, each in sounds(packet):
            ticks = round(time_s * stream.sample_rate)
            if not self._sounds or ticks > self._sounds[-1][0]:
                self._sounds.append((ticks, self._audio.stored(each)))

    def _end_part(self, next_dts: int | None) -> None:
        waiting, self._waiting = self._waiting, _Waiting()
        end = round(waiting.dts[-1] + self._interval) if next_dts is None else max(next_dts, waiting.dts[-1] + 1)
        samples = [
            Sample(data, following - dts, pts - dts, is_key)
            for dts, following, pts, data, is_key in zip(
                waiting.dts, [*waiting.dts[1:], end], waiting.pts, waiting.data, waiting.keys, strict=True
            )
        ]
        sound_time, heard = self._heard()
        self._fragment += 1
        data = b"".join(media(self._fragment, waiting.dts[0] - self._zero, samples, sound_time, heard))
        duration_s = (end - waiting.dts[0]) / VIDEO_TIMESCALE
        self._segments[-1].parts.append(Part(data, duration_s, waiting.keys[0]))
        self.bytes += len(data)

    def _heard(self) -> tuple[int, list[Sample]]:
        """The sound for a part and when it begins; its last packet waits, as the next one tells its length."""
        audio = self._tracks[1] if self._tracks is not None else None
        if audio is None or len(self._sounds) < 2:
            return 0, []
        zero = round(self._zero * audio.sample_rate / VIDEO_TIMESCALE)
        pairs = zip(self._sounds, self._sounds[1:], strict=False)
        heard = [(ticks, Sample(data, end - ticks)) for (ticks, data), (end, _) in pairs if ticks >= zero]
        self._sounds = self._sounds[-1:]
        return (heard[0][0] - zero, [sample for _, sample in heard]) if heard else (0, [])


def _told(number: int, index: int, part: Part) -> str:
    independent = ",INDEPENDENT=YES" if part.is_independent else ""
    return f'#EXT-X-PART:DURATION={part.duration_s:.5f},URI="{number}.{index}.m4s"{independent}'


def _date(wall_time_s: float) -> str:
    return datetime.fromtimestamp(wall_time_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ticks(packet: Packet) -> tuple[int, int]:
    """When a packet is decoded and shown, in ticks of camera time."""
    scale = VIDEO_TIMESCALE * packet.stream.time_base
    pts = packet.pts or 0
    dts = pts if packet.dts is None else packet.dts
    return round(dts * scale), round(pts * scale)
