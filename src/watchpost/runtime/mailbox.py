"""A bounded hand-over between two threads: for cameras the newest wins, for files the giver waits."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds at most `capacity` items for givers that wait; who does not wait replaces all (`dropped`)."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: T, *, wait: bool = False) -> bool:
        """Hand over an item: with `wait` when there is room, else at once, in place of what nobody has taken yet.

        False when the box is closed.
        """
        with self._changed:
            while wait and len(self._items) >= self._capacity and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            if not wait:
                self.dropped += len(self._items)
                self._items.clear()
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> T | None:
        """The oldest item, waiting for one; `None` once the box is closed and empty."""
        with self._changed:
            while not self._items and not self._closed:
                self._changed.wait()
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self, *, discard: bool = False) -> None:
        """Take no more; what is inside can still be got, unless `discard`."""
        with self._changed:
            self._closed = True
            if discard:
                self._items.clear()
            self._changed.notify_all()
