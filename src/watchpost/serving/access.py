"""Who may read and publish: credentials behind a protocol, checked for every request, guessing slowed down."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from watchpost.clock import Clock
from watchpost.serving import digest
from watchpost.serving.rtsp_messages import Request
from watchpost.serving.rtsp_target import Target, parse_target

_MOST_FAILURES: Final = 5
_WINDOW_S: Final = 60.0
_MOST_ADDRESSES: Final = 4096


class Credentials(Protocol):
    """The users of a server. Methods may be called from any thread, and may take their time."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has to say who they are, at present."""

    @property
    def is_basic(self) -> bool:
        """Ask for passwords as they are (Basic), because only their hashes are known; else for Digest."""

    def password_of(self, user: str) -> str | None:
        """What Digest is to be checked against, `None` for an unknown user."""

    def accepts(self, user: str, password: str, address: str) -> bool:
        """Whether this is the user's password."""

    def may(self, user: str, target: Target) -> bool:
        """Whether the user may read, or publish, this."""


class TokenCredentials:
    """One password for all: the page's token, with any user name."""

    def __init__(self, token: str) -> None:
        self._token = token

    is_open = False
    is_basic = False

    def password_of(self, user: str) -> str | None:
        """The token."""
        return self._token if user else None

    def accepts(self, user: str, password: str, address: str) -> bool:  # noqa: ARG002 - others look at the address
        """Whether the password is the token, in constant time."""
        return bool(user) and hmac.compare_digest(password.encode("utf-8", "surrogatepass"), self._token.encode())

    def may(self, user: str, target: Target) -> bool:  # noqa: ARG002 - as the token does for the page
        """Everything."""
        return True


def network(address: str) -> str:
    """Who is counted as one: an IPv4 address, or an IPv6 /64, which one host may roam at will."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6 and parsed.ipv4_mapped:  # so an IPv4 client looks to a server that listens at `::`
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 32 if parsed.version == 4 else 64), strict=False))


@dataclass(frozen=True, slots=True)
class Grant:
    """Who was let in, and to what."""

    user: str
    """Empty where nobody had to say."""
    target: Target
    password: str | None = field(default=None, repr=False)
    """What Basic brought: a token may be revoked while the stream goes on."""
    address: str = ""


class DeniedError(Exception):
    """The request is answered with `status`; with 401, and these challenges."""

    def __init__(self, status: int, challenges: list[str] | None = None) -> None:
        super().__init__(str(status))
        self.status = status
        self.challenges = challenges or []


class Access:
    """Checks requests against credentials. From any thread."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._nonces = digest.Nonces(clock)
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, request: Request, target: Target, address: str) -> Grant:
        """Who asks, who may do so. Raises `DeniedError`."""
        if self._credentials.is_open:
            return Grant("", target)
        address = network(address)
        if self._has_guessed(address):
            raise DeniedError(429)
        header = request.headers.get("authorization")
        if header is None:
            raise self._challenge(address)
        try:
            given = digest.parse(header)
        except digest.BadAuthorizationError:
            raise self._challenge(address) from None
        if isinstance(given, digest.Basic):
            is_right = self._credentials.accepts(given.user, given.password, address)
        else:
            is_right = self._is_right(given, request, target, address)
        if not is_right:
            self._note_failure(address)
            raise self._challenge(address)
        if not self._credentials.may(given.user, target):
            raise DeniedError(403)
        password = given.password if isinstance(given, digest.Basic) else None
        return Grant(given.user, target, password, address)

    def still_holds(self, grant: Grant) -> bool:
        """Whether who was let in by `check` would be let in again: a stream goes on for hours."""
        if not grant.user:
            return self._credentials.is_open
        if grant.password is not None and not self._credentials.accepts(grant.user, grant.password, grant.address):
            return False
        return self._credentials.may(grant.user, grant.target)

    def _is_right(self, given: digest.Digest, request: Request, target: Target, address: str) -> bool:
        if self._credentials.is_basic:
            raise self._challenge(address)
        if not self._nonces.is_ours(
            given.nonce, address
        ):  # of a server before this one, perhaps: no guess at a password
            raise self._challenge(address, is_stale=True)
        # some players sign the session's address where they ask for one of its streams: the same camera is enough
        meant = parse_target(given.uri)
        if meant is None or (meant.name, meant.view) != (target.name, target.view):
            return False
        password = self._credentials.password_of(given.user)
        known = password is not None
        if not digest.is_right(given, password if password is not None else "", request.method) or not known:
            return False
        if not self._nonces.is_fresh(given.nonce):
            raise self._challenge(address, is_stale=True)
        return True

    def _challenge(self, address: str, *, is_stale: bool = False) -> DeniedError:
        nonce = self._nonces.new(address)
        is_basic = self._credentials.is_basic
        return DeniedError(401, digest.challenges(nonce, is_basic=is_basic, is_stale=is_stale))

    def _has_guessed(self, address: str) -> bool:
        """Whether this address has tried wrong passwords too often lately."""
        with self._lock:
            failures = self._failures.get(address, deque())
            while failures and failures[0] <= self._clock.monotonic_s() - _WINDOW_S:
                failures.popleft()
            return len(failures) >= _MOST_FAILURES

    def _note_failure(self, address: str) -> None:
        with self._lock:
            self._failures.setdefault(address, deque(maxlen=_MOST_FAILURES)).append(self._clock.monotonic_s())
            self._failures.move_to_end(address)
            if len(self._failures) > _MOST_ADDRESSES:
                self._failures.popitem(last=False)
