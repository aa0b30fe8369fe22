"""`watchpost models`: which detection models there are, what they are, and how to get and install them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.cli.models_export import export

if TYPE_CHECKING:
    from watchpost.detectors.card import ModelCard
    from watchpost.detectors.hub import KnownModel, Progress

models_app = typer.Typer(help="List, install, fetch and describe detection models.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option(help="Call it so.", show_default="the card's name")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a model of that name.")]
CardFile = Annotated[
    Path | None, typer.Option("--card", help="The model card that describes it.", show_default="the one beside it")
]


@models_app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models that come along, those installed, and those that can be fetched.

    A name from this list works wherever `--model` does, once the model is on this machine.

    Examples:

        watchpost models list

        watchpost models list --json
    """
    import json

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from watchpost.detectors.hub import known_models

    models = sorted(known_models(), key=lambda model: list(_WHERE).index(model.origin))
    if as_json:
        typer.echo(json.dumps([_facts(model) for model in models], indent=2, ensure_ascii=False))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("name", "where", "input", "classes", "type", "licence", "MB"):
        table.add_column(heading, justify="right" if heading == "MB" else "left", no_wrap=heading != "name")
    table.add_row("hog", "built in", "any", "person", "", "Apache-2.0", "")
    for model in models:
        card = model.card
        names = [name for name in card.classes if name]
        table.add_row(
            card.name,
            _WHERE[model.origin],
            f"{card.input.width}x{card.input.height}",
            ", ".join(names) if len(names) <= 2 else str(len(names)),
            card.precision,
            card.licence,
            f"{model.file.stat().st_size / 1e6:.1f}" if model.file else "",
        )
    Console().print(table)


_WHERE = {
    "shipped": "ships",
    "installed": "installed",
    "remote": "to pull",
    "card": "no file",
}


@models_app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name of `watchpost models list`, an .onnx file or a card.")],
    speed: Annotated[bool, typer.Option("--speed", help="Measure its speed on this machine too.")] = False,
    threads: Annotated[int | None, typer.Option(help="CPU threads.", show_default="all physical cores")] = None,
) -> None:
    """Show a model's card, the hash of its file, and on request how fast it is here.

    Examples:

        watchpost models show dfine-nano

        watchpost models show people.onnx --speed
    """
    import json

    model = _named(name)
    facts = _facts(model)
    if speed:
        facts["ms_per_picture"] = _speeds(model, threads)
    for key, value in facts.items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            typer.echo(f"{key + ':':<15} {text}")


@models_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="An .onnx file, or a card that names one.")],
    card: CardFile = None,
    name: Name = None,
    replace: Replace = False,
) -> None:
    """Install a model: copy its file and card to the user's models, so that its name opens it everywhere.

    The folder is `~/.local/share/watchpost/models` (`XDG_DATA_HOME` counts), or what `WATCHPOST_MODELS` says.

    Examples:

        watchpost models add people.onnx

        watchpost models add model.onnx --card my.card.yaml --name people
    """
    from watchpost.detectors.card import load_card
    from watchpost.detectors.hub import add as install

    model = install(file, None if card is None else load_card(card), name=name, replace=replace)
    typer.echo(f"{model.card.name} is installed: {model.file}")


@models_app.command()
def pull(
    model: Annotated[
        str, typer.Argument(help="A name of `watchpost models list`, hf://OWNER/REPOSITORY/FILE or https://.")
    ],
    card: CardFile = None,
    name: Name = None,
    replace: Replace = False,
) -> None:
    """Fetch a model and install it; a known one is checked against the hash in its card.

    hf:// needs `pip install 'watchpost[hub]'` and keeps to `HF_ENDPOINT` and `HF_TOKEN`.

    Examples:

        watchpost models pull dfine-nano

        watchpost models pull hf://OWNER/REPOSITORY/onnx/model.onnx@REVISION --card my.card.yaml
    """
    from watchpost.detectors.card import load_card
    from watchpost.detectors.hub import pull as fetch

    with _progress(model) as progress:
        found = fetch(model, None if card is None else load_card(card), name=name, replace=replace, progress=progress)
    typer.echo(f"{found.card.name} is installed: {found.file}")
    if found.card.note:
        typer.echo(found.card.note)


models_app.command("export")(export)


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, visible=False)  # huggingface_hub draws its own
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


def _named(name: str) -> KnownModel:
    from watchpost.detectors.card import CARD_SUFFIXES, resolve
    from watchpost.detectors.hub import KnownModel, known_model

    path = Path(name)
    if path.suffix.lower() in (".onnx", *CARD_SUFFIXES):
        file, card = resolve(path)
        return KnownModel(card, file, "installed")
    return known_model(name)


def _facts(model: KnownModel) -> dict[str, object]:
    """What the card says, and of the file what only the file can say."""
    from watchpost.detectors.card import file_sha256

    facts: dict[str, object] = model.card.model_dump(mode="json", exclude_defaults=True)
    facts["classes"] = _class_text(model.card)
    facts["file"] = None if model.file is None else str(model.file)
    if model.file is not None:
        facts["bytes"] = model.file.stat().st_size
        facts["sha256"] = file_sha256(model.file)
    return facts | {"where": _WHERE[model.origin]}


def _class_text(card: ModelCard) -> str:
    names = [name for name in card.classes if name]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _speeds(model: KnownModel, threads: int | None) -> dict[str, float | str]:
    """Milliseconds by backend for one picture at a time, from a decoded 720p frame of the synthetic scene to boxes."""
    from watchpost.detectors import Backend, open_detector
    from watchpost.detectors.compare import ms_per_picture
    from watchpost.errors import ConfigError, MissingExtraError
    from watchpost.picture import ArrayPicture
    from watchpost.scene.options import SceneOptions
    from watchpost.scene.scene import Scene
    from watchpost.types import Frame

    if model.file is None:
        raise ConfigError(f"{model.card.name} is not on this machine: its speed can not be measured.")
    frame = Frame("speed", ArrayPicture(Scene(SceneOptions()).frame(100)[0]), 0.0, 0.0, 0)
    speeds: dict[str, float | str] = {}
    backends: tuple[Backend, ...] = ("onnx", "openvino")
    for backend in backends:
        try:
            detector = open_detector(str(model.file), backend=backend, threads=threads)
        except MissingExtraError as error:
            speeds[backend] = str(error)
            continue
        speeds[backend] = round(ms_per_picture(detector, [frame]), 2)
        detector.close()
    return speeds
