"""Models by name: those that come along, those in the user's folder, and those that can be fetched."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from watchpost import plugins
from watchpost.detectors import card as cards
from watchpost.detectors.card import ModelCard
from watchpost.errors import ConfigError
from watchpost.plugins import missing_extra, model_folder

Origin = Literal["shipped", "installed", "remote", "card"]

_HUB: Final = re.compile(r"hf://(?P<repository>[^/\s]+/[^/\s]+)/(?P<file>[^@\s]+\.onnx)(?:@(?P<revision>[\w./-]+))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Progress = Callable[[int, int | None], None]
"""Told of bytes that have come and of all there are, where the server says it."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One row of `watchpost models list`."""

    card: ModelCard
    file: Path | None
    """The .onnx file on this machine."""
    origin: Origin
    """`shipped` with Watchpost, `installed` in the user's folder, `remote`: can be pulled, `card`: bring the file."""


def known_models() -> list[KnownModel]:
    """Every model that has a card, by name; an installed one hides a shipped or remote one of its name.

    Raises `ConfigError` for a card in the user's folder that is not valid.
    """
    found: dict[str, KnownModel] = {}
    for path in sorted(cards.SHIPPED.glob("*.yaml")):
        card = cards.load_card(path)
        file = path.parent / card.file if card.file else path.with_suffix(".onnx")
        if file.is_file():
            found[card.name] = KnownModel(card, file, "shipped")
        else:
            found[card.name] = KnownModel(card, None, "remote" if card.remote else "card")
    for path in sorted(model_folder().glob("*.card.yaml")):
        card = cards.load_card(path)
        file = path.with_name(path.name.removesuffix(".card.yaml") + ".onnx")
        if file.is_file():
            found[card.name] = KnownModel(card, file, "installed")
    return [found[name] for name in sorted(found)]


def known_model(name: str) -> KnownModel:
    """The model of that name. Raises `ConfigError` with the names there are."""
    for model in known_models():
        if model.card.name == name:
            return model
    raise explain_unknown(name)


def explain_unknown(name: str) -> ConfigError:
    """What to tell somebody whose model can not be opened by its name."""
    models = known_models()
    for model in models:
        if model.card.name == name and model.origin == "remote":
            return ConfigError(f"{name} is not on this machine yet: fetch it with watchpost models pull {name}.")
        if model.card.name == name and model.origin == "card":
            return ConfigError(
                f"{name} is known, but its file is not here: give {model.card.file} itself as the model, "
                f"or install it with watchpost models add {model.card.file}."
            )
    here = [*plugins.names("detectors"), *(model.card.name for model in models if model.file is not None)]
    here = [each for each in here if each not in ("onnx", "openvino")]  # these need a file
    return ConfigError(
        f"there is no model {name!r}; there are: {', '.join(here)} (watchpost models list), or give an .onnx file."
    )


def add(file: Path, card: ModelCard | None = None, *, name: str | None = None, replace: bool = False) -> KnownModel:
    """Copy an .onnx file and its card into the user's folder, where `name` (or the card's) opens it from then on.

    Raises `ConfigError` for a file without card, one whose contents the card does not describe, one that can not
    be opened with that card, and for a name that is taken unless `replace` says so.
    """
    if card is None:
        file, card = cards.resolve(file)
    elif not file.is_file():
        raise ConfigError(f"there is no model file {file}.")
    name = name or card.name
    if not _NAME.fullmatch(name) or name in plugins.names("detectors"):
        raise ConfigError(
            f"a model can not be called {name!r}: letters, digits, dot, dash and underscore, and no "
            "detector's name; choose one with --name."
        )
    digest = cards.file_sha256(file)
    if card.sha256 not in (None, digest):
        raise ConfigError(
            f"{file} is not the file that the card {card.name} describes: its SHA-256 is {digest}, the "
            f"card says {card.sha256}."
        )
    folder = model_folder()
    target = folder / f"{name}.onnx"
    if target.exists() and not replace:
        raise ConfigError(f"there is a model {name} already ({target}); replace it with --replace.")
    installed = card.model_copy(update={"name": name, "file": Path(target.name), "sha256": digest})
    try:
        with _staging(".adding-") as staging:
            staged = staging / target.name
            shutil.copyfile(file, staged)
            staged_card = staged.with_suffix(".card.yaml")
            cards.save_card(installed, staged_card)
            _try_out(staged)
            staged_card.replace(target.with_suffix(".card.yaml"))
            staged.replace(target)
    except OSError as error:
        raise ConfigError(f"{folder} can not be written: {error.strerror}.") from None
    return KnownModel(installed, target, "installed")


def pull(
    wanted: str,
    card: ModelCard | None = None,
    *,
    name: str | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> KnownModel:
    """Fetch a model and install it: the name of a remote one, or an address with the card that describes it.

    An address is `hf://OWNER/REPOSITORY/FILE.onnx`, with `@REVISION` behind it where it matters, or a web address.
    Raises `ConfigError` where it is not known, can not be fetched, or is not what its card says;
    `MissingExtraError` for hf:// without huggingface_hub.
    """
    address = wanted
    if "://" not in wanted:
        model = known_model(wanted)
        card = card or model.card
        if card.remote is None:
            raise ConfigError(
                f"it is not known where {wanted} can be fetched; give its address: hf://OWNER/REPOSITORY/FILE.onnx."
            )
        address = card.remote
    elif card is None:
        card = next((model.card for model in known_models() if model.card.remote == address), None)
        if card is None:
            raise ConfigError(
                f"{address} is none of the models that Watchpost knows: describe it with --card CARD.yaml"
                " (docs/models.md)."
            )
    with _staging(".pulling-") as folder:
        if address.startswith("hf://"):
            file = _from_hub(address, folder)
        elif address.startswith(("http://", "https://")):
            file = _from_web(address, folder / "model.onnx", progress)
        else:
            raise ConfigError(
                f"{address} is no address of a model: expected hf://OWNER/REPOSITORY/FILE.onnx or https://."
            )
        return add(file, card, name=name, replace=replace)


@contextmanager
def _staging(prefix: str) -> Iterator[Path]:
    """A folder for the time being, on the disk that the models are on. Raises `ConfigError` where there can be none."""
    folder = model_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(dir=folder, prefix=prefix)
    except OSError as error:
        raise ConfigError(f"{folder} can not be written: {error.strerror}.") from None
    with staging as name:
        yield Path(name)


def _from_hub(address: str, folder: Path) -> Path:
    """Fetch with huggingface_hub, which keeps to HF_ENDPOINT, HF_TOKEN and the proxy's settings."""
    parts = _HUB.fullmatch(address)
    if parts is None:
        raise ConfigError(
            f"{address} is no address of a model: expected hf://OWNER/REPOSITORY/FILE.onnx, perhaps with @REVISION."
        )
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    try:
        return Path(
            hf_hub_download(
                parts["repository"],
                parts["file"],
                revision=parts["revision"],
                local_dir=folder,
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        )
    except (OSError, ValueError) as error:  # its own errors are of these kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(f"{address} can not be fetched: {reason}") from None


def _from_web(address: str, target: Path, progress: Progress | None) -> Path:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(address, timeout=30) as answer, target.open("wb") as file:  # noqa: S310 - http(s), checked before
            length = answer.headers.get("Content-Length")
            total, done = int(length) if length else None, 0
            while block := answer.read(1 << 20):
                file.write(block)
                done += len(block)
                if progress is not None:
                    progress(done, total)
    except (URLError, OSError, ValueError) as error:
        raise ConfigError(f"{address} can not be fetched: {error}") from None
    if total is not None and done != total:
        raise ConfigError(f"{address} can not be fetched: {done} of {total} bytes came; try again.")
    return target


def _try_out(file: Path) -> None:
    """Open the model as everybody will; the detector checks its card against the network."""
    from watchpost.detectors import open_detector

    with closing(open_detector(str(file))):
        pass
