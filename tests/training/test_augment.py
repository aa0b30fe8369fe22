"""Boxes stay on their pixels: mark one with a colour, vary the picture, and look where the colour has gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.training.appearance import CHANGES, varied
from watchpost.training.augment import (
    Canvas,
    Example,
    augmented,
    clipped,
    copy_paste,
    cutmix,
    empty,
    mixup,
    mosaic,
    view,
    warp,
)
from watchpost.training.recipe import Augment

CANVAS = Canvas(160, 128, 114)
GEOMETRY = Augment(rotate=0, shear=0, colour=0, grey=0, blur=0, noise=0, jpeg=0)


def marked(box: tuple[int, int, int, int], size: tuple[int, int] = (120, 100), level: int = 255) -> Example:
    """A dark picture of (width, height) with one bright box."""
    bgr = np.zeros((size[1], size[0], 3), np.uint8)
    bgr[box[1] : box[3], box[0] : box[2]] = level
    one = np.ones(1, np.float32)
    return Example(bgr, np.array([box], np.float32), np.zeros(1, np.int64), one, np.zeros(1, bool))


def bright(bgr: np.ndarray, least: int = 180) -> np.ndarray | None:
    """Left, top, right, bottom of the pixels that are mostly bright."""
    rows, columns = np.nonzero(bgr[:, :, 0] >= least)
    if len(rows) == 0:
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def check(example: Example, tolerance: float = 1.5) -> None:
    found = bright(example.bgr)
    learned = example.xyxy[~example.is_ignored]
    if len(learned):
        assert found is not None
        assert learned[0] == pytest.approx(found, abs=tolerance)
    elif found is not None and len(example.xyxy):
        assert example.xyxy[0] == pytest.approx(found, abs=tolerance + 1), "ignored, but in the wrong place"


boxes = st.tuples(st.integers(0, 80), st.integers(0, 60), st.integers(20, 40), st.integers(20, 40)).map(
    lambda each: (each[0], each[1], each[0] + each[2], each[1] + each[3])
)
seeds = st.integers(0, 10_000)


@given(boxes, seeds)
@settings(max_examples=60, deadline=None)
def test_a_view_moves_boxes_with_their_pixels(box: tuple[int, int, int, int], seed: int):
    check(view(marked(box), CANVAS, GEOMETRY, np.random.default_rng(seed)))


@given(boxes, seeds)
@settings(max_examples=40, deadline=None)
def test_a_turned_box_holds_its_pixels(box: tuple[int, int, int, int], seed: int):
    turned = Augment(rotate=20, shear=10)
    example = view(marked(box), CANVAS, turned, np.random.default_rng(seed))
    found = bright(example.bgr)
    if found is not None and len(example.xyxy):
        assert (example.xyxy[0, :2] <= found[:2] + 1.5).all()
        assert (example.xyxy[0, 2:] >= found[2:] - 1.5).all()


def test_standing_still_changes_nothing():
    example = marked((10, 20, 50, 90))
    same = warp(example, np.array([[1.0, 0, 0], [0, 1, 0]]), Canvas(120, 100, 114))
    assert np.array_equal(same.bgr, example.bgr)
    assert np.array_equal(same.xyxy, example.xyxy)


def test_flipping_is_exact():
    example = marked((10, 20, 50, 90))
    flipped = warp(example, np.array([[-1.0, 0, 120], [0, 1, 0]]), Canvas(120, 100, 114))
    assert np.array_equal(flipped.bgr, example.bgr[:, ::-1])
    assert flipped.xyxy.tolist() == [[70, 20, 110, 90]]


@given(boxes, seeds)
@settings(max_examples=30, deadline=None)
def test_a_mosaic_keeps_boxes_on_their_pixels(box: tuple[int, int, int, int], seed: int):
    dark = empty(np.zeros((100, 120, 3), np.uint8))
    rng = np.random.default_rng(seed)
    at = seed % 4
    check(mosaic([marked(box) if tile == at else dark for tile in range(4)], CANVAS, GEOMETRY, rng))


@given(boxes, seeds)
@settings(max_examples=30, deadline=None)
def test_what_a_patch_hides_is_not_asked_for(box: tuple[int, int, int, int], seed: int):
    dark = empty(np.zeros((100, 120, 3), np.uint8))
    example = cutmix(marked(box), dark, np.random.default_rng(seed))
    found = bright(example.bgr)
    if found is None:
        assert not len(example.xyxy)
    if len(example.xyxy) and not example.is_ignored.any():
        assert found is not None
        assert example.xyxy[0] == pytest.approx(found)


@given(boxes, seeds)
@settings(max_examples=30, deadline=None)
def test_a_patch_brings_its_boxes(box: tuple[int, int, int, int], seed: int):
    dark = empty(np.zeros((100, 120, 3), np.uint8))
    check(cutmix(dark, marked(box), np.random.default_rng(seed)), 0.01)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_pasted_object_lies_where_its_box_is(seed: int):
    dark = empty(np.zeros((100, 120, 3), np.uint8))
    check(copy_paste(dark, marked((40, 30, 70, 60)), np.random.default_rng(seed)), 0.01)


def test_mixup_counts_objects_as_much_as_they_are_seen():
    a, b = marked((10, 10, 40, 40)), marked((60, 50, 100, 90))
    example = mixup(a, b, np.random.default_rng(3))
    seen = example.bgr[[20, 70], [20, 80], 0] / 255
    assert example.weight == pytest.approx(seen, abs=0.01)
    assert example.weight.sum() == pytest.approx(1)
    assert len(example.xyxy) == 2


def test_weights_and_ignored_ones_stay_with_their_boxes():
    example = marked((30, 30, 60, 60))
    example = replace(example, weight=np.array([0.4], np.float32), is_ignored=np.array([True]))
    for seed in range(20):
        example_out = augmented(0, lambda _: example, 1, CANVAS, replace_mix(), np.random.default_rng(seed))
        assert example_out.is_ignored.all()


def replace_mix() -> Augment:
    return Augment(mosaic=0.5, cutmix=0.5, copy_paste=0.5)


def test_little_is_left_at_the_edge():
    outside = replace(marked((0, 0, 20, 20)), xyxy=np.array([[-18, 0, 2, 20], [-25, 0, -5, 20]], np.float32))
    two = replace(outside, label=np.zeros(2, np.int64), weight=np.ones(2, np.float32), is_ignored=np.zeros(2, bool))
    cut = clipped(two)
    assert cut.xyxy.tolist() == [[0, 0, 2, 20]]
    assert cut.is_ignored.tolist() == [True]


def test_the_same_generator_gives_the_same_picture():
    settings_all = Augment(mosaic=0.5, mixup=0.5, cutmix=0.5, copy_paste=0.5, blur=0.5, noise=0.5, random_choice=3)
    takes = [marked((10, 10, 40, 40)), marked((50, 20, 90, 80))]
    for seed in range(10):
        a, b = (
            augmented(seed % 2, takes.__getitem__, 2, CANVAS, settings_all, np.random.default_rng(seed))
            for _ in range(2)
        )
        assert np.array_equal(a.bgr, b.bgr)
        assert np.array_equal(a.xyxy, b.xyxy)
        assert a.bgr.shape == (128, 160, 3)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_change_of_appearance_changes_pixels_alone(name: str):
    bgr = np.asarray(np.random.default_rng(0).integers(0, 255, (64, 48, 3)), np.uint8)
    before = bgr.copy()
    changed = CHANGES[name](bgr, 1.0, np.random.default_rng(1))
    assert changed.shape == bgr.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, before)
    assert np.array_equal(bgr, before), "the cached picture was written to"


def test_without_any_chance_nothing_changes():
    bgr = np.asarray(np.random.default_rng(0).integers(0, 255, (64, 48, 3)), np.uint8)
    assert np.array_equal(varied(bgr, GEOMETRY, np.random.default_rng(0)), bgr)
