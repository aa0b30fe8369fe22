"""`watchpost data feedback`: what people said was wrong, as a data set to train with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer


def feedback(
    output: Annotated[Path, typer.Argument(help="A new folder for the data set.", show_default=False)],
    data: Annotated[Path, typer.Option(help="The server's data folder, or its notes.db.")] = Path("watchpost-data"),
    since: Annotated[
        str | None, typer.Option(help="About this time or later: 30d (ago), yesterday, 2026-05-01.", show_default="all")
    ] = None,
    cuts: Annotated[
        bool,
        typer.Option(
            "--cuts", help="Of a false alarm, take the part around its box alone: nobody has said what is beside it."
        ),
    ] = False,
    to: Annotated[str, typer.Option(help="Format: coco, voc, yolo, tfrecord ...")] = "coco",
) -> None:
    """Write what people said was wrong as a data set: false alarms without an object, missed ones with their boxes.

    The pictures are those that were kept when it was said; events and recordings may have gone since. What else is in
    them nobody has said: look through them (watchpost data view) before you train, or take --cuts.

        watchpost data feedback corrections --data /var/lib/watchpost

        watchpost data feedback corrections --since 30d --to yolo
    """
    from contextlib import closing

    from watchpost.cli._data import bar, whole_folder, write_splits
    from watchpost.cli.events import parse_time
    from watchpost.clock import SystemClock
    from watchpost.datasets.detect_format import FORMATS
    from watchpost.errors import WatchpostError
    from watchpost.notes import FILE
    from watchpost.notes.book import NoteBook
    from watchpost.notes.dataset import feedback_dataset

    if to not in FORMATS:
        raise WatchpostError(f"--to {to}: there is no such format; there are: {', '.join(FORMATS)}.")
    file = data / FILE if data.is_dir() else data
    if not file.is_file():
        raise WatchpostError(f"nobody has said anything yet: there is no {file}. Name the data folder with --data.")
    since_s = None if since is None else parse_time(since, SystemClock().wall_time_s())
    with closing(NoteBook(file)) as book, whole_folder(output) as folder, bar() as progress:
        task = progress.add_task("pictures", total=None)
        pictures = folder / ".pictures"
        found, taken = feedback_dataset(
            book, pictures, since_wall_time_s=since_s, cuts=cuts, progress=lambda: progress.advance(task)
        )
        if not len(found):
            raise WatchpostError("there is no feedback with a picture to train with.")
        write_splits({output.name: found}, folder, to, link=True, progress=lambda: None)
        shutil.rmtree(pictures)
    typer.echo(f"{taken.false_alarms} false alarms, {taken.missed} pictures with missed ones in {output} ({to})")
    for count, reason in ((taken.without_picture, "no picture"), (taken.without_box, "no box")):
        if count:
            typer.echo(f"left out: {count} with {reason}", err=True)
