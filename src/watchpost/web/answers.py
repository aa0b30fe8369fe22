"""Refusals as JSON: `{"detail": ...}`, whatever text is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def refusal(detail: Any, status: int, more: Mapping[str, Any] | None = None) -> Response:
    """The answer; in ASCII, which also holds the half characters that a request may bring."""
    return Response(json.dumps({"detail": detail, **(more or {})}), status, media_type="application/json")
