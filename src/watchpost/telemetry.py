"""Counters, and logs and messages in which credentials never appear."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from typing import Final

# Either the user information of RFC 3986, or all from a colon up to the last @: a password whose / ? or # nobody has
# percent-encoded. Better to hide a piece of a path than to show that.
_USERINFO: Final = re.compile(r"(?<=://)(?:[^/?#\s'\":@]*:[^\s'\"]{0,256}@|[^/?#\s'\"]*@)")
_SECRET_PARAMETER: Final = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|pass|token|access_token|api_?key|auth|secret|signature|sig|key|user|username)=)"
    r"[^&\s'\"#]+",
    re.IGNORECASE,
)
_LISTEN_KEY: Final = re.compile(r"(?P<where>\brtmp-listen://[^/\s'\"]*/)[^\s'\"]+?(?=:?(?:[\s'\"]|$))", re.IGNORECASE)
"""Whoever knows the path may publish."""
_AUTHORIZATION: Final = re.compile(r"(?P<name>authorization\s*[:=]\s*)[^\r\n]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """`text` with the user and password of URLs, secret query parameters and Authorization headers hidden.

    >>> redacted("cannot open rtsp://admin:p@ss@10.0.0.5/live?token=abc")
    'cannot open rtsp://***@10.0.0.5/live?token=***'
    """
    text = _USERINFO.sub("***@", text)
    text = _LISTEN_KEY.sub(r"\g<where>***", text)
    text = _SECRET_PARAMETER.sub(r"\g<name>***", text)
    return _AUTHORIZATION.sub(r"\g<name>***", text)


class RedactingFormatter(logging.Formatter):
    """Formats a record and hides credentials in all of it, tracebacks too; times are UTC."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The finished line."""
        return redacted(super().format(record))


def configure_logging(level: int = logging.INFO, process: str = "") -> None:
    """Send the package's log to stderr, redacted, each line with `process` if one is named.

    Calling it again changes the level alone.
    """
    logger = logging.getLogger("watchpost")
    logger.setLevel(level)
    if not logger.handlers:
        handler = logging.StreamHandler()
        where = f"{process} " if process else ""
        line = f"%(asctime)sZ %(levelname)s {where}%(name)s: %(message)s"
        handler.setFormatter(RedactingFormatter(line, "%Y-%m-%dT%H:%M:%S"))
        logger.addHandler(handler)
        logger.propagate = False


class Counters:
    """Named counts, safe to raise from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, amount: int = 1) -> None:
        """Raise a count."""
        with self._lock:
            self._counts[name] += amount

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def snapshot(self) -> dict[str, int]:
        """All counts at this moment."""
        with self._lock:
            return dict(self._counts)
