"""Which plugin plays a camera's source, as the room of sources says."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic_core import PydanticCustomError

from watchpost import plugins
from watchpost.config.plugin import beside_file
from watchpost.errors import WatchpostError

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


def source_plugin(address: str) -> ModuleType:
    """The plugin that plays `address`; an address that none plays is a pydantic error."""
    # Imported by name, as plugins are: this floor lies below the room.
    room = importlib.import_module("watchpost.sources")
    try:
        return plugins.load("sources", room.plugin_for(address))
    except WatchpostError as error:
        raise PydanticCustomError("source", "{reason}", {"reason": str(error)}) from None
    except OSError as error:
        reason = f"this can not be the path of a file: {error.strerror}"
        raise PydanticCustomError("source", "{reason}", {"reason": reason}) from None


def source_beside_file(address: str, context: Any) -> str:
    """`address`; a relative path becomes relative to the folder of the configuration file."""
    path = beside_file(Path(address), context)
    try:
        is_path = _SCHEME.match(address) is None or path.exists()
    except OSError:  # too long for a path
        is_path = False
    return str(path) if is_path else address
