from __future__ import annotations

import pytest

from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.sources import open_source, plugin_for


@pytest.mark.parametrize("address", ["webcam:97", "webcam:/dev/video97", "/dev/video97"])
def test_a_camera_that_is_not_there(address: str) -> None:
    with pytest.raises(SourceError, match="no camera /dev/video97; this machine has: ") as caught:
        open_source(address, "desk", None, ManualClock())
    assert caught.value.permanent


def test_addresses() -> None:
    assert plugin_for("webcam:0") == plugin_for("webcam:") == plugin_for("/dev/video3") == "webcam"
