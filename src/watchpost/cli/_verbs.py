"""Which verbs there are, and their loading: `watchpost --help` tells of each what stands here and imports none."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

VERBS: Final = {
    "demo": (
        "Play a scene as a live camera through detection, tracking and rules, and show it on a page of this machine."
    ),
    "detect": "Find objects in pictures and videos: annotated copies, and one JSON line a picture or frame.",
    "watch": "Watch one camera, file or folder: boxes, tracks and events, live.",
    "run": "Run the cameras of a configuration file, with the live page.",
    "events": "List events, the newest last, in this machine's time zone.",
    "search": "Search events in words, the newest last, with times in this machine's time zone.",
    "explain": "Ask the running server why a camera sleeps or is awake, and what its gate has decoded and left alone.",
    "wake": "Keep a camera of the running server awake for a while.",
    "probe": "Tell what a stream is made of: codec, groups of pictures, bit rate by picture type, timestamps, SDP.",
    "doctor": (
        "Look at this machine: video, inference, GPU, processes, disk, port, clock, limits; each finding with its cure."
    ),
    "check": "Check that index and files of the recordings agree; after a crash, a disk fault, or a clean-up by hand.",
    "export": "Write what was recorded of a camera to a video file, as the camera sent it: nothing is encoded anew.",
    "relay": "Hand a camera, stream or file on to a server or into a file, as it came.",
    "serve-file": (
        "Serve video files as cameras over RTSP: at their own speed, round and round, pictures and sound as they are."
    ),
    "train": "Train a detector on labelled pictures, from scratch or from a checkpoint.",
    "bench": "Measure what this machine sustains.",
    "config": "Check a configuration file, start one, or print its JSON Schema.",
    "data": "Labelled pictures: convert, check, count, split, look at them, harvest new ones, and take in feedback.",
    "evaluate": "Measure detectors and trackers with the metrics of the field.",
    "models": "List, install, fetch and describe detection models.",
    "users": "Who may log in to the page and the API of a server.",
}
"""The first paragraph of each verb's help, in the order in which they are listed.

A verb lives in the module of its name, as a function of the same name, or as a `typer.Typer` called `<name>_app` if it
has verbs of its own.
"""


class LazyVerbs(TyperGroup):
    """The verbs of the program."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        """The names, in the order of the table."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Click's signature
        """Write the list of verbs as Click does, without loading them."""
        limit = formatter.width - 6 - max(map(len, VERBS))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, TyperCommand(name, help=words).get_short_help_str(limit)) for name, words in VERBS.items()]
            )


class _Loaded(MutableMapping[str, Any]):
    """Commands by name; each is imported when it is taken out."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            if name not in VERBS:
                raise KeyError(name)
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("a new verb is a line of VERBS")

    def __delitem__(self, name: str) -> None:
        raise TypeError("the verbs are those of VERBS")

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


def _load(name: str) -> Any:
    own_name = name.replace("-", "_")
    module = import_module(f"watchpost.cli.{own_name}")
    holder = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    if (below := getattr(module, f"{own_name}_app", None)) is not None:
        holder.add_typer(below, name=name)
    else:
        holder.command(name)(getattr(module, own_name))
    return typer.main.get_group(holder).commands[name]
