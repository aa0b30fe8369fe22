"""Who comes when: activity and company, without drawing."""

from __future__ import annotations

import numpy as np
import pytest

from watchpost.scene.options import SceneOptions
from watchpost.scene.room import furnish
from watchpost.scene.timetable import Timetable


def company(seconds: int, **options: float) -> np.ndarray:
    """How many are in view in each frame."""
    chosen = SceneOptions.model_validate({"fps": 5, "width": 320, "height": 180, **options})
    counts = np.zeros(seconds * 5, int)
    for visit in Timetable(chosen, furnish(chosen)).visits(len(counts)):
        counts[visit.first : visit.end] += 1
    return counts


@pytest.mark.parametrize(("activity", "people"), [(0.05, 2), (0.3, 1), (0.5, 4), (0.9, 3)])
def test_somebody_is_in_view_for_the_share_of_time_asked_for(activity: float, people: int) -> None:
    counts = company(900, activity=activity, people=people)
    assert (counts > 0).mean() == pytest.approx(activity, abs=0.05)


@pytest.mark.parametrize("people", [1, 3])
def test_full_activity_leaves_no_frame_empty(people: int) -> None:
    assert company(300, activity=1.0, people=people).min() >= 1


@pytest.mark.parametrize("people", [1, 2, 5])
def test_never_more_people_than_asked_for_but_that_many_at_times(people: int) -> None:
    assert company(600, activity=0.9, people=people).max() == people


def test_visits_are_numbered_in_the_order_of_entering() -> None:
    options = SceneOptions(fps=5, people=4)
    visits = Timetable(options, furnish(options)).visits(1500)
    assert [visit.id for visit in visits] == list(range(1, len(visits) + 1))
    assert [visit.first for visit in visits] == sorted(visit.first for visit in visits)


def test_asking_piece_by_piece_gives_the_same_plan() -> None:
    options = SceneOptions(fps=5, people=4, seed=9)
    room = furnish(options)
    whole = Timetable(options, room).visits(1500)
    piecewise = Timetable(options, room)
    for until in (10, 700, 300, 1500):
        visits = piecewise.visits(until)
    assert visits == whole


def test_people_keep_clear_of_things() -> None:
    options = SceneOptions(fps=5, people=3, seed=4)
    room = furnish(options)
    timetable = Timetable(options, room)
    for visit in timetable.visits(1500):
        _, way = timetable.walker(visit.id, visit.attempt)
        for thing in room.things:
            assert way.clearance(thing.x, thing.y) > thing.radius


@pytest.mark.parametrize("size", [(720, 1280), (1920, 300), (64, 720), (1920, 64)])
@pytest.mark.parametrize("seed", range(4))
def test_people_cross_pictures_of_any_shape(size: tuple[int, int], seed: int) -> None:
    width, height = size
    options = SceneOptions(seed=seed, camera=seed, width=width, height=height, people=2)
    visits = Timetable(options, furnish(options)).visits(400)
    assert visits
    assert all(visit.end - visit.first > 5 for visit in visits)
