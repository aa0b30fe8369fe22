"""The query language answered the slow and obvious way, over plain documents: what the stores are held against."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from watchpost.stores.query.words import index_words, query_words

TEXTS = {"text", "camera.text", "rule.text", "kind.text", "class_name.text", "zone.text"}
KEYWORDS = {"id", "camera", "rule", "kind", "class_name", "zone", "attributes.colour"}
DATES = {"start.time", "end.time"}
DOUBLES = {"score", "duration_s", "start.wall_time_s", "end.wall_time_s", "attributes.count"}


def values(document: dict[str, Any], field: str) -> list[Any]:
    found: Any = document
    for part in field.removesuffix(".text").split(".") if field != "text" else ["text"]:
        found = found.get(part) if isinstance(found, dict) else None
    items = found if isinstance(found, list) else [found]
    return [item for item in items if item is not None]


def ms(text: str | int) -> int:
    if isinstance(text, int):
        return text
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def typed(field: str, value: Any) -> Any:
    if field in DATES:
        return ms(value.removesuffix("Z")) if isinstance(value, str) else value
    if field in KEYWORDS:
        return str(value)
    return float(value) if isinstance(value, int | float | str) else value


def fits(document: dict[str, Any], query: dict[str, Any]) -> bool:
    ((kind, body),) = query.items()
    return globals()[f"_{kind}"](document, body)


def least(asked: Any, count: int) -> int:
    text = str(asked)
    number = int(text.strip("%"))
    if text.endswith("%"):
        part = int(count * abs(number) / 100)
        return count - part if number < 0 else part
    return max(0, count + number if number < 0 else number)


def _match_all(document: dict[str, Any], body: dict[str, Any]) -> bool:
    return True


def _match_none(document: dict[str, Any], body: dict[str, Any]) -> bool:
    return False


def _bool(document: dict[str, Any], body: dict[str, Any]) -> bool:
    should = body.get("should", [])
    required = body.get("must", []) + body.get("filter", [])
    asked = body.get("minimum_should_match")
    number = (1 if should and not required else 0) if asked is None else least(asked, len(should))
    return (
        all(fits(document, each) for each in required)
        and not any(fits(document, each) for each in body.get("must_not", []))
        and sum(fits(document, each) for each in should) >= number
    )


def _match(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, options),) = body.items()
    if field not in TEXTS:
        return _term(document, {field: {"value": options["query"]}})
    asked = query_words(str(options["query"]))
    there = {word for text in values(document, field) for word in index_words(text)}
    held = sum(word in there for word in asked)
    if options.get("operator") == "and" or len(asked) == 1:  # of one word there is no minimum
        return bool(asked) and held == len(asked)
    number = max(1, least(options.get("minimum_should_match", 1), len(asked)))
    return bool(asked) and held >= number


def _multi_match(document: dict[str, Any], body: dict[str, Any]) -> bool:
    options = {name: value for name, value in body.items() if name != "fields"}
    return any(_match(document, {field.partition("^")[0]: options}) for field in body["fields"])


def _term(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, options),) = body.items()
    if options.get("case_insensitive"):
        return any(str(value).lower() == str(options["value"]).lower() for value in values(document, field))
    return _terms(document, {field: [options["value"]]})


def _terms(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, wanted),) = body.items()
    if field in TEXTS:
        there = {word for text in values(document, field) for word in index_words(text)}
        return any(each in there for each in wanted)
    return any(typed(field, value) == typed(field, each) for value in values(document, field) for each in wanted)


def _range(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, options),) = body.items()
    tests = {
        "gte": lambda a, b: a >= b,
        "gt": lambda a, b: a > b,
        "lte": lambda a, b: a <= b,
        "lt": lambda a, b: a < b,
        "from": lambda a, b: a >= b,
        "to": lambda a, b: a <= b,
    }
    return any(
        all(tests[name](typed(field, value), typed(field, bound)) for name, bound in options.items())
        for value in values(document, field)
    )


def _exists(document: dict[str, Any], body: dict[str, Any]) -> bool:
    return bool(values(document, body["field"]))


def _ids(document: dict[str, Any], body: dict[str, Any]) -> bool:
    return document["id"] in body["values"]


def _prefix(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, options),) = body.items()
    if field in TEXTS:
        there = {word for text in values(document, field) for word in index_words(text)}
        return any(word.startswith(options["value"]) for word in there)
    return any(str(value).startswith(options["value"]) for value in values(document, field))


def _wildcard(document: dict[str, Any], body: dict[str, Any]) -> bool:
    ((field, options),) = body.items()
    parts = re.findall(r"\\.|.", options["value"], re.DOTALL)
    shapes = {"*": ".*", "?": "."}
    pattern = "".join(shapes.get(part) or re.escape(part[-1]) for part in parts)
    flags = re.DOTALL | (re.IGNORECASE if options.get("case_insensitive") else 0)
    return any(re.fullmatch(pattern, str(value), flags) for value in values(document, field))


def ordered(documents: list[dict[str, Any]], field: str, order: str) -> list[str]:
    """Ids by a field, those without a value last; ties by id, upwards."""
    by_id = sorted(documents, key=lambda each: each["id"])
    with_value = [each for each in by_id if values(each, field)]
    rest = [each["id"] for each in by_id if not values(each, field)]
    with_value.sort(key=lambda each: typed(field, values(each, field)[0]), reverse=False)
    if order == "desc":  # `reverse` would turn the ties round too
        with_value.sort(key=lambda each: typed(field, values(each, field)[0]), reverse=True)
    return [each["id"] for each in with_value] + rest


def counts(documents: list[dict[str, Any]], field: str) -> Counter[Any]:
    return Counter(typed(field, value) for each in documents for value in set(values(each, field)))
