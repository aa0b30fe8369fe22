"""Data sets become frames with their truth, one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchpost.datasets import Dataset, Sample
from watchpost.datasets.mot_text import read_mot
from watchpost.errors import WatchpostError
from watchpost.evaluation.dataset import labelled, with_mot
from watchpost.picture import ArrayPicture, encode_jpeg
from watchpost.types import Frame

PICTURE = np.zeros((40, 80, 3), np.uint8)


def data_set(folder: Path, size: tuple[int, int] = (80, 40), area: list[float] | None = None) -> Dataset:
    path = folder / "a.jpg"
    path.write_bytes(encode_jpeg(PICTURE))
    sample = Sample(
        path,
        *size,
        xyxy=np.array([[1.0, 2, 11, 22], [0, 0, 5, 5]]),
        class_id=np.array([1, 0]),
        weight=np.float32([1, 1]),
        is_ignored=np.array([False, True]),
        area=None if area is None else np.array(area),
    )
    return Dataset("made", ("person", "cat"), (sample,))


@pytest.mark.parametrize(("area", "expected"), [(None, [200, 25]), ([99, 24], [99, 24])])
def test_a_data_set_is_decoded_picture_by_picture(tmp_path: Path, area: list | None, expected: list) -> None:
    data = labelled(data_set(tmp_path, area=area))
    assert (data.name, data.class_names, data.count) == ("made", ("person", "cat"), 1)
    (each,) = data
    assert each.frame.size == (80, 40)
    assert each.truth.xyxy.tolist() == [[1, 2, 11, 22], [0, 0, 5, 5]]
    assert each.truth.class_id.tolist() == [1, 0]
    assert each.truth.area.tolist() == expected
    assert each.truth.is_ignored.tolist() == [False, True]
    assert len(list(data)) == 1  # it can be read again


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    data = data_set(tmp_path)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(WatchpostError, match=r"a\.jpg can not be read"):
        list(labelled(data))


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match=r"a\.jpg has 80 x 40 pixels, its labels are for 81 x 40"):
        list(labelled(data_set(tmp_path, (81, 40))))


def test_mot_counts_frames_from_1_and_ends_with_the_last_labelled_one(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("2,1,10,20,30,40,1\n2,2,0,0,5,5,0\n4,1,11,20,30,40,1\n")
    frames = [Frame("video", ArrayPicture(PICTURE), index / 10, 0.0, index) for index in range(9)]
    labelled = list(with_mot(frames, read_mot(path)))
    assert [each.frame.index for each in labelled] == [1, 2, 3]
    assert [len(each.truth.xyxy) for each in labelled] == [2, 0, 1]
    assert labelled[0].truth.xyxy[0].tolist() == [10, 20, 40, 60]
    assert labelled[0].truth.is_ignored.tolist() == [False, True]
