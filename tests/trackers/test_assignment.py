"""Assignment and overlap."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from watchpost.trackers.assignment import assign, distance_iou


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_trying_everything_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-1, 1, (int(rng.integers(1, 5)), int(rng.integers(5, 7))))
    similarity[rng.random(similarity.shape) < 0.2] = -np.inf
    minimum = 0.1
    gain = np.maximum(similarity - minimum, 0)
    best = max(
        sum(gain[row, column] for row, column in enumerate(columns))
        for columns in permutations(range(similarity.shape[1]), similarity.shape[0])
    )
    rows, columns = assign(similarity, minimum)
    assert (similarity[rows, columns] >= minimum).all()
    assert len(set(columns.tolist())) == len(columns)
    assert gain[rows, columns].sum() == pytest.approx(best)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_assign(shape: tuple[int, int]) -> None:
    rows, columns = assign(np.zeros(shape), 0.5)
    assert len(rows) == len(columns) == 0


def test_a_pair_exactly_at_the_minimum_counts() -> None:
    rows, columns = assign(np.array([[0.5, -np.inf]]), 0.5)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])


def test_all_forbidden() -> None:
    rows, _ = assign(np.full((2, 2), -np.inf), -1.0)
    assert len(rows) == 0


def test_distance_iou_tells_near_from_far() -> None:
    here = np.array([[0.0, 0.0, 10.0, 20.0]])
    there = np.array([[0.0, 0.0, 10.0, 20.0], [12.0, 0.0, 22.0, 20.0], [90.0, 0.0, 100.0, 20.0]])
    same, near, far = distance_iou(here, there)[0]
    assert same == 1
    assert 0 > near > far > -1
    assert near == pytest.approx(-(12**2) / (22**2 + 20**2))


def test_distance_iou_of_points_is_finite() -> None:
    point = np.zeros((1, 4))
    assert np.isfinite(distance_iou(point, point)).all()
