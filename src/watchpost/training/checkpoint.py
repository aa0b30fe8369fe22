"""The state of a training run in one file: enough to go on as if nothing had happened, and to export a model.

Written with `torch.save` and read with `weights_only=True`: tensors and plain values alone, so that a file from
somewhere else can not run code. A file is replaced at once or not at all.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from watchpost.errors import WatchpostError
from watchpost.training import weights
from watchpost.training.models.classics import Classic, ClassicShape
from watchpost.training.models.detector import Detector, Shape
from watchpost.training.recipe import DataSet, Recipe

FORMAT: Final = "watchpost-checkpoint"
VERSION: Final = 1


@dataclass(slots=True)
class Progress:
    """How far a run has come."""

    epoch: int = 0
    """Finished epochs."""
    step: int = 0
    """Finished steps of the epoch that is under way."""
    sums: dict[str, float] = field(default_factory=dict)
    """Losses of that epoch's steps, summed."""
    best: float = -1.0
    best_epoch: int = 0
    without_best: int = 0
    """Evaluations since the best one."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One row an epoch: epoch, lr, seconds, losses, and scores where it was measured."""


@dataclass(slots=True)
class Checkpoint:
    """What a file holds."""

    recipe: Recipe
    shape: Shape | ClassicShape
    model: dict[str, Any]
    """Weights as trained."""
    ema: dict[str, Any]
    """The averaged weights: what is measured, exported, and begun with by transfer."""
    optimiser: dict[str, Any]
    progress: Progress
    rng: dict[str, torch.Tensor] = field(default_factory=dict)
    """States of torch's generators. Data needs none: it depends on seed, epoch and position."""
    scaler: dict[str, Any] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of class numbers."""
        return self.shape.classes

    def network(self) -> Detector | Classic:
        """The network with the averaged weights, ready for inference."""
        network = Detector(self.shape) if isinstance(self.shape, Shape) else Classic(self.shape)
        network.load_state_dict(self.ema)
        network.eval()
        return network

    def detector(self) -> Detector:
        """The same for our own detector. Raises `WatchpostError` for a classic."""
        network = self.network()
        if not isinstance(network, Detector):
            raise WatchpostError(f"the checkpoint holds a {network.shape.family}: this works for our detector alone.")
        return network


def portable(checkpoint: Checkpoint) -> Checkpoint:
    """What others need to begin with these weights: them alone, in half precision, without paths of this machine."""
    ema = {name: each.half() if each.is_floating_point() else each for name, each in checkpoint.ema.items()}
    recipe = checkpoint.recipe

    def shortened(sets: tuple[DataSet, ...]) -> tuple[DataSet, ...]:
        return tuple(each.model_copy(update={"path": Path(*each.path.parts[-2:])}) for each in sets)

    data = recipe.data.model_copy(update={"train": shortened(recipe.data.train), "val": shortened(recipe.data.val)})
    changes: dict[str, Any] = {"data": data}
    if recipe.init_from is not None:
        changes["init_from"] = Path(*recipe.init_from.parts[-2:])
    if recipe.teacher is not None:
        changes["teacher"] = recipe.teacher.model_copy(update={"model": Path(recipe.teacher.model.name)})
    return Checkpoint(recipe.model_copy(update=changes), checkpoint.shape, {}, ema, {}, checkpoint.progress)


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write `path`, whole or not at all. Raises `WatchpostError` when the disk refuses."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "recipe": checkpoint.recipe.model_dump_json(),
        "shape": dataclasses.asdict(checkpoint.shape),
        "model": checkpoint.model,
        "ema": checkpoint.ema,
        "optimiser": checkpoint.optimiser,
        "progress": dataclasses.asdict(checkpoint.progress),
        "rng": checkpoint.rng,
        "scaler": checkpoint.scaler,
    }
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except (OSError, RuntimeError) as error:
        raise WatchpostError(f"{path} can not be written: {error}.") from None


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, onto the CPU. Raises `WatchpostError` for a file that is missing or none of ours."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        known = ", ".join(weights.names())
        raise WatchpostError(f"{path} can not be read: there is no such file; by name there are: {known}.") from None
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror or error}.") from None
    except Exception:  # torch's reader raises errors of many classes for broken files
        raise WatchpostError(f"{path} is no checkpoint of Watchpost, or is damaged.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise WatchpostError(f"{path} is no checkpoint of Watchpost.")
    if content["version"] != VERSION:
        raise WatchpostError(f"{path} is of version {content['version']}; this Watchpost reads version {VERSION}.")
    shape: dict[str, Any] = content["shape"]
    return Checkpoint(
        recipe=Recipe.model_validate_json(content["recipe"]),
        shape=ClassicShape(**shape) if "family" in shape else Shape(**shape),
        model=content["model"],
        ema=content["ema"],
        optimiser=content["optimiser"],
        progress=Progress(**content["progress"]),
        rng=content["rng"],
        scaler=content["scaler"],
    )


def rng_states() -> dict[str, torch.Tensor]:
    """The states of torch's generators."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_rng(states: dict[str, torch.Tensor]) -> None:
    """Put the generators where they were."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
