"""What this is, and whose work it stands on."""

from __future__ import annotations

import re
from importlib import metadata

from nicegui import ui

from watchpost.web.dashboard.frame import View
from watchpost.web.dashboard.own_api import OwnApi
from watchpost.web.dashboard.settings.parts import columns, table


async def build(view: View, _api: OwnApi) -> None:
    """Build the section."""
    ui.label(view.text("settings.about.version", version=metadata.version("watchpost"))).classes("wp-heading")
    ui.label(view.text("settings.about.licence"))
    ui.label(view.text("settings.about.docs")).classes("wp-note")
    ui.label(view.text("settings.about.built_on")).classes("wp-heading")
    table(columns(view, "about", ("package", "package_version", "package_licence")), built_on(), "package").classes(
        "plain"
    )


def built_on() -> list[dict[str, str]]:
    """The packages that Watchpost needs or can use, as far as they are installed here, and what licences they state."""
    names = {re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0] for line in metadata.requires("watchpost") or ()}
    rows = []
    for name in sorted(names, key=str.lower):
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed
        rows.append({"package": name, "package_version": found["Version"], "package_licence": _licence(found)})
    return rows


def _licence(found: metadata.PackageMetadata) -> str:
    """By PEP 639, else by the trove classifiers, else by the field of before, of which some hold the whole text."""
    if stated := found.get_all("License-Expression"):
        return str(stated[0])
    classified = [
        line.rpartition(" :: ")[2] for line in found.get_all("Classifier") or () if line.startswith("License ::")
    ]
    return ", ".join(classified) or str((found.get_all("License") or [""])[0]).split("\n", 1)[0][:80]
