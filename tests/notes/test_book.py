"""What people say is kept, with its picture, and found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import event
from watchpost.errors import WatchpostError
from watchpost.event_json import event_to_json
from watchpost.notes import Marks, Note, NoteKind
from watchpost.notes.book import NoteBook


@pytest.fixture
def book(tmp_path: Path) -> Iterator[NoteBook]:
    opened = NoteBook(tmp_path / "notes.db")
    yield opened
    opened.close()


def note(number: int, kind: NoteKind = "note", event_id: str | None = "e", **more: object) -> Note:
    return Note(f"{number:032x}", kind, "gate", 1000.0 + number, "kim", 5000.0, event_id, **more)  # type: ignore[arg-type]


def test_everything_comes_back_after_a_restart(book: NoteBook, tmp_path: Path) -> None:
    whole = note(
        1,
        "missed",
        None,
        text="hier 저기\n'",
        class_name="car",
        boxes=((0.1, 0.2, 0.3, 0.4), (0, 0, 1, 1)),
        event=event_to_json(event()),
    )
    assert book.add(whole, b"jpeg") == replace(whole, has_picture=True)
    book.close()
    again = NoteBook(tmp_path / "notes.db")
    found = again.get(whole.id)
    assert found == replace(whole, has_picture=True)
    assert found.event == whole.event
    assert again.picture(whole.id) == b"jpeg"
    again.close()


def test_an_event_has_one_bookmark_and_many_notes(book: NoteBook) -> None:
    first = book.add(note(1, "bookmark"))
    assert book.add(note(2, "bookmark", text="again")) == first
    book.add(note(3))
    book.add(note(4))
    book.add(note(5, "false_alarm", "f"), b"jpeg")
    assert [each.id for each in book.of_event("e")] == [note(number).id for number in (1, 3, 4)]
    assert book.marks(["e", "f", "g"]) == {"e": Marks(True, False, 2), "f": Marks(False, True, 0)}
    assert book.event_ids("bookmark", 10) == ["e"]


def test_what_is_taken_back_is_gone_with_its_picture(book: NoteBook) -> None:
    kept = book.add(note(1, "false_alarm"), b"jpeg")
    assert book.remove(kept.id)
    assert not book.remove(kept.id)
    assert (book.get(kept.id), book.picture(kept.id), book.marks(["e"])) == (None, None, {})


def test_notes_are_found_by_kind_camera_time_and_page(book: NoteBook) -> None:
    for number in range(6):
        kind: NoteKind = "note" if number % 2 else "missed"
        book.add(replace(note(number, kind, None), camera="gate" if number < 4 else "yard"))

    def ids(**asked: object) -> list[int]:
        return [int(each.id, 16) for each in book.find(["note", "missed"], **asked)]  # type: ignore[arg-type]

    assert ids() == [5, 4, 3, 2, 1, 0]
    assert ids(limit=2) == [5, 4]
    assert ids(limit=2, before_id=note(4).id) == [3, 2]
    assert ids(cameras={"yard"}) == [5, 4]
    assert ids(cameras=frozenset()) == []
    assert ids(since_wall_time_s=1002.0, until_wall_time_s=1004.0) == [3, 2]
    assert [int(each.id, 16) for each in book.find(["missed"])] == [4, 2, 0]


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WatchpostError, match="can not be made"):
        NoteBook(tmp_path / "file" / "notes.db")
