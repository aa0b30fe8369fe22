"""A recording plays, and can be sought in, in a real browser (Chromium)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from filming import G711, MIDNIGHT, film
from watchpost.clock import SystemClock
from watchpost.recordings.archive import Archive
from watchpost.recordings.writer import CameraWriter, Lengths
from watchpost.runtime.live import LiveHub
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PLAY = """async (address) => {
  const video = document.createElement("video");
  video.muted = true;
  const heard = (name) => new Promise((done, fail) => {
    video.addEventListener(name, done, {once: true});
    video.addEventListener("error", () => fail(new Error(video.error.message)), {once: true});
  });
  const ready = heard("loadeddata");
  video.src = address;
  await ready;
  const sought = heard("seeked");
  video.currentTime = 7.3;
  await sought;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const row = [...context.getImageData(0, 24, video.videoWidth, 1).data].filter((_, index) => index % 4 === 0);
  return [video.duration, video.currentTime, video.videoWidth, row.indexOf(Math.max(...row))];
}"""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    archive = Archive(tmp_path)
    writer = CameraWriter("gate", archive, SystemClock(), Lengths(segment_s=3.0, fragment_s=1.0))
    for packet in film(120, sound=G711):
        writer.add(packet)
    writer.finish()
    server = WebServer(create_app(Services(LiveHub(SystemClock()), recordings=lambda: archive)), port=0)
    yield server.start()
    server.stop()
    archive.close()


def test_chromium_plays_a_stretch_and_seeks_to_the_very_picture(address: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(address)
        query = f"api/cameras/gate/recording.mp4?since={MIDNIGHT + 1}&until={MIDNIGHT + 11}"
        duration_s, at_s, width, bar = page.evaluate(PLAY, address + query)
        browser.close()
    assert duration_s == pytest.approx(10, abs=0.15)
    assert at_s == pytest.approx(7.3)
    assert width == 64
    assert bar == pytest.approx((10 + 73) % 64, abs=2)  # the bar's place tells the picture's number
