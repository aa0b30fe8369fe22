"""What the verbs of `watchpost data` share: options, opening data sets, folders that are whole or not, progress."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from watchpost.datasets import Dataset
    from watchpost.datasets.labels import OnProblem

From = Annotated[str | None, typer.Option("--from", help="The format.", show_default="what is recognised")]
Names = Annotated[
    str | None,
    typer.Option(help="YOLO's or VOC's classes, such as person,car, or coco80.", show_default="the data's own"),
]
Pictures = Annotated[
    Path | None, typer.Option(help="Where the pictures of COCO or VOC labels lie.", show_default="near the labels")
]


def given_names(names: str | None) -> tuple[str, ...] | None:
    """Class names from the command line: `person,car`, or `coco80`."""
    from watchpost.detectors.classes import COCO80

    if names is None:
        return None
    return COCO80 if names == "coco80" else tuple(name.strip() for name in names.split(",") if name.strip())


@contextmanager
def opened(
    paths: Sequence[Path],
    *,
    format: str | None = None,
    names: str | None = None,
    pictures: Path | None = None,
    on_problem: OnProblem | None = None,
) -> Iterator[dict[str, Dataset]]:
    """The data sets at some paths by split, with one list of classes.

    Pictures that lie in records are put into a folder that is gone at the end of the `with` block.
    """
    import tempfile

    from watchpost.datasets.detect_format import find, read, same_classes
    from watchpost.datasets.labels import fail
    from watchpost.errors import WatchpostError

    with tempfile.TemporaryDirectory(prefix="watchpost-") as scratch, bar() as progress:
        found = [each for path in paths for each in find(path, format)]
        task = progress.add_task("reading", total=len(found))
        datasets: dict[str, Dataset] = {}
        for each in found:
            label = each.split or each.path.stem
            label = label if label not in datasets else str(each.path)
            extracted = Path(scratch) / str(len(datasets)) if each.format == "tfrecord" else pictures
            try:
                datasets[label] = read(
                    each, pictures=extracted, class_names=given_names(names), on_problem=on_problem or fail
                )
            except WatchpostError as error:
                if on_problem is None:
                    raise
                on_problem(str(error))
            progress.advance(task)
        progress.stop()
        yield same_classes(datasets)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name only when all is written; an interrupted one is removed.

    Raises `WatchpostError` when the name is taken.
    """
    from watchpost.errors import WatchpostError

    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise WatchpostError(f"{folder} is there already: choose a new folder, or remove it.")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise WatchpostError(f"the folder {folder} can not be made: {error.strerror}.") from None
    try:
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_splits(
    datasets: Mapping[str, Dataset], folder: Path, format: str, *, link: bool = False, progress: Callable[[], object]
) -> None:
    """Write one data set into a folder, or several into a folder each; YOLO's get one data.yaml above them."""
    from watchpost.datasets.detect_format import write
    from watchpost.datasets.labels import write_text
    from watchpost.datasets.yolo import yaml_text

    for split, dataset in datasets.items():
        target = folder if len(datasets) == 1 else folder / Path(split).name
        write(dataset, target, format, link=link, progress=progress)
    if format == "yolo" and len(datasets) > 1:
        first = next(iter(datasets.values()))
        write_text(folder / "data.yaml", yaml_text({split: f"{split}/images" for split in datasets}, first.class_names))


def bar() -> Progress:
    """A progress bar on stderr that goes away when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def counting(description: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar and the function that moves it on by one."""
    with bar() as progress:
        task = progress.add_task(description, total=total)
        yield lambda: progress.advance(task)
