"""WebRTC: an offer is answered, packets of the camera come out at the other end, whoever leaves is let go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import httpx2
import numpy as np
import pytest

from fakes import detections, frame
from filming import film, film_with_sound
from watchpost.clock import ManualClock, SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.types import Packet
from watchpost.web.access import Role
from watchpost.web.accounts import Accounts
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

aiortc = pytest.importorskip("aiortc")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what aiortc is made of
SDP = {"Content-Type": "application/sdp"}


def make(camera: str = "gate") -> tuple[Services, httpx2.AsyncClient]:
    hub = LiveHub(ManualClock())
    hub.publish(camera, frame(0), detections((1, 2, 30, 40)), {})
    services = Services(hub, clock=SystemClock())
    transport = httpx2.ASGITransport(create_app(services))
    return services, httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8800")


async def send(taps: Taps, packets: Sequence[Packet]) -> None:
    """A camera of 10 pictures a second, five times as fast."""
    while True:
        for packet in packets:
            taps.offer("gate", packet)
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def sending(services: Services, packets: Sequence[Packet] = ()) -> AsyncIterator[None]:
    task = asyncio.create_task(send(services.taps, packets or film(60, gop=10)))
    try:
        yield
    finally:
        task.cancel()


def test_pictures_reach_a_peer() -> None:
    async def scene() -> None:
        services, client = make()
        async with client, sending(services):
            peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
            got: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            peer.on("track", lambda track: asyncio.ensure_future(first_of(track, got)))
            answer = await ask(client, peer, "video")
            assert answer.status_code == 201, answer.text
            assert answer.headers["content-type"].startswith("application/sdp")
            await peer.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
            picture = await asyncio.wait_for(got, 15)
            assert (picture.width, picture.height) == (64, 48)  # type: ignore[attr-defined]
            assert services.taps.viewers("gate") == 1
            assert (await client.delete(answer.headers["location"])).status_code == 204
            await gone(services)
            assert (await client.delete(answer.headers["location"])).status_code == 404
            await peer.close()

    asyncio.run(scene())


@pytest.mark.parametrize("has_sound", [True, False])
def test_sound_reaches_a_peer_that_asks_for_it(has_sound: bool) -> None:
    async def scene() -> None:
        services, client = make()
        async with client, sending(services, film_with_sound(60, gop=10) if has_sound else film(60, gop=10)):
            peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
            seen, heard = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()

            tasks: list[asyncio.Future[None]] = []

            def take(track: object) -> None:
                is_video = track.kind == "video"  # type: ignore[attr-defined]
                tasks.append(asyncio.ensure_future(first_of(track, seen) if is_video else loud(track, heard)))

            peer.on("track", take)
            answer = await ask(client, peer, "video", "audio")
            assert answer.status_code == 201, answer.text
            await peer.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
            assert (await asyncio.wait_for(seen, 15)).width == 64
            if has_sound:
                sound = await asyncio.wait_for(heard, 15)
                assert (sound.sample_rate, sound.layout.name) == (48_000, "stereo")
            else:
                assert "a=sendonly" not in answer.text.partition("m=audio")[2]
            await client.delete(answer.headers["location"])
            await gone(services)
            await peer.close()
            await asyncio.wait(tasks, timeout=5)
            for task in tasks:
                task.cancel()

    asyncio.run(scene())


@pytest.mark.parametrize("loss", ["removed", "token revoked", "demoted"])
def test_who_may_see_no_more_loses_what_plays(tmp_path: Path, loss: str) -> None:
    async def scene() -> None:
        clock = ManualClock()
        accounts = Accounts(tmp_path, clock)
        accounts.add("kim", Role.ADMIN, "a long pass phrase 1")
        accounts.add("lee", Role.VIEWER, "a long pass phrase 2")
        token, secret = accounts.make_token("lee", "player", None)
        hub = LiveHub(clock)
        hub.publish("gate", frame(0), detections((1, 2, 30, 40)), {})
        services = Services(hub, clock=clock, accounts=accounts)
        transport = httpx2.ASGITransport(create_app(services))
        bearer = {**SDP, "Authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://h") as client, sending(services):
            peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
            answer = await ask(client, peer, "video", headers=bearer)
            assert answer.status_code == 201, answer.text
            clock.advance(11.0)
            await asyncio.sleep(0.6)  # a look later
            assert services.taps.viewers("gate") == 1
            match loss:
                case "removed":
                    accounts.remove("lee")
                case "token revoked":
                    accounts.revoke_token(token.id)
                case _:
                    accounts.change("lee", Role.VIEWER, frozenset({"yard"}))
            clock.advance(11.0)
            await gone(services)
            await peer.close()
        accounts.close()

    asyncio.run(scene())


def test_the_server_stops_while_somebody_watches(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        hub = LiveHub(ManualClock())
        hub.publish("gate", frame(0), detections((1, 2, 30, 40)), {})
        services = Services(hub, clock=SystemClock())
        server = WebServer(create_app(services), port=0)
        async with httpx2.AsyncClient(base_url=server.start()) as client, sending(services):
            peer = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
            got: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            peer.on("track", lambda track: asyncio.ensure_future(first_of(track, got)))
            answer = await ask(client, peer, "video")
            await peer.setRemoteDescription(aiortc.RTCSessionDescription(answer.text, "answer"))
            await asyncio.wait_for(got, 15)
            await asyncio.wait_for(asyncio.to_thread(server.stop), 15)
            assert services.taps.viewers("gate") == 0
            await peer.close()

    asyncio.run(scene())
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def ask(
    client: httpx2.AsyncClient, peer: aiortc.RTCPeerConnection, *kinds: str, headers: Mapping[str, str] = SDP
) -> httpx2.Response:
    """The answer to a peer's offer to take these kinds of tracks."""
    for kind in kinds:
        peer.addTransceiver(kind, "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    return await client.post("/api/whep/gate", content=peer.localDescription.sdp, headers=headers)


async def first_of(track: object, got: asyncio.Future[object]) -> None:
    picture = await track.recv()  # type: ignore[attr-defined]
    if not got.done():
        got.set_result(picture)


async def loud(track: object, got: asyncio.Future[object]) -> None:
    """The first frame with anything to hear in it."""
    while not got.done():
        try:
            frame_of_sound = await track.recv()  # type: ignore[attr-defined]
        except aiortc.mediastreams.MediaStreamError:
            return
        if np.abs(frame_of_sound.to_ndarray().astype(int)).max() > 500:
            got.set_result(frame_of_sound)


async def gone(services: Services) -> None:
    for _ in range(200):
        if services.taps.viewers("gate") == 0:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the viewer's place is still held")


@pytest.mark.parametrize(
    "offer", ["", "v=0", "nonsense", "v=0\r\nm=video x", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\n"]
)
def test_what_is_no_offer_is_refused_and_holds_nothing(offer: str) -> None:
    async def scene() -> None:
        services, client = make()
        async with client, sending(services):
            answer = await client.post("/api/whep/gate", content=offer, headers=SDP)
            assert answer.status_code == 400, answer.text
            await gone(services)

    asyncio.run(scene())


def test_other_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        services, client = make()
        async with client:
            assert (await client.post("/api/whep/nobody", content="v=0", headers=SDP)).status_code == 404
            assert (await client.post("/api/whep/gate", content="v=0")).status_code == 415
            for packet in film(2, codec="libx265"):
                services.taps.offer("gate", packet)
            answer = await client.post("/api/whep/gate", content="v=0", headers=SDP)
            assert answer.status_code == 415
            assert "hevc" in answer.json()["detail"]
            assert services.taps.viewers("gate") == 0
            monkeypatch.delitem(sys.modules, "watchpost.serving.webrtc", raising=False)
            monkeypatch.setitem(sys.modules, "aiortc", None)
            answer = await client.post("/api/whep/gate", content="v=0", headers=SDP)
            assert answer.status_code == 501
            assert "pip install 'watchpost[webrtc]'" in answer.json()["detail"]

    asyncio.run(scene())
