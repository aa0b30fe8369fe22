"""Where packets come from. A source opens, yields packets and raises `SourceError`; it never retries.

Retry and back-off live once, above, in `watchpost.runtime.reconnect`. A source plugin holds `SCHEMES` (which
addresses are its own), `Options` and `create(address, camera, options, clock) -> Source`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from pydantic import ValidationError

from watchpost import plugins
from watchpost.clock import Clock
from watchpost.errors import SourceError
from watchpost.telemetry import redacted
from watchpost.types import Packet

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)


class Source(Protocol):
    """One connection to one camera, file or folder, used once."""

    def packets(self) -> Iterator[Packet]:
        """Connect and yield the video packets in decoding order, ending at the end of a file.

        Raises `SourceError` when it can not connect or breaks off; `permanent` where retrying is of no use.
        """

    def close(self) -> None:
        """Let go of the connection. Safe to call twice, and from another thread to end `packets`."""


def open_source(address: str, camera: str, options: Mapping[str, Any] | None, clock: Clock) -> Source:
    """The source at `address`: a URL, `webcam:0`, `synthetic:`, or the path of a file or folder.

    Connects to nothing yet: that happens in `packets`. `options` are those of the plugin that plays the address.
    Raises a permanent `SourceError` for an address or options that can not be meant.
    """
    name = plugin_for(address)
    module = plugins.load("sources", name)
    try:
        chosen = module.Options.model_validate(dict(options or {}))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(str(part) for part in first["loc"]) or "options"
        known = ", ".join(sorted(module.Options.model_fields)) or "none"
        message = f"{redacted(address)}: option {option}: {first['msg']}. Sources of kind {name} know: {known}."
        raise SourceError(message, permanent=True) from None
    source: Source = module.create(address, camera, chosen, clock)
    return source


def plugin_for(address: str) -> str:
    """The name of the plugin that plays `address`. Raises a permanent `SourceError` where none does."""
    from watchpost.sources.file import local_path
    from watchpost.sources.folder import SUFFIXES

    if not address.strip():
        raise SourceError("the address of the source is empty; give a URL, a file or a folder.", permanent=True)
    scheme = _SCHEME.match(address)
    path = local_path(address)
    if (scheme is None or scheme[1].lower() == "file") or path.exists():
        if str(path).startswith("/dev/video"):
            return "webcam"
        return "folder" if path.is_dir() or path.suffix.lower() in SUFFIXES else "file"
    schemes = _by_scheme()
    try:
        return schemes[scheme[1].lower()]
    except KeyError:
        known = ", ".join(sorted(f"{key}:" for key in schemes))
        message = f"{redacted(address)}: {scheme[1]}: is not known; there are: {known}, and paths of files and folders."
        raise SourceError(message, permanent=True) from None


@functools.cache  # asked for each camera of a file
def _by_scheme() -> dict[str, str]:
    return {key: name for name in plugins.names("sources") for key in _schemes(name)}


def _schemes(name: str) -> tuple[str, ...]:
    schemes: tuple[str, ...] = plugins.load("sources", name).SCHEMES
    return schemes
