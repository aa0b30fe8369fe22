"""OpenVINO, the second backend: reads the same .onnx files, strong with int8 files on CPUs with VNNI."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost import options
from watchpost.errors import ConfigError
from watchpost.plugins import missing_extra

if TYPE_CHECKING:
    from watchpost.detectors.network import NetworkDetector


class Options(options.Options):
    """One model."""

    model: Path
    """An .onnx file, or a card that names one."""
    confidence: float | None = Field(default=None, gt=0, lt=1)
    """The least score; without it the card's."""
    iou: float | None = Field(default=None, gt=0, le=1)
    """Overlap above which two boxes are one object; without it the card's."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads; without it as many as there are physical cores to use."""
    max_batch: int = Field(default=8, ge=1)
    """Frames run at once where the model leaves its batch size open."""


def create(options: Options) -> NetworkDetector:
    """The detector. Raises `ConfigError` for a wrong file or card, `MissingExtraError` without openvino."""
    from watchpost.detectors.card import resolve
    from watchpost.detectors.network import NetworkDetector, usable_cores

    file, card = resolve(options.model)
    engine = OpenVinoEngine(file, threads=options.threads or usable_cores())
    return NetworkDetector(card, engine, confidence=options.confidence, iou=options.iou, max_batch=options.max_batch)


class OpenVinoEngine:
    """A network compiled by OpenVINO for the CPU.

    Raises `ConfigError` for a file that it can not read or a network without exactly one input, and
    `MissingExtraError` without openvino.
    """

    def __init__(self, file: Path, *, threads: int) -> None:
        try:
            import openvino
        except ModuleNotFoundError as error:
            raise missing_extra(error) or error from None
        # float32 stays float32 also where the CPU has bfloat16: results shall not depend on the machine
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        try:
            self._model = openvino.Core().compile_model(str(file), "CPU", settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConfigError(f"{file} can not be loaded by OpenVINO: {reason}") from None
        if len(self._model.inputs) != 1:
            raise ConfigError(f"{file} has {len(self._model.inputs)} inputs; a detector takes one, the picture.")
        port = self._model.inputs[0]
        self.input_shape = tuple(axis.get_length() if axis.is_static else None for axis in port.get_partial_shape())
        self.input_dtype: np.dtype[np.generic] = np.dtype(port.get_element_type().to_dtype())
        self._outputs = [port.get_any_name() for port in self._model.outputs]
        self._local = threading.local()

    def run(self, batch: NDArray[np.generic]) -> Mapping[str, NDArray[np.floating]]:
        """The outputs by name, valid until this thread's next call."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._model.create_infer_request()
        results = request.infer({0: batch}, share_inputs=True, share_outputs=True)
        return {name: results[index] for index, name in enumerate(self._outputs)}

    def close(self) -> None:
        """Let go of the network."""
        self._local = threading.local()
        del self._model
