"""A part of the configuration that chooses a plugin by its name and carries that plugin's own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import (
    ModelWrapValidatorHandler,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from watchpost import plugins
from watchpost.errors import WatchpostError
from watchpost.options import Options, Settings

STANDARD_STREAM: Final = Path("-")
"""Where a path is asked for: the standard input or output."""


class PluginSection(Settings):
    """`{kind: NAME, option: value, ...}`, or the name alone.

    Errors in the plugin's options come as one pydantic error of type `options` whose context holds the list
    of them, so that the reader of the file can point at each (see `watchpost.config.validate`).
    """

    room: ClassVar[str]
    """The room that the plugin is looked up in."""
    beside_options: ClassVar[tuple[str, ...]] = ("kind",)
    """What is written in the same place as the plugin's options."""

    kind: str
    """Name of the plugin."""
    options: SerializeAsAny[Options]
    """The plugin's own options."""

    @classmethod
    def expanded(cls, data: object) -> object:
        """Raw settings with short forms written out."""
        return {"kind": data} if isinstance(data, str) else data

    @classmethod
    def choosing_setting(cls, data: object) -> str:  # noqa: ARG003 - see `ModelSection`
        """Which of these raw settings chooses the plugin."""
        return "kind"

    @model_validator(mode="wrap")
    @classmethod
    def _load_plugin(cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        setting = cls.choosing_setting(data)
        data = cls.expanded(data)
        if not isinstance(data, Mapping) or isinstance(data.get("options"), Options):
            return handler(data)
        own = {key: value for key, value in data.items() if key in cls.model_fields and key != "options"}
        rest = {key: value for key, value in data.items() if key not in own}
        chosen = handler({**own, "options": Options()})
        try:
            module = plugins.load(cls.room, chosen.kind)
        except WatchpostError as error:
            context = {"reason": str(error), "setting": setting}
            raise PydanticCustomError("plugin", "{reason}", context) from None
        except Exception as error:  # somebody else's plugin, whose import may fail in any way
            reason = f"the plugin {chosen.kind} can not be imported: {type(error).__name__}: {error}"
            context = {"reason": reason, "setting": setting}
            raise PydanticCustomError("plugin", "{reason}", context) from None
        return handler({**own, "options": checked_options(module.Options, rest, info.context, cls.beside_options)})


def checked_options(options: type[Options], data: object, context: Any, other_settings: Iterable[str] = ()) -> Options:
    """`data` as a plugin's options; what is wrong becomes one pydantic error of type `options`.

    `other_settings` may stand at the same place in the file; they are offered to who misspells one. Relative
    paths that are written in `data` become relative to the validation context's `folder`; defaults stay as
    they are, for the runtime to put into the data folder.
    """
    try:
        checked = options.model_validate(data, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False)
        meanings: dict[str, str] = dict.fromkeys(other_settings, "")
        meanings |= {name: each.description or "" for name, each in options.model_fields.items()}
        raise PydanticCustomError(
            "options", "the options do not fit", {"errors": found, "meanings": meanings}
        ) from None
    written = {name: getattr(checked, name) for name in checked.model_fields_set}
    files = {name: value for name, value in written.items() if isinstance(value, Path) and value != STANDARD_STREAM}
    paths = {name: beside_file(file, context) for name, file in files.items()}
    return checked.model_copy(update=paths)


def beside_file(path: Path, context: Any) -> Path:
    """`path`, relative to the folder of the configuration file, which the validation context names."""
    if "\0" in str(path):
        raise PydanticCustomError("path", "a path can not hold the character 0; take it away")
    try:
        return Path((context or {}).get("folder", ""), path.expanduser())
    except RuntimeError:
        raise PydanticCustomError("path", "~ stands for no home folder here; write the whole path") from None
