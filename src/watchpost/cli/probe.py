"""`watchpost probe`: what a stream is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from watchpost.sources import Source
    from watchpost.types import Packet
    from watchpost.video.probe import ProbeReport, Spread

_LIVE_S: Final = 10.0
_SHOWN_PICTURES: Final = 60


def probe(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="rtsp://, rtsps://, rtmp://, http(s):// (HLS too), a video file, a folder of pictures, "
            "webcam:0, synthetic:",
        ),
    ],
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="How much of it to look at; 10 s otherwise, and all of a file.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    transport: Annotated[
        str | None, typer.Option(help="For RTSP: tcp, udp or auto (TCP, then UDP).", show_default=False)
    ] = None,
) -> None:
    """Tell what a stream is made of: codec, groups of pictures, bit rate by picture type, timestamps, SDP.

    Examples:

        watchpost probe visit.mp4

        watchpost probe rtsp://user:password@10.0.0.5/stream1 --seconds 30

        watchpost probe visit.mp4 --json
    """
    import dataclasses
    import json

    from rich.console import Console

    from watchpost.clock import SystemClock
    from watchpost.errors import SourceError
    from watchpost.sources import open_source, plugin_for
    from watchpost.telemetry import redacted
    from watchpost.video.probe import analyse

    options = {"transport": transport} if transport else {}
    opened = open_source(source, "probe", options, SystemClock())
    if seconds is None and plugin_for(source) != "file":
        seconds = _LIVE_S
    with Console(stderr=True).status(f"reading {redacted(source)}"):
        reading = _Reading(opened, seconds)
        report = analyse(reading)
        sdp = None
        notes = [] if reading.broken_by is None else [f"the stream broke off: {reading.broken_by}"]
        if source.lower().startswith(("rtsp:", "rtsps:")):
            from watchpost.video.rtsp_describe import describe

            try:
                sdp = describe(source)
            except SourceError as error:
                notes.append(f"no SDP: {error}")
    if as_json:
        answer = {"source": redacted(source), **dataclasses.asdict(report), "sdp": sdp, "notes": notes}
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print(report, redacted(source), sdp, notes)


class _Reading:
    """The first seconds of a source; a stream that breaks off after its first packet is no error here."""

    def __init__(self, source: Source, seconds: float | None) -> None:
        self._source = source
        self._seconds = seconds
        self.broken_by: Exception | None = None

    def __iter__(self) -> Iterator[Packet]:
        import time
        from contextlib import closing

        from watchpost.errors import SourceError

        begin_s = time.monotonic()
        first_s: float | None = None
        count = 0
        with closing(self._source):
            try:
                for packet in self._source.packets():
                    count += 1
                    yield packet
                    now_s = packet.camera_time_s
                    first_s = now_s if first_s is None else first_s
                    seen_s = now_s - first_s if now_s is not None and first_s is not None else 0.0
                    if packet.stream.is_live:
                        seen_s = max(seen_s, time.monotonic() - begin_s)
                    if self._seconds is not None and seen_s >= self._seconds:
                        return
            except SourceError as error:
                if count == 0:
                    raise
                self.broken_by = error


def _print(report: ProbeReport, source: str, sdp: str | None, notes: list[str]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=escape(source), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(report):
        table.add_row(name, escape(value))
    console.print(table)
    if report.rates:
        console.print(_rate_table(report))
    if sdp is not None:
        console.print("SDP", style="bold")
        console.print(sdp, markup=False)
    for note in notes:
        console.print(f"note: {note}", markup=False)


def _rows(report: ProbeReport) -> Iterator[tuple[str, str]]:
    profile = " ".join(part for part in (report.profile, report.level and f"level {report.level}") if part is not None)
    yield "codec", f"{report.codec} {profile}".strip()
    turned = f", to be turned {report.rotation}° clockwise" if report.rotation else ""
    yield "size", f"{report.width} × {report.height} px{turned}"
    yield "pixel format", _listed(report.pixel_format, *_colours(report))
    if report.container:
        yield "container", report.container
    yield "frame rate", f"{_number(report.fps_measured)} fps measured, {_number(report.fps_stated)} fps stated"
    yield "looked at", f"{report.packets} packets, {report.duration_s:.2f} s"
    yield "bit rate", f"{_number(report.kbit_s)} kbit/s"
    gops = report.gops
    if gops.frames is None:
        yield "group of pictures", "no two key frames seen; look longer with --seconds"
    else:
        seconds = f"; {_spread(gops.seconds, 's')}" if gops.seconds else ""
        yield "group of pictures", f"{_spread(gops.frames, 'frames')}{seconds} ({gops.complete} complete)"
    yield "as sent", _shortened(gops.pattern)
    yield "as shown", _shortened(gops.display_pattern)
    yield "kind of group", {True: "open", False: "closed", None: "not known"}[gops.is_open]
    yield "B frames in a row", str(gops.most_b_in_a_row)
    if report.key_frame_bytes:
        yield "key frames", _spread(report.key_frame_bytes, "bytes")
    yield "timestamps", _timestamps(report)
    yield "audio", _audio(report)
    if report.corrupt_packets:
        yield "corrupt packets", str(report.corrupt_packets)
    if report.stream_changes:
        yield "changes of codec or size", str(report.stream_changes)


def _colours(report: ProbeReport) -> Iterator[str | None]:
    colour = report.colour
    yield f"{colour.range} range" if colour.range else None
    for name, value in (("matrix", colour.matrix), ("primaries", colour.primaries), ("transfer", colour.transfer)):
        yield f"{name} {value}" if value else None


def _timestamps(report: ProbeReport) -> str:
    stamps = report.timestamps
    faults = _listed(
        f"{stamps.missing} missing" if stamps.missing else None,
        f"{stamps.repeated} repeated" if stamps.repeated else None,
        f"{stamps.backwards} not rising" if stamps.backwards else None,
        f"uneven: {_spread(stamps.interval_ms, 'ms')} apart" if stamps.is_uneven and stamps.interval_ms else None,
    )
    return "in order" if faults == "-" else faults


def _audio(report: ProbeReport) -> str:
    return _listed(
        *(
            f"{audio.codec} {audio.rate_hz} Hz, {audio.channels} channels"
            + (f", {audio.language}" if audio.language else "")
            for audio in report.audio
        )
    )


def _rate_table(report: ProbeReport) -> Any:
    from rich.table import Table

    table = Table("type", "frames", "median bytes", "kbit/s", "share")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, rate in report.rates.items():
        share = f"{rate.share:.1%}"
        table.add_row(kind, str(rate.frames), str(rate.bytes_median), f"{rate.kbit_s:.1f}", share)
    return table


def _spread(spread: Spread, unit: str) -> str:
    if spread.minimum == spread.maximum:
        return f"{_number(spread.median)} {unit}"
    return f"{_number(spread.minimum)} / {_number(spread.median)} / {_number(spread.maximum)} {unit} (min/median/max)"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _listed(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part) or "-"


def _shortened(pattern: str) -> str:
    return pattern if len(pattern) <= _SHOWN_PICTURES else f"{pattern[:_SHOWN_PICTURES]}…"
