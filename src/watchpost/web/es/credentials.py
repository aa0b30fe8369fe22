"""The page's token as Elasticsearch's clients send credentials: basic, API key or bearer."""

from __future__ import annotations

import base64
import binascii


def tokens_in(authorization: str) -> tuple[str, ...]:
    """What may be the token in an Authorization header.

    Basic (RFC 7617): the password, under any user name. ApiKey: `id:key` in base64, as clients and Kibana write it, or
    the token itself. Bearer (RFC 6750): the token.
    """
    scheme, _, value = authorization.partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if scheme == "bearer":
        return (value,)
    if scheme not in ("basic", "apikey"):
        return ()
    try:
        secret = base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        secret = ""
    if scheme == "basic":
        return (secret,)
    return (secret or value,)
