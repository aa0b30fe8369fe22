"""Feedback becomes a data set that every format can hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from watchpost.cli.data import data_app
from watchpost.datasets import coco
from watchpost.errors import WatchpostError
from watchpost.notes import Note, NoteKind
from watchpost.notes.book import NoteBook
from watchpost.notes.dataset import Taken, feedback_dataset
from watchpost.picture import decode_picture, encode_jpeg

JPEG = encode_jpeg(np.full((48, 64, 3), 90, np.uint8))


def note(
    number: int, kind: NoteKind, boxes: tuple[tuple[float, float, float, float], ...] = (), name: str = "person"
) -> Note:
    return Note(f"{number:032x}", kind, "gate/1", 1000.0 * number, "kim", 5000.0, class_name=name, boxes=boxes)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    book = NoteBook(tmp_path / "data" / "notes.db")
    book.add(note(1, "false_alarm"), JPEG)
    book.add(note(2, "missed", ((0.25, 0.5, 0.5, 1.0), (0.0, 0.0, 0.125, 0.25))), JPEG)
    book.add(note(3, "missed", ((0.5, 0.5, 1.0, 1.0),), "car"), JPEG)
    book.add(note(4, "missed"), JPEG)
    book.add(note(5, "false_alarm"))
    book.add(note(6, "bookmark"))
    book.close()
    return tmp_path / "data"


def test_false_alarms_are_empty_and_missed_ones_have_their_boxes(data: Path, tmp_path: Path) -> None:
    book = NoteBook(data / "notes.db")
    dataset, taken = feedback_dataset(book, tmp_path / "pictures")
    assert taken == Taken(false_alarms=1, missed=2, without_picture=1, without_box=1)
    boxes = {
        sample.name: [
            (dataset.class_names[number], box)
            for number, box in zip(sample.class_id, sample.xyxy.tolist(), strict=True)
        ]
        for sample in dataset.samples
    }
    assert boxes == {
        f"false_alarm/{1:032x}.jpg": [],
        f"missed/{2:032x}.jpg": [("person", [16, 24, 32, 48]), ("person", [0, 0, 8, 12])],
        f"missed/{3:032x}.jpg": [("car", [32, 24, 64, 48])],
    }
    assert all(sample.picture.read_bytes() == JPEG for sample in dataset.samples)
    later, _ = feedback_dataset(book, tmp_path / "later", since_wall_time_s=2500.0)
    assert [sample.name for sample in later.samples] == [f"missed/{3:032x}.jpg"]
    book.close()


def test_of_a_false_alarm_only_what_was_judged_may_be_taken(tmp_path: Path) -> None:
    picture = np.full((100, 200, 3), 90, np.uint8)
    picture[:, :60] = 255  # somebody else stands there
    book = NoteBook(tmp_path / "notes.db")
    judged = {"box": [0.5, 0.2, 0.7, 0.6]}
    book.add(replace(note(1, "false_alarm"), event_id="1", event=judged), encode_jpeg(picture))
    book.add(replace(note(2, "false_alarm"), event_id="2", event={"box": None}), encode_jpeg(picture))
    dataset, taken = feedback_dataset(book, tmp_path / "pictures", cuts=True)
    book.close()
    assert taken == Taken(false_alarms=1, without_box=1)
    (sample,) = dataset.samples
    seen = decode_picture(sample.picture.read_bytes())
    assert seen.shape == (60, 60, 3), "a quarter of the box more at each side"
    assert seen.max() < 120


def test_the_verb_writes_it_in_any_format(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "corrections"
    done = CliRunner().invoke(data_app, ["feedback", str(output), "--data", str(data)])
    assert done.exit_code == 0, done.output
    found = coco.read(output)
    assert (len(found), found.objects, sorted(found.class_names)) == (3, 3, ["car", "person"])
    assert "1 false alarms, 2 pictures with missed ones" in done.output
    assert "left out: 1 with no box" in done.output


def test_nothing_to_write_is_told(tmp_path: Path) -> None:
    for arguments in ([], ["--to", "nothing"]):
        done = CliRunner().invoke(data_app, ["feedback", str(tmp_path / "out"), "--data", str(tmp_path), *arguments])
        assert isinstance(done.exception, WatchpostError)
    assert not (tmp_path / "out").exists()
