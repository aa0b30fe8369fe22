"""ONNX Runtime, the default backend: CPU everywhere, CUDA and TensorRT where its wheel brings them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from watchpost import options
from watchpost.errors import ConfigError

if TYPE_CHECKING:
    from watchpost.detectors.network import NetworkDetector

Provider = Literal["tensorrt", "cuda", "cpu"]

_PROVIDERS: Final[dict[Provider, str]] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_DTYPES: Final = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


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
    providers: tuple[Provider, ...] | None = None
    """In order of preference; without it CUDA where it is there, then the CPU. TensorRT must be asked for: it builds
    its engine for minutes at the first start."""
    max_batch: int = Field(default=8, ge=1)
    """Frames run at once where the model leaves its batch size open."""


def create(options: Options) -> NetworkDetector:
    """The detector. Raises `ConfigError` for a missing or wrong file or card."""
    from watchpost.detectors.card import resolve
    from watchpost.detectors.network import NetworkDetector, usable_cores

    file, card = resolve(options.model)
    engine = OnnxEngine(file, threads=options.threads or usable_cores(), providers=options.providers)
    return NetworkDetector(card, engine, confidence=options.confidence, iou=options.iou, max_batch=options.max_batch)


class OnnxEngine:
    """A network in an ONNX Runtime session.

    Raises `ConfigError` for a file that is no ONNX model, a provider that is not there, or a network without
    exactly one input.
    """

    def __init__(self, file: Path, *, threads: int, providers: Sequence[Provider] | None = None) -> None:
        import onnxruntime as ort

        ort.disable_telemetry_events()
        settings = ort.SessionOptions()
        settings.intra_op_num_threads = threads
        # threads that spin while they wait take the cores that decoders need; on a busy machine that doubled the time
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        settings.log_severity_level = 3  # errors alone: warnings speak of the graph's optimisation
        chosen = usable_providers(providers)
        try:
            self._session = ort.InferenceSession(str(file), settings, providers=chosen)
        except Exception as error:  # ONNX Runtime's errors have no other base class in common
            raise ConfigError(f"{file} can not be loaded as an ONNX model: {_first_line(error)}") from None
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(each.name for each in inputs)
            raise ConfigError(f"{file} has {len(inputs)} inputs ({names}); a detector takes one, the picture.")
        if inputs[0].type not in _DTYPES:
            raise ConfigError(f"{file} takes {inputs[0].type}; there are: {', '.join(_DTYPES)}.")
        # what the session really uses: a provider that is there may find no device
        self.is_accelerated = self._session.get_providers()[0] != _PROVIDERS["cpu"]
        self._input = inputs[0].name
        self._outputs = [each.name for each in self._session.get_outputs()]
        self.input_shape = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)
        self.input_dtype: np.dtype[np.generic] = np.dtype(_DTYPES[inputs[0].type])

    def run(self, batch: NDArray[np.generic]) -> Mapping[str, NDArray[np.floating]]:
        """The outputs by name."""
        results = self._session.run(self._outputs, {self._input: batch})
        return dict(zip(self._outputs, results, strict=True))

    def close(self) -> None:
        """Let go of the session."""
        del self._session


def usable_providers(wanted: Sequence[Provider] | None = None) -> list[str]:
    """ONNX Runtime's names of the wanted providers, by default of the fastest ones there are, in that order.

    Raises `ConfigError` for one that is not there.
    """
    import onnxruntime as ort

    available = ort.get_available_providers()
    if wanted is None:
        return [_PROVIDERS[name] for name in ("cuda", "cpu") if _PROVIDERS[name] in available]
    missing = [name for name in wanted if _PROVIDERS[name] not in available]
    if missing:
        there = ", ".join(name for name, provider in _PROVIDERS.items() if provider in available)
        raise ConfigError(f"this ONNX Runtime has no provider {missing[0]}; it has: {there}.")
    return [_PROVIDERS[name] for name in wanted]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
