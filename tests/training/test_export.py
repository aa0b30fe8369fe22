"""The exported file says what the checkpoint says, in any batch, and both backends read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from watchpost.detectors.card import InputSpec, load_card, save_card
from watchpost.detectors.onnx import OnnxEngine
from watchpost.detectors.openvino import OpenVinoEngine
from watchpost.errors import WatchpostError
from watchpost.training.export import Parity, Serving, card_for, export_onnx, input_of, parity, parity_inputs
from watchpost.training.models.detector import Detector, Shape

SPEC = InputSpec(width=96, height=64, fit="top-left", colour="bgr")


@pytest.fixture(scope="module")
def network() -> Detector:
    torch.manual_seed(0)
    made = Detector(Shape(("person", "dog"), width=0.25, depth=0.5))
    for _ in range(2):  # normalisation that has seen something, so that a wrong one shows
        made(torch.rand(2, 3, 64, 96) * 255)
    return made.eval()


@pytest.fixture(scope="module")
def exported(network: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "tiny.onnx"
    export_onnx(serving(network), file, SPEC)
    spec = input_of(serving(network), SPEC)
    card = card_for(network.shape.classes, file, spec, name="tiny", licence="Apache-2.0", source="a test")
    save_card(card, file.with_suffix(".card.yaml"))
    return file


def serving(network: Detector) -> Serving:
    return Serving(network, SPEC.width, SPEC.height)


@pytest.mark.parametrize("engine", [OnnxEngine, OpenVinoEngine])
def test_parity(network: Detector, exported: Path, engine: type) -> None:
    inputs = parity_inputs(SPEC)
    assert [len(batch) for batch in inputs] == [2, 2, 1]
    found = parity(serving(network), engine(exported, threads=1), inputs)
    found.check()
    assert found.pictures == 5

    worse = Detector(network.shape).eval()
    with pytest.raises(WatchpostError, match="differs from the checkpoint"):
        parity(serving(worse), engine(exported, threads=1), inputs[:1]).check(1e-6, 1e-9)


@pytest.mark.parametrize("engine", [OnnxEngine, OpenVinoEngine])
def test_smaller_pictures_need_no_padding(network: Detector, exported: Path, engine: type) -> None:
    smaller = [np.ascontiguousarray(batch[:, :, :32, :64]) for batch in parity_inputs(SPEC)]
    parity(serving(network), engine(exported, threads=1), smaller).check()
    assert load_card(exported.with_suffix(".card.yaml")).input.stride == 32


def test_the_card_makes_the_file_a_detector(exported: Path, network: Detector) -> None:
    from watchpost.detectors import open_detector
    from watchpost.picture import ArrayPicture
    from watchpost.types import Frame

    detector = open_detector(str(exported), confidence=0.001, threads=1)
    assert (detector.name, detector.class_names) == ("tiny", ("person", "dog"))
    picture = ArrayPicture(np.random.default_rng(0).integers(0, 255, (48, 200, 3), dtype=np.uint8))
    found = detector.detect([Frame("a", picture, 0.0, 0.0, index) for index in range(3)])
    assert len(found) == 3
    assert len(found[0]) > 0
    card = load_card(exported.with_suffix(".card.yaml"))
    assert (card.input.fit, card.input.pad, card.input.colour, card.input.scale) == ("top-left", 114, "bgr", 1.0)


def test_the_trainer_keeps_its_network(tmp_path: Path) -> None:
    training = Detector(Shape(("person",), width=0.25, depth=0.5)).double().train()
    export_inputs = parity_inputs(SPEC)[:1]
    parity(serving(training), Mirror(), export_inputs)
    assert training.training
    assert next(training.parameters()).dtype is torch.float64


class Mirror:
    """An engine that is far off."""

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        return {"boxes": np.zeros((1, 1, 4), np.float32), "scores": np.zeros((1, 1, 1), np.float32)}


def test_a_size_that_does_not_fit_the_strides(network: Detector) -> None:
    with pytest.raises(WatchpostError, match="multiples of 32"):
        Serving(network, 100, 64)


def test_what_is_not_a_number_is_no_parity() -> None:
    with pytest.raises(WatchpostError):
        Parity(float("nan"), 0.0, 1).check()
