"""What is wrong with a data set is found, and what is right is not complained of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchpost.datasets.check import KINDS, check
from watchpost.datasets.duplicates import difference_hash, groups, near_duplicates, thumbnail
from watchpost.datasets.split import split
from watchpost.datasets.statistics import RELATIVE_EDGES, statistics
from watchpost.datasets.statistics_page import page
from watchpost.errors import WatchpostError
from watchpost.picture import decode_picture, encode_jpeg


def kinds(*splits) -> list[str]:
    return [problem.kind for problem in check({str(index): each for index, each in enumerate(splits)})]


@pytest.mark.parametrize(
    ("boxes", "found"),
    [
        ([], []),
        ([(0, (0, 0, 64, 48))], []),
        ([(0, (-0.9, 0, 64.9, 48))], []),  # rounding of label tools
        ([(0, (-1.5, 0, 10, 10))], ["outside"]),
        ([(0, (0, 0, 10, 50))], ["outside"]),
        ([(0, (5, 5, 5, 10))], ["empty"]),
        ([(0, (5, 5, 10, 5))], ["empty"]),
        ([(0, (5, 5, 30, 30)), (0, (5, 5, 30, 30.2))], ["duplicate"]),
        ([(0, (5, 5, 30, 30)), (1, (5, 5, 30, 30))], []),
        ([(0, (5, 5, 30, 30)), (0, (5, 5, 30, 20))], []),
        ([(0, (5, 5, 5, 5)), (0, (5, 5, 5, 5))], ["empty", "empty", "duplicate"]),
    ],
)
def test_boxes(make_dataset, boxes: list, found: list[str]) -> None:
    assert kinds(make_dataset(boxes)) == found
    assert set(found) <= set(KINDS)


def test_pictures(make_dataset) -> None:
    data = make_dataset([], [], [], [])
    data.samples[0].picture.write_bytes(b"no picture")
    data.samples[1].picture.unlink()
    samples = (*data.samples[:2], replace(data.samples[2], width=65), data.samples[3])
    assert kinds(replace(data, samples=samples)) == ["unreadable", "unreadable", "size"]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("lost", [0, 2, 300])
def test_pictures_that_are_cut_off(make_dataset, suffix: str, lost: int) -> None:
    data = make_dataset([], size=(640, 480), names=["a" + suffix])
    whole = cv2.imencode(suffix, decode_picture(data.samples[0].picture.read_bytes()))[1].tobytes()
    data.samples[0].picture.write_bytes(whole[: len(whole) - lost])
    found = check({"": data})
    assert [problem.kind for problem in found] == (["unreadable"] if lost else [])


def test_a_picture_in_two_splits(make_dataset) -> None:
    train, val = make_dataset([], [], folder="a"), make_dataset([], [], [], folder="b")
    again = cv2.resize(decode_picture(train.samples[1].picture.read_bytes()), (200, 150))
    brighter = np.clip(again.astype(int) + 12, 0, 255).astype(np.uint8)
    path = val.samples[2].picture
    path.write_bytes(encode_jpeg(brighter, quality=40))
    other = replace(val.samples[2], width=200, height=150)
    first, second, third = check({"train": train, "val": replace(val, samples=(*val.samples[:2], other))})
    assert {problem.kind for problem in (first, second, third)} == {"leak"}  # 0 and 1 are the same in both
    assert [problem.place for problem in (second, third)] == [str(train.samples[1].picture)] * 2
    assert third.detail == f"looks like {path} in val"
    assert kinds(train) == []  # one split has nothing to leak to


def test_dark_pictures_are_not_alike_for_their_hashes_alone() -> None:
    flat, half = np.full((48, 64, 3), 9, np.uint8), np.full((48, 64, 3), 9, np.uint8)
    half[24:] = 90  # no difference from left to right either
    looks = [thumbnail(flat), thumbnail(half), thumbnail(flat + 30)]
    hashes = difference_hash(np.stack(looks))
    assert hashes[0] == hashes[1] == hashes[2]
    assert list(near_duplicates(looks)) == [(0, 2)]


def test_no_pictures_have_no_duplicates() -> None:
    assert list(near_duplicates([])) == []


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_groups(given_pairs: tuple) -> None:
    count, pairs = given_pairs
    made = groups(count, pairs)
    assert sorted(index for group in made for index in group) == list(range(count))
    group_of = {index: number for number, group in enumerate(made) for index in group}
    assert all(group_of[a] == group_of[b] for a, b in pairs)
    assert len(made) >= count - len(set(pairs))  # no more was joined than the pairs say


def parted(data, shares: dict[str, float], together: list | None = None, seed: int = 0) -> dict[str, list[str]]:
    made = split(data, shares, together or [[index] for index in range(len(data))], seed)
    return {name: [sample.name for sample in part.samples] for name, part in made.items()}


def test_split_keeps_every_class_in_every_part(make_dataset) -> None:
    boxes = (
        [[(0, (0, 0, 9, 9))]] * 30
        + [[(1, (0, 0, 9, 9))]] * 10
        + [[(0, (0, 0, 9, 9)), (2, (1, 1, 5, 5))]] * 5
        + [[]] * 5
    )
    data = make_dataset(*boxes)
    parts = split(data, {"train": 0.6, "val": 0.2, "test": 0.2}, [[index] for index in range(50)])
    assert [len(part) for part in parts.values()] == [30, 10, 10]
    for part, share in zip(parts.values(), (0.6, 0.2, 0.2), strict=True):
        counted = statistics(part)
        assert [each.pictures for each in counted.classes] == pytest.approx([35 * share, 10 * share, 5 * share], abs=1)
        assert counted.without_objects == pytest.approx(5 * share, abs=1)


def test_split_is_the_same_for_a_seed_and_another_for_another(make_dataset) -> None:
    data = make_dataset(*[[(0, (0, 0, 9, 9))]] * 20)
    shares = {"train": 0.5, "val": 0.5}
    assert parted(data, shares, seed=1) == parted(data, shares, seed=1) != parted(data, shares, seed=2)


def test_split_takes_no_group_apart(make_dataset) -> None:
    data = make_dataset(*[[]] * 12)
    together = [[0, 1, 2, 3], [4, 5, 6], [7, 8], [9], [10], [11]]
    parts = parted(data, {"train": 0.5, "val": 0.5}, together)
    assert [len(part) for part in parts.values()] == [6, 6]
    for group in together:
        names = {f"{index:03d}.jpg" for index in group}
        assert sum(names <= set(part) for part in parts.values()) == 1


def test_split_that_can_not_be(make_dataset) -> None:
    with pytest.raises(WatchpostError, match="nothing is left for val: 3 pictures in 1 groups of near-duplicates"):
        parted(make_dataset([], [], []), {"train": 0.8, "val": 0.2}, [[0, 1, 2]])


def test_statistics(make_dataset) -> None:
    data = make_dataset([(0, (0, 0, 32, 32)), (0, (0, 0, 33, 32)), (1, (0, 0, 97, 96))], [], size=(200, 100))
    sample = replace(data.samples[0], weight=np.float32([1, 0.5, 1]), is_ignored=np.array([False, True, False]))
    counted = statistics(replace(data, samples=(sample, data.samples[1])))
    assert (counted.pictures, counted.objects, counted.without_objects) == (2, 3, 1)
    assert (counted.ignored, counted.pseudo_labels, counted.most_in_a_picture) == (1, 1, 3)
    assert counted.picture_sizes == {"200x100": 2}
    assert counted.unused_classes == ("bird",)
    assert counted.sizes == {"small": 1, "medium": 1, "large": 1}
    cat = counted.classes[0]
    assert (cat.objects, cat.pictures, cat.sizes) == (2, 1, {"small": 1, "medium": 1, "large": 0})
    assert cat.relative_size is not None
    assert cat.relative_size[1] == pytest.approx((32 + np.sqrt(33 * 32)) / 2 / np.sqrt(200 * 100), abs=1e-3)
    assert sum(counted.relative_sizes) == 3
    assert len(counted.relative_sizes) == len(RELATIVE_EDGES) - 1


def test_statistics_of_nothing(make_dataset) -> None:
    counted = statistics(make_dataset())
    assert (counted.pictures, counted.objects) == (0, 0)
    assert counted.classes[0].relative_size is None


def test_the_page_is_well_formed_and_quotes_names(make_dataset, tmp_path: Path) -> None:
    from html.parser import HTMLParser

    data = make_dataset([(0, (0, 0, 9, 9))] * 3, class_names=("<b>&cat", "dog"))
    text = page([statistics(data), statistics(make_dataset())])
    open_tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list) -> None:
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Parser().feed(text)
    assert open_tags == []
    assert "&lt;b&gt;&amp;cat" in text
    assert "<b>" not in text
