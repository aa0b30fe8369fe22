"""HLS and WebRTC in a real browser (Chromium): pictures that move, as the camera sent them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fakes import detections, frame
from filming import FPS, film_with_sound
from waiting import until
from watchpost.clock import SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.sources import open_source
from watchpost.video.timestamps import mended
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCENE = "synthetic:?width=320&height=240&fps=15&gop=15&people=3&activity=1&loop=4"
# a machine without a network has loopback alone, and the browser's made-up names are not known to anybody here
FLAGS = ["--no-sandbox", "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"]

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MOVING = """
const moving = async (video) => {
  const canvas = document.createElement("canvas");
  canvas.width = 320; canvas.height = 240;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const picture = () => { context.drawImage(video, 0, 0, 320, 240); return context.getImageData(0, 0, 320, 240).data; };
  const first = picture();
  let most = 0;
  for (let look = 0; look < 30 && most < 200; look++) {
    await new Promise((done) => setTimeout(done, 100));
    const now = picture();
    let changed = 0;
    for (let at = 0; at < now.length; at += 4) changed += Math.abs(now[at] - first[at]) > 40;
    most = Math.max(most, changed);
  }
  return most;
};
"""
HLS = (
    "async (base) => {"
    + MOVING
    + """
  const text = async (url) => (await fetch(url)).text();
  const codecs = /CODECS="([^"]+)"/.exec(await text(base + "/index.m3u8"))[1];
  const source = new MediaSource();
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  video.src = URL.createObjectURL(source);
  await new Promise((done) => source.addEventListener("sourceopen", done, {once: true}));
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`);
  const append = async (uri) => {
    const data = await (await fetch(`${base}/${uri}`)).arrayBuffer();
    const done = new Promise((resolve, reject) => {
      buffer.addEventListener("updateend", resolve, {once: true});
      buffer.addEventListener("error", reject, {once: true});
    });
    buffer.appendBuffer(data);
    await done;
  };
  let list = await text(base + "/live.m3u8");
  await append(/MAP:URI="([^"]+)"/.exec(list)[1]);
  const seen = new Set();
  const behind = [];
  for (let round = 0; round < 10; round++) {
    for (const [, uri] of list.matchAll(/PART:DURATION=[\\d.]+,URI="([^"]+)"/g)) {
      if (!seen.has(uri)) { seen.add(uri); await append(uri); }
    }
    const tail = list.slice(list.lastIndexOf("DATE-TIME:"));
    let edge = Date.parse(/DATE-TIME:(\\S+)/.exec(tail)[1]);
    for (const [, seconds] of tail.matchAll(/PART:DURATION=([\\d.]+)/g)) edge += 1000 * seconds;
    if (round) behind.push(Date.now() - edge);
    const [, number, part] = /HINT:TYPE=PART,URI="(\\d+)\\.(\\d+)\\.m4s"/.exec(list);
    list = await text(`${base}/live.m3u8?_HLS_msn=${number}&_HLS_part=${part}`);
  }
  video.currentTime = buffer.buffered.start(0);
  await video.play();
  const changed = await moving(video);
  behind.sort((a, b) => a - b);
  return {changed, width: video.videoWidth, gaps: buffer.buffered.length - 1, behind_ms: behind[behind.length >> 1]};
}"""
)
NEGOTIATED = """
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== "complete") await new Promise((done) => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
  const answer = await fetch(url, {
    method: "POST", headers: {"Content-Type": "application/sdp"}, body: peer.localDescription.sdp,
  });
  if (answer.status !== 201) return {status: answer.status, detail: await answer.text()};
  await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
"""
WHEP = (
    "async (url) => {"
    + MOVING
    + """
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", {direction: "recvonly"});
  peer.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); };
"""
    + NEGOTIATED
    + """  await video.play();
  const changed = await moving(video);
  let stats = {};
  for (let looks = 0; looks < 100 && !(stats.framesDecoded > 10); looks += 1) {
    await new Promise((done) => setTimeout(done, 200));
    (await peer.getStats()).forEach((each) => {
      if (each.type === "inbound-rtp" && each.kind === "video") stats = each;
    });
  }
  const gone = await fetch(answer.headers.get("Location"), {method: "DELETE"});
  return {
    status: answer.status, changed, width: video.videoWidth, decoded: stats.framesDecoded, lost: stats.packetsLost,
    jitter_ms: 1000 * stats.jitterBufferDelay / stats.jitterBufferEmittedCount, gone: gone.status,
  };
}"""
)


HEARD = (
    """async (url) => {
  const peer = new RTCPeerConnection();
  for (const kind of ["video", "audio"]) peer.addTransceiver(kind, {direction: "recvonly"});
"""
    + NEGOTIATED
    + """  const told = {status: answer.status, sound: 0, codec: "", pictures: 0};
  for (let looks = 0; looks < 150 && !(told.sound > 100 && told.pictures > 10); looks += 1) {
    await new Promise((done) => setTimeout(done, 200));
    const stats = await peer.getStats();
    stats.forEach((each) => {
      if (each.type !== "inbound-rtp") return;
      if (each.kind === "video") told.pictures = each.framesDecoded ?? 0;
      else Object.assign(told, {sound: each.packetsReceived, codec: stats.get(each.codecId)?.mimeType ?? ""});
    });
  }
  await fetch(answer.headers.get("Location"), {method: "DELETE"});
  peer.close();
  return told;
}"""
)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(bypass_csp=True).new_page()  # the test is the page
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@pytest.fixture(scope="module")
def taps() -> Iterator[Taps]:
    """A camera, live."""
    taps, clock = Taps(), SystemClock()
    source = open_source(SCENE, "gate", None, clock)

    def play() -> None:
        for packet in mended(source.packets()):
            taps.offer("gate", packet)

    player = threading.Thread(target=play)
    player.start()
    yield taps
    source.close()
    player.join(20)


@pytest.fixture
def address(taps: Taps) -> Iterator[str]:
    hub = LiveHub(SystemClock())
    hub.publish("gate", frame(0), detections((1, 2, 30, 40)), {})
    server = WebServer(create_app(Services(hub, taps)), port=0)
    yield server.start().rstrip("/")
    server.stop()


def test_hls_plays_through_media_source_extensions(page: Any, address: str, taps: Taps) -> None:
    page.goto(f"{address}/healthz")
    told = page.evaluate(HLS, "/api/cameras/gate/hls")
    print(told)
    assert told["width"] == 320
    assert told["changed"] >= 200, "people walk"
    assert told["gaps"] == 0
    assert told["behind_ms"] < 1500


def test_webrtc_shows_moving_pictures_and_lets_go(page: Any, address: str, taps: Taps) -> None:
    pytest.importorskip("aiortc")
    page.goto(f"{address}/healthz")
    told = page.evaluate(WHEP, "/api/whep/gate")
    print(told)
    assert told["status"] == 201, told
    assert told["width"] == 320
    assert told["changed"] >= 200, "people walk"
    assert told["decoded"] > 10
    assert told["gone"] == 204
    assert until(lambda: taps.viewers("gate") == 0)


def test_webrtc_brings_the_sound(page: Any) -> None:
    pytest.importorskip("aiortc")
    singing, stop = Taps(), threading.Event()

    def play() -> None:
        film = film_with_sound(60, gop=10)
        while not stop.is_set():
            for packet in film:
                singing.offer("gate", packet)
                if stop.wait(1 / FPS):
                    return

    player = threading.Thread(target=play)
    player.start()
    hub = LiveHub(SystemClock())
    hub.publish("gate", frame(0), detections((1, 2, 30, 40)), {})
    server = WebServer(create_app(Services(hub, singing)), port=0)
    try:
        page.goto(f"{server.start().rstrip('/')}/healthz")
        told = page.evaluate(HEARD, "/api/whep/gate")
    finally:
        stop.set()
        player.join(20)
        server.stop()
    print(told)
    assert told["status"] == 201, told
    assert told["codec"] == "audio/opus"
    assert told["sound"] > 100, "50 packets a second"
    assert told["pictures"] > 10
