"""A stretch of a camera's recording as a plain MP4, cut at key frames, nothing encoded anew and nothing copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from watchpost.errors import WatchpostError
from watchpost.mp4.boxes import DamagedError
from watchpost.mp4.plain import Samples, VirtualFile, plain_file
from watchpost.mp4.scan import FileHeader, Fragment, Run, fragments, read_header, runs
from watchpost.mp4.tracks import TrackHeader
from watchpost.recordings.archive import Archive
from watchpost.recordings.check import read_segment
from watchpost.recordings.index import Segment

_LEAST_GAP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of wall time."""

    first_wall_time_s: float
    last_wall_time_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.last_wall_time_s - self.first_wall_time_s


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A film of one camera. What is missing between its pictures is left out of it, and told in `gaps`."""

    camera: str
    file: VirtualFile
    """The MP4."""
    first_wall_time_s: float
    """Of its first picture, a key frame: at or before what was asked for."""
    last_wall_time_s: float
    duration_s: float
    """How long it plays."""
    gaps: tuple[Span, ...]
    """Times of which there is no picture."""
    codec: str
    """Of the video, four letters such as `avc1`."""
    anchors: tuple[tuple[float, float], ...]
    """(seconds into the film, wall time) at each place from which on both run alike."""

    def wall_time_s(self, film_s: float) -> float:
        """The wall time of a place in the film."""
        at_s, wall_time_s = next((each for each in reversed(self.anchors) if each[0] <= film_s + 1e-6), self.anchors[0])
        return wall_time_s + film_s - at_s


@dataclass(slots=True)
class _Film:
    """A clip in the making."""

    camera: str
    video: TrackHeader
    audio: TrackHeader | None
    until_wall_time_s: float
    chunks: list[tuple[Samples, Samples | None]] = field(default_factory=list)
    gaps: list[Span] = field(default_factory=list)
    anchors: list[tuple[float, float]] = field(default_factory=list)
    end: int = 0
    """Ticks of the film so far."""
    audio_end: int = 0
    first_wall_time_s: float = 0.0
    last_wall_time_s: float = 0.0

    def clip(self) -> Clip:
        """The finished clip."""
        file = plain_file(self.video, self.audio, self.chunks, self.first_wall_time_s)
        times = self.first_wall_time_s, self.last_wall_time_s, self.end / self.video.timescale
        return Clip(self.camera, file, *times, tuple(self.gaps), self.video.codec, tuple(self.anchors))


def cut(archive: Archive, camera: str, since_wall_time_s: float, until_wall_time_s: float) -> list[Clip]:
    """What was recorded of a camera in a span of wall time: one clip, or one for each picture format in it.

    A clip begins at the key frame at or before its time, where that was recorded without a break. It plays as long
    as its files are kept. Raises `WatchpostError` when nothing was recorded then, or the index can not be read.
    """
    films: list[_Film] = []
    for row in archive.index.segments(camera, since_wall_time_s, until_wall_time_s):
        path = archive.path(row)
        try:
            with path.open("rb") as file:
                header = read_header(file)
                film = films[-1] if films and _fits(films[-1], header) else None
                pieces = _pieces(file, header, since_wall_time_s, until_wall_time_s)
                if film is None:
                    film = _Film(camera, header.video, header.audio, until_wall_time_s)
                _add(film, path, header, pieces)
        except (FileNotFoundError, DamagedError):
            continue  # deleted just now, just begun, or for `watchpost check` to tell
        if film.chunks and (not films or films[-1] is not film):
            films.append(film)
    if not films:
        raise WatchpostError(f"{camera}: nothing was recorded at that time.")
    return [each.clip() for each in films]


def _fits(film: _Film, header: FileHeader) -> bool:
    """Whether a file goes on as the film did."""

    def said(track: TrackHeader | None) -> tuple[bytes, bytes] | None:
        return None if track is None else (track.description, track.shape)

    return said(film.video) == said(header.video) and said(film.audio) == said(header.audio)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A fragment of which some is wanted."""

    fragment: Fragment
    video: Run
    audio: Run | None
    start: int
    """First picture that is wanted."""
    stop: int
    """First picture that is not."""


def _pieces(file: BinaryIO, header: FileHeader, since_s: float, until_s: float) -> list[_Piece]:
    """What is wanted of a file, from a key frame on."""
    found: list[_Piece] = []
    for fragment in fragments(file, header.size):
        if fragment.seal.first_wall_time_s >= until_s and found:
            break
        piece = _piece(file, header, fragment, until_s)
        if piece is None:
            continue
        shown = _wall_times(header, piece)
        keys = np.flatnonzero(piece.video.is_key & (shown <= since_s))
        if len(keys):  # a better place to begin
            found = [_Piece(fragment, piece.video, piece.audio, int(keys[-1]), piece.stop)]
        elif found:
            found.append(piece)
        elif len(keys := np.flatnonzero(piece.video.is_key)):
            found = [_Piece(fragment, piece.video, piece.audio, int(keys[0]), piece.stop)]
    return [each for each in found if each.stop > each.start]


def _piece(file: BinaryIO, header: FileHeader, fragment: Fragment, until_s: float) -> _Piece | None:
    by_track = {each.track: each for each in runs(file, fragment)}
    video = by_track.get(header.video.number)
    if video is None or not len(video.size):
        return None
    audio = by_track.get(header.audio.number) if header.audio is not None else None
    whole = _Piece(fragment, video, audio, 0, len(video.size))
    late = np.flatnonzero(_wall_times(header, whole) >= until_s)
    return _Piece(fragment, video, audio, 0, int(late[0])) if len(late) else whole


def _wall_times(header: FileHeader, piece: _Piece) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(N,) when each picture of a fragment was decoded, by this machine's clock."""
    passed = (piece.video.decode_time - piece.video.decode_time[0]) / header.video.timescale
    return np.asarray(piece.fragment.seal.first_wall_time_s + passed, np.float64)


def _add(film: _Film, path: Path, header: FileHeader, pieces: list[_Piece]) -> None:
    """Put the pieces of a file at a film's end."""
    if not pieces:
        return
    zero = int(pieces[0].video.decode_time[pieces[0].start])
    shift = film.end - zero
    begin_s = float(_wall_times(header, pieces[0])[pieces[0].start])
    if not film.chunks:
        film.first_wall_time_s = begin_s
    elif begin_s - film.last_wall_time_s > _LEAST_GAP_S:
        film.gaps.append(Span(film.last_wall_time_s, begin_s))
    film.anchors.append((film.end / header.video.timescale, begin_s))
    for piece in pieces:
        part = slice(piece.start, piece.stop)
        video = _samples(path, piece.video, part, shift)
        film.chunks.append((video, _sound(film, path, header, piece, shift)))
        seal = piece.fragment.seal
        if seal.gaps:
            film.gaps.append(Span(seal.first_wall_time_s - seal.gap_s, seal.first_wall_time_s))
            film.anchors.append((float(video.time[0]) / header.video.timescale, seal.first_wall_time_s))
        film.end = int(video.time[-1] + video.duration[-1])
        last = _wall_times(header, piece)[piece.stop - 1]
        film.last_wall_time_s = float(last + video.duration[-1] / header.video.timescale)


def _samples(path: Path, run: Run, part: slice, shift: int) -> Samples:
    start = int(run.place[part][0])
    times = run.decode_time[part] + shift
    return Samples(path, start, times, run.duration[part], run.offset[part], run.size[part], run.is_key[part])


def _sound(film: _Film, path: Path, header: FileHeader, piece: _Piece, shift: int) -> Samples | None:
    """The sound that belongs to the pictures of a piece."""
    run = piece.audio
    if run is None or header.audio is None or not len(run.size):
        return None
    ratio = header.audio.timescale / header.video.timescale
    first = piece.video.decode_time[piece.start] * ratio
    end = (piece.video.decode_time[piece.stop - 1] + piece.video.duration[piece.stop - 1]) * ratio
    moved = round(shift * ratio)
    is_wanted = (
        (run.decode_time >= max(first, film.audio_end - moved))
        if piece.start
        else (run.decode_time + moved >= film.audio_end)
    )
    if piece.stop < len(piece.video.size):
        is_wanted &= run.decode_time < end
    wanted = np.flatnonzero(is_wanted & (run.decode_time + moved >= 0))
    if not len(wanted):
        return None
    samples = _samples(path, run, slice(int(wanted[0]), int(wanted[-1]) + 1), moved)
    film.audio_end = int(samples.time[-1] + samples.duration[-1])
    return samples


def spans(archive: Archive, camera: str, since_wall_time_s: float, until_wall_time_s: float) -> Iterator[Span]:
    """The stretches of which there are pictures, oldest first: files that follow each other without a gap as one."""
    current: Span | None = None
    for row in archive.index.segments(camera, since_wall_time_s, until_wall_time_s):
        first_s, last_s = row.first_wall_time_s, _end_wall_time_s(archive, row)
        if current is not None and first_s - current.last_wall_time_s <= _LEAST_GAP_S:
            current = Span(current.first_wall_time_s, max(last_s, current.last_wall_time_s))
            continue
        if current is not None:
            yield current
        current = Span(first_s, last_s)
    if current is not None:
        yield current


def _end_wall_time_s(archive: Archive, row: Segment) -> float:
    """Until when a file lasts: the index learns it when the file is closed."""
    if row.state == "closed":
        return row.last_wall_time_s
    try:
        found = read_segment(archive.path(row), row.path, read_all=False)
    except (OSError, DamagedError):
        found = None
    return row.last_wall_time_s if found is None else found.last_wall_time_s
