"""Whose turn it is: deficit round robin with weights and a guaranteed rate (Shreedhar and Varghese 1995, section 3)."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")

LEAST_WEIGHT: Final = 0.01
LARGEST_WEIGHT: Final = 100.0
_OUTLIER: Final = 10.0
"""How many times the usual cost of a turn counts for what is usual, at most."""
_LARGEST_DEBT: Final = 200.0
"""Quanta that a turn may leave as a debt, or one turn's cost where that is more."""


@dataclass(slots=True)
class _Party:
    weight: float
    interval_s: float
    """It is promised a turn this long after the last one, if it wants one; infinite without a promise."""
    cost: float
    quantum: float
    """The credit that a visit brings."""
    promised_s: float
    """When the next promised turn is due."""
    credit: float = 0.0
    is_noted: bool = False
    """It has its entry among the promises."""


class FairTurns(Generic[Key]):
    """Gives out turns among those that want one: `want`, then `take`, one turn for each `want`.

    Turns are shared by weight among those that always want one. Whoever has wanted one for longer than its promised
    rate allows comes first, the longest overdue before the others, and pays for it like for any other turn. So nobody
    with a promise starves: a turn comes at the latest 1 / `promised_per_s` after the last and one turn of each
    other that has a promise. Without any promises nobody starves either.

    Pure: no threads, no clock. Costs are in any unit; `quantum` is the credit, in that unit, that a visit of
    the round brings to the heaviest: small against the costs for smooth turns, of their size for few visits.
    """

    def __init__(self, quantum: float = 1.0) -> None:
        self._quantum = quantum
        self._parties: dict[Key, _Party] = {}
        self._ring: OrderedDict[Key, None] = OrderedDict()
        """Who wants a turn; the next to be visited first."""
        self._promises: list[tuple[float, int, Key, _Party]] = []
        """A heap of at most one (due, serial, who, party) each; who has had a turn since is due later than it says."""
        self._serials = itertools.count()

    def add(
        self, key: Key, now_s: float, *, weight: float = 1.0, promised_per_s: float = 0.0, cost: float = 1.0
    ) -> None:
        """A new party. Raises `ValueError` for one that is there already, or a weight or rate out of range."""
        if key in self._parties:
            raise ValueError(f"{key} takes part already")
        if not LEAST_WEIGHT <= weight <= LARGEST_WEIGHT:
            raise ValueError(f"weight: expected {LEAST_WEIGHT} to {LARGEST_WEIGHT:g}, got {weight}")
        if not 0 <= promised_per_s < math.inf:
            raise ValueError(f"promised_per_s: expected 0 or more, got {promised_per_s}")
        interval_s = 1 / promised_per_s if promised_per_s else math.inf
        self._parties[key] = _Party(weight, interval_s, cost, 0.0, now_s + interval_s)
        self._set_quanta()

    def remove(self, key: Key) -> None:
        """Forget a party and its wish."""
        del self._parties[key]
        self._ring.pop(key, None)
        self._set_quanta()

    def want(self, key: Key) -> None:
        """`key` wants a turn; asking again before it has come changes nothing."""
        if key in self._ring:
            return
        party = self._parties[key]
        self._ring[key] = None
        if party.credit >= party.cost:  # its visit is not over
            self._ring.move_to_end(key, last=False)
        if party.interval_s < math.inf and not party.is_noted:
            party.is_noted = True
            heapq.heappush(self._promises, (party.promised_s, next(self._serials), key, party))

    def drop(self, key: Key) -> None:
        """`key` does not want a turn any more."""
        self._ring.pop(key, None)

    def __len__(self) -> int:
        """How many want a turn."""
        return len(self._ring)

    def take(self, now_s: float) -> Key | None:
        """Who has the next turn, `None` when nobody wants one."""
        if not self._ring:
            return None
        key = self._overdue(now_s)
        if key is None:
            key = self._next_with_credit()
        party = self._parties[key]
        del self._ring[key]
        # A promise is kept also for who has no credit, but it runs up no debt of more than one turn.
        party.credit = max(party.credit - party.cost, -party.cost)
        party.promised_s = now_s + party.interval_s
        return key

    def settle(self, key: Key, cost: float) -> None:
        """The last turn of `key` has in fact cost so much: charge the difference, and reckon the next by it.

        A single turn that took very long is not paid for by as long a wait: it is nothing that `key` has chosen.
        """
        party = self._parties[key]
        party.credit += party.cost - cost
        party.cost += 0.2 * (min(cost, _OUTLIER * party.cost) - party.cost)
        party.credit = max(party.credit, -max(party.cost, _LARGEST_DEBT * self._quantum))

    def _overdue(self, now_s: float) -> Key | None:
        """Who has waited longest beyond what was promised."""
        while self._promises and self._promises[0][0] <= now_s:
            due_s, _, key, party = self._promises[0]
            if key not in self._ring or self._parties[key] is not party:
                heapq.heappop(self._promises)
                party.is_noted = False
            elif party.promised_s > due_s:
                heapq.heapreplace(self._promises, (party.promised_s, next(self._serials), key, party))
            else:
                return key
        return None

    def _next_with_credit(self) -> Key:
        """Go round, giving credit on each visit, until somebody can pay; there is somebody who wants a turn."""
        fruitless = 0
        while True:
            key = next(iter(self._ring))
            party = self._parties[key]
            if party.credit < party.cost:
                party.credit += party.quantum
            if party.credit >= party.cost:
                return key
            self._ring.move_to_end(key)
            fruitless += 1
            if fruitless == len(self._ring):
                self._skip_rounds()
                fruitless = 0

    def _skip_rounds(self) -> None:
        """Credit the rounds in which nobody could pay yet, at once."""
        wanting = [self._parties[key] for key in self._ring]
        rounds = min(math.ceil((party.cost - party.credit) / party.quantum) for party in wanting) - 1
        for party in wanting:
            party.credit += rounds * party.quantum

    def _set_quanta(self) -> None:
        heaviest = max((party.weight for party in self._parties.values()), default=1.0)
        for party in self._parties.values():
            party.quantum = self._quantum * party.weight / heaviest
