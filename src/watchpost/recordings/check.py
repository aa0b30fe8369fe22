"""Do index and files agree? Found out, and mended: after a crash, a disk fault, or somebody who cleaned up by hand.

The files are what is true: each says in its seals what it holds. The index follows.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from watchpost.errors import WatchpostError
from watchpost.mp4.boxes import DamagedError
from watchpost.mp4.scan import FileHeader, Fragment, fragments, read_header
from watchpost.recordings.archive import SUFFIX, Archive
from watchpost.recordings.index import Segment

_MENDING: Final = ".mending"
_HOLE_S: Final = 0.5

Problem = Literal["unfinished", "garbage", "missing", "unknown", "damaged", "empty", "row differs", "left over"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree."""

    camera: str
    path: str
    problem: Problem
    detail: str
    row: Segment | None = None
    """What the index says, if it says anything."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what does not agree."""

    files: int
    bytes: int
    being_written: int
    """Files of cameras that are being recorded; they are left alone."""
    findings: tuple[Finding, ...]


def check(archive: Archive, *, read_all: bool = False, repair: bool = False, camera: str | None = None) -> Report:
    """Compare index and files, of one camera or all; with `read_all`, every byte with its checksum.

    With `repair` mend what was found: finish what was cut short, delete what is empty or was being deleted, take
    unknown files into the index, keep the whole fragments of damaged ones, forget rows without a file.
    Raises `WatchpostError` when the index can not be used.
    """
    findings: list[Finding] = []
    files = size = being_written = 0
    rows = archive.index.segments(camera, states=("open", "closed", "garbage"))
    with ExitStack() as locks:
        busy = _lock({each.camera for each in rows} | _folders(archive, camera), archive, locks)
        for row in rows:
            if row.state == "open" and row.camera in busy:
                being_written += 1
                continue
            if row.state == "closed":
                files += 1
                size += row.bytes
            if (found := _compare(archive, row, read_all)) is not None:
                findings.append(found)
        known = {row.path for row in archive.index.segments(camera, states=("open", "closed", "garbage"))}
        known |= {row.path for row in rows}
        findings += _unknown(archive, known, busy, camera)
        if repair:
            for each in findings:
                _mend(archive, each)
    return Report(files, size, being_written, tuple(findings))


def recover(archive: Archive, camera: str) -> list[Finding]:
    """Finish what a camera's last recorder could not: its open files and what it was deleting.

    The caller holds the camera's lock. Raises `WatchpostError` when the index can not be used.
    """
    findings = []
    for row in archive.index.segments(camera, states=("open", "garbage")):
        found = _compare(archive, row, read_all=False)
        if found is not None:
            findings.append(found)
            _mend(archive, found)
    return findings


def _lock(cameras: Iterable[str], archive: Archive, locks: ExitStack) -> set[str]:
    """Keep recorders away while we look; the cameras that are being recorded."""
    busy = set()
    for each in sorted(cameras):
        try:
            locks.enter_context(archive.writing(each))
        except WatchpostError:
            busy.add(each)
    return busy


def _folders(archive: Archive, camera: str | None) -> set[str]:
    return {each.name for each in archive.folder.iterdir() if each.is_dir() and camera in (None, each.name)}


def _compare(archive: Archive, row: Segment, read_all: bool) -> Finding | None:
    """What is wrong with a row and its file."""
    path = archive.path(row)

    def finding(problem: Problem, detail: str) -> Finding:
        return Finding(row.camera, row.path, problem, detail, row)

    if row.state == "garbage":
        return finding("garbage", "its deletion was cut short")
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if row.state == "open":
            return finding("empty", "it was begun, and nothing came")
        return finding("missing", "the index has a row, but there is no such file")
    if row.state == "open":
        return finding("unfinished", "the recorder ended without closing it")
    if not read_all and size == row.bytes:
        return None
    try:
        found = read_segment(path, row.path, read_all=read_all)
    except DamagedError as error:
        return finding("damaged", str(error))
    if found is None or found.bytes != size:
        whole = 0 if found is None else found.bytes
        return finding("damaged", f"{whole} of {size} bytes are whole")
    if found != dataclasses.replace(row, id=0):
        return finding("row differs", "the index says something else than the file")
    return None


def _unknown(archive: Archive, known: set[str], busy: set[str], camera: str | None) -> Iterator[Finding]:
    for name in sorted(_folders(archive, camera) - busy):
        for folder, _, files in os.walk(archive.folder / name):
            for file in sorted(files):
                path = (Path(folder) / file).relative_to(archive.folder).as_posix()
                if file.endswith(_MENDING):
                    yield Finding(name, path, "left over", "a repair was cut short")
                elif file.endswith(SUFFIX) and path not in known:
                    yield Finding(name, path, "unknown", "the index has no row for it")


def read_segment(path: Path, relative: str, *, read_all: bool = True) -> Segment | None:
    """What a file says of itself, as a row; `bytes` is where its last whole fragment ends. `None` without a fragment.

    Raises `DamagedError` for a file that is no recording.
    """
    with path.open("rb") as file:
        header = read_header(file)
        found = list(fragments(file, header.size, read_all=read_all))
    return _row(header, found, relative, found[-1].end) if found else None


def _row(header: FileHeader, found: list[Fragment], relative: str, size: int) -> Segment:
    first, last = found[0].seal, found[-1].seal
    steps = [
        after.seal.first_camera_time_s - before.seal.last_camera_time_s
        for before, after in pairwise(found)
        if not after.seal.gaps
    ]
    holes_s = [step for step in steps if step > _HOLE_S]  # where damage has been taken out
    return Segment(
        camera=str(header.about.get("camera", relative.partition("/")[0])),
        path=relative,
        state="closed",
        first_camera_time_s=first.first_camera_time_s,
        last_camera_time_s=last.last_camera_time_s,
        first_wall_time_s=first.first_wall_time_s,
        last_wall_time_s=last.last_wall_time_s,
        bytes=size,
        gaps=sum(each.seal.gaps for each in found) + len(holes_s),
        gap_s=sum((each.seal.gap_s for each in found), 0.0) + sum(holes_s),
        lost=sum(each.seal.lost for each in found),
        video=str(header.about.get("video", "")),
        audio=str(header.about.get("audio", "")),
    )


def _mend(archive: Archive, finding: Finding) -> None:
    row = finding.row
    path = archive.folder / finding.path
    if finding.problem == "left over":
        archive.disk.remove(path)
    elif finding.problem == "garbage" and row is not None:
        archive.sweep([row])
    elif finding.problem in ("missing", "empty") and row is not None:
        archive.index.forget([row])
    else:
        _keep_whole(archive, path, finding)


def _keep_whole(archive: Archive, path: Path, finding: Finding) -> None:
    """Make a file of its whole fragments alone, and the index say what it is."""
    row = finding.row
    try:
        with path.open("rb") as file:
            header = read_header(file)
            found = list(fragments(file, header.size, read_all=True, past_damage=True))
    except DamagedError:
        found = []
    if not found:
        archive.disk.remove(path)
        if row is not None:
            archive.index.forget([row])
        return
    is_one_piece = found[0].start == header.size and all(before.end == after.start for before, after in pairwise(found))
    if is_one_piece:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            archive.disk.truncate(descriptor, found[-1].end)
            archive.disk.sync(descriptor)
        finally:
            os.close(descriptor)
    else:
        _rewrite(archive, path, header, found)
    size = header.size + sum(each.end - each.start for each in found)
    fresh = _row(header, found, finding.path, size)
    if row is None:
        archive.index.add([fresh])
    else:
        archive.index.update([dataclasses.replace(fresh, id=row.id)])


def _rewrite(archive: Archive, path: Path, header: FileHeader, found: list[Fragment]) -> None:
    """The whole fragments of a file with damage between them, in place of the file."""
    mending = path.with_name(path.name + _MENDING)
    archive.disk.remove(mending)
    descriptor = archive.disk.create(mending)
    try:
        with path.open("rb") as file:
            for start, end in [(0, header.size), *((each.start, each.end) for each in found)]:
                file.seek(start)
                archive.disk.write(descriptor, [file.read(end - start)])
        archive.disk.sync(descriptor)
    finally:
        archive.disk.close(descriptor)
    mending.replace(path)
    archive.disk.sync_folder(path.parent)
