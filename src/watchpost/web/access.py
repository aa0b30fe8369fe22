"""Who may do what: roles, the cameras that a viewer may see, and the dependencies by which a route names its role.

The guard (`web/guard.py`) finds out who asks and puts the `User` into `scope["state"]["user"]`; a route that declares
`Viewer`, `Operator` or `Admin` is given that user, or refused. A test walks all routes for one without a role.
"""

# no `from __future__ import annotations`: FastAPI can not read the annotations of a `Needs` as text
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from fastapi import Depends, HTTPException, WebSocketException
from starlette.requests import HTTPConnection
from starlette.status import WS_1008_POLICY_VIOLATION


class Role(StrEnum):
    """What somebody may do; each role may do what the one before it may."""

    VIEWER = "viewer"
    """Sees the cameras, perhaps some of them alone, with their events and recordings."""
    OPERATOR = "operator"
    """Sees all, wakes cameras, marks events and gives feedback."""
    ADMIN = "admin"
    """Changes the settings and the users."""

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        roles = list(Role)
        return roles.index(self) >= roles.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may ask."""

    name: str
    """Empty: nobody in particular, see `UNNAMED_ADMIN`."""
    role: Role
    cameras: frozenset[str] | None = None
    """The only ones that this user may see; `None`: all."""


UNNAMED_ADMIN: Final = User("", Role.ADMIN)
"""Who has the server's own token, and whoever asks a server that is open to its own machine alone."""


def may_see(user: User, camera: str) -> bool:
    """Whether this user may see a camera, its events and its recordings."""
    return user.cameras is None or camera in user.cameras


def check_sees(user: User, camera: str) -> None:
    """Raise the answer that a camera which is not there gives: what may not be seen is not even known."""
    if not may_see(user, camera):
        raise HTTPException(404, "no such camera")


def user_of(connection: HTTPConnection) -> User:
    """Who asks, as the guard found out."""
    user: User = connection.scope["state"]["user"]
    return user


def rights_of(connection: HTTPConnection) -> Callable[[], bool]:
    """What tells, at any later time, whether who asks is still there and may do the same."""
    still_holds: Callable[[], bool] = connection.scope["state"]["still_holds"]
    return still_holds


class Needs:
    """The dependency of a route that a role and those above it may use, by HTTP or WebSocket."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(self, connection: HTTPConnection) -> User:
        """The user; raises the refusal of one that may not."""
        user = user_of(connection)
        if user.role.covers(self.role):
            return user
        reason = f"this takes the role {self.role}, and you are {user.role}"
        if connection.scope["type"] == "websocket":
            raise WebSocketException(WS_1008_POLICY_VIOLATION, reason)
        raise HTTPException(403, reason)


viewer: Final = Needs(Role.VIEWER)
operator: Final = Needs(Role.OPERATOR)
admin: Final = Needs(Role.ADMIN)

Viewer = Annotated[User, Depends(viewer)]
Operator = Annotated[User, Depends(operator)]
Admin = Annotated[User, Depends(admin)]
