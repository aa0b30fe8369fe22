"""The classic detectors of torchvision behind the interface of our own, with a choice of backbone.

SSD (Liu et al. 2016), SSDLite (Sandler et al. 2018, section 6.2), Faster R-CNN (Ren et al. 2015), RetinaNet (Lin et al.
2017), FCOS (Tian et al. 2019), Mask R-CNN (He et al. 2017) and its key points. They need the extra `zoo`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from watchpost.errors import ConfigError, WatchpostError
from watchpost.plugins import missing_extra
from watchpost.training.loss import Targets
from watchpost.training.models import Prediction, backbones, zoo_weights

LEAST_WEIGHT: Final = 0.5
"""These losses know no weights: a pseudo-label of less confidence is left out, one of more counts wholly."""

KEYPOINTS: Final = 17
"""Key points of a person in COCO."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of detector."""

    published: str
    """What torchvision calls the one whose COCO weights it publishes."""
    backbone: str
    """The backbone of that one."""
    coco: str = "COCO_V1"
    no_epsilon: bool = False
    """See `zoo_weights.without_epsilon`."""


FAMILIES: Final[dict[str, Family]] = {
    "ssd300": Family("ssd300_vgg16", "vgg16"),
    "ssdlite320": Family("ssdlite320_mobilenet_v3_large", "mobilenet_v3_large"),
    "faster-rcnn": Family("fasterrcnn_resnet50_fpn", "resnet50", no_epsilon=True),
    "retinanet": Family("retinanet_resnet50_fpn", "resnet50", no_epsilon=True),
    "fcos": Family("fcos_resnet50_fpn", "resnet50"),
    "mask-rcnn": Family("maskrcnn_resnet50_fpn", "resnet50", no_epsilon=True),
    "keypoint-rcnn": Family("keypointrcnn_resnet50_fpn", "resnet50", no_epsilon=True),
}


@dataclass(frozen=True, slots=True)
class ClassicShape:
    """What the network is built from; a checkpoint carries it."""

    classes: tuple[str, ...]
    family: str
    """A key of `FAMILIES`."""
    backbone: str
    """A key of `backbones.LAYOUTS`."""
    instances: bool = False
    """Mask R-CNN and Keypoint R-CNN: learn masks or key points too, from `InstanceTargets`."""


@dataclass(frozen=True, slots=True)
class InstanceTargets(Targets):
    """Targets with a mask or the key points of each object."""

    masks: Tensor | None = None
    """(B, M, H, W) uint8, 0 or 1."""
    keypoints: Tensor | None = None
    """(B, M, 17, 3) float32: x and y in pixels of the input, and 1 where the point is visible."""

    def to(self, device: torch.device) -> InstanceTargets:
        """The same on another device."""
        return InstanceTargets(
            *(each.to(device) for each in (self.boxes, self.labels, self.weights, self.ignored)),
            *(each if each is None else each.to(device) for each in (self.masks, self.keypoints)),
        )


class Classic(nn.Module):
    """A detector of torchvision as a `TrainableDetector`.

    SSD and SSDLite stretch pictures to their own 300 x 300 or 320 x 320; the others take them as they are. With
    published weights in its backbone, the statistics of the backbone's normalisations stay as published: batches of
    a detector are too small to estimate them.
    """

    def __init__(self, shape: ClassicShape, backbone_weights: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        require_torchvision()
        self.shape = shape
        self.network = _network(shape, backbone_weights)
        # A buffer, so that it travels with the weights.
        self.register_buffer("statistics_fixed", torch.tensor(backbone_weights is not None))
        self.statistics_fixed: Tensor

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the labels mean."""
        return self.shape.classes

    def train(self, mode: bool = True) -> Classic:
        """Training or eval mode."""
        super().train(mode)
        # SSD's own layers are between those of the classifier, and need statistics of their own.
        if mode and hasattr(self.network.backbone, "fpn") and bool(self.statistics_fixed):
            self.classifier.eval()
        return self

    @property
    def classifier(self) -> nn.Module:
        """The part of the backbone that comes from a classifier."""
        backbone = self.network.backbone
        part: nn.Module = backbone.body if hasattr(backbone, "body") else backbone.features
        return part

    def loss(self, pictures: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The parts of the loss of pictures (B, 3, H, W), BGR 0-255; in training mode only."""
        if not self.training:
            raise RuntimeError("the loss needs training mode")
        parts: dict[str, Tensor] = self.network(_rgb(pictures), _per_picture(targets))
        return parts

    @torch.no_grad()
    def predict(self, pictures: Tensor) -> list[Prediction]:
        """What is in pictures (B, 3, H, W), BGR 0-255; in eval mode only."""
        if self.training:
            raise RuntimeError("predictions need eval mode")
        found = []
        for entry in self.network(_rgb(pictures)):
            # Label 0 is the background, which RetinaNet and FCOS may "find" while they know little.
            real = entry["labels"] > 0
            found.append(Prediction(entry["boxes"][real], entry["scores"][real], entry["labels"][real] - 1))
        return found

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters: `backbone` (the classifier's) and `head` (all others)."""
        trainable = [parameter for parameter in self.parameters() if parameter.requires_grad]
        old = {id(parameter) for parameter in self.classifier.parameters()}
        return {
            "backbone": [parameter for parameter in trainable if id(parameter) in old],
            "head": [parameter for parameter in trainable if id(parameter) not in old],
        }


def create_model(
    name: str,
    class_names: tuple[str, ...],
    backbone: str | None = None,
    pretrained: Literal["coco", "imagenet"] | str | Path | None = None,
    *,
    instances: bool = False,
) -> Classic:
    """The classic `name` (a key of `FAMILIES`) on `backbone` (by default the published one).

    `pretrained`: `coco` (the whole detector; rows of classes with COCO's names are kept) and `imagenet` (the backbone
    alone) come from torchvision's hub, a path is a file of either kind or a checkpoint of a classic, `None` starts from
    scratch.

    Raises `MissingExtraError` without torchvision, `ConfigError` for a name that is not known, `WatchpostError` for
    weights that can not be had or do not fit.
    """
    if name not in FAMILIES:
        raise ConfigError(f"{name!r} is no classic detector; there are: {', '.join(FAMILIES)}.")
    family = FAMILIES[name]
    backbone = backbone or family.backbone
    if backbone not in backbones.LAYOUTS:
        raise ConfigError(f"{backbone!r} is no backbone; there are: {', '.join(backbones.LAYOUTS)}.")
    if instances and name not in ("mask-rcnn", "keypoint-rcnn"):
        raise ConfigError(f"{name} has boxes alone: only mask-rcnn and keypoint-rcnn learn instances.")
    require_torchvision()
    shape = ClassicShape(tuple(class_names), name, backbone, instances)
    weights = _weights(family, backbone, pretrained)
    if weights is None:
        return Classic(shape)
    if not weights.of_detector:
        return Classic(shape, weights.tensors)
    model = Classic(shape)
    if family.no_epsilon:
        weights = zoo_weights.without_epsilon(weights)
    their_classes = weights.classes or zoo_weights.categories(family.published, family.coco)[1:]
    background = "__background__"
    found = zoo_weights.fit(
        weights.tensors, model.network.state_dict(), (background, *their_classes), (background, *shape.classes)
    )
    if not any(key.startswith("backbone.") for key in found):
        raise WatchpostError(f"{weights.origin} is not of {name} on {backbone}: nothing fits; name its backbone.")
    model.network.load_state_dict(found, strict=False)
    model.statistics_fixed.fill_(True)
    return model.train()


def require_torchvision() -> None:
    """Raises `MissingExtraError` without torchvision, `WatchpostError` with one that does not match torch."""
    try:
        import torchvision  # noqa: F401
    except ModuleNotFoundError as error:
        raise (missing_extra(error) or error) from None
    except (ImportError, RuntimeError) as error:
        raise WatchpostError(
            f"torchvision does not match torch {torch.__version__} ({error}): install builds that belong together."
        ) from None


def _weights(family: Family, backbone: str, pretrained: str | Path | None) -> zoo_weights.Weights | None:
    if pretrained is None:
        return None
    if pretrained == "coco":
        if backbone != family.backbone:
            raise ConfigError(f"COCO weights exist for {family.backbone} alone: with {backbone}, take 'imagenet'.")
        return zoo_weights.from_hub(family.published, family.coco)
    if pretrained == "imagenet":
        # SSD on VGG16 takes pictures as Caffe did, and so do these weights of its features.
        caffe = family.published == "ssd300_vgg16" and backbone == "vgg16"
        return zoo_weights.from_hub(backbone, "IMAGENET1K_FEATURES" if caffe else "IMAGENET1K_V1")
    return zoo_weights.from_file(Path(pretrained))


def _rgb(pictures: Tensor) -> list[Tensor]:
    return list((pictures.flip(1) / 255).unbind())


def _per_picture(targets: Targets) -> list[dict[str, Tensor]]:
    """As torchvision wants them: without padding and without boxes of less than a pixel, labels from 1."""
    real = (targets.weights >= LEAST_WEIGHT) & ((targets.boxes[..., 2:] - targets.boxes[..., :2]) >= 1).all(-1)
    result = []
    for index, chosen in enumerate(real):
        entry = {"boxes": targets.boxes[index, chosen].float(), "labels": targets.labels[index, chosen] + 1}
        for name in ("masks", "keypoints"):
            values = getattr(targets, name, None)
            if values is not None:
                entry[name] = values[index, chosen]
        result.append(entry)
    return result


def _network(shape: ClassicShape, weights: Mapping[str, Tensor] | None) -> Any:
    from torchvision.models import detection

    count = len(shape.classes) + 1
    if shape.family in ("ssd300", "ssdlite320"):
        return _ssd(shape, weights, count)
    mean, std = backbones.LAYOUTS[shape.backbone].mean_std
    norm = {"image_mean": list(mean), "image_std": list(std)}
    if shape.family in ("retinanet", "fcos"):
        features = backbones.pyramid(shape.backbone, weights, (8, 16, 32), "p5")
        kind = detection.FCOS if shape.family == "fcos" else detection.RetinaNet
        network = kind(features, count, score_thresh=0.05, **norm)  # the papers' threshold
    else:
        features = backbones.pyramid(shape.backbone, weights, (4, 8, 16, 32), "pool")
        kinds = {"mask-rcnn": detection.MaskRCNN, "keypoint-rcnn": detection.KeypointRCNN}
        options = norm | ({"num_keypoints": KEYPOINTS} if shape.family == "keypoint-rcnn" else {})
        network = kinds.get(shape.family, detection.FasterRCNN)(features, count, **options)
        if not shape.instances:
            _boxes_alone(network.roi_heads)
    network.transform.resize = _as_it_is
    return network


def _as_it_is(picture: Tensor, target: dict[str, Tensor] | None) -> tuple[Tensor, dict[str, Tensor] | None]:
    """Instead of torchvision's resizing to 800 pixels: the recipe says how large pictures are."""
    return picture, target


def _boxes_alone(heads: Any) -> None:
    """Switch the branches for masks and key points off; their weights stay."""
    for kind in ("mask", "keypoint"):
        if getattr(heads, f"{kind}_roi_pool") is not None:
            setattr(heads, f"{kind}_roi_pool", None)
            for part in ("head", "predictor"):
                getattr(heads, f"{kind}_{part}").requires_grad_(False)


def _ssd(shape: ClassicShape, weights: Mapping[str, Tensor] | None, count: int) -> Any:
    """SSD300 and SSDLite320: the published networks on their own backbones, `SsdFeatures` on others."""
    from torchvision.models.detection import anchor_utils, ssd, ssdlite

    lite = shape.family == "ssdlite320"
    size = (320, 320) if lite else (300, 300)
    mean, std = backbones.LAYOUTS[shape.backbone].mean_std
    norm_layer = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    anchors = anchor_utils.DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    if lite and shape.backbone == "mobilenet_v3_large":
        mean, std = backbones.HALF
        whole: Any = backbones.classifier(shape.backbone, weights, norm_layer=norm_layer, reduced_tail=True)
        features: Any = ssdlite.SSDLiteFeatureExtractorMobileNet(whole.features, 13, norm_layer)
        channels = [672, 480, 512, 256, 256, 128]
    elif not lite and shape.backbone == "vgg16":
        # Caffe's: pictures 0-255 less the mean
        mean, std = (0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)
        whole = backbones.classifier(shape.backbone, weights)
        features = ssd.SSDFeatureExtractorVGG(whole.features, highres=False)
        channels = [512, 1024, 512, 256, 256, 256]
        anchors = anchor_utils.DefaultBoxGenerator(
            [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
            scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
            steps=[8, 16, 32, 64, 100, 300],
        )
    else:
        features = backbones.SsdFeatures(shape.backbone, weights)
        channels = features.out_channels
    per_cell = anchors.num_anchors_per_location()
    heads = partial(ssdlite.SSDLiteHead, norm_layer=norm_layer) if lite else ssd.SSDHead
    lite_options = {"score_thresh": 0.001, "nms_thresh": 0.55, "detections_per_img": 300, "topk_candidates": 300}
    return ssd.SSD(
        features,
        anchors,
        size,
        count,
        head=heads(channels, per_cell, count),
        image_mean=list(mean),
        image_std=list(std),
        **(lite_options if lite else {}),
    )
