"""Pictures land in the network's input where and as the card says, and boxes find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.detectors.card import InputSpec
from watchpost.detectors.preprocess import InputBuffer, Placement, fitted, place
from watchpost.picture import ArrayPicture

BGR = (10, 20, 30)


def spec(**changes: object) -> InputSpec:
    return InputSpec.model_validate({"width": 64, "height": 32, "fit": "stretch", "colour": "bgr", **changes})


def plain(width: int, height: int) -> ArrayPicture:
    return ArrayPicture(np.full((height, width, 3), BGR, np.uint8))


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        ("stretch", (100, 100), Placement(0, 0, 64, 32)),
        ("top-left", (100, 100), Placement(0, 0, 32, 32)),
        ("top-left", (128, 32), Placement(0, 0, 64, 16)),
        ("centre", (100, 100), Placement(16, 0, 32, 32)),
        ("centre", (128, 32), Placement(0, 8, 64, 16)),
        ("centre", (1, 1), Placement(16, 0, 32, 32)),
        ("top-left", (7680, 1), Placement(0, 0, 64, 1)),
    ],
)
def test_place(fit: str, size: tuple[int, int], expected: Placement) -> None:
    assert place(spec(fit=fit), *size) == expected


@pytest.mark.parametrize(
    ("changes", "pictures", "expected"),
    [
        ({"stride": 32}, [(1280, 720)], (384, 224)),
        ({"stride": 32}, [(720, 1280)], (224, 384)),
        ({"stride": 32}, [(1280, 720), (640, 480)], (384, 288)),
        ({"stride": 32}, [(1280, 720), (720, 1280)], (384, 384)),
        ({"stride": 32, "fit": "centre"}, [(1280, 720)], (384, 224)),
        ({"stride": 32, "fit": "stretch"}, [(1280, 720)], (384, 384)),
        ({}, [(1280, 720)], (384, 384)),
        ({"stride": 32}, [(9000, 1)], (384, 32)),
        ({"stride": 250}, [(1280, 720)], (384, 250)),
    ],
)
def test_padding_that_no_picture_needs_is_left_out(
    changes: dict[str, object], pictures: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    square = spec(**{"width": 384, "height": 384, "fit": "top-left", **changes})
    less = fitted(square, [plain(*size) for size in pictures])
    assert less.size == expected
    for size in pictures:  # no picture is smaller in it
        before, after = place(square, *size), place(less, *size)
        assert (after.width, after.height) == (before.width, before.height)


def test_colours_scaling_and_padding() -> None:
    settings = spec(fit="centre", colour="rgb", scale="1/10", mean=[1, 2, 3], std=[1, 2, 4], pad=100)
    buffer = InputBuffer(settings, 1, np.dtype(np.float32))
    buffer.fill(0, plain(10, 10))
    assert buffer.tensor.shape == (1, 3, 32, 64)
    np.testing.assert_allclose(buffer.tensor[0, :, 5, 30], [(3 - 1) / 1, (2 - 2) / 2, (1 - 3) / 4], atol=1e-6)
    np.testing.assert_allclose(buffer.tensor[0, :, 5, 2], [(10 - 1) / 1, (10 - 2) / 2, (10 - 3) / 4], atol=1e-6)


def test_colour_last() -> None:
    buffer = InputBuffer(spec(layout="nhwc"), 1, np.dtype(np.uint8))
    buffer.fill(0, plain(64, 32))
    assert buffer.tensor.shape == (1, 32, 64, 3)
    assert buffer.tensor[0, 3, 4].tolist() == list(BGR)


def test_reused_memory_keeps_nothing_of_the_picture_before() -> None:
    buffer = InputBuffer(spec(fit="centre"), 2, np.dtype(np.float32))
    for shape in [(64, 32), (10, 10), (128, 32), (10, 10)]:
        buffer.fill(1, plain(*shape))
        fresh = InputBuffer(spec(fit="centre"), 2, np.dtype(np.float32))
        fresh.fill(1, plain(*shape))
        np.testing.assert_array_equal(buffer.tensor[1], fresh.tensor[1])


@given(
    st.sampled_from(["stretch", "top-left", "centre"]),
    st.integers(16, 4000),
    st.integers(16, 4000),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_boxes_find_their_way_back(fit: str, width: int, height: int, corners: list[float]) -> None:
    placement = place(spec(fit=fit), width, height)
    in_picture = np.float32([corners]) * np.float32([width, height, width, height])
    scale = np.float32([placement.width / width, placement.height / height] * 2)
    in_input = in_picture * scale + np.float32([placement.left, placement.top] * 2)
    picture = ArrayPicture(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (height, width, 3)))
    np.testing.assert_allclose(placement.to_picture(in_input, picture), in_picture, atol=0.02)


def test_boxes_are_cut_off_at_the_pictures_edges() -> None:
    boxes = Placement(0, 0, 64, 32).to_picture(np.float32([[-5, -5, 70, 40]]), plain(128, 64))
    assert boxes.tolist() == [[0, 0, 128, 64]]
