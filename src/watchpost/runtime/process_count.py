"""How many processes a server's cameras get where nobody has said so."""

from __future__ import annotations

import math
from typing import Final

_CAMERAS_A_PROCESS: Final = 100
"""See docs/design/workers.md for where this comes from."""


def process_count(wanted: int | str, cameras: int, cores: int) -> int:
    """`wanted`, or for `auto` what so many cameras need, on so many processor cores. 1 is the server's own process.

    >>> process_count("auto", 40, 32), process_count("auto", 250, 32), process_count(4, 40, 2)
    (1, 3, 4)
    """
    if isinstance(wanted, int):
        return wanted
    return max(1, min(math.ceil(cameras / _CAMERAS_A_PROCESS), cores // 2))
