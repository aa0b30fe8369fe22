"""An RTSP camera for tests that does as it is told: what RTSP 1.0 says (RFC 2326), or what real cameras do instead.

Its video is H.264 (RFC 6184) in RTP, over the RTSP connection or over UDP; a thread serves each connection. What is to
be different is a function that a test hands over. Sockets and threads of the standard library, nothing else: FFmpeg,
which it is to test, has no part in it.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Final, Self

from watchpost.mp4.parameter_sets import units

TICKS_A_PICTURE: Final = 9000
"""Ten pictures a second, as `filming.coded` makes them."""
_PAYLOAD_TYPE: Final = 96
_SSRC: Final = 0x57617463
_FIRST_NUMBER: Final = 65_500
"""So that every test sees the sequence numbers wrap around (RFC 3550, section 5.1)."""
_FIRST_TIME: Final = 0xFFFF_0000
_SESSION: Final = "4711"
_REASONS: Final = {200: "OK", 301: "Moved Permanently", 302: "Found", 305: "Use Proxy", 401: "Unauthorized"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked."""

    method: str
    url: str
    headers: dict[str, str]
    """Names in small letters."""
    connection: int
    """Which connection it came over, counted from 0."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a camera says to a request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(slots=True)
class Link:
    """One client's connection."""

    number: int
    socket: socket.socket
    to_video: int | tuple[str, int] | None = None
    """The interleaved channel, or where RTP goes over UDP."""
    to_sound: int | None = None
    to_second: int | None = None
    """A channel of a second video, which shows the same."""
    rtp: socket.socket | None = None
    heard_s: float = 0.0
    """When the client last said something."""
    writing: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, data: bytes) -> None:
        """Write to the RTSP connection."""
        with self.writing:
            self.socket.sendall(data)

    def send_rtp(self, packet: bytes) -> None:
        """Send a packet of the video the way the client wanted it."""
        if isinstance(self.to_video, int):
            self.send(interleaved(self.to_video, packet))
        elif self.to_video is not None and self.rtp is not None:
            self.rtp.sendto(packet, self.to_video)

    def drop(self) -> None:
        """Close the connection without a word."""
        self.ended.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if self.rtp is not None:
            self.rtp.close()


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet between the messages of an RTSP connection (RFC 2326, section 10.12)."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def rtp(payload: bytes, number: int, time: int, *, is_last: bool) -> bytes:
    """RFC 3550, section 5.1."""
    kind = _PAYLOAD_TYPE | 0x80 * is_last
    return struct.pack(">BBHII", 0x80, kind, number & 0xFFFF, time & 0xFFFF_FFFF, _SSRC) + payload


def payloads(unit: bytes, most: int) -> list[bytes]:
    """A NAL unit as it is, or in fragments (RFC 6184, section 5.8, FU-A)."""
    if len(unit) <= most:
        return [unit]
    indicator, kind, body = unit[0] & 0xE0 | 28, unit[0] & 0x1F, unit[1:]
    parts = [body[at : at + most - 2] for at in range(0, len(body), most - 2)]
    last = len(parts) - 1
    return [bytes((indicator, (not at) << 7 | (at == last) << 6 | kind)) + part for at, part in enumerate(parts)]


def without_sets(picture: bytes) -> bytes:
    """A coded picture whose parameter sets have been taken out: they are in the SDP alone."""
    return b"".join(b"\0\0\0\1" + bytes(unit) for unit in units(picture) if unit[0] & 0x1F not in (7, 8))


@dataclass
class ScriptedCamera:
    """Listens on a free port of this machine; use it as a context manager."""

    film: Sequence[bytes]
    """Coded pictures, start codes before their units; played over and over."""
    path: str = "/live"
    answer: Callable[[Request, Answer], Answer] = lambda _request, usual: usual
    """What it says to a request, given what it would usually say."""
    sdp: Callable[[str], str] = lambda text: text
    """What becomes of the session description."""
    times: Callable[[int], int] = lambda number: number * TICKS_A_PICTURE
    """RTP time of a picture by its number, in ticks of 90 kHz."""
    wire: Callable[[int, list[bytes], Link], list[bytes]] = lambda _number, packets, _link: packets
    """What becomes of the RTP packets of a picture by its number."""
    after: Callable[[int, Link], object] = lambda _number, _link: None
    """What is done after each picture."""
    pace: float = 100.0
    """Pictures a second: ten times as many as their times say, so that tests are short."""
    has_sets: bool = True
    """The parameter sets stand in the video too, not in the SDP alone."""
    most_bytes: int = 1200
    """Of an RTP payload."""
    has_sound: bool = False
    """G.711 comes first in the SDP."""
    session_s: float | None = None
    """The session ends when the client says nothing for so long."""
    public: str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
    transports: tuple[str, ...] = ("tcp", "udp")
    """What SETUP may ask for."""
    requests: list[Request] = field(default_factory=list, init=False)
    links: list[Link] = field(default_factory=list, init=False)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def address(self, user: str = "", path: str | None = None) -> str:
        """Its address; `user` is `name:password@`."""
        return f"rtsp://{user}127.0.0.1:{self.port}{self.path if path is None else path}"

    def asked(self, method: str) -> list[Request]:
        """The requests of a kind so far."""
        return [request for request in list(self.requests) if request.method == method]

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._run(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in list(self.links):
            link.drop()
        for thread in list(self._threads):
            thread.join(5.0)
        assert not any(thread.is_alive() for thread in self._threads)
        for link in self.links:
            link.socket.close()

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            link = Link(len(self.links), connection, heard_s=time.monotonic())
            self.links.append(link)
            self._run(lambda link=link: self._serve(link))  # type: ignore[misc]

    def _serve(self, link: Link) -> None:
        with contextlib.suppress(OSError, ValueError), link.socket.makefile("rb") as stream:
            while (request := _read(stream, link.number)) is not None and not link.ended.is_set():
                link.heard_s = time.monotonic()
                self.requests.append(request)
                said = self.answer(request, self._usual(request, link))
                link.send(_message(request, said))
                if request.method == "PLAY" and said.status == 200:
                    self._run(lambda: self._play(link))
        link.drop()

    def _usual(self, request: Request, link: Link) -> Answer:
        session = {"Session": _SESSION + (f";timeout={round(self.session_s)}" if self.session_s else "")}
        match request.method:
            case "OPTIONS":
                return Answer(headers={"Public": self.public})
            case "DESCRIBE":
                base = {"Content-Base": request.url.rstrip("/") + "/", "Content-Type": "application/sdp"}
                return Answer(headers=base, body=self.sdp(self._described()))
            case "SETUP":
                return self._set_up(request, link, session)
            case "PLAY":
                info = f"url={request.url};seq={_FIRST_NUMBER};rtptime={_FIRST_TIME + self.times(0) & 0xFFFF_FFFF}"
                return Answer(headers=session | {"RTP-Info": info, "Range": "npt=0-"})
            case "GET_PARAMETER" | "TEARDOWN":
                return Answer(headers=session)
            case _:
                return Answer(501)

    def _set_up(self, request: Request, link: Link, session: dict[str, str]) -> Answer:
        wanted = request.headers.get("transport", "")
        is_tcp = "/TCP" in wanted
        if ("tcp" if is_tcp else "udp") not in self.transports:
            return Answer(461)
        first = int((re.findall(r"(?:interleaved|client_port)=(\d+)", wanted) or ["0"])[0])
        if "sound" in request.url:
            link.to_sound = first
        elif "second" in request.url:
            link.to_second = first
        elif is_tcp:
            link.to_video = first
        else:
            link.to_video = ("127.0.0.1", first)
            link.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            link.rtp.bind(("127.0.0.1", 0))
            port = link.rtp.getsockname()[1]
            wanted += f";server_port={port}-{port + 1}"
        return Answer(headers=session | {"Transport": wanted})

    def _described(self) -> str:
        """RFC 4566 and RFC 6184, section 8.2.1."""
        sets = [bytes(unit) for unit in units(self.film[0]) if unit[0] & 0x1F in (7, 8)]
        sprop = ",".join(base64.b64encode(each).decode() for each in sets)
        sound = ["m=audio 0 RTP/AVP 8", "a=control:sound"] if self.has_sound else []
        form = f"packetization-mode=1;sprop-parameter-sets={sprop}"
        lines = [
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=Scripted", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*", *sound,
            "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", f"a=fmtp:96 {form}", "a=control:video",
        ]  # fmt: skip
        return "\r\n".join(lines) + "\r\n"

    def _play(self, link: Link) -> None:
        number = _FIRST_NUMBER
        with contextlib.suppress(OSError):
            for picture in range(1_000_000):
                if link.ended.is_set() or self._has_expired(link):
                    break
                time_ = _FIRST_TIME + self.times(picture)
                coded = self.film[picture % len(self.film)]
                parts = [
                    part
                    for unit in units(coded if self.has_sets else without_sets(coded))
                    for part in payloads(bytes(unit), self.most_bytes)
                ]
                last = len(parts) - 1
                packets = [rtp(part, number + at, time_, is_last=at == last) for at, part in enumerate(parts)]
                number += len(parts)
                for packet in self.wire(picture, packets, link):
                    link.send_rtp(packet)
                    if link.to_second is not None:
                        link.send(interleaved(link.to_second, packet[:1] + bytes((packet[1] + 1,)) + packet[2:]))
                if link.to_sound is not None:
                    silence = struct.pack(">BBHII", 0x80, 8, picture & 0xFFFF, picture * 800, 1) + b"\xd5" * 800
                    link.send(interleaved(link.to_sound, silence))
                self.after(picture, link)
                link.ended.wait(1 / self.pace)
        link.drop()

    def _has_expired(self, link: Link) -> bool:
        return self.session_s is not None and time.monotonic() - link.heard_s > self.session_s


def _read(stream: BinaryIO, connection: int) -> Request | None:
    """The next request; the client's RTCP reports and answers before it are passed over. `None` at the end."""
    while True:
        while (first := stream.read(1)) == b"$":
            _, length = struct.unpack(">BH", stream.read(3))
            stream.read(length)
        method, _, rest = (first + stream.readline()).decode().strip().partition(" ")
        if not rest:
            return None
        headers = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        stream.read(int(headers.get("content-length", "0")))
        if not method.startswith("RTSP/"):
            return Request(method, rest.rpartition(" ")[0], headers, connection)


def _message(request: Request, said: Answer) -> bytes:
    headers = {"CSeq": request.headers.get("cseq", "0"), **said.headers}
    if said.body:
        headers["Content-Length"] = str(len(said.body))
    lines = [f"RTSP/1.0 {said.status} {_REASONS.get(said.status, 'No')}"]
    lines += [f"{name}: {one}" for name, value in headers.items() for one in value.split("\n")]
    return "\r\n".join([*lines, "", said.body]).encode()


@dataclass
class Guard:
    """Lets in who knows the password: Basic (RFC 7617), or Digest (RFC 7616) with `MD5` or `SHA-256`."""

    scheme: str = "Basic"
    """`Basic`, `MD5` or `SHA-256`; several after commas are all offered."""
    user: str = "admin"
    password: str = "p@ss:w/rd"
    requests_a_nonce: int | None = None
    """After so many requests a nonce is stale."""
    stale: int = field(default=0, init=False)
    """How often somebody was told so."""
    _nonce: int = field(default=0, init=False)
    _uses: int = field(default=0, init=False)

    def __call__(self, request: Request, usual: Answer) -> Answer:
        """The usual answer for who may pass, else 401."""
        given = request.headers.get("authorization", "")
        if given.startswith("Basic ") and "Basic" in self.scheme:
            right = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return usual if given == f"Basic {right}" else self._challenge()
        said = {name: bare or quoted for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', given)}
        if not given.startswith("Digest ") or not self._is_right(request, said):
            return self._challenge()
        self._uses += 1
        is_used_up = self.requests_a_nonce is not None and self._uses > self.requests_a_nonce
        if said["nonce"] != f"nonce{self._nonce}" or is_used_up:
            self.stale += 1
            self._nonce, self._uses = self._nonce + 1, 0
            return self._challenge(is_stale=True)
        return usual

    def _is_right(self, request: Request, said: dict[str, str]) -> bool:
        algorithm = said.get("algorithm", "MD5")
        if algorithm not in self.scheme:
            return False

        def hashed(text: str) -> str:
            return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()

        secret = hashed(f"{self.user}:Camera:{self.password}")
        asked = hashed(f"{request.method}:{said['uri']}")
        middle = said["nonce"]
        if "qop" in said:
            middle += f":{said['nc']}:{said['cnonce']}:{said['qop']}"
        return said["response"] == hashed(f"{secret}:{middle}:{asked}") and said["uri"] == request.url

    def _challenge(self, *, is_stale: bool = False) -> Answer:
        offers = []
        for scheme in self.scheme.split(","):
            if scheme == "Basic":
                offers.append('Basic realm="Camera"')
            else:
                offers.append(f'Digest realm="Camera", nonce="nonce{self._nonce}", algorithm={scheme}')
                offers[-1] += ", stale=true" if is_stale else ""
        return Answer(401, {"WWW-Authenticate": "\n".join(offers)})


def changed(said: Answer, **headers: str | None) -> Answer:
    """An answer with other headers (`Content_Base` for `Content-Base`); `None` leaves one out."""
    kept = said.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    return dataclasses.replace(said, headers={name: value for name, value in kept.items() if value is not None})
