"""Model cards: a small YAML file beside an .onnx file that says how to feed it and how to read its answer."""

from __future__ import annotations

import hashlib
import logging
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError

from watchpost import options
from watchpost.detectors.classes import COCO80, COCO91
from watchpost.detectors.families import Family
from watchpost.detectors.families.base import InputSize
from watchpost.errors import ConfigError

if TYPE_CHECKING:
    from watchpost.config.document import Document

SHIPPED: Final = Path(__file__).parent / "cards"
"""Cards of well-known models; the models themselves are not part of the package."""

CARD_SUFFIXES: Final = (".yaml", ".yml")

_log = logging.getLogger(__name__)


def _number(value: Any) -> Any:
    """`1/255` as a number; whatever else is left for pydantic to judge."""
    if isinstance(value, str):
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            return value
    return value


def _classes(value: Any) -> Any:
    return {"coco80": COCO80, "coco91": COCO91}.get(value, value) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_number)]
PerChannel = tuple[Number, Number, Number]


class InputSpec(options.Options):
    """How a picture becomes the network's input."""

    width: int = Field(ge=1)
    """Pixels."""
    height: int = Field(ge=1)
    """Pixels."""
    fit: Literal["top-left", "centre", "stretch"]
    """Keep the proportions and pad right and below (`top-left`) or all around (`centre`), or `stretch`."""
    pad: int = Field(default=114, ge=0, le=255)
    """Grey value of the padding, 0-255."""
    colour: Literal["bgr", "rgb"]
    """Order of the colours."""
    scale: Number = 1.0
    """What pixels 0-255 are multiplied with first; `1/255` may be written so."""
    mean: PerChannel = (0.0, 0.0, 0.0)
    """Subtracted after scaling, in the order of `colour`."""
    std: PerChannel = (1.0, 1.0, 1.0)
    """Divided by after that, in the order of `colour`."""
    layout: Literal["nchw", "nhwc"] = "nchw"
    """Order of the axes: batch, colour, row, column; or colour last."""
    stride: int | None = Field(default=None, ge=1)
    """For files that leave height and width open: sides are multiples of this, and no larger than the picture needs, so
    that no time goes into padding."""

    @property
    def size(self) -> InputSize:
        """Width and height in pixels."""
        return InputSize(self.width, self.height)


class ModelCard(options.Options):
    """One detection model: what it is, how to run it, where it comes from."""

    name: str
    """How results and logs call it."""
    file: Path | None = None
    """The .onnx file, relative to the card; needed where the card is what `--model` names."""
    input: InputSpec
    decode: Family
    """The decoding family and its settings."""
    classes: Annotated[tuple[str, ...], BeforeValidator(_classes)] = Field(min_length=1)
    """Names in the order of the model's class numbers, or `coco80` or `coco91`."""
    confidence: float = Field(default=0.3, gt=0, lt=1)
    """The least score of a detection, unless the user asks for another."""
    iou: float = Field(default=0.5, gt=0, le=1)
    """Boxes of a class that overlap by more than this are one object."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    licence: str
    """Of the weights, an SPDX identifier where there is one."""
    source: str
    """Where the weights come from."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the .onnx file."""
    remote: str | None = Field(default=None, pattern="^(hf|https?)://")
    """Where `watchpost models pull` gets the .onnx file: `hf://OWNER/REPOSITORY/FILE@REVISION` or a web address."""
    note: str | None = None
    """What a user should know first, in a sentence or two."""


def load_card(path: Path) -> ModelCard:
    """The card in a YAML file.

    Raises `ConfigError`, naming file and line, for a card that can not be read or that is not valid.
    """
    from watchpost.config.document import parse

    try:
        document = parse(path.read_bytes(), {})
    except OSError as error:
        raise ConfigError(f"{path} can not be read: {error.strerror}.") from None
    if document.faults:
        fault = document.faults[0]
        raise ConfigError(f"{path}:{fault.position.line}: {fault.message}.")
    if not isinstance(document.data, dict):
        raise ConfigError(f"{path} is no model card: expected name, input, decode, classes, licence and source.")
    try:
        return ModelCard.model_validate(document.data)
    except ValidationError as error:
        problems = (_explain(path, document, dict(each)) for each in error.errors())
        raise ConfigError("; ".join(problems)) from None


def save_card(card: ModelCard, path: Path) -> None:
    """Write a card as YAML, without what is default. Raises `ConfigError` where that can not be."""
    from io import StringIO

    from ruamel.yaml import YAML

    text = StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(card.model_dump(mode="json", exclude_defaults=True), text)
    try:
        path.write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} can not be written: {error.strerror}.") from None


def _explain(path: Path, document: Document, error: dict[str, Any]) -> str:
    """One validation error with the line of the innermost setting that the file does have."""
    place = list(error["loc"])
    if place[0] == "decode":
        del place[1:2]  # pydantic's name for the family; the file has no such level
    around = tuple(place)
    while around and around not in document.keys:
        around = around[:-1]
    line = document.keys[around].line if around else 1
    return f"{path}:{line}: {'.'.join(map(str, place))}: {error['msg']}"


def resolve(model: Path) -> tuple[Path, ModelCard]:
    """The .onnx file and the card of what a user named as model: the file itself, or a card that names it.

    Raises `ConfigError` when file or card are missing or not valid.
    """
    if model.suffix in CARD_SUFFIXES:
        card = load_card(model)
        if card.file is None:
            raise ConfigError(f"{model} names no model file: add 'file: NAME.onnx' to the card.")
        file = model.parent / card.file
        if not file.is_file():
            raise ConfigError(f"{model} names the model file {file}, which is not there.")
        return file, card
    if not model.is_file():
        raise ConfigError(f"there is no model file {model}.")
    return model, find_card(model)


def find_card(model: Path) -> ModelCard:
    """The card of an .onnx file: beside it as `<stem>.card.yaml`, or a shipped one of its contents or file name.

    Raises `ConfigError` when there is none, or when it is not valid.
    """
    beside = model.with_suffix(".card.yaml")
    if beside.is_file():
        return load_card(beside)
    shipped = [load_card(path) for path in sorted(SHIPPED.glob("*.yaml"))]
    digest = file_sha256(model)
    for card in shipped:
        if card.sha256 == digest:
            return card
    for card in shipped:
        if card.file is not None and card.file.stem.lower() == model.stem.lower():
            _log.warning("%s is another file than the shipped card %s describes", model, card.name)
            return card
    raise ConfigError(
        f"{model} has no model card: describe its input and output in {beside} "
        f"(docs/models.md has an example for each family), or name a card with --model CARD.yaml."
    )


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises `ConfigError` where it can not be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} can not be read: {error.strerror}.") from None
