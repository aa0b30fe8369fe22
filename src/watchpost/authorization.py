"""How a client answers `WWW-Authenticate`: Basic (RFC 7617) and Digest (RFC 7616), as HTTP and RTSP have them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

_HASHES: Final = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def authorization(
    challenges: Sequence[str], user: str, password: str, method: str, target: str, client_nonce: str, count: int = 1
) -> str | None:
    """The Authorization header that answers `WWW-Authenticate`, the strongest that is offered.

    `target` is the request's address as it stands in its first line, `count` how many requests the server's nonce has
    been used for, this one included. `None` where nothing is offered that is understood.
    """
    digests = digest_challenges(challenges)
    for algorithm in ("SHA-256", "MD5"):
        if algorithm in digests:
            return _digest(digests[algorithm], algorithm, user, password, method, target, client_nonce, count)
    if any(challenge.lower().startswith("basic") for challenge in challenges):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def digest_challenges(challenges: Sequence[str]) -> dict[str, dict[str, str]]:
    """The parameters of each Digest that is offered, by its algorithm in capitals, in the order of the offers."""
    digests = {}
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "digest":
            parameters = _parameters(rest)
            digests[parameters.get("algorithm", "MD5").upper()] = parameters
    return digests


def _digest(
    challenge: Mapping[str, str],
    algorithm: str,
    user: str,
    password: str,
    method: str,
    target: str,
    client_nonce: str,
    count: int,
) -> str:
    """RFC 7616, section 3.4.1; without `qop` as RFC 2069 has it, which is what most cameras offer."""

    def hashed(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret = hashed(f"{user}:{realm}:{password}")
    request = hashed(f"{method}:{target}")
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    bare = ""
    if "auth" in re.split(r"[\s,]+", challenge.get("qop", "")):
        fields["cnonce"] = client_nonce
        bare = f", qop=auth, nc={count:08x}"
        fields["response"] = hashed(f"{secret}:{nonce}:{count:08x}:{client_nonce}:auth:{request}")
    else:
        fields["response"] = hashed(f"{secret}:{nonce}:{request}")
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    if "algorithm" in challenge:
        bare += f", algorithm={challenge['algorithm']}"
    quoted = (f'{name}="{value}"' for name, value in fields.items())
    return "Digest " + ", ".join(quoted) + bare


def _parameters(text: str) -> dict[str, str]:
    found = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', text)
    return {name.lower(): quoted or bare for name, quoted, bare in found}
