"""What the FFmpeg inside PyAV can do on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watchpost.video.hardware import Device

WANTED_DECODERS: Final = ("h264", "hevc", "av1", "mjpeg")
WANTED_ENCODERS: Final = ("libx264",)


@dataclass(frozen=True, slots=True)
class FfmpegFacts:
    """FFmpeg as it is installed."""

    version: str
    pyav_version: str
    decoders: frozenset[str]
    """Which of `WANTED_DECODERS` are there."""
    encoders: frozenset[str]
    """Which of `WANTED_ENCODERS` are there."""
    device_types: tuple[str, ...]
    """Hardware decoding that FFmpeg was built with: `cuda`, `vaapi`, ..."""
    device_nodes: tuple[str, ...]
    """Devices for it that this machine shows: `/dev/dri/renderD128`, ..."""
    tried: Mapping[str, str]
    """What came of opening each of those that FFmpeg knows for H.264: empty where it works, else why not."""


def ffmpeg_facts() -> FfmpegFacts:
    """Ask PyAV, and look into /dev."""
    import av
    from av.codec.hwaccel import hwdevices_available

    from watchpost.video.hardware import devices

    nodes = [*Path("/dev/dri").glob("render*"), *Path("/dev").glob("nvidia[0-9]*")]
    return FfmpegFacts(
        version=av.ffmpeg_version_info,
        pyav_version=av.__version__,
        decoders=frozenset(name for name in WANTED_DECODERS if _has(name, "r")),
        encoders=frozenset(name for name in WANTED_ENCODERS if _has(name, "w")),
        device_types=tuple(hwdevices_available()),
        device_nodes=tuple(sorted(str(node) for node in nodes)),
        tried={device.kind: _tried(device) for device in devices("auto")},
    )


def _tried(device: Device) -> str:
    import av.error

    from watchpost.video.hardware import open_on

    try:
        open_on("h264", device)
    except (av.error.FFmpegError, ValueError) as error:
        return str(error)
    return ""


def _has(codec: str, mode: str) -> bool:
    import av
    from av.codec.codec import UnknownCodecError

    try:
        av.Codec(codec, "r" if mode == "r" else "w")
    except UnknownCodecError:
        return False
    return True
