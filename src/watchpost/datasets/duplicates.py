"""Pictures that look the same: by a difference hash, and by a thumbnail where the hash has little to go by.

The hash (Krawetz, "Kind of Like That", 2013) has 64 bits: whether each cell of a 9 x 8 thumbnail is darker than its
right neighbour. It stays when a picture is scaled, compressed or made brighter. In dark or flat pictures those bits are
noise or all equal, so the thumbnails must be alike too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchpost.types import BGR

MAX_BITS: Final = 4
"""Hashes of near-duplicates differ in so many of 64 bits at most."""
_MAX_DIFFERENCE: Final = 8.0
"""Mean difference of the thumbnails' cells, of 255, after taking out the brightness."""
_BLOCK: Final = 1024

Thumbnail = NDArray[np.uint8]
"""(8, 9) grey values."""


def thumbnail(picture: BGR) -> Thumbnail:
    """All that is looked at of a picture (H, W, 3)."""
    import cv2

    grey = cv2.cvtColor(cv2.resize(picture, (72, 64), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA), np.uint8)


def difference_hash(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The hashes (N,) of thumbnails (N, 8, 9)."""
    bits = (thumbnails[:, :, 1:] > thumbnails[:, :, :-1]).reshape(len(thumbnails), 64)
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


def near_duplicates(
    thumbnails: Sequence[Thumbnail], max_bits: int = MAX_BITS, progress: Callable[[int], object] = lambda _count: None
) -> Iterator[tuple[int, int]]:
    """Pairs of indices of pictures that look the same, the smaller one first. Compares each with each."""
    if not len(thumbnails):
        return
    stack = np.stack(thumbnails)
    hashes = difference_hash(stack)
    flat = stack.reshape(len(stack), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        distance = np.bitwise_count(block[:, None] ^ hashes[None, start:])
        for row, column in np.argwhere(distance <= max_bits):
            first, second = int(start + row), int(start + column)
            if first < second and np.abs(flat[first] - flat[second]).mean() <= _MAX_DIFFERENCE:
                yield first, second
        progress(len(block))


def groups(count: int, pairs: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> list[list[int]]:
    """The indices 0 to `count` - 1 in groups: what a chain of pairs joins is one group. In order of first index."""
    leader = list(range(count))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for first, second in pairs:
        a, b = sorted((find(first), find(second)))
        leader[b] = a
    members: dict[int, list[int]] = {}
    for index in range(count):
        members.setdefault(find(index), []).append(index)
    return list(members.values())
