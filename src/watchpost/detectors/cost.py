"""What a network costs, counted from its .onnx file: parameters and operations, without running it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchpost.detectors.card import InputSpec
from watchpost.plugins import missing_extra

if TYPE_CHECKING:
    import onnx

_LAYERS: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization"})


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one picture."""

    parameters: int
    """Weights and biases of convolutions, matrix products and normalisations."""
    gflops: float | None
    """Multiplications and additions of convolutions and matrix products, a multiply-add counted as two, as papers on
    detectors do; `None` where the file leaves a shape open."""


def cost(file: Path, spec: InputSpec) -> Cost:
    """Count `file` for the input of its card. Raises `MissingExtraError` without onnx."""
    try:
        import onnx
        from onnx import shape_inference
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    model = onnx.load(str(file))
    size = (spec.height, spec.width, 3) if spec.layout == "nhwc" else (3, spec.height, spec.width)
    for dimension, length in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, *size), strict=True):
        dimension.dim_value = length
    del model.graph.value_info[:]  # written for an open batch axis
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes: dict[str, tuple[int, ...]] = {each.name: tuple(each.dims) for each in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(each.HasField("dim_value") for each in dimensions):
            shapes[value.name] = tuple(each.dim_value for each in dimensions)
    operations = [_operations(node, shapes) for node in graph.node if node.op_type in _COUNTED]
    known = [each for each in operations if each is not None]
    gflops = sum(known) / 1e9 if len(known) == len(operations) else None
    return Cost(_parameters(graph, shapes), gflops)


def _operations(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Of one convolution or matrix product; `None` where a shape is not known."""
    weight, output = shapes.get(node.input[1]), shapes.get(node.output[0])
    first = shapes.get(node.input[0])
    if weight is None or output is None or first is None:
        return None
    if node.op_type == "Conv":
        return 2 * prod(output) * prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return 2 * prod(first) * prod(weight[1:])
    transposed = any(each.name == "transA" and each.i for each in node.attribute)
    return 2 * prod(output) * (first[0] if transposed else first[-1])


_COUNTED: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


def _parameters(graph: onnx.GraphProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """In a QDQ file the weights lie behind DequantizeLinear: count what it unpacks, not its scales."""
    constants = {each.name for each in graph.initializer}
    unpacked = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    names = set()
    for node in graph.node:
        if node.op_type in _LAYERS:
            names |= {unpacked.get(name, name) for name in node.input[1:]} & constants
    return sum(prod(shapes[name]) for name in names)
