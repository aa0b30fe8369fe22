"""Which fields the documents of an index have: declared ones, and those that documents bring along."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from watchpost.stores.query.dates import parse_date_ms
from watchpost.stores.query.errors import QueryError, unsupported
from watchpost.stores.query.parse import MAX_FIELD_NAME, is_text

FieldType = Literal["keyword", "text", "long", "double", "date", "boolean", "any"]
"""`any`: whatever the value is, a text counting as keyword."""
MAX_FIELDS: Final = 1000
MAX_DEPTH: Final = 20
MAX_KEYWORD: Final = 8191
"""Characters of an exact value."""
_TYPES: Final[dict[str, FieldType | Literal["object", "none"]]] = {
    **dict.fromkeys(("keyword", "constant_keyword"), "keyword"),
    **dict.fromkeys(("text",), "text"),
    **dict.fromkeys(("long", "integer", "short", "byte"), "long"),
    **dict.fromkeys(("double", "float", "half_float"), "double"),
    "date": "date",
    "boolean": "boolean",
    "object": "object",
    "binary": "none",
}
_DATE_LIKE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?")
_PARAMETERS: Final = frozenset(
    {"type", "fields", "properties", "index", "ignore_above", "analyzer", "search_analyzer", "dynamic", "enabled"}
    | {"doc_values", "norms", "coerce"}
)
"""Of a field; the last three change nothing here."""
ANALYZERS: Final = frozenset({"standard", "cjk", "watchpost", "watchpost_search"})
"""Every text is cut by the one analyzer of `query.words`; these names are taken for it."""
_DYNAMIC: Final = (True, False, "true", "false", "strict")


@dataclass(frozen=True, slots=True)
class MappedField:
    """A field that can be searched."""

    name: str
    type: FieldType
    declared: str
    """Its type in Elasticsearch's words."""
    is_indexed: bool = True
    ignore_above: int = MAX_KEYWORD
    of: str | None = None
    """The field that this one is another view of (`fields`)."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a document is found by."""

    values: frozenset[tuple[str, str | int | float]]
    """Field and exact value."""
    texts: tuple[tuple[str, str], ...]
    """Field and text."""


class IndexMapping:
    """The mapping of one index. `to_json` is what `GET _mapping` answers.

    Raises `QueryError` for what is malformed or not supported.
    """

    def __init__(self, raw: Mapping[str, Any] | None = None) -> None:
        self._raw: dict[str, Any] = json.loads(json.dumps(raw or {}))
        for name in self._raw:
            if name not in ("properties", "dynamic", "dynamic_templates", "_source", "date_detection", "_meta"):
                raise _malformed(f"unsupported parameter [{str(name)[:64]}]")
        if self._raw.get("dynamic", True) not in _DYNAMIC:
            raise unsupported("[dynamic] other than true, false and strict")
        source = self._raw.get("_source", {})
        if not isinstance(source, dict) or source.get("enabled", True) is not True or set(source) - {"enabled"}:
            raise unsupported("[_source] in mappings")
        self._raw.setdefault("properties", {})
        self._check_templates()
        self._refresh()

    @property
    def fields(self) -> dict[str, MappedField]:
        """The fields by name."""
        return self._fields

    def to_json(self) -> dict[str, Any]:
        """The mapping as it was declared, with the fields that came along."""
        return {name: value for name, value in self._raw.items() if value or name == "dynamic"}

    def merge(self, more: Mapping[str, Any]) -> None:
        """Add declared fields; a type that is there can not be changed."""
        added = IndexMapping(more)
        for name, found in added.fields.items():
            if (known := self._fields.get(name)) is not None and known.declared != found.declared:
                raise QueryError(
                    f"mapper [{name}] cannot be changed from type [{known.declared}] to [{found.declared}]",
                    "illegal_argument_exception",
                )
        merged = dict(more)
        merged["properties"] = _merged(self._raw["properties"], more.get("properties", {}))
        self._raw.update(json.loads(json.dumps(merged)))
        self._refresh()

    def index(self, document: Mapping[str, Any]) -> tuple[Indexed, bool]:
        """What a document is found by, and whether it brought new fields into the mapping."""
        before = len(self._fields)
        values: set[tuple[str, str | int | float]] = set()
        texts: list[tuple[str, str]] = []
        for name, value in self._leaves(document, "", 0):
            for found in self._targets(name, value):
                if not found.is_indexed:
                    continue
                if found.type == "text":
                    texts.append((found.name, _text(found, value)))
                elif (exact := _exact(found, value)) is not None:
                    values.add((found.name, exact))
        return Indexed(frozenset(values), tuple(texts)), len(self._fields) != before

    def _leaves(self, data: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
        if isinstance(data, Mapping):
            if depth >= MAX_DEPTH:
                raise _unparsable(f"objects are nested deeper than {MAX_DEPTH}")
            for name, value in data.items():
                if not name or len(name) > MAX_FIELD_NAME or not is_text(name) or name.strip(".") != name:
                    raise _unparsable("a field's name is empty, too long, no text or begins or ends with a dot")
                yield from self._leaves(value, f"{path}.{name}" if path else name, depth + 1)
        elif isinstance(data, list):
            for value in data:
                yield from self._leaves(value, path, depth + 1)
        elif data is not None:
            yield path, data

    def _targets(self, name: str, value: Any) -> list[MappedField]:
        if name not in self._views:
            if self._inherited(name, "enabled", default=True) is False:
                return []
            if name in self._objects:
                raise _unparsable(f"object mapping for [{name}] tried to parse a field as object, but found a value")
            dynamic = self._inherited(name, "dynamic", default=True)
            if dynamic in ("strict",):
                raise QueryError(
                    f"mapping set to strict, dynamic introduction of [{name}] is not allowed",
                    "strict_dynamic_mapping_exception",
                )
            if dynamic in (False, "false"):
                return []
            self._add(name, self._guess(name, value))
        return self._views[name]

    def _inherited(self, name: str, option: str, *, default: Any) -> Any:
        node, found = self._raw, self._raw.get(option, default)
        for part in name.split("."):
            node = node.get("properties", {}).get(part)
            if not isinstance(node, dict):
                break
            found = node.get(option, found)
        return found

    def _guess(self, name: str, value: Any) -> dict[str, Any]:
        kind = "boolean" if isinstance(value, bool) else "long" if isinstance(value, int) else "double"
        if isinstance(value, str):
            is_date = self._raw.get("date_detection", True) and _DATE_LIKE.fullmatch(value)
            kind = "date" if is_date and _is_date(value) else "string"
        for template in self._raw.get("dynamic_templates", []):
            ((_, rule),) = template.items()
            if fnmatchcase(name, rule.get("path_match", "*")) and rule.get("match_mapping_type", "*") in ("*", kind):
                return dict(rule["mapping"])
        if kind == "string":
            return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
        return {"type": "float" if kind == "double" else kind}

    def _add(self, name: str, declared: dict[str, Any]) -> None:
        node = self._raw
        for part in name.split(".")[:-1]:
            node = node.setdefault("properties", {}).setdefault(part, {"properties": {}})
            if "type" in node and node["type"] != "object":
                raise _unparsable(f"[{name}] is below a field that is no object")
        node.setdefault("properties", {})[name.rpartition(".")[2]] = declared
        self._refresh()

    def _refresh(self) -> None:
        self._fields: dict[str, MappedField] = {}
        self._objects: dict[str, bool] = {}
        self._views: dict[str, list[MappedField]] = {}
        self._declare(self._raw["properties"], "", 0)
        if len(self._fields) > MAX_FIELDS:
            raise QueryError(f"Limit of total fields [{MAX_FIELDS}] has been exceeded", "illegal_argument_exception")

    def _declare(self, properties: Any, path: str, depth: int) -> None:
        if not isinstance(properties, dict) or depth > MAX_DEPTH:
            raise _malformed(f"[properties] is an object, nested at most {MAX_DEPTH} deep")
        for name, options in properties.items():
            if not name or not is_text(name) or len(path) + len(name) > MAX_FIELD_NAME or not isinstance(options, dict):
                raise _malformed("[properties] takes an object of names and objects")
            here = f"{path}{name}"
            _check_parameters(here, options)
            declared = options.get("type", "object")
            kind = _TYPES.get(declared) if isinstance(declared, str) else None
            if kind is None:
                raise _malformed(f"No handler for type [{str(declared)[:64]}] declared on field [{here}]")
            if kind == "object":
                self._objects[here] = True
                self._declare(options.get("properties", {}), f"{here}.", depth + 1)
                continue
            views = [_field(here, kind, declared, options)]
            for view, more in options.get("fields", {}).items():
                _check_parameters(f"{here}.{view}", more)
                inner = _TYPES.get(more.get("type"))
                if inner is None or inner == "object":
                    raise _malformed(f"No handler for type [{more.get('type')}] declared on field [{here}.{view}]")
                views.append(_field(f"{here}.{view}", inner, more["type"], more, here))
            self._views[here] = views
            self._fields |= {each.name: each for each in views}

    def _check_templates(self) -> None:
        templates = self._raw.get("dynamic_templates", [])
        if not isinstance(templates, list):
            raise _malformed("[dynamic_templates] is a list")
        for template in templates:
            rules = list(template.values()) if isinstance(template, dict) else []
            if len(rules) != 1 or not isinstance(rules[0], dict) or not isinstance(rules[0].get("mapping"), dict):
                raise _malformed("a dynamic template is an object with one name, and in it [mapping]")
            for option in rules[0]:
                if option not in ("mapping", "match_mapping_type", "path_match"):
                    raise unsupported(f"[{str(option)[:64]}] in [dynamic_templates]")


def _check_parameters(name: str, options: Any) -> None:
    if not isinstance(options, dict):
        raise _malformed(f"[{name}] takes an object")
    for parameter, value in options.items():
        if parameter not in _PARAMETERS:
            raise _malformed(f"unknown or unsupported parameter [{str(parameter)[:64]}] on mapper [{name}]")
        if parameter in ("analyzer", "search_analyzer") and value not in ANALYZERS:
            raise _malformed(
                f"analyzer [{str(value)[:64]}] is not supported; there are: {', '.join(sorted(ANALYZERS))}"
            )
    if not isinstance(options.get("fields", {}), dict) or not isinstance(options.get("ignore_above", 0), int):
        raise _malformed(f"[fields] of [{name}] is an object, [ignore_above] a whole number")


def _field(
    name: str, kind: FieldType | Literal["none"], declared: str, options: Mapping[str, Any], of: str | None = None
) -> MappedField:
    if kind == "none":
        return MappedField(name, "keyword", declared, is_indexed=False, of=of)
    limit = options.get("ignore_above", MAX_KEYWORD)
    return MappedField(name, kind, declared, options.get("index", True) is not False, int(limit), of)


def _text(field: MappedField, value: Any) -> str:
    if isinstance(value, str) and not is_text(value):
        raise _unparsable(f"field [{field.name}] holds a text that is no valid Unicode")
    return _spelt(value)


def _spelt(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _exact(field: MappedField, value: Any) -> str | int | float | None:
    """The value as it is kept, `None` for one that is too long to be looked for."""
    try:
        if field.type == "keyword":
            text = _text(field, value)
            if len(text) > field.ignore_above:
                if field.ignore_above < MAX_KEYWORD:
                    return None
                raise ValueError(f"more than {MAX_KEYWORD} characters")
            return text
        if field.type == "date":
            return parse_date_ms(value if isinstance(value, str | int | float) else str(value), 0)
        if field.type == "boolean":
            return {"true": 1, "false": 0, "": 0}[_spelt(value)]
        if isinstance(value, bool):
            raise ValueError("true or false is no number")
        number = float(value)
        if not math.isfinite(number) or abs(number) >= 1 << 63:
            raise ValueError("out of range")
        if field.type == "long":
            return int(value) if isinstance(value, int) else int(number)
        return number
    except (ValueError, TypeError, KeyError, OverflowError, QueryError):
        shown = str(value)[:64]
        raise _unparsable(f"failed to parse field [{field.name}] of type [{field.declared}]: '{shown}'") from None


def _is_date(text: str) -> bool:
    try:
        parse_date_ms(text, 0)
    except QueryError:
        return False
    return True


def _merged(first: dict[str, Any], second: Any) -> dict[str, Any]:
    merged = dict(first)
    for name, value in second.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _malformed(reason: str) -> QueryError:
    return QueryError(f"Failed to parse mapping: {reason}", "mapper_parsing_exception")


def _unparsable(reason: str) -> QueryError:
    return QueryError(reason, "document_parsing_exception")
