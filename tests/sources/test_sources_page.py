"""docs/sources.md tells of every kind of address and every option."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost import plugins

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
OWN_PAGE = {"synthetic"}


@pytest.mark.parametrize("name", plugins.names("sources"))
def test_schemes_and_options_are_told(name: str) -> None:
    module = plugins.load("sources", name)
    for scheme in module.SCHEMES:
        assert f"`{scheme}:" in PAGE or f"{scheme}://" in PAGE
    if name not in OWN_PAGE:
        for option, field in module.Options.model_fields.items():
            assert f"`{option}`" in PAGE
            assert field.description
