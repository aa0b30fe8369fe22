"""A small RTSP client over one socket, written apart from the server's own parsers."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from watchpost.serving.payload_h264 import Depacketiser


@dataclass
class Reply:
    status: int
    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers[name.lower()][0]

    @property
    def session(self) -> str:
        return self.header("session").partition(";")[0]


class Client:
    """Sends requests and reads replies; packets that come in between are kept in `packets`."""

    def __init__(self, port: int, path: str = "gate") -> None:
        self.url = f"rtsp://127.0.0.1:{port}/{path}"
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.packets: list[tuple[int, bytes]] = []
        self.taken = 0
        """Packets that `read_media` gave."""
        self._file = self.socket.makefile("rb")
        self._sequence = 0

    def ask(self, method: str, url: str | None = None, body: bytes = b"", **headers: str) -> Reply:
        self._sequence += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return self.reply()

    def reply(self) -> Reply:
        while True:
            first = self._file.read(1)
            if not first:
                raise EOFError
            if first == b"$":
                self._frame()
                continue
            line = first + self._file.readline()
            found = re.fullmatch(rb"RTSP/1\.0 (\d{3}) .*\r\n", line)
            assert found, line
            headers: dict[str, list[str]] = {}
            while (line := self._file.readline()) != b"\r\n":
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                headers.setdefault(name.lower(), []).append(value)
            length = int(headers.get("content-length", ["0"])[0])
            return Reply(int(found[1]), headers, self._file.read(length))

    def set_up(self, track: int = 0, session: str | None = None, transport: str | None = None) -> Reply:
        transport = transport or f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
        more = {} if session is None else {"Session": session}
        return self.ask("SETUP", f"{self.url}/trackID={track}", Transport=transport, **more)

    def play(self) -> str:
        """DESCRIBE, SETUP and PLAY of the picture; the session."""
        assert self.ask("DESCRIBE", Accept="application/sdp").status == 200
        session = self.set_up().session
        assert self.ask("PLAY", Session=session).status == 200
        return session

    def read(self, count: int) -> list[tuple[int, bytes]]:
        """The next `count` packets, with their channels."""
        while len(self.packets) < count:
            first = self._file.read(1)
            if not first:
                raise EOFError
            assert first == b"$", first
            self._frame()
        taken, self.packets = self.packets[:count], self.packets[count:]
        return taken

    def read_media(self, count: int, channel: int = 0) -> list[bytes]:
        """The next `count` packets of a channel; those of others are passed over."""
        found: list[bytes] = []
        while len(found) < count:
            [(number, data)] = self.read(1)
            if number == channel:
                found.append(data)
        self.taken += count
        return found

    def read_to_end(self) -> list[tuple[int, bytes]]:
        """All packets until the server ends the connection."""
        found = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                found += self.read(1)
        return found

    def pictures(self, count: int) -> list[tuple[int, list[bytes]]]:
        """Time stamps and H.264 units of the next `count` pictures on channel 0."""
        found: list[tuple[int, list[bytes]]] = []
        units: list[bytes] = []
        depacketiser = Depacketiser()
        while len(found) < count:
            [packet] = self.read_media(1)
            units += depacketiser.take(int.from_bytes(packet[2:4], "big"), packet[12:])
            if packet[1] & 0x80:
                found.append((int.from_bytes(packet[4:8], "big"), units))
                units = []
        assert depacketiser.damaged == 0
        return found

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _frame(self) -> None:
        channel, high, low = self._file.read(3)
        self.packets.append((channel, self._file.read(high << 8 | low)))
