"""What the server that is asked about is to do on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a configuration that the machine has to bear."""

    data: Path = Path("watchpost-data")
    """The folder that events and recordings are written to."""
    web_host: str = "127.0.0.1"
    web_port: int = 8010
    cameras: int = 1
