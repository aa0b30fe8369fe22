"""Digests against the RFCs' own examples."""

from __future__ import annotations

import pytest

from watchpost.authorization import authorization, digest_challenges


def test_digest_as_in_rfc_2069():
    """RFC 2069, section 2.4, with the response of its erratum 749."""
    challenge = (
        'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    header = authorization([challenge], "Mufasa", "CircleOfLife", "GET", "/dir/index.html", "")
    assert header is not None
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in header
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in header
    assert "qop" not in header


RFC_7616 = (
    'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_as_in_rfc_7616(algorithm, response):
    """RFC 7616, section 3.9.1."""
    header = authorization(
        [f"Digest {RFC_7616}, algorithm={algorithm}"],
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert header is not None
    assert f'response="{response}"' in header
    assert "qop=auth, nc=00000001" in header


def test_the_strongest_offer_is_taken():
    offers = ['Basic realm="a"', 'Digest realm="a", nonce="1"', 'Digest realm="a", nonce="2", algorithm=SHA-256']
    header = authorization(offers, "u", "p", "DESCRIBE", "rtsp://h/", "c")
    assert header is not None
    assert 'nonce="2"' in header
    assert authorization(["Bearer"], "u", "p", "DESCRIBE", "rtsp://h/", "c") is None


def test_a_nonce_that_is_used_again_is_counted():
    header = authorization([f"Digest {RFC_7616}"], "Mufasa", "secret", "GET", "/", "c", count=17)
    assert header is not None
    assert "nc=00000011" in header


def test_offers_keep_their_order():
    offers = ["Basic realm=a", 'Digest realm="a", nonce="1"', "Digest nonce=2, algorithm=sha-256"]
    assert list(digest_challenges(offers)) == ["MD5", "SHA-256"]
