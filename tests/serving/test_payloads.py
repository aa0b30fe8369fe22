"""What goes into RTP payloads comes out again; a loss costs its own unit alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.serving import payload_aac, payload_h264, payload_h265

Payloads = Callable[[Sequence[bytes], int], Iterator[bytes]]

H264_UNITS = st.lists(
    st.builds(lambda kind, body: bytes((0x60 | kind,)) + body, st.integers(1, 23), st.binary(min_size=1, max_size=400)),
    max_size=8,
)
H265_UNITS = st.lists(
    st.builds(lambda kind, body: bytes((kind << 1, 1)) + body, st.integers(0, 47), st.binary(min_size=1, max_size=400)),
    max_size=8,
)


def test_h264_by_the_book() -> None:
    sps, pps, slice_ = b"\x67\x42\x00\x0a", b"\x68\xce\x38\x80", b"\x65" + bytes(range(20))
    together, first, last = payload_h264.payloads([sps, pps, slice_], 16)
    assert together == b"\x78\x00\x04" + sps + b"\x00\x04" + pps
    assert first == b"\x7c\x85" + slice_[1:15]
    assert last == b"\x7c\x45" + slice_[15:]


def test_h265_by_the_book() -> None:
    vps, sps, slice_ = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x26\x01" + bytes(range(20))
    together, first, last = payload_h265.payloads([vps, sps, slice_], 16)
    assert together == b"\x60\x01\x00\x03" + vps + b"\x00\x03" + sps
    assert first == b"\x62\x01\x93" + slice_[2:15]
    assert last == b"\x62\x01\x53" + slice_[15:]


@given(H264_UNITS, st.integers(8, 200))
def test_h264_there_and_back(units: list[bytes], limit: int) -> None:
    made = list(payload_h264.payloads(units, limit))
    assert all(len(each) <= limit for each in made)
    depacketiser = payload_h264.Depacketiser()
    assert [unit for sequence, each in enumerate(made) for unit in depacketiser.take(sequence, each)] == units
    assert depacketiser.damaged == 0


@given(H265_UNITS, st.integers(8, 200))
def test_h265_there_and_back(units: list[bytes], limit: int) -> None:
    made = list(payload_h265.payloads(units, limit))
    assert all(len(each) <= limit for each in made)
    depacketiser = payload_h265.Depacketiser()
    assert [unit for sequence, each in enumerate(made) for unit in depacketiser.take(sequence, each)] == units
    assert depacketiser.damaged == 0


@given(H264_UNITS, st.integers(8, 60), st.data())
def test_a_lost_packet_costs_no_unit_but_its_own(units: list[bytes], limit: int, data: st.DataObject) -> None:
    made = list(enumerate(payload_h264.payloads(units, limit)))
    if len(made) < 2:
        return
    del made[data.draw(st.integers(0, len(made) - 1))]
    depacketiser = payload_h264.Depacketiser()
    found = [unit for sequence, each in made for unit in depacketiser.take(sequence, each)]
    assert all(unit in units for unit in found)
    assert len(found) < len(units)


@pytest.mark.parametrize("module", [payload_h264, payload_h265])
@given(payloads=st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=60)), max_size=30))
def test_no_payload_is_ever_raised(module: object, payloads: list[tuple[int, bytes]]) -> None:
    depacketiser = module.Depacketiser()  # type: ignore[attr-defined]
    for sequence, payload in payloads:
        depacketiser.take(sequence, payload)
        module.begins_key_frame(payload)  # type: ignore[attr-defined]


def test_key_frames_are_known() -> None:
    sets_first = next(payload_h264.payloads([b"\x67abc", b"\x68a", b"\x65" + bytes(9)], 1400))
    inter = next(payload_h264.payloads([b"\x41" + bytes(9)], 1400))
    cut = list(payload_h264.payloads([b"\x65" + bytes(99)], 40))
    assert payload_h264.begins_key_frame(sets_first)
    assert not payload_h264.begins_key_frame(inter)
    assert [payload_h264.begins_key_frame(each) for each in cut] == [True, False, False]
    assert payload_h265.begins_key_frame(b"\x26\x01abc")
    assert not payload_h265.begins_key_frame(b"\x02\x01abc")
    cut = list(payload_h265.payloads([b"\x26\x01" + bytes(99)], 60))
    assert [payload_h265.begins_key_frame(each) for each in cut] == [True, False]


@given(st.binary(min_size=1, max_size=1200))
def test_aac_there_and_back(unit: bytes) -> None:
    [payload] = payload_aac.payloads(unit, 1400)
    assert payload_aac.units(payload) == [unit]


def test_aac_that_is_too_long_is_cut() -> None:
    made = list(payload_aac.payloads(bytes(3000), 1400))
    assert [len(each) for each in made] == [1400, 1400, 212]
    assert {each[:4] for each in made} == {b"\x00\x10" + (3000 << 3).to_bytes(2, "big")}
    assert list(payload_aac.payloads(bytes(8192), 1400)) == []


@given(st.binary(max_size=60))
def test_no_aac_payload_is_ever_raised(payload: bytes) -> None:
    payload_aac.units(payload)


def test_what_sdp_says() -> None:
    sps, pps = b"\x67\x42\xc0\x1e\x01", b"\x68\xce"
    assert payload_h264.parameters((sps, pps)) == (
        "packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHgE=,aM4="
    )
    assert payload_h264.parameters(()) == "packetization-mode=1"
    assert (
        payload_h265.parameters((b"\x40\x01", b"\x42\x01", b"\x44\x01"))
        == "sprop-vps=QAE=;sprop-sps=QgE=;sprop-pps=RAE="
    )
