"""What all decoding families share: the shape of their answer, and how a wrong output is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchpost.errors import WatchpostError

Outputs = Mapping[str, NDArray[np.floating]]
"""One picture's network outputs by name, without the batch axis."""


class Candidates(NamedTuple):
    """What a network claims to see in one picture, before suppression."""

    xyxy: NDArray[np.float32]
    """(N, 4): left, top, right, bottom in pixels of the network's input."""
    scores: NDArray[np.float32]
    """(N,), 0-1, none below the threshold that was asked for."""
    class_ids: NDArray[np.int32]
    """(N,)"""


class InputSize(NamedTuple):
    """Size of the network's input in pixels."""

    width: int
    height: int


class OutputError(WatchpostError):
    """A network's outputs do not fit the family that its card names."""


def single_output(outputs: Outputs) -> NDArray[np.floating]:
    """The one output of a network that has one. Raises `OutputError` when there are more."""
    if len(outputs) != 1:
        raise OutputError(f"expected one output, the model has {len(outputs)}: {', '.join(outputs)}.")
    return next(iter(outputs.values()))


def named_output(outputs: Outputs, name: str, setting: str) -> NDArray[np.floating]:
    """The output `name`, which the card gives as `decode.<setting>`. Raises `OutputError` without it."""
    if name not in outputs:
        raise OutputError(
            f"the model has no output {name!r}, but {', '.join(outputs)}: set decode.{setting} in its card."
        )
    return outputs[name]


def check_shape(array: NDArray[np.generic], *expected: int | None) -> None:
    """Raise `OutputError` unless `array` has the shape `expected`, in which `None` stands for any length."""
    fits = array.ndim == len(expected) and all(
        want is None or want == got for want, got in zip(expected, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("N" if want is None else str(want) for want in expected)
        actual = " x ".join(map(str, array.shape))
        raise OutputError(
            f"expected an output of {wanted} a picture, the model gives {actual}: "
            "check family, input size and classes in its card."
        )


def best_class(class_scores: NDArray[np.floating]) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """The best class (N,) of each row of (N, C) scores, and its score (N,)."""
    ids = class_scores.argmax(axis=1) if class_scores.size else np.zeros(len(class_scores), np.intp)
    return ids.astype(np.int32), np.take_along_axis(class_scores, ids[:, None], axis=1)[:, 0]


def centre_to_corners(cxcywh: NDArray[np.floating]) -> NDArray[np.float32]:
    """Boxes (N, 4) given by centre x, centre y, width and height as left, top, right, bottom."""
    half = cxcywh[:, 2:] / 2
    return np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], axis=1, dtype=np.float32)
