"""`watchpost check`: whether the index of the recordings and their files agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    config: Annotated[Path, typer.Option(help="The server's configuration; it names the data folder.")] = Path(
        "watchpost.yaml"
    ),
    data: Annotated[
        Path | None, typer.Option(help="The data folder itself.", show_default="the configuration's")
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Look at this camera alone.", show_default="all")] = None,
    read: Annotated[bool, typer.Option("--read", help="Read every byte and compare its checksum.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check that index and files of the recordings agree; after a crash, a disk fault, or a clean-up by hand.

    It may run beside the server: what is being written is left alone. The exit code is 1 when something does not
    agree; with --repair, when something did not.

    Examples:

        watchpost check

        watchpost check --data /srv/watchpost --read --repair
    """
    import dataclasses
    import json
    from contextlib import closing

    from watchpost.config import load
    from watchpost.errors import WatchpostError
    from watchpost.recordings.archive import INDEX, Archive
    from watchpost.recordings.check import check as look

    folder = data if data is not None else load(config).data
    if not (folder / INDEX).exists() and not repair:
        raise WatchpostError(f"{folder} holds no recordings; where only their index is lost, --repair makes it anew.")
    if not folder.is_dir():
        raise WatchpostError(f"there is no folder {folder}; name the server's data folder with --data.")
    with closing(Archive(folder)) as archive:
        report = look(archive, read_all=read, repair=repair, camera=camera)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report), indent=2, ensure_ascii=False))
    else:
        for each in report.findings:
            typer.echo(f"{each.path}: {each.problem}: {each.detail}")
        writing = f", {report.being_written} more are being written" if report.being_written else ""
        found = (
            f"{len(report.findings)} do not agree" + (", mended" if repair else "") if report.findings else "all agree"
        )
        typer.echo(f"{report.files} files, {report.bytes / 1e9:.3f} GB{writing}: {found}")
    if report.findings:
        raise typer.Exit(1)
