"""Where packets come from. A source opens, yields packets and raises `SourceError`; it never retries.

Retry and back-off live once, above, in `watchpost.runtime.reconnect`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from watchpost.types import Packet


class Source(Protocol):
    """One connection to one camera, file or folder, used once."""

    def packets(self) -> Iterator[Packet]:
        """Connect and yield the video packets in decoding order, ending at the end of a file.

        Raises `SourceError` when it can not connect or breaks off; `permanent` where retrying is of no use.
        """

    def close(self) -> None:
        """Let go of the connection. Safe to call twice, and from another thread to end `packets`."""
