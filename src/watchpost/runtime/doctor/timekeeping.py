"""Is the time right? Events, recordings and certificates all depend on it."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchpost.runtime.doctor.finding import Finding, Level

_STA_UNSYNC: Final = 0x40  # linux/timex.h
_BUILT_WALL_TIME_S: Final = 1_735_689_600.0
"""2025-01-01: no clock that is right shows less."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The machine's clock."""

    now_wall_time_s: float
    newest_file_wall_time_s: float
    """The time of the newest file of this installation."""
    is_synchronised: bool | None
    """What the kernel says; `None` where it can not be asked."""
    time_zone: str


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` (adjtimex(2)); the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 64),
    )


def clock_facts(now_wall_time_s: float) -> ClockFacts:
    """Ask the kernel, and look at this installation's files."""
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    files = Path(__file__).parents[2].rglob("*.py")
    return ClockFacts(
        now_wall_time_s=now_wall_time_s,
        newest_file_wall_time_s=max(file.stat().st_mtime for file in files),
        is_synchronised=None if state < 0 else not timex.status & _STA_UNSYNC,
        time_zone=time.strftime("%Z (UTC%z)", time.localtime(now_wall_time_s)),
    )


def judge_clock(facts: ClockFacts) -> list[Finding]:
    """Sane, and synchronised."""
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(facts.now_wall_time_s))
    cure = "Set the clock and keep it right: timedatectl set-ntp true (in a container: on its host)."
    # A file may come from a machine that is a little ahead; a day is no matter of clocks that differ.
    if facts.now_wall_time_s < max(_BUILT_WALL_TIME_S, facts.newest_file_wall_time_s - 86400):
        seen = f"the clock shows {shown}, which is before files of this installation were written"
        return [Finding("clock", Level.PROBLEM, seen, cure)]
    if facts.is_synchronised is False:
        seen = f"the clock shows {shown} and is not synchronised: times of events may drift"
        return [Finding("clock", Level.WARNING, seen, cure)]
    if facts.is_synchronised is None:
        seen = f"the clock shows {shown}; the kernel does not say whether it is synchronised"
        return [Finding("clock", Level.NOTE, seen)]
    return [Finding("clock", Level.OK, f"the clock is synchronised and shows {shown}; time zone {facts.time_zone}")]
