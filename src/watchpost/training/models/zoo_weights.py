"""Weights of others for the classics: from torchvision's hub where there is a network, from a file everywhere."""

from __future__ import annotations

import urllib.error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from watchpost.errors import ConfigError, WatchpostError


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors by name, as somebody published them or as a checkpoint holds them."""

    tensors: Mapping[str, Tensor]
    origin: str
    classes: tuple[str, ...] = ()
    """What a checkpoint of ours has learned; empty for others."""

    @property
    def of_detector(self) -> bool:
        """Whether they are of a whole detector, not of a classifier."""
        return any(key.startswith("backbone.") for key in self.tensors)


def from_file(path: Path) -> Weights:
    """A `.pth` file of torchvision, a checkpoint of ours, or another one with the weights under `model`.

    The file is read with `weights_only`: it can not run code. Raises `WatchpostError`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"There are no weights at {path}: name a .pth file, 'coco' or 'imagenet'.") from None
    except Exception as error:  # a file that is no pickle raises anything
        reason = str(error).partition("\n")[0]
        raise WatchpostError(
            f"{path} can not be read as weights ({reason}); it needs a file of tensors alone."
        ) from None
    classes: tuple[str, ...] = ()
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        classes = tuple(content.get("shape", {}).get("classes", ()))
        content = content.get("ema", content["model"])
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WatchpostError(f"{path} holds no weights: it needs a dictionary of tensors, or one under 'model'.")
    return Weights({key.removeprefix("network."): value for key, value in content.items()}, str(path), classes)


def from_hub(model: str, choice: str) -> Weights:
    """The published weights `choice` of torchvision's `model`, downloaded once and kept in torch's cache.

    Raises `WatchpostError` where they can not be had.
    """
    from torchvision import models

    published: Any = models.get_model_weights(model)[choice]
    try:
        return Weights(published.get_state_dict(progress=False, check_hash=True), published.url)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise WatchpostError(
            f"{published.url} can not be downloaded ({error}). Get the file where there is a network and name it as "
            "'pretrained', or train from scratch."
        ) from None


def categories(model: str, choice: str) -> list[str]:
    """The class names of published weights, the background first; needs no network."""
    from torchvision import models

    names: list[str] = models.get_model_weights(model)[choice].meta["categories"]
    return names


def without_epsilon(weights: Weights) -> Weights:
    """For weights that were trained with normalisations without epsilon, as the first R-CNN ones of torchvision.

    Less variance instead gives the same results in normalisations with the usual epsilon of 1e-5.
    """
    if any(key.endswith("num_batches_tracked") for key in weights.tensors):
        return weights
    return Weights(
        {
            key: (value - 1e-5).clamp(min=0) if key.endswith("running_var") else value
            for key, value in weights.tensors.items()
        },
        weights.origin,
    )


def fit(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], their_classes: Sequence[str], classes: Sequence[str]
) -> dict[str, Tensor]:
    """What of `tensors` fits `wanted`, by name and shape.

    Where only the number of classes differs, the rows of classes with the same name are taken; the rows of other
    classes stay as they are in `wanted`. Both lists of classes start with the background.
    """
    pairs = [(row, their_classes.index(name)) for row, name in enumerate(classes) if name in their_classes]
    found: dict[str, Tensor] = {}
    for key, mine in wanted.items():
        theirs = tensors.get(key)
        if theirs is None or theirs.ndim != mine.ndim:
            continue
        if theirs.shape == mine.shape:
            found[key] = theirs
        elif theirs.shape[1:] == mine.shape[1:] and len(theirs) * len(classes) == len(mine) * len(their_classes):
            # Rows of boxes run class by class, rows of scores anchor by anchor.
            class_dim = 0 if "bbox_pred" in key else 1
            rows, their_rows = (
                rows.reshape(*((count, -1) if class_dim == 0 else (-1, count)), *rows.shape[1:])
                for rows, count in ((mine.clone(), len(classes)), (theirs, len(their_classes)))
            )
            for row, their_row in pairs:
                rows.select(class_dim, row).copy_(their_rows.select(class_dim, their_row))
            found[key] = rows.reshape(mine.shape)
    return found
