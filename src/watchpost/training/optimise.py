"""The optimiser's groups and the course of the learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from watchpost.training.models import TrainableDetector
from watchpost.training.recipe import Recipe


def make_optimiser(network: TrainableDetector, recipe: Recipe) -> torch.optim.Optimizer:
    """Four groups: backbone or not, with weight decay or not (one-dimensional weights go without)."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameters in network.parameter_groups().items():
        for parameter in parameters:
            groups.setdefault((name == "backbone", parameter.ndim > 1), []).append(parameter)
    settings = [
        {
            "params": parameters,
            "lr_share": recipe.lr_backbone if is_backbone else 1.0,
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (is_backbone, decays), parameters in groups.items()
    ]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(settings, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    return torch.optim.AdamW(settings, lr=recipe.lr, betas=(recipe.momentum, 0.999))


def learning_rate(recipe: Recipe, steps_an_epoch: int, step: int) -> float:
    """The rate of step `step`, which counts from 0 over all epochs: a linear warm-up, then half a cosine."""
    total, warmup = recipe.epochs * steps_an_epoch, round(recipe.warmup_epochs * steps_an_epoch)
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    share = (step - warmup) / max(1, total - warmup)
    return recipe.lr * (recipe.lr_final + (1 - recipe.lr_final) * (1 + math.cos(math.pi * min(1.0, share))) / 2)
