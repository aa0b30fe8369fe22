from __future__ import annotations

import unicodedata

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from hashing import cheap_passwords
from watchpost.web.passwords import Passwords, UnfitPasswordError, check_password


def test_the_right_password_and_no_other() -> None:
    passwords = cheap_passwords()
    hashed = passwords.hashed("correct horse")
    assert passwords.fits("correct horse", hashed)
    for wrong in ("", "correct hors", "correct horse ", "Correct horse", "x" * 100_000):
        assert not passwords.fits(wrong, hashed)
    assert passwords.hashed("correct horse") != hashed


def test_nobody_has_no_password_but_a_hash_is_made_all_the_same() -> None:
    made = []

    class Counting:
        def hash(self, password: object) -> str:
            return cheap_passwords().hashed("another one")

        def verify(self, hashed: str, password: bytes) -> bool:
            made.append(hashed)
            return True

    passwords = Passwords(Counting())  # type: ignore[arg-type]
    assert not passwords.fits("nobody's password", None)
    assert made[0].startswith("$argon2id$")


def test_a_hash_that_is_none_fits_nothing() -> None:
    assert not cheap_passwords().fits("correct horse", "not a hash")


def test_a_password_may_be_typed_in_any_form_of_unicode() -> None:
    passwords = cheap_passwords()
    password = "비밀번호 여섯 자리"
    apart = unicodedata.normalize("NFD", password)
    assert apart != password
    assert passwords.fits(apart, passwords.hashed(password))


def test_what_is_used_costs_what_rfc_9106_recommends() -> None:
    costs = extract_parameters(Passwords().hashed("correct horse"))
    assert costs.type is Type.ID
    assert (costs.time_cost, costs.memory_cost, costs.parallelism) == (3, 65_536, 4)


@pytest.mark.parametrize("password", ["short", "x" * 201, "administrator", "aaaaaaaaaaaa", "1212121212121"])
def test_passwords_that_are_guessed_at_once_are_refused(password: str) -> None:
    with pytest.raises(UnfitPasswordError):
        check_password(password, "Administrator")
    check_password("correct horse", "Administrator")
