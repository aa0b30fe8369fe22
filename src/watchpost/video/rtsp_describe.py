"""The session description (SDP) of an RTSP address: one DESCRIBE request (RFC 2326, section 10.2).

FFmpeg reads the SDP and keeps it to itself. Basic and Digest authentication as in RFC 7617 and RFC 7616.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from watchpost.errors import SourceError
from watchpost.telemetry import redacted

_PORTS: Final = {"rtsp": 554, "rtsps": 322}
_LONGEST_ANSWER: Final = 1 << 20
_MOST_HEADERS: Final = 100
_HASHES: Final = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    headers: dict[str, list[str]]
    body: bytes


def describe(address: str, timeout_s: float = 5.0) -> str:
    """The SDP of an `rtsp://` or `rtsps://` address, lines ended by a line feed, credentials hidden.

    The certificate of `rtsps` is not checked: cameras sign their own. Raises `SourceError`.
    """
    shown = redacted(address)
    try:
        url = urlsplit(address)
        port = url.port or _PORTS[url.scheme]
    except (ValueError, KeyError):
        raise SourceError(f"{shown}: is no rtsp:// or rtsps:// address.", permanent=True) from None
    if not url.hostname:
        raise SourceError(f"{shown}: names no host.", permanent=True)
    target = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, url.query, ""))
    try:
        plain = socket.create_connection((url.hostname, port), timeout_s)
        with plain, _secured(plain, url) as connection:
            answer = _ask(connection, target, url)
    except TimeoutError:
        raise SourceError(f"{shown}: no answer to DESCRIBE in {timeout_s:g} s.") from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{shown}: DESCRIBE failed: {reason}.") from None
    except ValueError:
        raise SourceError(f"{shown}: the answer to DESCRIBE is not RTSP.") from None
    if answer.status == 401:
        raise SourceError(f"{shown}: wrong user or password; write them into the address.", permanent=True)
    if answer.status != 200:
        raise SourceError(f"{shown}: the server answers {answer.status} {answer.reason} to DESCRIBE.")
    return redacted("\n".join(answer.body.decode(errors="replace").splitlines()))


def _secured(plain: socket.socket, url: SplitResult) -> socket.socket:
    if url.scheme == "rtsp":
        return plain
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=url.hostname)


def _ask(connection: socket.socket, target: str, url: SplitResult) -> _Answer:
    answer = _exchange(connection, target, 1, None)
    challenges = answer.headers.get("www-authenticate", [])
    if answer.status == 401 and url.username is not None:
        user, password = unquote(url.username), unquote(url.password or "")
        reply = authorization(challenges, user, password, "DESCRIBE", target, os.urandom(8).hex())
        if reply is not None:
            answer = _exchange(connection, target, 2, reply)
    return answer


def authorization(
    challenges: list[str], user: str, password: str, method: str, target: str, client_nonce: str
) -> str | None:
    """The Authorization header that answers `WWW-Authenticate`, the strongest that is offered.

    `None` where nothing is offered that is understood.
    """
    digests = {}
    for challenge in challenges:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "digest":
            parameters = _parameters(rest)
            digests[parameters.get("algorithm", "MD5").upper()] = parameters
    for algorithm in ("SHA-256", "MD5"):
        if algorithm in digests:
            return _digest(digests[algorithm], algorithm, user, password, method, target, client_nonce)
    if any(challenge.lower().startswith("basic") for challenge in challenges):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def _digest(
    challenge: Mapping[str, str],
    algorithm: str,
    user: str,
    password: str,
    method: str,
    target: str,
    client_nonce: str,
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
        bare = ", qop=auth, nc=00000001"
        fields["response"] = hashed(f"{secret}:{nonce}:00000001:{client_nonce}:auth:{request}")
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


def _exchange(connection: socket.socket, target: str, sequence: int, reply: str | None) -> _Answer:
    lines = [
        f"DESCRIBE {target} RTSP/1.0",
        f"CSeq: {sequence}",
        "Accept: application/sdp",
        "User-Agent: Watchpost",
    ]
    if reply is not None:
        lines.append(f"Authorization: {reply}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    with connection.makefile("rb") as stream:
        version, status, *reason = stream.readline(4096).decode().split(maxsplit=2)
        if not version.startswith("RTSP/"):
            raise ValueError("not RTSP")
        headers: dict[str, list[str]] = {}
        for _ in range(_MOST_HEADERS):
            line = stream.readline(65536).decode(errors="replace").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        length = int(headers.get("content-length", ["0"])[0])
        if not 0 <= length <= _LONGEST_ANSWER:
            raise ValueError("length")
        return _Answer(int(status), reason[0].strip() if reason else "", headers, stream.read(length))
