"""From a trained detector to an .onnx file with its model card, and the proof that both say the same.

The file takes pictures (B, 3, H, W) float32, BGR 0-255, any number at once, our own detector's of any size up to the
card's in multiples of its stride. It gives `boxes` (B, P, 4) in pixels of the input and `scores` (B, P, classes), 0-1:
cells and side distributions are decoded inside, for any program to read.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from watchpost.detectors.card import InputSpec, ModelCard, file_sha256
from watchpost.detectors.families.ssd import Ssd
from watchpost.detectors.network import Engine
from watchpost.errors import WatchpostError
from watchpost.plugins import missing_extra
from watchpost.training.models.detector import Detector, cells

if TYPE_CHECKING:
    from watchpost.training.models.classics import Classic

OPSET: Final = 18
"""ONNX Runtime 1.14 and OpenVINO 2023 know it."""


class Serving(nn.Module):
    """Our detector as it serves: pictures up to a size to boxes and scores. Raises `WatchpostError` for another size.

    It is convolutions from end to end, so it takes any smaller picture whose sides are multiples of its stride.
    """

    def __init__(self, network: Detector, width: int, height: int) -> None:
        super().__init__()
        self.stride = max(network.shape.strides)
        if width % self.stride or height % self.stride:
            raise WatchpostError(f"the input {width} x {height} must have sides that are multiples of {self.stride}.")
        self.network = network
        for stride in network.shape.strides:
            centres, _ = cells(width, height, (stride,))
            self.register_buffer(f"centres{stride}", centres.reshape(height // stride, width // stride, 2))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, P, 4) in pixels of the input and scores (B, P, classes)."""
        scores, sides = self.network(images)
        centres, strides = [], []
        for stride in self.network.shape.strides:
            rows, columns = images.shape[2] // stride, images.shape[3] // stride
            centres.append(getattr(self, f"centres{stride}")[:rows, :columns].reshape(-1, 2))
            strides.append(torch.full_like(centres[-1][:, :1], stride))
        return self.network.boxes(sides, torch.cat(centres), torch.cat(strides)), scores.sigmoid()


def serving_of(network: Detector | Classic, spec: InputSpec) -> nn.Module:
    """The form of a network that is exported. Raises `WatchpostError` for a size or a detector that has none."""
    if isinstance(network, Detector):
        return Serving(network, spec.width, spec.height)
    from watchpost.training.models.classic_serving import ClassicServing

    return ClassicServing(network, spec.width, spec.height)


def input_of(serving: nn.Module, spec: InputSpec) -> InputSpec:
    """The input that the card of the exported file states: with the stride, where it takes smaller pictures."""
    return spec.model_copy(update={"stride": serving.stride}) if isinstance(serving, Serving) else spec


def export_onnx(serving: nn.Module, file: Path, spec: InputSpec) -> None:
    """Write a network that gives boxes and scores, as `Serving` does, as an .onnx file for inputs of the card's size.

    Raises `WatchpostError` for a file that can not be written, and `MissingExtraError` without onnx and onnxscript.
    """
    serving = ready(serving)
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                serving,
                (torch.zeros(2, 3, spec.height, spec.width),),
                str(file),
                input_names=["images"],
                output_names=["boxes", "scores"],
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
                dynamic_shapes={"images": _open_axes(serving, spec)},
            )
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    except OSError as error:
        raise WatchpostError(f"{file} can not be written: {error.strerror}.") from None


def _open_axes(serving: nn.Module, spec: InputSpec) -> dict[int, torch.export.Dim]:
    """The axes of the input whose length the file leaves open."""
    axes = {0: torch.export.Dim("batch", min=1)}
    if isinstance(serving, Serving):
        for axis, name, length in ((2, "rows", spec.height), (3, "columns", spec.width)):
            axes[axis] = serving.stride * torch.export.Dim(name, min=1, max=length // serving.stride)
    return axes


def ready(serving: nn.Module) -> nn.Module:
    """A copy in evaluation mode, float32, on the CPU: who trains the network may go on with it as it is."""
    return copy.deepcopy(serving).eval().float().cpu()


def card_for(
    classes: tuple[str, ...], file: Path, spec: InputSpec, *, name: str, licence: str, source: str
) -> ModelCard:
    """The card of an exported file; how pictures come into it (`spec`) is as in training."""
    return ModelCard(
        name=name,
        file=Path(file.name),
        input=spec,
        decode=Ssd(family="ssd"),
        classes=classes,
        licence=licence,
        source=source,
        sha256=file_sha256(file),
    )


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest differences between network and file, over all cells of all pictures."""

    box_px: float
    """Pixels of the input."""
    score: float
    """0-1."""
    pictures: int

    def check(self, box_px: float = 0.1, score: float = 1e-3) -> None:
        """Raise `WatchpostError` where a difference is more than rounding."""
        if not (self.box_px <= box_px and self.score <= score):
            raise WatchpostError(
                f"the exported file differs from the checkpoint: boxes by {self.box_px:.3f} px, scores by "
                f"{self.score:.5f} (at most {box_px:g} px and {score:g} are rounding); it is not to be used."
            )


def parity(serving: nn.Module, engine: Engine, batches: Sequence[NDArray[np.float32]]) -> Parity:
    """Run the network and the exported file in `engine` on the same inputs, each (B, 3, H, W)."""
    serving = ready(serving)
    box_px, score = 0.0, 0.0
    for batch in batches:
        with torch.no_grad():
            boxes, scores = serving(torch.from_numpy(batch))
        outputs = engine.run(batch)
        box_px = max(box_px, float(np.abs(outputs["boxes"] - boxes.numpy()).max()))
        score = max(score, float(np.abs(outputs["scores"] - scores.numpy()).max()))
    return Parity(box_px, score, sum(map(len, batches)))


def parity_inputs(spec: InputSpec, batch: int = 2) -> list[NDArray[np.float32]]:
    """Inputs to compare on: noise, frames of the synthetic scene as a camera gives them, and one picture alone."""
    from watchpost.detectors.preprocess import InputBuffer
    from watchpost.picture import ArrayPicture
    from watchpost.scene.options import SceneOptions
    from watchpost.scene.scene import Scene

    noise = np.random.default_rng(0).uniform(0, 255, (batch, 3, spec.height, spec.width)).astype(np.float32)
    scene = Scene(SceneOptions(width=640, height=360, duration=None))
    buffer = InputBuffer(spec, batch, np.dtype(np.float32))
    for slot in range(batch):
        buffer.fill(slot, ArrayPicture(scene.frame(50 + 25 * slot)[0]))
    frames = buffer.tensor.astype(np.float32)
    return [noise, frames, frames[:1]]


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own ways (torchvision that is not there, its future): nothing a user can act on."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
