"""Passwords: what makes one, and their hashes by Argon2id (RFC 9106, section 4: the second recommended choice)."""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from watchpost.errors import WatchpostError

MIN_PASSWORD_LENGTH: Final = 10
"""Characters."""
MAX_PASSWORD_LENGTH: Final = 200


class UnfitPasswordError(WatchpostError):
    """A password that nobody should have."""


def check_password(password: str, user: str) -> None:
    """Raise `UnfitPasswordError` for a password that is too short, too long, or the user's name."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise UnfitPasswordError(f"a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.")
    if password.casefold() == user.casefold() or len(set(password)) < 4:
        raise UnfitPasswordError("this password is guessed at once; choose another one.")


class Passwords:
    """Makes and checks hashes. Each takes a quarter of a second of a core and 64 MiB: call from a thread."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
        self._lock = threading.Lock()
        self._nobodys: str | None = None

    def hashed(self, password: str) -> str:
        """The hash, with its salt and costs, as PHC string."""
        return self._hasher.hash(_normal(password))

    def fits(self, password: str, hashed: str | None) -> bool:
        """Whether the hash is of this password. `None`, of a user that is not there, takes just as long."""
        with self._lock:
            if self._nobodys is None:  # made at the first check of all, whoever it is of
                self._nobodys = self._hasher.hash("nobody's password")
        try:
            self._hasher.verify(hashed or self._nobodys, _normal(password[: 4 * MAX_PASSWORD_LENGTH]))
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None


def _normal(password: str) -> bytes:
    """One form of what keyboards and systems write in several (RFC 8265, section 4.2.1)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
