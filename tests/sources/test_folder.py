from __future__ import annotations

import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from watchpost.clock import ManualClock
from watchpost.errors import SourceError
from watchpost.sources import open_source
from watchpost.types import BGR, Frame, Packet
from watchpost.video.decoder import Decoder


def write(path: Path, level: int = 100, size: tuple[int, int] = (64, 48)) -> None:
    assert cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))


def read(path: Path, **options: float) -> list[Packet]:
    return list(open_source(str(path), "door", options, ManualClock()).packets())


def decoded(packets: list[Packet]) -> list[Frame]:
    decoder = Decoder("door")
    frames = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
    assert decoder.counters["corrupt"] == 0
    return frames


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block that holds nothing but the orientation (EXIF 2.3, section 4.6.4, tag 0x0112)."""
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_natural_order(tmp_path: Path) -> None:
    for number in (10, 2, 1, 33):
        write(tmp_path / f"cam {number}.jpg", level=number * 5)
    (tmp_path / "notes.txt").write_text("no picture")
    frames = decoded(read(tmp_path, fps=2))

    assert [round(float(frame.picture.bgr().mean()) / 5) for frame in frames] == [1, 2, 10, 33]
    assert [frame.camera_time_s for frame in frames] == [0, 0.5, 1, 1.5]


def test_every_picture_is_a_key_frame_of_one_stream(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.jpg")
    packets = read(tmp_path)
    assert all(packet.is_key for packet in packets)
    assert len({id(packet.stream) for packet in packets}) == 1
    assert packets[0].stream.average_rate == 25


def test_mixed_sizes_and_formats(tmp_path: Path) -> None:
    write(tmp_path / "1.jpg")
    write(tmp_path / "2.jpg", size=(33, 17))
    write(tmp_path / "3.png", size=(33, 17))
    write(tmp_path / "4.JPEG", size=(1, 1))
    write(tmp_path / "5.webp")
    write(tmp_path / "6.bmp")
    write(tmp_path / "7.tiff")
    (tmp_path / "8.png").write_bytes((tmp_path / "1.jpg").read_bytes())  # content counts, not the name
    frames = decoded(read(tmp_path))

    assert [frame.size for frame in frames] == [
        (64, 48), (33, 17), (33, 17), (1, 1), (64, 48), (64, 48), (64, 48), (64, 48),
    ]  # fmt: skip
    for frame in frames:
        assert abs(float(frame.picture.bgr().mean()) - 100) < 4


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((20, 30), 90, np.uint8), (90, 90, 90)),
        (np.full((20, 30), 90 * 257, np.uint16), (90, 90, 90)),
        (np.full((20, 30, 4), (10, 120, 200, 128), np.uint8), (10, 120, 200)),
        (np.full((20, 30, 3), (10 * 257, 120 * 257, 200 * 257), np.uint16), (10, 120, 200)),
    ],
    ids=["grey", "grey 16 bit", "alpha", "colour 16 bit"],
)
def test_unusual_png(tmp_path: Path, picture: BGR, expected: tuple[int, int, int]) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), picture)
    frames = decoded(read(tmp_path / "picture.png"))
    assert frames[0].size == (30, 20)
    assert np.abs(frames[0].picture.bgr()[10, 10].astype(int) - expected).max() <= 1


def test_a_large_picture(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2160, 3840, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "large.png"), noise)
    frames = decoded(read(tmp_path))
    assert np.array_equal(frames[0].picture.bgr(), noise)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24, :32] = (0, 128, 255)
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    path = tmp_path / "turned.jpg"
    path.write_bytes(with_orientation(jpeg, orientation))

    upright = decoded(read(path))[0].picture.bgr()

    expected = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert expected is not None
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("name", ["50%d.jpg", "img%03d.png", "a*b?.jpg", "a:b.jpg", "[1].png"])
def test_names_are_literal(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert len(read(tmp_path / name)) == 1
    assert len(read(tmp_path)) == 1


def test_broken_pictures_are_skipped_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "1.jpg")
    (tmp_path / "2.jpg").write_bytes(b"")
    (tmp_path / "3.jpg").write_bytes(b"not a picture at all" * 20)
    write(tmp_path / "4.jpg")
    with caplog.at_level(logging.WARNING, "watchpost"):
        packets = read(tmp_path, fps=1)
    assert [packet.camera_time_s for packet in packets] == [0, 3]
    assert "2.jpg: is empty" in caplog.text
    assert "3.jpg" in caplog.text


def test_a_cut_off_picture_does_not_end_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "1.png", size=(300, 200))
    data = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(data[: len(data) // 2])
    write(tmp_path / "2.png")
    decoder = Decoder("door")
    frames = [frame for packet in read(tmp_path) for frame in decoder.decode(packet)]
    assert frames[-1].size == (64, 48)


@pytest.mark.parametrize("content", [b"", b"no picture\n" * 30])
def test_a_single_picture_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"picture\.jpg") as caught:
        read(path)
    assert caught.value.permanent


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing here")
    with pytest.raises(SourceError, match=r"holds no pictures .*\.jpg") as caught:
        read(tmp_path)
    assert caught.value.permanent


def test_a_folder_of_broken_pictures(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    with pytest.raises(SourceError, match="none of its pictures can be read"):
        read(tmp_path)


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read(tmp_path / "none.jpg")


def test_close_ends_it(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"{number}.jpg")
    source = open_source(str(tmp_path), "door", None, ManualClock())
    count = 0
    for _ in source.packets():
        count += 1
        source.close()
    assert count == 1
