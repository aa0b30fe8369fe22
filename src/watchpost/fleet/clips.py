"""The streams of a fleet: a few clips of the synthetic scene, rendered and encoded once, with their exact visits."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from watchpost.errors import WatchpostError
from watchpost.fleet.render import Rendering, key, render_all, write_whole
from watchpost.fleet.visits import Visit, busy_s
from watchpost.scene.options import SceneOptions
from watchpost.scene.scene import Scene
from watchpost.sources.looped import shape

_SEARCHED_S: Final = 900
"""So much of each camera's timetable is searched for the stretch to be played."""
_QUIET_BEGIN_S, _QUIET_END_S = 1.0, 4.0
"""A clip begins and ends with nobody in view, so that it can be played round and round."""
_CRF: Final = {False: 24, True: 26}
"""x264's constant rate factor by day and by night: about 0.3 Mbit/s for 720p15 by day, 4-5 with the night's noise."""

Variant = Literal["clean", "clock", "night", "noisy"]


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the cameras show and how they encode it."""

    variant: Variant = "clean"
    """`clock`: by day, with date and time burnt in. `night`: infrared pictures with their noise. `noisy`: both."""
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


def make_clips(
    options: FleetOptions, cache: Path, progress: Callable[[int, int], None], processes: int = 1
) -> list[Clip]:
    """The clips, those that are not in the folder `cache` rendered; `progress` is told frames done and in all.

    Raises `WatchpostError` for a length that is no multiple of the GOP, or where rendering fails.
    """
    if options.seconds % options.gop_s:
        raise WatchpostError(f"clips of {options.seconds} s are no whole number of GOPs of {options.gop_s} s.")
    cache.mkdir(parents=True, exist_ok=True)
    index = cache / f"fleet-{key([dataclasses.asdict(options), list(_CRF.values())])}.json"
    names: list[str] = json.loads(index.read_text(encoding="utf-8")) if index.exists() else []
    if not names or not all(_is_there(cache, name) for name in names):
        wanted = _plans(options)
        missing = [each for each in wanted if not _is_there(cache, each.name)]
        total = sum(each.frames for each in missing)
        render_all(missing, cache, processes, lambda done: progress(done, total))
        names = [each.name for each in wanted]
        write_whole(index, json.dumps(names))
    return [_read(options, cache, name) for name in names]


def clip_of(video: Path) -> Clip:
    """A video of the user's as it is; who is to be seen in it is not known. Raises `SourceError`."""
    found = shape(video)
    return Clip(video, found.seconds, found.fps, found.gop_s)


def _plans(options: FleetOptions) -> list[Rendering]:
    """A stretch of each camera, chosen so that all together have the wanted share of activity."""
    plans: list[Rendering] = []
    is_night = options.variant in ("night", "noisy")
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
            night=is_night,
            clock=options.variant in ("clock", "noisy"),
        )
        owed_s += options.activity * options.seconds
        begin, busy = _stretch(scene, options, owed_s)
        owed_s -= busy
        plans.append(Rendering(scene, begin, options.seconds, options.gop_s, _CRF[is_night], options.preset))
    return plans


def _stretch(scene: SceneOptions, options: FleetOptions, wanted_s: float) -> tuple[int, float]:
    """The second at which the stretch begins that is nearest to so much activity, and how much it has."""
    if not options.activity:
        return 0, 0.0
    visits = [Visit(each.enter_s, each.leave_s, None, 0.0) for each in Scene(scene).visits(_SEARCHED_S)]
    begins = range(0, _SEARCHED_S - options.seconds, options.gop_s)
    quiet = [begin for begin in begins if _is_quiet_at_ends(visits, begin, begin + options.seconds)]
    busy = {begin: busy_s(visits, begin, begin + options.seconds) for begin in quiet or begins}
    chosen = min(busy, key=lambda begin: abs(busy[begin] - wanted_s))
    return chosen, busy[chosen]


def _is_quiet_at_ends(visits: list[Visit], begin_s: float, end_s: float) -> bool:
    at_begin = busy_s(visits, begin_s, begin_s + _QUIET_BEGIN_S)
    return not at_begin and not busy_s(visits, end_s - _QUIET_END_S, end_s)


def _is_there(cache: Path, name: str) -> bool:
    return (cache / f"{name}.json").exists() and (cache / f"{name}.mp4").exists()


def _read(options: FleetOptions, cache: Path, name: str) -> Clip:
    video = cache / f"{name}.mp4"
    os.utime(video)  # what was used last is kept longest
    truth = json.loads((cache / f"{name}.json").read_text(encoding="utf-8"))
    return Clip(video, options.seconds, options.fps, options.gop_s, tuple(Visit(**each) for each in truth))
