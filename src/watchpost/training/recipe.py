"""A training run as one YAML file: everything that makes it what it is, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from watchpost.detectors.card import InputSpec
from watchpost.errors import ConfigError
from watchpost.options import Fraction01, Seconds, Settings
from watchpost.training.weights import located

if TYPE_CHECKING:
    from watchpost.config.document import Document
    from watchpost.training.models.detector import Shape


class DataSet(Settings):
    """One labelled (or not yet labelled) set of pictures."""

    path: Path
    """A folder or file in a format that `watchpost data` reads."""
    repeat: Annotated[float, Field(gt=0, le=100)] = 1.0
    """How often an epoch shows each picture; 0.25 shows a quarter of them, another one each epoch."""
    labels: Literal["given", "teacher"] = "given"
    """`teacher`: all pictures below `path`, with the teacher's boxes, which count as much as it is sure of them."""
    exclude: tuple[str, ...] = ()
    """Patterns of file names that are left out, such as `cam7_*.jpg`: what is too like the pictures measured on."""


class Data(Settings):
    """What is learned from, and what is measured on."""

    classes: tuple[str, ...] | None = None
    """Names of the classes to learn; others are left out. Without it, those of the first set."""
    train: Annotated[tuple[DataSet, ...], Field(min_length=1)]
    val: tuple[DataSet, ...] = ()
    """Without it, `val_share` of the training pictures is held out, the same ones each time."""
    val_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    cache_mb: Annotated[int, Field(ge=0)] = 3000
    """Memory for decoded pictures in MB; what does not fit is decoded each time."""


class Input(Settings):
    """What the network takes: as at inference, so it is written into the model card."""

    width: Annotated[int, Field(ge=64, le=1536, multiple_of=32)] = 384
    """Pixels."""
    height: Annotated[int, Field(ge=64, le=1536, multiple_of=32)] = 384
    """Pixels."""
    fit: Literal["top-left", "centre", "stretch"] = "top-left"
    pad: Annotated[int, Field(ge=0, le=255)] = 114

    @property
    def spec(self) -> InputSpec:
        """As the detectors' room writes it down: BGR 0-255, colour first."""
        return InputSpec(width=self.width, height=self.height, fit=self.fit, pad=self.pad, colour="bgr")


class Model(Settings):
    """The shape of our detector (`models/detector.py`)."""

    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    depth: Annotated[float, Field(gt=0, le=8)] = 1.0
    bins: Annotated[int, Field(ge=4, le=32)] = 12
    strides: tuple[int, ...] = (8, 16, 32)

    @model_validator(mode="after")
    def _can_be_built(self) -> Model:
        self.shape(("object",))
        return self

    def shape(self, class_names: tuple[str, ...]) -> Shape:
        """What the network is built from."""
        from watchpost.training.models.detector import Shape

        return Shape(class_names, self.width, self.depth, self.bins, self.strides)


class Classic(Settings):
    """A detector of torchvision (`models/classics.py`); needs the extra `zoo`."""

    family: str
    """ssd300, ssdlite320, faster-rcnn, retinanet, fcos, mask-rcnn or keypoint-rcnn."""
    backbone: str | None = None
    """Without it, the published one."""
    pretrained: str | None = None
    """`coco` or `imagenet` from torchvision's hub, or a file of weights."""


def _kind(value: Any) -> str:
    has_family = "family" in value if isinstance(value, Mapping) else isinstance(value, Classic)
    return "classic" if has_family else "own"


AnyModel = Annotated[
    Annotated[Model, Tag("own")] | Annotated[Classic, Tag("classic")],
    Discriminator(_kind),
]


class Augment(Settings):
    """How pictures are varied: probabilities 0-1 unless said otherwise. `augment.py` says what each does."""

    flip: Fraction01 = 0.5
    """Mirrored left to right."""
    scale: tuple[float, float] = (0.5, 1.5)
    """Zoom, from and to; 1 is the letterbox of inference. What is too large is cropped, at random."""
    aspect: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """How much wider or narrower at most."""
    rotate: Annotated[float, Field(ge=0, le=45)] = 3.0
    """Degrees at most, to either side."""
    shear: Annotated[float, Field(ge=0, le=30)] = 2.0
    """Degrees at most, to either side."""
    mosaic: Fraction01 = 0.5
    mixup: Fraction01 = 0.1
    cutmix: Fraction01 = 0.0
    copy_paste: Fraction01 = 0.0
    colour: Fraction01 = 0.8
    grey: Fraction01 = 0.1
    """Without colour, as infrared cameras see."""
    blur: Fraction01 = 0.1
    noise: Fraction01 = 0.1
    jpeg: Fraction01 = 0.2
    random_choice: Annotated[int, Field(ge=0, le=7)] = 0
    """This many more of all the changes of appearance, chosen at random (RandAugment)."""
    strength: Fraction01 = 0.5
    """How far changes of appearance go."""
    plain_epochs: Annotated[int, Field(ge=0)] = 0
    """The last epochs go without mosaic, mixup, cutmix and copy_paste, so that the network ends on real pictures."""

    @field_validator("scale")
    @classmethod
    def _rises(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.05 <= value[0] <= value[1] <= 20:
            raise ValueError("write the least and the greatest zoom, such as [0.5, 1.5]")
        return value

    @property
    def mixes(self) -> bool:
        """Whether any sample takes more than one picture."""
        return max(self.mosaic, self.mixup, self.cutmix, self.copy_paste) > 0


class Teacher(Settings):
    """Another detector, whose answers are learned from."""

    model: Path
    """An .onnx file with a model card."""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """The least score of a pseudo-label."""
    distil: Fraction01 = 0.0
    """Weight of what it sees in labelled pictures where people saw nothing; 0 leaves those out."""


def _parts(values: tuple[str, ...]) -> tuple[str, ...]:
    known = ("backbone", "stem", "stage8", "stage16", "stage32", "neck")
    for value in values:
        if value not in known:
            raise ValueError(f"there is no {value!r}; there are: {', '.join(known)}")
    return values


class Recipe(Settings):
    """One training run."""

    name: Annotated[str, Field(min_length=1)]
    """How the model will be called."""
    data: Data
    input: Input = Input()
    model: AnyModel | None = None
    """Our own detector's shape, or a classic's `family`. Without it, as in `init_from`, or our default."""
    augment: Augment = Augment()

    epochs: Annotated[int, Field(ge=1)] = 100
    batch: Annotated[int, Field(ge=1)] = 16
    """Pictures a step, over all processes."""
    optimiser: Literal["adamw", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 0.002
    """Learning rate at its height."""
    lr_final: Fraction01 = 0.02
    """Where the cosine ends, as a share of `lr`."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD, and the first beta of AdamW."""
    clip_norm: Annotated[float, Field(gt=0)] = 10.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the weights' moving average, which is what is measured and shipped; 0 turns it off."""
    amp: Literal["off", "auto", "bf16", "fp16"] = "auto"
    """Mixed precision: `auto` takes it on GPUs, and on CPUs that compute in bfloat16."""
    channels_last: bool = True

    evaluate_every: Annotated[int, Field(ge=1)] = 5
    """Epochs; the last one is always measured."""
    best_by: Literal["ap", "ap50"] = "ap"
    patience: Annotated[int, Field(ge=0)] = 0
    """Stop after this many evaluations without a new best; 0 never stops early."""
    save_every: Seconds = 300.0
    """A checkpoint at least so often, besides those at the end of each epoch."""

    init_from: Path | None = None
    """A checkpoint to begin with, or the name of one that comes along: transfer learning."""
    freeze: Annotated[tuple[str, ...], AfterValidator(_parts)] = ()
    """Parts that keep their weights: backbone, or of ours stem, stage8, stage16, stage32, neck."""
    lr_backbone: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The backbone's learning rate as a share of the others'."""
    teacher: Teacher | None = None

    seed: Annotated[int, Field(ge=0)] = 0
    deterministic: bool = False
    """The same numbers each time on the same machine, at some cost of speed on GPUs."""
    workers: Annotated[int, Field(ge=0)] = 2
    """Threads that prepare pictures; 0 prepares them between the steps."""

    @model_validator(mode="after")
    def _teacher_is_there(self) -> Recipe:
        sets = (*self.data.train, *self.data.val)
        if self.teacher is None and any(each.labels == "teacher" for each in sets):
            raise ValueError("labels: teacher needs a teacher: section")
        if any(each.labels == "teacher" for each in self.data.val):
            raise ValueError("data.val: a teacher's labels are no ground truth to measure on")
        return self


def load_recipe(path: Path, environment: Mapping[str, str] | None = None) -> Recipe:
    """The recipe in a YAML file; `${NAME}` is taken from the environment, paths are relative to the file.

    Raises `ConfigError`, naming file and line, for a recipe that can not be read or that is not valid.
    """
    from watchpost.config.document import parse

    try:
        document = parse(path.read_bytes(), os.environ if environment is None else environment)
    except OSError as error:
        raise ConfigError(f"{path} can not be read: {error.strerror}.") from None
    if document.faults:
        raise ConfigError("; ".join(f"{path}:{each.position.line}: {each.message}" for each in document.faults[:5]))
    if not isinstance(document.data, dict):
        raise ConfigError(f"{path} is no recipe: expected at least name and data.")
    try:
        recipe = Recipe.model_validate(document.data)
    except ValidationError as error:
        raise ConfigError("; ".join(_explain(path, document, dict(each)) for each in error.errors())) from None
    return relative_to(recipe, path.parent.resolve())


def relative_to(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with its relative paths taken from `folder`."""

    def sets(each: tuple[DataSet, ...]) -> tuple[DataSet, ...]:
        return tuple(one.model_copy(update={"path": folder / one.path}) for one in each)

    changes: dict[str, Any] = {
        "data": recipe.data.model_copy(update={"train": sets(recipe.data.train), "val": sets(recipe.data.val)})
    }
    if recipe.init_from is not None:
        changes["init_from"] = located(recipe.init_from, folder)
    if isinstance(recipe.model, Classic) and recipe.model.pretrained not in (None, "coco", "imagenet"):
        changes["model"] = recipe.model.model_copy(update={"pretrained": str(folder / recipe.model.pretrained)})
    if recipe.teacher is not None:
        changes["teacher"] = recipe.teacher.model_copy(update={"model": folder / recipe.teacher.model})
    return recipe.model_copy(update=changes)


def as_yaml(recipe: Recipe) -> str:
    """The recipe as a file that `load_recipe` reads, without what is left at its default."""
    import io

    from ruamel.yaml import YAML

    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.dump(recipe.model_dump(mode="json", exclude_defaults=True), text)
    return text.getvalue()


def _explain(path: Path, document: Document, error: dict[str, Any]) -> str:
    """One validation error with the line of the innermost setting that the file does have."""
    place: tuple[Any, ...] = tuple(error["loc"])
    if place[:1] == ("model",) and place[1:2] in (("own",), ("classic",)):
        place = ("model", *place[2:])  # pydantic's name for the kind; the file has no such level
    around = place
    while around and around not in document.keys:
        around = around[:-1]
    line = document.keys[around].line if around else 1
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"there is no such setting; {_known(place)}"
    return f"{path}:{line}: {'.'.join(map(str, place)) or 'recipe'}: {message}"


def _known(place: tuple[Any, ...]) -> str:
    from watchpost.config.validate import did_you_mean

    model: type[Settings] = Recipe
    sections: dict[str, type[Settings]] = {
        "data": Data, "input": Input, "model": Model, "augment": Augment, "teacher": Teacher,
        "train": DataSet, "val": DataSet,
    }  # fmt: skip
    for part in place[:-1]:
        model = sections.get(part, model)
    return did_you_mean(str(place[-1]), model.model_fields)
