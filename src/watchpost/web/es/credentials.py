"""What Elasticsearch's clients send as credentials: basic, API key or bearer."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple


class Credential(NamedTuple):
    """A token, or a user's name with the password."""

    secret: str
    name: str = ""
    """Empty: the secret is a token."""


def credentials_in(authorization: str) -> tuple[Credential, ...]:
    """What an Authorization header may mean.

    Basic (RFC 7617): name and password; the password may be a token, under any name. ApiKey: `id:key` in base64, as
    clients and Kibana write it, or the token itself. Bearer (RFC 6750): the token.
    """
    scheme, _, value = authorization.partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme == "bearer":
        return (Credential(value),)
    if scheme not in ("basic", "apikey"):
        return ()
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        name, secret = "", ""
    if scheme == "basic":
        return (Credential(secret, name),)
    return (Credential(secret or value),)
