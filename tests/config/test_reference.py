import runpy
from pathlib import Path

import pytest

from watchpost import plugins
from watchpost.config import Camera, Configuration, RuleSection, SinkSection, Web

ROOT = Path(__file__).parents[2]
ROOMS = ("trackers", "rules", "detectors", "sources", "sinks", "stores")


def test_the_page_tells_every_setting_as_it_is():
    script = runpy.run_path(str(ROOT / "scripts" / "write_configuration_reference.py"))
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    _, mark, written = page.partition(script["MARK"])
    assert mark + written == script["reference"](), "run python scripts/write_configuration_reference.py"


@pytest.mark.parametrize("part", [Configuration, Camera, Web, RuleSection, SinkSection])
def test_every_setting_has_a_description(part: type[Configuration]):
    assert [name for name, each in part.model_fields.items() if not each.description] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_option_of_every_plugin_has_a_description(room: str):
    for kind in plugins.names(room):
        options = plugins.load(room, kind).Options
        assert [name for name, each in options.model_fields.items() if not each.description] == [], kind
