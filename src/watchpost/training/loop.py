"""The training run, from the first picture to the last checkpoint. It reads from top to bottom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from watchpost.errors import WatchpostError
from watchpost.training import checkpoint, transfer
from watchpost.training.checkpoint import Checkpoint, Progress
from watchpost.training.data import Pictures
from watchpost.training.ema import WeightAverage
from watchpost.training.evaluate import evaluate
from watchpost.training.loader import Batch, PictureCache, TrainLoader
from watchpost.training.loss import Targets
from watchpost.training.models.classics import Classic
from watchpost.training.models.detector import Detector
from watchpost.training.optimise import learning_rate, make_optimiser
from watchpost.training.processes import Processes, joined
from watchpost.training.recipe import Recipe

LAST: Final = "last.pt"
BEST: Final = "best.pt"


class Watcher(Protocol):
    """Who is told how it goes."""

    def begins(self, steps: int, done: int) -> None:
        """The run has `steps` steps, of which `done` are behind it."""

    def stepped(self, loss: float, rate: float) -> None:
        """One more step."""

    def finished_epoch(self, row: dict[str, float]) -> None:
        """An epoch is over: its row of the history."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    progress: Progress
    stopped: bool
    """It was asked to stop before its end, and can be resumed."""


def train(
    recipe: Recipe,
    pictures: Pictures,
    folder: Path,
    *,
    watcher: Watcher,
    resumed: Checkpoint | None = None,
    device: str = "auto",
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train as `recipe` says; `folder` gets last.pt after each epoch and best.pt after each new best.

    Raises `WatchpostError` when data, memory or disk do not allow it.
    """
    with joined(device) as processes, _repeatable(recipe):
        run = Run(recipe, pictures, folder, processes, watcher, stop, resumed)
        with closing(run.loader):
            if resumed is not None:
                run.restore(resumed)
            return run.go()


class Trainee(nn.Module):
    """The network and its losses in one forward pass: several processes exchange gradients around it."""

    def __init__(self, network: Detector | Classic, precision: torch.dtype | None) -> None:
        super().__init__()
        self.network = network
        self._precision = precision

    def forward(self, pictures: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The losses of a batch (B, 3, H, W), uint8, and their sum as `loss`."""
        with torch.autocast(pictures.device.type, self._precision, enabled=self._precision is not None):
            losses = self.network.loss(pictures.float(), targets)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}


class Run:
    """All that a run holds on to; `restore` and `go`."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: Pictures,
        folder: Path,
        processes: Processes,
        watcher: Watcher,
        stop: Callable[[], bool],
        resumed: Checkpoint | None = None,
    ) -> None:
        if recipe.batch % processes.world:
            raise WatchpostError(f"a batch of {recipe.batch} can not be shared by {processes.world} processes evenly.")
        self.recipe, self.folder, self.processes, self.watcher, self._stop = recipe, folder, processes, watcher, stop
        spec, device = recipe.input.spec, processes.device
        share = recipe.data.cache_mb * len(pictures.train) // (len(pictures.train) + len(pictures.val))
        self._val = PictureCache(pictures.val, spec, recipe.data.cache_mb - share)
        self.loader = TrainLoader(
            PictureCache(pictures.train, spec, share),
            pictures.repeats,
            recipe.augment,
            batch=recipe.batch,
            seed=recipe.seed,
            workers=recipe.workers,
            rank=processes.rank,
            world=processes.world,
        )

        torch.manual_seed(recipe.seed)
        self._layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.network = _network(recipe, pictures.class_names, resumed)
        self.network.to(device)
        self.network.to(memory_format=self._layout)  # type: ignore[call-overload]  # torch's stubs lack this form
        self._frozen = transfer.freeze(self.network, recipe.freeze)
        self._precision = _precision(recipe, device)
        self._trainee: nn.Module = Trainee(self.network, self._precision)
        if processes.world > 1:
            self._trainee = DistributedDataParallel(self._trainee)
        self._optimiser = make_optimiser(self.network, recipe)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._precision == torch.float16)
        self.ema = WeightAverage(self.network, recipe.ema)
        self.progress = Progress()
        self._saved_s = time.monotonic()

    def restore(self, saved: Checkpoint) -> None:
        """Go on where `saved` was."""
        self.network.load_state_dict(saved.model)
        self.ema.module.load_state_dict(saved.ema)
        self._optimiser.load_state_dict(saved.optimiser)
        self._scaler.load_state_dict(saved.scaler)
        self.progress = saved.progress
        checkpoint.restore_rng(saved.rng)

    def go(self) -> Outcome:
        """All epochs that are left."""
        recipe, progress = self.recipe, self.progress
        self.watcher.begins(recipe.epochs * self.loader.steps, progress.epoch * self.loader.steps + progress.step)
        while progress.epoch < recipe.epochs and not self._has_settled():
            started_s = time.monotonic()
            if not (self._learn() and self._measure(started_s)):
                self._save(LAST)
                return Outcome(progress, stopped=True)
            self._save(LAST)
            self.watcher.finished_epoch(progress.history[-1])
        return Outcome(progress, stopped=False)

    def _learn(self) -> bool:
        """The rest of an epoch; false when it was asked to stop."""
        progress, recipe = self.progress, self.recipe
        self._trainee.train()
        for module in self._frozen:
            module.eval()  # their normalisation keeps its statistics
        mixes = recipe.augment.mixes and progress.epoch < recipe.epochs - recipe.augment.plain_epochs
        for batch in self.loader.batches(progress.epoch, progress.step, mixes=mixes):
            losses = self._step(batch)
            progress.step += 1
            for name, value in losses.items():
                progress.sums[name] = progress.sums.get(name, 0.0) + value
            if self.processes.any(self._stop()):
                return False
            if time.monotonic() - self._saved_s > recipe.save_every:
                self._save(LAST)
        return True

    def _step(self, batch: Batch) -> dict[str, float]:
        """One batch: forward, backward, update. Returns its losses."""
        done = self.progress.epoch * self.loader.steps + self.progress.step
        rate = learning_rate(self.recipe, self.loader.steps, done)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["lr_share"]
        device = self.processes.device
        pictures = batch.pictures.to(device, memory_format=self._layout)
        losses = cast(dict[str, Tensor], self._trainee(pictures, batch.targets.to(device)))
        self._scaler.scale(losses["loss"]).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad(set_to_none=True)
        self.ema.update(self.network, done + 1)
        values = {name: float(value.detach()) for name, value in losses.items()}
        if not all(value == value and abs(value) != float("inf") for value in values.values()):
            raise WatchpostError(
                f"the loss is no number any more (epoch {self.progress.epoch + 1}): try again with a lower lr."
            )
        self.watcher.stepped(values["loss"], rate)
        return values

    def _measure(self, started_s: float) -> bool:
        """Close the epoch; false when it was asked to stop while it was measured, so that this is done again."""
        recipe, progress = self.recipe, self.progress
        steps = max(1, progress.step)
        row = {"epoch": progress.epoch + 1.0, "lr": learning_rate(recipe, self.loader.steps, self._done() - 1)}
        row |= self.processes.mean({name: total / steps for name, total in progress.sums.items()})
        last = progress.epoch + 1 == recipe.epochs
        stopped = False
        if self.processes.leads and (last or (progress.epoch + 1) % recipe.evaluate_every == 0):
            scores = evaluate(self.ema.module, self._val, self.processes.device, self._stop)
            stopped = self._stop()
            figures = {name: getattr(scores, name) for name in ("ap", "ap50", "ap75", "ar")}
            row |= {name: value for name, value in figures.items() if value is not None}
        if self.processes.any(stopped):
            return False
        row["seconds"] = time.monotonic() - started_s
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, {}
        progress.history.append(row)
        self._judge(row)
        return True

    def _judge(self, row: dict[str, float]) -> None:
        """Keep the best weights; count evaluations that brought no better ones."""
        score = row.get(self.recipe.best_by)
        better = score is not None and score > self.progress.best
        if score is not None:
            self.progress.without_best = 0 if better else self.progress.without_best + 1
        if better and score is not None:
            self.progress.best, self.progress.best_epoch = score, self.progress.epoch
            self._save(BEST)

    def _has_settled(self) -> bool:
        """Whether nothing better came for long enough; the first process alone measures, so it decides."""
        patience = self.recipe.patience
        return bool(patience) and self.processes.any(self.processes.leads and self.progress.without_best >= patience)

    def _done(self) -> int:
        return self.progress.epoch * self.loader.steps + self.progress.step

    def _save(self, name: str) -> None:
        self._saved_s = time.monotonic()
        if not self.processes.leads:
            return
        state = Checkpoint(
            recipe=self.recipe,
            shape=self.network.shape,
            model=self.network.state_dict(),
            ema=self.ema.module.state_dict(),
            optimiser=self._optimiser.state_dict(),
            progress=self.progress,
            rng=checkpoint.rng_states(),
            scaler=self._scaler.state_dict(),
        )
        checkpoint.save(state, self.folder / name)


def _network(recipe: Recipe, class_names: tuple[str, ...], resumed: Checkpoint | None) -> Detector | Classic:
    if resumed is None:
        return transfer.build(recipe, class_names)
    if resumed.class_names != class_names:  # what a run began with may be gone, but not what it learns
        raise WatchpostError(
            f"the run learns {', '.join(resumed.class_names)}, its pictures now show {', '.join(class_names)}: "
            "begin anew, with --init-from to keep what was learned."
        )
    return resumed.network()


def _precision(recipe: Recipe, device: torch.device) -> torch.dtype | None:
    """What the network computes in; `None` is float32."""
    if recipe.amp == "off":
        return None
    if recipe.amp == "auto" and device.type == "cpu":  # others only emulate bfloat16, which takes longer
        able = torch.cpu.get_capabilities()
        return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else None
    if recipe.amp == "fp16" and device.type == "cpu":
        raise WatchpostError("amp: fp16 needs a GPU; on the CPU write bf16 or off.")
    if recipe.amp == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if recipe.amp == "bf16" else torch.float16


@contextmanager
def _repeatable(recipe: Recipe) -> Iterator[None]:
    """Only methods that give the same numbers each time, if the recipe asks for it."""
    if not recipe.deterministic:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS, "Results reproducibility"
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
