"""Events as HTTP POST requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import re
import urllib.error
import urllib.request
import uuid
from email.message import Message
from typing import IO, Annotated, Final, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

import watchpost
from watchpost.clock import Clock, SystemClock
from watchpost.event_json import event_to_json
from watchpost.sinks._outbox import NotNowError, Outbox, QueueOptions, RefusedError, Timeout
from watchpost.types import Event

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2."""


def _checked_url(url: str) -> str:
    if not _is_plain(url):
        raise ValueError("write what is not ASCII percent-encoded (%ED%9B%84), and a host's name as xn--...")
    try:
        address = urlsplit(url)
        is_whole = bool(address.hostname) and address.port != 0
    except ValueError:  # brackets that do not fit, a port that is no number up to 65535
        is_whole = False
    if not is_whole:
        raise ValueError("the address has no host, or a port that is no number from 1 to 65535")
    return url


def _is_plain(text: str) -> bool:
    """Whether it may stand in the head of an HTTP request: no line breaks, nothing beyond ASCII."""
    return text.isascii() and text.isprintable()


HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+\S*$"), AfterValidator(_checked_url)]


class Options(QueueOptions):
    """One receiver."""

    url: HttpUrl = Field(repr=False)  # the path of many services is a secret
    """`http://` or `https://`; a user and password in it are sent as Basic authentication."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Further headers, such as `Authorization`."""
    secret: SecretStr | None = None
    """Signs the body: `X-Watchpost-Signature: sha256=<HMAC-SHA256 of the body, hexadecimal>`."""
    snapshot: Literal["none", "base64", "multipart"] = "none"
    """`base64`: as `snapshot_jpeg` in the JSON. `multipart`: a form of `event` (JSON) and `snapshot` (JPEG)."""
    timeout: Timeout = 10.0
    """For connecting, and for each wait for the answer."""

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if _HEADER_NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no name of a header; write one such as Authorization")
            if not _is_plain(value.get_secret_value()):
                raise ValueError(f"the value of {name} holds a line break or a character beyond ASCII; take it away")
        return headers


class WebhookSink:
    """Posts each event, in order. Connection errors, 408, 429 and 5xx are tried again, other answers not."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        address = urlsplit(options.url)
        host = address.netloc.rpartition("@")[2]
        self._url = urlunsplit(address._replace(netloc=host))
        self._headers = {"User-Agent": f"watchpost/{watchpost.__version__}"}
        if address.username is not None:
            login = f"{unquote(address.username)}:{unquote(address.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        self._headers |= {name: value.get_secret_value() for name, value in options.headers.items()}
        self._opener = urllib.request.build_opener(_NoRedirect)
        # without the path, a secret too
        self.name = f"webhook {address.scheme}://{host}"
        file = f"webhook-{hashlib.sha256(options.url.encode()).hexdigest()[:16]}.db"
        self._outbox = Outbox(self.name, file, options, self._post, clock)
        self._outbox.start()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the events."""
        return self._outbox.counts

    def send(self, event: Event) -> None:
        """Queue the event."""
        self._outbox.put(event)

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver for `timeout_s` at most."""
        self._outbox.close(timeout_s)

    def _post(self, event: Event) -> None:
        content_type, body = _body(event, self._options.snapshot)
        headers = {"Content-Type": content_type, "X-Watchpost-Event": event.id, **self._headers}
        if self._options.secret is not None:
            headers["X-Watchpost-Signature"] = signature(self._options.secret.get_secret_value(), body)
        request = urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310  http(s) alone
        try:
            with self._opener.open(request, timeout=self._options.timeout):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in (408, 429) or error.code >= 500:
                wait = error.headers.get("Retry-After", "")
                after_s = min(float(wait), 3600.0) if wait.isdecimal() else 0.0
                raise NotNowError(f"answers {error.code}", after_s) from None
            raise RefusedError(f"answers {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotNowError(f"no answer ({getattr(error, 'reason', None) or error})") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without the event; the answer 3xx is reported instead."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """None: do not follow."""


def signature(secret: str, body: bytes) -> str:
    """What `X-Watchpost-Signature` holds; receivers compare it with `hmac.compare_digest`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _body(event: Event, snapshot: str) -> tuple[str, bytes]:
    """The content type and the body of the request."""
    data = event_to_json(event)
    if snapshot == "base64" and event.snapshot is not None:
        data["snapshot_jpeg"] = base64.b64encode(event.snapshot).decode()
    text = json.dumps(data, ensure_ascii=False).encode()
    if snapshot != "multipart":
        return "application/json", text
    # RFC 7578; a random boundary does not occur in the parts
    boundary = uuid.uuid4().hex
    parts = [("event", "event.json", "application/json", text)]
    if event.snapshot is not None:
        parts.append(("snapshot", "snapshot.jpg", "image/jpeg", event.snapshot))
    lines = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, file, kind, content in parts
    )
    return f"multipart/form-data; boundary={boundary}", lines + f"--{boundary}--\r\n".encode()


def create(options: Options, clock: Clock | None = None) -> WebhookSink:
    """Start delivering. Raises `WatchpostError` when the queue can not be used."""
    return WebhookSink(options, clock or SystemClock())
