"""The configuration of a server, as validated objects. `watchpost.config.load` makes them from a YAML file."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from watchpost import plugins
from watchpost.config.decoding import DecodeOn
from watchpost.config.detection import DetectionOptions, Fps
from watchpost.config.gate import GateOptions, RingOptions
from watchpost.config.history import HistoryOptions
from watchpost.config.names import Line, Name, Polygon, Timezone
from watchpost.config.outputs import OutputOptions
from watchpost.config.plugin import PluginSection, beside_file, checked_options
from watchpost.config.processes import AUTO, ProcessCount
from watchpost.config.recording import RecordingOptions, StorageOptions
from watchpost.config.serve import ServeOptions
from watchpost.config.source import source_beside_file, source_plugin
from watchpost.options import Seconds, Settings
from watchpost.plugins import DEFAULT_MODEL
from watchpost.telemetry import redacted

MODEL_FILES: Final = (".onnx", ".yaml", ".yml")
"""How the names of model files and their cards end; another model is the name of a plugin."""
LIVE_FPS: Final = 5.0
"""Frames of a live camera that are analysed each second where nothing else is said."""
LIVE_LEAST_FPS: Final = 2.0
"""The same while all that is seen goes its steady way."""
MIN_TOKEN_LENGTH: Final = 12
"""Characters of the page's token."""


class TrackerSection(PluginSection):
    """How objects keep their numbers from frame to frame."""

    room: ClassVar[str] = "trackers"


class RuleSection(PluginSection):
    """What makes an event."""

    room: ClassVar[str] = "rules"
    beside_options: ClassVar[tuple[str, ...]] = ("kind", "name")
    name: Name | None = None
    """How events call the rule; without it, its kind and its zone or line."""

    @property
    def title(self) -> str:
        """The name that events carry: as configured, or made of the kind and the zone or line."""
        place = getattr(self.options, "zone", None) or getattr(self.options, "line", None)
        return rule_title(self.kind, self.name, place)


def rule_title(kind: str, name: str | None, place: object) -> str:
    """What events call a rule of this kind, configured name and zone or line."""
    return name or (f"{kind} {place}" if isinstance(place, str) else kind)


class SinkSection(PluginSection):
    """Where events are sent."""

    room: ClassVar[str] = "sinks"
    beside_options: ClassVar[tuple[str, ...]] = ("kind", "name")
    name: Name | None = None
    """How the log calls the sink; without it, its kind."""

    @property
    def title(self) -> str:
        """The name as configured, or else the kind."""
        return self.name or self.kind


class StoreSection(PluginSection):
    """Where events are kept."""

    room: ClassVar[str] = "stores"


class DetectorSection(PluginSection):
    """A detector: `{model: watchpost-person}`, or a model file with options, `{model: people.onnx, confidence: 0.4}`.

    In the file it is written with `model` and `backend`; here `kind` is the plugin that follows from them.
    """

    room: ClassVar[str] = "detectors"
    beside_options: ClassVar[tuple[str, ...]] = ("model", "backend")

    @classmethod
    def expanded(cls, data: object) -> object:
        """Raw settings with the plugin chosen: a file goes to its backend, another model is a plugin by itself."""
        if isinstance(data, str):
            data = {"model": data}
        if isinstance(data, Mapping) and "kind" in data:
            raise PydanticCustomError("model_kind", "write model: here, and backend: with a model file, not kind:")
        if not isinstance(data, Mapping) or not isinstance(model := data.get("model"), str):
            return data
        if file := plugins.model_file(model):
            data = {**data, "model": str(file)}
        elif Path(model).suffix.lower() not in MODEL_FILES:
            return {"kind": model} | {key: value for key, value in data.items() if key != "model"}
        return {"kind": data.get("backend", "onnx")} | {key: value for key, value in data.items() if key != "backend"}

    @classmethod
    def choosing_setting(cls, data: object) -> str:
        """`backend` where it is written, else `model`."""
        return "backend" if isinstance(data, Mapping) and "backend" in data else "model"

    @model_validator(mode="after")
    def _file_exists(self) -> Self:
        file = getattr(self.options, "model", None)
        try:
            is_there = not isinstance(file, Path) or file.is_file()
        except OSError:  # too long for a path
            is_there = False
        if not is_there:
            raise PydanticCustomError("model_file", "there is no file {file}; check the path", {"file": str(file)})
        return self


class ModelSection(DetectorSection):
    """A detector that cameras share, and how: `{model: watchpost-person, share: 2}`."""

    beside_options: ClassVar[tuple[str, ...]] = ("model", "backend", "share", "batch", "fill", "smaller")
    share: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    """Its share of the time of the processors or the accelerator, against that of the other models, when all have more
    to do than fits."""
    batch: Annotated[int, Field(ge=1, le=256)] | None = None
    """Most frames a call; nothing: 1 on processors, on an accelerator what is measured to be fastest at the start."""
    fill: Annotated[Seconds, Field(le=1)] = 0.01
    """How long a frame may wait for others to fill its batch."""
    smaller: DetectorSection | None = None
    """A model of the same classes that costs less, such as one with a smaller input: `smaller: people-320.onnx`. It is
    run while there is too much to do, at load level 3."""


def is_loopback(host: str) -> bool:
    """Whether an address to listen at can be reached from this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Web(Settings):
    """The page and its API."""

    host: str = "127.0.0.1"
    """Address to listen at; `0.0.0.0` is every network of this machine, and needs users (`watchpost users add`) or a
    token."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8010
    """TCP port."""
    token: Annotated[SecretStr, Field(min_length=MIN_TOKEN_LENGTH)] | None = None
    """A token with all rights, at least 12 characters: for the first login, and for programs as `Authorization: Bearer
    ...`."""

    @field_validator("token")
    @classmethod
    def _can_be_typed(cls, token: SecretStr | None) -> SecretStr | None:
        value = "" if token is None else token.get_secret_value()
        if value != value.strip() or not value.isprintable():
            raise PydanticCustomError(
                "token", "the token has a space or line break at an end or a sign nobody can type"
            )
        return token


class Analysis(Settings):
    """What is done with a camera's pictures."""

    model: Name = DEFAULT_MODEL
    """One of the names under `models`. Nothing: the only one there, or `watchpost-person` where there is none."""
    classes: frozenset[str] | None = None
    """Classes to look for, such as `[person, car]`; `[]`: all that the model knows; nothing: people, where the model
    knows them."""
    tracker: TrackerSection = Field(default_factory=lambda: TrackerSection.model_validate("bytetrack"))
    """How objects keep their numbers: `{kind: bytetrack}`."""
    max_fps: Fps | None = None
    """Frames to analyse each second at most; nothing: 5 of a live camera, all of a file. 1000 is all of any camera."""
    least_fps: Fps | None = None
    """A live camera is analysed at lower rates than `max_fps`, down to this one, while all that is seen goes its steady
    way; nothing: 2, or always at `max_fps` where that is given."""
    minimum_fps: Fps = 0.2
    """Analysed frames a second that the camera is promised however much there is to do, as long as all promises fit."""
    weight: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    """Its share of the detector's time against that of the other cameras, when there is more to do than fits: 2 gets
    twice as much as 1."""
    rules: tuple[RuleSection, ...] = Field(default_factory=lambda: (RuleSection.model_validate("presence"),))
    """What makes an event: a list such as `[{kind: presence}]`; `[]` for none."""
    gate: GateOptions = GateOptions()
    """When a live camera sleeps: then single pictures are decoded, until something happens. Every frame of a file is
    decoded."""
    decode: DecodeOn = "cpu"
    """What decodes: `cpu`, `cuda` (NVDEC), `vaapi`, or `auto` for a device that is there. What fails falls back to
    the processor, with a line in the log."""
    ring: RingOptions = RingOptions()
    """How much of a live camera's stream is held, so that a camera that wakes goes back to before it woke."""
    recording: RecordingOptions = RecordingOptions()
    """What is recorded of a live camera."""
    timezone: Timezone | None = None
    """Where the camera is, for times that are shown or asked for: a name such as `Asia/Seoul`; nothing: this machine's
    zone."""

    @property
    def live_fps(self) -> float:
        """Frames that are analysed of a live camera, a second at most."""
        return self.max_fps or LIVE_FPS

    @property
    def live_least_fps(self) -> float:
        """Frames that are analysed of a live camera in which somebody is seen, a second at least."""
        return self.least_fps or self.max_fps or LIVE_LEAST_FPS

    @model_validator(mode="after")
    def _rates_in_order(self) -> Self:
        for name in ("least_fps", "minimum_fps"):
            if name in self.model_fields_set and (getattr(self, name) or 0) > self.live_fps:
                raise PydanticCustomError(
                    "rates", "{name} is above max_fps, {most}", {"name": name, "most": f"{self.live_fps:g}"}
                )
        return self


class Defaults(Analysis):
    """What cameras use unless they say otherwise; a camera's own value replaces the one here as a whole."""


class Camera(Analysis):
    """One camera."""

    source: Annotated[str, Field(min_length=1)]
    """Address of the stream (`rtsp://...`, `http://...`, `synthetic:`), or the path of a file or folder."""
    enabled: bool = True
    """`false` keeps the camera in the file and leaves it alone."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the source, such as `{transport: tcp}`; which there are depends on its address."""
    zones: dict[Name, Polygon] = Field(default_factory=dict)
    """Areas by name: `side door: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9]]`, corners as fractions of the picture."""
    lines: dict[Name, Line] = Field(default_factory=dict)
    """Lines by name: `gate line: [[0.2, 0.8], [0.8, 0.8]]`, points as fractions of the picture."""
    masks: dict[Name, Polygon] = Field(default_factory=dict)
    """Areas by name that nobody is ever to see, written as zones are: they are black in everything that is shown,
    recorded, analysed or served. The camera is encoded anew for that, which costs processor time."""
    outputs: tuple[OutputOptions, ...] = ()
    """Where its live stream is handed on to: a list such as `[{url: "rtmp://10.0.0.9/live/KEY"}]`."""

    @property
    def shown_source(self) -> str:
        """The source without its credentials."""
        return redacted(self.source)

    def zone_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The corners (K, 2) of each zone in fractions 0-1."""
        return {name: np.asarray(corners, np.float64) for name, corners in self.zones.items()}

    def line_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The points (K, 2) of each line in fractions 0-1."""
        return {name: np.asarray(points, np.float64) for name, points in self.lines.items()}

    def mask_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The corners (K, 2) of each mask in fractions 0-1."""
        return {name: np.asarray(corners, np.float64) for name, corners in self.masks.items()}

    @field_validator("source")
    @classmethod
    def _known_source(cls, source: str, info: ValidationInfo) -> str:
        source = source_beside_file(source, info.context)
        source_plugin(source)
        return source

    @field_validator("options")
    @classmethod
    def _source_options(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "source" not in info.data:
            return options  # the source has its own error
        checked = checked_options(source_plugin(info.data["source"]).Options, options, info.context)
        return {name: getattr(checked, name) for name in checked.model_fields_set}


class Configuration(Settings):
    """Everything that `watchpost run` needs to know."""

    data: Annotated[Path, Field(validate_default=True)] = Path("watchpost-data")
    """Folder for the event database, queues and snapshots; relative to the configuration file."""
    web: Web = Web()
    """The page and its API."""
    models: dict[Name, ModelSection] = Field(default_factory=dict)
    """Detectors by name: `people: {model: watchpost-person}`."""
    defaults: Defaults = Field(default_factory=Defaults)
    """What cameras use unless they say otherwise."""
    cameras: dict[Name, Camera] = Field(default_factory=dict)
    """The cameras by name; none is allowed, they may be added while the server runs."""
    detection: DetectionOptions = DetectionOptions()
    """How the detectors are run for all cameras together, and what is given up when there is too much to do."""
    sinks: tuple[SinkSection, ...] = ()
    """Where events are sent: a list such as `[{kind: webhook, url: https://...}]`."""
    recordings: StorageOptions = StorageOptions()
    """How much room all recordings together may take; they are in the folder `data`."""
    history: HistoryOptions = HistoryOptions()
    """What the server remembers of itself: states of cameras, load, delays, and where people stood."""
    store: StoreSection = Field(default_factory=lambda: StoreSection.model_validate("sqlite"))
    """Where events are kept."""
    serve: ServeOptions = ServeOptions()
    """What is served to other programs: `{rtsp: {}}` is an RTSP server. Read when the server starts."""
    processes: ProcessCount = AUTO
    """Over how many processes the cameras are spread: a number, 1 for the server's own; `auto`: by the number of
    cameras and of processor cores. Read when the server starts."""

    @field_validator("data")
    @classmethod
    def _beside_file(cls, data: Path, info: ValidationInfo) -> Path:
        return beside_file(data, info.context)

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: object) -> object:
        return with_defaults(data) if isinstance(data, Mapping) else data


def with_defaults(data: Mapping[str, Any]) -> dict[str, Any]:
    """The raw configuration with a model for everybody, and with `defaults` written into every camera."""
    models = data.get("models") or {DEFAULT_MODEL: {"model": DEFAULT_MODEL}}
    defaults = data.get("defaults") or {}
    cameras = data.get("cameras") or {}
    if isinstance(models, Mapping) and len(models) == 1 and isinstance(defaults, Mapping):
        defaults = {"model": next(iter(models)), **defaults}
    if isinstance(cameras, Mapping) and isinstance(defaults, Mapping):
        inherited = {key: value for key, value in defaults.items() if key in Analysis.model_fields}
        cameras = {
            name: {**inherited, **camera} if isinstance(camera, Mapping) else camera for name, camera in cameras.items()
        }
    return {**data, "models": models, "defaults": defaults, "cameras": cameras}
