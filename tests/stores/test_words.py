"""How texts become words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.stores.query.highlight import HighlightField, marked
from watchpost.stores.query.words import index_words, query_words


@pytest.mark.parametrize(
    ("text", "indexed", "asked"),
    [
        ("Side GATE_2", ["side", "gate", "2"], ["side", "gate", "2"]),
        ("정문", ["정", "문", "정문"], ["정문"]),
        ("정문에서", ["정", "문", "에", "서", "정문", "문에", "에서"], ["정문", "문에", "에서"]),
        ("문", ["문"], ["문"]),
        ("CCTV카메라 3층", ["cctv", "카", "메", "라", "카메", "메라", "3", "층"], ["cctv", "카메", "메라", "3", "층"]),
        ("ＦＵＬＬ width", ["full", "width"], ["full", "width"]),
        ("駐車場", ["駐", "車", "場", "駐車", "車場"], ["駐車", "車場"]),
        ("a-b.c's", ["a", "b", "c", "s"], ["a", "b", "c", "s"]),
        ('" OR * NEAR(', ["or", "near"], ["or", "near"]),
        ("---", [], []),
    ],
)
def test_words(text: str, indexed: list[str], asked: list[str]) -> None:
    assert index_words(text) == indexed
    assert query_words(text) == asked


def test_decomposed_hangul_is_the_same() -> None:
    assert index_words(unicodedata.normalize("NFD", "정문")) == index_words("정문")


@given(st.text())
def test_a_text_is_found_by_itself_and_words_hold_no_signs(text: str) -> None:
    words = index_words(text)
    assert set(query_words(text)) <= set(words)
    assert all(word.isalnum() or any(map(str.isalnum, word)) for word in words)
    assert not any(sign in word for word in words for sign in '" \n():=*')


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("the red car", {"red"}, ["the <em>red</em> car"]),
        ("정문에서 사람", {"정문"}, ["<em>정문</em>에서 사람"]),
        ("정문에서", {"정문", "문에"}, ["<em>정문에</em>서"]),
        ("Gates and GATE", {"gat*"}, ["<em>Gates</em> and <em>GATE</em>"]),
        ("nothing", {"red"}, []),
    ],
)
def test_words_are_marked(text: str, words: set[str], expected: list[str]) -> None:
    assert marked(HighlightField("text"), [text], frozenset(words)) == expected


def test_a_long_text_is_cut_to_pieces() -> None:
    text = "x " * 200 + "red " + "y " * 200 + "red"
    pieces = marked(HighlightField("text", fragment_size=40, fragments=2), [text], frozenset({"red"}))
    assert len(pieces) == 2
    assert all("<em>red</em>" in piece and len(piece) <= 60 for piece in pieces)


@given(st.text(max_size=50))
def test_marks_change_nothing_else(text: str) -> None:
    words = frozenset(query_words(text))
    pieces = marked(HighlightField("text", fragments=0), [text], words)
    assert [piece.replace("<em>", "").replace("</em>", "") for piece in pieces] in ([], [text])
