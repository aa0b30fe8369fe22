"""The pages ask the same API as everybody else, within the process and as their reader.

So there is one place that knows who may do what, and a page can show nothing that its reader could not ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import httpx
from starlette.requests import Request
from starlette.types import ASGIApp

from watchpost.errors import WatchpostError
from watchpost.web.auth import csrf_token
from watchpost.web.dashboard.entrance import SCOPE_KEY, Given
from watchpost.web.guard import session_key

_PASSED_ON: Final = ("authorization", "cookie", "host")
"""Headers that say who asks whom."""
_TIME_LIMIT_S: Final = 60.0


class RefusedError(WatchpostError):
    """The API refused; the message is its own, one line."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        """Of HTTP (RFC 9110, section 15)."""


class OwnApi:
    """The API of `app` for whoever sent `request`: the session counts as it is at each call, not as it was then."""

    def __init__(self, app: ASGIApp, request: Request) -> None:
        self._app = app
        self._headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        self._headers["x-csrf-token"] = csrf_token(session_key(request.headers))
        self._client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
        self._base = f"{request.url.scheme}://{request.url.netloc}"

    @classmethod
    def of(cls, request: Request) -> Self:
        """Of the server that answers `request`."""
        given: Given = request.scope[SCOPE_KEY]
        return cls(given.app, request)

    async def get(self, path: str, **parameters: Any) -> Any:
        """The JSON that `GET path` answers. Parameters that are `None` or empty are left out. Raises `RefusedError`."""
        given = {name: value for name, value in parameters.items() if value not in (None, "", [], ())}
        return await self._ask("GET", path, params=given)

    async def post(self, path: str, body: Any = None) -> Any:
        """`POST path` with JSON. Raises `RefusedError`."""
        return await self._ask("POST", path, json=body)

    async def put(self, path: str, body: Any, *, version: str = "") -> Any:
        """`PUT path` with JSON; `version` is that of what is replaced (`If-Match`). Raises `RefusedError`."""
        return await self._ask("PUT", path, json=body, headers=_if_match(version))

    async def patch(self, path: str, body: Any, *, version: str = "") -> Any:
        """`PATCH path` with JSON; `version` is that of what is changed. Raises `RefusedError`."""
        return await self._ask("PATCH", path, json=body, headers=_if_match(version))

    async def delete(self, path: str, *, version: str = "") -> Any:
        """`DELETE path`; `version` is that of what goes. Raises `RefusedError`."""
        return await self._ask("DELETE", path, headers=_if_match(version))

    async def _ask(self, method: str, path: str, **content: Any) -> Any:
        transport = httpx.ASGITransport(app=self._app, client=self._client, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport,
            base_url=self._base,
            headers=self._headers,
            timeout=_TIME_LIMIT_S,
            trust_env=False,  # no proxy stands between the process and itself
        ) as client:
            answer = await client.request(method, path, **content)
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise RefusedError(answer.status_code, _reason(answer))
        return answer.json() if answer.content else None


def _if_match(version: str) -> dict[str, str]:
    return {"if-match": f'"{version}"'} if version else {}


def _reason(answer: httpx.Response) -> str:
    """What went wrong, in one line: FastAPI's `detail` is a text, or a list of what does not fit where."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = None
    if isinstance(detail, list):
        detail = "; ".join(_fault(each) for each in detail)
    return str(detail) if detail else f"the server answered with status {answer.status_code}"


def _fault(fault: Any) -> str:
    if not isinstance(fault, Mapping):
        return str(fault)
    where = ".".join(str(each) for each in fault.get("loc", ()) if each not in ("body", "query", "path"))
    return f"{where}: {fault.get('msg', '')}" if where else str(fault.get("msg", ""))
