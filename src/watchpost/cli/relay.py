"""`watchpost relay`: any source to any target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchpost.cli.watch import SourceArgument

if TYPE_CHECKING:
    import threading

    from rich.console import Console

    from watchpost.runtime.handing_on import HandingOn, Progress

_REFRESH_S: Final = 0.25
_PLAIN_REFRESH_S: Final = 5.0


def relay(
    source: SourceArgument,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="rtmp(s)://HOST/APP/KEY, rtsp(s)://HOST/PATH, udp:// or rtp://HOST:PORT (MPEG-TS), "
            "or a file: .mp4, .mov, .mkv, .ts, .flv",
        ),
    ],
    transcode: Annotated[
        bool, typer.Option("--transcode", help="Encode anew, as H.264 and AAC; otherwise it is handed on as it came.")
    ] = False,
    sound: Annotated[bool, typer.Option("--sound/--no-sound", help="Take the sound along, if there is some.")] = True,
    duration: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 20s or 5min.", show_default=False)
    ] = None,
    transport: Annotated[str | None, typer.Option(help="Of an RTSP source: tcp or udp.", show_default=False)] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Further options of the source as name=value; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Hand a camera, stream or file on to a server or into a file, as it came.

    Over the network a file is played at its own speed. A camera that is lost is connected again, and so is a server,
    with growing delay. Ctrl-C ends it, and a file is whole then.

    Examples:

        watchpost relay rtsp://user:password@10.0.0.5/stream1 rtmp://10.0.0.9/live/KEY

        watchpost relay rtsp://user:password@10.0.0.5/stream1 gate.mp4 --duration 10min

        watchpost relay visit.mp4 rtsp://10.0.0.9/visit --option loop=true

        watchpost relay rtmp-listen://0.0.0.0:1935/live/KEY udp://239.1.1.1:5000
    """
    import threading
    from pathlib import Path

    from rich.console import Console

    from watchpost.cli._session import given_seconds, source_options
    from watchpost.clock import SystemClock
    from watchpost.errors import WatchpostError
    from watchpost.runtime.handing_on import HandingOn
    from watchpost.runtime.outputs import transcoding
    from watchpost.serving.targets import TargetAddress

    address = TargetAddress.parse(target)
    if not address.is_live and not force and Path(target).exists():
        raise WatchpostError(f"{target} is there already; choose another name, or say --force.")
    options = _with_defaults(
        source, source_options(option or [], transport=transport), is_live=address.is_live, sound=sound
    )
    stop = threading.Event()
    work = HandingOn(address, SystemClock(), stop, transcoding if transcode else iter)
    console = Console(highlight=False)
    console.print(f"to {address.shown}", markup=False, soft_wrap=True)
    _run(work, source, options, stop, None if duration is None else given_seconds("--duration", duration), console)
    done = work.progress()
    console.print(_line(done, done.bytes * 8 / done.media_s if done.media_s else 0.0), markup=False, soft_wrap=True)
    if done.left_out:
        console.print(f"without sound: the target does not take {done.left_out}; --transcode makes AAC of it")


def _with_defaults(source: str, options: dict[str, str], *, is_live: bool, sound: bool) -> dict[str, str]:
    """The source's options: its sound, and for the network a file's own speed, unless they say otherwise."""
    from watchpost import plugins
    from watchpost.sources import plugin_for

    known = plugins.load("sources", plugin_for(source)).Options.model_fields
    if sound and "sound" in known:
        options = {"sound": "true", **options}
    if is_live and "realtime" in known:
        options = {"realtime": "true", **options}
    return options


def _run(
    work: HandingOn,
    source: str,
    options: dict[str, str],
    stop: threading.Event,
    duration_s: float | None,
    console: Console,
) -> None:
    """Work in a thread of its own, tell of it here. Raises what ended the work."""
    import threading

    from watchpost.cli._signals import StopOnSignals
    from watchpost.clock import SystemClock
    from watchpost.errors import WatchpostError
    from watchpost.runtime.reconnect import Policy, State, packets
    from watchpost.sources import open_source
    from watchpost.telemetry import redacted

    clock = SystemClock()
    failure: list[Exception] = []

    def tell(state: State) -> None:
        if state.name == "lost":
            console.print(redacted(state.detail), markup=False, soft_wrap=True)

    def do() -> None:
        try:
            opener = lambda: open_source(source, "relay", options, clock)  # noqa: E731
            work.run(packets(opener, clock, stop, Policy(first_must_succeed=True), on_state=tell))
        except Exception as error:
            failure.append(error)
        finally:
            finished.set()

    finished = threading.Event()
    with StopOnSignals(stop):
        threading.Thread(target=do, name="relay", daemon=True).start()
        _tell_progress(work, finished, stop, duration_s, console)
        stop.set()
        finished.wait()
    if failure:
        known = isinstance(failure[0], WatchpostError)
        raise failure[0] if known else WatchpostError(f"handing on failed: {failure[0]!r}") from failure[0]


def _tell_progress(
    work: HandingOn, finished: threading.Event, stop: threading.Event, duration_s: float | None, console: Console
) -> None:
    """One line that is written over again on a terminal, one each 5 s otherwise; until the end, or for so long."""
    import time

    from rich.live import Live
    from rich.text import Text

    started_s = time.monotonic()
    next_line_s = started_s + _PLAIN_REFRESH_S
    before = (started_s, 0)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not finished.wait(_REFRESH_S) and not stop.is_set():
            now_s = time.monotonic()
            if duration_s is not None and now_s - started_s >= duration_s:
                return
            done = work.progress()
            rate = (done.bytes - before[1]) * 8 / max(now_s - before[0], 0.1)
            if console.is_terminal:
                live.update(Text(_line(done, rate)), refresh=True)
                before = (now_s, done.bytes) if now_s - before[0] > 1 else before
            elif now_s >= next_line_s:
                next_line_s += _PLAIN_REFRESH_S
                before = (now_s, done.bytes)
                console.print(_line(done, rate), markup=False, soft_wrap=True)


def _line(done: Progress, bits_a_second: float) -> str:
    minutes, seconds = divmod(done.media_s, 60)
    text = f"{int(minutes) // 60:d}:{int(minutes) % 60:02d}:{seconds:04.1f}, {done.frames} frames, "
    text += f"{done.bytes / 1e6:.1f} MB, {bits_a_second / 1e6:.2f} Mbit/s"
    if done.losses:
        text += f", target lost {done.losses} times"
    if done.lost_packets:
        text += f", {done.lost_packets} packets lost"
    return f"{text}: {done.problem}" if done.problem else text
