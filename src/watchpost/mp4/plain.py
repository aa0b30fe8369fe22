"""Plain MP4 files put together from pieces of recordings, without copying: an index in front, then slices of files.

What browsers seek in best, and what every program opens. The idea of a file that exists only while it is read is that
of virtual MP4s in moonfire-nvr.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.mp4.boxes import box, full_box
from watchpost.mp4.tracks import TrackHeader, file_type, late_start, mvhd

_CHUNK: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Slice:
    """Some bytes of a file."""

    path: Path
    start: int
    size: int


class VirtualFile:
    """Bytes and slices of files, read as if they were one file. Safe to read from several threads."""

    def __init__(self, parts: Sequence[bytes | Slice]) -> None:
        self._parts = list(parts)
        sizes = [each.size if isinstance(each, Slice) else len(each) for each in self._parts]
        self._ends = list(accumulate(sizes))
        self.size = self._ends[-1] if self._ends else 0
        """Bytes."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces of at most 256 KiB.

        Raises `OSError` when a file has gone or is shorter than it was.
        """
        stop = self.size if stop is None else min(stop, self.size)
        at = bisect.bisect_right(self._ends, start)
        while start < stop:
            part, end = self._parts[at], self._ends[at]
            size = part.size if isinstance(part, Slice) else len(part)
            begin = start - (end - size)
            count = min(stop, end) - start
            if isinstance(part, Slice):
                yield from _read(part.path, part.start + begin, count)
            else:
                yield part[begin : begin + count]
            start += count
            at += 1


def _read(path: Path, start: int, count: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while count:
            data = file.read(min(count, _CHUNK))
            if not data:
                raise OSError(f"{path} is shorter than it was")
            count -= len(data)
            yield data


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of one track that lie one after the other in a file, as arrays over N samples."""

    path: Path
    start: int
    """Byte of the first."""
    time: NDArray[np.int64]
    """(N,) when they are decoded, in ticks of the new file's track; rises over all `Samples` of a track."""
    duration: NDArray[np.int64]
    """(N,) ticks; only that of a track's very last sample counts, the others last until the next."""
    offset: NDArray[np.int64]
    """(N,) ticks from decoding to showing."""
    size: NDArray[np.int64]
    """(N,) bytes."""
    is_key: NDArray[np.bool_]
    """(N,)"""


def plain_file(
    video: TrackHeader,
    audio: TrackHeader | None,
    chunks: Sequence[tuple[Samples, Samples | None]],
    created_wall_time_s: float,
) -> VirtualFile:
    """A plain MP4 of pictures, each chunk with the sound that belongs to it. There must be a picture."""
    pictures = [each for each, _ in chunks]
    sounds = [each for _, each in chunks if each is not None and len(each.size)]
    order = [each for pair in chunks for each in pair if each is not None and len(each.size)]
    places = dict(zip(map(id, order), accumulate([int(each.size.sum()) for each in order], initial=0), strict=False))
    total = sum(int(each.size.sum()) for each in order)
    mdat = struct.pack(">I4sQ", 1, b"mdat", 16 + total)

    def moov(data_at: int) -> bytes:
        def place(each: Samples) -> int:
            return data_at + places[id(each)]

        tracks = [_track(video, pictures, place)]
        if audio is not None and sounds:
            tracks.append(_track(audio, sounds, place))
        longest_s = max(seconds for _, seconds in tracks)
        return box(b"moov", mvhd(longest_s, created_wall_time_s), *(trak for trak, _ in tracks))

    start = file_type()
    data_at = len(start) + len(moov(0)) + len(mdat)
    return VirtualFile([start + moov(data_at) + mdat, *_joined(order)])


def _joined(order: Sequence[Samples]) -> list[Slice]:
    slices: list[Slice] = []
    for each in order:
        size = int(each.size.sum())
        last = slices[-1] if slices else None
        if last is not None and last.path == each.path and last.start + last.size == each.start:
            slices[-1] = Slice(last.path, last.start, last.size + size)
        else:
            slices.append(Slice(each.path, each.start, size))
    return slices


def _track(track: TrackHeader, chunks: Sequence[Samples], place: Callable[[Samples], int]) -> tuple[bytes, float]:
    """A `trak` box, and the seconds that it lasts."""
    time = np.concatenate([each.time for each in chunks])
    ends = np.append(time[1:], time[-1] + chunks[-1].duration[-1])
    size = np.concatenate([each.size for each in chunks])
    offset = np.concatenate([each.offset for each in chunks])
    is_key = np.concatenate([each.is_key for each in chunks])
    counts = [len(each.size) for each in chunks]
    tables = [_runs(b"stts", 0, np.maximum(ends - time, 0))]
    if offset.any():
        tables.append(_runs(b"ctts", 1, offset))
    if not is_key.all():
        keys = np.flatnonzero(is_key) + 1
        tables.append(full_box(b"stss", 0, 0, struct.pack(">I", len(keys)), keys.astype(">u4").tobytes()))
    changes = [index for index, count in enumerate(counts) if not index or counts[index - 1] != count]
    stsc = b"".join(struct.pack(">III", index + 1, counts[index], 1) for index in changes)
    tables += [
        full_box(b"stsc", 0, 0, struct.pack(">I", len(changes)), stsc),
        full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(size)), size.astype(">u4").tobytes()),
        full_box(b"co64", 0, 0, struct.pack(">I", len(chunks)), np.array(list(map(place, chunks)), ">u8").tobytes()),
    ]
    duration = int(ends[-1] - time[0])
    duration_s = duration / track.timescale
    late_s = int(time[0]) / track.timescale
    edits = late_start(late_s, duration_s) if late_s > 0 else b""
    return track.trak(b"".join(tables), duration, edits, late_s), late_s + duration_s


def _runs(kind: bytes, version: int, values: NDArray[np.int64]) -> bytes:
    """A table of how often each value comes."""
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    counts = np.diff(np.append(starts, len(values)))
    table = np.stack([counts, values[starts]], axis=1).astype(">i4")
    return full_box(kind, version, 0, struct.pack(">I", len(starts)), table.tobytes())
