"""Reads a recording's file back: what it is, which of its fragments are whole, and where their samples lie."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from watchpost.mp4.boxes import Box, DamagedError, boxes, header, need
from watchpost.mp4.fragments import ABOUT, SEAL, SEAL_FIELDS, SEAL_SIZE, Seal
from watchpost.mp4.tracks import TrackHeader

_LARGEST_HEADER: Final = 1 << 20
_CHUNK: Final = 1 << 20
_NO_SYNC: Final = 0x00010000


@dataclass(frozen=True, slots=True, eq=False)
class FileHeader:
    """The beginning of a recording's file."""

    about: dict[str, Any]
    tracks: tuple[TrackHeader, ...]
    size: int
    """Bytes; the first fragment begins there."""

    @property
    def video(self) -> TrackHeader:
        """The video track. Raises `DamagedError` without one."""
        for each in self.tracks:
            if each.handler == b"vide":
                return each
        raise DamagedError("there is no video track")

    @property
    def audio(self) -> TrackHeader | None:
        """The sound track, if there is one."""
        return next((each for each in self.tracks if each.handler == b"soun"), None)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Where a fragment lies in its file, and its seal."""

    start: int
    """Of the seal."""
    end: int
    seal: Seal


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The samples of one track in one fragment, as arrays over N samples."""

    track: int
    decode_time: NDArray[np.int64]
    """(N,) ticks of the track from the file's beginning."""
    duration: NDArray[np.int64]
    """(N,) ticks."""
    offset: NDArray[np.int64]
    """(N,) ticks from decoding to showing."""
    place: NDArray[np.int64]
    """(N,) first byte in the file."""
    size: NDArray[np.int64]
    """(N,) bytes."""
    is_key: NDArray[np.bool_]
    """(N,)"""


def read_header(file: BinaryIO) -> FileHeader:
    """Raises `DamagedError` where the file is not one of ours, or breaks off in its header."""
    file.seek(0)
    data = file.read(_LARGEST_HEADER)
    about: dict[str, Any] | None = None
    at = 0
    while at < len(data):
        kind, length, size = header(data, at)
        if at + size > len(data):
            raise DamagedError("the file breaks off in its header")
        if kind == b"uuid" and data[at + length : at + length + 16] == ABOUT:
            about = _about(data[at + length + 16 : at + size])
        if kind == b"moov":
            if about is None:
                break
            return FileHeader(about, tuple(_tracks(data, Box(kind, at, at + length, at + size))), at + size)
        at += size
    raise DamagedError("this is no recording")


def fragments(file: BinaryIO, start: int, *, read_all: bool = False, past_damage: bool = False) -> Iterator[Fragment]:
    """The whole fragments from a place on; ends without a word where the file breaks off or is damaged.

    With `read_all` each one's checksum is compared; else the seals are read alone. With `past_damage` it goes on
    behind what is damaged.
    """
    end = file.seek(0, os.SEEK_END)
    at: int | None = start
    while at is not None and at + SEAL_SIZE <= end:
        found = _fragment(file, at, end, read_all)
        if found is not None:
            yield found
            at = found.end
        else:
            at = _next_seal(file, at + 1) if past_damage else None


def runs(file: BinaryIO, fragment: Fragment) -> list[Run]:
    """The samples of a fragment, one run a track. Raises `DamagedError` for what can not be read."""
    file.seek(fragment.start + SEAL_SIZE)
    head = file.read(16)
    _, _, size = header(head, 0)
    if size > fragment.seal.size:
        raise DamagedError(f"the fragment at byte {fragment.start} is damaged")
    moof = head[:size] + file.read(size - len(head))
    place = fragment.start + SEAL_SIZE
    try:
        return [_run(moof, each, place) for each in boxes(moof, 8) if each.kind == b"traf"]
    except (struct.error, ValueError) as error:
        raise DamagedError(f"the fragment at byte {fragment.start} is damaged: {error}") from None


def _about(note: bytes) -> dict[str, Any]:
    try:
        about = json.loads(note)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise DamagedError("what the file says about itself can not be read")
    return about


def _tracks(data: bytes, moov: Box) -> Iterator[TrackHeader]:
    for trak in boxes(data, moov.body, moov.end):
        if trak.kind != b"trak":
            continue
        tkhd, mdhd = need(data, "tkhd", trak), need(data, "mdia/mdhd", trak)
        stsd, hdlr = need(data, "mdia/minf/stbl/stsd", trak), need(data, "mdia/hdlr", trak)
        yield TrackHeader(
            number=struct.unpack_from(">I", data, tkhd.body + 20)[0],
            handler=data[hdlr.body + 8 : hdlr.body + 12],
            timescale=struct.unpack_from(">I", data, mdhd.body + 20)[0],
            description=data[stsd.start : stsd.end],
            shape=data[tkhd.end - 48 : tkhd.end],
        )


def _seal(data: bytes) -> Seal | None:
    size, kind = struct.unpack_from(">I4s", data)
    if size != SEAL_SIZE or kind != b"uuid" or data[8:24] != SEAL:
        return None
    return Seal(*SEAL_FIELDS.unpack_from(data, 24))


def _fragment(file: BinaryIO, start: int, end: int, read_all: bool) -> Fragment | None:
    file.seek(start)
    seal = _seal(file.read(SEAL_SIZE))
    if seal is None or start + SEAL_SIZE + seal.size > end:
        return None
    if read_all and _checksum(file, seal.size) != seal.checksum:
        return None
    return Fragment(start, start + SEAL_SIZE + seal.size, seal)


def _next_seal(file: BinaryIO, start: int) -> int | None:
    """Where the next box begins that looks like a seal."""
    file.seek(start)
    found = file.read().find(struct.pack(">I4s", SEAL_SIZE, b"uuid") + SEAL)
    return None if found < 0 else start + found


def _checksum(file: BinaryIO, size: int) -> int:
    checksum = 0
    while size and (data := file.read(min(size, _CHUNK))):
        checksum = zlib.crc32(data, checksum)
        size -= len(data)
    return checksum


def _run(moof: bytes, traf: Box, place: int) -> Run:
    tfhd, tfdt, trun = (need(moof, name, traf) for name in ("tfhd", "tfdt", "trun"))
    track = struct.unpack_from(">I", moof, tfhd.body + 4)[0]
    start = struct.unpack_from(">Q", moof, tfdt.body + 4)[0]
    flags = struct.unpack_from(">I", moof, trun.body)[0] & 0xFFFFFF
    count, data_at = struct.unpack_from(">Ii", moof, trun.body + 4)
    columns = (flags >> 8 & 0xF).bit_count()
    table = np.frombuffer(moof, ">u4", count * columns, trun.body + 12).reshape(count, columns).astype(np.int64)
    duration, size = table[:, 0], table[:, 1]
    zeros = np.zeros(count, np.int64)
    offset = table[:, 3].astype(np.uint32).astype(np.int32).astype(np.int64) if columns == 4 else zeros
    return Run(
        track=track,
        decode_time=start + np.concatenate(([0], np.cumsum(duration)[:-1])) if count else zeros,
        duration=duration,
        offset=offset,
        place=place + data_at + np.concatenate(([0], np.cumsum(size)[:-1])) if count else zeros,
        size=size,
        is_key=(table[:, 2] & _NO_SYNC) == 0 if columns == 4 else np.ones(count, np.bool_),
    )
