"""Picture files of a data set: which they are, how large, what they may be called, and how they are copied."""

from __future__ import annotations

import os
import re
import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from watchpost.datasets import Sample
from watchpost.errors import WatchpostError
from watchpost.picture import decode_picture

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

_HEADER_BYTES: Final = 256 * 1024
_FRAME_HEADERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG's start-of-frame markers (ITU-T T.81, table B.1)."""


def is_picture(path: Path) -> bool:
    """Whether the file's name says that it is a picture, and no hidden one (as macOS leaves them in archives)."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def pictures_below(folder: Path) -> list[Path]:
    """All pictures in a folder and the folders in it, sorted."""
    return sorted(path for path in folder.rglob("*") if is_picture(path) and path.is_file())


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels, upright: from the header where that is enough, without decoding the picture.

    Raises `WatchpostError` for a file that is no picture.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER_BYTES)
            size = _jpeg_size(head) or _png_size(head)
            if size is None:
                head += file.read()
    except OSError as error:
        raise WatchpostError(f"{path} can not be read: {error.strerror}.") from None
    if size is None:
        height, width = decode_picture(head, str(path)).shape[:2]
        size = width, height
    return size


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG file lacks its end: decoders make the missing part grey without a word.

    (A JPEG's end mark comes after its last scan; one before that is of a small picture in its header.)
    """
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(b"\x89PNG") and b"IEND" not in data[-64:]


def _png_size(head: bytes) -> tuple[int, int] | None:
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 24 or b"eXIf" in head:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Walks the markers up to the frame header; an EXIF orientation of 5 to 8 lies on its side."""
    if not head.startswith(b"\xff\xd8"):
        return None
    position, on_its_side = 2, False
    while position + 9 <= len(head) and head[position] == 0xFF:
        marker = head[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        (length,) = struct.unpack(">H", head[position + 2 : position + 4])
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack(">HH", head[position + 5 : position + 9])
            return (height, width) if on_its_side else (width, height)
        if marker == 0xE1 and head[position + 4 : position + 10] == b"Exif\0\0":
            on_its_side = _exif_orientation(head[position + 10 : position + 2 + length]) >= 5
        position += 2 + length
    return None


def _exif_orientation(tiff: bytes) -> int:
    """Tag 0x0112 of the first directory (TIFF 6.0, section 2); 1, upright, where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack(order + "I", tiff[4:8])
    if start + 2 > len(tiff):
        return 1
    (count,) = struct.unpack(order + "H", tiff[start : start + 2])
    for position in range(start + 2, min(start + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _, _, value = struct.unpack(order + "HHIH", tiff[position : position + 10])
        if tag == 0x0112 and 1 <= value <= 8:
            return int(value)
    return 1


def safe_name(name: str, suffix: str = ".jpg") -> str:
    """A relative path made of a name that a file gives, which can not lead out of the folder it is put in."""
    parts = [re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", part).strip() for part in re.split(r"[/\\]", name)]
    parts = [part for part in parts if part.strip(". ")] or ["picture"]
    parts[-1] = parts[-1].lstrip(".")  # no hidden files
    path = PurePosixPath(*parts)
    return str(path if path.suffix.lower() in SUFFIXES else path.with_name(path.name + suffix))


def unique_names(samples: Iterable[Sample]) -> list[str]:
    """What to call the pictures of a written data set: their names, made different where only the suffix differs.

    (Formats name label files by the picture's name without suffix.)
    """
    taken: set[str] = set()
    names = []
    for sample in samples:
        name = PurePosixPath(safe_name(sample.name or sample.picture.name, sample.picture.suffix))
        stem, number = name.stem, 1
        while str(name.with_suffix("")).casefold() in taken:
            number += 1
            name = name.with_name(f"{stem}-{number}{name.suffix}")
        taken.add(str(name.with_suffix("")).casefold())
        names.append(str(name))
    return names


def put_picture(source: Path, target: Path, *, link: bool = False) -> None:
    """Copy a picture file, or make a second (hard) link to it where the file system allows.

    Raises `WatchpostError` when it can not be read or written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if link:
            try:
                os.link(source.resolve(), target)
            except OSError:
                link = False
        if not link:
            shutil.copyfile(source, target)
    except OSError as error:
        raise WatchpostError(f"{source} can not be copied to {target}: {error.strerror}.") from None


def put_pictures(
    samples: Sequence[Sample], folder: Path, *, link: bool, progress: Callable[[], object]
) -> Iterator[tuple[str, Sample]]:
    """Copies picture by picture into `folder` and tells what each is called there."""
    for name, sample in zip(unique_names(samples), samples, strict=True):
        put_picture(sample.picture, folder / name, link=link)
        yield name, sample
        progress()
