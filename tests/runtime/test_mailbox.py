"""A mailbox holds the newest, or makes its giver wait."""

from __future__ import annotations

import threading

from watchpost.runtime.mailbox import Mailbox


def test_the_newest_item_wins_and_losses_are_counted() -> None:
    box: Mailbox[int] = Mailbox(3)
    for item in range(5):
        box.put(item)
    assert (box.get(), box.dropped) == (4, 4)


def test_a_waiting_giver_is_freed_by_the_taker_or_the_close() -> None:
    box: Mailbox[int] = Mailbox(1)
    results: list[bool] = []
    giver = threading.Thread(target=lambda: results.extend(box.put(item, wait=True) for item in range(3)))
    giver.start()
    assert [box.get(), box.get()] == [0, 1]
    giver.join(10)
    box.close()
    assert (results, box.get(), box.get(), box.put(9)) == ([True] * 3, 2, None, False)
