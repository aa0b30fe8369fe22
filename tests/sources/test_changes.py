"""A stream is described by its key frames, also when a camera changes it."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from filming import coded
from watchpost.mp4.parameter_sets import parameter_sets, record
from watchpost.sources._changes import CurrentStream
from watchpost.types import StreamInfo

CODECS = [("libx264", "h264"), ("libx265", "hevc")]


def key_frame(size: tuple[int, int] = (64, 48), encoder: str = "libx264", noise: int = 0) -> bytes:
    return coded(1, size=size, codec=encoder, noise=noise)[0][0]


def stream(codec: str, extradata: bytes | None = None) -> StreamInfo:
    return StreamInfo(codec, 64, 48, Fraction(1, 90_000), is_live=True, extradata=extradata)


@pytest.mark.parametrize(("encoder", "codec"), CODECS)
def test_the_same_parameter_sets_are_the_same_stream(encoder: str, codec: str) -> None:
    key = key_frame(encoder=encoder)
    info = stream(codec, b"".join(b"\0\0\1" + each for each in parameter_sets(key, codec)))
    current = CurrentStream(info)
    assert current.see_key_frame(key) is info
    assert current.see_key_frame(key) is info


@pytest.mark.parametrize(("encoder", "codec"), CODECS)
def test_another_size_is_another_stream(encoder: str, codec: str) -> None:
    current = CurrentStream(stream(codec, key_frame(encoder=encoder)))
    large = key_frame((176, 144), encoder)
    found = current.see_key_frame(large)
    assert (found.width, found.height, found.is_live) == (176, 144, True)
    assert found.extradata is not None
    assert parameter_sets(found.extradata, codec) == parameter_sets(large, codec)
    assert current.see_key_frame(large) is found
    back = current.see_key_frame(key_frame(encoder=encoder))
    assert (back.width, back.height) == (64, 48)


def test_a_stream_that_came_without_its_sets_gets_those_of_its_first_key_frame() -> None:
    found = CurrentStream(stream("h264")).see_key_frame(key_frame())
    assert found.extradata is not None
    assert len(parameter_sets(found.extradata, "h264")) == 2


def test_a_picture_parameter_set_alone_is_the_decoders_business() -> None:
    key = key_frame()
    _, pps = parameter_sets(key, "h264")
    info = stream("h264", key)
    assert CurrentStream(info).see_key_frame(key.replace(pps, pps + b"\x17")) is info


def test_what_is_damaged_or_cut_off_changes_nothing() -> None:
    info = stream("h264", key_frame())
    large = key_frame((176, 144))
    sps, pps = parameter_sets(large, "h264")
    current = CurrentStream(info)
    for damaged in (b"", b"no start codes", b"\0\0\1" + sps, b"\0\0\1" + sps[:5] + b"\0\0\1" + pps):
        assert current.see_key_frame(damaged) is info


def test_sets_behind_much_else_are_not_looked_for() -> None:
    info = stream("h264", key_frame())
    large = key_frame((176, 144))
    assert CurrentStream(info).see_key_frame(b"\0\0\1\x06" + b"\x55" * 20_000 + large) is info
    noisy = key_frame((640, 360), noise=60)
    assert len(noisy) > 20_000
    assert CurrentStream(info).see_key_frame(noisy).width == 640


@pytest.mark.parametrize(("encoder", "codec"), CODECS)
def test_parameter_sets_beside_the_pictures(encoder: str, codec: str) -> None:
    """As RTMP has them: what stands in the pictures says nothing."""
    key, large = key_frame(encoder=encoder), key_frame((176, 144), encoder)
    info = stream(codec, record(parameter_sets(key, codec), codec))
    current = CurrentStream(info)
    assert current.see_key_frame(large) is info
    assert current.see_key_frame(key, info.extradata) is info
    other = record(parameter_sets(large, codec), codec)
    for damaged in (b"", other[:10], other[:-3]):
        assert current.see_key_frame(large, damaged) is info
    found = current.see_key_frame(large, other)
    assert (found.width, found.height, found.extradata) == (176, 144, other)


def test_other_codecs_are_left_alone() -> None:
    info = stream("h264")
    pictures = dataclasses.replace(info, codec="mjpeg", extradata=None)
    assert CurrentStream(pictures).see_key_frame(b"\xff\xd8") is pictures
