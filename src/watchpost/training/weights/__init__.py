"""Checkpoints that come along: what the shipped models have learned, for others to begin with.

`scripts/ship_model.py` writes them, with half of a run's digits and nothing but the averaged weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def names() -> list[str]:
    """What `init_from` takes besides paths."""
    return sorted(file.stem for file in FOLDER.glob("*.pt"))


def located(checkpoint: Path, folder: Path) -> Path:
    """The file that `init_from` means: the name of a checkpoint that comes along, else a path relative to `folder`.

    A file of that name in `folder` comes first.
    """
    path = folder / checkpoint
    shipped = FOLDER / f"{checkpoint}.pt"
    return shipped if len(checkpoint.parts) == 1 and shipped.is_file() and not path.exists() else path
