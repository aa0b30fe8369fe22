"""A sink that notes who of its kind opened and closed, in which order; one called `bad` can not be opened."""

from __future__ import annotations

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.options import Options as PluginOptions
from watchpost.types import Event

notes: list[str] = []


class Options(PluginOptions):
    label: str


class Noted:
    def __init__(self, label: str) -> None:
        self.name = label
        self.counts: dict[str, int] = {}
        notes.append(f"{label} opens")

    def send(self, event: Event) -> None:
        notes.append(f"{self.name} gets {event.id}")

    def close(self, timeout_s: float = 5.0) -> None:
        notes.append(f"{self.name} closes")


def create(options: Options, clock: Clock | None = None) -> Noted:
    if options.label == "bad":
        raise WatchpostError("this sink can not be used")
    return Noted(options.label)
