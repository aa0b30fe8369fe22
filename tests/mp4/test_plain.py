"""Files that exist only while they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchpost.mp4.plain import Slice, VirtualFile


@pytest.fixture
def parts(tmp_path: Path) -> list[bytes | Slice]:
    path = tmp_path / "letters"
    path.write_bytes(b"abcdefghij" * 100_000)
    return [b"<", Slice(path, 3, 4), b"", Slice(path, 0, 600_000), b">"]


def test_parts_are_read_as_one(parts: list[bytes | Slice]) -> None:
    file = VirtualFile(parts)
    whole = b"<defg" + b"abcdefghij" * 60_000 + b">"
    assert file.size == len(whole)
    assert b"".join(file.read()) == whole
    for start, stop in [(0, 3), (1, 5), (4, 6), (300_000, 300_001), (5, None), (600_005, 600_006), (7, 7)]:
        assert b"".join(file.read(start, stop)) == whole[start:stop]
    assert max(map(len, file.read())) <= 1 << 18


def test_a_file_that_became_shorter_is_told(parts: list[bytes | Slice], tmp_path: Path) -> None:
    (tmp_path / "letters").write_bytes(b"abc")
    with pytest.raises(OSError, match="is shorter than it was"):
        list(VirtualFile(parts).read())
