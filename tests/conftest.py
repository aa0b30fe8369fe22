"""Fixtures for all rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("WATCHPOST_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real footage, labelled pictures and reference models; skips where it is not there."""
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA}: set WATCHPOST_TEST_DATA to a folder laid out as tests/README.md says")
    return DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what trains: those files take minutes each, and started last one core would wait for the other."""
    items.sort(key=lambda item: item.path.parent.name != "training")
