"""Digest and Basic, against the figures of the RFCs and against guessing."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.clock import ManualClock
from watchpost.serving import digest
from watchpost.serving.access import Access, DeniedError, TokenCredentials
from watchpost.serving.rtsp_messages import Request
from watchpost.serving.rtsp_target import Target, parse_target
from watchpost.video.rtsp_describe import authorization

TOKEN = "correct horse battery"
URL = "rtsp://127.0.0.1:8554/gate"
GATE = Target("gate", "live")


def digest_of(**fields: str) -> str:
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items())


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "REALM", "http-auth@example.org")
    given = digest.parse(
        f'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        f'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{expected}"'
    )
    assert isinstance(given, digest.Digest)
    assert digest.is_right(given, "Circle of Life", "GET")
    assert not digest.is_right(given, "Circle of life", "GET")
    assert not digest.is_right(given, "Circle of Life", "DESCRIBE")
    assert not digest.is_right(dataclasses.replace(given, response=""), "Circle of Life", "GET")


def test_basic() -> None:
    text = base64.b64encode("user:pass:wörd".encode()).decode()
    assert digest.parse(f"basic {text}") == digest.Basic("user", "pass:wörd")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!",
        "Basic " + base64.b64encode(b"nobody").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Bearer abc",
        "Digest",
        'Digest username="a"',
        digest_of(username="a", realm="another", nonce="n", uri="/", response="r"),
        digest_of(username="a", realm="Watchpost", nonce="n", uri="/", response="r", algorithm="SHA-1"),
        digest_of(username="a", realm="Watchpost", nonce="n", uri="/", response="r", qop="auth-int"),
        digest_of(username="a", realm="Watchpost", nonce="n", uri="/", response="r", qop="auth"),
        digest_of(username="a", realm="Watchpost", nonce="n", uri="/", response="r") + ', nonce="m"',
        digest_of(username="a", realm="Watchpost", nonce="n", uri="/", response="r") + " rest",
        "Digest " + "a" * 5000,
    ],
)
def test_what_can_not_be_understood_is_refused(header: str) -> None:
    with pytest.raises(digest.BadAuthorizationError):
        digest.parse(header)


@given(st.text(max_size=80))
def test_no_header_is_ever_raised_otherwise(text: str) -> None:
    for header in (text, f"Digest {text}", f"Basic {text}"):
        try:
            digest.parse(header)
        except digest.BadAuthorizationError:
            continue


def test_a_nonce_is_known_again_and_grows_old() -> None:
    clock = ManualClock()
    nonces = digest.Nonces(clock)
    nonce = nonces.new("192.0.2.1")
    assert nonces.is_ours(nonce, "192.0.2.1")
    assert nonces.is_fresh(nonce)
    assert not nonces.is_ours(nonce, "192.0.2.2")
    assert not digest.Nonces(clock).is_ours(nonce, "192.0.2.1")
    made, _, seal = nonce.partition(".")
    assert not nonces.is_ours(f"{int(made, 16) + 1000:x}.{seal}", "192.0.2.1")
    clock.advance(digest.NONCE_S)
    assert nonces.is_ours(nonce, "192.0.2.1")
    assert not nonces.is_fresh(nonce)


class Asking:
    """A client that knows, or guesses, the token."""

    def __init__(self, credentials: TokenCredentials | None = None) -> None:
        self.clock = ManualClock()
        self.access = Access(credentials or TokenCredentials(TOKEN), self.clock)

    def ask(self, header: str | None = None, address: str = "192.0.2.1") -> str:
        headers = {} if header is None else {"authorization": header}
        return self.access.check(Request("DESCRIBE", URL, headers), GATE, address).user

    def challenges(self, header: str | None = None) -> list[str]:
        with pytest.raises(DeniedError) as caught:
            self.ask(header)
        assert caught.value.status == 401
        return caught.value.challenges

    def answer(self, password: str, challenges: list[str], url: str = URL) -> str:
        header = authorization(challenges, "viewer", password, "DESCRIBE", url, "0a4f113b")
        assert header is not None
        return header


@pytest.mark.parametrize("index", [0, 1], ids=["SHA-256 with qop", "MD5"])
def test_who_knows_the_token_may(index: int) -> None:
    asking = Asking()
    challenge = asking.challenges()[index]
    assert asking.ask(asking.answer(TOKEN, [challenge])) == "viewer"
    assert asking.ask(asking.answer(TOKEN, [challenge], f"{URL}/trackID=0")) == "viewer"
    assert "stale" not in asking.challenges(asking.answer("wrong", [challenge]))[0]


def test_the_proof_for_one_camera_opens_no_other() -> None:
    asking = Asking()
    header = asking.answer(TOKEN, asking.challenges(), "rtsp://127.0.0.1:8554/yard")
    asking.challenges(header)


def test_an_old_nonce_is_asked_for_anew_without_a_guess_counted() -> None:
    asking = Asking()
    header = asking.answer(TOKEN, asking.challenges())
    asking.clock.advance(digest.NONCE_S + 1)
    for _ in range(9):
        assert "stale=true" in asking.challenges(header)[0]


def test_guessing_is_slowed_down_for_its_own_address() -> None:
    asking = Asking()
    challenges = asking.challenges()
    for guess in range(5):
        asking.challenges(asking.answer(f"guess {guess}", challenges))
    right = asking.answer(TOKEN, challenges)
    with pytest.raises(DeniedError) as caught:
        asking.ask(right)
    assert caught.value.status == 429
    with pytest.raises(DeniedError) as caught:
        asking.ask(None, "192.0.2.2")
    assert caught.value.status == 401
    asking.clock.advance(61)
    assert asking.ask(right) == "viewer"


def test_a_basic_password_is_taken_as_well() -> None:
    right = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    assert Asking().ask(f"Basic {right}") == "anyone"
    wrong = base64.b64encode(b"anyone:guess").decode()
    Asking().challenges(f"Basic {wrong}")


class OnlyHashes(TokenCredentials):
    is_basic = True

    def may(self, user: str, target: Target) -> bool:
        return user == "admin"


def test_where_only_hashes_are_known_basic_is_asked_for_and_rights_are_asked() -> None:
    asking = Asking(OnlyHashes(TOKEN))
    assert asking.challenges() == ['Basic realm="Watchpost", charset="UTF-8"']
    assert asking.ask("Basic " + base64.b64encode(f"admin:{TOKEN}".encode()).decode()) == "admin"
    with pytest.raises(DeniedError) as caught:
        asking.ask("Basic " + base64.b64encode(f"viewer:{TOKEN}".encode()).decode())
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://h:8554/gate", Target("gate", "live")),
        ("rtsp://h/gate/", Target("gate", "live")),
        ("rtsp://h/gate/trackID=1", Target("gate", "live", "trackID=1")),
        ("rtsp://h/gate?x=1/trackID=1", Target("gate", "live", "trackID=1")),
        ("rtsp://h/gate?x=1", Target("gate", "live")),
        ("rtsp://h/gate/annotated/trackID=0", Target("gate", "annotated", "trackID=0")),
        ("rtsp://h/publish/yard/streamid=0", Target("yard", "publish", "streamid=0")),
        ("rtsp://h/%EC%A0%95%EB%AC%B8", Target("정문", "live")),
        ("/gate", Target("gate", "live")),
        ("rtsp://h/a%2Fannotated", Target("a/annotated", "live")),
        ("rtsp://h/", None),
        ("http://h/gate", None),
        ("rtsp://h/%ff", None),
        ("rtsp://h/a%0d%0ab", None),
        ("rtsp://[::1/gate", None),
    ],
)
def test_what_an_address_means(text: str, expected: Target | None) -> None:
    assert parse_target(text) == expected
