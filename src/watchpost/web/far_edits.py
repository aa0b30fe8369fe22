"""What may be changed in the configuration from afar, by whoever is an admin of the page.

The page's admins are not the machine's: from afar no file is named, no program loaded, and no variable of the
environment read that no camera uses already. What the file's owner has written stays as it is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from watchpost.errors import WatchpostError
from watchpost.telemetry import redacted

SECTIONS: Final = ("cameras", "defaults", "models", "detection", "recordings")
"""Of the file, those that may be changed."""
SCHEMES: Final = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "synthetic")
"""Of addresses that cameras have."""
HIDDEN: Final = "***"
_SECRET: Final = re.compile(r"pass|secret|token|api_?key|credential", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_MODEL_FILES: Final = ("model", "backend", "smaller", "kind")
_MAX_DEPTH: Final = 16


class FarEditError(WatchpostError):
    """This is not changed from afar."""


def pointed(pointer: str) -> tuple[str, ...]:
    """The way that a JSON pointer (RFC 6901) names. Raises `FarEditError`."""
    if not pointer.startswith("/"):
        raise FarEditError(f"{pointer[:80]!r} is no JSON pointer such as /cameras/gate/zones.")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def changed(data: Mapping[str, Any], to_set: Mapping[str, Any], to_remove: Sequence[str]) -> dict[str, Any]:
    """What the file is to say: `data` with values set and removed at JSON pointers.

    A value that is shown with hidden credentials and comes back so keeps them. Raises `FarEditError` for what is not
    there, or not changed from afar.
    """
    wanted: dict[str, Any] = copy.deepcopy(dict(data))
    for pointer in to_remove:
        *way, last = _allowed(pointer)
        group = _group(wanted, way, pointer, makes=False)
        if last not in group:
            raise FarEditError(f"{pointer} is not written in the file.")
        del group[last]
    for pointer, value in to_set.items():
        *way, last = _allowed(pointer)
        group = _group(wanted, way, pointer, makes=True)
        group[last] = _with_hidden({last: value}, group, 0)[last]
    check(data, wanted)
    return wanted


def check(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise `FarEditError` for differences that are not made from afar."""
    used = set(_VARIABLE.findall(str(old.get("cameras"))))
    for place, value in _differences((), old, new):
        for text in _texts(value):
            if HIDDEN in text:
                raise FarEditError(f"/{'/'.join(place)}: write what is hidden by {HIDDEN} in full.")
            if unknown := sorted(set(_VARIABLE.findall(text)) - used):
                raise FarEditError(f"no camera uses ${{{unknown[0]}}} yet: write that into the file by hand.")
        _check_place(place, value)


def shown(value: Any, name: str = "") -> Any:
    """Data without credentials."""
    if isinstance(value, Mapping):
        return {key: shown(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each, name) for each in value]
    if isinstance(value, str):
        return HIDDEN if _SECRET.search(name) else redacted(value)
    return value


def check_address(address: str) -> None:
    """Raise `FarEditError` for a source that is not the address of a camera."""
    found = _ADDRESS.match(address)
    if found is None or found[1].lower() not in SCHEMES:
        known = ", ".join(f"{scheme}:" for scheme in SCHEMES)
        raise FarEditError(f"a source is set from here as an address with one of {known}; files are named by hand.")


def _allowed(pointer: str) -> tuple[str, ...]:
    way = pointed(pointer)
    if way[0] not in SECTIONS:
        raise FarEditError(f"/{way[0]} is not changed from here; there are: {', '.join(SECTIONS)}.")
    return way


def _group(data: dict[str, Any], way: Sequence[str], pointer: str, *, makes: bool) -> dict[str, Any]:
    for part in way:
        inner = data.get(part)
        if inner is None and makes:
            inner = data[part] = {}
        if not isinstance(inner, dict):
            raise FarEditError(f"{pointer}: {part!r} holds no settings; lists are set as a whole.")
        data = inner
    return data


def _with_hidden(value: Any, before: Any, depth: int) -> Any:
    """`value`, with what is shown as hidden in it as it was before."""
    if depth > _MAX_DEPTH:
        raise FarEditError("this is nested too deeply.")
    if isinstance(value, dict):
        old = before if isinstance(before, Mapping) else {}
        return {
            key: old[key]
            if key in old and each == shown(old[key], key) != old[key]
            else _with_hidden(each, old.get(key), depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        old_items = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return [_with_hidden(each, old, depth + 1) for each, old in zip(value, old_items, strict=True)]
    return before if isinstance(before, str) and value == redacted(before) else value


def _differences(place: tuple[str, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where two pieces of data differ, and what is there now; of what is gone, nothing."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in new:
            yield from _differences((*place, str(key)), old.get(key), new[key])
    elif isinstance(new, Mapping):
        for key in new:
            yield from _differences((*place, str(key)), None, new[key])
    elif old != new:
        yield place, new


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)


def _check_place(place: tuple[str, ...], value: Any) -> None:
    if place[:1] == ("cameras",) and place[2:] == ("source",) and isinstance(value, str):
        check_address(value)
    if place[:1] == ("models",):
        is_file = isinstance(value, str) and bool(set(value) & set("./\\"))
        if place[2:3] and place[2] in _MODEL_FILES and (is_file or place[2] in ("backend", "smaller")):
            raise FarEditError("model files are named in the file, by hand.")
        if len(place) == 2 and is_file:
            raise FarEditError("model files are named in the file, by hand.")
    for kind in _kinds(place[-1] if place else "", value):
        if "." in kind:
            raise FarEditError(f"{kind[:80]!r}: modules of other packages are named in the file, by hand.")


def _kinds(name: str, value: Any) -> Iterator[str]:
    """All names of plugins in a value."""
    if name in ("kind", "tracker", "rules") and isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _kinds(name, each)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _kinds(str(key), each)
