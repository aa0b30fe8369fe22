"""What a camera shows is written to disk."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from fakes import SIZE, detections, frame
from watchpost.errors import WatchpostError
from watchpost.picture import decode_picture
from watchpost.pipeline import Analysed
from watchpost.runtime.savers import PictureSaver, Saver, VideoSaver


def analysed(index: int) -> Analysed:
    return Analysed(frame(index), detections([5, 5, 30, 40], track_ids=[1]))


def test_the_annotated_video_has_every_frame_at_its_time(tmp_path: Path) -> None:
    saver = VideoSaver(tmp_path / "out.mp4")
    for index in (0, 1, 2, 7):
        saver.frame(analysed(index))
    saver.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [round(float(f.time), 2) for f in frames] == [0.0, 0.1, 0.2, 0.7]
    assert (frames[0].width, frames[0].height) == SIZE


def test_a_video_that_can_not_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="nowhere"):
        VideoSaver(tmp_path / "nowhere" / "out.mp4")


def test_pictures_are_taken_at_the_wanted_interval(tmp_path: Path) -> None:
    saver = PictureSaver(tmp_path / "new" / "pictures", every_s=0.5)
    for index in range(21):  # 2 s at 10 fps
        saver.frame(analysed(index))
    saver.close()
    names = sorted(path.name for path in (tmp_path / "new" / "pictures").iterdir())
    assert names == [f"gate-{ms:010d}ms.jpg" for ms in (0, 500, 1000, 1500, 2000)]
    assert saver.saved == 5
    assert decode_picture((tmp_path / "new" / "pictures" / names[0]).read_bytes()).shape == (SIZE[1], SIZE[0], 3)


def test_an_error_reaches_the_camera_and_the_close() -> None:
    def fail(result: Analysed) -> None:
        raise OSError("disk full")

    saver = Saver("failing", fail)
    saver.frame(analysed(0))
    saver.finished.wait(10)
    with pytest.raises(OSError, match="disk full"):
        saver.frame(analysed(1))
    with pytest.raises(OSError, match="disk full"):
        saver.close()


def test_a_folder_that_can_not_be_made_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WatchpostError, match="file can not be made"):
        PictureSaver(tmp_path / "file", every_s=1)


def test_a_picture_that_can_not_be_written_is_told_by_name(tmp_path: Path) -> None:
    saver = PictureSaver(tmp_path, every_s=1)
    (tmp_path / "gate-0000000000ms.jpg").mkdir()  # in its place
    saver.frame(analysed(0))
    with pytest.raises(WatchpostError, match=r"ms\.jpg can not be written"):
        saver.close()
