"""Who asks: Basic and Digest authentication (RFC 7617, RFC 7616), as a server must check it.

Digest is offered with SHA-256 and, for the many players that know nothing else, with MD5; answers with `qop=auth` and
the older ones without are both understood. A nonce carries its own time and seal, so that none has to be remembered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from watchpost.clock import Clock

REALM: Final = "Watchpost"
NONCE_S: Final = 300.0
"""An older nonce is answered with a new one, without asking the user again (section 3.3: stale)."""
_HASHES: Final = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
_PARAMETER: Final = re.compile(r'([A-Za-z]{1,20})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,\s*|$)')
_ESCAPED: Final = re.compile(r"\\(.)")
_LONGEST: Final = 4096
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}")


class BadAuthorizationError(Exception):
    """This `Authorization` header can not be understood."""


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password, as they were typed."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A proof that somebody knows a user's password."""

    user: str
    uri: str
    nonce: str
    algorithm: str
    response: str
    client_nonce: str
    count: str
    has_quality: bool
    """With `qop=auth`."""


def parse(header: str) -> Basic | Digest:
    """What an `Authorization` header holds. Raises `BadAuthorizationError`."""
    scheme, _, rest = header.strip().partition(" ")
    if len(header) > _LONGEST:
        raise BadAuthorizationError
    if scheme.lower() == "basic":
        return _basic(rest.strip())
    if scheme.lower() == "digest":
        return _digest(_parameters(rest.strip()))
    raise BadAuthorizationError


def _basic(text: str) -> Basic:
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise BadAuthorizationError from None
    if not colon:
        raise BadAuthorizationError
    return Basic(user, password)


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None or match[1].lower() in found:
            raise BadAuthorizationError
        found[match[1].lower()] = match[3] if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        at = match.end()
    return found


def _digest(fields: Mapping[str, str]) -> Digest:
    quality = fields.get("qop")
    algorithm = fields.get("algorithm", "MD5").upper()
    missing = {"username", "realm", "nonce", "uri", "response"} - fields.keys()
    if missing or fields["realm"] != REALM or algorithm not in _HASHES or quality not in (None, "auth"):
        raise BadAuthorizationError
    if quality and not (_COUNT.fullmatch(fields.get("nc", "")) and fields.get("cnonce")):
        raise BadAuthorizationError
    return Digest(
        fields["username"],
        fields["uri"],
        fields["nonce"],
        algorithm,
        fields["response"],
        fields.get("cnonce", ""),
        fields.get("nc", ""),
        quality is not None,
    )


def response(digest: Digest, password: str, method: str) -> str:
    """What `digest.response` must be (section 3.4.1; without `qop` as RFC 2069 has it)."""

    def hashed(text: str) -> str:
        return _HASHES[digest.algorithm](text.encode("utf-8", "surrogatepass")).hexdigest()

    secret = hashed(f"{digest.user}:{REALM}:{password}")
    request = hashed(f"{method}:{digest.uri}")
    between = f"{digest.count}:{digest.client_nonce}:auth:" if digest.has_quality else ""
    return hashed(f"{secret}:{digest.nonce}:{between}{request}")


def is_right(digest: Digest, password: str, method: str) -> bool:
    """Whether the proof holds, in constant time."""
    expected = response(digest, password, method)
    return hmac.compare_digest(expected.encode(), digest.response.lower().encode("utf-8", "surrogatepass"))


class Nonces:
    """Makes nonces and knows them again: their time, sealed with a key of this process, for one client's address."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._clock = clock
        self._key = random(32)

    def new(self, address: str) -> str:
        """A nonce for a client."""
        made = f"{round(self._clock.monotonic_s() * 1000):x}"
        return f"{made}.{self._seal(made, address)}"

    def is_ours(self, nonce: str, address: str) -> bool:
        """Whether it was made here for this client, however long ago."""
        made, _, seal = nonce.partition(".")
        return hmac.compare_digest(seal.encode("utf-8", "surrogatepass"), self._seal(made, address).encode())

    def is_fresh(self, nonce: str) -> bool:
        """Whether a nonce that is ours still holds."""
        return self._clock.monotonic_s() - int(nonce.partition(".")[0], 16) / 1000 < NONCE_S

    def _seal(self, made: str, address: str) -> str:
        text = f"{made} {address}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


def challenges(nonce: str, *, is_basic: bool, is_stale: bool = False) -> list[str]:
    """The `WWW-Authenticate` headers: Basic alone, or Digest, the older MD5 last, where most players look."""
    if is_basic:
        return [f'Basic realm="{REALM}", charset="UTF-8"']
    stale = ", stale=true" if is_stale else ""
    return [
        f'Digest realm="{REALM}", nonce="{nonce}", algorithm=SHA-256, qop="auth"{stale}',
        f'Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5{stale}',
    ]
