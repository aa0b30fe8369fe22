"""The server's side of one connection: an encoder (OBS, FFmpeg, a camera) that publishes to us."""

from __future__ import annotations

import hmac
import socket
import struct
from collections.abc import Iterator
from typing import Final

from watchpost.rtmp import amf, flv
from watchpost.rtmp.wire import (
    COMMAND,
    COMMAND_AMF3,
    COMMAND_CHANNEL,
    CONTROL_CHANNEL,
    DATA,
    DATA_AMF3,
    OWN_CHUNK_SIZE,
    PEER_BANDWIDTH,
    SET_CHUNK_SIZE,
    WINDOW_BYTES,
    WINDOW_SIZE,
    Message,
    MessageReader,
    RtmpError,
    Wire,
    answer_greeting,
    encoded,
)

_STREAM: Final = 1
_MOST_COMMANDS: Final = 50
"""Before a stream begins."""
_ENDS: Final = frozenset({"deleteStream", "closeStream", "FCUnpublish"})
_KEEP: Final = amf.encoded("@setDataFrame")
"""Before data that the server is to keep for those who come later."""


class Receiver:
    """One connection, from the handshake to its end. Use it from one thread; `close` from any.

    Every wait ends after the socket's time-out. Only one stream a connection is published; who wants to play one is
    refused.
    """

    def __init__(self, end: socket.socket, shown: str) -> None:
        """`shown` is what messages call the other side."""
        self.app = ""
        self._wire = Wire(end, shown)
        self._reader = MessageReader(self._wire)

    def asked(self) -> str:
        """Shake hands, and follow the encoder to its wish to publish: the stream's key, as it was sent.

        Then either `accept` or `refuse`. Raises `RtmpError`.
        """
        answer_greeting(self._wire)
        for _ in range(_MOST_COMMANDS):
            values = _command(self._reader.next())
            match values[:1]:
                case ["connect"]:
                    self._connect(values)
                case ["createStream"]:
                    self._reply("_result", values, float(_STREAM))
                case ["publish"]:
                    key = values[3] if len(values) > 3 else None
                    if not isinstance(key, str):
                        break
                    return key
                case ["play"]:
                    self._status("error", "NetStream.Play.Failed", "This is for publishing alone.")
                    break
                case [str()] if len(values) > 1 and values[1]:
                    self._reply("_result", values, None)
        raise RtmpError(f"{self._wire.shown}: does not publish.")

    def accept(self) -> None:
        """Let the stream begin."""
        self._status("status", "NetStream.Publish.Start", "Begin.")

    def refuse(self, reason: str) -> None:
        """Tell the encoder that it may not, and end the connection."""
        try:
            self._status("error", "NetStream.Publish.BadName", reason)
        finally:
            self.close()

    def film(self) -> Iterator[bytes]:
        """The stream as pieces of an FLV file, until the encoder ends it. Raises `RtmpError` when it breaks off."""
        yield flv.HEADER
        while True:
            message = self._reader.next()
            if message.kind in (COMMAND, COMMAND_AMF3):
                values = _command(message)
                if values and values[0] in _ENDS:
                    return
                continue
            message = _plain(message)
            if message.kind in flv.TAG_KINDS and message.body:
                yield flv.tag(message)

    def close(self) -> None:
        """End the connection."""
        self._wire.close()

    def _connect(self, values: list[amf.Value]) -> None:
        about = values[2] if len(values) > 2 and isinstance(values[2], dict) else {}
        app = about.get("app")
        self.app = app.strip("/") if isinstance(app, str) else ""
        window = struct.pack(">I", WINDOW_BYTES)
        own = (
            Message(WINDOW_SIZE, window),
            Message(PEER_BANDWIDTH, window + b"\x02"),
            Message(SET_CHUNK_SIZE, struct.pack(">I", OWN_CHUNK_SIZE)),
        )
        self._wire.send(b"".join(encoded(each, CONTROL_CHANNEL) for each in own))
        server: dict[str, amf.Value] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        told = _information("status", "NetConnection.Connect.Success", "Welcome.") | {"objectEncoding": 0.0}
        self._send("_result", values[1] if len(values) > 1 else 1.0, server, told)

    def _reply(self, name: str, values: list[amf.Value], result: amf.Value) -> None:
        self._send(name, values[1] if len(values) > 1 else 0.0, None, result)

    def _status(self, level: str, code: str, description: str) -> None:
        self._send("onStatus", 0.0, None, _information(level, code, description), stream=_STREAM)

    def _send(self, *values: amf.Value, stream: int = 0) -> None:
        message = Message(COMMAND, amf.encoded(*values), 0, stream)
        self._wire.send(encoded(message, COMMAND_CHANNEL, OWN_CHUNK_SIZE))


def is_same_secret(given: str, expected: str) -> bool:
    """Compared in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def _information(level: str, code: str, description: str) -> dict[str, amf.Value]:
    return {"level": level, "code": code, "description": description}


def _command(message: Message) -> list[amf.Value]:
    """A command's name and arguments; nothing for other messages."""
    if message.kind == COMMAND:
        return amf.decoded(message.body)
    return amf.decoded(message.body[1:]) if message.kind == COMMAND_AMF3 else []


def _plain(message: Message) -> Message:
    """Data as FLV has it: without the wrapping of AMF 3, nor the order to keep it."""
    kind, body = message.kind, message.body
    if kind == DATA_AMF3:
        kind, body = DATA, body[1:]
    if kind == DATA and body.startswith(_KEEP):
        body = body[len(_KEEP) :]
    return Message(kind, body, message.time_ms, message.stream)
