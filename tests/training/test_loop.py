"""The training run: it learns, stops, goes on exactly where it was, and says what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import shapes
import torch

from watchpost.errors import WatchpostError
from watchpost.training import checkpoint, loop
from watchpost.training.loop import BEST, LAST, train


def history(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_run_leaves_checkpoints_that_carry_everything(tmp_path: Path):
    watcher = shapes.Silent()
    recipe = shapes.recipe()
    outcome = train(recipe, shapes.pictures(tmp_path / "p"), tmp_path, watcher=watcher)
    assert not outcome.stopped
    assert watcher.steps == len(watcher.losses) == 4
    assert [row["epoch"] for row in watcher.rows] == [1, 2]
    assert "ap50" in watcher.rows[1]
    saved = checkpoint.load(tmp_path / LAST)
    assert saved.recipe == recipe
    assert saved.class_names == shapes.CLASSES
    assert saved.progress.history == watcher.rows
    assert saved.detector().shape.width == 0.25
    assert checkpoint.load(tmp_path / BEST).progress.best == outcome.progress.best
    assert not list(tmp_path.glob("*.new"))


def test_stopping_and_going_on_equals_not_stopping(tmp_path: Path):
    recipe = shapes.recipe(epochs=3)
    pictures = shapes.pictures(tmp_path / "p")
    whole = train(recipe, pictures, tmp_path, watcher=shapes.Silent())
    parts = tmp_path / "parts"
    parts.mkdir()
    resumed, times = None, 0
    while True:
        steps = shapes.Silent()
        outcome = train(
            recipe,
            pictures,
            parts,
            watcher=steps,
            resumed=resumed,
            stop=lambda: len(steps.losses) >= 1,  # noqa: B023
        )
        if not outcome.stopped:
            break
        times += 1
        assert times < 12
        resumed = checkpoint.load(parts / LAST)
    assert times >= 5
    assert history(outcome.progress.history) == history(whole.progress.history)
    a, b = checkpoint.load(tmp_path / LAST), checkpoint.load(parts / LAST)
    assert all(torch.equal(a.ema[name], b.ema[name]) for name in a.ema)
    assert all(torch.equal(a.model[name], b.model[name]) for name in a.model)


def test_stopping_while_it_measures_measures_again(tmp_path: Path):
    recipe = shapes.recipe(epochs=1, evaluate_every=1)
    pictures = shapes.pictures(tmp_path / "p")
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2  # after both steps: in the evaluation

    assert train(recipe, pictures, tmp_path, watcher=shapes.Silent(), stop=stop).stopped
    saved = checkpoint.load(tmp_path / LAST)
    assert (saved.progress.epoch, saved.progress.step) == (0, 2)
    outcome = train(recipe, pictures, tmp_path, watcher=shapes.Silent(), resumed=saved)
    assert not outcome.stopped
    assert "ap50" in outcome.progress.history[0]


def test_it_stops_early_when_nothing_gets_better(tmp_path: Path):
    recipe = shapes.recipe(epochs=30, evaluate_every=1, patience=2, lr=1e-12, ema=0.0)
    outcome = train(recipe, shapes.pictures(tmp_path / "p", 4), tmp_path, watcher=shapes.Silent())
    assert not outcome.stopped
    assert outcome.progress.without_best == 2
    assert outcome.progress.epoch < 10
    again = train(
        recipe, shapes.pictures(tmp_path / "p", 4), tmp_path, watcher=shapes.Silent(),
        resumed=checkpoint.load(tmp_path / LAST),
    )  # fmt: skip
    assert again.progress.epoch == outcome.progress.epoch


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path):
    recipe = shapes.recipe(lr=1e30, optimiser="sgd", epochs=9, clip_norm=1e30)
    with pytest.raises(WatchpostError, match="lower lr"):
        train(recipe, shapes.pictures(tmp_path / "p", 4), tmp_path, watcher=shapes.Silent())


def test_fp16_needs_a_gpu(tmp_path: Path):
    with pytest.raises(WatchpostError, match="bf16"):
        train(
            shapes.recipe(amp="fp16"), shapes.pictures(tmp_path / "p", 4), tmp_path,
            watcher=shapes.Silent(), device="cpu",
        )  # fmt: skip


def test_files_that_are_no_checkpoints(tmp_path: Path):
    path = tmp_path / "x.pt"
    with pytest.raises(WatchpostError, match="can not be read"):
        checkpoint.load(path)
    path.write_bytes(b"not this")
    with pytest.raises(WatchpostError, match="no checkpoint"):
        checkpoint.load(path)
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(WatchpostError, match="no checkpoint"):
        checkpoint.load(path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def test_a_checkpoint_can_not_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": checkpoint.FORMAT, "evil": Evil()}, tmp_path / "x.pt")
    with pytest.raises(WatchpostError, match="no checkpoint"):
        checkpoint.load(tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_classic_trains_by_the_same_recipe(tmp_path: Path):
    from torchvision_ops import torchvision_or_reason

    if reason := torchvision_or_reason():
        pytest.skip(reason)
    model = {"family": "ssdlite320", "backbone": "mobilenet_v3_small"}
    recipe = shapes.recipe(model=model, epochs=1, evaluate_every=1, freeze=["backbone"], deterministic=False)
    train(recipe, shapes.pictures(tmp_path / "p", 4), tmp_path, watcher=shapes.Silent())
    saved = checkpoint.load(tmp_path / LAST)
    assert saved.network().class_names == shapes.CLASSES
    with pytest.raises(WatchpostError, match="ssdlite320"):
        saved.detector()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_pictures_are_learned_by_heart(tmp_path: Path):
    recipe = shapes.recipe(
        epochs=300,
        lr=0.004,
        ema=0.98,
        model={"width": 0.5, "depth": 1},
        warmup_epochs=2,
        weight_decay=0.01,
        evaluate_every=50,
        augment={"mosaic": 0, "mixup": 0, "scale": [0.8, 1.2], "noise": 0, "blur": 0, "colour": 0.2, "jpeg": 0},
    )
    outcome = train(recipe, shapes.pictures(tmp_path / "p"), tmp_path, watcher=shapes.Silent())
    assert max(row.get("ap50", 0) for row in outcome.progress.history) > 0.9


@pytest.mark.parametrize(("able", "precision"), [({}, None), ({"avx512_bf16": True}, torch.bfloat16)])
def test_processors_that_compute_in_bfloat16_do_so(
    able: dict[str, bool], precision: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert loop._precision(shapes.recipe(amp="auto"), torch.device("cpu")) is precision
