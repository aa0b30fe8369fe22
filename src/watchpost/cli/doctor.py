"""`watchpost doctor`: one look at the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchpost.runtime.doctor import Finding, Plan


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(
            help="Look at the machine for this configuration: its data folder, port and cameras.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Look at this machine: video, inference, GPU, processes, disk, port, clock, limits; each finding with its cure.

    Exits with 1 when something does not work, else with 0.

    Examples:

        watchpost doctor

        watchpost doctor --config watchpost.yaml --json
    """
    import dataclasses
    import json

    from watchpost.runtime.doctor import Level, checks, examine

    findings = examine(checks(_plan(config)))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        _print(findings)
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(1)


def _plan(config: Path | None) -> Plan:
    from watchpost.runtime.doctor import Plan

    if config is None:
        return Plan()
    from watchpost.config import load

    loaded = load(config)
    cameras = sum(camera.enabled for camera in loaded.cameras.values())
    return Plan(loaded.data, loaded.web.host, loaded.web.port, cameras)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {"ok": "green", "note": "blue", "warning": "yellow", "problem": "bold red"}
    table = Table("", "check", "seen, and what to do")
    for finding in findings:
        cure = f"\n[bold]→[/bold] {escape(finding.cure)}" if finding.cure else ""
        level = f"[{colours[finding.level]}]{finding.level}[/]"
        table.add_row(level, finding.check, escape(finding.seen) + cure)
    Console(highlight=False).print(table)
