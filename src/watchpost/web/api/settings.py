"""The configuration: read without credentials, and changed in its file, whose comments and order stay.

The file has a version, as ETag (RFC 9110, section 8.8.3): a change names the one that it is made from in `If-Match`, so
that two people at it do not undo each other's work. The server reads the file again when it has changed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from watchpost.clock import Clock
from watchpost.config import Camera, Configuration, InvalidConfigError, Problem, loads
from watchpost.config.edit import EditError, rewritten, written
from watchpost.config.plugin import PluginSection
from watchpost.config.save import ChangedMeanwhileError, read, save
from watchpost.web.access import Admin
from watchpost.web.answers import refusal
from watchpost.web.far_edits import FarEditError, changed, shown

_MOST: Final = 1000
"""Changes at once."""

Data = dict[str, Any]
IfMatch = Annotated[str | None, Header(max_length=80, description="The ETag of what the change is made from.")]
DryRun = Annotated[bool, Query(description="Only tell whether it would do.")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ShownCamera(_Model):
    """A camera, without credentials."""

    written: Data
    """As it stands in the file; `***` hides credentials, and may be sent back for what was there."""
    effective: Data
    """With all that it takes from `defaults`."""


class ShownSettings(_Model):
    """The configuration, without credentials."""

    version: str
    """What a change names in `If-Match`."""
    file: str
    cameras: dict[str, ShownCamera]
    written: Data
    """All of the file as it stands there, without its cameras."""
    models: list[str]
    """The names of the detectors that cameras may have."""


class Change(_Model):
    """What is to be otherwise, all of it or nothing."""

    set: Annotated[dict[str, Any], Field(max_length=_MOST)] = Field(default_factory=dict)
    """Values by their place, a JSON pointer (RFC 6901) such as `/cameras/gate/zones/side door`."""
    remove: Annotated[list[str], Field(max_length=_MOST)] = Field(default_factory=list)
    """Places whose settings are taken out of the file, before others are set."""


class Saved(_Model):
    """What has come of a change. The server runs by it a few seconds later."""

    version: str


class ShownProblem(_Model):
    """One thing that is wrong with a configuration."""

    line: int
    column: int
    setting: str
    message: str


class Problems(_Model):
    """Why a change was not made."""

    detail: str
    problems: list[ShownProblem]


def router(file: Path, clock: Clock) -> APIRouter:
    """The routes; `file` is the configuration's."""
    routes = APIRouter(prefix="/api/settings", tags=["settings"])
    editor = _Editor(file, clock)

    @routes.get("", summary="The configuration, without credentials")
    def settings(_user: Admin, response: Response) -> ShownSettings:
        found = editor.settings()
        response.headers["ETag"] = f'"{found.version}"'
        return found

    @routes.get("/cameras/{camera}", summary="One camera's settings, without credentials")
    def camera_settings(_user: Admin, camera: str, response: Response) -> ShownCamera:
        found = editor.settings()
        if camera not in found.cameras:
            raise HTTPException(404, "no such camera")
        response.headers["ETag"] = f'"{found.version}"'
        return found.cameras[camera]

    @routes.get("/schema", summary="The JSON Schema of the configuration, with the options of all plugins")
    def schema(_user: Admin) -> Data:
        from watchpost.config.schema import json_schema

        return json_schema()

    refusals: dict[int | str, dict[str, Any]] = {
        409: {"description": "The file can not be changed like this from here."},
        412: {"description": "Somebody else has changed the file meanwhile."},
        422: {"model": Problems, "description": "The configuration would not hold."},
        428: {"description": "Name the version in If-Match."},
    }

    @routes.patch("", summary="Change settings", responses=refusals)
    def change(_user: Admin, given: Change, if_match: IfMatch = None, dry_run: DryRun = False) -> Saved:
        return editor.change(given, if_match, dry_run)

    @routes.patch("/cameras/{camera}", summary="Change one camera; places are within it", responses=refusals)
    def change_camera(
        _user: Admin, camera: str, given: Change, if_match: IfMatch = None, dry_run: DryRun = False
    ) -> Saved:
        place = _camera_place(camera)
        inner = Change(
            set={place + pointer: value for pointer, value in given.set.items()},
            remove=[place + pointer for pointer in given.remove],
        )
        return editor.change(inner, if_match, dry_run, camera)

    @routes.put("/cameras/{camera}", summary="Add a camera, or replace all of its settings", responses=refusals)
    def put_camera(_user: Admin, camera: str, given: Data, if_match: IfMatch = None, dry_run: DryRun = False) -> Saved:
        return editor.change(Change(set={_camera_place(camera): given}), if_match, dry_run)

    @routes.delete("/cameras/{camera}", summary="Remove a camera from the configuration", responses=refusals)
    def remove_camera(_user: Admin, camera: str, if_match: IfMatch = None) -> Saved:
        return editor.change(Change(remove=[_camera_place(camera)]), if_match, False, camera)

    return routes


def answer_errors(app: FastAPI) -> None:
    """The answers to what these routes raise."""

    async def invalid(_request: Request, error: Exception) -> Response:
        problems = error.problems if isinstance(error, InvalidConfigError) else ()
        listed = [_shown_problem(each).model_dump() for each in problems]
        return refusal(" ".join(map(_told, problems)), 422, {"problems": listed})

    app.add_exception_handler(InvalidConfigError, invalid)
    for kind, status in ((FarEditError, 422), (EditError, 409), (ChangedMeanwhileError, 412)):

        async def refused(_request: Request, error: Exception, status: int = status) -> Response:
            return refusal(str(error), status)

        app.add_exception_handler(kind, refused)


class _Editor:
    """One file; changes are made one after the other."""

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()

    def settings(self) -> ShownSettings:
        """What the file says. Raises the refusal where it does not hold: its owner is at it, or has to be."""
        content, version = read(self._file)
        try:
            config = loads(content, self._file.name, self._file.resolve().parent)
        except InvalidConfigError as error:
            raise HTTPException(409, f"the configuration file does not hold; mend it by hand first: {error}") from None
        data = written(content)
        cameras = data.pop("cameras", None) or {}
        return ShownSettings(
            version=version,
            file=self._file.name,
            cameras={
                name: ShownCamera(written=shown(cameras.get(name) or {}), effective=effective(camera))
                for name, camera in config.cameras.items()
            },
            written=shown(data),
            models=_models(config),
        )

    def change(self, given: Change, if_match: str | None, dry_run: bool, camera: str | None = None) -> Saved:
        """Make a change, or only see whether it would do; of a `camera` that has to be there."""
        if if_match is None:
            raise HTTPException(428, "name the version that you change, its ETag, in the header If-Match")
        with self._lock:
            content, version = read(self._file)
            if if_match.removeprefix("W/").strip('"') != version:
                raise ChangedMeanwhileError("the configuration has been changed by somebody else; look at it again.")
            data = written(content)
            if camera is not None and camera not in (data.get("cameras") or {}):
                raise HTTPException(404, "no such camera")
            new = rewritten(content, changed(data, given.set, given.remove), data)
            if dry_run:
                loads(new, self._file.name, self._file.resolve().parent)
                return Saved(version=version)
            return Saved(version=save(self._file, new, version, self._clock.wall_time_s()))


def effective(camera: Camera) -> Data:
    """All settings of a camera, defaults too, in the form in which they are written; without credentials."""
    return {name: shown(_plain(getattr(camera, name)), name) for name in type(camera).model_fields}


def _plain(value: Any) -> Any:
    """A setting as JSON has it; a plugin's options beside its kind, as in the file."""
    if isinstance(value, PluginSection):
        beside = {name: getattr(value, name) for name in type(value).model_fields if name != "options"}
        own = {name: each for name, each in beside.items() if each is not None}
        return own | {name: _plain(getattr(value.options, name)) for name in type(value.options).model_fields}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _models(config: Configuration) -> list[str]:
    return sorted(config.models)


def _camera_place(camera: str) -> str:
    return "/cameras/" + camera.replace("~", "~0").replace("/", "~1")


def _told(problem: Problem) -> str:
    return f"{problem.setting}: {problem.message}." if problem.setting else f"{problem.message}."


def _shown_problem(problem: Problem) -> ShownProblem:
    return ShownProblem(line=problem.line, column=problem.column, setting=problem.setting, message=problem.message)
