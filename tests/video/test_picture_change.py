from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from watchpost.video.picture_change import COLUMNS, ROWS, PictureChange

Grey = NDArray[np.uint8]


def scene(noise: float = 0.7, seed: int = 0) -> Grey:
    """A ramp from left to right with noise of its own."""
    ramp = np.tile(np.linspace(60, 180, COLUMNS), (ROWS, 1))
    return np.clip(ramp + np.random.default_rng(seed).standard_normal((ROWS, COLUMNS)) * noise, 0, 255).astype(np.uint8)


def settled(pictures: int = 10) -> PictureChange:
    change = PictureChange()
    for seed in range(pictures):
        assert not change.differs(scene(seed=seed))
        change.follow(0.2)
        change.learn_noise()
    return change


def with_person(picture: Grey, row: int = 10, column: int = 20) -> Grey:
    """Somebody 5 cells high and 2 wide."""
    picture = picture.copy()
    picture[row : row + 5, column : column + 2] = 30
    return picture


def test_somebody_in_the_picture() -> None:
    change = settled()
    assert change.is_ready
    assert change.differs(with_person(scene(seed=50)))
    assert change.cells == 10
    assert not change.differs(with_person(scene(seed=51)), fewest=11)
    assert not change.differs(scene(seed=52))


def test_somebody_who_has_become_part_of_the_reference_is_missed_when_gone() -> None:
    change = settled()
    change.differs(with_person(scene(seed=50)))
    change.follow(1.0)
    assert not change.differs(with_person(scene(seed=51)))
    assert change.differs(scene(seed=52))


def test_light_all_over_is_no_change() -> None:
    change = settled()
    assert not change.differs((scene(seed=50) * 1.15).astype(np.uint8))


def test_single_cells_are_no_change() -> None:
    change = settled()
    rain = scene(seed=50)
    rain[::6, ::6] = 255
    assert not change.differs(rain)


def test_what_always_changes_is_learned_as_noise() -> None:
    change = settled()

    def clock(second: int) -> Grey:
        picture = scene(seed=second)
        picture[1, 2:12] = np.random.default_rng(second).integers(0, 255, 10)
        picture[2, 2:12] = np.random.default_rng(second + 1).integers(0, 255, 10)
        return picture

    assert change.differs(clock(100))
    for second in range(101, 130):
        change.differs(clock(second))
        change.follow(0.2)
        change.learn_noise()
    assert sum(change.differs(clock(second)) for second in range(200, 220)) <= 2
    assert change.differs(with_person(clock(300)))


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(36, 64\)"):
        PictureChange().differs(np.zeros((64, 36), np.uint8))
