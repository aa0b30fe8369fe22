"""`watchpost data stats`: how many objects of which class and size a data set has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.cli._data import From, Names, Pictures

if TYPE_CHECKING:
    from rich.table import Table

    from watchpost.datasets.statistics import Statistics


def stats(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one, or the splits of one.", show_default=False)],
    from_: From = None,
    names: Names = None,
    pictures: Pictures = None,
    plot: Annotated[Path | None, typer.Option(help="Write bars as an HTML page here.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count classes, box sizes, and pictures without labels.

    Sizes are COCO's (small up to 32 x 32 pixels, medium up to 96 x 96, large) and relative: the square root of a
    box's share of its picture, 5th, 50th and 95th percentile.

        watchpost data stats person/train person/val --plot stats.html

        watchpost data stats raccoon --json
    """
    import json
    from dataclasses import asdict, replace

    from rich.console import Console

    from watchpost.cli._data import opened
    from watchpost.datasets.labels import write_text
    from watchpost.datasets.statistics import statistics
    from watchpost.datasets.statistics_page import page

    with opened(data, format=from_, names=names, pictures=pictures) as datasets:
        found = [replace(statistics(dataset), name=split) for split, dataset in datasets.items()]
    if plot is not None:
        write_text(plot, page(found))
    if as_json:
        content = [{**asdict(each), "sizes": each.sizes} for each in found]
        typer.echo(json.dumps({"splits": content}, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for each in found:
        console.print(_table(each))
        console.print(_facts(each), markup=False)
    if plot is not None:
        console.print(f"wrote {plot}", markup=False)


def _table(each: Statistics) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from watchpost.datasets.statistics import BINS

    title = f"{each.name}: {each.pictures} pictures, {each.objects} objects"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("class", overflow="fold")
    for heading in ("objects", "share", "pictures", *BINS, "size in picture"):
        table.add_column(heading, justify="right")
    for one in sorted(each.classes, key=lambda one: -one.objects):
        relative = "-" if one.relative_size is None else " ".join(f"{100 * size:.0f}%" for size in one.relative_size)
        share = f"{one.objects / each.objects:.1%}" if each.objects else "-"
        sizes = [str(one.sizes[name]) for name in BINS]
        table.add_row(escape(one.name), str(one.objects), share, str(one.pictures), *sizes, relative)
    return table


def _facts(each: Statistics) -> str:
    sizes = ", ".join(f"{size} ({count})" for size, count in each.picture_sizes.items())
    lines = [
        f"pictures without objects: {each.without_objects}; most objects in one: {each.most_in_a_picture}",
        f"ignored objects: {each.ignored}; pseudo-labels: {each.pseudo_labels}",
        f"picture sizes: {sizes}",
    ]
    return "\n".join(lines)
