"""`watchpost models export`: from a checkpoint to an .onnx file with its model card, in float32 or int8."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from watchpost.detectors import Backend
    from watchpost.detectors.card import InputSpec, ModelCard
    from watchpost.detectors.compare import Agreement
    from watchpost.training.models.detector import Detector
    from watchpost.types import Detections, Frame

_CHECKED_PICTURES = 50
"""On how many pictures int8 is compared with float32; more of them would only take longer."""


class Precision(StrEnum):
    """What an exported file computes in."""

    FP32 = "fp32"
    INT8 = "int8"


def export(
    model: Annotated[Path, typer.Argument(help="A checkpoint of `watchpost train`; for int8 also an .onnx file.")],
    output: Annotated[Path, typer.Option(help="The .onnx file to write; its card is written beside it.")],
    precision: Annotated[Precision, typer.Option(help="Compute in float32 or in int8.")] = Precision.FP32,
    pictures: Annotated[
        Path | None,
        typer.Option(help="For int8: a folder of pictures like those of the model's work.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many of them set the ranges of int8.")] = 128,
    name: Annotated[str | None, typer.Option(help="What the card calls it.", show_default="the file's name")] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of the weights, an SPDX identifier.", show_default="not stated")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Where the weights come from.", show_default="the checkpoint's name")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(min=0.01, max=0.99, help="The least score of a detection, for the card.", show_default="0.3"),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="A labelled data set: make scores the probability of being right there.", show_default=False),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
) -> None:
    """Export a trained detector to ONNX, check that it says the same as the checkpoint, and write its card.

    The file takes any number of pictures at once and gives decoded boxes and scores. In int8 one file serves ONNX
    Runtime and OpenVINO; it is compared with float32 on other pictures of the folder where there are enough.

    Examples:

        watchpost models export runs/people/best.pt --output people.onnx --licence Apache-2.0

        watchpost models export runs/people/best.pt --output people.onnx --calibrate person/val

        watchpost models export best.pt --output people-int8.onnx --precision int8 --pictures person/train/images

        watchpost models export people.onnx --output people-int8.onnx --precision int8 --pictures person/train/images
    """
    import tempfile

    from watchpost.errors import WatchpostError

    is_onnx = model.suffix.lower() == ".onnx"
    if precision is Precision.FP32 and is_onnx:
        raise WatchpostError(f"{model} is exported already; for int8 add --precision int8 --pictures FOLDER.")
    if precision is Precision.INT8 and pictures is None:
        raise WatchpostError("int8 needs pictures to measure its ranges on: --pictures FOLDER.")
    if output.suffix.lower() != ".onnx" or not output.parent.is_dir():
        raise WatchpostError(f"{output} must be an .onnx file in a folder that is there.")
    if output.exists() and model.exists() and output.samefile(model):
        raise WatchpostError(f"{output} is the model itself; give another --output.")
    if calibrate is not None and is_onnx:
        raise WatchpostError("--calibrate works on a checkpoint: export it to float32 with it first.")
    stated = _Stated(name or output.stem, licence, source, confidence)
    if pictures is None:
        _export_float(model, output, stated, calibrate, threads)
        return
    with tempfile.TemporaryDirectory(prefix="watchpost-") as folder:
        float_file = model
        if not is_onnx:
            float_file = Path(folder) / "float.onnx"
            _export_float(model, float_file, stated, calibrate, threads)
        _export_int8(float_file, output, stated, _pick(pictures, count), threads)


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the user says about the model."""

    name: str
    licence: str | None
    source: str | None
    confidence: float | None

    def on(self, card: ModelCard) -> ModelCard:
        """The card with what was said in it."""
        said = {"name": self.name, "licence": self.licence, "source": self.source, "confidence": self.confidence}
        return card.model_copy(update={key: value for key, value in said.items() if value is not None})


def _export_float(model: Path, output: Path, stated: _Stated, calibrate: Path | None, threads: int | None) -> None:
    from watchpost.detectors.card import save_card
    from watchpost.detectors.network import usable_cores
    from watchpost.detectors.onnx import OnnxEngine
    from watchpost.plugins import missing_extra

    try:
        from watchpost.training import checkpoint
        from watchpost.training.export import card_for, export_onnx, input_of, parity, parity_inputs, serving_of
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None

    loaded = checkpoint.load(model)
    spec = loaded.recipe.input.spec
    network = loaded.network()
    if calibrate is not None:
        network = _calibrated(loaded.detector(), spec, calibrate)
    serving = serving_of(network, spec)
    export_onnx(serving, output, spec)
    engine = OnnxEngine(output, threads=threads or usable_cores(), providers=("cpu",))
    found = parity(serving, engine, parity_inputs(spec))
    engine.close()
    typer.echo(
        f"parity with the checkpoint over {found.pictures} pictures: boxes within {found.box_px:.2g} px, "
        f"scores within {found.score:.2g}"
    )
    found.check()
    card = card_for(
        loaded.class_names,
        output,
        input_of(serving, spec),
        name=stated.name,
        licence="not stated",
        source=f"trained with Watchpost ({model.name})",
    )
    save_card(stated.on(card), output.with_suffix(".card.yaml"))


def _calibrated(network: Detector, spec: InputSpec, data: Path) -> Detector:
    from watchpost.datasets.detect_format import read
    from watchpost.training.calibrate import calibrated, fit, outcomes

    dataset = read(data).of_classes(network.class_names)
    scores, is_right = outcomes(network, dataset, spec)
    found = fit(scores, is_right)
    typer.echo(
        f"scores are now the probability of being right on {dataset.name} ({len(scores)} boxes): "
        f"0.3, 0.5 and 0.7 have become {', '.join(f'{found.of(each):.2f}' for each in (0.3, 0.5, 0.7))}"
    )
    return calibrated(network, found)


def _export_int8(
    float_file: Path, output: Path, stated: _Stated, chosen: tuple[list[Path], list[Path]], threads: int | None
) -> None:
    from rich.console import Console
    from rich.progress import track

    from watchpost.detectors.card import file_sha256, resolve, save_card
    from watchpost.detectors.quantise import quantise

    _, card = resolve(float_file)
    measured_on, compared_on = chosen
    console = Console(stderr=True)
    frames = (_frame(path).picture for path in track(measured_on, "ranges", console=console, transient=True))
    quantise(float_file, output, card.input, frames)
    changes = {
        "file": Path(output.name),
        "precision": "int8",
        "sha256": file_sha256(output),
        "remote": None,
    }
    save_card(stated.on(card.model_copy(update=changes)), output.with_suffix(".card.yaml"))
    _compare(float_file, output, [_frame(path) for path in compared_on], threads)


def _compare(float_file: Path, int8_file: Path, frames: Sequence[Frame], threads: int | None) -> None:
    """Print size, speed and agreement of both files in both backends."""
    from rich.console import Console
    from rich.table import Table

    from watchpost.detectors.compare import agreement
    from watchpost.errors import MissingExtraError

    table = Table(
        title=f"int8 against float32 on {len(frames)} pictures, at the card's confidence", title_justify="left"
    )
    for heading in ("file", "backend", "MB", "ms", "boxes kept", "added", "score off by", "overlap"):
        table.add_column(heading, justify="left" if heading in ("file", "backend") else "right")
    reference: list[Detections] | None = None
    backends: tuple[Backend, ...] = ("onnx", "openvino")
    for label, file in (("float32", float_file), ("int8", int8_file)):
        for backend in backends:
            try:
                found, ms = _run(file, backend, frames, threads)
            except MissingExtraError as error:
                typer.echo(str(error), err=True)
                continue
            reference = found if reference is None else reference
            size = f"{file.stat().st_size / 1e6:.2f}"
            table.add_row(label, backend, size, f"{ms:.1f}", *_agreement_text(agreement(reference, found)))
    Console().print(table)
    if not any(map(len, reference or [])):
        typer.echo("float32 finds nothing here at the card's confidence: compare with watchpost evaluate detection.")


def _run(file: Path, backend: Backend, frames: Sequence[Frame], threads: int | None) -> tuple[list[Detections], float]:
    from watchpost.detectors import open_detector
    from watchpost.detectors.compare import ms_per_picture

    with closing(open_detector(str(file), backend=backend, threads=threads)) as detector:
        found = [detector.detect([frame])[0] for frame in frames]
        return found, ms_per_picture(detector, frames)


def _agreement_text(found: Agreement) -> list[str]:
    return [
        f"{found.kept} of {found.reference}",
        str(found.added),
        f"{found.score_difference:.3f}",
        f"{found.overlap:.3f}",
    ]


def _pick(folder: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Pictures to measure the ranges on, evenly over the folder, and others to compare on; the same without others."""
    from watchpost.datasets.pictures import pictures_below
    from watchpost.errors import WatchpostError

    paths = pictures_below(folder)
    if not paths:
        raise WatchpostError(f"there are no pictures in {folder}.")
    measured_on = _evenly(paths, count)
    others = sorted(set(paths) - set(measured_on))
    return measured_on, _evenly(others or measured_on, _CHECKED_PICTURES)


def _evenly(paths: list[Path], count: int) -> list[Path]:
    step = max(1.0, len(paths) / count)
    return [paths[int(index * step)] for index in range(min(count, len(paths)))]


def _frame(path: Path) -> Frame:
    from watchpost.errors import WatchpostError
    from watchpost.picture import ArrayPicture, decode_picture
    from watchpost.types import Frame

    try:
        data = path.read_bytes()
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    return Frame(path.name, ArrayPicture(decode_picture(data, str(path))), 0.0, 0.0, 0)
