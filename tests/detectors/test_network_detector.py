"""A model file and its card become a detector, with either backend; what is wrong is said in one line."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from watchpost.detectors import open_detector
from watchpost.detectors.card import ModelCard
from watchpost.detectors.network import NetworkDetector, usable_cores
from watchpost.errors import ConfigError
from watchpost.picture import ArrayPicture
from watchpost.types import Frame

BOXES = np.float32([[0, 0, 32, 16], [1, 0, 33, 16], [32, 16, 64, 32]])  # the second repeats the first
SCORES = np.float32([[0.6, 0.1], [0.5, 0.1], [0.1, 0.9]])
CARD = """\
name: tiny
input: {width: 64, height: 32, fit: stretch, colour: bgr}
decode: {family: ssd}
classes: [person, cat]
licence: MIT
source: a test
"""


def frame(width: int = 128, height: int = 64, value: int = 0) -> Frame:
    picture = ArrayPicture(np.full((height, width, 3), value, np.uint8))
    return Frame("camera", picture, camera_time_s=0.0, wall_time_s=0.0, index=0)


@pytest.fixture(params=["onnx", "openvino"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tiny(make_model) -> Path:
    path = make_model("tiny", {"boxes": BOXES, "scores": SCORES})
    path.with_suffix(".card.yaml").write_text(CARD)
    return path


def test_boxes_are_in_pixels_of_the_frame_best_first(tiny: Path, backend: str) -> None:
    detector = open_detector(str(tiny), backend=backend)
    found = detector.detect([frame(128, 64)])[0]
    assert found.xyxy.tolist() == [[64, 32, 128, 64], [0, 0, 64, 32]]
    np.testing.assert_allclose(found.confidence, [0.9, 0.6])
    assert [found.class_name(row) for row in range(2)] == ["cat", "person"]
    assert found.frame_size == (128, 64)
    assert (detector.name, detector.class_names) == ("tiny", ("person", "cat"))
    detector.close()


def test_thresholds_of_the_caller_replace_the_cards(tiny: Path, backend: str) -> None:
    assert len(open_detector(str(tiny), backend=backend, confidence=0.7).detect([frame()])[0]) == 1
    assert len(open_detector(str(tiny), backend=backend, iou=0.99).detect([frame()])[0]) == 3


class Sized:
    """An engine that takes any size and finds the lower right quarter of its input."""

    input_shape = (None, 3, None, None)
    input_dtype = np.dtype(np.float32)

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        self.seen.append(batch.shape)
        count, _, rows, columns = batch.shape
        boxes = np.float32([[columns / 2, rows / 2, columns, rows]] * count).reshape(count, 1, 4)
        return {"boxes": boxes, "scores": np.full((count, 1, 1), 0.9, np.float32)}

    def close(self) -> None:
        """Nothing is held."""


def test_a_network_of_any_size_is_not_given_more_padding_than_it_needs() -> None:
    engine = Sized()
    settings = {"width": 64, "height": 64, "fit": "top-left", "colour": "bgr", "stride": 16}
    card = ModelCard.model_validate(
        {"name": "x", "input": settings, "decode": {"family": "ssd"}, "classes": ["a"], "licence": "", "source": ""}
    )
    detector = NetworkDetector(card, engine)
    wide = detector.detect([frame(128, 64)])[0]
    tall, both = detector.detect([frame(64, 128)])[0], detector.detect([frame(128, 64), frame(64, 128)])
    assert engine.seen[1:] == [(1, 3, 32, 64), (1, 3, 64, 32), (2, 3, 64, 64)]
    assert wide.xyxy.tolist() == [[64, 32, 128, 64]]
    assert tall.xyxy.tolist() == [[32, 64, 64, 128]]
    assert both[0].xyxy.tolist() == [[64, 64, 128, 64]]  # beyond the picture: cut off at its edge


@pytest.mark.parametrize("batch", [1, 3, "batch"])
def test_frames_of_any_number_and_size_give_as_many_results(make_model, backend: str, batch: int | str) -> None:
    path = make_model("tiny", {"boxes": BOXES, "scores": SCORES}, shape=(batch, 3, 32, 64))
    path.with_suffix(".card.yaml").write_text(CARD)
    detector = open_detector(str(path), backend=backend)
    sizes = [(64 + 8 * n, 32) for n in range(11)]
    found = detector.detect([frame(*size) for size in sizes])
    assert [each.frame_size for each in found] == sizes
    assert [each.xyxy[0, 2] for each in found] == [size[0] for size in sizes]
    assert detector.detect([]) == []


@pytest.mark.parametrize("batch", [1, 3, "batch"])
def test_each_frame_of_a_batch_gets_its_own_answer(make_model, backend: str, batch: int | str) -> None:
    path = make_model("bright", {"boxes": np.float32([[0, 0, 64, 32]])}, (batch, 3, 32, 64), brightness=True)
    card = CARD.replace("colour: bgr", "colour: bgr, scale: 1/255").replace("[person, cat]", "[light]")
    card = card.replace("{family: ssd}", "{family: ssd, scores: brightness}")
    path.with_suffix(".card.yaml").write_text(card + "confidence: 0.01\n")
    values = [50, 200, 90, 10, 250]
    found = open_detector(str(path), backend=backend).detect([frame(value=value) for value in values])
    np.testing.assert_allclose([each.confidence[0] for each in found], np.array(values) / 255, rtol=1e-5)


def test_several_threads_may_share_a_detector(tiny: Path, backend: str) -> None:
    detector = open_detector(str(tiny), backend=backend)
    wrong: list[object] = []

    def work(width: int) -> None:
        for _ in range(30):
            found = detector.detect([frame(width, 32)])[0]
            if found.xyxy[0].tolist() != [width / 2, 16, width, 32]:
                wrong.append(found.xyxy)

    threads = [threading.Thread(target=work, args=(64 + 16 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width: 64", "width: 96", r"tiny says input any x 3 x 32 x 96, the model takes 1 x 3 x 32 x 64"),
        ("[person, cat]", "[person]", r"no ssd model: expected an output of 3 x 1 a picture, .* gives 3 x 2"),
        ("{family: ssd}", "{family: yolox}", r"no yolox model: expected one output, the model has 2"),
        ("{family: ssd}", "{family: ssd, boxes: dets}", r"no output 'dets', but boxes, scores"),
    ],
)
def test_a_card_that_does_not_fit_the_model(tiny: Path, backend: str, old: str, new: str, message: str) -> None:
    tiny.with_suffix(".card.yaml").write_text(CARD.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        open_detector(str(tiny), backend=backend)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07" * 100])
def test_a_file_that_is_no_model(tmp_path: Path, backend: str, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    path.with_suffix(".card.yaml").write_text(CARD)
    with pytest.raises(ConfigError, match=r"bad\.onnx can not be loaded") as caught:
        open_detector(str(path), backend=backend)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path, backend: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no model file .*none\.onnx"):
        open_detector(str(tmp_path / "none.onnx"), backend=backend)


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="there are: hog"):
        open_detector("yolov999")


def test_a_threshold_out_of_range_is_told(tiny: Path) -> None:
    with pytest.raises(ConfigError, match=r"confidence: .*less than 1"):
        open_detector(str(tiny), confidence=1.5)


def test_a_provider_that_is_not_there(tiny: Path) -> None:
    from watchpost.detectors import onnx

    with pytest.raises(ConfigError, match="no provider tensorrt; it has: cpu"):
        onnx.create(onnx.Options(model=tiny, providers=("tensorrt",)))


def test_the_cores_it_may_use_are_at_least_one() -> None:
    assert usable_cores() >= 1


def test_the_reference_models_find_the_same_with_either_backend(shared_data: Path) -> None:
    from watchpost.picture import decode_picture

    path = sorted((shared_data / "person" / "val" / "images").iterdir())[3]
    shot = Frame("camera", ArrayPicture(decode_picture(path.read_bytes())), 0.0, 0.0, 0)
    for model in sorted((shared_data / "models").glob("*/*.onnx")):
        first, second = (open_detector(str(model), backend=b).detect([shot])[0] for b in ("onnx", "openvino"))
        assert len(first)
        np.testing.assert_allclose(first.xyxy, second.xyxy, atol=0.5)
