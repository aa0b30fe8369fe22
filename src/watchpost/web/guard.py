"""What every request passes before anybody sees it: host, size, site and login; and what every answer carries."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from watchpost.clock import Clock
from watchpost.web.access import UNNAMED_ADMIN
from watchpost.web.attempts import TooManyAttemptsError
from watchpost.web.auth import Gatekeeper, Known, csrf_token, is_local_host_header
from watchpost.web.es.credentials import credentials_in
from watchpost.web.es.wire import MAX_BODY_BYTES as MAX_ES_BODY_BYTES
from watchpost.web.es.wire import refusal as es_refusal

SESSION_COOKIE: Final = "watchpost_session"
CSRF_HEADER: Final = "x-csrf-token"
MAX_OFFER_BYTES: Final = 1 << 16
"""A browser's offer of WebRTC."""
MAX_BODY_BYTES: Final = 4096
"""Of a request, where `_LARGER_BODIES` says nothing else."""
LOOK_S: Final = 10.0
"""How often it is looked whether who receives a stream may still do so."""

_LARGER_BODIES: Final = (
    ("/es/", MAX_ES_BODY_BYTES),
    ("/api/settings/", 1 << 18),
    ("/_nicegui", 1 << 20),
    ("/api/whep/", MAX_OFFER_BYTES),
)
_OPEN_PATHS: Final = ("/login", "/healthz", "/api/accounts/login")
_OPEN_FOLDERS: Final = ("/static/", "/locales/")
_WITHOUT_CSRF_TOKEN: Final = ("/logout", "/_nicegui")
"""A form without a script, and NiceGUI's own transport: for them what browsers say of the origin has to do."""
_READS: Final = ("GET", "HEAD", "OPTIONS")
_END: Final = {"type": "http.response.body", "body": b"", "more_body": False}
_CLOSE: Final = {"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION}
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware for HTTP and WebSockets: refuses before it reads, and says who asks.

    What is passed on has the `User` in `scope["state"]["user"]`, and beside it, in `still_holds`, what tells whether
    that is still so; but for the open paths: the login, its files and the health probe. An answer that has
    one of the headers already keeps its own. Where nobody has to log in, the server is for this machine alone. A stream
    ends soon after its reader's session or rights do.
    """

    def __init__(self, app: ASGIApp, gatekeeper: Gatekeeper, clock: Clock) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or pass the request on; either answer carries the headers."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        found = await self._who(request)
        known = found if isinstance(found, Known) else None
        answer = _Answer(scope["type"], send, known, self._clock)
        if isinstance(found, Response):
            # closed before it is accepted, a WebSocket is answered with status 403
            refusal: ASGIApp = WebSocketClose(WS_1008_POLICY_VIOLATION) if scope["type"] == "websocket" else found
            await refusal(scope, receive, answer.send)
            return
        if known is not None:
            scope.setdefault("state", {}).update(user=known.user, still_holds=known.still_holds)
        path = request.url.path
        counted = receive if _is_es(path) else _Body(receive, _limit(path)).receive  # the dialect counts by itself
        await self._app(scope, counted, answer.send)

    async def _who(self, request: HTTPConnection) -> Known | Response | None:
        """Who asks, the refusal, or `None` where nobody needs to be known."""
        path = request.url.path
        limit = _limit(path)
        if not _is_small(request.headers, limit):
            reason = f"a request holds at most {limit} bytes"
            return es_refusal("content_too_long_exception", reason, 413) if _is_es(path) else _refusal(reason, 413)
        is_guarded = self._gatekeeper.is_guarded
        if not is_guarded and not is_local_host_header(request.headers.get("host", "")):
            return _refusal("this page answers to localhost and 127.0.0.1 alone", 421)
        if not _is_own_site(request):
            return _refusal("ask from the page itself", 403)
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS):
            return None
        if not is_guarded:
            return Known(UNNAMED_ADMIN, lambda: None if self._gatekeeper.is_guarded else UNNAMED_ADMIN)
        try:
            known = await self._known(request)
        except TooManyAttemptsError as error:
            return too_many_attempts(error)
        if known is None:
            return _log_in_first(request)
        if known.has_cookie and not _has_csrf_token(request):
            return _refusal(f"the header {CSRF_HEADER} is missing or wrong; GET /api/accounts/me tells it", 403)
        return known

    async def _known(self, request: HTTPConnection) -> Known | None:
        authorization = request.headers.get("authorization", "")
        if _is_es(request.url.path) or authorization[:7].lower() == "bearer ":
            credentials = credentials_in(authorization)
            if credentials:
                return await self._gatekeeper.holder(credentials, client_address(request))
        key = session_key(request.headers)
        return self._gatekeeper.session(key) if key else None


class _Answer:
    """Sends an answer with the headers; one that goes on and on is cut short when its reader may no longer see it."""

    def __init__(self, kind: str, send: Send, known: Known | None, clock: Clock) -> None:
        self._kind = kind
        self._send = send
        self._known = known
        self._clock = clock
        self._looked_s = clock.monotonic_s()
        self._has_length = False
        self._has_ended = False

    async def send(self, message: Message) -> None:
        """Send a part; nothing once it has been cut short."""
        if self._has_ended:
            return
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            self._has_length = "content-length" in headers
        elif message["type"] in ("http.response.body", "websocket.send") and not self._is_allowed():
            self._has_ended = True  # the reader asks again, and is refused
            message = _CLOSE if self._kind == "websocket" else _END
        await self._send(message)

    def _is_allowed(self) -> bool:
        now_s = self._clock.monotonic_s()
        if self._known is None or self._has_length or now_s < self._looked_s + LOOK_S:
            return True
        self._looked_s = now_s
        return self._known.still_holds()


class _Body:
    """Counts what a request brings, also where it does not say its length before."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._bytes = 0

    async def receive(self) -> Message:
        """The next part; raises the refusal of a body that is too large."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._limit:
                raise HTTPException(413, f"a request holds at most {self._limit} bytes")
        return message


def session_key(headers: Headers) -> str:
    """The key in the session cookie, empty without one."""
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[SESSION_COOKIE].value if SESSION_COOKIE in cookie else ""


def client_address(request: HTTPConnection) -> str:
    """Where a request comes from, as the socket says; headers that anybody can write are not believed."""
    return request.client.host if request.client else ""


def too_many_attempts(error: TooManyAttemptsError) -> Response:
    """The answer to one who guesses tokens or passwords."""
    retry_after = {"Retry-After": str(max(1, round(error.retry_after_s)))}
    return JSONResponse({"detail": "too many wrong tokens or passwords; wait a while"}, 429, retry_after)


def _is_own_site(request: HTTPConnection) -> bool:
    """Whether what changes something, or opens a WebSocket, was asked for by a page of this server or by no page.

    Browsers say where a request comes from by Sec-Fetch-Site (W3C Fetch Metadata), to hosts without TLS by Origin alone
    (RFC 6454, section 7), and let no page write either.
    """
    if request.scope["type"] == "http" and request.scope["method"] in _READS:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == request.headers.get("host", "").lower()


def _has_csrf_token(request: HTTPConnection) -> bool:
    if request.scope["type"] == "websocket" or request.scope["method"] in _READS:
        return True
    if request.url.path.startswith(_WITHOUT_CSRF_TOKEN):
        return True
    given = request.headers.get(CSRF_HEADER, "")
    return hmac.compare_digest(given.encode(), csrf_token(session_key(request.headers)).encode())


def _log_in_first(request: HTTPConnection) -> Response:
    path = request.url.path
    if _is_es(path):
        reason = f"missing or wrong authentication credentials for REST request [{path[:256]}]"
        challenge = {"WWW-Authenticate": 'Basic realm="watchpost", charset="UTF-8", ApiKey, Bearer'}
        return es_refusal("security_exception", reason, 401, challenge)
    if "text/html" in request.headers.get("accept", "") and request.scope["type"] == "http":
        return RedirectResponse("/login", 303)
    return _refusal("log in first", 401, {"WWW-Authenticate": "Bearer"})


def _limit(path: str) -> int:
    return next((limit for folder, limit in _LARGER_BODIES if path.startswith(folder)), MAX_BODY_BYTES)


def _is_small(headers: Headers, limit: int) -> bool:
    length = headers.get("content-length", "0")
    return length.isdecimal() and len(length) < 20 and int(length) <= limit


def _is_es(path: str) -> bool:
    """Whether a path is one of Elasticsearch's dialect."""
    return path == "/es" or path.startswith("/es/")


def _refusal(reason: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": reason}, status, headers)
