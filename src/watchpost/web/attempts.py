"""Who guesses has to wait: failures counted by address and by user, over a sliding window."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict, deque
from typing import Final

from watchpost.clock import Clock

_MAX_KEYS: Final = 4096


class TooManyAttemptsError(Exception):
    """There were too many wrong tries; `retry_after_s` says when the next is looked at."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class Attempts:
    """Counts the failures of each key, `most` of them within `window_s`. Methods may be called from any thread."""

    def __init__(self, most: int, window_s: float, clock: Clock) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise `TooManyAttemptsError` for one that has failed too often."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            failures = self._failures.get(key, deque())
            while failures and failures[0] <= now_s - self._window_s:
                failures.popleft()
            if len(failures) >= self._most:
                raise TooManyAttemptsError(failures[0] + self._window_s - now_s)

    def failed(self, key: str) -> None:
        """Note a failure; of too many keys, those that have not failed for longest are forgotten."""
        with self._lock:
            self._failures.setdefault(key, deque(maxlen=self._most)).append(self._clock.monotonic_s())
            self._failures.move_to_end(key)
            if len(self._failures) > _MAX_KEYS:
                self._failures.popitem(last=False)

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._failures)


def network_of(address: str) -> str:
    """Who is counted as one: an IPv4 address, or an IPv6 /64, which one host may roam at will."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:  # so an IPv4 client looks to a server that listens at `::`
        parsed = parsed.ipv4_mapped
    prefix = 32 if parsed.version == 4 else 64
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
