"""One camera's packets to files: whole groups of pictures, cut at key frames, exactly as they came."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from watchpost.clock import Clock
from watchpost.mp4.fragments import Sample, Seal, fragment, header
from watchpost.mp4.streams import AudioFormat, VideoFormat, sounds
from watchpost.mp4.tracks import VIDEO_TIMESCALE, AudioTrack, VideoTrack
from watchpost.recordings.archive import Archive
from watchpost.recordings.index import IndexFullError, Segment
from watchpost.recordings.segment import DiskFullError, SegmentFile, make_folder
from watchpost.types import Packet

T = TypeVar("T")
_LARGEST_FRAGMENT: Final = 16_000_000
"""Bytes: what is held back of a camera is bounded, whatever it sends."""
_LEAST_ROOM: Final = 256_000
_LEAST_GAP_S: Final = 1.0
_GAP_INTERVALS: Final = 5


@dataclass(frozen=True, slots=True)
class Lengths:
    """How a recording is cut, in seconds of camera time."""

    segment_s: float = 60.0
    """A file ends with the first key frame after this."""
    fragment_s: float = 2.0
    """What a power cut may cost. A key frame after half of it ends a fragment already."""


@dataclass(slots=True)
class _Waiting:
    """The pictures of the fragment in progress."""

    ticks: list[tuple[int, int]]
    """When each is decoded and shown, in ticks of camera time."""
    samples: list[tuple[bytes, bool]]
    first_wall_time_s: float
    last_wall_time_s: float
    bytes: int = 0
    gaps: int = 0
    gap_s: float = 0.0


@dataclass(slots=True)
class _Open:
    """The file in progress."""

    file: SegmentFile
    row: Segment
    zero_s: float
    """Camera time of the file's 0."""
    first_dts: int
    first_pts: int
    audio: AudioTrack | None
    number: int = 0
    """Fragments written."""


class CameraWriter:
    """Writes one camera's packets, as the timestamp filter leaves them, into an archive. Use it from one thread.

    `make_room(bytes, again)` is asked when the disk is full, `again` if it still is, and says whether it helped.
    `on_kept` hears of each fragment that is safe, with its file. `add` raises `SyncFailedError` for a disk that can not
    be trusted any more, and other errors for what can not be written: call `abandon`, then it goes on with the next
    key frame.
    """

    def __init__(
        self,
        camera: str,
        archive: Archive,
        clock: Clock,
        lengths: Lengths | None = None,
        make_room: Callable[[int, bool], bool] = lambda *_: False,
        on_kept: Callable[[Segment, Seal], None] = lambda *_: None,
    ) -> None:
        self.lost = 0
        """Packets that came here and could not be kept, in all."""
        self.sound = AudioFormat()
        self._camera = camera
        self._archive = archive
        self._clock = clock
        self._lengths = lengths or Lengths()
        self._make_room = make_room
        self._on_kept = on_kept
        self._format = VideoFormat()
        self._open: _Open | None = None
        self._closed: Segment | None = None
        """A finished file whose row is still to say so: that goes with the next one's beginning."""
        self._waiting: _Waiting | None = None
        self._sounds: list[tuple[int, bytes]] = []
        """Sound that waits, by its ticks of camera time."""
        self._last_dts: int | None = None
        self._interval: float | None = None
        """Ticks from one picture to the next, as a running mean."""
        self._lost_before = 0

    def add(self, packet: Packet, lost: int = 0) -> None:
        """Take the next packet; `lost` is how many before it never came here. May write."""
        if lost:
            self.note_lost(lost)
        is_new = self._format.see(packet)
        self.sound.see(packet)
        if (is_new or packet.is_discontinuous) and self._open is not None:
            self.finish()
        dts, pts = _ticks(packet)
        gap_s = self._gap_before(dts) if self._open is not None else 0.0
        self._cut_before(packet, dts)
        if self._open is None:
            if not packet.is_key or self._format.track is None:
                return
            self._begin(packet, dts, pts, self._format.track)
        self._hear(packet)
        data = self._format.stored(packet)
        if self._waiting is None:
            self._waiting = _Waiting([], [], packet.wall_time_s, packet.wall_time_s)
        waiting = self._waiting
        waiting.ticks.append((dts, pts))
        waiting.samples.append((data, packet.is_key))
        waiting.bytes += len(data)
        waiting.last_wall_time_s = packet.wall_time_s
        waiting.gaps += gap_s > 0
        waiting.gap_s += gap_s
        self._last_dts = dts

    def note_lost(self, count: int) -> None:
        """Packets are missing from here on: what comes next begins a new file at its key frame."""
        self._lost_before += count
        self.finish()

    def finish(self) -> None:
        """Write what is waiting and end the file; `add` begins another one."""
        try:
            self._flush(None, is_last=True)
        finally:
            self._end()
            if self._closed is not None:
                self._retrying(lambda: self._archive.index.roll(self._closed, None))
                self._closed = None

    def abandon(self) -> None:
        """Give up the file in progress after a fault: what it holds that is safe stays."""
        if self._waiting is not None:
            self._lose_waiting()
        self._end()

    def _cut_before(self, packet: Packet, dts: int) -> None:
        """End fragment and file where they are long enough."""
        current, waiting = self._open, self._waiting
        if current is None or waiting is None:
            return
        is_long = dts - current.first_dts >= self._lengths.segment_s * VIDEO_TIMESCALE
        if packet.is_key and (is_long or current.audio != self.sound.track):
            self._flush(dts, is_last=True)
            self._end()
            return
        age_s, limit_s = (dts - waiting.ticks[0][0]) / VIDEO_TIMESCALE, self._lengths.fragment_s
        if age_s >= limit_s or (packet.is_key and age_s >= limit_s / 2) or waiting.bytes > _LARGEST_FRAGMENT:
            self._flush(dts)

    def _begin(self, packet: Packet, dts: int, pts: int, video: VideoTrack) -> None:
        audio = self.sound.track
        time_s = packet.camera_time_s or 0.0
        path = self._archive.new_path(self._camera, packet.wall_time_s)
        shown = f"{video.codec} {video.width}x{video.height}"
        times = (time_s, time_s, packet.wall_time_s, packet.wall_time_s)
        row = Segment(
            self._camera,
            path,
            "open",
            *times,
            0,
            video=shown,
            audio=audio.codec if audio else "",
            lost=self._lost_before,
        )
        number = self._retrying(lambda: self._archive.index.roll(self._closed, row))
        self._closed = None
        row = dataclasses.replace(row, id=number)
        about = {"camera": self._camera, "video": row.video, "audio": row.audio}
        start = header(video, audio, about, packet.wall_time_s)
        full_path = self._archive.path(row)

        def create() -> SegmentFile:
            make_folder(self._archive.disk, full_path.parent)
            return SegmentFile(self._archive.disk, full_path, start)

        try:
            file = self._retrying(create)
        except BaseException:
            self._archive.index.forget([row])
            raise
        self._open = _Open(file, row, time_s, dts, pts, audio)
        self._sounds.clear()
        self._interval = None

    def _hear(self, packet: Packet) -> None:
        """Put a packet's sound with what waits, in the time of its picture."""
        stream = packet.stream.audio
        if self._open is None or self._open.audio != self.sound.track or stream is None:
            return
        for time_s, each in sounds(packet):
            ticks = round(time_s * stream.sample_rate)
            if not self._sounds or ticks > self._sounds[-1][0]:
                self._sounds.append((ticks, self.sound.stored(each)))

    def _flush(self, next_dts: int | None, *, is_last: bool = False) -> None:
        """Write the fragment in progress; `next_dts` is when the picture after it is decoded."""
        waiting, current = self._waiting, self._open
        if waiting is None or current is None:
            return
        video, end = _video_samples(waiting, next_dts, round(self._interval or VIDEO_TIMESCALE / 25), current)
        audio_time, audio = self._take_sounds(current, is_last=is_last)
        first_pts = min(pts for _, pts in waiting.ticks)
        seal = Seal(
            first_camera_time_s=current.zero_s + (first_pts - current.first_pts) / VIDEO_TIMESCALE,
            last_camera_time_s=current.zero_s + (end - current.first_dts) / VIDEO_TIMESCALE,
            first_wall_time_s=waiting.first_wall_time_s,
            last_wall_time_s=waiting.last_wall_time_s,
            gaps=waiting.gaps,
            gap_s=waiting.gap_s,
            lost=0 if current.number else self._lost_before,
        )
        start = waiting.ticks[0][0] - current.first_dts
        seal, buffers = fragment(current.number + 1, start, video, audio_time, audio, seal)
        try:
            self._retrying(lambda: current.file.append(buffers), seal.size)
        except BaseException:
            self._lose_waiting()
            self._end()
            raise
        self._waiting = None
        row = current.row
        if not current.number:
            self._lost_before = 0
            row = dataclasses.replace(row, first_camera_time_s=seal.first_camera_time_s)
        current.number += 1
        current.row = dataclasses.replace(
            row,
            last_camera_time_s=seal.last_camera_time_s,
            last_wall_time_s=seal.last_wall_time_s,
            bytes=current.file.size,
            gaps=row.gaps + seal.gaps,
            gap_s=row.gap_s + seal.gap_s,
        )
        self._on_kept(current.row, seal)

    def _take_sounds(self, current: _Open, *, is_last: bool) -> tuple[int, list[Sample]]:
        """The sound for a fragment and when it begins; its last packet waits for the next, which tells its length."""
        if current.audio is None:
            return 0, []
        rate = current.audio.sample_rate
        zero = round(current.zero_s * rate)
        sounds = [each for each in self._sounds if each[0] >= zero]
        if not is_last and sounds:
            self._sounds = sounds[-1:]
            ends = [ticks for ticks, _ in sounds[1:]]
            sounds = sounds[:-1]
        else:
            self._sounds = []
            last = sounds[-1][0] if sounds else 0
            usual = last - sounds[-2][0] if len(sounds) > 1 else rate // 50
            ends = [*(ticks for ticks, _ in sounds[1:]), last + usual]
        if not sounds:
            return 0, []
        pairs = zip(sounds, ends, strict=False)
        return sounds[0][0] - zero, [Sample(data, end - ticks) for (ticks, data), end in pairs]

    def _end(self) -> None:
        """Close the file. Its row says so with the next one's beginning, or at `finish`."""
        if self._open is None:
            return
        current, self._open = self._open, None
        self._waiting = None
        self._last_dts = None
        current.file.close()
        if current.number:
            self._closed = dataclasses.replace(current.row, state="closed")
        else:  # nothing that can be played
            self._archive.delete([current.row])

    def _lose_waiting(self) -> None:
        count = len(self._waiting.samples) if self._waiting is not None else 0
        self.lost += count
        self._lost_before += count
        self._waiting = None

    def _gap_before(self, dts: int) -> float:
        """Seconds that are missing before a picture, 0 for none."""
        if self._last_dts is None:
            return 0.0
        step = dts - self._last_dts
        usual = self._interval
        limit = max(_LEAST_GAP_S * VIDEO_TIMESCALE, _GAP_INTERVALS * (usual or 0.0))
        if step > limit and usual is not None:
            return (step - usual) / VIDEO_TIMESCALE
        self._interval = step if usual is None else usual + (step - usual) / 16
        return 0.0

    def _retrying(self, action: Callable[[], T], size: int = 0) -> T:
        """Try, and as long as the disk is full and room can be made, try again."""
        again = False
        while True:
            try:
                return action()
            except (DiskFullError, IndexFullError):
                if not self._make_room(max(4 * size, _LEAST_ROOM), again):
                    raise
                again = True


def _ticks(packet: Packet) -> tuple[int, int]:
    """When a packet is decoded and shown, in ticks of camera time."""
    base = packet.stream.time_base
    pts = packet.pts or 0
    dts = pts if packet.dts is None else packet.dts
    factor, divisor = VIDEO_TIMESCALE * base.numerator, base.denominator
    return (2 * dts * factor + divisor) // (2 * divisor), (2 * pts * factor + divisor) // (2 * divisor)


def _video_samples(waiting: _Waiting, next_dts: int | None, usual: int, current: _Open) -> tuple[list[Sample], int]:
    """The samples of a fragment, and when the last of them ends."""
    decoded = [dts for dts, _ in waiting.ticks]
    end = decoded[-1] + usual if next_dts is None or next_dts <= decoded[-1] else next_dts
    delay = current.first_pts - current.first_dts  # so that the file's first picture is shown at 0
    samples = [
        Sample(data, max(0, following - dts), pts - dts - delay, is_key)
        for (dts, pts), following, (data, is_key) in zip(
            waiting.ticks, [*decoded[1:], end], waiting.samples, strict=True
        )
    ]
    return samples, end
