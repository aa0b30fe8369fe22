"""Boxes are found again as they were made."""

from __future__ import annotations

import pytest

from watchpost.mp4.boxes import DamagedError, box, boxes, find, full_box, need


def test_boxes_are_found_by_their_path() -> None:
    data = box(b"free") + box(b"moov", box(b"trak", full_box(b"tkhd", 1, 7, b"xyz")), box(b"udta"))
    assert [each.kind for each in boxes(data)] == [b"free", b"moov"]
    tkhd = need(data, "moov/trak/tkhd")
    assert data[tkhd.body : tkhd.end] == b"\x01\x00\x00\x07xyz"
    assert find(data, "moov/mvex") is None
    with pytest.raises(DamagedError, match="no box moov/mvex"):
        need(data, "moov/mvex")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x09moov",
        b"\x00\x00",
        b"\x00\x00\x00\x04moov",
        b"\x00\x00\x00\x01moov\x00",
        b"\x7f\xff\xff\xffmoov",
    ],
)
def test_what_does_not_fit_is_told(data: bytes) -> None:
    with pytest.raises(DamagedError):
        list(boxes(data))


def test_a_box_may_reach_to_the_end_or_be_very_long() -> None:
    (last,) = boxes(b"\x00\x00\x00\x00mdatabc")
    assert (last.body, last.end) == (8, 11)
    (long,) = boxes(b"\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x13abc")
    assert (long.body, long.end) == (16, 19)
