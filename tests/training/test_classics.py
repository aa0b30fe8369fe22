"""torchvision's detectors as ours: they learn, they predict, they take weights of others."""

from __future__ import annotations

import sys
import urllib.error
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from torchvision_ops import torchvision_or_reason
from watchpost.errors import ConfigError, MissingExtraError, WatchpostError
from watchpost.training.loss import Targets
from watchpost.training.models import backbones
from watchpost.training.models.classics import FAMILIES, Classic, InstanceTargets, create_model

SIZE = 64
SMALL = "mobilenet_v3_small"


@pytest.fixture
def zoo() -> None:
    """torchvision, with operators in Python where it needs them."""
    reason = torchvision_or_reason()
    if reason:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    with torch.random.fork_rng(), warnings.catch_warnings():
        torch.manual_seed(7)
        yield


def scene(instances: bool = False) -> tuple[Tensor, Targets]:
    """Two dark pictures with a bright box in each; the second target of each picture is padding."""
    boxes = torch.tensor([[[6.0, 10, 40, 56], [0, 0, 0, 0]], [[20, 6, 60, 44], [0, 0, 0, 0]]])
    pictures = torch.full((2, 3, SIZE, SIZE), 40.0)
    masks = torch.zeros(2, 2, SIZE, SIZE, dtype=torch.uint8)
    for index in range(2):
        left, top, right, bottom = boxes[index, 0].int().tolist()
        pictures[index, :, top:bottom, left:right] = 220
        masks[index, 0, top:bottom, left:right] = 1
    labels = torch.tensor([[0, 0], [1, 0]])
    weights = torch.tensor([[1.0, 0], [0.9, 0]])
    ignored = torch.zeros(2, 2, dtype=torch.bool)
    if not instances:
        return pictures, Targets(boxes, labels, weights, ignored)
    middles = ((boxes[..., :2] + boxes[..., 2:]) / 2)[:, :, None].expand(-1, -1, 17, -1)
    keypoints = torch.cat([middles, torch.ones_like(middles[..., :1])], -1)
    return pictures, InstanceTargets(boxes, labels, weights, ignored, masks, keypoints)


def train(model: Classic, targets: Targets, pictures: Tensor, steps: int, rate: float = 1e-3) -> list[float]:
    """The loss of each step."""
    optimiser = torch.optim.SGD([x for group in model.parameter_groups().values() for x in group], rate, momentum=0.9)
    model.train()
    losses = []
    for _ in range(steps):
        loss = sum(model.loss(pictures, targets).values(), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_unknown_names_are_told() -> None:
    with pytest.raises(ConfigError, match=r"'yolo' is no classic detector; there are: ssd300, .*keypoint-rcnn"):
        create_model("yolo", ("person",))
    with pytest.raises(ConfigError, match=r"'inception_v3' is no backbone; there are: resnet18"):
        create_model("fcos", ("person",), "inception_v3")
    with pytest.raises(ConfigError, match="fcos has boxes alone"):
        create_model("fcos", ("person",), instances=True)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtraError, match=r"watchpost\[zoo\]"):
        create_model("fcos", ("person",))


def test_a_torchvision_that_does_not_match_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "torchvision" / "__init__.py"
    broken.parent.mkdir()
    broken.write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(WatchpostError, match=r"torchvision does not match torch .*nms does not exist"):
        create_model("fcos", ("person",))


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", FAMILIES)
def test_each_learns_predicts_and_is_saved(name: str, tmp_path: Path) -> None:
    model = create_model(name, ("person", "raccoon"), SMALL)
    assert model.class_names == ("person", "raccoon")
    pictures, targets = scene()
    losses = train(model, targets, pictures, steps=4)
    assert losses[-1] < losses[0]
    sum(model.loss(pictures, targets).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    idle = [key for key, value in model.named_parameters() if value.requires_grad and value.grad is None]
    assert idle == [], "processes that train together wait for every gradient"

    model.eval()
    predictions = model.predict(pictures)
    assert len(predictions) == 2
    for prediction in predictions:
        assert len(prediction.boxes) == len(prediction.scores) == len(prediction.labels)
        assert ((prediction.boxes >= 0) & (prediction.boxes <= SIZE)).all()
        assert ((prediction.scores >= 0) & (prediction.scores <= 1)).all()
        assert set(prediction.labels.tolist()) <= {0, 1}
        assert (prediction.scores.diff() <= 0).all()

    torch.save(model.state_dict(), tmp_path / "model.pt")
    again = Classic(model.shape)
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    for one, other in zip(predictions, again.eval().predict(pictures), strict=True):
        assert torch.equal(one.boxes, other.boxes)
        assert torch.equal(one.scores, other.scores)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_fcos_finds_what_it_has_learnt() -> None:
    model = create_model("fcos", ("person", "raccoon"), SMALL)
    pictures, targets = scene()
    train(model, targets, pictures, steps=40, rate=3e-3)
    # Two pictures are no population: judge with the statistics of the batch.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.loss(pictures, targets)
    for index, prediction in enumerate(model.eval().predict(pictures)):
        assert prediction.labels[0] == targets.labels[index, 0]
        assert (prediction.boxes[0] - targets.boxes[index, 0]).abs().max() < 12


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize(("name", "part"), [("mask-rcnn", "loss_mask"), ("keypoint-rcnn", "loss_keypoint")])
def test_instances_are_learnt_where_they_are_asked_for(name: str, part: str) -> None:
    pictures, targets = scene(instances=True)
    model = create_model(name, ("person", "raccoon"), SMALL, instances=True).train()
    losses = model.loss(pictures, targets)
    losses[part].backward()  # type: ignore[no-untyped-call]
    kind = part.removeprefix("loss_")
    heads = {key: value for key, value in model.network.named_parameters() if f".{kind}_" in key}
    assert heads
    assert all(value.grad is not None for value in heads.values())

    alone = create_model(name, ("person", "raccoon"), SMALL).train()
    assert part not in alone.loss(pictures, targets)
    grouped = {id(value) for group in alone.parameter_groups().values() for value in group}
    assert not any(id(value) in grouped for key, value in alone.network.named_parameters() if f".{kind}_" in key)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", FAMILIES)
def test_the_published_weights_fit(name: str) -> None:
    from torchvision.models import detection

    theirs = getattr(detection, FAMILIES[name].published)(weights=None, weights_backbone=None, num_classes=2)
    ours = create_model(name, ("person",)).network
    shapes = [{key: value.shape for key, value in network.state_dict().items()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert ours.transform.image_mean == pytest.approx(theirs.transform.image_mean)
    assert ours.transform.image_std == pytest.approx(theirs.transform.image_std)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_results_are_those_of_torchvision() -> None:
    from torchvision.models import detection

    theirs = detection.retinanet_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=2, min_size=SIZE, max_size=SIZE, score_thresh=0.001
    ).eval()
    model = create_model("retinanet", ("person",)).eval()
    model.network.load_state_dict(theirs.state_dict())
    model.network.score_thresh = 0.001
    pictures = torch.rand(1, 3, SIZE, SIZE) * 255
    with torch.no_grad():
        everything = theirs([pictures[0].flip(0) / 255])[0]
    objects = everything["labels"] > 0
    expected = {name: values[objects] for name, values in everything.items()}
    (found,) = model.predict(pictures)
    assert len(found.boxes) > 0
    torch.testing.assert_close(found.boxes, expected["boxes"])
    assert torch.equal(found.labels + 1, expected["labels"])


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", backbones.LAYOUTS)
def test_backbones_give_features_at_their_strides(name: str) -> None:
    body, channels = backbones.body(name, None, (4, 8, 16, 32))
    with torch.no_grad():
        maps = body.eval()(torch.zeros(1, 3, 128, 128))
    assert [tuple(x.shape) for x in maps.values()] == [
        (1, count, 128 // stride, 128 // stride) for count, stride in zip(channels, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", ["vgg16_bn", "densenet121", "googlenet", "resnet18"])
def test_gradients_reach_the_first_layer_of_other_backbones(name: str) -> None:
    pictures, targets = scene()
    model = create_model("retinanet", ("person", "raccoon"), name).train()
    sum(model.loss(pictures, targets).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    first = model.parameter_groups()["backbone"][0]
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_a_picture_without_objects_is_learnt_too() -> None:
    pictures, targets = scene()
    nothing = Targets(targets.boxes, targets.labels, torch.zeros_like(targets.weights), targets.ignored)
    for name in ("ssdlite320", "fcos", "retinanet", "faster-rcnn"):
        parts = create_model(name, ("person", "raccoon"), SMALL).train().loss(pictures, nothing)
        assert all(value.isfinite() for value in parts.values()), name


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("name", ["ssd300", "fcos", "faster-rcnn"])
def test_mixed_precision_gives_about_the_same_loss(name: str) -> None:
    pictures, targets = scene()
    model = create_model(name, ("person", "raccoon"), SMALL).train()
    totals = []
    for mixed in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            losses = model.loss(pictures, targets)
        totals.append(sum(value.item() for value in losses.values()))
    assert totals[1] == pytest.approx(totals[0], rel=0.15)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_a_coco_file_keeps_the_rows_of_known_classes(tmp_path: Path) -> None:
    published = create_model("faster-rcnn", tuple(f"class {index}" for index in range(90)), SMALL).network
    torch.save(published.state_dict(), tmp_path / "coco.pth")
    model = create_model("faster-rcnn", ("raccoon", "person"), SMALL, tmp_path / "coco.pth")
    head, their_head = model.network.roi_heads.box_predictor, published.roi_heads.box_predictor
    assert torch.equal(head.cls_score.weight[[0, 2]], their_head.cls_score.weight[[0, 1]])
    assert torch.equal(head.bbox_pred.weight[8:12], their_head.bbox_pred.weight[4:8])
    assert not torch.equal(head.cls_score.weight[1], their_head.cls_score.weight[1])
    assert torch.equal(model.network.rpn.head.cls_logits.weight, published.rpn.head.cls_logits.weight)


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_classifiers_file_fills_the_backbone_and_fixes_its_statistics(tmp_path: Path, wrapped: bool) -> None:
    published = backbones.classifier(SMALL, None)
    state = published.state_dict()
    torch.save({"model": state} if wrapped else state, tmp_path / "classifier.pth")
    model = create_model("fcos", ("person", "raccoon"), SMALL, str(tmp_path / "classifier.pth"))
    body = model.network.backbone.body
    assert torch.equal(body.state_dict()["12.0.weight"], state["features.12.0.weight"])
    before = body.state_dict()["12.1.running_mean"].clone()
    pictures, targets = scene()
    train(model, targets, pictures, steps=2)
    assert torch.equal(body.state_dict()["12.1.running_mean"], before)
    assert not torch.equal(body.state_dict()["12.0.weight"], state["features.12.0.weight"])

    again = Classic(model.shape)
    again.load_state_dict(model.state_dict())
    assert not again.train().network.backbone.body.training, "the fixed statistics travel with the weights"


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"backbone.other": torch.zeros(3)}, tmp_path / "detector.pth")
    with pytest.raises(WatchpostError, match="is not of fcos on mobilenet_v3_small"):
        create_model("fcos", ("person",), SMALL, tmp_path / "detector.pth")
    torch.save({"other": torch.zeros(3)}, tmp_path / "classifier.pth")
    with pytest.raises(WatchpostError, match="not of mobilenet_v3_small"):
        create_model("fcos", ("person",), SMALL, tmp_path / "classifier.pth")


@pytest.mark.slow
@pytest.mark.usefixtures("zoo")
def test_the_hub_is_asked_and_its_absence_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import _api

    asked: list[str] = []
    state = backbones.classifier(SMALL, None).state_dict()

    def hub(url: str, **_: object) -> dict[str, Tensor]:
        asked.append(url)
        return state

    monkeypatch.setattr(_api, "load_state_dict_from_url", hub)
    model = create_model("fcos", ("person",), SMALL, "imagenet")
    assert torch.equal(model.network.backbone.body.state_dict()["0.0.weight"], state["features.0.0.weight"])
    assert "mobilenet_v3_small" in asked[0]

    def no_network(url: str, **_: object) -> dict[str, Tensor]:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(_api, "load_state_dict_from_url", no_network)
    with pytest.raises(WatchpostError, match=r"fcos_resnet50_fpn.*can not be downloaded.*no route to host"):
        create_model("fcos", ("person",), pretrained="coco")
    with pytest.raises(ConfigError, match="COCO weights exist for resnet50 alone"):
        create_model("fcos", ("person",), SMALL, "coco")
