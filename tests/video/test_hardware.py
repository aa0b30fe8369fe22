from __future__ import annotations

import logging
from pathlib import Path

import av
import av.error
import pytest
from test_decoder import decoded, demuxed

from clips import moving_square
from watchpost.video import hardware
from watchpost.video.decoder import Decoder
from watchpost.video.hardware import Device, Hardware, devices, open_on

GPU = Device("cuda")


class FakeGpu:
    """Opens the processor's context in the place of a device's, and fails when told to."""

    def __init__(self, *, opens: bool = True, fetches: bool = True) -> None:
        self.opens, self.fetches = opens, fetches
        self.opened: list[Device | None] = []

    def open(self, codec: str, device: Device | None):
        self.opened.append(device)
        if device is not None and not self.opens:
            raise av.error.PermissionError(1, "Operation not permitted")
        return open_on(codec, None)

    def fetch(self, picture: av.VideoFrame) -> None:
        if not self.fetches:
            raise av.error.ExternalError(1, "the device has gone")


def decoder(gpu: FakeGpu) -> Decoder:
    return Decoder("door", hardware=Hardware("door", [GPU], gpu.open, gpu.fetch))


def test_a_device_that_works_is_used() -> None:
    gpu = FakeGpu()
    assert len(decoded(demuxed(moving_square(8), gop=4), decoder(gpu))) == 8
    assert gpu.opened == [GPU]


def test_a_device_that_does_not_open_falls_back_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    gpu = FakeGpu(opens=False)
    with caplog.at_level(logging.WARNING):
        own = decoder(gpu)
        assert len(decoded(demuxed(moving_square(8), gop=4), own)) == 8
        assert len(decoded(demuxed(moving_square(8), gop=4), own)) >= 0  # a second connection does not ask it again
    assert gpu.opened == [GPU, None, None]
    (line,) = caplog.messages
    assert "door: no decoding on cuda" in line
    assert "the processor" in line


def test_a_picture_that_can_not_be_fetched_falls_back_at_the_next_key_frame() -> None:
    gpu = FakeGpu(fetches=False)
    frames = decoded(demuxed(moving_square(12), gop=4), decoder(gpu))
    assert gpu.opened == [GPU, None]
    assert [round(frame.camera_time_s * 25) for frame in frames] == list(range(4, 12))


def test_a_device_that_fails_for_long_is_given_up() -> None:
    own = Hardware("door", [GPU], FakeGpu().open)
    own.open("h264")
    verdicts = [own.judge([], has_failed=True) for _ in range(12)]
    assert verdicts == [True] * 11 + [False]
    own.open("h264")
    assert own.device is None
    assert own.judge([], has_failed=True)  # a damaged stream has nothing to fall back to


def test_failures_that_pass_do_not_count() -> None:
    own = Hardware("door", [GPU], FakeGpu().open)
    own.open("h264")
    assert all(own.judge([], has_failed=bool(number % 12)) for number in range(1, 100))
    assert own.device == GPU


def test_without_a_device_auto_is_the_processor(tmp_path: Path) -> None:
    assert devices("auto", tmp_path) == []
    assert devices("cpu", tmp_path) == []
    assert devices("cuda", tmp_path) == [GPU]  # named, so it is tried, and the log says what came of it


def test_auto_takes_what_shows_itself_and_ffmpeg_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    (tmp_path / "nvidia0").touch()
    node = str(tmp_path / "dri" / "renderD128")
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["vaapi", "cuda"])
    assert devices("auto", tmp_path) == [GPU, Device("vaapi", node)]
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["vaapi"])
    assert devices("auto", tmp_path) == [Device("vaapi", node)]


def test_a_device_that_ffmpeg_can_not_use_is_an_error() -> None:
    with pytest.raises((av.error.FFmpegError, ValueError)):
        open_on("h264", Device("vaapi", "/nowhere"))
    assert open_on("h264", None).name == "h264"
