"""The detector that comes along: that it is whole, is the default, and finds people."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from watchpost import plugins
from watchpost.cli import app
from watchpost.detectors import open_detector
from watchpost.detectors.card import SHIPPED, file_sha256, load_card
from watchpost.geometry import box_iou
from watchpost.picture import ArrayPicture
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.types import Frame

LARGEST = 4_000_000
PETS_AP50 = 0.85


def test_the_default_comes_along_and_is_what_its_card_says():
    file = plugins.model_file(plugins.DEFAULT_MODEL)
    assert file is not None
    assert file.parent == SHIPPED
    assert file.stat().st_size <= LARGEST
    card = load_card(file.with_suffix(".yaml"))
    assert card.sha256 == file_sha256(file)
    assert (card.name, card.classes) == (plugins.DEFAULT_MODEL, ("person",))


@pytest.mark.parametrize("night", [False, True])
def test_it_finds_the_people_of_a_scene(night: bool):
    scene = Scene(SceneOptions(seed=5, width=640, height=360, night=night, activity=1.0))
    seen = found = false = 0
    with closing(open_detector()) as detector:
        for number in range(8):
            bgr, people = scene.frame(60 + 45 * number)
            frame = Frame("scene", ArrayPicture(bgr), camera_time_s=0.0, wall_time_s=0.0, index=number)
            boxes = detector.detect([frame])[0].xyxy.astype(np.float64)
            whole = [each.visible for each in people if each.visible is not None and each.visibility > 0.7]
            overlap = box_iou(np.array(whole, np.float64).reshape(-1, 4), boxes)
            seen, found = seen + len(whole), found + int((overlap.max(1, initial=0) > 0.5).sum())
            everybody = [each.full for each in people]
            near = box_iou(np.array(everybody, np.float64).reshape(-1, 4), boxes)
            false += int((near.max(0, initial=0) < 0.3).sum())
    assert seen >= 8
    assert found / seen >= 0.8
    assert false <= 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_finds_the_people_of_a_square_it_has_never_seen(shared_data: Path, tmp_path: Path):
    folder = shared_data / "mot" / "PETS09-S2L1"
    command = ["evaluate", "detection", "--data", str(folder / "vtest.mp4"), "--json", str(tmp_path / "scores.json")]
    result = CliRunner().invoke(app, [*command, "--truth", str(folder / "gt_480x360_frames001-400.txt")])
    assert result.exit_code == 0, result.output
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["models"]
    assert scores["scores"]["ap50"] >= PETS_AP50
