"""Answers that are no JSON, so that the OpenAPI document says so."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse


class Jpeg(Response):
    """A picture."""

    media_type = "image/jpeg"


class Film(StreamingResponse):
    """A film, or a range of its bytes."""

    media_type = "video/mp4"


class Moving(StreamingResponse):
    """Pictures without end."""

    media_type = "multipart/x-mixed-replace"


class News(StreamingResponse):
    """Server-sent events (HTML Standard, section 9.2)."""

    media_type = "text/event-stream"


class Metrics(Response):
    """Prometheus' text exposition format."""

    media_type = "text/plain"
