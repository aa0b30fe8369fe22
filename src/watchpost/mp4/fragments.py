"""A recording's file: a header, then fragments, each whole in itself and sealed with its times and a checksum.

Fragmented MP4 (ISO/IEC 14496-12, section 8.8) plays in every player up to its last whole fragment. Ours add two
private boxes, which players pass over: what the file is (once), and a seal before each fragment, so that the index
can be made anew from the files alone.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final
from uuid import UUID

from watchpost.mp4.boxes import Buffer, box, full_box
from watchpost.mp4.tracks import AUDIO_TRACK, VIDEO_TRACK, AudioTrack, VideoTrack, file_type, mvhd

ABOUT: Final = UUID("6f0d5c0a-3c5b-4e0b-9d0e-5b9c0b6a7d01").bytes
SEAL: Final = UUID("6f0d5c0a-3c5b-4e0b-9d0e-5b9c0b6a7d02").bytes
SEAL_FIELDS: Final = struct.Struct(">ddddIdIQI")
SEAL_SIZE: Final = 8 + 16 + SEAL_FIELDS.size
_KEY: Final = 0x02000000
"""Sample flags (section 8.8.3.1): depends on no other."""
_NO_KEY: Final = 0x01010000


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded picture, or one packet of sound."""

    data: Buffer
    duration: int
    """Ticks of its track, to the next sample in decoding order."""
    offset: int = 0
    """Ticks from decoding to showing; may be negative."""
    is_key: bool = True


@dataclass(frozen=True, slots=True)
class Seal:
    """What is known of a fragment without reading it."""

    first_camera_time_s: float
    """When its first picture is shown."""
    last_camera_time_s: float
    """When its last picture ends."""
    first_wall_time_s: float
    last_wall_time_s: float
    gaps: int
    """Places within it where pictures are missing, that before its first one included."""
    gap_s: float
    """Seconds that are missing in them."""
    lost: int
    """Packets that came and could not be kept, before its first one."""
    size: int = 0
    """Bytes of what is sealed."""
    checksum: int = 0
    """CRC-32 of it."""


def header(video: VideoTrack, audio: AudioTrack | None, about: Mapping[str, Any], created_wall_time_s: float) -> bytes:
    """The beginning of a file; `about` is kept in it as JSON."""
    note = json.dumps(dict(about), ensure_ascii=False, separators=(",", ":")).encode()
    empty = b"".join(full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco"))
    empty += full_box(b"stsz", 0, 0, bytes(8))
    parts = [mvhd(0, created_wall_time_s), video.header().trak(empty)]
    defaults = [_trex(VIDEO_TRACK)]
    if audio is not None:
        parts.append(audio.header().trak(empty))
        defaults.append(_trex(AUDIO_TRACK))
    return file_type() + box(b"uuid", ABOUT, note) + box(b"moov", *parts, box(b"mvex", *defaults))


def fragment(
    number: int,
    video_time: int,
    video: Sequence[Sample],
    audio_time: int,
    audio: Sequence[Sample],
    seal: Seal,
) -> tuple[Seal, list[Buffer]]:
    """The seal as it is written, and the buffers in their order: seal, `moof`, `mdat`; the samples are not copied.

    `number` counts from 1; the times are those of the first samples' decoding, in ticks of their tracks from the
    file's beginning, not negative. Size and checksum of `seal` are filled in.
    """
    body = media(number, video_time, video, audio_time, audio)
    checksum = 0
    for part in body:
        checksum = zlib.crc32(part, checksum)
    seal = replace(seal, size=sum(map(len, body)), checksum=checksum)
    return seal, [box(b"uuid", SEAL, SEAL_FIELDS.pack(*astuple(seal))), *body]


def media(
    number: int, video_time: int, video: Sequence[Sample], audio_time: int = 0, audio: Sequence[Sample] = ()
) -> list[Buffer]:
    """A fragment alone, without a seal: `moof`, `mdat`, and the samples, which are not copied; as for `fragment`."""
    sizes = [[len(each.data) for each in samples] for samples in (video, audio)]
    video_bytes, audio_bytes = map(sum, sizes)
    moof = b""
    for _ in range(2):  # the second time with the length of the first: places are told from the box's beginning
        start = len(moof) + 8
        parts = [full_box(b"mfhd", 0, 0, struct.pack(">I", number)), _video_traf(video_time, video, sizes[0], start)]
        if audio:
            parts.append(_audio_traf(audio_time, audio, sizes[1], start + video_bytes))
        moof = box(b"moof", *parts)
    mdat = struct.pack(">I4s", 8 + video_bytes + audio_bytes, b"mdat")
    return [moof, mdat, *(each.data for each in video), *(each.data for each in audio)]


def _trex(track: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">IIIII", track, 1, 0, 0, _KEY))


def _traf(track: int, time: int, flags: int, count: int, data_at: int, entries: bytes) -> bytes:
    tfhd = full_box(b"tfhd", 0, 0x020000, struct.pack(">I", track))
    tfdt = full_box(b"tfdt", 1, 0, struct.pack(">Q", time))
    return box(b"traf", tfhd, tfdt, full_box(b"trun", 1, flags, struct.pack(">Ii", count, data_at), entries))


def _video_traf(time: int, samples: Sequence[Sample], sizes: Sequence[int], data_at: int) -> bytes:
    entries = b"".join(
        struct.pack(">IIIi", each.duration, size, _KEY if each.is_key else _NO_KEY, each.offset)
        for each, size in zip(samples, sizes, strict=True)
    )
    return _traf(VIDEO_TRACK, time, 0xF01, len(samples), data_at, entries)


def _audio_traf(time: int, samples: Sequence[Sample], sizes: Sequence[int], data_at: int) -> bytes:
    entries = b"".join(struct.pack(">II", each.duration, size) for each, size in zip(samples, sizes, strict=True))
    return _traf(AUDIO_TRACK, time, 0x301, len(samples), data_at, entries)
