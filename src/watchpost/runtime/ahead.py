"""Several frames at once through a stateless step, and out again in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from watchpost.runtime.mailbox import Mailbox

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    take: Callable[[], Item | None], work: Callable[[Item], Result], parallel: int
) -> Iterator[tuple[Item, Result]]:
    """Each item that `take` gives, until `None`, with `work` done on it, at most `parallel` of them at once.

    An item is taken only when there is room to start on it, so that a source of newest frames gives the newest.
    An error of `work` is raised in its item's turn. Calls without threads for `parallel` 1.
    """
    if parallel <= 1:
        while (item := take()) is not None:
            yield item, work(item)
        return
    room = threading.Semaphore(parallel)
    started: Mailbox[tuple[Item, Future[Result]]] = Mailbox(parallel)
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="detect")

    def start() -> None:
        while room.acquire() and (item := take()) is not None:
            try:
                future = pool.submit(work, item)
            except RuntimeError:  # shut down: nobody waits for results any more
                return
            started.put((item, future), wait=True)
        started.close()

    threading.Thread(target=start, name="detect ahead", daemon=True).start()
    try:
        while (pair := started.get()) is not None:
            item, future = pair
            result = future.result()
            room.release()
            yield item, result
    finally:
        # After an error `start` may still wait in `take`: it ends when that does, and is not waited for.
        pool.shutdown(wait=False, cancel_futures=True)
        started.close(discard=True)
        room.release()
