"""An int8 file is smaller, runs in both backends, and finds what the float one finds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from watchpost.detectors.card import InputSpec
from watchpost.detectors.onnx import OnnxEngine
from watchpost.detectors.openvino import OpenVinoEngine
from watchpost.detectors.quantise import quantise
from watchpost.errors import ConfigError
from watchpost.picture import ArrayPicture

SPEC = InputSpec(width=64, height=32, fit="stretch", colour="bgr", scale=1 / 255)


@pytest.fixture(params=[17, 11])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two convolutions with a SiLU between, a predicting one, and a product behind it, as decoding has."""
    random = np.random.default_rng(0)
    channels = [3, 32, 64, 5]
    weights = [
        numpy_helper.from_array(random.normal(0, 0.1, (b, a, 3, 3)).astype(np.float32), f"w{k}")
        for k, (a, b) in enumerate(pairwise(channels))
    ]
    weights.append(numpy_helper.from_array(np.float32([8.0]), "stride"))
    same = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["images", "w0"], ["a"], name="first", **same),
        helper.make_node("Sigmoid", ["a"], ["b"], name="gate"),
        helper.make_node("Mul", ["a", "b"], ["c"], name="silu"),
        helper.make_node("Conv", ["c", "w1"], ["d"], name="second", **same),
        helper.make_node("Conv", ["d", "w2"], ["e"], name="predict", **same),
        helper.make_node("Mul", ["e", "stride"], ["out"], name="decode"),
    ]
    shape = ["batch", None, 32, 64]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 32, 64])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "net", [images], [out], weights)
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", request.param)], ir_version=8), str(path))
    return path


def pictures(count: int) -> list[ArrayPicture]:
    random = np.random.default_rng(1)
    return [ArrayPicture(random.integers(0, 255, (40, 60, 3), dtype=np.uint8)) for _ in range(count)]


def test_one_file_for_both_backends(network: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    quantise(network, small, SPEC, pictures(4))
    assert small.stat().st_size < 0.5 * network.stat().st_size
    batch = np.random.default_rng(2).random((2, 3, 32, 64), dtype=np.float32)
    wanted = OnnxEngine(network, threads=1).run(batch)["out"]
    for engine in (OnnxEngine, OpenVinoEngine):
        found = engine(small, threads=1).run(batch)["out"]
        assert np.abs(found - wanted).mean() < 0.02 * np.abs(wanted).max()


def test_weights_are_signed_activations_unsigned_and_the_end_is_float(network: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.onnx"
    quantise(network, small, SPEC, pictures(2))
    graph = onnx.load(str(small)).graph
    kinds = Counter(each.data_type for each in graph.initializer if each.name.endswith("_quantized"))
    assert kinds[TensorProto.INT8] == 2  # first and second; the predicting one keeps its floats
    zero_points = {each.data_type for each in graph.initializer if each.name.endswith("zero_point")}
    assert TensorProto.UINT8 in zero_points
    makers = {output: node for node in graph.node for output in node.output}
    last = makers[graph.output[0].name]
    assert last.op_type == "Mul"
    assert makers[last.input[0]].op_type == "Conv"


def test_without_pictures(network: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pictures"):
        quantise(network, tmp_path / "small.onnx", SPEC, [])


def test_no_model(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="can not be prepared for int8"):
        quantise(tmp_path / "a.onnx", tmp_path / "b.onnx", SPEC, pictures(1))
