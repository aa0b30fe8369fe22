"""A camera that sends packets and shows nothing is found out."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.video.blindness import EVERY_S, FROZEN_FOR_S, Sight

SHAPE = (36, 64)


def scene(seed: int, noise: int = 3) -> np.ndarray:
    """A slope from dark to light, with the noise of a sensor."""
    slope = np.linspace(20, 220, SHAPE[1])[None].repeat(SHAPE[0], axis=0)
    return (slope + np.random.default_rng(seed).integers(0, noise, SHAPE)).astype(np.uint8)


def flat(level: int, seed: int = 0, noise: int = 4) -> np.ndarray:
    return (level + np.random.default_rng(seed).integers(0, noise, SHAPE)).astype(np.uint8)


def test_pictures_are_wanted_once_in_a_while() -> None:
    sight = Sight()
    assert sight.wants(0.0)
    sight.see(0.0, scene(0))
    assert not sight.wants(EVERY_S - 0.1)
    assert sight.wants(EVERY_S)


@pytest.mark.parametrize(("level", "expected"), [(0, "dark"), (16, "dark"), (90, "covered"), (235, "covered")])
def test_one_grey_is_dark_or_covered_after_ten_seconds_and_over_with_one_picture(level: int, expected: str) -> None:
    sight = Sight()
    for number in range(2):
        sight.see(number * 5.0, flat(level, number))
        assert sight.blindness is None
    sight.see(10.0, flat(level, 2))
    assert sight.blindness == expected
    sight.see(15.0, scene(1))
    assert sight.blindness is None
    sight.see(20.0, flat(level, 3))
    assert sight.blindness is None  # ten seconds anew


def test_a_picture_that_does_not_change_at_all_is_frozen_after_minutes() -> None:
    sight = Sight()
    still = scene(7)
    at_s = 0.0
    while at_s < FROZEN_FOR_S:
        sight.see(at_s, still.copy())
        assert sight.blindness is None
        at_s += 10.0
    sight.see(at_s, still)
    assert sight.blindness == "frozen"
    moved = still.copy()
    moved[20, 30] += 1
    sight.see(at_s + 10, moved)
    assert sight.blindness is None


def test_few_pictures_are_no_proof_of_a_frozen_one() -> None:
    sight = Sight()
    for number in range(15):
        sight.see(number * 60.0, scene(7))
    assert sight.blindness is None


def test_a_quiet_scene_with_the_noise_of_a_sensor_is_seen() -> None:
    sight = Sight()
    for number in range(100):
        sight.see(number * 5.0, scene(number, noise=2))
        assert sight.blindness is None
