"""Can the page be served where the configuration says?"""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass

from watchpost.runtime.doctor.finding import Finding, Level


@dataclass(frozen=True, slots=True)
class PortFacts:
    """What happened when the port was tried."""

    host: str
    port: int
    error: int | None
    """The errno of binding; `None` where it is free."""
    reason: str = ""
    holder: tuple[int, str] | None = None
    """Process id and name of who listens there; `None` where it is not to be seen."""
    is_ours: bool = False
    """The holder is a Watchpost."""


def port_facts(host: str, port: int) -> PortFacts:
    """Bind to it for a moment; where that fails, look who listens."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        holder = _holder(port) if error.errno == errno.EADDRINUSE else None
        is_ours = holder is not None and _is_watchpost(holder[0])
        return PortFacts(host, port, error.errno or -1, error.strerror or str(error), holder, is_ours)
    return PortFacts(host, port, None)


def _holder(port: int) -> tuple[int, str] | None:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            is_it = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if is_it and connection.pid is not None:
                return connection.pid, psutil.Process(connection.pid).name()
    return None


def _is_watchpost(pid: int) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return any(word.rpartition("/")[2] == "watchpost" for word in psutil.Process(pid).cmdline()[:4])
    return False


def judge_port(facts: PortFacts) -> list[Finding]:
    """Free, or held by whom."""
    place = f"{facts.host}:{facts.port}"
    if facts.error is None:
        return [Finding("port", Level.OK, f"{place} is free for the page")]
    if facts.is_ours and facts.holder is not None:
        return [Finding("port", Level.NOTE, f"{place} is served by Watchpost itself (process {facts.holder[0]})")]
    if facts.error == errno.EADDRINUSE:
        owner = f"{facts.holder[1]} (process {facts.holder[0]})" if facts.holder else "a process that is not seen here"
        cure = "End that process, or set `web: {port: ...}` to another port."
        return [Finding("port", Level.PROBLEM, f"{place} is taken by {owner}", cure)]
    if facts.error == errno.EACCES:
        cure = "Ports below 1024 need a right of their own: use one above, such as 8010."
        return [Finding("port", Level.PROBLEM, f"{place} is not allowed for this user", cure)]
    cure = "Set `web: {host: ...}` to an address of this machine: 127.0.0.1, or 0.0.0.0 for all its networks."
    return [Finding("port", Level.PROBLEM, f"{place} can not be used: {facts.reason}", cure)]
