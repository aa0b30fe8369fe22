"""The allocator gives freed pictures back, whatever was freed before."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import ctypes, psutil
from watchpost.runtime.allocator import keep_memory_low
assert keep_memory_low()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
size, count = 1_000_000, 40
libc.free(libc.malloc(size))  # from now on, by default, such blocks come from the heap
before = psutil.Process().memory_info().rss
blocks = [libc.malloc(size) for _ in range(count)]
for block in blocks:
    ctypes.memset(block, 1, size)
for block in blocks[:-1]:  # the last one holds the heap's end
    libc.free(block)
left = psutil.Process().memory_info().rss - before
assert left < 5 * size, left
"""


def test_large_blocks_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
