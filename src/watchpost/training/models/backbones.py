"""Backbones of the classics: torchvision's classifiers, cut where their features reach strides 4, 8, 16 and 32.

Inception v3 is not among them: its convolutions without padding shift the features against the picture.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from watchpost.errors import WatchpostError

IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF: Final = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

PYRAMID_CHANNELS: Final = 256
"""Channels of the feature pyramid (FPN, Lin et al. 2017, section 3)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where to cut a classifier."""

    layers: tuple[str, str, str, str]
    """The layers whose outputs have strides 4, 8, 16 and 32."""
    part: str = "features"
    """The classifier's part that holds the layers; empty: the classifier itself."""
    mean_std: tuple[tuple[float, float, float], tuple[float, float, float]] = IMAGENET
    """What its weights were trained with, for RGB 0-1."""


_RESNET: Final = Layout(("layer1", "layer2", "layer3", "layer4"), part="")
_DENSENET: Final = Layout(("denseblock1", "denseblock2", "denseblock3", "norm5"))

LAYOUTS: Final[dict[str, Layout]] = {
    "resnet18": _RESNET,
    "resnet34": _RESNET,
    "resnet50": _RESNET,
    "resnet101": _RESNET,
    "mobilenet_v2": Layout(("3", "6", "13", "18")),
    "mobilenet_v3_small": Layout(("1", "3", "8", "12")),
    "mobilenet_v3_large": Layout(("3", "6", "12", "16")),
    "vgg16": Layout(("15", "22", "29", "30")),
    "vgg16_bn": Layout(("22", "32", "42", "43")),
    "densenet121": _DENSENET,
    "densenet169": _DENSENET,
    "googlenet": Layout(("conv3", "inception3b", "inception4e", "inception5b"), part="", mean_std=HALF),
}


def classifier(name: str, weights: Mapping[str, Tensor] | None, **options: Any) -> nn.Module:
    """The whole classifier `name`, with those of `weights` that fit (all but the last layers, if they differ)."""
    from torchvision import models

    if name == "googlenet":
        options |= {"aux_logits": False, "init_weights": False}  # its own initialisation takes minutes
    network: nn.Module = models.get_model(name, weights=None, **options)
    if weights is not None:
        known = network.state_dict()
        if name.startswith("densenet"):  # published with layers named "norm.1" where the network says "norm1"
            weights = {re.sub(r"\b(norm|conv)\.([12])\.", r"\1\2.", key): value for key, value in weights.items()}
        fitting = {key: value for key, value in weights.items() if key in known and known[key].shape == value.shape}
        if not fitting:
            raise WatchpostError(f"These weights are not of {name}: none of their tensors fits; name another backbone.")
        network.load_state_dict(fitting, strict=False)
    return network


def body(name: str, weights: Mapping[str, Tensor] | None, strides: tuple[int, ...]) -> tuple[nn.Module, list[int]]:
    """A network that gives an ordered dict "0", "1", ... of the features at `strides`, and their channels."""
    from torchvision.models._utils import IntermediateLayerGetter

    layout = LAYOUTS[name]
    network = classifier(name, weights)
    whole = network.get_submodule(layout.part)
    names = {layout.layers[(4, 8, 16, 32).index(stride)]: str(index) for index, stride in enumerate(strides)}
    cut: nn.Module = IntermediateLayerGetter(whole, names)
    with torch.no_grad():
        maps = cut.eval()(torch.zeros(1, 3, 64, 64))
    cut.train()
    return cut, [features.shape[1] for features in maps.values()]


def pyramid(
    name: str, weights: Mapping[str, Tensor] | None, strides: tuple[int, ...], extra: Literal["pool", "p5"]
) -> nn.Module:
    """A backbone with a feature pyramid over `strides` and coarser maps above.

    `extra` is `pool` (one more map, by pooling: R-CNN) or `p5` (two more, convolved from the pyramid's last map:
    RetinaNet and FCOS).
    """
    from torchvision.models.detection.backbone_utils import BackboneWithFPN
    from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

    cut, channels = body(name, weights, strides)
    blocks = LastLevelMaxPool() if extra == "pool" else LastLevelP6P7(PYRAMID_CHANNELS, PYRAMID_CHANNELS)
    names = dict(cut.return_layers.items())  # type: ignore[operator, union-attr]
    whole: nn.Module = BackboneWithFPN(cut, names, channels, PYRAMID_CHANNELS, extra_blocks=blocks)
    return whole


class SsdFeatures(nn.Module):
    """Six maps for SSD (Liu et al. 2016): strides 8, 16 and 32 of any backbone and three coarser ones."""

    def __init__(self, name: str, weights: Mapping[str, Tensor] | None) -> None:
        super().__init__()
        self.body, self.out_channels = body(name, weights, (8, 16, 32))
        self.extra = nn.ModuleList()
        for outputs in (512, 256, 256):
            self.extra.append(
                nn.Sequential(
                    nn.Conv2d(self.out_channels[-1], outputs // 2, 1),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(outputs // 2, outputs, 3, stride=2, padding=1),
                    nn.ReLU(inplace=True),
                )
            )
            self.out_channels.append(outputs)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        """(B, 3, H, W) to maps "0" ... "5", finest first."""
        maps: list[Tensor] = list(self.body(x).values())
        # The blocks of some backbones end in additions or normalisations: SSD's heads expect rectified features.
        maps = [functional.relu(features) for features in maps]
        for block in self.extra:
            maps.append(block(maps[-1]))
        return OrderedDict((str(index), features) for index, features in enumerate(maps))
