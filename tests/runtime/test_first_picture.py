from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from clips import encode_clip, moving_square
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.picture import decode_picture
from watchpost.runtime.first_picture import first_picture


def test_the_first_picture_of_a_film(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.mp4", moving_square(3, 320, 240), bframes=2)
    look = first_picture(str(tmp_path / "clip.mp4"), {}, SystemClock(), 10.0)
    assert (look.stream.codec, look.width, look.height) == ("h264", 320, 240)
    assert decode_picture(look.jpeg).shape == (240, 320, 3)


def test_what_masks_cover_is_black(tmp_path: Path) -> None:
    encode_clip(tmp_path / "clip.mp4", moving_square(3, 320, 240))
    left_half = {"window": np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]])}
    plain = decode_picture(first_picture(str(tmp_path / "clip.mp4"), {}, SystemClock(), 10.0).jpeg)
    seen = decode_picture(first_picture(str(tmp_path / "clip.mp4"), {}, SystemClock(), 10.0, left_half).jpeg)
    assert plain[:, :150].max() > 40
    assert seen[:, :150].max() < 10, "but for what JPEG adds"
    assert abs(seen[:, 180:].astype(int) - plain[:, 180:]).mean() < 5


def test_who_never_answers_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin_s = time.monotonic()
        address = f"rtsp://user:hunter2@127.0.0.1:{silent.getsockname()[1]}/stream"
        with pytest.raises(SourceError) as caught:
            first_picture(address, {}, SystemClock(), 0.5)
        assert time.monotonic() - begin_s < 5.0
        assert "hunter2" not in str(caught.value)


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(SourceError):
        first_picture("/nothing/there.mp4", {}, SystemClock(), 5.0)
