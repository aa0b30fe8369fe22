"""Fixtures of the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchpost.recordings.archive import Archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path)
    yield opened
    opened.close()
