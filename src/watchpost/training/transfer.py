"""Begin with what another run has learned: weights where they fit, class rows by name, parts that stay as they are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from watchpost.errors import WatchpostError
from watchpost.training import checkpoint
from watchpost.training.models import classics
from watchpost.training.models.detector import Detector, Shape
from watchpost.training.recipe import Classic, Model, Recipe

_PER_CLASS = ("head.scores.weight", "head.scores.bias")


def build(recipe: Recipe, class_names: tuple[str, ...]) -> Detector | classics.Classic:
    """The network that a recipe begins with. Raises `WatchpostError` when `init_from` does not fit the recipe."""
    if isinstance(recipe.model, Classic):
        known = recipe.init_from or recipe.model.pretrained
        return classics.create_model(recipe.model.family, class_names, recipe.model.backbone, known)
    if recipe.init_from is None:
        return Detector((recipe.model or Model()).shape(class_names))
    source = checkpoint.load(recipe.init_from)
    if not isinstance(source.shape, Shape):
        raise WatchpostError(f"{recipe.init_from} holds a {source.shape.family}: write model: {{family: ...}} too.")
    shape = Shape(class_names, source.shape.width, source.shape.depth, source.shape.bins, source.shape.strides)
    if recipe.model is not None and recipe.model.shape(class_names) != shape:
        raise WatchpostError(
            f"{recipe.init_from} has another shape than the recipe's model: leave the section model out, "
            f"or write width {shape.width:g}, depth {shape.depth:g}, bins {shape.bins}, strides {list(shape.strides)}."
        )
    network = Detector(shape)
    weights = dict(source.ema)
    own = network.state_dict()
    for name in _PER_CLASS:
        weights[name] = _rows_by_class(own[name], weights[name], class_names, source.class_names)
    network.load_state_dict(weights)
    return network


def freeze(network: Detector | classics.Classic, parts: tuple[str, ...]) -> list[nn.Module]:
    """Take the parts' weights out of training; their modules must stay in evaluation mode, so they are returned.

    Raises `WatchpostError` for parts that a classic does not have.
    """
    if isinstance(network, classics.Classic):
        if parts not in ((), ("backbone",)):
            raise WatchpostError("freeze: of a classic detector, backbone alone can be frozen.")
        frozen: list[nn.Module] = [network.classifier for _ in parts]
    else:
        prefixes = ["" if part in ("backbone", "neck") else "backbone." for part in parts]
        frozen = [network.get_submodule(prefix + part) for prefix, part in zip(prefixes, parts, strict=True)]
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def _rows_by_class(own: Tensor, theirs: Tensor, class_names: tuple[str, ...], known: tuple[str, ...]) -> Tensor:
    """Rows of classes that both know, by name; a class that is new begins as a new network does."""
    rows = own.clone()
    with torch.no_grad():
        for row, name in enumerate(class_names):
            if name in known:
                rows[row] = theirs[known.index(name)]
    return rows
