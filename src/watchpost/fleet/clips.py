"""The streams of a fleet: a few clips of the synthetic scene, rendered and encoded once, with their exact visits."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from watchpost.fleet.visits import LEAST_HEIGHT, LEAST_VISIBILITY, Visit, busy_s
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.scene.truth import TruthBox
from watchpost.sources.looped import shape
from watchpost.types import BGR
from watchpost.video.camera_encoder import encode_as_camera

_FORMAT: Final = 1
"""Goes into the files' names: raise it when the same options give other files."""
_SEARCHED_S: Final = 900
"""So much of each camera's timetable is searched for the stretch to be played."""
_QUIET_BEGIN_S, _QUIET_END_S = 1.0, 4.0
"""A clip begins and ends with nobody in view, so that it can be played round and round."""
_CRF: Final = {"clean": 24, "noisy": 26}
"""x264's constant rate factor: gives about 0.3 Mbit/s for clean pictures of 720p15, 4-5 Mbit/s for noisy ones."""

Variant = Literal["clean", "noisy"]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the cameras show and how they encode it."""

    variant: Variant = "clean"
    """`noisy`: infrared pictures at night, with their noise, and a clock burnt in."""
    activity: float = 0.1
    """Share of the time with somebody in view, over all clips."""
    clips: int = 12
    """Different streams; more cameras share them, at other places in them."""
    seconds: int = 60
    """Length of each clip, a multiple of the GOP."""
    gop_s: int = 2
    people: int = 2
    """In view at once, at most."""
    width: int = 1280
    height: int = 720
    fps: int = 15
    preset: str = "veryfast"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Clip:
    """One stream in a file, and who is to be seen in it (`None`: not known)."""

    path: Path
    seconds: float
    fps: float
    gop_s: float
    visits: tuple[Visit, ...] | None = None

    @property
    def bit_rate(self) -> float:
        """Bits a second."""
        return self.path.stat().st_size * 8 / self.seconds


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which stretch of which camera's scene becomes a clip."""

    scene: SceneOptions
    begin_s: int


def make_clips(options: FleetOptions, cache: Path, progress: Callable[[int, int], None]) -> list[Clip]:
    """The clips, those that are not in the folder `cache` rendered; `progress` is told frames done and in all.

    Raises `ValueError` for a length that is no multiple of the GOP.
    """
    if options.seconds % options.gop_s:
        raise ValueError(f"--clip-seconds {options.seconds} is no multiple of the GOP of {options.gop_s} s")
    cache.mkdir(parents=True, exist_ok=True)
    index = cache / f"fleet-{_key([dataclasses.asdict(options), _CRF])}.json"
    if not index.exists():
        names = [
            _make(options, plan, cache, functools.partial(_tell, progress, options, number))
            for number, plan in enumerate(_plans(options))
        ]
        _write(index, json.dumps(names))
    return [_read(options, cache, name) for name in json.loads(index.read_text(encoding="utf-8"))]


def clip_of(video: Path) -> Clip:
    """A video of the user's as it is; who is to be seen in it is not known. Raises `SourceError`."""
    found = shape(video)
    return Clip(video, found.seconds, found.fps, found.gop_s)


def _tell(progress: Callable[[int, int], None], options: FleetOptions, clip: int, done: int) -> None:
    frames = options.seconds * options.fps
    progress(clip * frames + done, options.clips * frames)


def _plans(options: FleetOptions) -> list[_Plan]:
    """A stretch of each camera, chosen so that all together have the wanted share of activity."""
    plans: list[_Plan] = []
    owed_s = 0.0
    for camera in range(options.clips):
        scene = SceneOptions(
            seed=options.seed,
            camera=camera,
            width=options.width,
            height=options.height,
            fps=options.fps,
            people=options.people,
            # rarer than this there may be nobody in what is searched; the choice of the stretch makes up for it
            activity=max(options.activity, 0.1) if options.activity else 0.0,
            night=options.variant == "noisy",
            clock=options.variant == "noisy",
        )
        visits = [Visit(each.enter_s, each.leave_s, None, 0.0) for each in Scene(scene).visits(_SEARCHED_S)]
        owed_s += options.activity * options.seconds
        begins = range(0, _SEARCHED_S - options.seconds, options.gop_s)
        quiet = [begin for begin in begins if _is_quiet_at_ends(visits, begin, begin + options.seconds)]
        busy = {begin: busy_s(visits, begin, begin + options.seconds) for begin in quiet or begins}
        chosen = min(busy, key=lambda begin: abs(busy[begin] - owed_s))
        owed_s -= busy[chosen]
        plans.append(_Plan(scene, chosen))
    return plans


def _is_quiet_at_ends(visits: list[Visit], begin_s: float, end_s: float) -> bool:
    at_begin = busy_s(visits, begin_s, begin_s + _QUIET_BEGIN_S)
    return not at_begin and not busy_s(visits, end_s - _QUIET_END_S, end_s)


def _make(options: FleetOptions, plan: _Plan, cache: Path, progress: Callable[[int], None]) -> str:
    """Render and encode a clip unless it is there; its name in the cache."""
    encoding = [options.preset, _CRF[options.variant], options.gop_s, options.seconds]
    name = _key([plan.scene.model_dump(mode="json"), plan.begin_s, *encoding])
    truth, video = cache / f"{name}.json", cache / f"{name}.mp4"
    if not truth.exists():  # it is written last
        unfinished = cache / f"{name}.{os.getpid()}.mp4"
        seen = _encode(options, plan, unfinished, progress)
        unfinished.replace(video)
        _write(truth, json.dumps([dataclasses.asdict(visit) for visit in seen]))
    return name


def _encode(options: FleetOptions, plan: _Plan, path: Path, progress: Callable[[int], None]) -> list[Visit]:
    """Write the video of a stretch; its visits in the stretch's seconds."""
    scene = Scene(plan.scene)
    first, count = plan.begin_s * options.fps, options.seconds * options.fps
    clear: dict[int, list[int]] = {}

    def pictures() -> Iterator[BGR]:
        for index in range(count):
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
        gop=options.gop_s * options.fps,
        crf=_CRF[options.variant],
        preset=options.preset,
    )
    visits: list[Visit] = []
    for each in scene.visits(plan.begin_s + options.seconds):
        if each.leave_s > plan.begin_s:
            frames = clear.get(each.id, [])
            enter_s, leave_s = each.enter_s - plan.begin_s, each.leave_s - plan.begin_s
            visits.append(
                Visit(
                    enter_s=max(enter_s, 0.0),
                    leave_s=min(leave_s, options.seconds),
                    seen_from_s=frames[0] / options.fps if frames else None,
                    seen_s=len(frames) / options.fps,
                    is_cut=enter_s < 0 or leave_s > options.seconds,
                )
            )
    return visits


def _is_clear(person: TruthBox, height: int) -> bool:
    box = person.visible
    return box is not None and person.visibility >= LEAST_VISIBILITY and box[3] - box[1] >= LEAST_HEIGHT * height


def _read(options: FleetOptions, cache: Path, name: str) -> Clip:
    truth = json.loads((cache / f"{name}.json").read_text(encoding="utf-8"))
    visits = tuple(Visit(**each) for each in truth)
    return Clip(cache / f"{name}.mp4", options.seconds, options.fps, options.gop_s, visits)


def _key(value: object) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, value], sort_keys=True).encode()).hexdigest()[:16]


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
