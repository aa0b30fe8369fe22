"""A thread a camera."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from watchpost.fleet.feed import Feed


def run_threads(feeds: Sequence[Feed], work: Callable[[Feed, threading.Event], None], stop: threading.Event) -> None:
    """Run `work` for each camera in a thread of its own; ends with the last. Raises what the first to fail raised."""
    errors: list[Exception] = []

    def guarded(feed: Feed) -> None:
        try:
            work(feed, stop)
        except Exception as error:
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(feed,), name=feed.name, daemon=True) for feed in feeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
