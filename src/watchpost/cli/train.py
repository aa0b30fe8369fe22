"""`watchpost train`: a detector of your own, from labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from rich.progress import Progress, TaskID

    from watchpost.training.loop import Outcome
    from watchpost.training.recipe import Recipe


def train(
    recipe: Annotated[Path | None, typer.Argument(help="A recipe, a YAML file.", show_default=False)] = None,
    auto: Annotated[
        Path | None, typer.Option(help="A data set; its recipe is made from its statistics.", show_default=False)
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(help="A checkpoint to begin with (transfer), or watchpost-person.", show_default="the recipe's"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Another number of epochs.", show_default="the recipe's")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and reports.", show_default="runs/NAME")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
) -> None:
    """Train a detector on labelled pictures, from scratch or from a checkpoint.

    The folder of a run gets last.pt and best.pt, report.html, the recipe and TensorBoard's file. Ctrl-C saves, then
    ends; what was interrupted, or killed, goes on exactly where it was with --resume. Several GPUs: torchrun.

        watchpost train --auto raccoon/ --out runs/raccoon

        watchpost train --auto raccoon/ --init-from watchpost-person

        watchpost train recipes/person.yaml

        watchpost train --resume runs/watchpost-person

        torchrun --nproc-per-node 4 -m watchpost train recipes/person.yaml
    """
    import threading

    from watchpost.cli._signals import StopOnSignals
    from watchpost.errors import WatchpostError
    from watchpost.plugins import missing_extra

    if sum(each is not None for each in (recipe, auto, resume)) != 1:
        raise WatchpostError("name a recipe, or a data set with --auto DATA, or a run with --resume FOLDER.")
    if resume is not None and any(each is not None for each in (epochs, out, init_from)):
        raise WatchpostError("--resume goes on as the run began: leave --epochs, --out and --init-from out.")
    try:
        from watchpost.training import session
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    session.use_threads(threads)
    stop = threading.Event()
    with StopOnSignals(stop):
        outcome, folder = _run(_recipe(recipe, auto, init_from, epochs), out, resume, device, stop)
    if outcome.stopped:
        typer.echo(f"saved; go on with: watchpost train --resume {folder}", err=True)
        raise typer.Exit(130)


def _recipe(recipe: Path | None, auto: Path | None, init_from: Path | None, epochs: int | None) -> Recipe | None:
    from watchpost.training.auto import recipe_for
    from watchpost.training.recipe import load_recipe
    from watchpost.training.weights import located

    if auto is not None:
        return recipe_for(auto, init_from=init_from, epochs=epochs)
    if recipe is None:
        return None
    changes = {"epochs": epochs, "init_from": None if init_from is None else located(init_from, Path.cwd())}
    return load_recipe(recipe).model_copy(update={name: value for name, value in changes.items() if value is not None})


def _run(
    recipe: Recipe | None, out: Path | None, resumed: Path | None, device: str, stop: threading.Event
) -> tuple[Outcome, Path]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from watchpost.training import session

    console = Console(stderr=True, quiet=not session.leads())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        watcher = _Watcher(progress)
        track = _track(progress)
        if recipe is None:
            folder = resumed or Path()
            outcome = session.resume(folder, watcher=watcher, device=device, stop=stop.is_set, track=track)
        else:
            folder = out or Path("runs") / recipe.name
            outcome = session.start(recipe, folder, watcher=watcher, device=device, stop=stop.is_set, track=track)
    best = outcome.progress
    if session.leads() and best.best >= 0:
        typer.echo(f"best after epoch {best.best_epoch}: {best.best:.3f} in {folder / 'best.pt'}")
        typer.echo(f"curves: {folder / session.PAGE}")
    return outcome, folder


def _track(progress: Progress) -> Callable[[Sequence[Path]], Iterable[Path]]:
    def track(pictures: Sequence[Path]) -> Iterable[Path]:
        task = progress.add_task("teacher", total=len(pictures), note="pictures")
        for path in pictures:
            yield path
            progress.advance(task)
        progress.remove_task(task)

    return track


class _Watcher:
    """Steps as a bar, measured epochs as lines."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begins(self, steps: int, done: int) -> None:
        self._task = self._progress.add_task("steps", total=steps, completed=done, note="")

    def stepped(self, loss: float, rate: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, advance=1, note=f"loss {loss:.3f} lr {rate:.2g}")

    def finished_epoch(self, row: dict[str, float]) -> None:
        if "ap50" in row:
            figures = " ".join(f"{name.upper()} {row[name]:.3f}" for name in ("ap", "ap50") if name in row)
            self._progress.console.print(f"epoch {row['epoch']:.0f}: loss {row['loss']:.3f} {figures}", highlight=False)
