"""`watchpost export`: a stretch of a camera's recording as a video file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import tzinfo

    from watchpost.config import Configuration
    from watchpost.recordings.clip import Clip


def export(
    output: Annotated[Path, typer.Argument(metavar="OUT.mp4", help="The file to write.")],
    camera: Annotated[str, typer.Option(help="The camera's name.")],
    since: Annotated[str, typer.Option("--from", help="When it begins: 2026-05-01T14:30, 2h (ago), yesterday.")],
    until: Annotated[str, typer.Option("--to", help="When it ends, in the same way, or now.")] = "now",
    config: Annotated[Path, typer.Option(help="The server's configuration.")] = Path("watchpost.yaml"),
    boxes: Annotated[
        bool, typer.Option("--boxes", help="Run the camera's model over it and burn boxes in; this encodes it anew.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write what was recorded of a camera to a video file, as the camera sent it: nothing is encoded anew.

    Times are those of the camera's time zone (`timezone` in the configuration), unless they say their own. The file
    begins at the key frame at or before its time. What is missing is left out and told. Where the camera changed its
    picture's format, another file is begun: OUT-2.mp4.

    Examples:

        watchpost export --camera gate --from 2026-05-01T14:00 --to 2026-05-01T15:00 gate.mp4

        watchpost export --camera gate --from 30min gate.mp4 --boxes
    """
    from contextlib import closing

    from watchpost.cli.events import parse_time
    from watchpost.clock import SystemClock
    from watchpost.config import load
    from watchpost.errors import WatchpostError
    from watchpost.recordings.archive import INDEX, Archive
    from watchpost.recordings.clip import cut

    settings = load(config)
    zone = _zone(settings, camera)
    now_s = SystemClock().wall_time_s()
    since_s, until_s = parse_time(since, now_s, zone), parse_time(until, now_s, zone)
    if since_s >= until_s:
        raise WatchpostError("--to is not after --from; give a time that is.")
    if output.suffix.lower() != ".mp4" or not output.parent.is_dir():
        raise WatchpostError(f"{output} must be an .mp4 file in a folder that is there.")
    if not (settings.data / INDEX).exists():
        raise WatchpostError(f"{settings.data} holds no recordings; set recording: {{mode: continuous}} for {camera}.")
    with closing(Archive(settings.data)) as archive:
        clips = cut(archive, camera, since_s, until_s)
        further = [output.with_stem(f"{output.stem}-{number}") for number in range(2, len(clips) + 1)]
        paths = [output, *further]
        taken = next((path for path in paths if path.exists()), None)
        if taken is not None and not force:
            raise WatchpostError(f"{taken} is there already; --force replaces it.")
        for path, clip in zip(paths, clips, strict=True):
            if boxes:
                _write_boxes(path, clip, settings)
            else:
                _write(path, clip)
            _tell(path, clip, zone)


def _zone(settings: Configuration, camera: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    found = settings.cameras.get(camera)
    name = settings.defaults.timezone if found is None else found.timezone
    return None if name is None else ZoneInfo(name)


def _write(path: Path, clip: Clip) -> None:
    from rich.console import Console
    from rich.progress import Progress

    part = path.with_name(path.name + ".part")
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress, part.open("wb") as file:
            task = progress.add_task(path.name, total=clip.file.size)
            for data in clip.file.read():
                file.write(data)
                progress.advance(task, len(data))
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_boxes(path: Path, clip: Clip, settings: Configuration) -> None:
    """Decode the film, find and follow objects as the camera would, and encode it with them drawn in."""
    import tempfile
    from contextlib import closing

    from rich.console import Console
    from rich.progress import Progress

    from watchpost.cli._frames import video_frames
    from watchpost.errors import WatchpostError
    from watchpost.runtime.assembly import make_detector, make_tracker, wanted_classes
    from watchpost.video.draw import Overlay
    from watchpost.video.encoder import VideoWriter

    camera = settings.cameras.get(clip.camera)
    if camera is None:
        raise WatchpostError(f"{clip.camera} is not in the configuration any more: its model for --boxes is not known.")
    tracker = make_tracker(camera.tracker.kind, camera.tracker.options)
    detector = make_detector(settings.models[camera.model], tracker.minimum_confidence)
    wanted = wanted_classes(camera.classes, detector)
    overlay = Overlay(camera.zone_arrays(), camera.line_arrays())
    with tempfile.TemporaryDirectory(prefix="watchpost-") as folder, closing(detector):
        plain = Path(folder) / "plain.mp4"
        _write(plain, clip)
        with Progress(console=Console(stderr=True), transient=True) as progress, VideoWriter(path) as writer:
            task = progress.add_task(path.name, total=clip.duration_s)
            for frame in video_frames(str(plain)):
                found = detector.detect([frame])[0]
                found = tracker.update(found.of_classes(wanted) if wanted else found, frame.camera_time_s)
                writer.write(overlay.annotate(frame, found), frame.camera_time_s)
                progress.update(task, completed=frame.camera_time_s)


def _tell(path: Path, clip: Clip, zone: tzinfo | None) -> None:
    from datetime import datetime

    def shown(wall_time_s: float) -> str:
        return datetime.fromtimestamp(wall_time_s, zone).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    size = path.stat().st_size / 1e6
    span = f"{shown(clip.first_wall_time_s)} to {shown(clip.last_wall_time_s)}"
    typer.echo(f"{path}: {clip.camera}, {span}, {clip.duration_s:.1f} s, {size:.1f} MB")
    for gap in clip.gaps:
        typer.echo(f"  missing: {shown(gap.first_wall_time_s)} to {shown(gap.last_wall_time_s)}, {gap.seconds:.1f} s")
