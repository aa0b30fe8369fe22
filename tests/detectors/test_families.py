"""Every family turns numbers with a known meaning into the boxes they mean."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.detectors.families.base import Candidates, InputSize, OutputError
from watchpost.detectors.families.detr import Detr
from watchpost.detectors.families.fastestdet import FastestDet
from watchpost.detectors.families.ssd import Ssd
from watchpost.detectors.families.yolo import YoloColumns, YoloRows
from watchpost.detectors.families.yolox import Yolox

SIZE = InputSize(width=64, height=32)
BOX = [10.0, 4.0, 30.0, 20.0]
CXCYWH = [20.0, 12.0, 20.0, 16.0]


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def expect_one(found: Candidates, score: float, class_id: int) -> None:
    np.testing.assert_allclose(found.xyxy, [BOX], atol=1e-3)
    np.testing.assert_allclose(found.scores, [score], atol=1e-5)
    assert found.class_ids.tolist() == [class_id]


def test_yolox_adds_the_cell_and_multiplies_by_the_stride() -> None:
    # strides 8 and 16: 8 x 4 cells, then 4 x 2; row 32 + 1 is column 1, row 0 of the second grid
    raw = np.zeros((40, 5 + 3), np.float32)
    raw[33] = [20 / 16 - 1, 12 / 16, np.log(20 / 16), np.log(16 / 16), 0.8, 0.1, 0.2, 0.9]
    raw[0] = [0, 0, 0, 0, 0.8, 0.3, 0, 0]  # score .24: objectness alone would pass
    found = Yolox(family="yolox", strides=(8, 16)).decode({"o": raw}, SIZE, 3, 0.5)
    expect_one(found, 0.72, 2)


def test_yolox_numbers_cells_row_by_row_within_each_stride() -> None:
    raw = np.zeros((40, 6), np.float32)
    raw[:, 4:] = 1
    found = Yolox(family="yolox", strides=(8, 16)).decode({"o": raw}, SIZE, 1, 0.5)
    centres = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
    assert centres[9].tolist() == [8, 8]  # stride 8: second row, second column
    assert centres[32 + 5].tolist() == [16, 16]


def test_yolo_without_objectness() -> None:
    raw = np.zeros((4 + 2, 5), np.float32)
    raw[:, 3] = [*CXCYWH, 0.2, 0.7]
    raw[:, 4] = [*CXCYWH, 0.4, 0.3]
    expect_one(YoloColumns(family="yolo-4+C").decode({"o": raw}, SIZE, 2, 0.5), 0.7, 1)


def test_yolo_with_objectness() -> None:
    raw = np.zeros((5, 5 + 2), np.float32)
    raw[3] = [*CXCYWH, 0.8, 0.2, 0.75]
    raw[4] = [*CXCYWH, 0.8, 0.5, 0.3]
    expect_one(YoloRows(family="yolo-5+C").decode({"o": raw}, SIZE, 2, 0.5), 0.6, 1)


def test_fastestdet() -> None:
    raw = np.zeros((5 + 2, 2, 4), np.float32)  # cells of 16 x 16
    raw[:, 0, 1] = [
        0.9,
        np.arctanh(20 / 16 - 1),
        np.arctanh(12 / 16),
        logit(20 / 64),
        logit(16 / 32),
        0.1,
        0.6,
    ]
    raw[:, 1, 2] = [0.9, 0, 0, 0, 0, 0.05, 0.05]
    found = FastestDet(family="fastestdet").decode({"o": raw}, SIZE, 2, 0.5)
    expect_one(found, 0.9**0.6 * 0.6**0.4, 1)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_ssd(normalised: bool, background: bool) -> None:
    boxes = np.zeros((3, 4), np.float32)
    boxes[1] = np.array(BOX) / ([64, 32, 64, 32] if normalised else 1)
    scores = np.array([[0.1, 0.2], [0.05, 0.9], [0.3, 0.4]], np.float32)
    if background:
        scores = np.concatenate([[[0.7], [0.05], [0.99]], scores], axis=1, dtype=np.float32)
    family = Ssd(family="ssd", boxes="b", normalised=normalised, background=background)
    expect_one(family.decode({"b": boxes, "scores": scores}, SIZE, 2, 0.5), 0.9, 1)


def test_ssd_of_a_single_class_may_give_scores_without_an_axis_for_it() -> None:
    boxes = np.array([[0, 0, 1, 1], BOX], np.float32)
    found = Ssd(family="ssd").decode({"boxes": boxes, "scores": np.float32([0.1, 0.9])}, SIZE, 1, 0.5)
    expect_one(found, 0.9, 0)


def test_detr() -> None:
    boxes = np.full((4, 4), 0.5, np.float32)
    boxes[2] = np.array(CXCYWH) / [64, 32, 64, 32]
    logits = np.full((4, 3), -9, np.float32)
    logits[2, 1] = logit(0.8)
    expect_one(Detr(family="detr").decode({"pred_boxes": boxes, "logits": logits}, SIZE, 3, 0.5), 0.8, 1)


def test_detr_keeps_the_best_pairs_and_a_query_may_have_two_classes() -> None:
    boxes = np.tile(np.float32(CXCYWH) / [64, 32, 64, 32], (3, 1)).astype(np.float32)
    logits = np.array([[3, 2, -1], [1, -9, -9], [-9, -9, -9]], np.float32)
    found = Detr(family="detr", top_k=2).decode({"pred_boxes": boxes, "logits": logits}, SIZE, 3, 0.1)
    assert sorted(found.class_ids.tolist()) == [0, 1]
    assert found.scores.min() == pytest.approx(1 / (1 + np.exp(-2)))


FAMILIES = [
    (Yolox(family="yolox"), {"o": (3549, 8)}),
    (YoloColumns(family="yolo-4+C"), {"o": (84, 10)}),
    (YoloRows(family="yolo-5+C"), {"o": (10, 84)}),
    (FastestDet(family="fastestdet"), {"o": (85, 4)}),
    (Ssd(family="ssd"), {"boxes": (10, 4), "scores": (9, 3)}),
    (Detr(family="detr"), {"pred_boxes": (10, 4), "logits": (10, 7)}),
]


@pytest.mark.parametrize(("family", "shapes"), FAMILIES, ids=lambda value: getattr(value, "family", ""))
def test_an_output_of_another_shape_is_told_with_both_shapes(family: object, shapes: dict) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    actual = " x ".join(map(str, list(shapes.values())[-1]))
    with pytest.raises(OutputError, match=f"expected an output of .* the model gives {actual}"):
        family.decode(outputs, SIZE, 3, 0.5)  # type: ignore[attr-defined]


def test_an_output_of_another_name_is_told() -> None:
    with pytest.raises(OutputError, match=r"no output 'pred_boxes', but dets, labels: set decode\.boxes"):
        Detr(family="detr").decode({"dets": np.zeros(1), "labels": np.zeros(1)}, SIZE, 3, 0.5)


@pytest.mark.parametrize(
    ("family", "outputs"),
    [
        (Yolox(family="yolox", strides=(8, 16)), {"o": np.zeros((40, 8))}),
        (YoloColumns(family="yolo-4+C"), {"o": np.zeros((7, 10))}),
        (YoloRows(family="yolo-5+C"), {"o": np.zeros((10, 8))}),
        (FastestDet(family="fastestdet"), {"o": np.zeros((8, 2, 4))}),
        (Ssd(family="ssd"), {"boxes": np.zeros((10, 4)), "scores": np.zeros((10, 3))}),
        (Detr(family="detr"), {"pred_boxes": np.zeros((10, 4)), "logits": np.full((10, 3), -9)}),
    ],
    ids=lambda value: getattr(value, "family", ""),
)
def test_an_empty_scene_gives_empty_arrays_of_the_right_shape(family: object, outputs: dict) -> None:
    found = family.decode({k: v.astype(np.float32) for k, v in outputs.items()}, SIZE, 3, 0.5)  # type: ignore[attr-defined]
    assert (found.xyxy.shape, found.scores.shape, found.class_ids.shape) == ((0, 4), (0,), (0,))
    assert (found.xyxy.dtype, found.scores.dtype, found.class_ids.dtype) == (np.float32, np.float32, np.int32)
