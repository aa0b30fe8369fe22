"""From a name in the configuration to a file: a plugin is a module of a room, loaded when it is asked for.

A plugin module holds `Options` (a subclass of `watchpost.options.Options`) and `create(...)`, whose arguments
its room defines. Its heavy libraries are imported inside `create` or later, so listing plugins stays cheap.
A name with a dot is a module of somebody else's package.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Final

from watchpost.errors import ConfigError, MissingExtraError

EXTRAS: Final = {
    "openvino": "openvino",
    "paho": "mqtt",
    "elasticsearch": "elasticsearch",
    "elastic_transport": "elasticsearch",
    "faster_coco_eval": "evaluate",
    "torch": "train",
    "tensorboard": "train",
    "onnx": "train",
    "onnxscript": "train",
    "torchvision": "zoo",
    "huggingface_hub": "hub",
    "aiortc": "webrtc",
}
"""Which extra brings an optional library, by the library's import name."""

DEFAULT_MODEL: Final = "watchpost-person"
"""What detects where the user names no model: a plugin of `detectors`, or the path of a model file."""


def load(room: str, name: str) -> ModuleType:
    """The module of plugin `name` in `room` (`trackers`, `rules`, ...).

    Raises `ConfigError` for an unknown name and `MissingExtraError` when it needs a library that is missing.
    """
    path = name if "." in name else f"watchpost.{room}.{name}"
    if name.startswith("_") or not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is no name of a plugin; {_choice(room)}.")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in EXTRAS:
            raise MissingExtraError(missing, EXTRAS[missing]) from None
        if error.name is not None and path.startswith(error.name):
            raise ConfigError(f"{room} has no {name!r}; {_choice(room)}.") from None
        raise
    if not hasattr(module, "Options"):
        raise ConfigError(f"{room} has no {name!r}; {_choice(room)}.")
    return module


def _choice(room: str) -> str:
    more = f"; models on this machine: {', '.join(model_names())}" if room == "detectors" else ""
    return f"there are: {', '.join(names(room))}{more}"


def names(room: str) -> list[str]:
    """The names of the plugins that `room` brings along, sorted."""
    package = importlib.import_module(f"watchpost.{room}")
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(
        name
        for name in found
        if not name.startswith("_") and hasattr(importlib.import_module(f"watchpost.{room}.{name}"), "Options")
    )


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error to show when importing an optional library failed, `None` for a library that is no extra."""
    library = (error.name or "").partition(".")[0]
    return MissingExtraError(library, EXTRAS[library]) if library in EXTRAS else None


def model_folder() -> Path:
    """Where `watchpost models add` and `pull` put models: WATCHPOST_MODELS, else the user's data folder (XDG)."""
    if chosen := os.environ.get("WATCHPOST_MODELS"):
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "watchpost" / "models"


def model_names() -> list[str]:
    """The models that `model_file` finds, sorted."""
    return sorted({file.stem for folder in _model_folders() for file in folder.glob("*.onnx")})


def _model_folders() -> tuple[Path, Path]:
    return model_folder(), Path(__file__).parent / "detectors" / "cards"


def model_file(name: str) -> Path | None:
    """The .onnx file of an installed model, or else of one that comes along; `None` where neither has that name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        return None
    for folder in _model_folders():
        file = folder / f"{name}.onnx"
        if file.is_file():
            return file
    return None
