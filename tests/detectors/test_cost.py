"""Parameters and operations of networks that can be counted by hand, in float32 and int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from watchpost.detectors.card import InputSpec
from watchpost.detectors.cost import cost
from watchpost.detectors.quantise import quantise
from watchpost.picture import ArrayPicture

SPEC = InputSpec(width=64, height=32, fit="stretch", colour="bgr")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """3x3 of stride 2, 3 to 8 channels, with bias; depthwise 3x3; 1x1 to 4 channels; a matrix product 4 to 5."""
    shapes = {"w0": (8, 3, 3, 3), "b0": (8,), "w1": (8, 1, 3, 3), "w2": (4, 8, 1, 1), "m": (4, 5)}
    random = np.random.default_rng(0)
    weights = [numpy_helper.from_array(random.normal(0, 1, each).astype(np.float32), k) for k, each in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["images", "w0", "b0"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2], name="0"),
        helper.make_node("Conv", ["a", "w1"], ["b"], pads=[1, 1, 1, 1], group=8, name="1"),
        helper.make_node("Conv", ["b", "w2"], ["c"], name="2"),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 2, 3, 1], name="3"),
        helper.make_node("MatMul", ["d", "m"], ["out"], name="4"),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 32, 64])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 16, 32, 5])
    graph = helper.make_graph(nodes, "net", [images], [out], weights)
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


EXPECTED = (8 * 27 + 8 + 8 * 9 + 32 + 20, 2 * 16 * 32 * (8 * 27 + 8 * 9 + 32 + 20) / 1e9)


def test_float(network: Path) -> None:
    counted = cost(network, SPEC)
    assert counted.parameters == EXPECTED[0]
    assert counted.gflops == pytest.approx(EXPECTED[1])


def test_an_int8_file_costs_the_same(network: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    noise = np.random.default_rng(0).integers(0, 255, (32, 64, 3), dtype=np.uint8)
    quantise(network, small, SPEC, [ArrayPicture(noise)])
    counted = cost(small, SPEC)
    assert counted.parameters == EXPECTED[0]
    assert counted.gflops == pytest.approx(EXPECTED[1])
