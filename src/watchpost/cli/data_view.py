"""`watchpost data view`: contact sheets of a data set with its boxes, or of what the network is shown in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchpost.cli._data import From, Names, Pictures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from watchpost.datasets import Dataset, Sample
    from watchpost.types import BGR


def view(
    data: Annotated[list[Path], typer.Argument(help="Data sets: one, or the splits of one.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Folder for the sheets: NAME-001.jpg, ...")] = Path("sheets"),
    count: Annotated[int, typer.Option(min=1, help="Pictures of each split, chosen at random.")] = 48,
    columns: Annotated[int, typer.Option(min=1, max=16, help="Pictures side by side.")] = 4,
    rows: Annotated[int, typer.Option(min=1, max=16, help="Rows in a sheet.")] = 3,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Width and height of a picture in the sheet.")] = 400,
    seed: Annotated[int, typer.Option(help="Another seed chooses other pictures.")] = 0,
    classes: Annotated[
        str | None, typer.Option(help="Pictures with one of these, such as person,car.", show_default="all")
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Show what the network sees in training (needs watchpost[train]).")
    ] = False,
    recipe: Annotated[
        Path | None,
        typer.Option(help="The recipe whose input and augmentation --augment shows.", show_default="defaults"),
    ] = None,
    from_: From = None,
    names: Names = None,
    pictures: Pictures = None,
) -> None:
    """Write contact sheets as JPEG: many pictures at a glance, with their boxes.

    The share at a box is its weight: 100% for ground truth, less for a teacher's boxes. Ignored objects have no box.

        watchpost data view raccoon --output sheets

        watchpost data view person/train --augment --recipe recipe.yaml --count 12
    """
    from watchpost.cli._data import counting, given_names, opened
    from watchpost.errors import WatchpostError
    from watchpost.picture import encode_jpeg

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WatchpostError(f"the folder {output} can not be made: {error.strerror}.") from None
    with opened(data, format=from_, names=names, pictures=pictures) as datasets:
        for split, dataset in datasets.items():
            chosen = _chosen(dataset, given_names(classes), count, seed)
            cells = _augmented(dataset, chosen, recipe, seed) if augment else _as_they_are(dataset, chosen)
            tiles: list[BGR] = []
            number = 0
            with counting(split, len(chosen)) as progress:
                for index, cell in enumerate(cells, start=1):
                    tiles.append(_tile(cell, size))
                    progress()
                    if len(tiles) == columns * rows or index == len(chosen):
                        number += 1
                        path = output / f"{Path(split).name}-{number:03d}.jpg"
                        _write(path, encode_jpeg(_sheet(tiles, columns, size), quality=88))
                        tiles = []
            typer.echo(f"{split}: {len(chosen)} of {len(dataset)} pictures in {number} sheets in {output}")


def _chosen(dataset: Dataset, classes: tuple[str, ...] | None, count: int, seed: int) -> list[Sample]:
    """Some pictures at random, in the data's order."""
    import numpy as np

    from watchpost.errors import WatchpostError

    samples = list(dataset.samples)
    if classes is not None:
        for name in classes:
            if name not in dataset.class_names:
                raise WatchpostError(f"the data has no class {name!r}; it has: {', '.join(dataset.class_names)}.")
        wanted = [dataset.class_names.index(name) for name in classes]
        samples = [sample for sample in samples if np.isin(sample.class_id, wanted).any()]
    order = np.random.default_rng(seed).permutation(len(samples))[:count]
    return [samples[index] for index in sorted(order)]


def _as_they_are(dataset: Dataset, samples: Sequence[Sample]) -> Iterator[BGR]:
    from watchpost.errors import WatchpostError
    from watchpost.picture import decode_picture

    for sample in samples:
        try:
            picture = decode_picture(sample.picture.read_bytes(), str(sample.picture))
        except OSError as error:
            raise WatchpostError(f"{sample.picture} can not be read: {error.strerror}.") from None
        kept = sample.of_rows(~sample.is_ignored)
        size = (sample.width, sample.height)
        yield _drawn(picture, kept.xyxy, kept.class_id, kept.weight, dataset.class_names, size)


def _augmented(dataset: Dataset, samples: Sequence[Sample], recipe: Path | None, seed: int) -> Iterator[BGR]:
    """What training would make of the pictures, mixed with all others of the data set."""
    import numpy as np

    from watchpost.plugins import missing_extra

    try:
        from watchpost.training.augment import Canvas, augmented
        from watchpost.training.loader import PictureCache
        from watchpost.training.recipe import Augment, Input, load_recipe
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
    settings, input_ = Augment(), Input()
    if recipe is not None:
        loaded = load_recipe(recipe)
        settings, input_ = loaded.augment, loaded.input
    cache = PictureCache(dataset.samples, input_.spec, budget_mb=0)
    canvas = Canvas(input_.width, input_.height, input_.pad)
    index_of = {id(sample): index for index, sample in enumerate(dataset.samples)}
    for number, sample in enumerate(samples):
        rng = np.random.default_rng((seed, number))
        seen = augmented(index_of[id(sample)], cache.example, len(cache), canvas, settings, rng)
        kept = seen.rows(~seen.is_ignored)
        size = (input_.width, input_.height)
        yield _drawn(kept.bgr, kept.xyxy, kept.label, kept.weight, dataset.class_names, size)


def _drawn(
    picture: BGR,
    xyxy: NDArray[np.floating],
    class_id: NDArray[np.int64],
    weight: NDArray[np.float32],
    class_names: tuple[str, ...],
    size: tuple[int, int],
) -> BGR:
    import numpy as np

    from watchpost.types import Detections
    from watchpost.video.draw import Overlay

    boxes = Detections(xyxy.astype(np.float32), weight, class_id.astype(np.int32), size, class_names)
    return Overlay().draw(picture, boxes)


def _tile(picture: BGR, size: int) -> BGR:
    """The picture in a square with grey around it."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale = size / max(height, width)
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(picture, small_size, interpolation=interpolation)
    tile = np.full((size, size, 3), 40, np.uint8)
    top, left = (size - small.shape[0]) // 2, (size - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def _sheet(tiles: list[BGR], columns: int, size: int) -> BGR:
    import numpy as np

    gap = 4
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (size + gap) + gap, min(columns, len(tiles)) * (size + gap) + gap, 3), 20, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (gap + each * (size + gap) for each in divmod(index, columns))
        sheet[top : top + size, left : left + size] = tile
    return sheet


def _write(path: Path, data: bytes) -> None:
    from watchpost.errors import WatchpostError

    try:
        path.write_bytes(data)
    except OSError as error:
        raise WatchpostError(f"{path} can not be written: {error.strerror}.") from None
