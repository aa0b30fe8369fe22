"""How far behind the camera a browser shows it, over HLS with parts and over WebRTC (Chromium, headless).

    python bench/delays_out.py [--seconds 20]

The camera's picture is black for a second, white for the next, at 15 fps, and the moment of each change is noted as
it is given to the server. The page looks at each picture that it shows. Both clocks are this machine's.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import dataclasses
import io

from playwright.sync_api import sync_playwright

from clips import encode_clip
from fakes import detections, frame
from watchpost.clock import SystemClock
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.sources import open_source
from watchpost.types import Packet
from watchpost.video.timestamps import mended
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

FPS = 15
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"]
WATCH = """
const watch = (video, seconds) => new Promise((done) => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 4;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const changes = [];
  const end = Date.now() + 1000 * seconds;
  let was = null;
  const look = () => {
    context.drawImage(video, 0, 0, 4, 4);
    const is = context.getImageData(1, 1, 1, 1).data[0] > 127;
    if (was !== null && is !== was) changes.push([Date.now() / 1000, is]);
    was = is;
    if (Date.now() > end) done(changes); else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
});
"""
HLS = (
    "async ([base, seconds]) => {"
    + WATCH
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
    const done = new Promise((resolve) => buffer.addEventListener("updateend", resolve, {once: true}));
    buffer.appendBuffer(data);
    await done;
  };
  let list = await text(base + "/live.m3u8");
  await append(/MAP:URI="([^"]+)"/.exec(list)[1]);
  const seen = new Set();
  let told = null;
  const end = Date.now() + 1000 * seconds + 3000;
  while (Date.now() < end) {
    for (const [, uri] of list.matchAll(/PART:DURATION=[\\d.]+,URI="([^"]+)"/g)) {
      if (!seen.has(uri)) { seen.add(uri); await append(uri); }
    }
    const edge = buffer.buffered.end(buffer.buffered.length - 1);
    if (video.paused || edge - video.currentTime > 1.2) { video.currentTime = edge - 0.7; await video.play(); }
    told ??= watch(video, seconds);
    const [, number, part] = /HINT:TYPE=PART,URI="(\\d+)\\.(\\d+)\\.m4s"/.exec(list);
    list = await text(`${base}/live.m3u8?_HLS_msn=${number}&_HLS_part=${part}`);
  }
  return await told;
}"""
)
WHEP = (
    "async ([url, seconds]) => {"
    + WATCH
    + """
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", {direction: "recvonly"});
  peer.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); };
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== "complete") await new Promise((done) => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
  });
  const offer = {method: "POST", headers: {"Content-Type": "application/sdp"}, body: peer.localDescription.sdp};
  const answer = await fetch(url, offer);
  await peer.setRemoteDescription({type: "answer", sdp: await answer.text()});
  await video.play();
  return await watch(video, seconds);
}"""
)


def flashes() -> list[Packet]:
    """Two seconds, a key frame each second."""
    out = io.BytesIO()
    pictures = [np.full((360, 640, 3), 16 if number < FPS else 235, np.uint8) for number in range(2 * FPS)]
    encode_clip(out, pictures, fps=FPS, gop=FPS, container="mp4")
    path = Path("/tmp") / "flashes.mp4"
    path.write_bytes(out.getvalue())
    packets = list(mended(open_source(str(path), "gate", None, SystemClock()).packets()))
    path.unlink()
    return packets


def play(taps: Taps, changes: list[tuple[float, bool]], stop: threading.Event) -> None:
    """The camera, until `stop`."""
    packets = flashes()
    live = dataclasses.replace(packets[0].stream, is_live=True)
    step = round(1 / FPS / packets[0].stream.time_base)
    began_s, count = time.monotonic(), 0
    while not stop.is_set():
        packet = packets[count % len(packets)]
        now_s = time.time()
        if count % FPS == 0:
            changes.append((now_s, count % len(packets) >= FPS))
        at = count * step
        taps.offer("gate", dataclasses.replace(packet, stream=live, pts=at, dts=at, wall_time_s=now_s))
        count += 1
        stop.wait(max(0.0, began_s + count / FPS - time.monotonic()))


def delays(shown: list[list[Any]], changes: list[tuple[float, bool]]) -> list[float]:
    """From each change at the camera to the same one on the page."""
    return [at - max(each for each, kind in changes if kind == is_white and each < at) for at, is_white in shown]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    seconds = parser.parse_args().seconds
    hub, taps, stop = LiveHub(SystemClock()), Taps(), threading.Event()
    hub.publish("gate", frame(0), detections((1, 2, 30, 40)), {})
    changes: list[tuple[float, bool]] = []
    player = threading.Thread(target=play, args=(taps, changes, stop))
    player.start()
    server = WebServer(create_app(Services(hub, taps)), port=0)
    base = server.start().rstrip("/")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, script, path in (("HLS", HLS, "/api/cameras/gate/hls"), ("WebRTC", WHEP, "/api/whep/gate")):
            page = browser.new_context(bypass_csp=True).new_page()
            page.goto(f"{base}/healthz")
            found = sorted(delays(page.evaluate(script, [path, seconds]), changes)[2:])
            p95 = found[int(0.95 * (len(found) - 1))]
            print(f"{name}: median {statistics.median(found):.2f} s, p95 {p95:.2f} s, {len(found)} changes")
            page.close()
        browser.close()
    server.stop()
    stop.set()
    player.join()


if __name__ == "__main__":
    main()
