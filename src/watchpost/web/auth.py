"""Who may look: a token beyond loopback, and nobody's web page through a loopback server.

The token comes in an `Authorization: Bearer` header (RFC 6750, section 2.1) or through the login form, which answers
with a session cookie. It never stands in a URL, a cookie or a log.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import threading
from collections import OrderedDict, deque
from typing import Final

from watchpost.clock import Clock
from watchpost.config import MIN_TOKEN_LENGTH, is_loopback
from watchpost.errors import ConfigError

SESSION_S: Final = 7 * 86_400.0
_MAX_SESSIONS: Final = 256
_MAX_ATTEMPTS: Final = 5
_ATTEMPT_WINDOW_S: Final = 60.0
_MAX_ADDRESSES: Final = 4096
_LOCAL_HOST: Final = re.compile(r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def check_binding(host: str, *, is_guarded: bool) -> None:
    """Raise `ConfigError` for an address beyond loopback without a token."""
    if not is_guarded and not is_loopback(host):
        raise ConfigError(
            f"the page would be open to everybody who reaches {host or 'this machine'}: set a token of at least "
            f"{MIN_TOKEN_LENGTH} characters (make one with: openssl rand -hex 16), or bind to 127.0.0.1."
        )


def is_local_host_header(value: str) -> bool:
    """Whether a Host header names this machine: a rebound DNS name of a foreign web page does not."""
    return _LOCAL_HOST.fullmatch(value) is not None


class TooManyAttemptsError(Exception):
    """This address has tried wrong tokens too often; `retry_after_s` says when it may try again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class Gatekeeper:
    """Checks tokens and keeps the sessions of those who logged in. Methods may be called from any thread.

    Raises `ConfigError` for a token that is too short.
    """

    def __init__(self, token: str, clock: Clock) -> None:
        if len(token) < MIN_TOKEN_LENGTH:
            raise ConfigError(
                f"the token has {len(token)} characters, it needs at least {MIN_TOKEN_LENGTH}; "
                "make one with: openssl rand -hex 16."
            )
        self._token = _digest(token)
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        """Digest of the session's key -> monotonic time at which it ends."""
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def accepts_token(self, token: str, address: str) -> bool:
        """Whether the token is right, in constant time. Raises `TooManyAttemptsError` for a guessing address."""
        with self._lock:
            failures = self._recent_failures(address)
            if len(failures) >= _MAX_ATTEMPTS:
                raise TooManyAttemptsError(failures[0] + _ATTEMPT_WINDOW_S - self._clock.monotonic_s())
            if hmac.compare_digest(_digest(token), self._token):
                return True
            failures.append(self._clock.monotonic_s())
            self._failures[_network(address)] = failures
            if len(self._failures) > _MAX_ADDRESSES:
                self._failures.popitem(last=False)
            return False

    def open_session(self) -> str:
        """The key of a new session, for a cookie; the oldest session gives way to the 257th."""
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_digest(key)] = self._clock.monotonic_s() + SESSION_S
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return key

    def accepts_session(self, key: str) -> bool:
        """Whether a session of that key is open."""
        with self._lock:
            ends_s = self._sessions.get(_digest(key))
            return ends_s is not None and self._clock.monotonic_s() < ends_s

    def close_session(self, key: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_digest(key), None)

    def _recent_failures(self, address: str) -> deque[float]:
        failures = self._failures.get(_network(address), deque())
        while failures and failures[0] <= self._clock.monotonic_s() - _ATTEMPT_WINDOW_S:
            failures.popleft()
        return failures


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """Who is counted as one: an IPv4 address, or an IPv6 /64, which one host may roam at will."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:  # so an IPv4 client looks to a server that listens at `::`
        parsed = parsed.ipv4_mapped
    prefix = 32 if parsed.version == 4 else 64
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
