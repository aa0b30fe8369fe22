"""A part of the configuration that chooses a plugin by its name and carries that plugin's own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel as PydanticModel
from pydantic import (
    ConfigDict,
    ModelWrapValidatorHandler,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from watchpost import plugins
from watchpost.errors import WatchpostError
from watchpost.options import Options


class Section(PydanticModel):
    """The base of everything in the file: unknown keys are errors, nothing changes after validation."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        # A wrong value may be a password: pydantic's own messages must not quote it.
        hide_input_in_errors=True,
    )


class PluginSection(Section):
    """`{kind: NAME, option: value, ...}`, or the name alone.

    Errors in the plugin's options come as one pydantic error of type `options` whose context holds the list
    of them, so that the reader of the file can point at each (see `watchpost.config.validate`).
    """

    room: ClassVar[str]
    """The room that the plugin is looked up in."""

    kind: str
    """Name of the plugin."""
    options: SerializeAsAny[Options]
    """The plugin's own options."""

    @classmethod
    def expanded(cls, data: object) -> object:
        """Raw settings with short forms written out."""
        return {"kind": data} if isinstance(data, str) else data

    @model_validator(mode="wrap")
    @classmethod
    def _load_plugin(cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        data = cls.expanded(data)
        if not isinstance(data, Mapping) or "options" in data:
            return handler(data)
        own_settings = cls.model_fields.keys() - {"options"}
        own = {key: value for key, value in data.items() if key in own_settings}
        rest = {key: value for key, value in data.items() if key not in own}
        chosen = handler({**own, "options": Options()})
        try:
            module = plugins.load(cls.room, chosen.kind)
        except WatchpostError as error:
            raise PydanticCustomError("plugin", "{reason}", {"reason": str(error)}) from None
        except Exception as error:  # somebody else's plugin, whose import may fail in any way
            reason = f"the plugin {chosen.kind} can not be imported: {type(error).__name__}: {error}"
            raise PydanticCustomError("plugin", "{reason}", {"reason": reason}) from None
        return handler({**own, "options": checked_options(module.Options, rest, info.context, [*own_settings])})


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
        known = [*options.model_fields, *other_settings]
        raise PydanticCustomError("options", "the options do not fit", {"errors": found, "known": known}) from None
    written = {name: getattr(checked, name) for name in checked.model_fields_set}
    paths = {name: beside_file(value, context) for name, value in written.items() if isinstance(value, Path)}
    return checked.model_copy(update=paths)


def beside_file(path: Path, context: Any) -> Path:
    """`path`, relative to the folder of the configuration file, which the validation context names."""
    try:
        return Path((context or {}).get("folder", ""), path.expanduser())
    except RuntimeError:
        raise PydanticCustomError("path", "~ stands for no home folder here; write the whole path") from None
