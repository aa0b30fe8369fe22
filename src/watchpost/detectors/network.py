"""A detector made of a network and its card: what ONNX Runtime and OpenVINO have in common."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import psutil
from numpy.typing import NDArray

from watchpost.detectors.card import InputSpec, ModelCard
from watchpost.detectors.families.base import InputSize, OutputError
from watchpost.detectors.nms import suppress
from watchpost.detectors.preprocess import InputBuffer, Placement, fitted
from watchpost.errors import ConfigError
from watchpost.types import Detections, Frame, Picture

_KEPT_SIZES: Final = 4
"""Sizes of input whose memory a thread keeps: that many shapes of pictures come in turn at no cost."""


class Engine(Protocol):
    """A network loaded by an inference library. `run` may be called from several threads."""

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Of the one input, four axes; `None` where the file leaves a length open."""

    @property
    def input_dtype(self) -> np.dtype[np.generic]:
        """What the input takes: float32, float16 or uint8."""

    def run(self, batch: NDArray[np.generic]) -> Mapping[str, NDArray[np.floating]]:
        """The outputs by name, valid until this thread's next call."""

    def close(self) -> None:
        """Let go of the network."""


class NetworkDetector:
    """A `Detector` over any `Engine`.

    `max_batch` bounds how many frames run at once where the network leaves its batch axis open.
    Raises `ConfigError` when the network's input and outputs are not what the card says.
    """

    def __init__(
        self,
        card: ModelCard,
        engine: Engine,
        *,
        confidence: float | None = None,
        iou: float | None = None,
        max_batch: int = 8,
    ) -> None:
        self.card = card
        self._engine = engine
        self._confidence = card.confidence if confidence is None else confidence
        self._iou = card.iou if iou is None else iou
        fixed_batch = self._check_input()
        self._batch = fixed_batch or max_batch
        self._pads_batch = fixed_batch is not None
        rows_columns = slice(2, 4) if card.input.layout == "nchw" else slice(1, 3)
        self._is_resizable = engine.input_shape[rows_columns] == (None, None)
        self._local = threading.local()
        self._check_outputs()

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes it knows, in the order of `class_id`."""
        return self.card.classes

    @property
    def is_accelerated(self) -> bool:
        """Whether it runs on an accelerator: batches pay there, and calls at once do not."""
        return bool(getattr(self._engine, "is_accelerated", False))

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The objects in each frame, boxes in pixels of that frame, best first."""
        found: list[Detections] = []
        for start in range(0, len(frames), self._batch):
            found += self._detect_batch([frame.picture for frame in frames[start : start + self._batch]])
        return found

    def close(self) -> None:
        """Let go of the model."""
        self._engine.close()

    def _detect_batch(self, pictures: Sequence[Picture]) -> list[Detections]:
        spec = fitted(self.card.input, pictures) if self._is_resizable else self.card.input
        buffer = self._buffer(len(pictures), spec)
        placements = [buffer.fill(slot, picture) for slot, picture in enumerate(pictures)]
        batch = buffer.tensor if self._pads_batch else buffer.tensor[: len(pictures)]
        outputs = self._engine.run(batch)
        return [
            self._read({name: value[slot] for name, value in outputs.items()}, spec.size, picture, placement)
            for slot, (picture, placement) in enumerate(zip(pictures, placements, strict=True))
        ]

    def _read(
        self, outputs: Mapping[str, NDArray[np.floating]], size: InputSize, picture: Picture, placement: Placement
    ) -> Detections:
        card = self.card
        boxes, scores, class_ids = card.decode.decode(outputs, size, len(card.classes), self._confidence)
        if card.decode.needs_nms:
            best = suppress(boxes, scores, class_ids, self._iou)
        else:
            best = np.argsort(-scores, kind="stable")
        return Detections(
            xyxy=placement.to_picture(boxes[best], picture),
            confidence=scores[best],
            class_id=class_ids[best],
            frame_size=(picture.width, picture.height),
            class_names=card.classes,
        )

    def _buffer(self, count: int, spec: InputSpec) -> InputBuffer:
        """This thread's input memory for inputs of one size, grown when a larger batch comes than before."""
        buffers: OrderedDict[InputSize, InputBuffer] | None = getattr(self._local, "buffers", None)
        if buffers is None:
            buffers = self._local.buffers = OrderedDict()
        buffer = buffers.get(spec.size)
        if buffer is None or len(buffer.tensor) < count:
            size = self._batch if self._pads_batch else count
            buffer = buffers[spec.size] = InputBuffer(spec, size, self._engine.input_dtype)
        buffers.move_to_end(spec.size)
        if len(buffers) > _KEPT_SIZES:
            buffers.popitem(last=False)
        return buffer

    def _check_input(self) -> int | None:
        """The batch size that the network is fixed to, `None` where it leaves it open."""
        spec = self.card.input
        height_width = (3, spec.height, spec.width) if spec.layout == "nchw" else (spec.height, spec.width, 3)
        shape = self._engine.input_shape
        fits = len(shape) == 4 and all(
            actual in (None, wanted) for actual, wanted in zip(shape[1:], height_width, strict=True)
        )
        if not fits:
            actual = " x ".join("any" if length is None else str(length) for length in shape)
            wanted = " x ".join(map(str, ("any", *height_width)))
            raise ConfigError(
                f"the card of {self.name} says input {wanted}, the model takes {actual}: "
                "change width, height or layout in the card."
            )
        return shape[0]

    def _check_outputs(self) -> None:
        """Run once on grey, so that a wrong card shows when the model is opened (and the engine is warm)."""
        outputs = self._engine.run(self._buffer(1, self.card.input).tensor)
        first = {name: value[0] for name, value in outputs.items() if value.ndim}
        try:
            self.card.decode.decode(first, self.card.input.size, len(self.card.classes), self._confidence)
        except OutputError as error:
            raise ConfigError(f"{self.name} is no {self.card.decode.family} model: {error}") from None


def usable_cores() -> int:
    """Physical cores that this process may use: its affinity and its control group's quota count."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    cores = min(cores, len(os.sched_getaffinity(0)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError):  # no control groups of version 2 here
        pass
    return max(1, cores)
