"""From a float32 .onnx file to int8: one QDQ file that ONNX Runtime and OpenVINO both run.

Activations are unsigned, weights signed and scaled by channel (U8S8): on CPUs with VNNI ONNX Runtime has fast kernels
for this pair alone. Everything between the input and the last convolutions is quantised, activation functions too, so
that ONNX Runtime need not go back to float in between. What comes after - the predicting convolutions and the decoding
of boxes - stays in float: pixels need more than 8 bits.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from watchpost.detectors.card import InputSpec
from watchpost.detectors.preprocess import InputBuffer
from watchpost.errors import ConfigError
from watchpost.plugins import missing_extra
from watchpost.types import Picture

if TYPE_CHECKING:
    import onnx

_QUANTISED: Final = ["Conv", "Concat", "MaxPool", "Resize", "Split", "Add", "Mul", "Sigmoid", "Relu", "Clip"]

_LEAST_OPSET: Final = 13


def quantise(model: Path, output: Path, spec: InputSpec, pictures: Iterable[Picture]) -> None:
    """Write `model` to `output` with int8 weights and activations, whose ranges are measured on `pictures`.

    A hundred pictures like those of the model's work are enough. Raises `ConfigError` without pictures or for a model
    that does not take float32, and `MissingExtraError` without onnx.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _quiet():
        simplified = Path(folder) / "simplified.onnx"
        try:
            onnx.save(_modern(model), str(simplified))
            quant_pre_process(str(simplified), str(simplified), skip_symbolic_shape=True)
            graph = onnx.load(str(simplified)).graph
        except Exception as error:  # onnx and ONNX Runtime have no base class of errors in common
            raise ConfigError(f"{model} can not be prepared for int8: {str(error).splitlines()[0]}") from None
        if graph.input[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            raise ConfigError(f"{model} does not take float32: export it in float32 first.")
        quantize_static(
            str(simplified),
            str(output),
            _Calibration(graph.input[0].name, spec, pictures, model),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            nodes_to_exclude=_behind_last_convolutions(graph),
            per_channel=True,
            # weights of 7 bits: AVX2 and AVX-512 without VNNI add two products of 8 x 8 bits in 16, which overflows
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


class _Calibration:
    """Pictures as the network's input, one by one: ONNX Runtime's `CalibrationDataReader`."""

    def __init__(self, name: str, spec: InputSpec, pictures: Iterable[Picture], model: Path) -> None:
        self._name = name
        self._buffer = InputBuffer(spec, 1, np.dtype(np.float32))
        self._pictures = iter(pictures)
        self._seen = 0
        self._model = model

    def get_next(self) -> dict[str, Any] | None:
        """The next input, `None` at the end."""
        picture = next(self._pictures, None)
        if picture is None:
            if self._seen == 0:
                raise ConfigError(f"there are no pictures to measure the ranges of {self._model} on.")
            return None
        self._seen += 1
        self._buffer.fill(0, picture)
        return {self._name: self._buffer.tensor}


def _modern(model: Path) -> onnx.ModelProto:
    """The model in an operator set that knows scales by channel."""
    import onnx
    from onnx import version_converter

    loaded = onnx.load(str(model))
    versions = [opset.version for opset in loaded.opset_import if opset.domain in ("", "ai.onnx")]
    return loaded if max(versions) >= _LEAST_OPSET else version_converter.convert_version(loaded, _LEAST_OPSET)


def _behind_last_convolutions(graph: onnx.GraphProto) -> list[str]:
    """Names of the last convolutions before each output and of everything behind them."""
    makers = {output: node for node in graph.node for output in node.output}
    names: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in names:
            continue
        names.add(node.name)
        if node.op_type != "Conv":
            waiting += node.input
    return sorted(names)


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's tools log through the root logger; what they say is for their developers."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
