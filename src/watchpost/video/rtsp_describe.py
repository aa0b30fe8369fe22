"""The session description (SDP) of an RTSP address: one DESCRIBE request (RFC 2326, section 10.2).

FFmpeg reads the SDP and keeps it to itself. Basic and Digest authentication as in RFC 7617 and RFC 7616.
"""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from watchpost.authorization import authorization
from watchpost.errors import SourceError
from watchpost.telemetry import redacted

_PORTS: Final = {"rtsp": 554, "rtsps": 322}
_LONGEST_ANSWER: Final = 1 << 20
_MOST_HEADERS: Final = 100


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
