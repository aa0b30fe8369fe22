"""What verbs ask the running server, at the address and with the token of its configuration."""

from __future__ import annotations

from typing import Any

from watchpost.config import Web
from watchpost.errors import WatchpostError


def ask(web: Web, camera: str, what: str, *, post: bool = False) -> Any:
    """The server's answer about a camera, `None` where it has nothing to say.

    `what` is the end of the address, such as `explain`. Raises `WatchpostError` where there is no server, or no such
    camera.
    """
    import json
    from urllib.error import HTTPError
    from urllib.parse import quote
    from urllib.request import ProxyHandler, Request, build_opener

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104 - asked, not listened at
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    address = f"http://{host}:{web.port}"
    url = f"{address}/api/cameras/{quote(camera, safe='')}/{what}"
    request = Request(url, method="POST" if post else "GET")  # noqa: S310 - http alone
    if web.token is not None:
        request.add_header("Authorization", f"Bearer {web.token.get_secret_value()}")
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
            body = reply.read()
            return json.loads(body) if body else None
    except HTTPError as error:
        with error:
            reason = {
                404: f"the server has no running camera {camera}.",
                401: "the server wants a token: write the one that it was started with as web.token.",
                409: f"{camera} never sleeps: a file, or a stream that has not begun.",
            }
            message = reason.get(error.code, f"{address} answers {error.code}.")
        raise WatchpostError(message) from None
    except (OSError, ValueError):
        raise WatchpostError(f"no server answers at {address}; start it with watchpost run.") from None
