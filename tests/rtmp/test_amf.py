from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.rtmp import amf
from watchpost.rtmp.wire import RtmpError

TEXTS = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=4))
def test_what_is_written_is_read_back(values):
    assert amf.decoded(amf.encoded(*values)) == values


def test_the_bytes_are_those_of_the_specification():
    assert amf.encoded("play", 1.0, None) == b"\x02\x00\x04play\x00" + struct.pack(">d", 1) + b"\x05"
    assert amf.encoded({"a": True}) == b"\x03\x00\x01a\x01\x01\x00\x00\x09"
    assert amf.decoded(b"\x08\x00\x00\x00\x01\x00\x01a\x06\x00\x00\x09") == [{"a": None}], "an ECMA array"
    assert amf.decoded(b"\x0c\x00\x00\x00\x02hi") == ["hi"], "a long string"


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_and_nothing_else(data):
    try:
        amf.decoded(data)
    except RtmpError:
        return


@pytest.mark.parametrize("data", [b"\x03" * 5000, b"\x02\xff\xff", b"\x0a\xff\xff\xff\xff" + b"\x05" * 5000])
def test_what_is_too_deep_too_long_or_cut_off_is_refused(data):
    with pytest.raises(RtmpError):
        amf.decoded(data)
