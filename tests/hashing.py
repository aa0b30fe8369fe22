"""Hashes that cost little, for tests that are not about their cost."""

from __future__ import annotations

from argon2 import PasswordHasher

from watchpost.web.passwords import Passwords


def cheap_passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
