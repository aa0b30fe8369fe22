"""Publishes FLV to an RTMP server: section 7.2 of the protocol, as its servers want to hear it."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from watchpost.rtmp import amf, flv
from watchpost.rtmp.wire import (
    COMMAND,
    COMMAND_CHANNEL,
    CONTROL_CHANNEL,
    DATA,
    FIRST_CHUNK_SIZE,
    MEDIA_CHANNEL,
    OWN_CHUNK_SIZE,
    SET_CHUNK_SIZE,
    Message,
    MessageReader,
    RtmpError,
    Wire,
    encoded,
    greet,
)

PORTS: Final = {"rtmp": 1935, "rtmps": 443}
_OURSELVES: Final = "FMLE/3.0 (compatible; Watchpost)"
_MOST_ANSWERS: Final = 100


@dataclass(frozen=True, slots=True)
class Address:
    """Where to publish: `rtmp://HOST[:PORT]/APP/KEY`; the last part of the path is the stream's key."""

    scheme: str
    host: str
    port: int
    app: str
    key: str
    """A secret: whoever knows it may publish."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Raises a permanent `RtmpError` for what is no such address."""
        try:
            parts = urlsplit(text)
            scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if scheme not in PORTS or not host:
            raise RtmpError("an RTMP address is written rtmp://HOST/APP/KEY.", permanent=True)
        if parts.username:
            message = f"{scheme}://{host}: RTMP servers take no user and password here, only the stream key."
            raise RtmpError(message, permanent=True)
        app, _, key = parts.path.strip("/").rpartition("/")
        if not app or not key:
            message = f"{scheme}://{host}: the path must name an application and a stream, as in /live/KEY."
            raise RtmpError(message, permanent=True)
        query = f"?{parts.query}" if parts.query else ""
        return cls(scheme, host, port or PORTS[scheme], unquote(app), unquote(key) + query)

    @property
    def shown(self) -> str:
        """Without the key."""
        return f"{self.url}/***"

    @property
    def url(self) -> str:
        """Of the application."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}/{self.app}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Of a server's certificate."""

    verify: bool = True
    ca_file: Path | None = None
    """Instead of the system's authorities."""

    def context(self) -> ssl.SSLContext:
        """What the standard library wants of it."""
        context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


class Publisher:
    """One published stream: a file object that FFmpeg's FLV muxer writes to. Use it from one thread; `close` from any.

    Making one connects and asks the server; it raises `RtmpError`, permanent where the server refuses the stream.
    Nothing blocks for longer than `timeout_s`, also where the server stops reading.
    """

    def __init__(self, address: Address, timeout_s: float = 10.0, trust: Trust | None = None) -> None:
        self.sent = 0
        """Bytes of pictures and sound."""
        self._address = address
        self._wire = Wire(_connected(address, timeout_s, trust or Trust()), address.shown)
        self._reader = MessageReader(self._wire)
        self._tags = flv.TagReader()
        self._stream = 0
        self._chunk_size = FIRST_CHUNK_SIZE
        try:
            greet(self._wire)
            self._negotiate()
        except BaseException:
            self._wire.close()
            raise

    def write(self, data: bytes) -> int:
        """Send a piece of an FLV file. Raises `RtmpError`."""
        for each in self._tags.feed(bytes(data)):
            body = each.body
            if each.kind == DATA:  # what makes the server keep it for those who come later
                body = amf.encoded("@setDataFrame") + body
            message = Message(each.kind, body, each.time_ms, self._stream)
            self._wire.send(encoded(message, MEDIA_CHANNEL, OWN_CHUNK_SIZE))
            self.sent += len(body)
        for message in self._reader.waiting():
            self._check(message)
        return len(data)

    def close(self) -> None:
        """End the stream and the connection; safe to call twice."""
        with suppress(RtmpError):
            self._command("FCUnpublish", 6, None, self._address.key)
            self._command("deleteStream", 7, None, float(self._stream))
        self._wire.close()

    def abort(self) -> None:
        """End the connection at once, from any thread."""
        self._wire.close()

    def _negotiate(self) -> None:
        address = self._address
        about: dict[str, amf.Value] = {
            "app": address.app,
            "type": "nonprivate",
            "flashVer": _OURSELVES,
            "tcUrl": address.url,
        }
        self._command("connect", 1, about)
        self._answer(1)
        size = OWN_CHUNK_SIZE.to_bytes(4, "big")
        self._wire.send(encoded(Message(SET_CHUNK_SIZE, size), CONTROL_CHANNEL))
        self._chunk_size = OWN_CHUNK_SIZE
        self._command("releaseStream", 2, None, address.key)
        self._command("FCPublish", 3, None, address.key)
        self._command("createStream", 4, None)
        given = self._answer(4)
        self._stream = int(given) if isinstance(given, float) else 1
        self._command("publish", 5, None, address.key, "live", stream=self._stream)
        for _ in range(_MOST_ANSWERS):
            if self._check(self._reader.next()):
                return
        raise RtmpError(f"{address.shown}: the server does not let the stream begin.")

    def _command(self, name: str, number: int, *arguments: amf.Value, stream: int = 0) -> None:
        body = amf.encoded(name, float(number), *arguments)
        self._wire.send(encoded(Message(COMMAND, body, 0, stream), COMMAND_CHANNEL, self._chunk_size))

    def _answer(self, number: int) -> amf.Value:
        """The last value of the answer to a command."""
        for _ in range(_MOST_ANSWERS):
            message = self._reader.next()
            if message.kind != COMMAND:
                continue
            values = amf.decoded(message.body)
            if values[:1] == ["_error"] and values[1:2] == [float(number)]:
                raise RtmpError(f"{self._address.shown}: the server refuses: {_reason(values)}.", permanent=True)
            if values[:1] == ["_result"] and values[1:2] == [float(number)]:
                return values[-1]
        raise RtmpError(f"{self._address.shown}: the server does not answer.")

    def _check(self, message: Message) -> bool:
        """Whether a message says that publishing begins; raises for one that ends it."""
        if message.kind != COMMAND:
            return False
        values = amf.decoded(message.body)
        if values[:1] == ["onStatus"]:
            about = values[-1] if isinstance(values[-1], dict) else {}
            if about.get("level") == "error":
                message_text = f"{self._address.shown}: the server refuses the stream: {_reason(values)}."
                raise RtmpError(message_text, permanent=True)
            return about.get("code") == "NetStream.Publish.Start"
        return False


def _reason(values: list[amf.Value]) -> str:
    about = values[-1] if values and isinstance(values[-1], dict) else {}
    told = about.get("description") or about.get("code") or "no reason given"
    return str(told)[:200].rstrip(".")


def _connected(address: Address, timeout_s: float, trust: Trust) -> socket.socket:
    shown = address.shown
    try:
        end = socket.create_connection((address.host, address.port), timeout_s)
    except socket.gaierror:
        raise RtmpError(f"{shown}: the host {address.host} is not known; check the address.", permanent=True) from None
    except TimeoutError:
        raise RtmpError(f"{shown}: no answer in time.") from None
    except OSError as error:
        message = f"{shown}: {error.strerror or error}; check that the server runs and listens on this port."
        raise RtmpError(message) from None
    end.settimeout(timeout_s)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.scheme == "rtmp":
        return end
    try:
        return trust.context().wrap_socket(end, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        end.close()
        message = f"{shown}: {error.verify_message}; set ca_file to its certificate, or tls_verify to false."
        raise RtmpError(message, permanent=True) from None
    except OSError as error:
        end.close()
        raise RtmpError(f"{shown}: no TLS: {error.strerror or error}.") from None
