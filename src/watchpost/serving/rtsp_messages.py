"""RTSP 1.0 messages (RFC 2326, sections 4 to 7 and 10.12): taken apart as their bytes come, and written.

Everything is bounded: what a peer sends costs at most one message of memory, and is refused with a status as soon as it
can not become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_HEAD_BYTES: Final = 16_384
"""Request line and headers together."""
MOST_BODY_BYTES: Final = 65_536
_MOST_HEADERS: Final = 64
_MAGIC: Final = 0x24
"""The dollar sign in front of interleaved data."""
_FRAME_HEAD: Final = 4

_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(r"([A-Z][A-Z_]{0,31}) ([!-~]{1,4096}) (RTSP/\d\.\d)")
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_SEQUENCE: Final = re.compile(r"\d{1,10}")

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option Not Supported",
}
"""RFC 2326, section 7.1.1; 429 is RFC 6585's."""


class BadMessageError(Exception):
    """What came is no message that can be answered but by `status`; the connection ends with that."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks."""

    method: str
    target: str
    """As it was sent: a URL or `*`."""
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; those that came more than once are joined by commas."""
    body: bytes = field(default=b"", repr=False)

    @property
    def sequence(self) -> str | None:
        """The number in `CSeq`, `None` where it is missing or no number."""
        text = self.headers.get("cseq", "").strip()
        return text if _SEQUENCE.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Data of a channel between messages (section 10.12)."""

    channel: int
    data: bytes = field(repr=False)


class MessageReader:
    """Takes bytes as they come, gives the messages that they complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        """So much of the buffer holds no blank line."""
        self._head: Request | None = None
        """A request whose body is awaited."""
        self._body_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer) or self._head is not None

    def feed(self, data: bytes) -> list[Request | Interleaved]:
        """The messages that `data` completes, in their order.

        Raises `BadMessageError` for what can not become a message; nothing more can be read from this peer then.
        """
        self._buffer += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> Request | Interleaved | None:
        if self._head is not None:
            return self._with_body(self._head)
        self._skip_blank()
        if not self._buffer:
            return None
        if self._buffer[0] == _MAGIC:
            return self._frame()
        return self._request()

    def _skip_blank(self) -> None:
        """Blank lines between messages, which some clients send."""
        buffer, blank = self._buffer, 0
        while blank < len(buffer) and buffer[blank] in b"\r\n":
            blank += 1
        if blank:
            del buffer[:blank]
            self._searched = 0

    def _frame(self) -> Interleaved | None:
        buffer = self._buffer
        if len(buffer) < _FRAME_HEAD:
            return None
        end = _FRAME_HEAD + (buffer[2] << 8 | buffer[3])
        if len(buffer) < end:
            return None
        frame = Interleaved(buffer[1], bytes(buffer[_FRAME_HEAD:end]))
        del buffer[:end]
        return frame

    def _request(self) -> Request | None:
        buffer = self._buffer
        blank = _BLANK_LINE.search(buffer, max(0, self._searched - 3))
        if blank is None:
            if len(buffer) > MOST_HEAD_BYTES:
                raise BadMessageError(413)
            self._searched = len(buffer)
            return None
        if blank.start() > MOST_HEAD_BYTES:
            raise BadMessageError(413)
        head, self._searched = bytes(buffer[: blank.start()]), 0
        del buffer[: blank.end()]
        request = parse_head(head)
        self._body_bytes = _body_bytes(request)
        return self._with_body(request)

    def _with_body(self, request: Request) -> Request | None:
        if len(self._buffer) < self._body_bytes:
            self._head = request
            return None
        self._head = None
        if not self._body_bytes:
            return request
        body = bytes(self._buffer[: self._body_bytes])
        del self._buffer[: self._body_bytes]
        return Request(request.method, request.target, request.headers, body)


def parse_head(head: bytes) -> Request:
    """A request without its body, from its first line to its last header. Raises `BadMessageError`."""
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError:
        raise BadMessageError(400) from None
    first = _REQUEST_LINE.fullmatch(lines[0].rstrip("\r"))
    if first is None:
        raise BadMessageError(400)
    if first[3] != "RTSP/1.0":
        raise BadMessageError(505)
    if len(lines) > _MOST_HEADERS + 1:
        raise BadMessageError(413)
    headers: dict[str, str] = {}
    for line in lines[1:]:
        header = _HEADER.fullmatch(line.rstrip("\r"))
        if header is None:
            raise BadMessageError(400)
        name, value = header[1].lower(), header[2].strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(first[1], first[2], headers)


def _body_bytes(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    if not _SEQUENCE.fullmatch(text):
        raise BadMessageError(400)
    if int(text) > MOST_BODY_BYTES:
        raise BadMessageError(413)
    return int(text)


def response(
    status: int, sequence: str | None, headers: Mapping[str, str | list[str]] | None = None, body: bytes = b""
) -> bytes:
    """An answer as it goes over the wire. A list stands for a header that is sent once for each of its values.

    Raises `ValueError` for a header that would break the message.
    """
    lines = [f"RTSP/1.0 {status} {REASONS[status]}"]
    if sequence is not None:
        lines.append(f"CSeq: {sequence}")
    for name, values in (headers or {}).items():
        for value in [values] if isinstance(values, str) else values:
            if not value.isprintable():
                raise ValueError(f"{name} holds a character that no header may hold")
            lines.append(f"{name}: {value}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def framed(channel: int, packet: bytes) -> bytes:
    """A packet of at most 65,535 bytes as it goes between messages (section 10.12)."""
    return b"$%c%c%c" % (channel, len(packet) >> 8, len(packet) & 0xFF) + packet
