"""Tiny networks, made in memory: an ONNX file that answers every picture with the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes an .onnx file with input `images` of `shape` and the constant `outputs` (without batch axis).

    With `brightness` there is one more output of that name, 1 x 1: the mean of the picture.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def make(
        name: str,
        outputs: dict[str, np.ndarray],
        shape: tuple[int | str, ...] = (1, 3, 32, 64),
        brightness: bool = False,
    ) -> Path:
        nodes, constants, infos = [], [], []
        # each output is its constant plus 0 times the mean of the picture, so that it has the batch's length
        constants.append(numpy_helper.from_array(np.float32([0]), "zero"))
        nodes.append(helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1))
        nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
        for output, value in outputs.items():
            constants.append(numpy_helper.from_array(np.float32(value)[None], f"{output}_value"))
            constants.append(numpy_helper.from_array(np.int64([-1] + [1] * value.ndim), f"{output}_shape"))
            nodes.append(helper.make_node("Reshape", ["nothing", f"{output}_shape"], [f"{output}_nothing"]))
            nodes.append(helper.make_node("Add", [f"{output}_value", f"{output}_nothing"], [output]))
            infos.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], *value.shape]))
        if brightness:
            constants.append(numpy_helper.from_array(np.int64([-1, 1, 1]), "brightness_shape"))
            nodes.append(helper.make_node("Reshape", ["mean", "brightness_shape"], ["brightness"]))
            infos.append(helper.make_tensor_value_info("brightness", TensorProto.FLOAT, [shape[0], 1, 1]))
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
        graph = helper.make_graph(nodes, name, [images], infos, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, str(path))
        return path

    return make
