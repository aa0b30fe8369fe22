"""Packets as bytes and back, for another process: what JSON can say of them, and the compressed data.

Nothing is pickled: whoever reads believes numbers and strings alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from watchpost.types import AudioPacket, AudioStream, Packet, StreamInfo


def stream_to_json(stream: StreamInfo) -> dict[str, Any]:
    """All that is known of a stream."""
    audio = stream.audio
    return {
        "codec": stream.codec,
        "width": stream.width,
        "height": stream.height,
        "time_base": str(stream.time_base),
        "average_rate": None if stream.average_rate is None else str(stream.average_rate),
        "pixel_format": stream.pixel_format,
        "extradata": _text(stream.extradata),
        "color_matrix": int(stream.color_matrix),
        "color_range": int(stream.color_range),
        "rotation": stream.rotation,
        "is_live": stream.is_live,
        "audio": None
        if audio is None
        else {
            "codec": audio.codec,
            "sample_rate": audio.sample_rate,
            "channels": audio.channels,
            "time_base": str(audio.time_base),
            "extradata": _text(audio.extradata),
        },
    }


def stream_from_json(data: Mapping[str, Any]) -> StreamInfo:
    """The stream. Raises `ValueError` for what is none."""
    try:
        rate, pixel_format, audio = data["average_rate"], data["pixel_format"], data["audio"]
        return StreamInfo(
            codec=str(data["codec"]),
            width=int(data["width"]),
            height=int(data["height"]),
            time_base=_positive(data["time_base"]),
            average_rate=None if rate is None else _positive(rate),
            pixel_format=None if pixel_format is None else str(pixel_format),
            extradata=_bytes(data["extradata"]),
            color_matrix=int(data["color_matrix"]),
            color_range=int(data["color_range"]),
            rotation=int(data["rotation"]),
            is_live=bool(data["is_live"]),
            audio=None if audio is None else _audio_from_json(audio),
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"no stream: {error}") from None


def packet_to_wire(packet: Packet) -> tuple[dict[str, Any], bytes]:
    """What is known of a packet, its stream aside, and its data: the picture's, then each piece of sound."""
    parts = [_data(packet.payload), *(_data(each.payload) for each in packet.audio)]
    head = {
        "pts": packet.pts,
        "dts": packet.dts,
        "is_key": packet.is_key,
        "is_corrupt": packet.is_corrupt,
        "is_discontinuous": packet.is_discontinuous,
        "wall_time_s": packet.wall_time_s,
        "own": _own_times(packet.payload),
        "audio": [each.pts for each in packet.audio],
        "sizes": [len(part) for part in parts],
    }
    return head, b"".join(parts)


def packet_from_wire(camera: str, stream: StreamInfo, head: Mapping[str, Any], body: bytes) -> Packet:
    """The packet, its payload FFmpeg's. Raises `ValueError` for what is none."""
    try:
        sizes = [int(size) for size in head["sizes"]]
        if not sizes or min(sizes) < 0 or sum(sizes) != len(body) or len(sizes) != 1 + len(head["audio"]):
            raise ValueError(f"no packet: {len(body)} bytes in parts of {sizes}")
        parts = _parts(body, sizes)
        payload: av.Packet[Any] = av.Packet(parts[0])
        payload.pts, payload.dts = (_number(value) for value in head["own"])
        payload.time_base = stream.time_base
        payload.is_keyframe = bool(head["is_key"])
        packet = Packet(
            camera=camera,
            stream=stream,
            pts=_number(head["pts"]),
            dts=_number(head["dts"]),
            is_key=bool(head["is_key"]),
            size=sizes[0],
            wall_time_s=float(head["wall_time_s"]),
            payload=payload,
            is_corrupt=bool(head["is_corrupt"]),
            is_discontinuous=bool(head["is_discontinuous"]),
        )
        if stream.audio is None:
            return packet
        base = stream.audio.time_base
        sounds = (_sound(int(pts), part, base) for pts, part in zip(head["audio"], parts[1:], strict=True))
        return replace(packet, audio=tuple(sounds))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"no packet: {error}") from None


def _audio_from_json(data: Mapping[str, Any]) -> AudioStream:
    return AudioStream(
        str(data["codec"]),
        int(data["sample_rate"]),
        int(data["channels"]),
        _positive(data["time_base"]),
        _bytes(data["extradata"]),
    )


def _sound(pts: int, data: bytes, time_base: Fraction) -> AudioPacket:
    payload: av.Packet[Any] = av.Packet(data)
    payload.pts = payload.dts = pts
    payload.time_base = time_base
    return AudioPacket(pts, payload)


def _own_times(payload: object) -> tuple[int | None, int | None]:
    """What the payload itself says, which the timestamp filter left alone."""
    return getattr(payload, "pts", None), getattr(payload, "dts", None)


def _parts(body: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        parts.append(body[at : at + size])
        at += size
    return parts


def _data(payload: Any) -> bytes:
    return bytes(payload)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _positive(text: str) -> Fraction:
    value = Fraction(text)
    if value <= 0:
        raise ValueError(f"no time base or rate: {text}")
    return value


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
