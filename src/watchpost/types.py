"""The currencies that pass between rooms: Packet, Frame, Detections, Event.

Camera time and wall time are different things and every name says which it is:
`camera_time_s` is media time in seconds since the camera's first packet, as the camera's clock ran;
`wall_time_s` is this machine's clock when the packet arrived, in seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

BGR = NDArray[np.uint8]
"""A picture (H, W, 3) uint8 in the order blue, green, red, 0-255."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in fractions of the frame's width and height, 0-1."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioStream:
    """What a recording must know of a camera's sound."""

    codec: str
    """FFmpeg's name: `aac`, `pcm_alaw`, `opus`, ..."""
    sample_rate: int
    """Hz."""
    channels: int
    time_base: Fraction
    extradata: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StreamInfo:
    """What a decoder must know about an elementary stream. A new object means: open a new decoder."""

    codec: str
    """FFmpeg's decoder name: `h264`, `hevc`, `mjpeg`, `png`, `rawvideo`, ..."""
    width: int
    height: int
    time_base: Fraction
    average_rate: Fraction | None = None
    """Frames per second as the container states it; `None` where it does not."""
    pixel_format: str | None = None
    extradata: bytes | None = None
    color_matrix: int = 2
    """Matrix coefficients as the container states them (ITU-T H.273, table 4); 2 where it does not."""
    color_range: int = 0
    """1 limited, 2 full, 0 where the container does not state it."""
    rotation: int = 0
    """Degrees, clockwise, that the decoded picture must be turned to stand upright: 0, 90, 180 or 270."""
    is_live: bool = False
    """True for cameras: late frames are dropped. False for files: every frame is analysed."""
    audio: AudioStream | None = None
    """The camera's sound, where a recording wants it."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioPacket:
    """A piece of a camera's sound, as it came; only recordings look at it."""

    pts: int
    """Counts the time base of `stream.audio`, by the clock of the video's payload: no timestamp filter was here."""
    payload: object = field(repr=False)
    """FFmpeg's packet."""


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """One compressed access unit of a camera's video stream.

    `pts` and `dts` count `stream.time_base`; either may be missing (`None`) until the timestamp filter has
    been at work. `payload` is FFmpeg's packet, opaque outside sources, video and serving.
    """

    camera: str
    stream: StreamInfo
    pts: int | None
    dts: int | None
    is_key: bool
    size: int
    """Bytes."""
    wall_time_s: float
    payload: object = field(repr=False)
    is_corrupt: bool = False
    is_discontinuous: bool = False
    """The timestamp filter restarted the clock here: the decoder and the tracker start afresh."""
    audio: tuple[AudioPacket, ...] = ()
    """The sound that came since the packet before, where a recording wants it."""

    @property
    def camera_time_s(self) -> float | None:
        """Presentation time in seconds, `None` while the pts is missing."""
        base = self.stream.time_base  # whole numbers: a tenth of what Fraction takes, and every packet is asked
        return None if self.pts is None else self.pts * base.numerator / base.denominator


class Picture(Protocol):
    """A picture that makes the pixels that are asked for, when they are asked for."""

    @property
    def width(self) -> int:
        """Pixels, upright."""

    @property
    def height(self) -> int:
        """Pixels, upright."""

    def bgr(self) -> BGR:
        """The full picture (H, W, 3) uint8 BGR, read-only, made once and kept."""

    def resized(self, width: int, height: int) -> BGR:
        """The picture stretched to (height, width, 3) uint8 BGR, where possible straight from YUV."""

    def grey(self, width: int, height: int) -> NDArray[np.uint8]:
        """The picture stretched to (height, width) uint8 grey, as it was coded: perhaps not upright."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture of a camera, with both of its times."""

    camera: str
    picture: Picture = field(repr=False)
    camera_time_s: float
    wall_time_s: float
    index: int
    """Counts the decoded frames of the camera from 0."""
    is_discontinuous: bool = False
    """The camera's clock restarted before this frame."""
    is_damaged: bool = False
    """A part of it was lost on the way, or of a picture that it refers to: what is seen there is a guess."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.picture.width, self.picture.height


def _read_only(array: NDArray[np.generic]) -> NDArray[np.generic]:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The objects found in one frame, as a struct of arrays over N objects.

    Raises `ValueError` when an array's shape does not fit, telling what was expected and what came.
    """

    xyxy: NDArray[np.float32]
    """(N, 4) float32: left, top, right, bottom in pixels of the frame."""
    confidence: NDArray[np.float32]
    """(N,) float32, 0-1."""
    class_id: NDArray[np.int32]
    """(N,) int32, indices into `class_names`."""
    frame_size: tuple[int, int]
    """(width, height) of the frame in pixels."""
    class_names: tuple[str, ...] = ()
    track_id: NDArray[np.int64] | None = None
    """(N,) int64, unique within one camera's tracker since its last reset, from 1, rising as tracks come up."""
    since_s: NDArray[np.float64] | None = None
    """(N,) float64: camera time of the detection that each one's track began with, before it was sure."""
    mask: NDArray[np.bool_] | None = None
    """(N, H, W) bool."""
    keypoints: NDArray[np.float32] | None = None
    """(N, K, 3) float32: x, y in pixels and confidence 0-1."""
    embedding: NDArray[np.float32] | None = None
    """(N, D) float32, one appearance vector an object."""

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        shapes: dict[str, tuple[int | None, ...]] = {
            "xyxy": (count, 4),
            "confidence": (count,),
            "class_id": (count,),
            "track_id": (count,),
            "since_s": (count,),
            "mask": (count, None, None),
            "keypoints": (count, None, 3),
            "embedding": (count, None),
        }
        dtypes = {"class_id": np.int32, "track_id": np.int64, "since_s": np.float64, "mask": np.bool_}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is None:
                continue
            array: NDArray[np.generic] = np.asarray(value, dtype=dtypes.get(name, np.float32))
            fits = array.ndim == len(shape) and all(
                want is None or want == got for want, got in zip(shape, array.shape, strict=True)
            )
            if not fits:
                expected = tuple("any" if want is None else want for want in shape)
                raise ValueError(f"Detections.{name}: expected shape {expected}, got {array.shape}")
            object.__setattr__(self, name, _read_only(array))

    @classmethod
    def empty(cls, frame_size: tuple[int, int], class_names: tuple[str, ...] = ()) -> Self:
        """No objects in a frame of (width, height) pixels."""
        return cls(
            xyxy=np.empty((0, 4), np.float32),
            confidence=np.empty(0, np.float32),
            class_id=np.empty(0, np.int32),
            frame_size=frame_size,
            class_names=class_names,
        )

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.integer] | slice) -> Self:
        """The detections chosen by a boolean mask (N,), integer indices (M,) or a slice."""

        def pick(array: NDArray[np.generic] | None) -> NDArray[np.generic] | None:
            return None if array is None else array[index]

        return type(self)(
            xyxy=self.xyxy[index],
            confidence=self.confidence[index],
            class_id=self.class_id[index],
            frame_size=self.frame_size,
            class_names=self.class_names,
            track_id=pick(self.track_id),  # type: ignore[arg-type]
            since_s=pick(self.since_s),  # type: ignore[arg-type]
            mask=pick(self.mask),  # type: ignore[arg-type]
            keypoints=pick(self.keypoints),  # type: ignore[arg-type]
            embedding=pick(self.embedding),  # type: ignore[arg-type]
        )

    def class_name(self, row: int) -> str:
        """The name of the class of object `row`, or its number where the model names none."""
        number = int(self.class_id[row])
        return self.class_names[number] if 0 <= number < len(self.class_names) else str(number)

    def box_in_fractions(self, row: int) -> Box:
        """Box of object `row` as left, top, right, bottom in fractions of the frame, cut off at its edges."""
        width, height = self.frame_size
        size = np.array([width, height, width, height], np.float64)
        left, top, right, bottom = np.clip(self.xyxy[row] / size, 0.0, 1.0).tolist()
        return left, top, right, bottom

    def of_classes(self, names: frozenset[str]) -> Self:
        """The detections whose class name is one of `names`."""
        keep = [self.class_name(row) in names for row in range(len(self))]
        return self[np.asarray(keep, dtype=np.bool_)]


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame was seen: by the camera's clock and by this machine's."""

    camera_time_s: float
    wall_time_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """What a person would say happened."""

    id: str
    """Unique; sorts by the millisecond of its making (see `new_event_id`)."""
    camera: str
    rule: str
    """The rule's name in the configuration."""
    kind: str
    """appeared, left, entered, exited, dwelt, crossed, crowded, thinned."""
    class_name: str
    track_id: int | None
    start: Moment
    """When it began: the first frame of what happened, not the frame at which it was sure."""
    end: Moment
    """When it ended, or the moment of reporting for something that goes on."""
    score: float
    """Confidence of the best detection, 0-1."""
    box: Box | None
    """Where it is in the snapshot; without one, the box of its best detection."""
    zone: str | None = None
    """The zone or line it happened at."""
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)
    """What the kind adds: direction, count, dwell_s, ..."""
    snapshot: bytes | None = field(default=None, repr=False)
    """JPEG of the best frame, without boxes drawn."""
    best_track_id: int | None = field(default=None, repr=False, compare=False)
    """The track to take the snapshot of: another than `track_id` where the tracker lost the object. Not kept."""


def new_event_id() -> str:
    """A new event id: 32 hexadecimal digits, a UUID version 7 (RFC 9562, section 5.7), so ids sort by millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
