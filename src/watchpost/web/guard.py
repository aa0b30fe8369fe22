"""What every request passes before anybody sees it: host, size, site and login; and what every answer carries."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from watchpost.web.access import LOCAL_USER, Role, User
from watchpost.web.auth import Gatekeeper, TooManyAttemptsError, is_local_host_header
from watchpost.web.es.credentials import tokens_in
from watchpost.web.es.wire import MAX_BODY_BYTES as MAX_ES_BODY_BYTES
from watchpost.web.es.wire import refusal as es_refusal

SESSION_COOKIE: Final = "watchpost_session"
MAX_BODY_BYTES: Final = 4096

_OPEN_PATHS: Final = ("/login", "/healthz")
_OPEN_FOLDERS: Final = ("/static/", "/locales/")
_TOKEN_USER: Final = User("token", Role.ADMIN)
_READS: Final = ("GET", "HEAD", "OPTIONS")
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

    What is passed on has the `User` in `scope["state"]["user"]`, but for the open paths: the login, its files and the
    health probe. An answer that has one of the headers already keeps its own. Without a gatekeeper the server is for
    this machine alone.
    """

    def __init__(self, app: ASGIApp, gatekeeper: Gatekeeper | None) -> None:
        self._app = app
        self._gatekeeper = gatekeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or pass the request on; either answer carries the headers."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        found = self._who(HTTPConnection(scope))
        if isinstance(found, Response):
            # closed before it is accepted, a WebSocket is answered with status 403
            refusal: ASGIApp = WebSocketClose(WS_1008_POLICY_VIOLATION) if scope["type"] == "websocket" else found
            await refusal(scope, receive, send_with_headers)
            return
        if found is not None:
            scope.setdefault("state", {})["user"] = found
        await self._app(scope, receive, send_with_headers)

    def _who(self, request: HTTPConnection) -> User | Response | None:
        """The user, the refusal, or `None` where nobody needs to be known."""
        path = request.url.path
        limit = MAX_ES_BODY_BYTES if _is_es(path) else MAX_BODY_BYTES
        if not _is_small(request.headers, limit):
            reason = f"a request holds at most {limit} bytes"
            return es_refusal("content_too_long_exception", reason, 413) if _is_es(path) else _refusal(reason, 413)
        if self._gatekeeper is None and not is_local_host_header(request.headers.get("host", "")):
            return _refusal("this page answers to localhost and 127.0.0.1 alone", 421)
        if not _is_own_site(request):
            return _refusal("ask from the page itself", 403)
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS):
            return None
        return LOCAL_USER if self._gatekeeper is None else self._logged_in(request, self._gatekeeper)

    def _logged_in(self, request: HTTPConnection, gatekeeper: Gatekeeper) -> User | Response:
        key = session_key(request.headers)
        if key and gatekeeper.accepts_session(key):
            return _TOKEN_USER
        authorization = request.headers.get("authorization", "")
        is_es = _is_es(request.url.path)
        if is_es or authorization[:7].lower() == "bearer ":
            try:
                if any(gatekeeper.accepts_token(each, client_address(request)) for each in tokens_in(authorization)):
                    return _TOKEN_USER
            except TooManyAttemptsError as error:
                return too_many_attempts(error)
        if is_es:
            reason = f"missing or wrong authentication credentials for REST request [{request.url.path[:256]}]"
            challenge = {"WWW-Authenticate": 'Basic realm="watchpost", charset="UTF-8", ApiKey, Bearer'}
            return es_refusal("security_exception", reason, 401, challenge)
        if "text/html" in request.headers.get("accept", "") and request.scope["type"] == "http":
            return RedirectResponse("/login", 303)
        return _refusal("log in first", 401, {"WWW-Authenticate": "Bearer"})


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
    """The answer to an address that guesses tokens."""
    return JSONResponse(
        {"detail": "too many wrong tokens; wait a minute"},
        429,
        {"Retry-After": str(max(1, round(error.retry_after_s)))},
    )


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


def _is_small(headers: Headers, limit: int) -> bool:
    length = headers.get("content-length", "0")
    return length.isdecimal() and len(length) < 20 and int(length) <= limit


def _is_es(path: str) -> bool:
    """Whether a path is one of Elasticsearch's dialect."""
    return path == "/es" or path.startswith("/es/")


def _refusal(reason: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": reason}, status, headers)
