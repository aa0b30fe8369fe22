"""Several frames at once through a stateless step, and out again in their order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
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
    jobs: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()

    def start() -> None:
        try:
            while room.acquire() and (item := take()) is not None:
                job = item, Future[Result]()
                if not started.put(job, wait=True):  # nobody waits for results any more
                    return
                jobs.put(job)
        finally:
            started.close()
            for _ in range(parallel):
                jobs.put(None)

    def run() -> None:
        while (job := jobs.get()) is not None:
            item, future = job
            try:
                future.set_result(work(item))
            except Exception as error:  # raised in the item's turn
                future.set_exception(error)

    # Threads of our own: a pool's are waited for at the program's end, so that work that hangs would hold it up.
    threading.Thread(target=start, name="detect ahead", daemon=True).start()
    for number in range(parallel):
        threading.Thread(target=run, name=f"detect {number}", daemon=True).start()
    try:
        while (pair := started.get()) is not None:
            item, future = pair
            result = future.result()
            room.release()
            yield item, result
    finally:
        # After an error `start` may still wait in `take`: it ends when that does, and is not waited for.
        started.close(discard=True)
        room.release()
