"""The filter of boxes: against a textbook filter with full matrices, and in itself."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.trackers.kalman import (
    FIRST_VELOCITY,
    MEASUREMENT_NOISE,
    POSITION_NOISE,
    VELOCITY_NOISE,
    BoxKalman,
    center_size,
    corners,
)

BOX = np.array([[100.0, 200.0, 40.0, 90.0]])


class TextbookKalman:
    """One box, eight states, full matrices (Kalman 1960)."""

    def __init__(self, box: np.ndarray) -> None:
        self.state = np.concatenate([box, np.zeros(4)])
        size = self.size()
        self.covariance = np.diag([(size * MEASUREMENT_NOISE) ** 2] * 4 + [(size * FIRST_VELOCITY) ** 2] * 4)

    def size(self) -> float:
        return float(np.sqrt(max(self.state[2] * self.state[3], 1)))

    def predict(self, t: float) -> None:
        identity = np.eye(4)
        move = np.block([[identity, t * identity], [0 * identity, identity]])
        walk, push = (self.size() * POSITION_NOISE) ** 2, (self.size() * VELOCITY_NOISE) ** 2
        noise = np.block(
            [
                [(walk * t + push * t**3 / 3) * identity, push * t**2 / 2 * identity],
                [push * t**2 / 2 * identity, push * t * identity],
            ]
        )
        self.state = move @ self.state
        self.state[2:4] = np.maximum(self.state[2:4], 1)
        self.covariance = move @ self.covariance @ move.T + noise

    def correct(self, box: np.ndarray) -> None:
        look = np.eye(4, 8)
        noise = np.eye(4) * (self.size() * MEASUREMENT_NOISE) ** 2
        gain = self.covariance @ look.T @ np.linalg.inv(look @ self.covariance @ look.T + noise)
        self.state = self.state + gain @ (box - self.state[:4])
        self.covariance = (np.eye(8) - gain @ look) @ self.covariance


def test_blocks_equal_the_full_matrices() -> None:
    rng = np.random.default_rng(3)
    boxes = rng.uniform([0, 0, 10, 10], [600, 400, 80, 160], (5, 4))
    kalman = BoxKalman()
    kalman.add(boxes)
    textbooks = [TextbookKalman(box) for box in boxes]
    for _ in range(30):
        elapsed_s = float(rng.uniform(0, 0.5))
        kalman.predict(elapsed_s)
        rows = np.flatnonzero(rng.random(5) < 0.7)
        measured = kalman.position[rows] + rng.normal(0, 3, (len(rows), 4))
        kalman.correct(rows, measured)
        for textbook in textbooks:
            textbook.predict(elapsed_s)
        for row, box in zip(rows, measured, strict=True):
            textbooks[row].correct(box)
    for row, textbook in enumerate(textbooks):
        np.testing.assert_allclose(kalman.position[row], textbook.state[:4], rtol=1e-9)
        np.testing.assert_allclose(kalman.velocity[row], textbook.state[4:], rtol=1e-6, atol=1e-9)


def test_it_learns_the_velocity_in_pixels_a_second() -> None:
    kalman = BoxKalman()
    kalman.add(BOX)
    for k in range(1, 41):
        kalman.predict(0.1)
        kalman.correct(np.array([0]), BOX + np.array([3.0 * k, 0, 0, 0]))
    assert kalman.velocity[0] == pytest.approx([30, 0, 0, 0], abs=0.1)
    kalman.predict(2.0)
    assert kalman.position[0, 0] == pytest.approx(100 + 3 * 40 + 60, abs=0.5)


def test_one_step_of_a_second_is_as_uncertain_as_ten_of_a_tenth() -> None:
    one, ten = BoxKalman(), BoxKalman()
    one.add(BOX)
    ten.add(BOX)
    one.predict(1.0)
    for _ in range(10):
        ten.predict(0.1)
    for kalman in (one, ten):
        kalman.correct(np.array([0]), BOX + np.array([20.0, 0, 0, 0]))
    np.testing.assert_allclose(one.position, ten.position, rtol=1e-9)
    np.testing.assert_allclose(one.velocity, ten.velocity, rtol=1e-9)


def test_a_shrinking_box_does_not_turn_inside_out() -> None:
    kalman = BoxKalman()
    kalman.add(BOX)
    for k in range(1, 6):
        kalman.predict(0.1)
        kalman.correct(np.array([0]), BOX - np.array([0, 0, 6.0 * k, 15.0 * k]))
    kalman.predict(10)
    assert (kalman.position[:, 2:] >= 1).all()


def test_rows_are_kept_together() -> None:
    kalman = BoxKalman()
    kalman.add(np.concatenate([BOX, BOX + 50, BOX + 100]))
    kalman.keep(np.array([True, False, True]))
    np.testing.assert_array_equal(kalman.position, np.concatenate([BOX, BOX + 100]))
    assert len(kalman) == 2
    kalman.predict(0.1)
    kalman.correct(np.array([1]), BOX)
    assert len(kalman.velocity) == 2


def test_corners_and_centres_are_inverse() -> None:
    xyxy = np.array([[10.0, 20.0, 50.0, 100.0]])
    np.testing.assert_array_equal(center_size(xyxy), [[30, 60, 40, 80]])
    np.testing.assert_array_equal(corners(center_size(xyxy)), xyxy)
