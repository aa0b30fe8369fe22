"""Zombies and orphans: children that nobody reaped, and children whose Watchpost is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from watchpost.runtime.children import PARENT_MARK
from watchpost.runtime.doctor.finding import Finding, Level


@dataclass(frozen=True, slots=True)
class ProcessFact:
    """One process of this machine."""

    pid: int
    parent: int
    name: str
    is_zombie: bool = False
    marked_parent: int | None = None
    """Who started it, by the mark that `watchpost.runtime.children` leaves in its environment."""
    is_watchpost: bool = False
    """It runs the `watchpost` program."""


def process_facts() -> dict[int, ProcessFact]:
    """All processes that can be seen, by id."""
    import psutil

    facts = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            facts[process.pid] = _fact(process)
    return facts


def _fact(process: object) -> ProcessFact:
    import psutil

    assert isinstance(process, psutil.Process)  # noqa: S101 - psutil is imported on use
    mark, words = "", list[str]()
    with contextlib.suppress(psutil.AccessDenied, psutil.ZombieProcess, OSError):  # other users', and the dead
        words = process.cmdline()
        mark = process.environ().get(PARENT_MARK, "")
    with process.oneshot():
        return ProcessFact(
            pid=process.pid,
            parent=process.ppid(),
            name=process.name(),
            is_zombie=process.status() == psutil.STATUS_ZOMBIE,
            marked_parent=int(mark) if mark.isdecimal() else None,
            is_watchpost=any(word.rpartition("/")[2] == "watchpost" for word in words[:4]),
        )


def judge_processes(facts: Mapping[int, ProcessFact]) -> list[Finding]:
    """Zombies by their parent, orphans by their mark."""
    zombies: dict[int, list[ProcessFact]] = {}
    for fact in facts.values():
        if fact.is_zombie:
            zombies.setdefault(fact.parent, []).append(fact)
    findings = [_zombies_of(parent, facts.get(parent), dead) for parent, dead in sorted(zombies.items())]
    findings += [_orphan(fact) for fact in facts.values() if _is_orphan(fact, facts)]
    return findings or [Finding("processes", Level.OK, "no zombies, no orphans of Watchpost")]


def _zombies_of(parent: int, fact: ProcessFact | None, dead: list[ProcessFact]) -> Finding:
    shown = ", ".join(f"{each.pid} ({each.name})" for each in dead[:5]) + (", ..." if len(dead) > 5 else "")
    owner = f"process {parent} ({fact.name if fact else 'not seen'})"
    seen = f"{len(dead)} zombie(s) that {owner} has not reaped: {shown}"
    if parent == 1:
        cure = "Process 1 of this container does not reap: start it with an init (docker run --init)."
        return Finding("processes", Level.WARNING, seen, cure)
    if fact is not None and (fact.is_watchpost or fact.marked_parent is not None):
        cure = f"Restart it (kill {parent}; its guard starts it again) and report it: Watchpost reaps its children."
        return Finding("processes", Level.PROBLEM, seen, cure)
    cure = f"They are not Watchpost's; restarting process {parent} removes them."
    return Finding("processes", Level.NOTE, seen, cure)


def _is_orphan(fact: ProcessFact, facts: Mapping[int, ProcessFact]) -> bool:
    if fact.marked_parent is None or fact.is_zombie:
        return False
    ancestor, seen = fact.parent, set[int]()
    while ancestor in facts and ancestor not in seen:
        if ancestor == fact.marked_parent:
            return False
        seen.add(ancestor)
        ancestor = facts[ancestor].parent
    return ancestor == 0  # the whole line was seen; where the system hides processes, nothing is claimed


def _orphan(fact: ProcessFact) -> Finding:
    seen = f"process {fact.pid} ({fact.name}) was started by Watchpost process {fact.marked_parent}, which is gone"
    return Finding("processes", Level.WARNING, seen, f"End it: kill {fact.pid}")
