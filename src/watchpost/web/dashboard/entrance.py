"""The way from the server to NiceGUI's pages: what they need goes in with the request, a strict policy comes out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchpost.web.services import Services

SCOPE_KEY: Final = "watchpost"
_NOT_PAGES: Final = ("/api/", "/es/", "/static/", "/locales/")
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""NiceGUI compiles Vue templates and handlers in the browser, which takes eval, and Quasar writes styles. Its inline
scripts carry a nonce (CSP Level 3, section 6.7.3.1), so that a script from anywhere else still does not run."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a page function finds in its request's scope."""

    app: ASGIApp
    """The whole server: pages may ask its API."""
    services: Services
    language: str
    """For readers whose browser wishes none of ours."""


class Entrance:
    """ASGI application: hands requests and WebSockets on to `pages`, but those of paths that are no page's."""

    def __init__(self, app: ASGIApp, pages: ASGIApp, services: Services, language: str) -> None:
        self._pages = pages
        self._given = Given(app, services, language)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            is_open = "user" not in scope.get("state", {})  # a path that the guard lets everybody ask for
            if is_open or scope["path"].startswith(_NOT_PAGES):
                await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
                return
            send = _Nonced(send)
        scope[SCOPE_KEY] = self._given
        await self._pages(scope, receive, send)


class _Nonced:
    """Gives the scripts of a page a nonce and its answer the policy that names it; passes all else through.

    In a page's data `<` is escaped by NiceGUI: each `<script` in it is one of the template's or of our own.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if "x-nicegui-content" in MutableHeaders(scope=message):
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
            return
        await self._send(message)

    async def _finish(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = self._body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
