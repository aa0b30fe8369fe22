"""Plain data to `Configuration`, with every problem told in plain words and by its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from watchpost import plugins
from watchpost.config.models import Camera, Configuration, Defaults, Web, rule_title, with_defaults
from watchpost.config.serve import RtspOptions, ServeOptions
from watchpost.options import Settings

Place = tuple[str | int, ...]
"""The way from the top to a value: keys and list indices."""


class Finding(NamedTuple):
    """One problem of the data."""

    place: Place
    message: str
    is_about_key: bool = False
    """The key itself is wrong, not its value."""
    meant: Place | None = None
    """What was probably meant by a misspelt key."""


def validated(data: object, folder: Path) -> tuple[Configuration | None, list[Finding]]:
    """The configuration that `data` describes, or `None` and everything that is wrong with it.

    Relative paths are taken relative to `folder`.
    """
    if not isinstance(data, Mapping):
        return None, [Finding((), f"expected settings such as cameras: and models:, not {_described(data)}")]
    configuration = None
    findings: list[Finding] = []
    try:
        configuration = Configuration.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [finding for finding in _findings(found) if not _is_inherited(finding.place, data)]
        meant = {finding.meant for finding in told}
        findings += _once_an_area(finding for finding in told if finding.meant or finding.place not in meant)
    findings += [*_broken_references(with_defaults(data)), *_broken_sinks(data)]
    return (None if findings else configuration), findings


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what there is, or that there is nothing."""
    choices = sorted(known)
    close = _closest(word, choices)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"there are: {', '.join(choices)}" if choices else "there are none"


def _closest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


def _is_inherited(place: Place, data: Mapping[str, Any]) -> bool:
    """Whether the value comes from `defaults`, which are checked for themselves."""
    if len(place) < 3 or place[0] != "cameras":
        return False
    return place[2] not in data["cameras"][place[1]] and place[2] in with_defaults(data)["defaults"]


def _findings(errors: Iterable[Any], base: Place = (), meanings: Mapping[str, str] | None = None) -> Iterator[Finding]:
    for error in errors:
        place: Place = (*base, *error["loc"])
        if error["type"] == "options":
            yield from _findings(error["ctx"]["errors"], place, error["ctx"]["meanings"])
        elif error["type"] == "extra_forbidden":
            allowed = meanings if meanings and len(error["loc"]) == 1 else _settings_at(place[:-1])
            name = str(place[-1])
            allowed = [each for each in allowed if each != name]
            close = _closest(name, sorted(allowed))
            meant = None if close is None else (*place[:-1], close)
            yield Finding(place, f"there is no setting {name!r} here; {did_you_mean(name, allowed)}", True, meant)
        elif error["type"] == "plugin":
            yield Finding((*place, error["ctx"]["setting"]), str(error["msg"]))
        elif error["type"] == "missing" and place[:1] == ("models",) and place[2:] == ("kind",):
            message = f"'model' is missing; add model: {plugins.DEFAULT_MODEL}, or the path of a model file"
            yield Finding((*place[:2], "model"), message)
        elif error["type"] == "string_pattern_mismatch" and meanings and meanings.get(str(place[-1])):
            yield Finding(place, f"this does not fit; expected: {_first_part(meanings[str(place[-1])])}")
        elif error["type"] == "model_kind":
            yield Finding((*place, "kind"), str(error["msg"]), True)
        elif error["type"] == "model_file":
            yield Finding((*place, "model"), str(error["msg"]))
        elif _is_area(place) and error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # long enough but for its wrong items, which have their own errors
        elif place and place[-1] == "[key]":
            yield Finding(place[:-1], _message(error, place), True)
        else:
            yield Finding(place, _message(error, place))


def _first_part(description: str) -> str:
    return re.split(r"[;.:](?:\s|$)", description, maxsplit=1)[0]


def _once_an_area(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, but the same mistake at several points of a zone or line only once."""
    seen: set[tuple[Place, str]] = set()
    for finding in findings:
        mistake = (finding.place[:4], finding.message)
        if not _is_area(finding.place) or mistake not in seen:
            yield finding
        seen.add(mistake)


def _settings_at(place: Place) -> Iterable[str]:
    if place[:2] == ("serve", "rtsp"):
        return RtspOptions.model_fields
    sections: dict[str, type[Settings]] = {"web": Web, "serve": ServeOptions, "defaults": Defaults, "cameras": Camera}
    section = sections.get(str(place[0])) if place else Configuration
    return section.model_fields if section is not None else ()


_AREAS: Final = ("zones", "lines")
_EXAMPLES: Final = {
    "source": "source: rtsp://10.0.0.5/stream1",
    "kind": "kind: with a plugin's name",
    "zone": "zone: with the name of one of the camera's zones",
    "line": "line: with the name of one of the camera's lines",
    "url": "url: with the address to send to",
}
_EXPECTED: Final = {
    "string_type": "text; put quotes around it if it is meant as text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list such as [a, b]",
    "list_type": "a list such as [a, b]",
    "set_type": "a list such as [a, b]",
    "frozen_set_type": "a list such as [a, b]",
    "dict_type": "names with settings (name: ...)",
    "model_type": "settings (key: value), indented below it",
    "model_attributes_type": "settings (key: value), indented below it",
    "path_type": "the path of a file or folder",
}
_LIMITS: Final = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "finite_number": "a finite number",
}


def _message(error: Mapping[str, Any], place: Place) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if _is_area(place) and (said := _area_message(kind, place)):
        return said
    if kind == "missing":
        name = str(place[-1])
        return f"{name!r} is missing; add {_EXAMPLES.get(name, f'{name}:')}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {_described(error.get('input'))}"
    if kind in _LIMITS:
        return f"the number must be {_LIMITS[kind].format(**context)}"
    if kind in ("string_too_short", "too_short"):
        return f"this is too short; write at least {context['min_length']}{_unit(error)}"
    if kind in ("string_too_long", "too_long"):
        return f"this is too long; write at most {context['max_length']}{_unit(error)}"
    if kind in ("literal_error", "enum"):
        return f"write one of: {context['expected']}"
    return str(error["msg"]).removeprefix("Value error, ")


def _is_area(place: Place) -> bool:
    return len(place) > 3 and place[0] == "cameras" and place[2] in _AREAS


def _area_message(kind: str, place: Place) -> str | None:
    if kind in _LIMITS:
        return "a point lies outside the picture; write fractions of width and height from 0 to 1, not pixels"
    depth = len(place) - 4
    if depth == 2 or (depth == 1 and kind in ("too_long", "tuple_type")):
        return "a point is two numbers, [x, y], such as [0.25, 0.8]"
    if kind in ("too_long", "too_short", "tuple_type"):
        thing = "a zone has 3 to 100 corners" if place[2] == "zones" else "a line has 2 to 100 points"
        return f"{thing}: [[x, y], [x, y], ...]"
    return None


def _unit(error: Mapping[str, Any]) -> str:
    return " items" if isinstance(error.get("input"), list | tuple) else " characters"


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "settings (key: value)"


def _broken_references(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What names something that is not there. Parts of an unexpected shape are skipped: they have their error."""
    models = data["models"] if isinstance(data["models"], Mapping) else {}
    defaults = data["defaults"] if isinstance(data["defaults"], Mapping) else {}
    cameras = data["cameras"] if isinstance(data["cameras"], Mapping) else {}
    if isinstance(default := defaults.get("model"), str) and default not in models:
        yield Finding(("defaults", "model"), f"there is no model {default!r}; {did_you_mean(default, models)}")
    for name, camera in cameras.items():
        if not isinstance(camera, Mapping):
            continue
        place: Place = ("cameras", name)
        model = camera.get("model")
        if model is None:
            choices = ", ".join(sorted(models))
            yield Finding(place, f"which model? Add model: to the camera or to defaults; there are: {choices}")
        elif isinstance(model, str) and model not in models and model != defaults.get("model"):
            message = f"there is no model {model!r}; {did_you_mean(model, models)}"
            yield Finding((*place, "model"), message)
        if isinstance(camera.get("rules"), list):
            yield from _broken_rules(camera, (*place, "rules"))


def _broken_sinks(data: Mapping[str, Any]) -> Iterator[Finding]:
    titles: set[str] = set()
    for index, sink in enumerate(data["sinks"] if isinstance(data.get("sinks"), list) else ()):
        title = str(_text(sink.get("name")) or sink.get("kind")) if isinstance(sink, Mapping) else str(sink)
        if title in titles:
            message = f"a second sink is called {title!r}; give it a name of its own (name: ...)"
            yield Finding(("sinks", index), message)
        titles.add(title)


def _broken_rules(camera: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    titles: set[str] = set()
    for index, rule in enumerate(camera["rules"]):
        if not isinstance(rule, Mapping):
            rule = {"kind": rule}
        title = rule_title(str(rule.get("kind")), _text(rule.get("name")), rule.get("zone") or rule.get("line"))
        if title in titles:
            message = f"a second rule is called {title!r}; give it a name of its own (name: ...)"
            yield Finding((*place, index), message)
        titles.add(title)
        for key, group in (("zone", "zones"), ("zones", "zones"), ("line", "lines"), ("lines", "lines")):
            there = camera.get(group) or {}
            wanted = rule.get(key)
            for word in wanted if isinstance(wanted, list) else [wanted]:
                if isinstance(word, str) and isinstance(there, Mapping) and word not in there:
                    kind = group.removesuffix("s")
                    message = f"camera {place[1]!r} has no {kind} {word!r}; {did_you_mean(word, there)}"
                    yield Finding((*place, index, key), message)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
