"""`watchpost watch`: one camera, live."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="rtsp://, rtsps://, rtmp://, http(s):// (HLS too), a video file, a folder of pictures, "
        "webcam:0, synthetic:",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(help="A detector by name, an .onnx file or its card; `none` analyses nothing.", show_default=False),
]


def watch(
    source: SourceArgument,
    model: ModelOption = None,
    confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Lowest score of a detection; the model card's otherwise.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Classes to look for, by comma, or `all`; people otherwise.", show_default=False),
    ] = None,
    tracker: Annotated[str, typer.Option(help="bytetrack, sort or centroid.")] = "bytetrack",
    max_fps: Annotated[float | None, typer.Option(min=0.01, help="Frames to analyse a second at most.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the annotated video here (H.264, .mp4).", show_default=False)
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Append the events here, one JSON a line.", show_default=False)
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(help="Write pictures without boxes to this folder.", show_default=False)
    ] = None,
    every: Annotated[str, typer.Option(help="With --frames: time between pictures, such as 1s or 500ms.")] = "1s",
    duration: Annotated[
        str | None, typer.Option(help="Stop after this time, such as 20s or 5min.", show_default=False)
    ] = None,
    realtime: Annotated[bool, typer.Option("--realtime", help="Play a file at its own speed, like a camera.")] = False,
    transport: Annotated[
        str | None, typer.Option(help="For RTSP: tcp, udp or auto (TCP, then UDP).", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Further options of the source as name=value; may be repeated.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores for detection; all of them otherwise.")] = None,
) -> None:
    """Watch one camera, file or folder: boxes, tracks and events, live.

    A camera that is lost is connected again, with growing delay. Ctrl-C ends with a summary.

    Examples:

        watchpost watch rtsp://user:password@10.0.0.5/stream1 --transport tcp

        watchpost watch visit.mp4 --save annotated.mp4 --events events.jsonl

        watchpost watch rtsp://10.0.0.5/stream1 --model none --frames pictures --every 5s

        watchpost watch "synthetic:?people=4&seed=7" --duration 20s
    """
    from watchpost.cli._session import Session, Wishes, event_file, given_classes, given_seconds, source_options
    from watchpost.errors import WatchpostError
    from watchpost.runtime.savers import PictureSaver, VideoSaver

    wishes = Wishes(
        source=source,
        source_options=source_options(option or [], transport=transport, realtime=realtime),
        model=model,
        confidence=confidence,
        threads=threads,
        classes=given_classes(classes),
        tracker=tracker,
        max_fps=max_fps,
        duration_s=None if duration is None else given_seconds("--duration", duration),
    )
    with ExitStack() as stack:
        on_frame, on_events = [], []
        if save is not None:
            on_frame.append(stack.enter_context(closing(VideoSaver(save))).frame)
        if frames is not None:
            pictures = stack.enter_context(closing(PictureSaver(frames, given_seconds("--every", every))))
            on_frame.append(pictures.frame)
        if events is not None:
            delivery = stack.enter_context(closing(event_file(events)))
            on_events.append(delivery.events)
        session = Session(wishes, on_frame, on_events)
        session.run()
    if save is not None:
        session.console.print(f"annotated video: {save}", markup=False, soft_wrap=True)
    if frames is not None:
        session.console.print(f"{pictures.saved} pictures in {frames}", markup=False, soft_wrap=True)
    if events is not None:
        if lost := delivery.counters["delivery_errors"]:
            raise WatchpostError(f"{lost} events could not be written to {events}; check the space left.")
        session.console.print(f"events: {events}", markup=False, soft_wrap=True)
