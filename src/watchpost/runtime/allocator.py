"""How the C library's allocator is set for a process with hundreds of threads and large pictures."""

from __future__ import annotations

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""
_LARGE: Final = 128 * 1024
"""Bytes."""
_ARENAS: Final = 2


def keep_memory_low() -> bool:
    """Have freed pictures given back to the system; call it before threads start. False where it is not glibc's.

    By default glibc makes eight heaps a core, and after the first large block that was freed takes large ones from the
    heaps, too: the pictures that each of hundreds of threads has decoded once leave holes in all of them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl, or no C library to speak of
        return False
    return all([mallopt(_M_MMAP_THRESHOLD, _LARGE), mallopt(_M_ARENA_MAX, _ARENAS)])
