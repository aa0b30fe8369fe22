"""Turns are shared by weight, promises are kept, and nobody starves, whatever comes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchpost.runtime.fairness import FairTurns

WEIGHTS = st.floats(0.1, 10)
RATES = st.floats(0.05, 5)


def greedy(turns: FairTurns[int], parties: int, count: int, step_s: float = 0.1) -> list[int]:
    """`count` turns, one each `step_s`, of parties that always want another."""
    taken = []
    for number in range(count):
        for key in range(parties):
            turns.want(key)
        key = turns.take(number * step_s)
        assert key is not None
        taken.append(key)
    return taken


def test_nobody_who_wants_none_gets_a_turn() -> None:
    turns: FairTurns[str] = FairTurns()
    turns.add("a", 0.0, promised_per_s=1)
    assert turns.take(10.0) is None
    turns.want("a")
    turns.want("a")
    assert len(turns) == 1
    assert [turns.take(10.0), turns.take(20.0)] == ["a", None]
    turns.want("a")
    turns.drop("a")
    assert turns.take(30.0) is None


def test_equal_parties_take_turns() -> None:
    turns: FairTurns[int] = FairTurns()
    for key in range(3):
        turns.add(key, 0.0)
    assert greedy(turns, 3, 9) == [0, 1, 2] * 3


def test_a_promise_comes_before_credit() -> None:
    turns: FairTurns[int] = FairTurns()
    turns.add(0, 0.0, weight=10)
    turns.add(1, 0.0, weight=0.1, promised_per_s=1)
    taken = greedy(turns, 2, 100, step_s=0.1)
    assert 9 <= taken.count(1) <= 10  # by weight alone it were 1


def test_costs_are_shared_by_weight_when_turns_cost_differently() -> None:
    turns: FairTurns[int] = FairTurns(quantum=0.01)
    turns.add(0, 0.0, cost=0.01)
    turns.add(1, 0.0, cost=0.01)
    spent = Counter[int]()
    for _ in range(500):
        turns.want(0)
        turns.want(1)
        key = turns.take(0.0)
        assert key is not None
        cost = 0.04 if key else 0.01
        turns.settle(key, cost)
        spent[key] += cost
    assert spent[0] == pytest.approx(spent[1], rel=0.1)


@given(st.lists(WEIGHTS, min_size=2, max_size=8))
@settings(deadline=None, max_examples=40)
def test_turns_are_shared_by_weight(weights: list[float]) -> None:
    turns: FairTurns[int] = FairTurns()
    for key, weight in enumerate(weights):
        turns.add(key, 0.0, weight=weight)
    taken = Counter(greedy(turns, len(weights), 400))
    for key, weight in enumerate(weights):
        share = 400 * weight / sum(weights)
        # each lags by at most the one turn that it can not pay for yet
        assert abs(taken[key] - share) <= 1 + len(weights)


@given(
    st.lists(st.tuples(WEIGHTS, RATES), min_size=1, max_size=8),
    st.data(),
    st.sampled_from([0.02, 0.3, 1.5]),
)
@settings(deadline=None, max_examples=40)
def test_nobody_starves(parties: list[tuple[float, float]], data: st.DataObject, step_s: float) -> None:
    """However the others come and go, and however long a turn takes: a wish is met within the promise and one round."""
    turns: FairTurns[int] = FairTurns()
    for key, (weight, rate) in enumerate(parties):
        turns.add(key, 0.0, weight=weight, promised_per_s=rate)
    since = dict.fromkeys(range(len(parties)), 0.0)  # of the later of last turn and start
    for number in range(120):
        now_s = number * step_s
        who = data.draw(st.sets(st.sampled_from(range(1, len(parties))))) if len(parties) > 1 else set()
        for key in {0, *who}:  # the first always wants one
            turns.want(key)
        taken = turns.take(now_s)
        assert taken is not None
        since[taken] = now_s
        longest_s = 1 / parties[0][1] + (len(parties) + 1) * step_s
        assert now_s - since[0] <= longest_s + 1e-9


@given(st.lists(st.tuples(WEIGHTS, RATES), min_size=2, max_size=8))
@settings(deadline=None, max_examples=20)
def test_promises_that_can_be_kept_are_kept(parties: list[tuple[float, float]]) -> None:
    turns: FairTurns[int] = FairTurns()
    for key, (weight, rate) in enumerate(parties):
        turns.add(key, 0.0, weight=weight, promised_per_s=rate)
    step_s = 0.9 / sum(rate for _, rate in parties)
    span_s = 20 / min(rate for _, rate in parties)
    taken = Counter(greedy(turns, len(parties), int(span_s / step_s), step_s))
    for key, (_, rate) in enumerate(parties):
        # a promise is due 1/rate after the last turn, and that may be one round late: the rate is kept but for that
        least = span_s / (1 / rate + (len(parties) + 1) * step_s)
        assert taken[key] >= int(least) - 1


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_parties_come_and_go(data: st.DataObject) -> None:
    turns: FairTurns[int] = FairTurns()
    present: set[int] = set()
    wanting: set[int] = set()
    for number in range(60):
        key = data.draw(st.integers(0, 4))
        if key not in present:
            turns.add(key, number, weight=data.draw(WEIGHTS), promised_per_s=data.draw(RATES))
            present.add(key)
        elif data.draw(st.booleans()):
            turns.remove(key)
            present.discard(key)
            wanting.discard(key)
        for each in present:
            if data.draw(st.booleans()):
                turns.want(each)
                wanting.add(each)
        taken = turns.take(number)
        assert (taken in wanting) if wanting else taken is None
        wanting.discard(taken)  # type: ignore[arg-type]
        assert len(turns) == len(wanting)


def test_wrong_parties_are_refused() -> None:
    turns: FairTurns[int] = FairTurns()
    turns.add(1, 0.0)
    with pytest.raises(ValueError, match="already"):
        turns.add(1, 0.0)
    with pytest.raises(ValueError, match="weight"):
        turns.add(2, 0.0, weight=0)
    with pytest.raises(ValueError, match="promised_per_s"):
        turns.add(2, 0.0, promised_per_s=-1)


def test_one_turn_that_took_very_long_is_not_paid_for_by_as_long_a_wait() -> None:
    turns = FairTurns[str](0.005)
    for name in "ab":
        turns.add(name, 0.0, cost=0.01)
    turns.want("a")
    assert turns.take(0.0) == "a"
    turns.settle("a", 20.0)  # a call that hung for a while
    waited_s = 0.0
    for name in "ab":
        turns.want(name)
    while (name := turns.take(0.0)) == "b":
        turns.settle("b", 0.01)
        turns.want("b")
        waited_s += 0.01
    assert name == "a"
    assert waited_s < 1.5
