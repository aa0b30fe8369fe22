"""One viewer of one camera over a WebSocket: fragmented MP4 as binary messages, and JSON in between.

docs/live-video.md tells the protocol. A viewer that is slow loses its own packets, in its tap, and goes on with a key
frame; one that takes nothing for long is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from watchpost.runtime.boxes import Boxes, BoxFeed, BoxReader, boxes_to_json
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Tap, Taps
from watchpost.types import Packet
from watchpost.web.live_mp4 import Header, LiveMp4, NotPassedOnError

NO_SUCH_CAMERA: Final = 4404
TOO_MANY: Final = 1013
"""Try again later (IANA WebSocket close codes)."""
STOPPED: Final = 1001
_LOOK_S: Final = 0.25
"""How often to look whether all is to end; within this a server that stops has ended its streams."""
_STATE_EVERY: Final = 4
"""Looks from one state to the next: a second, which is also the sign of life that a player waits for."""
_TAKES_WITHIN_S: Final = 15.0
_BEHIND_S: Final = 2.0
"""Of packets that wait for a viewer: what is older than the last key frame is given up then."""
_HELD_BYTES: Final = 4_000_000
_LOG: Final = logging.getLogger(__name__)


class LiveSession:
    """Sends to an accepted WebSocket until it closes, the camera goes, or `stop` is set.

    The guard closes it when its user's session or rights end.
    """

    def __init__(
        self,
        socket: WebSocket,
        camera: str,
        hub: LiveHub,
        taps: Taps,
        boxes: BoxFeed,
        stop: threading.Event,
        *,
        with_sound: bool = False,
    ) -> None:
        self._socket = socket
        self._camera = camera
        self._hub = hub
        self._taps = taps
        self._boxes = boxes
        self._stop = stop
        self._news = asyncio.Event()
        self._mp4 = LiveMp4(with_sound=with_sound)
        self._waiting: list[Packet] = []
        self._skipped = 0
        """Packets given up here, as the viewer was behind."""

    async def run(self) -> None:
        """Returns when it is over; the WebSocket is closed then, unless the viewer has gone."""
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            results = await asyncio.gather(reader, writer, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
                raise result
        if isinstance(results[1], int):
            with contextlib.suppress(WebSocketDisconnect, TimeoutError):
                await asyncio.wait_for(self._socket.close(results[1]), _TAKES_WITHIN_S)

    async def _read(self) -> None:
        """A player has nothing to say: this ends when it has gone."""
        while (await self._socket.receive())["type"] != "websocket.disconnect":
            pass

    async def _write(self) -> int:
        """The code to close with."""
        with (
            self._taps.open(self._camera, self._wake(), _HELD_BYTES) as tap,
            self._boxes.open(self._camera, self._wake()) as reader,
        ):
            looks = 0
            while not self._stop.is_set():
                if looks % _STATE_EVERY == 0 and not await self._say_state(tap):
                    return NO_SUCH_CAMERA
                looks += 1
                if not await self._pass_on_for(_LOOK_S, tap, reader):
                    return NO_SUCH_CAMERA
        return STOPPED

    async def _pass_on_for(self, seconds: float, tap: Tap, reader: BoxReader) -> bool:
        """Send what comes for so long; false where the camera has gone."""
        now_s = asyncio.get_running_loop().time
        end_s = now_s() + seconds
        while (left_s := end_s - now_s()) > 0:
            for boxes in reader.take():
                await self._say_boxes(boxes)
            if came := tap.take():
                self._waiting = self._newest([*self._waiting, *came])
            if self._waiting:
                await self._pass_on(self._waiting.pop(0))
            elif tap.ended:
                return False
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), left_s)
                self._news.clear()
        return True

    def _wake(self) -> Callable[[], None]:
        """Tells this session, from a camera's thread, that something came."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
                loop.call_soon_threadsafe(self._news.set)

        return tell

    def _newest(self, packets: list[Packet]) -> list[Packet]:
        """What is worth sending of all that waited: of a viewer that is behind, what follows the last key frame."""
        if not packets or (packets[-1].camera_time_s or 0.0) - (packets[0].camera_time_s or 0.0) < _BEHIND_S:
            return packets
        last_key = max((number for number, packet in enumerate(packets) if packet.is_key), default=0)
        self._skipped += last_key
        return packets[last_key:]

    async def _pass_on(self, packet: Packet) -> None:
        try:
            made = self._mp4.add(packet)
        except NotPassedOnError as error:
            await self._say({"kind": "unsupported", "detail": str(error)})
            return
        for each in made:
            if isinstance(each, Header):
                await self._say_header(each)
            else:
                await self._send(self._socket.send_bytes(each))

    async def _say_header(self, header: Header) -> None:
        said = {"mime": header.mime, "width": header.width, "height": header.height}
        await self._say({"kind": "header", **said, "camera_time_s": header.camera_time_s, "sound": header.sound})
        await self._send(self._socket.send_bytes(header.data))

    async def _say_boxes(self, boxes: Boxes) -> None:
        if (zero_s := self._mp4.zero_s) is not None:
            media_time_s = boxes.moment.camera_time_s - zero_s
            await self._say({"kind": "boxes", "media_time_s": media_time_s, **boxes_to_json(boxes)})

    async def _say_state(self, tap: Tap) -> bool:
        """Tell how the camera is; false where it is not there any more."""
        status = self._hub.status(self._camera)
        if status is None:
            return False
        await self._say({"kind": "state", **asdict(status), "lost": tap.lost + self._skipped})
        return True

    async def _say(self, message: dict[str, Any]) -> None:
        await self._send(self._socket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":"))))

    async def _send(self, sending: Awaitable[None]) -> None:
        try:
            await asyncio.wait_for(sending, _TAKES_WITHIN_S)
        except TimeoutError:
            _LOG.info("%s: a viewer took nothing for %.0f s and is let go", self._camera, _TAKES_WITHIN_S)
            raise WebSocketDisconnect(STOPPED) from None
