"""Plugins are found by name, and what is missing is said."""

from __future__ import annotations

import pytest

from watchpost import plugins
from watchpost.errors import ConfigError
from watchpost.options import parse_seconds


@pytest.mark.parametrize("name", ["nosuch", "../etc", "_private", "os", "no.such.module"])
def test_an_unknown_plugin_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name!r}"):
        plugins.load("trackers", name)


@pytest.mark.parametrize(("text", "seconds"), [(3, 3), ("3", 3), ("250ms", 0.25), ("2 h", 7200), ("1d", 86400)])
def test_durations(text: object, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3s", "3 weeks", True, None])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_seconds(text)
