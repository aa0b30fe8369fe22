"""Who gives way when the processor is short."""

from __future__ import annotations

import os
import sys
import threading
from typing import Final

_NICE: Final = 10
"""A thread of this niceness gets about a tenth of what another gets that wants the same core."""


def give_way() -> None:
    """Let the calling thread have of a core what others leave, for the rest of its life.

    Only on Linux, where threads have priorities of their own. A thread may not take that back without a privilege.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
