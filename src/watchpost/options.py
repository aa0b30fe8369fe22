"""The base of every plugin's options, and the units that users write in them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from watchpost.telemetry import redacted

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?\s*", re.IGNORECASE)


def parse_seconds(value: Any) -> float:
    """`30`, `"30s"`, `"250ms"`, `"5min"`, `"2h"` or `"7d"` as seconds. Raises `ValueError` for anything else.

    >>> parse_seconds("1.5min")
    90.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("write a duration such as 30s, 5min or 2h")
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no duration; write for instance 30s, 5min or 2h")
    return float(match[1]) * _UNITS[(match[2] or "s").lower()]


Seconds = Annotated[
    float,
    BeforeValidator(parse_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|min|m|h|d)?\s*$"},
            ]
        }
    ),
]
"""A duration; users write 30, 30s, 5min or 2h, code sees seconds."""

Fraction01 = Annotated[float, Field(ge=0, le=1)]
"""A share of a whole, 0-1."""


class Settings(BaseModel):
    """What users configure: unknown names are errors, values do not change after validation.

    The docstring under a field is its description in the JSON Schema and in the documentation. Neither messages
    of validation nor representations show credentials.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # a wrong value may be a password
    )

    def __repr__(self) -> str:
        return redacted(super().__repr__())

    __str__ = __repr__


class Options(Settings):
    """Options of one plugin."""
