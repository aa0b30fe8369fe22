"""The login form, the choice of a language, and the files that pages load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, HTTPException, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from watchpost.web.access import Viewer
from watchpost.web.attempts import TooManyAttemptsError
from watchpost.web.auth import Gatekeeper
from watchpost.web.cookies import drop_session, set_session
from watchpost.web.guard import client_address, session_key, too_many_attempts
from watchpost.web.texts import LANGUAGES, LOCALES, choose_language, render_page

STATIC: Final = Path(__file__).parent / "static"
LANGUAGE_COOKIE: Final = "watchpost_language"
_LANGUAGE_S: Final = 365 * 86_400


def add_page(app: FastAPI, gatekeeper: Gatekeeper, default_language: str) -> None:
    """The routes."""
    app.mount("/static", StaticFiles(directory=STATIC))
    app.mount("/locales", StaticFiles(directory=LOCALES))

    def page(request: Request, name: str, status: int = 200, **values: str) -> Response:
        wish = request.headers.get("accept-language", "")
        language = choose_language(request.cookies.get(LANGUAGE_COOKIE), wish, default_language)
        values["login"] = "on" if gatekeeper.is_guarded else "off"
        return HTMLResponse(render_page(name, language, **values), status, {"Content-Language": language})

    @app.get("/language/{language}", include_in_schema=False)
    async def choose(_user: Viewer, language: str, back: Annotated[str, Query(max_length=512)] = "/") -> Response:
        if language not in LANGUAGES:
            raise HTTPException(404, "no such language")
        response = RedirectResponse(_own_path(back), 303)
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_LANGUAGE_S, httponly=True, samesite="lax")
        return response

    @app.get("/login", include_in_schema=False)
    async def login_form(request: Request) -> Response:
        return page(request, "login", failed="no")

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
        name, password, token = (form.get(field, [""])[0] for field in ("user", "password", "token"))
        try:
            key = await gatekeeper.log_in(name.strip(), password or token.strip(), client_address(request))
        except TooManyAttemptsError as error:
            refusal = page(request, "login", 429, failed="often")
            refusal.headers["Retry-After"] = too_many_attempts(error).headers["Retry-After"]
            return refusal
        if key is None:
            return page(request, "login", 401, failed="yes")
        response = RedirectResponse("/", 303)
        set_session(response, request, key)
        return response

    @app.post("/logout", include_in_schema=False)
    async def logout(request: Request, _user: Viewer) -> Response:
        await run_in_threadpool(gatekeeper.close_session, session_key(request.headers))
        response = RedirectResponse("/login", 303)
        drop_session(response)
        return response


def _own_path(path: str) -> str:
    """The path where it is one of this server's own, or else the first page: nobody is sent elsewhere."""
    is_own = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return quote(path, safe="/%") if is_own else "/"
