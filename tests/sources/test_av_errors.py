from __future__ import annotations

import errno
import logging
from collections.abc import Iterator

import av
import av.error
import av.logging
import pytest

from watchpost.errors import SourceError
from watchpost.sources import _av


class Breaking:
    """A container that yields two packets, an empty one, and then fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def demux(self, stream: object) -> Iterator[av.Packet]:
        yield from (av.Packet(b"one"), av.Packet(), av.Packet(b"two"))
        raise self.error


def read(error: Exception, address: str) -> tuple[int, str]:
    """How many packets came, and the message."""
    packets = []
    try:
        for packet in _av.demux(Breaking(error), None, address):  # type: ignore[arg-type]
            packets.append(packet)  # noqa: PERF402 - kept although it raises
    except SourceError as failure:
        return len(packets), str(failure)
    return len(packets), ""


def test_damage_on_the_way_says_how_far_it_went() -> None:
    error = av.error.InvalidDataError(errno.EINVAL, "Invalid data found")
    assert read(error, "clip.mp4") == (2, "clip.mp4: is damaged; reading stopped after 2 pictures.")


def test_streams_that_appeared_on_the_way_do_not_matter_at_the_end() -> None:
    assert read(IndexError("list index out of range"), "clip.ts") == (2, "")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("rtsp://u:p@127.0.0.1/x?token=abc", "rtsp://***@127.0.0.1/x?token=***: the connection broke off."),
        ("rtsps://127.0.0.1/x", "set ca_file to that, or tls_verify to false"),
        ("clip.mp4", "clip.mp4: reading broke off."),
    ],
)
def test_an_input_output_error(address: str, words: str) -> None:
    error = _av.source_error(av.error.OSError(errno.EIO, "Input/output error", address), address)
    assert words in str(error)
    assert not error.permanent


def test_an_error_without_words_of_its_own_quotes_ffmpeg_but_no_address() -> None:
    error = _av.source_error(av.error.OSError(errno.ENODEV, "No such device", "rtsp://u:p@h/"), "rtsp://u:p@127.0.0.1/")
    assert str(error) == "rtsp://***@127.0.0.1/: No such device."


def test_ffmpeg_is_silent_unless_debugging(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SourceError), caplog.at_level(logging.INFO, "watchpost"):
        _av.open_input("file:/nowhere/x.mp4", "x.mp4")
    assert av.logging.get_level() is None
    assert caplog.records == []


def test_ffmpegs_own_words_reach_the_log_when_debugging(caplog: pytest.LogCaptureFixture) -> None:
    libav = logging.getLogger("libav")
    before = (libav.level, libav.propagate)
    try:
        with pytest.raises(SourceError), caplog.at_level(logging.DEBUG, "watchpost"):
            _av.open_input("rtsp://127.0.0.1:1/secret", "rtsp://127.0.0.1:1/secret", timeout_s=1)
        assert any(record.name == "watchpost.ffmpeg" for record in caplog.records)
    finally:
        av.logging.set_level(None)
        libav.handlers.clear()
        libav.setLevel(before[0])
        libav.propagate = before[1]
