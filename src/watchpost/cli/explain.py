"""`watchpost explain`: why a camera of the running server sleeps or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer


def explain(
    camera: Annotated[str, typer.Argument(metavar="CAMERA", help="A camera's name.")],
    config: Annotated[
        Path, typer.Option(help="The configuration of the running server: its address and token.")
    ] = Path("watchpost.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as one JSON object.")] = False,
) -> None:
    """Ask the running server why a camera sleeps or is awake, and what its gate has decoded and left alone.

    Examples:

        watchpost explain gate

        watchpost explain gate --config /etc/watchpost/watchpost.yaml --json
    """
    import json

    from watchpost.cli._ask import ask
    from watchpost.config import load

    answer = ask(load(config).web, camera, "explain")
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(camera), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(answer):
        table.add_row(name, escape(value))
    Console(highlight=False).print(table)


def _rows(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    gate = answer["gate"]
    packets = answer["packets"]
    if gate is None:
        yield "state", "every frame is decoded: a file, or a stream that has not begun"
    else:
        packets = gate["packets"]
        yield "state", f"{gate['state']}: {gate['reason']}"
        yield "since", f"{gate['since_s']:.1f} s of camera time"
        yield "time", ", ".join(f"{state} {seconds:.0f} s" for state, seconds in gate["seconds"].items())
        share = f" ({gate['decoded'] / packets:.1%})" if packets else ""
        yield "decoded", f"{gate['decoded']} of {packets} packets{share}, {gate['repeated']} of them twice"
        yield "looks", f"{gate['looks']} key frames alone"
        yield from _wakes(gate)
        yield "packet sizes", f"{gate['deviation']:.1f} standard deviations off; {gate['threshold']:.1f} wake it"
        yield "picture", f"{gate['changed_cells']} cells changed; {gate['fewest_cells']:.0f} wake it"
        if gate["key_interval_s"] is not None:
            yield "key frames", f"{gate['key_interval_s']:.1f} s apart"
    yield "analysed", f"{answer['analysed']} frames, {answer['dropped']} dropped, {answer['skipped']} skipped"
    if answer["damaged"]:
        yield "damaged", f"{answer['damaged']} of {answer['decoded']} decoded frames: packets are lost on the way"
    if answer["spared"]:
        yield "spared", f"{answer['spared']} packets were not decoded while awake: no other picture refers to them"
    if answer["unread"]:
        yield "unread", f"{answer['unread']} packets were recorded, but too old for the analysis"
    if answer["viewers"] or answer["viewer_lost"]:
        yield "viewers", f"{answer['viewers']} now; viewers were too slow for {answer['viewer_lost']} packets"
    if answer["worker"] is not None:
        yield "process", answer["worker"]
    if (recording := answer["recording"]) is not None:
        yield "recording", _recording(recording)
    for output in answer.get("outputs", ()):
        yield "output", _output(output)
    yield "connection", f"lost {answer['losses']} times; the camera was started {answer['starts']} times"


def _recording(figures: dict[str, Any]) -> str:
    lost = f"; {figures['lost']} packets lost" if figures["lost"] else ""
    gaps = f"; {figures['gaps']} gaps of {figures['gap_s']:.0f} s in all" if figures["gaps"] else ""
    left_out = f"; without sound: {figures['sound_left_out']} can not be recorded" if figures["sound_left_out"] else ""
    trouble = f"; NOT NOW: {figures['problem']}" if figures["problem"] else ""
    return f"{figures['mode']}, {figures['bytes'] / 1e6:.1f} MB since the start{lost}{gaps}{left_out}{trouble}"


def _output(figures: dict[str, Any]) -> str:
    lost = f"; lost {figures['losses']} times" if figures["losses"] else ""
    slow = f"; {figures['lost_packets']} packets lost" if figures["lost_packets"] else ""
    trouble = f": {figures['problem']}" if figures["problem"] else ""
    sent = f"{figures['frames']} frames, {figures['bytes'] / 1e6:.1f} MB"
    return f"{figures['target']}: {figures['state']}, {sent}{lost}{slow}{trouble}"


def _wakes(gate: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for reason, count in gate["wakes"].items():
        yield "wakes", f"{count}: {reason}"
    if gate["last_wake"] is not None:
        time_s, reason = gate["last_wake"]
        yield "last wake", f"{time_s:.1f} s: {reason}"
    if gate["false_wakes"]:
        yield "for nothing", f"{gate['false_wakes']} wakes"
    if gate["lost_s"]:
        yield "lost", f"{gate['lost_s']:.1f} s before wakes that the ring did not hold any more"
