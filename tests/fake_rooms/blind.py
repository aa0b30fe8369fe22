"""A detector plugin that sees nothing, at once."""

from __future__ import annotations

from fakes import ScriptedDetector
from watchpost import options


class Options(options.Options):
    """None."""


def create(options: Options) -> ScriptedDetector:
    return ScriptedDetector()
