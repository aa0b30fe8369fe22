"""A connection to an RTSP server that takes streams (RFC 2326): requests, answers, a password, interleaved data.

Nothing blocks for longer than the time-out, also where the server stops reading.
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from watchpost.authorization import authorization
from watchpost.errors import TargetError
from watchpost.rtmp.publisher import Trust
from watchpost.serving.rtsp_messages import MOST_BODY_BYTES, MOST_HEAD_BYTES

PORTS: Final = {"rtsp": 554, "rtsps": 322}
_CHUNK: Final = 65_536
_MAGIC: Final = 0x24
_FRAME_HEAD: Final = 4
_STATUS: Final = re.compile(rb"RTSP/1\.\d (\d{3})(?: [^\r\n]*)?")
_HEADER: Final = re.compile(rb"([!-9;-~]{1,64}):[ \t]*([^\r\n]{0,4096})")
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_LENGTH: Final = re.compile(r"\d{1,9}")
_MOST_ANSWERS: Final = 100
_REFUSALS: Final = {
    401: "wrong user or password; write them into the address as user:password@",
    403: "the server refuses this stream (403)",
    404: "the server has no such path (404), or takes no streams",
    405: "the server takes no streams (405)",
    501: "the server takes no streams (501)",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, list[str]]
    """By lower-case name."""

    def header(self, name: str) -> str:
        """The first of this name; empty where there is none."""
        return (self.headers.get(name) or [""])[0]


class ReplyReader:
    """Takes bytes as they come, gives the answers that they complete; interleaved data and requests are passed over."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Reply]:
        """Raises `ValueError` for what is no RTSP."""
        self._buffer += data
        found = []
        while (end := self._end()) is not None:
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            if (reply := _reply(message)) is not None:
                found.append(reply)
        return found

    def _end(self) -> int | None:
        """Where the first message ends, `None` while it is not whole."""
        buffer = self._buffer
        while buffer and buffer[0] in b"\r\n":
            del buffer[0]
        if not buffer:
            return None
        if buffer[0] == _MAGIC:
            end = _FRAME_HEAD + int.from_bytes(buffer[2:_FRAME_HEAD], "big")
            return end if len(buffer) >= max(_FRAME_HEAD, end) else None
        blank = _BLANK.search(buffer)
        if blank is None:
            if len(buffer) > MOST_HEAD_BYTES:
                raise ValueError("a message without an end")
            return None
        length = _headers(bytes(buffer[: blank.start()])).get("content-length", ["0"])[0].strip()
        if not _LENGTH.fullmatch(length) or int(length) > MOST_BODY_BYTES:
            raise ValueError("a message of a length that is none")
        end = blank.end() + int(length)
        return end if len(buffer) >= end else None


def _reply(message: bytes) -> Reply | None:
    if message[0] == _MAGIC:
        return None
    head = _BLANK.split(message, maxsplit=1)[0]
    status = _STATUS.match(head)
    if status is None:
        if b" RTSP/1." not in head.split(b"\n", 1)[0]:
            raise ValueError("no RTSP")
        return None  # a request of the server's: whether we are there
    return Reply(int(status[1]), _headers(head))


def _headers(head: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in head.split(b"\n")[1:]:
        if header := _HEADER.fullmatch(line.strip()):
            found.setdefault(header[1].decode("latin-1").lower(), []).append(header[2].decode("latin-1").strip())
    return found


class RtspClient:
    """One connection, for one thread; `abort` may be called from any. Making it connects.

    All raises `TargetError`, permanent for what can only be a mistake.
    """

    def __init__(self, address: str, shown: str, timeout_s: float, trust: Trust) -> None:
        parts = urlsplit(address)
        self.url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        """Without user and password."""
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._has_user = parts.username is not None
        self._shown = shown
        self._timeout_s = timeout_s
        self._reader = ReplyReader()
        self._replies: list[Reply] = []
        self._challenges: list[str] = []
        self._asked = 0
        self._count = 0
        """How often the server's nonce has been used."""
        self._socket = self._connected(parts.scheme.lower(), parts.hostname or "", parts.port, trust)

    @property
    def own_address(self) -> str:
        """Of this end, as an IP address."""
        return str(self._socket.getsockname()[0])

    def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """Send a request and wait for its answer, which is 2xx."""
        reply = self._answer(method, url, headers, body)
        if reply.status == 401 and self._has_user and (challenges := reply.headers.get("www-authenticate")):
            self._challenges, self._count = challenges, 0
            reply = self._answer(method, url, headers, body)
        if not 200 <= reply.status < 300:
            text = _REFUSALS.get(reply.status, f"the server answers {method} with {reply.status}")
            raise self._error(f"{text}.", permanent=reply.status < 500 or reply.status in _REFUSALS)
        return reply

    def keep_alive(self, headers: Mapping[str, str]) -> None:
        """Ask for nothing, and do not wait: the answer is passed over as it comes."""
        self.send(self._request("OPTIONS", self.url, headers, b""))

    def send(self, data: bytes) -> None:
        """Send packets between the messages, each in its frame (`rtsp_messages.framed`)."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._told(error) from None

    def look(self) -> None:
        """Take what the server has sent meanwhile; returns at once."""
        try:
            self._socket.setblocking(False)
            try:
                while True:
                    self._take(self._socket.recv(_CHUNK))
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            finally:
                self._socket.settimeout(self._timeout_s)
        except OSError as error:
            raise self._told(error) from None
        for reply in self._replies:
            if reply.status in (401, 454):
                raise self._error(f"the server has forgotten the session ({reply.status}).")
        self._replies.clear()

    def end(self, headers: Mapping[str, str]) -> None:
        """Say that this was all, and close."""
        with suppress(TargetError):
            self.send(self._request("TEARDOWN", self.url, headers, b""))
        self.abort()

    def abort(self) -> None:
        """Close at once; safe to call twice."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _answer(self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes) -> Reply:
        self.send(self._request(method, url, headers or {}, body))
        for _ in range(_MOST_ANSWERS):
            while not self._replies:
                try:
                    self._take(self._socket.recv(_CHUNK))
                except OSError as error:
                    raise self._told(error) from None
            reply = self._replies.pop(0)
            if reply.status >= 200:  # others say that it takes time
                return reply
        raise self._error("the server does not answer.")

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bytes:
        self._asked += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._asked}", "User-Agent: Watchpost"]
        if self._challenges:
            self._count += 1
            nonce = secrets.token_hex(8)
            answer = authorization(self._challenges, self._user, self._password, method, url, nonce, self._count)
            if answer is None:
                raise self._error("the server asks for a password in a way that is not known here.", permanent=True)
            lines.append(f"Authorization: {answer}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _take(self, data: bytes) -> None:
        if not data:
            raise self._error("the server has closed the connection.")
        try:
            self._replies += self._reader.feed(data)
        except ValueError as error:
            raise self._error(f"the server answers with {error}.") from None

    def _connected(self, scheme: str, host: str, port: int | None, trust: Trust) -> socket.socket:
        try:
            end = socket.create_connection((host, port or PORTS[scheme]), self._timeout_s)
        except socket.gaierror:
            raise self._error(f"the host {host} is not known; check the address.", permanent=True) from None
        except ConnectionRefusedError:
            raise self._error("connection refused; check that the server runs and listens on this port.") from None
        except OSError as error:
            raise self._told(error) from None
        end.settimeout(self._timeout_s)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "rtsp":
            return end
        try:
            return trust.context().wrap_socket(end, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            end.close()
            message = f"{error.verify_message}; set ca_file to its certificate, or tls_verify to false."
            raise self._error(message, permanent=True) from None
        except OSError as error:
            end.close()
            raise self._error(f"no TLS: {error.strerror or error}.") from None

    def _told(self, error: OSError) -> TargetError:
        if isinstance(error, TimeoutError):
            return self._error("no answer in time, or the server does not take what is sent.")
        return self._error(f"the connection broke: {error.strerror or error}.")

    def _error(self, text: str, *, permanent: bool = False) -> TargetError:
        return TargetError(f"{self._shown}: {text}", permanent=permanent)
