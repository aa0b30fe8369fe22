"""`watchpost data check`: what is wrong with a data set, before it is learned from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.cli._data import From, Names, Pictures

if TYPE_CHECKING:
    from rich.table import Table

    from watchpost.datasets.check import Problem


def check(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one, or the splits of one.", show_default=False)],
    from_: From = None,
    names: Names = None,
    pictures: Pictures = None,
    bits: Annotated[
        int, typer.Option(min=0, max=16, help="Bits of 64 in which the hashes of near-duplicates may differ.")
    ] = 4,
    show: Annotated[int, typer.Option(min=1, help="Show so many problems of a kind.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with all problems.")] = False,
) -> None:
    """Find malformed labels, boxes outside, empty or twice, unreadable pictures, and pictures in two splits.

    The exit code is 1 when there is a problem.

        watchpost data check person/train person/val

        watchpost data check raccoon --json | jq '.problems[].place'
    """
    from rich.console import Console

    from watchpost.cli._data import counting, opened
    from watchpost.datasets.check import check as find_problems

    malformed: list[Problem] = []

    def on_problem(text: str) -> None:
        malformed.append(_malformed(text))

    with opened(data, format=from_, names=names, pictures=pictures, on_problem=on_problem) as datasets:
        total = sum(map(len, datasets.values()))
        with counting("checking", total) as progress:
            problems = malformed + find_problems(datasets, bits, progress)
        counts = {split: (len(dataset), dataset.objects) for split, dataset in datasets.items()}
    if as_json:
        _print_json(counts, problems)
    else:
        console = Console(highlight=False)
        for split, (count, objects) in counts.items():
            console.print(f"{split}: {count} pictures, {objects} objects", markup=False)
        if problems:
            console.print(_table(problems, show))
        console.print(f"{len(problems)} problems" if problems else "no problems")
    if problems:
        raise typer.Exit(1)


def _malformed(text: str) -> Problem:
    """What a reader has said, with the place for itself."""
    import re

    from watchpost.datasets.check import Problem
    from watchpost.datasets.pictures import is_picture

    if match := re.match(r"(.+?:\d+|.+?: record \d+ \(byte \d+\)): (.*)", text):
        return Problem("label", "", match[1], match[2])
    place = re.split(r": | is | can not | has ", text, maxsplit=1)[0]
    return Problem("unreadable" if is_picture(Path(place)) else "label", "", place, text)


def _table(problems: list[Problem], show: int) -> Table:
    from collections import Counter

    from rich.markup import escape
    from rich.table import Table

    from watchpost.datasets.check import KINDS

    table = Table()
    for heading in ("problem", "where", "what"):
        table.add_column(heading, overflow="fold")
    counts = Counter(problem.kind for problem in problems)
    for kind, count in counts.items():
        chosen = [problem for problem in problems if problem.kind == kind][:show]
        for problem in chosen:
            table.add_row(KINDS[kind], escape(problem.place), escape(problem.detail))
        if count > show:
            table.add_row(KINDS[kind], f"... and {count - show} more", "--show or --json lists them")
        table.add_section()
    return table


def _print_json(counts: dict[str, tuple[int, int]], problems: list[Problem]) -> None:
    import json
    from dataclasses import asdict

    content = {
        "ok": not problems,
        "splits": {split: {"pictures": count, "objects": objects} for split, (count, objects) in counts.items()},
        "problems": [asdict(problem) for problem in problems],
    }
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
