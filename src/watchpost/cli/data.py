"""`watchpost data`: convert and split data sets; the larger verbs below it have files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.cli._data import From, Names, Pictures
from watchpost.cli.data_check import check
from watchpost.cli.data_feedback import feedback
from watchpost.cli.data_harvest import harvest
from watchpost.cli.data_stats import stats
from watchpost.cli.data_view import view

if TYPE_CHECKING:
    from watchpost.datasets import Dataset

data_app = typer.Typer(
    name="data",
    help="Labelled pictures: convert, check, count, split, look at them, harvest new ones, and take in feedback.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Source = Annotated[Path, typer.Argument(help="A data set in any known format.", show_default=False)]
Target = Annotated[Path, typer.Argument(help="A new folder.", show_default=False)]
Link = Annotated[bool, typer.Option("--link", help="Hard links in place of copies of the pictures.")]


@data_app.command()
def convert(
    source: Source,
    target: Target,
    to: Annotated[str, typer.Option(help="coco, voc, yolo, tfrecord, pets or mot.")],
    from_: From = None,
    names: Names = None,
    pictures: Pictures = None,
    classes: Annotated[
        str | None, typer.Option(help="Keep these, in this order, such as person,car.", show_default="all")
    ] = None,
    skip_ignored: Annotated[bool, typer.Option("--skip-ignored", help="Leave ignored objects (crowds) out.")] = False,
    link: Link = False,
) -> None:
    """Write a data set in another format: pictures, classes and boxes.

    Splits (train, val, ...) become a folder each. What the new format has no place for is told.

        watchpost data convert instances.json voc-folder --to voc --pictures images/

        watchpost data convert yolo-folder records --to tfrecord --names person
    """
    from watchpost.cli._data import counting, given_names, opened, whole_folder, write_splits
    from watchpost.datasets.detect_format import FORMATS
    from watchpost.errors import WatchpostError

    if to not in FORMATS:
        raise WatchpostError(f"--to {to}: there is no such format; there are: {', '.join(FORMATS)}.")
    with opened([source], format=from_, names=names, pictures=pictures) as datasets:
        if classes is not None:
            wanted = given_names(classes) or ()
            _known(wanted, datasets)
            datasets = {split: dataset.of_classes(wanted) for split, dataset in datasets.items()}
        if skip_ignored:
            datasets = {split: _without_ignored(dataset) for split, dataset in datasets.items()}
        total = sum(map(len, datasets.values()))
        with whole_folder(target) as folder, counting("writing", total) as progress:
            write_splits(datasets, folder, to, link=link, progress=progress)
        _tell(target, to, datasets)


@data_app.command()
def split(
    source: Source,
    target: Target,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share of the pictures for validation.")] = 0.2,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of the pictures for the last test.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed is another split; the same is the same.")] = 0,
    to: Annotated[str | None, typer.Option(help="The format to write.", show_default="the source's")] = None,
    from_: From = None,
    names: Names = None,
    pictures: Pictures = None,
    apart: Annotated[bool, typer.Option("--apart", help="Let near-duplicates go to different parts.")] = False,
    link: Link = False,
) -> None:
    """Part a data set into train, val and perhaps test, each with its share of every class.

    Pictures that look the same (frames of one scene) stay together: else the validation would know the answers.

        watchpost data split raccoon parted --val 0.2 --seed 1

        watchpost data split voc-folder parted --val 0.1 --test 0.1 --to yolo
    """
    from dataclasses import replace

    from watchpost.cli._data import counting, opened, whole_folder, write_splits
    from watchpost.datasets.detect_format import find
    from watchpost.datasets.split import split as part
    from watchpost.errors import WatchpostError

    if not 0 < val + test < 1:
        raise WatchpostError(f"--val {val:g} and --test {test:g}: together more than 0 and less than 1.")
    format_ = to or find(source, from_)[0].format
    shares = {name: share for name, share in {"train": 1 - val - test, "val": val, "test": test}.items() if share}
    with opened([source], format=from_, names=names, pictures=pictures) as datasets:
        first = next(iter(datasets.values()))
        dataset = replace(first, samples=tuple(each for one in datasets.values() for each in one.samples))
        groups = [[index] for index in range(len(dataset))] if apart else _alike(dataset)
        parts = part(dataset, shares, groups, seed)
        with whole_folder(target) as folder, counting("writing", len(dataset)) as progress:
            write_splits(parts, folder, format_, link=link, progress=progress)
        _tell(target, format_, parts)


for verb in (check, stats, view, harvest, feedback):
    data_app.command()(verb)


def _known(wanted: tuple[str, ...], datasets: dict[str, Dataset]) -> None:
    from watchpost.errors import WatchpostError

    known = next(iter(datasets.values())).class_names
    for name in wanted:
        if name not in known:
            raise WatchpostError(f"the data has no class {name!r}; it has: {', '.join(known)}.")


def _without_ignored(dataset: Dataset) -> Dataset:
    from dataclasses import replace

    return replace(dataset, samples=tuple(sample.of_rows(~sample.is_ignored) for sample in dataset.samples))


def _alike(dataset: Dataset) -> list[list[int]]:
    """Groups of pictures that look the same."""
    from watchpost.cli._data import counting
    from watchpost.datasets.check import look_at
    from watchpost.datasets.duplicates import groups, near_duplicates
    from watchpost.errors import WatchpostError

    thumbnails = []
    with counting("comparing", len(dataset)) as progress:
        for sample, (thumbnail, problem) in zip(dataset.samples, look_at(dataset.samples), strict=True):
            if thumbnail is None:
                raise WatchpostError(f"{sample.picture}: {problem[1] if problem else 'can not be read'}")
            thumbnails.append(thumbnail)
            progress()
    return groups(len(dataset), near_duplicates(thumbnails))


_LOST = {
    "voc": (True, False),
    "pets": (True, False),
    "yolo": (True, True),
}
"""Formats without a place for weights, and for what is to be ignored."""


def _tell(target: Path, format_: str, datasets: dict[str, Dataset]) -> None:
    """What was written, and what was lost."""
    import numpy as np

    for split_, dataset in datasets.items():
        typer.echo(
            f"{split_}: {len(dataset)} pictures, {dataset.objects} objects of {len(dataset.class_names)} classes"
        )
    samples = [sample for dataset in datasets.values() for sample in dataset.samples]
    loses_weight, loses_ignored = _LOST.get(format_, (False, False))
    weighted = sum(int(np.count_nonzero(sample.weight < 1)) for sample in samples)
    ignored = sum(int(np.count_nonzero(sample.is_ignored)) for sample in samples)
    if loses_weight and weighted:
        typer.echo(f"{format_} has no place for weights: {weighted} pseudo-labels count fully there.", err=True)
    if loses_ignored and ignored:
        typer.echo(
            f"{format_} can not ignore objects: {ignored} count fully there (--skip-ignored drops them).", err=True
        )
    typer.echo(f"wrote {target} ({format_})")
