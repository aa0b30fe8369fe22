"""Finding objects in pictures. A detector takes frames and returns one `Detections` for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from watchpost.plugins import DEFAULT_MODEL
from watchpost.types import Detections, Frame


class Detector(Protocol):
    """A loaded model. `detect` may be called from several threads."""

    @property
    def name(self) -> str:
        """The model's name, as results quote it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes it knows, in the order of `class_id`."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The objects in each frame, boxes in pixels of that frame, best first."""

    def close(self) -> None:
        """Let go of the model."""


class NoDetector:
    """Finds nothing, at once: for who wants pictures alone."""

    name = "none"
    class_names: tuple[str, ...] = ()

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Nothing in each frame."""
        return [Detections.empty(frame.size) for frame in frames]

    def close(self) -> None:
        """Nothing to let go of."""


Backend = Literal["auto", "onnx", "openvino"]


def open_detector(
    model: str = DEFAULT_MODEL,
    *,
    confidence: float | None = None,
    iou: float | None = None,
    backend: Backend = "auto",
    threads: int | None = None,
    for_parallel_calls: bool = False,
) -> Detector:
    """The detector that `model` names: a plugin (`hog`), a model of `watchpost models list`, an .onnx file, or a
    model card (.yaml).

    `confidence` and `iou` (0-1) replace the card's; `backend` and `threads` are for models in files.
    `for_parallel_calls` gives each call one thread, for callers that make as many calls at once as there are cores:
    more frames a second than one call on all cores, each frame a little later.
    Raises `ConfigError` for a model or card that is missing or wrong, `MissingExtraError` for an optional backend.
    """
    from pydantic import ValidationError

    from watchpost import plugins
    from watchpost.errors import ConfigError

    settings: dict[str, Any] = {"confidence": confidence, "iou": iou, "threads": threads}
    plugin = model
    installed = plugins.model_file(model)
    if installed is not None or Path(model).suffix.lower() in (".onnx", ".yaml", ".yml"):
        # in float32 the two are about equal (bench/detectors.py measures it), and ONNX Runtime is always there
        plugin = "onnx" if backend == "auto" else backend
        settings["model"] = installed or Path(model)
    elif model not in plugins.names("detectors") and not _is_module(model):
        from watchpost.detectors.hub import explain_unknown

        raise explain_unknown(model)
    module = plugins.load("detectors", plugin)
    if for_parallel_calls and threads is None and "threads" in module.Options.model_fields:
        settings["threads"] = 1
    given = {name: value for name, value in settings.items() if value is not None}
    known = module.Options.model_fields
    for name in given:
        if name not in known:
            raise ConfigError(f"detector {model} has no setting {name}; it has: {', '.join(known)}.")
    try:
        options = module.Options(**given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigError(f"detector {model}: {problems}.") from None
    detector: Detector = module.create(options)
    return detector


def _is_module(name: str) -> bool:
    """Whether it may be a module of somebody's package: words with dots between."""
    return "." in name and all(part.isidentifier() for part in name.split("."))
