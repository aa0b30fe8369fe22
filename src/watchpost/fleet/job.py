"""One run of one approach: what the child process is told, and what it measures."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from watchpost.fleet.cameras import FleetCamera


@dataclass(frozen=True, slots=True)
class Job:
    """What to run."""

    approach: str
    """The name of a file in `approaches`, or a module with a dot in its name."""
    cameras: list[FleetCamera]
    model: Path
    fps: float = 5.0
    """Analysed frames a second of an active camera."""
    tracker: str = "bytetrack"
    warm_s: float = 10.0
    """Runs before it is measured, so that all cameras have begun and running statistics have settled."""
    seconds: float = 60.0

    @property
    def module(self) -> str:
        """What to import for the approach."""
        return self.approach if "." in self.approach else f"watchpost.fleet.approaches.{self.approach}"

    @property
    def name(self) -> str:
        """What to call the approach."""
        return self.approach.rpartition(".")[2]

    def to_json(self) -> str:
        """As text."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        cameras = [camera.as_dict() for camera in self.cameras]
        return json.dumps(values | {"cameras": cameras, "model": str(self.model)})

    @classmethod
    def of_json(cls, text: str) -> Self:
        """From text."""
        values: dict[str, Any] = json.loads(text)
        cameras = [FleetCamera.of_dict(each) for each in values["cameras"]]
        return cls(**values | {"cameras": cameras, "model": Path(values["model"])})


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, times in seconds of its camera's own clock."""

    camera: int
    """Its number in the job's list."""
    kind: str
    track_id: int | None
    start_s: float
    end_s: float
    known_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What happened within the measured seconds, summed over all cameras."""

    seconds: float = 0.0
    cores: int = 1
    packets_due: int = 0
    packets: int = 0
    late: int = 0
    """Packets read more than half a second after they were due."""
    decoded: int = 0
    asked: int = 0
    analysed: int = 0
    dropped: int = 0
    cpu_s: float = 0.0
    """Processor seconds of the process and its children."""
    others_cpu_s: float = 0.0
    """Processor seconds that the rest of the machine took meanwhile: near 0 on a quiet one."""
    rss_empty_mb: float = 0.0
    """Resident memory with the libraries loaded, before the approach was made."""
    rss_mb: float = 0.0
    """The most while measured."""
    lags_s: list[float] = field(default_factory=list, repr=False)
    """From capture to result of each frame analysed as it came."""
    happenings: list[Happening] = field(default_factory=list, repr=False)
    """Since the start of the run."""
    error: str | None = None

    def to_json(self) -> str:
        """As text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Self:
        """From text."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values | {"happenings": [Happening(**each) for each in values["happenings"]]})
