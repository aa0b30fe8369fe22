"""An RTSP server with one camera that is fed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from watchpost.clock import Clock, SystemClock
from watchpost.config.serve import RtspOptions
from watchpost.runtime.taps import Tap, Taps
from watchpost.serving.access import Credentials
from watchpost.serving.rtsp_server import RtspServer
from watchpost.serving.rtsp_target import View
from watchpost.types import Packet


class House:
    """`feed` gives the camera packets; `port` is where the server listens."""

    def __init__(
        self,
        options: RtspOptions | None = None,
        credentials: Credentials | None = None,
        cameras: Iterable[str] = ("gate",),
        clock: Clock | None = None,
    ) -> None:
        self.taps = Taps()
        self._cameras = set(cameras)
        options = options or RtspOptions()
        self.server = RtspServer(self, options.model_copy(update={"port": 0}), credentials, clock or SystemClock())

    def open(self, name: str, view: View, on_news: Callable[[], None]) -> Tap | None:
        if name not in self._cameras or view == "publish":
            return None
        return self.taps.open(f"{name} {view}", on_news)

    def feed(self, packets: Iterable[Packet], camera: str = "gate", view: View = "live") -> None:
        for packet in packets:
            self.taps.offer(f"{camera} {view}", packet)

    @property
    def port(self) -> int:
        return self.server.port

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.server.stop()
