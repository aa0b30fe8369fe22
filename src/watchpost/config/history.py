"""What a server remembers of itself, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchpost.options import Seconds, Settings


class HistoryOptions(Settings):
    """The history of the server: states of cameras, load, delays, and where people stood."""

    keep: Annotated[Seconds, Field(ge=3600)] = 400 * 86_400.0
    """Forget what is older. Minutes are kept apart for two days, ten minutes for a month, hours until the end."""
