"""What a player must know of a track before its first sample: codec, size, sampling; and the boxes that say it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from watchpost.mp4.boxes import box, full_box

VIDEO_TIMESCALE: Final = 90_000
"""Ticks a second: what RTP and MPEG-TS count in, so that nothing is rounded there."""
MOVIE_TIMESCALE: Final = 1000
VIDEO_TRACK: Final = 1
AUDIO_TRACK: Final = 2
_MATRICES: Final = {
    0: (1, 0, 0, 1),
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}
_VIDEO_ENTRIES: Final = {"h264": (b"avc1", b"avcC"), "hevc": (b"hvc1", b"hvcC"), "mjpeg": (b"jpeg", b"")}
_AUDIO_ENTRIES: Final = {
    "aac": b"mp4a",
    "mp3": b"mp4a",
    "opus": b"Opus",
    "pcm_alaw": b"alaw",
    "pcm_mulaw": b"ulaw",
}
_OBJECT_TYPES: Final = {"aac": 0x40, "mp3": 0x6B}
VIDEO_CODECS: Final = frozenset(_VIDEO_ENTRIES)
AUDIO_CODECS: Final = frozenset(_AUDIO_ENTRIES)


@dataclass(frozen=True, slots=True, eq=False)
class TrackHeader:
    """A track as a file describes it."""

    number: int
    handler: bytes
    """`vide` or `soun`."""
    timescale: int
    description: bytes
    """The whole `stsd` box: two tracks with the same one can be joined."""
    shape: bytes
    """The end of `tkhd`: volume, matrix and size."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        width, height = struct.unpack(">II", self.shape[-8:])
        return width >> 16, height >> 16

    @property
    def codec(self) -> str:
        """The four letters of the sample entry, such as `avc1`."""
        return self.description[20:24].decode("latin-1").strip()

    def trak(self, tables: bytes, duration: int = 0, edits: bytes = b"", late_s: float = 0.0) -> bytes:
        """The `trak` box: `tables` is what follows `stsd`, `duration` counts the track's ticks, `edits` make it begin
        `late_s` after the others."""
        lasts = round((late_s + duration / self.timescale) * MOVIE_TIMESCALE)
        tkhd = full_box(b"tkhd", 1, 3, struct.pack(">QQIIQ", 0, 0, self.number, 0, lasts), bytes(12), self.shape)
        undetermined = 0x55C4
        mdhd = full_box(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, self.timescale, duration, undetermined, 0))
        is_video = self.handler == b"vide"
        name = b"Video\x00" if is_video else b"Sound\x00"
        hdlr = full_box(b"hdlr", 0, 0, bytes(4), self.handler, bytes(12), name)
        kind = full_box(b"vmhd", 0, 1, bytes(8)) if is_video else full_box(b"smhd", 0, 0, bytes(4))
        data = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
        minf = box(b"minf", kind, data, box(b"stbl", self.description, tables))
        return box(b"trak", tkhd, edits, box(b"mdia", mdhd, hdlr, minf))


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track."""

    codec: str
    """FFmpeg's name: one of `VIDEO_CODECS`."""
    width: int
    height: int
    config: bytes
    """The body of `avcC` or `hvcC`; empty for JPEG pictures."""
    rotation: int = 0
    """Degrees, clockwise, that a player turns the picture: 0, 90, 180 or 270."""

    def header(self) -> TrackHeader:
        """The same in MP4's terms."""
        kind, config = _VIDEO_ENTRIES[self.codec]
        parts = [
            bytes(6) + struct.pack(">H", 1) + bytes(16),
            struct.pack(">HHIIIH", self.width, self.height, 0x480000, 0x480000, 0, 1),
            bytes(32) + struct.pack(">Hh", 24, -1),
        ]
        if config:
            parts.append(box(config, self.config))
        a, b, c, d = (each << 16 for each in _MATRICES[self.rotation])
        matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        shape = matrix + struct.pack(">II", self.width << 16, self.height << 16)
        description = full_box(b"stsd", 0, 0, struct.pack(">I", 1), box(kind, *parts))
        return TrackHeader(VIDEO_TRACK, b"vide", VIDEO_TIMESCALE, description, bytes(4) + shape)


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """A sound track."""

    codec: str
    """FFmpeg's name: one of `AUDIO_CODECS`. G.711 has its QuickTime codes: FFmpeg's players know them, browsers show
    the video alone."""
    sample_rate: int
    channels: int
    config: bytes
    """AAC: AudioSpecificConfig; Opus: what follows `OpusHead` in Ogg; else empty."""

    def header(self) -> TrackHeader:
        """The same in MP4's terms."""
        entry = [
            bytes(6) + struct.pack(">H", 1) + bytes(8),
            struct.pack(">HHHHI", self.channels, 16, 0, 0, min(self.sample_rate, 0xFFFF) << 16),
        ]
        if self.codec in _OBJECT_TYPES:
            entry.append(_esds(_OBJECT_TYPES[self.codec], self.config))
        elif self.codec == "opus":
            entry.append(box(b"dOps", self._opus()))
        shape = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30) + bytes(8)
        description = full_box(b"stsd", 0, 0, struct.pack(">I", 1), box(_AUDIO_ENTRIES[self.codec], *entry))
        return TrackHeader(AUDIO_TRACK, b"soun", self.sample_rate, description, struct.pack(">HH", 0x100, 0) + shape)

    def _opus(self) -> bytes:
        """Encapsulation of Opus in ISO base media, section 4.3.2: as in Ogg, but with big-endian numbers."""
        skip, rate, gain = struct.unpack_from("<HIh", self.config, 10) if len(self.config) >= 18 else (312, 48_000, 0)
        return struct.pack(">BBHIhB", 0, self.channels, skip, rate, gain, 0)


Track = VideoTrack | AudioTrack


def file_type() -> bytes:
    """The `ftyp` box of our files."""
    return box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6mp42avc1")


def mvhd(duration_s: float, created_wall_time_s: float) -> bytes:
    """The movie's header."""
    created = max(0, round(created_wall_time_s)) + 2_082_844_800  # MP4 counts from 1904
    times = struct.pack(">QQIQ", created, created, MOVIE_TIMESCALE, round(duration_s * MOVIE_TIMESCALE))
    matrix = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    rest = struct.pack(">IH", 1 << 16, 1 << 8) + bytes(10) + matrix + bytes(24) + struct.pack(">I", AUDIO_TRACK + 1)
    return full_box(b"mvhd", 1, 0, times, rest)


def late_start(delay_s: float, duration_s: float) -> bytes:
    """The `edts` box of a track that begins later than the others."""
    delay, duration = round(delay_s * MOVIE_TIMESCALE), round(duration_s * MOVIE_TIMESCALE)
    entries = struct.pack(">QqHH", delay, -1, 1, 0) + struct.pack(">QqHH", duration, 0, 1, 0)
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">I", 2), entries))


def _esds(object_type: int, config: bytes) -> bytes:
    """ISO/IEC 14496-1, section 7.2.6.5."""
    decoder = struct.pack(">BBBHII", object_type, 0x15, 0, 0, 0, 0)
    if config:
        decoder += _descriptor(5, config)
    return full_box(b"esds", 0, 0, _descriptor(3, bytes(3), _descriptor(4, decoder), _descriptor(6, b"\x02")))


def _descriptor(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((tag, 0x80, 0x80 | len(body) >> 14 & 0x7F, 0x80 | len(body) >> 7 & 0x7F, len(body) & 0x7F)) + body
