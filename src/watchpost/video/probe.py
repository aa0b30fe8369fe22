"""What a video stream is made of: its groups of pictures, its bit rate by picture type, its timestamps.

All of it is read from packets; nothing is decoded where the codec has a parser (see `picture_types`).
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from watchpost.errors import SourceError
from watchpost.types import Packet, StreamInfo
from watchpost.video import picture_types

if TYPE_CHECKING:
    from av.container import InputContainer

_UNEVEN: Final = 1.5
"""A longest frame interval of so many times the median makes a stream uneven."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of some values."""

    minimum: float
    median: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Colour:
    """How numbers become colours, by the names of ITU-T H.273; `None` where the stream does not say."""

    range: str | None = None
    matrix: str | None = None
    primaries: str | None = None
    transfer: str | None = None


@dataclass(frozen=True, slots=True)
class Gops:
    """Groups of pictures: from a key frame up to the next."""

    complete: int
    """Groups seen from key frame to key frame; lengths are of these."""
    frames: Spread | None
    seconds: Spread | None
    pattern: str
    """The commonest group's picture types in decoding order, as sent: `IPBBPBB`."""
    display_pattern: str
    """The same group in the order of display: `IBBPBBP`."""
    is_open: bool | None
    """Whether pictures shown before a key frame follow it, so that they need the group before; `None`: unknown."""
    most_b_in_a_row: int
    """In the order of display."""


@dataclass(frozen=True, slots=True)
class RateOfKind:
    """The pictures of one type."""

    frames: int
    bytes_median: int
    kbit_s: float
    share: float
    """Of the stream's bytes, 0-1."""


@dataclass(frozen=True, slots=True)
class Timestamps:
    """Whether the stream's clock can be trusted."""

    missing: int
    """Packets without a presentation time."""
    repeated: int
    """Packets with the presentation time of another."""
    backwards: int
    """Packets whose decoding time does not rise."""
    interval_ms: Spread | None
    """Between pictures in the order of display."""
    is_uneven: bool


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream beside the video."""

    codec: str
    rate_hz: int
    channels: int
    language: str | None


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """Everything `watchpost probe` tells of a stream."""

    container: str | None
    codec: str
    profile: str | None
    level: str | None
    width: int
    """Pixels as coded, before turning."""
    height: int
    rotation: int
    """Degrees clockwise that turn it upright."""
    pixel_format: str | None
    colour: Colour
    is_live: bool
    packets: int
    duration_s: float
    """Of what was looked at."""
    fps_stated: float | None
    fps_measured: float | None
    """By presentation times."""
    kbit_s: float | None
    rates: dict[str, RateOfKind]
    """By picture type: `I`, `P`, `B`, `?`."""
    key_frame_bytes: Spread | None
    gops: Gops
    timestamps: Timestamps
    audio: tuple[AudioStream, ...]
    corrupt_packets: int
    stream_changes: int
    """How often the stream's codec or size changed."""


@dataclass(slots=True)
class _Sample:
    kind: str
    is_idr: bool
    is_key: bool
    size: int
    pts: int | None
    dts: int | None


@dataclass(frozen=True, slots=True)
class _Container:
    """What FFmpeg knows of the stream without looking at its packets."""

    name: str | None = None
    profile: str | None = None
    level: str | None = None
    colour: Colour = Colour()
    audio: tuple[AudioStream, ...] = ()


@dataclass(slots=True)
class _Seen:
    stream: StreamInfo
    container: _Container
    samples: list[_Sample] = field(default_factory=list)
    corrupt: int = 0
    changes: int = 0


def analyse(packets: Iterable[Packet]) -> ProbeReport:
    """Read all the packets and report. Raises `SourceError` when there is none, and whatever `packets` raises."""
    seen = _read(packets)
    info, container, samples = seen.stream, seen.container, seen.samples
    timestamps, times_s = _timestamps(samples, info)
    median_s = timestamps.interval_ms.median / 1000 if timestamps.interval_ms else None
    if median_s is None and info.average_rate:
        median_s = float(1 / info.average_rate)
    span_s = times_s[-1] - times_s[0] if len(times_s) > 1 else (len(samples) - 1) * (median_s or 0.0)
    duration_s = span_s + (median_s or 0.0)
    total = sum(sample.size for sample in samples)
    return ProbeReport(
        container=container.name,
        codec=info.codec,
        profile=container.profile,
        level=container.level,
        width=info.width,
        height=info.height,
        rotation=info.rotation,
        pixel_format=info.pixel_format,
        colour=container.colour,
        is_live=info.is_live,
        packets=len(samples),
        duration_s=duration_s,
        fps_stated=float(info.average_rate) if info.average_rate else None,
        fps_measured=(len(times_s) - 1) / span_s if len(times_s) > 1 and span_s > 0 else None,
        kbit_s=total * 8 / 1000 / duration_s if duration_s > 0 else None,
        rates=_rates(samples, duration_s),
        key_frame_bytes=_spread([sample.size for sample in samples if sample.is_key]),
        gops=_gops(samples, info, median_s),
        timestamps=timestamps,
        audio=container.audio,
        corrupt_packets=seen.corrupt,
        stream_changes=seen.changes,
    )


def _read(packets: Iterable[Packet]) -> _Seen:
    seen: _Seen | None = None
    types: picture_types.PictureTypes | None = None
    by_pts: dict[int, str] = {}
    stream: StreamInfo | None = None
    for packet in packets:
        if seen is None:
            # now: when the packets have ended, their container may be closed
            seen = _Seen(packet.stream, _container(packet))
        if packet.stream is not stream:
            if types is not None:
                by_pts |= types.late()
                seen.changes += 1
            stream, types = packet.stream, picture_types.for_stream(packet.stream)
        assert types is not None  # noqa: S101 - made with the first stream
        coded = types.of(packet)
        seen.corrupt += packet.is_corrupt
        seen.samples.append(_Sample(coded.kind, coded.is_idr, packet.is_key, packet.size, packet.pts, packet.dts))
    if seen is None or types is None:
        raise SourceError("not one video packet came; is the camera sending?")
    by_pts |= types.late()
    for sample in seen.samples:
        if sample.kind == "?" and sample.pts is not None:
            sample.kind = by_pts.get(sample.pts, "?")
    return seen


def _timestamps(samples: Sequence[_Sample], info: StreamInfo) -> tuple[Timestamps, list[float]]:
    """What is to say of the timestamps, and the presentation times in s, rising, each once."""
    pts = [sample.pts for sample in samples if sample.pts is not None]
    dts = [sample.dts for sample in samples if sample.dts is not None]
    shown = sorted(set(pts))
    times_s = [float(value * info.time_base) for value in shown]
    millisecond = info.time_base * 1000
    interval = _spread([float((b - a) * millisecond) for a, b in itertools.pairwise(shown)])
    found = Timestamps(
        missing=len(samples) - len(pts),
        repeated=len(pts) - len(times_s),
        backwards=sum(after <= before for before, after in itertools.pairwise(dts)),
        interval_ms=interval,
        is_uneven=interval is not None and interval.maximum > _UNEVEN * interval.median,
    )
    return found, times_s


def _rates(samples: Sequence[_Sample], duration_s: float) -> dict[str, RateOfKind]:
    total = sum(sample.size for sample in samples)
    rates = {}
    for kind in "IPB?":
        sizes = [sample.size for sample in samples if sample.kind == kind]
        if sizes:
            rates[kind] = RateOfKind(
                frames=len(sizes),
                bytes_median=round(statistics.median(sizes)),
                kbit_s=sum(sizes) * 8 / 1000 / duration_s if duration_s > 0 else 0.0,
                share=sum(sizes) / total,
            )
    return rates


def _gops(samples: Sequence[_Sample], info: StreamInfo, frame_s: float | None) -> Gops:
    keys = [index for index, sample in enumerate(samples) if sample.is_key]
    bounds = list(itertools.pairwise(keys))
    lengths_s = []
    for start, end in bounds:
        first, last = samples[start].pts, samples[end].pts
        if first is not None and last is not None:
            lengths_s.append(float((last - first) * info.time_base))
        elif frame_s is not None:
            lengths_s.append((end - start) * frame_s)
    # The last group may be cut off; it is shown where there is no other.
    groups = [samples[start:end] for start, end in bounds] or [samples[keys[0] :] if keys else samples]
    orders = Counter("".join(sample.kind for sample in group) for group in groups)
    pattern = orders.most_common(1)[0][0]
    shown = next(group for group in groups if "".join(sample.kind for sample in group) == pattern)
    display = "".join(sample.kind for sample in sorted(samples, key=_display_order))
    return Gops(
        complete=len(bounds),
        frames=_spread([end - start for start, end in bounds]),
        seconds=_spread(lengths_s),
        pattern=pattern,
        display_pattern="".join(sample.kind for sample in sorted(shown, key=_display_order)),
        is_open=_is_open(samples, keys),
        most_b_in_a_row=max(len(run) for run in display.translate(str.maketrans("IP?", "   ")).split(" ")),
    )


def _display_order(sample: _Sample) -> int:
    return sample.pts if sample.pts is not None else sample.dts or 0


def _is_open(samples: Sequence[_Sample], keys: Sequence[int]) -> bool | None:
    later_keys = [index for index in keys if index > 0]
    if not later_keys:
        return None
    for index in later_keys:
        key = samples[index]
        if key.is_idr or key.pts is None or index + 1 == len(samples):
            continue
        following = samples[index + 1].pts
        if following is not None and following < key.pts:
            return True
    return False


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(min(values), statistics.median(values), max(values)) if values else None


def _container(packet: Packet) -> _Container:
    stream: Any = getattr(packet.payload, "stream", None)
    if stream is None:
        return _Container()
    container: InputContainer = stream.container
    context = stream.codec_context
    return _Container(
        name=container.format.long_name,
        profile=context.profile,
        level=level_name(packet.stream.codec, context.level),
        colour=_colour(context),
        audio=tuple(
            AudioStream(
                codec=audio.codec_context.name,
                rate_hz=audio.codec_context.sample_rate,
                channels=audio.codec_context.layout.nb_channels,
                language=audio.language,
            )
            for audio in container.streams.audio
            if audio.codec_context is not None
        ),
    )


def level_name(codec: str, level: int | None) -> str | None:
    """FFmpeg's level number as the standards write it: H.264 Annex A (31: 3.1), H.265 Annex A (93: 3.1).

    >>> level_name("hevc", 93)
    '3.1'
    """
    if level is None or level < 0:
        return None
    if codec == "h264":
        return "1b" if level == 9 else f"{level / 10:.1f}"
    return f"{level / 30:.1f}" if codec == "hevc" else str(level)


def _colour(context: Any) -> Colour:
    from av.video import reformatter

    def name(kind: type[Any], value: int) -> str | None:
        names = {int(member): str(member.name).lower() for member in kind}
        found = names.get(int(value))
        return None if found == "unspecified" else found

    ranges = {1: "limited", 2: "full"}
    return Colour(
        range=ranges.get(int(context.color_range)),
        matrix=name(reformatter.Colorspace, context.colorspace),
        primaries=name(reformatter.ColorPrimaries, context.color_primaries),
        transfer=name(reformatter.ColorTrc, context.color_trc),
    )
