"""Renders and encodes clips of the synthetic scene, in several processes: python -m watchpost.fleet.render WORK.json

A child prints how many frames it has done, a line at a time; its parent adds them up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

from watchpost.errors import WatchpostError
from watchpost.fleet.visits import LEAST_HEIGHT, LEAST_VISIBILITY, Visit
from watchpost.runtime import children
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.scene.truth import TruthBox
from watchpost.types import BGR
from watchpost.video.camera_encoder import encode_as_camera

_FORMAT: Final = 1
"""Goes into the files' names: raise it when the same options give other files."""
_TELL_EVERY: Final = 5
"""Frames."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One clip that is wanted: a stretch of a scene, and how it is encoded."""

    scene: SceneOptions
    begin_s: int
    seconds: int
    gop_s: int
    crf: int
    preset: str

    @property
    def name(self) -> str:
        """Of its files: the same for the same pictures."""
        return key([self.scene.model_dump(mode="json"), self.begin_s, self.preset, self.crf, self.gop_s, self.seconds])

    @property
    def frames(self) -> int:
        """How many."""
        return self.seconds * self.scene.fps

    @classmethod
    def of_dict(cls, values: dict[str, Any]) -> Self:
        """What `as_dict` wrote."""
        return cls(**values | {"scene": SceneOptions.model_validate(values["scene"])})

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        return values | {"scene": self.scene.model_dump(mode="json")}


def render(wanted: Rendering, cache: Path, progress: Callable[[int], None]) -> None:
    """Write a clip and its visits into the folder `cache`; `progress` is told each frame's number, from 1."""
    video, truth = cache / f"{wanted.name}.mp4", cache / f"{wanted.name}.json"
    unfinished = cache / f"{wanted.name}.{os.getpid()}.mp4"
    try:
        visits = _encode(wanted, unfinished, progress)
        unfinished.replace(video)
    finally:
        unfinished.unlink(missing_ok=True)
    write_whole(truth, json.dumps([dataclasses.asdict(visit) for visit in visits]))  # last: it says that all is there


def render_all(wanted: Sequence[Rendering], cache: Path, processes: int, progress: Callable[[int], None]) -> None:
    """Write all clips, in so many processes; `progress` is told the frames done by then.

    Raises `WatchpostError` where a process fails; none of them is left behind.
    """
    if processes <= 1 or len(wanted) <= 1:
        done = 0
        for each in wanted:
            render(each, cache, lambda frames, before=done: progress(before + frames))  # type: ignore[misc]
            done += each.frames
        return
    shares = [wanted[number::processes] for number in range(min(processes, len(wanted)))]
    said: queue.SimpleQueue[tuple[int, str | None]] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        for number, share in enumerate(shares):
            work = Path(folder, f"{number}.json")
            work.write_text(json.dumps([each.as_dict() for each in share]), encoding="utf-8")
            command = [sys.executable, "-m", "watchpost.fleet.render", str(work), str(cache)]
            child = running.enter_context(children.start(command, "render", stdout=subprocess.PIPE))
            assert child.stdout is not None  # noqa: S101 - it is piped
            threading.Thread(target=_listen, args=(number, child.stdout, said), daemon=True).start()
        frames = [0] * len(shares)
        left = len(shares)
        while left:
            number, line = said.get()
            if line is None:
                left -= 1
                if frames[number] < sum(each.frames for each in shares[number]):
                    raise WatchpostError("rendering the streams broke off; is there enough memory and space?")
            elif line.isdigit():
                frames[number] = int(line)
                progress(sum(frames))
            else:
                raise WatchpostError(line)


def _listen(number: int, pipe: IO[bytes], said: queue.SimpleQueue[tuple[int, str | None]]) -> None:
    with contextlib.suppress(ValueError, OSError):  # the pipe is closed under us when the work is given up
        for line in pipe:
            said.put((number, line.decode(errors="replace").strip()))
    said.put((number, None))


def _encode(wanted: Rendering, path: Path, progress: Callable[[int], None]) -> list[Visit]:
    """Write the video of a stretch; its visits in the stretch's seconds."""
    scene, options = Scene(wanted.scene), wanted.scene
    first = wanted.begin_s * options.fps
    clear: dict[int, list[int]] = {}

    def pictures() -> Iterator[BGR]:
        for index in range(wanted.frames):
            picture, people = scene.frame(first + index)
            for person in people:
                if _is_clear(person, options.height):
                    clear.setdefault(person.id, []).append(index)
            yield picture
            progress(index + 1)

    encode_as_camera(
        path,
        pictures(),
        size=(options.width, options.height),
        fps=options.fps,
        gop=wanted.gop_s * options.fps,
        crf=wanted.crf,
        preset=wanted.preset,
    )
    visits: list[Visit] = []
    for each in scene.visits(wanted.begin_s + wanted.seconds):
        if each.leave_s > wanted.begin_s:
            frames = clear.get(each.id, [])
            enter_s, leave_s = each.enter_s - wanted.begin_s, each.leave_s - wanted.begin_s
            visits.append(
                Visit(
                    enter_s=max(enter_s, 0.0),
                    leave_s=min(leave_s, wanted.seconds),
                    seen_from_s=frames[0] / options.fps if frames else None,
                    seen_s=len(frames) / options.fps,
                    is_cut=enter_s < 0 or leave_s > wanted.seconds,
                )
            )
    return visits


def _is_clear(person: TruthBox, height: int) -> bool:
    box = person.visible
    return box is not None and person.visibility >= LEAST_VISIBILITY and box[3] - box[1] >= LEAST_HEIGHT * height


def key(value: object) -> str:
    """A file's name for a value that JSON can hold."""
    return hashlib.sha256(json.dumps([_FORMAT, value], sort_keys=True).encode()).hexdigest()[:16]


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def main() -> None:
    """Render what the file says, and tell how many frames are done; what goes wrong is the last line."""
    work, cache = Path(sys.argv[1]), Path(sys.argv[2])
    before = 0

    def tell(frames: int) -> None:
        if frames % _TELL_EVERY == 0:
            print(before + frames, flush=True)

    try:
        for values in json.loads(work.read_text(encoding="utf-8")):
            wanted = Rendering.of_dict(values)
            render(wanted, cache, tell)
            before += wanted.frames
            print(before, flush=True)
    except OSError as error:
        print(f"the streams can not be written into {cache}: {error.strerror or error}.", flush=True)


if __name__ == "__main__":
    main()
