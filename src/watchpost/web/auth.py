"""Who asks: by a session's cookie, by a token, or by name and password; and when nobody needs to say.

Tokens come in an `Authorization: Bearer` header (RFC 6750, section 2.1). Neither they nor passwords ever stand in a
URL, a cookie or a log.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from anyio import CapacityLimiter, to_thread

from watchpost.clock import Clock
from watchpost.config import MIN_TOKEN_LENGTH, is_loopback
from watchpost.errors import ConfigError
from watchpost.web.access import UNNAMED_ADMIN, User
from watchpost.web.accounts import SESSION_S, Accounts, digest
from watchpost.web.attempts import Attempts, network_of
from watchpost.web.es.credentials import Credential

_MAX_SESSIONS: Final = 256
_MAX_VERIFIED: Final = 256
_HASHES_AT_ONCE: Final = 2
_ATTEMPTS_OF_ADDRESS: Final = (5, 60.0)
_ATTEMPTS_OF_USER: Final = (20, 300.0)
_LOCAL_HOST: Final = re.compile(r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def check_binding(host: str, *, is_guarded: bool) -> None:
    """Raise `ConfigError` for an address beyond loopback without a token or a user."""
    if not is_guarded and not is_loopback(host):
        raise ConfigError(
            f"the page would be open to everybody who reaches {host or 'this machine'}: make a user "
            f"(watchpost users add NAME), set a token of at least {MIN_TOKEN_LENGTH} characters "
            "(make one with: openssl rand -hex 16), or bind to 127.0.0.1."
        )


def is_local_host_header(value: str) -> bool:
    """Whether a Host header names this machine: a rebound DNS name of a foreign web page does not."""
    return _LOCAL_HOST.fullmatch(value) is not None


def csrf_token(session_key: str) -> str:
    """What a page sends in the header X-CSRF-Token with all that changes something, or nothing without a session.

    Other sites' pages have a session's cookie sent along, perhaps, but can not read this.
    """
    return hmac.new(session_key.encode(), b"watchpost csrf", hashlib.sha256).hexdigest() if session_key else ""


@dataclass(frozen=True, slots=True)
class Known:
    """Who asks, and whether that still holds: an answer may go on for hours."""

    user: User
    look: Callable[[], User | None]
    """The same question again."""
    has_cookie: bool = False

    def still_holds(self) -> bool:
        """Whether the user is there and may do the same."""
        return self.look() == self.user


class Gatekeeper:
    """Knows the server's token, the accounts, and the sessions of those who logged in. Methods belong to any thread.

    Raises `ConfigError` for a token that is too short.
    """

    def __init__(self, token: str | None, accounts: Accounts | None, clock: Clock) -> None:
        if token is not None and len(token) < MIN_TOKEN_LENGTH:
            raise ConfigError(
                f"the token has {len(token)} characters, it needs at least {MIN_TOKEN_LENGTH}; "
                "make one with: openssl rand -hex 16."
            )
        self.accounts = accounts
        self._token = None if token is None else digest(token)
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, float] = OrderedDict()
        """Of those who came with the server's token: digest of the key -> monotonic time at which it ends."""
        self._verified: OrderedDict[bytes, str] = OrderedDict()
        """Name and password, under a key that is gone with the program -> the hash that they fit."""
        self._verified_key = secrets.token_bytes(32)
        self._hashing = CapacityLimiter(_HASHES_AT_ONCE)
        self._addresses = Attempts(*_ATTEMPTS_OF_ADDRESS, clock)
        self._users = Attempts(*_ATTEMPTS_OF_USER, clock)
        self._is_guarded = False

    @property
    def is_guarded(self) -> bool:
        """Whether one has to log in. Who has asked for it once goes on: removing the last user opens nothing."""
        if not self._is_guarded:
            self._is_guarded = self._token is not None or (self.accounts is not None and self.accounts.has_users())
        return self._is_guarded

    @property
    def takes_token(self) -> bool:
        """Whether the server has a token of its own."""
        return self._token is not None

    # ---- sessions

    def session(self, key: str) -> Known | None:
        """Who has the session of that key."""
        user = self._session_user(key)
        return None if user is None else Known(user, partial(self._session_user, key), has_cookie=True)

    def close_session(self, key: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(digest(key), None)
        if self.accounts is not None:
            self.accounts.close_session(key)

    async def log_in(self, name: str, secret: str, address: str) -> str | None:
        """The key of a new session: for name and password, or for no name and the server's token. `None`: wrong.

        Raises `TooManyAttemptsError` for an address, or a user's name, with too many wrong ones.
        """
        if not name:
            self._addresses.check(network_of(address))
            if self._is_token(secret):
                return self._open_token_session()
            self._addresses.failed(network_of(address))
            return None
        user = await self.password_user(name, secret, address)
        if user is None or self.accounts is None:
            return None
        return await to_thread.run_sync(self.accounts.open_session, user.name)

    # ---- credentials in a header

    async def holder(self, credentials: tuple[Credential, ...], address: str) -> Known | None:
        """Who has one of these credentials. Raises `TooManyAttemptsError` as `log_in` does."""
        for each in credentials:
            self._addresses.check(network_of(address))
            user = self._token_user(each.secret)
            if user is not None:
                return Known(user, partial(self._token_user, each.secret))
            if each.name:
                user = await self.password_user(each.name, each.secret, address)
                if user is not None:
                    return Known(user, partial(self._user, each.name))
            else:
                self._addresses.failed(network_of(address))
        return None

    async def password_user(self, name: str, password: str, address: str) -> User | None:
        """The user with this name and password. Of a name that is not there it takes just as long."""
        if self.accounts is None:
            self._addresses.failed(network_of(address))
            return None
        self._check_attempts(name, address)  # before what is known: that a guess is right is not to be learnt either
        found = self.accounts.hash_of(name)
        mark = hmac.digest(self._verified_key, f"{name}\0{password}".encode("utf-8", "surrogatepass"), "sha256")
        if found is not None and self._verified.get(mark) == found[1]:
            return found[0]
        async with self._hashing:  # who comes with many at once has them looked at, and counted, one after the other
            self._check_attempts(name, address)
            fits = await to_thread.run_sync(self.accounts.passwords.fits, password, None if found is None else found[1])
            if fits and found is not None:
                self._verified[mark] = found[1]
                if len(self._verified) > _MAX_VERIFIED:
                    self._verified.popitem(last=False)
                return found[0]
            self._addresses.failed(network_of(address))
            self._users.failed(name.casefold())
            return None

    def _check_attempts(self, name: str, address: str) -> None:
        self._addresses.check(network_of(address))
        self._users.check(name.casefold())

    async def run_hash(self, work: Callable[..., None], *values: str) -> None:
        """Run in a thread what takes as long as a hash, a few at once."""
        async with self._hashing:
            await to_thread.run_sync(work, *values)

    # ---- one kind after the other

    def _token_user(self, secret: str) -> User | None:
        if self._is_token(secret):
            return UNNAMED_ADMIN
        return None if self.accounts is None else self.accounts.token_user(secret)

    def _is_token(self, secret: str) -> bool:
        return self._token is not None and hmac.compare_digest(digest(secret), self._token)

    def _session_user(self, key: str) -> User | None:
        with self._lock:
            ends_s = self._sessions.get(digest(key))
        if ends_s is not None:
            return UNNAMED_ADMIN if self._clock.monotonic_s() < ends_s else None
        return None if self.accounts is None else self.accounts.session_user(key)

    def _open_token_session(self) -> str:
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[digest(key)] = self._clock.monotonic_s() + SESSION_S
            if len(self._sessions) > _MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return key

    def _user(self, name: str) -> User | None:
        found = None if self.accounts is None else self.accounts.hash_of(name)
        return None if found is None else found[0]
