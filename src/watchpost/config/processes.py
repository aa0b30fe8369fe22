"""Over how many processes a server's cameras are spread."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

AUTO: Final = "auto"
MOST: Final = 64


def _checked(value: Any) -> Any:
    if value == AUTO or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST):
        return value
    raise PydanticCustomError("processes", "write auto, or a whole number from 1 to {most}", {"most": MOST})


ProcessCount = Annotated[
    int | str,
    BeforeValidator(_checked),
    WithJsonSchema({"anyOf": [{"const": AUTO}, {"type": "integer", "minimum": 1, "maximum": MOST}]}),
]
"""`auto`, or a number."""
