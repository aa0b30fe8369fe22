"""HOG: weak as it is, it answers in the right shape for every picture, and finds people who stand upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchpost.detectors import open_detector
from watchpost.errors import ConfigError
from watchpost.geometry import box_iou
from watchpost.picture import ArrayPicture
from watchpost.types import Frame


def frame(picture: np.ndarray) -> Frame:
    return Frame("camera", ArrayPicture(picture), 0.0, 0.0, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (64, 128), (300, 200)])
def test_an_empty_picture_of_any_size_holds_nobody(size: tuple[int, int]) -> None:
    width, height = size
    found = open_detector("hog").detect([frame(np.full((height, width, 3), 128, np.uint8))])[0]
    assert len(found) == 0
    assert found.frame_size == size
    assert found.class_names == ("person",)


def test_options_of_files_are_none_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"detector hog has no setting threads; it has: confidence, iou, long_side"):
        open_detector("hog", threads=2)


def test_it_finds_people_in_a_real_scene(shared_data: Path) -> None:
    import av

    from watchpost.datasets.mot_text import read_mot

    folder = shared_data / "mot" / "PETS09-S2L1"
    with av.open(str(folder / "vtest.mp4")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
    people = read_mot(folder / "gt_480x360_frames001-400.txt").of_frame(1).xyxy
    found = open_detector("hog").detect([frame(picture)])[0]
    overlaps = box_iou(people, found.xyxy.astype(np.float64))
    assert (overlaps.max(axis=1) > 0.5).mean() >= 0.4
    assert (np.diff(found.confidence) <= 0).all()
    assert found.xyxy.max() <= 480
