"""Beginning with what another run has learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import shapes
import torch

from watchpost.errors import WatchpostError
from watchpost.training import checkpoint, transfer, weights
from watchpost.training.loop import LAST, train
from watchpost.training.models.detector import Detector, Shape
from watchpost.training.optimise import learning_rate, make_optimiser
from watchpost.training.recipe import DataSet


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    train(shapes.recipe(epochs=1), shapes.pictures(tmp_path / "p"), tmp_path, watcher=shapes.Silent())
    return tmp_path / LAST


def test_weights_and_known_classes_are_taken_over(learned: Path):
    source = checkpoint.load(learned)
    network = transfer.build(shapes.recipe(init_from=learned, model=None), ("ring", "square"))
    own = network.state_dict()
    assert torch.equal(own["backbone.stem.0.0.weight"], source.ema["backbone.stem.0.0.weight"])
    assert network.class_names == ("ring", "square")
    assert torch.equal(own["head.scores.weight"][1], source.ema["head.scores.weight"][1])
    assert not torch.equal(own["head.scores.weight"][0], source.ema["head.scores.weight"][0])


def test_another_shape_is_refused(learned: Path):
    with pytest.raises(WatchpostError, match="another shape"):
        transfer.build(shapes.recipe(init_from=learned, model={"width": 0.5, "depth": 0.3}), ("disc",))


def test_frozen_parts_stay_and_the_others_learn(learned: Path, tmp_path: Path):
    before = checkpoint.load(learned).ema
    out = tmp_path / "second"
    out.mkdir()
    recipe = shapes.recipe(init_from=learned, model=None, freeze=["stem", "stage8"], ema=0.0, epochs=1)
    train(recipe, shapes.pictures(tmp_path / "p"), out, watcher=shapes.Silent())
    after = checkpoint.load(out / LAST).model
    for name in before:
        kept = name.startswith(("backbone.stem", "backbone.stage8."))
        if before[name].dtype.is_floating_point and (kept or name.endswith("convolution.weight")):
            assert torch.equal(before[name], after[name]) == kept, name


def test_the_backbone_may_learn_more_slowly():
    network = Detector(Shape(("a",), width=0.25, depth=0.3))
    optimiser = make_optimiser(network, shapes.recipe(lr_backbone=0.1, weight_decay=0.3))
    by_parameter = {id(each): group for group in optimiser.param_groups for each in group["params"]}
    stem, norm = network.backbone.stem[0][0].weight, network.backbone.stem[0][1].weight
    assert by_parameter[id(stem)]["lr_share"] == 0.1
    assert by_parameter[id(network.head.scores.weight)]["lr_share"] == 1.0
    assert by_parameter[id(stem)]["weight_decay"] == 0.3
    assert by_parameter[id(norm)]["weight_decay"] == 0


def test_the_learning_rate_rises_and_falls():
    recipe = shapes.recipe(epochs=10, lr=1.0, lr_final=0.1, warmup_epochs=2)
    rates = [learning_rate(recipe, 5, step) for step in range(50)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_what_is_shipped_is_half_of_the_digits_and_no_path(learned: Path, tmp_path: Path):
    source = checkpoint.load(learned)
    far = source.recipe.model_copy(
        update={"data": source.recipe.data.model_copy(update={"train": (DataSet(path=Path("/home/me/person/train")),)})}
    )
    source.recipe = far
    small = tmp_path / "small.pt"
    checkpoint.save(checkpoint.portable(source), small)
    assert small.stat().st_size < 0.3 * learned.stat().st_size
    assert b"/home/me" not in small.read_bytes()
    own = transfer.build(shapes.recipe(init_from=small, model=None), source.class_names).state_dict()
    for name, value in source.ema.items():
        assert torch.allclose(own[name].float(), value.float(), atol=1e-3, rtol=1e-3), name


def test_a_checkpoint_that_comes_along_is_named_without_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "people.pt").touch()
    assert weights.names() == ["people"]
    here = tmp_path / "here"
    here.mkdir()
    assert weights.located(Path("people"), here) == tmp_path / "shipped" / "people.pt"
    assert weights.located(Path("runs/people"), here) == here / "runs/people"
    assert weights.located(Path("/else/people"), here) == Path("/else/people")
    (here / "people").touch()
    assert weights.located(Path("people"), here) == here / "people"


def test_a_resumed_run_needs_what_it_began_with_no_more(learned: Path, tmp_path: Path):
    out = tmp_path / "second"
    out.mkdir()
    pictures = shapes.pictures(tmp_path / "p")
    begun = tmp_path / "begun.pt"
    learned.rename(begun)
    recipe = shapes.recipe(init_from=begun, model=None, epochs=2)
    train(recipe.model_copy(update={"epochs": 1}), pictures, out, watcher=shapes.Silent())
    begun.unlink()
    saved = checkpoint.load(out / LAST)
    outcome = train(recipe, pictures, out, watcher=shapes.Silent(), resumed=saved)
    assert outcome.progress.epoch == 2
    other = dataclasses.replace(pictures, class_names=("other",))
    with pytest.raises(WatchpostError, match=r"learns .*, its pictures now show other"):
        train(recipe, other, out, watcher=shapes.Silent(), resumed=saved)


def test_a_misspelt_name_is_answered_with_those_there_are(tmp_path: Path):
    with pytest.raises(WatchpostError, match=r"no such file; by name there are: watchpost-person\."):
        checkpoint.load(weights.located(Path("watchpost-persons"), tmp_path))
