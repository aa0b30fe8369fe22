"""Session descriptions (SDP, RFC 4566): what an RTSP server offers, and what a publisher announces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 65_536
_MOST_LINES: Final = 1000
_MOST_MEDIA: Final = 8
_LONGEST_TEXT: Final = 4096

_MEDIA: Final = re.compile(
    r"(video|audio|application|text|message) (\d{1,5})(?:/\d{1,5})? (RTP/AVPF?) (\d{1,3})(?: .*)?"
)
_MAP: Final = re.compile(r"(\d{1,3}) ([A-Za-z0-9._-]{1,64})/(\d{1,9})(?:/(\d{1,3}))?")
_FORMAT: Final = re.compile(r"(\d{1,3}) (.*)")
_ANY: Final = {"IP4": "0.0.0.0", "IP6": "::"}  # noqa: S104 - "see SETUP" to a player (RFC 2326, C.1.7)
_STATIC: Final = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 26: ("JPEG", 90_000)}
"""RFC 3551, tables 4 and 5: payload types that need no `a=rtpmap`."""


class BadDescriptionError(Exception):
    """This is no session description that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Media:
    """One stream of a session: its `m=` line and what belongs to it."""

    kind: str
    """`video`, `audio`, ..."""
    payload_type: int
    """0-127."""
    encoding: str
    """As in `a=rtpmap`: `H264`, `MPEG4-GENERIC`, ...; case does not matter (RFC 4855, section 3)."""
    clock_rate: int
    """Hz."""
    channels: int | None = None
    """Of sound; `None` where the encoding has no such thing or the description does not say."""
    parameters: str = ""
    """The rest of `a=fmtp`, without the payload type."""
    control: str = ""
    """Where SETUP goes: relative to the session's address, or absolute."""


@dataclass(frozen=True, slots=True)
class Description:
    """A session: its name and its streams."""

    name: str
    media: tuple[Media, ...]


def write(description: Description, *, session_id: int, address: str) -> str:
    """The description, lines ended as RFC 4566, section 5 wants it. `address` is that of this machine, IPv4 or IPv6.

    The streams are controlled as `trackID=0`, `trackID=1`, ... below the session's own address.
    """
    family = "IP6" if ":" in address else "IP4"
    name = "".join(sign for sign in description.name if sign.isprintable()).strip() or "-"
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN {family} {address}",
        f"s={name}",
        f"c=IN {family} {_ANY[family]}",
        "t=0 0",
        "a=tool:Watchpost",
        "a=type:broadcast",
        "a=control:*",
        "a=range:npt=now-",
    ]
    for index, media in enumerate(description.media):
        channels = "" if media.channels is None else f"/{media.channels}"
        lines += [
            f"m={media.kind} 0 RTP/AVP {media.payload_type}",
            f"a=rtpmap:{media.payload_type} {media.encoding}/{media.clock_rate}{channels}",
        ]
        if media.parameters:
            lines.append(f"a=fmtp:{media.payload_type} {media.parameters}")
        lines.append(f"a=control:trackID={index}")
    return "\r\n".join([*lines, ""])


def parse(text: str) -> Description:
    """What somebody announces: video and sound over RTP, one payload type a stream; the first one counts.

    Lines that are not known are passed over, as section 5 wants it. Raises `BadDescriptionError`.
    """
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if len(text) > MOST_BYTES or len(lines) > _MOST_LINES:
        raise BadDescriptionError("it is too long")
    if lines[0].strip() != "v=0":
        raise BadDescriptionError("it does not begin with v=0")
    name = ""
    parts: list[tuple[str, list[str]]] = []
    for line in lines[1:]:
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise BadDescriptionError("a line is not of the form x=...")
        if len(value) > _LONGEST_TEXT or not value.strip().isprintable():
            raise BadDescriptionError("a line is too long, or can not be printed")
        if kind == "m":
            parts.append((value, []))
        elif kind == "a" and parts:
            parts[-1][1].append(value.strip())
        elif kind == "s":
            name = value.strip()
    if not 1 <= len(parts) <= _MOST_MEDIA:
        raise BadDescriptionError(f"it holds {len(parts)} streams, which is none or too many")
    return Description(name, tuple(_media(line.strip(), attributes) for line, attributes in parts))


def _media(line: str, attributes: list[str]) -> Media:
    fields = _MEDIA.fullmatch(line)
    if fields is None or int(fields[4]) > 127:
        raise BadDescriptionError("a stream is not sent over RTP (RTP/AVP)")
    payload_type = int(fields[4])
    encoding, clock_rate = _STATIC.get(payload_type, ("", 0))
    channels: int | None = None
    parameters = control = ""
    for attribute in attributes:
        name, _, value = attribute.partition(":")
        if name == "control":
            control = value.strip()
        elif name == "rtpmap" and (found := _MAP.fullmatch(value.strip())) and int(found[1]) == payload_type:
            encoding, clock_rate = found[2], int(found[3])
            channels = int(found[4]) if found[4] else None
        elif name == "fmtp" and (found := _FORMAT.fullmatch(value.strip())) and int(found[1]) == payload_type:
            parameters = found[2].strip()
    if not encoding or not clock_rate:
        raise BadDescriptionError(f"payload type {payload_type} is not described (a=rtpmap)")
    return Media(fields[1], payload_type, encoding, clock_rate, channels, parameters, control)


def parameter(media: Media, name: str) -> str | None:
    """One of the parameters in `a=fmtp`, such as `sprop-parameter-sets`; names are compared without case."""
    for part in media.parameters.split(";"):
        key, equals, value = part.partition("=")
        if equals and key.strip().lower() == name.lower():
            return value.strip()
    return None
