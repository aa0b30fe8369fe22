"""Lets FFmpeg in to cameras that ask for a password in a way that it does not know: Digest with SHA-256 (RFC 7616).

FFmpeg connects to the door, on this machine, as if it were a camera without a password. The door connects to the
camera, and adds to each request what the camera asks for. Video passes as it comes, over the same connection (TCP).
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from watchpost.authorization import authorization, digest_challenges

_PORT: Final = 554
_CHUNK: Final = 1 << 16
_LONGEST_HEAD: Final = 1 << 16
_NOTICE_CLOSE_S: Final = 0.5
_MOST_UNANSWERED: Final = 100
_LENGTH: Final = re.compile(rb"^content-length\s*:\s*(\d{1,7})\s*$", re.IGNORECASE | re.MULTILINE)
_SEQUENCE: Final = re.compile(rb"^cseq\s*:\s*(\d{1,10})\s*$", re.IGNORECASE | re.MULTILINE)
_CHALLENGE: Final = re.compile(rb"^www-authenticate\s*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


def is_needed(address: str, timeout_s: float) -> bool:
    """Whether the camera wants a password in a way that FFmpeg does not know; false where that can not be found out.

    FFmpeg answers the last Digest that is offered, if that is by MD5.
    """
    try:
        url = urlsplit(address)
        if url.scheme.lower() != "rtsp" or url.username is None or not url.hostname:
            return False
        with socket.create_connection((url.hostname, url.port or _PORT), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(f"DESCRIBE {_bare(url)} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Watchpost\r\n\r\n".encode())
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD and (data := connection.recv(_CHUNK)):
                head += data
    except (OSError, ValueError):
        return False
    offers = [each.decode("latin-1") for each in _CHALLENGE.findall(head.replace(b"\r", b""))]
    digests = list(digest_challenges(offers))
    return bool(digests) and digests[-1] == "SHA-256"


def _bare(url: SplitResult) -> str:
    """The address without user and password."""
    return urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, url.query, ""))


@dataclass(slots=True)
class _Request:
    """What FFmpeg asked, without an answer to a challenge."""

    method: str
    target: str
    rest: bytes
    """From the end of its first line on."""
    was_refused: bool = False


class Door:
    """A way to one camera, for one connection; use it as a context manager.

    `address` is the camera's, with user and password.
    """

    def __init__(self, address: str, timeout_s: float) -> None:
        url = urlsplit(address)
        self._camera = url
        self._user, self._password = unquote(url.username or ""), unquote(url.password or "")
        self._timeout_s = timeout_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_NOTICE_CLOSE_S)
        # only FFmpeg knows the word: nobody else on this machine comes in
        place = f"127.0.0.1:{self._listener.getsockname()[1]}/{secrets.token_urlsafe(16)}"
        self.address = urlunsplit((url.scheme, place, url.path, url.query, ""))
        """What FFmpeg is to open."""
        self._is_open = False
        self._near, self._far = f"{url.scheme}://{place}", f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        self._closed = threading.Event()
        self._challenges: list[str] = []
        self._uses = 0
        """Of the server's nonce."""
        self._asked: dict[bytes, _Request] = {}
        """By their sequence number, those that were not answered yet."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="rtsp door", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed.set()

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            with self._listener:
                near = self._accepted()
            if near is None:
                return
            with near:
                place = self._camera.hostname or "", self._camera.port or _PORT
                with socket.create_connection(place, self._timeout_s) as far:
                    far.settimeout(self._timeout_s)
                    self._pass_all(near, far)

    def _accepted(self) -> socket.socket | None:
        while not self._closed.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            near.settimeout(self._timeout_s)
            return near
        return None

    def _pass_all(self, near: socket.socket, far: socket.socket) -> None:
        def to_camera(message: bytes) -> None:
            far.sendall(self._request(message))

        def to_ffmpeg(message: bytes) -> None:
            again = self._refused(message)
            if again is None:
                near.sendall(message)
            else:
                far.sendall(again)

        with selectors.DefaultSelector() as waiting:
            waiting.register(near, selectors.EVENT_READ, _Messages(to_camera))
            waiting.register(far, selectors.EVENT_READ, _Messages(to_ffmpeg))
            while not self._closed.is_set():
                for key, _ in waiting.select(_NOTICE_CLOSE_S):
                    data = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]  # a socket
                    if not data:
                        return
                    key.data.add(data)

    def _request(self, message: bytes) -> bytes:
        """What FFmpeg sends, as the camera is to have it."""
        line, _, rest = message.partition(b"\r\n")
        method, _, rest_of_line = line.decode("latin-1").partition(" ")
        target, _, version = rest_of_line.rpartition(" ")
        if message[:1] == b"$" or not version.startswith("RTSP/"):
            return message
        if target.startswith(self._near):
            target = self._far + target.removeprefix(self._near)
            self._is_open = True
        if not self._is_open:
            raise ValueError("somebody else")
        request = _Request(method, target, rest)
        sequence = _SEQUENCE.search(rest.replace(b"\r", b""))
        if len(self._asked) >= _MOST_UNANSWERED:
            self._asked.clear()
        if sequence is not None:
            self._asked[sequence[1]] = request
        return self._authorised(request)

    def _authorised(self, request: _Request) -> bytes:
        first = f"{request.method} {request.target} RTSP/1.0\r\n"
        if self._challenges:
            self._uses += 1
            reply = authorization(
                self._challenges, self._user, self._password, request.method, request.target, os.urandom(8).hex(),
                self._uses,
            )  # fmt: skip
            first += f"Authorization: {reply}\r\n" if reply is not None else ""
        return first.encode("latin-1") + request.rest

    def _refused(self, message: bytes) -> bytes | None:
        """The request again, with what the camera asked for; `None` where this is for FFmpeg."""
        if message[:1] == b"$":
            return None
        head = message.partition(b"\r\n\r\n")[0].replace(b"\r", b"")
        sequence = _SEQUENCE.search(head)
        request = self._asked.pop(sequence[1], None) if sequence is not None else None
        if request is None or request.was_refused or head.split(b" ", 2)[1:2] != [b"401"]:
            return None
        self._challenges, self._uses = [each.decode("latin-1") for each in _CHALLENGE.findall(head)], 0
        request.was_refused = True
        self._asked[sequence[1]] = request  # type: ignore[index]  # there is a request only with its number
        return self._authorised(request)


class _Messages:
    """Cuts one direction of a connection into RTSP messages and the packets between them (RFC 2326, 10.12)."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._held = b""

    def add(self, data: bytes) -> None:
        """Hand on all that is complete. Raises `ValueError` for what has no end."""
        held = self._held + data
        at = 0
        while (size := _size(held, at)) is not None and at + size <= len(held):
            self._take(held[at : at + size])
            at += size
        self._held = held[at:]


def _size(held: bytes, at: int) -> int | None:
    """Bytes of the message that begins at `at`; `None` while that can not be told."""
    if held[at : at + 1] == b"$":
        return 4 + int.from_bytes(held[at + 2 : at + 4]) if len(held) >= at + 4 else None
    end = held.find(b"\r\n\r\n", at)
    if end < 0:
        if len(held) - at > _LONGEST_HEAD:
            raise ValueError("a message without an end")
        return None
    length = _LENGTH.search(held[at:end].replace(b"\r", b""))
    return end + 4 - at + (int(length[1]) if length is not None else 0)
