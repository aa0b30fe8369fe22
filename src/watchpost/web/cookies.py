"""The session's cookie: no script reads it, no other site has it sent along."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from watchpost.web.accounts import SESSION_S
from watchpost.web.guard import SESSION_COOKIE


def set_session(response: Response, request: Request, key: str) -> None:
    """Give the browser a session's key."""
    # behind a proxy the page has https where the server has not: browsers say so in the Origin of a form
    is_https = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
    response.set_cookie(SESSION_COOKIE, key, max_age=int(SESSION_S), httponly=True, samesite="strict", secure=is_https)


def drop_session(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
