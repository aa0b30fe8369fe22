"""The player in a real browser (Chromium): the camera's own H.264 moves, each box lies on the picture it belongs to."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from filming import FPS, film_with_sound
from waiting import until
from watchpost.clock import SystemClock
from watchpost.config import loads
from watchpost.picture import ArrayPicture
from watchpost.runtime.boxes import Boxes, BoxFeed, SeenObject
from watchpost.runtime.live import LiveHub
from watchpost.runtime.taps import Taps
from watchpost.types import Detections, Frame, Moment, Packet
from watchpost.web.app import create_app
from watchpost.web.server import WebServer
from watchpost.web.services import Services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH, HEIGHT = 128, 96
CONFIG = """
cameras:
  정문:
    source: "synthetic:"
    zones: {마당: [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]}
    lines: {문: [[0.1, 0.9], [0.9, 0.9]]}
"""
ADD = """async () => {
  await import("/static/player.js");
  const player = document.createElement("wp-player");
  player.setAttribute("camera", "정문");
  player.style.width = "512px";
  globalThis.player = player;
  globalThis.seen = [];
  globalThis.states = [];
  const canvas = document.createElement("canvas");
  canvas.width = 128;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  player.addEventListener("state", ({detail}) => states.push([detail.state, detail.mode]));
  player.addEventListener("frame", ({detail}) => {
    context.drawImage(player.video, 0, -40);
    const row = [...context.getImageData(0, 2, 128, 1).data].filter((_, index) => index % 4 === 0);
    const drawn = player.canvas.getContext("2d").getImageData(0, 100, 512, 1).data;
    const inked = drawn.findIndex((value, index) => index % 4 === 3 && value > 100) >> 2;
    seen.push([detail.cameraTime, row.indexOf(Math.max(...row)), inked < 0 ? null : inked]);
  });
  document.body.replaceChildren(player);
}"""

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    # the browser's driver leaves its pipes to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Camera:
    """Films a bar that moves by a pixel a picture, in real time, and knows where it is in every other picture."""

    def __init__(self, hub: LiveHub, taps: Taps, boxes: BoxFeed) -> None:
        self._hub, self._taps, self._boxes = hub, taps, boxes
        self.is_jpeg = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        hub.add("정문")
        self._thread.start()

    def _run(self) -> None:
        for number, packet in enumerate(film_with_sound(90 * FPS, size=(WIDTH, HEIGHT), camera="정문", start_s=1000.0)):
            if self._stop.wait(1 / FPS):
                return
            stream = replace(packet.stream, codec="mjpeg") if self.is_jpeg else packet.stream
            self._taps.offer("정문", replace(packet, stream=stream))
            if number % 2 == 0:
                self._analyse(number, packet)

    def _analyse(self, number: int, packet: Packet) -> None:
        bar = number % WIDTH
        box = bar / WIDTH, 0.1, min(1.0, (bar + 20) / WIDTH), 0.9
        moment = Moment(packet.camera_time_s or 0.0, packet.wall_time_s)
        self._boxes.publish(Boxes("정문", moment, (SeenObject(box, "person", 0.9, 1 + number // WIDTH),)))
        picture = ArrayPicture(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        frame = Frame("정문", picture, moment.camera_time_s, moment.wall_time_s, number)
        self._hub.publish("정문", frame, Detections.empty((WIDTH, HEIGHT)))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    hub, taps, boxes = LiveHub(SystemClock()), Taps(), BoxFeed()
    camera = Camera(hub, taps, boxes)
    config = loads(CONFIG, "watchpost.yaml", tmp_path_factory.mktemp("player"))
    server = WebServer(create_app(Services(hub, taps=taps, boxes=boxes, configuration=lambda: config)), port=0)
    address = server.start()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.problems.append(message.location["url"]))
        page.goto(address + "healthz")
        page.evaluate(ADD)
        yield page, taps, camera
        browser.close()
    camera.stop()
    server.stop()


def test_pictures_and_boxes_move_together(room: Any) -> None:
    page, taps, _ = room
    page.wait_for_function("() => seen.filter(([, , left]) => left !== null).length > 25", timeout=60_000)
    seen = page.evaluate("() => seen.filter(([, , left]) => left !== null).slice(-20)")
    times = [time_s for time_s, _, _ in seen]
    assert 1000 < times[0] < times[-1]
    assert len({bar for _, bar, _ in seen}) > 10, "the picture moves"
    for time_s, bar, left in seen:
        assert bar == pytest.approx(round((time_s - 1000) * FPS) % WIDTH, abs=1), "and is the one of its camera time"
        # 4:3 in an element of 16:9: three pixels of the page for one of the picture, and black at both sides
        if 2 < bar < WIDTH - 3:  # it begins again from the left
            assert abs((left - 62) / 3 - bar) <= 1, "the box lies on the bar, within one picture"
    assert taps.viewers("정문") == 1
    assert page.evaluate("() => player.state.camera.name") == "정문"
    assert 0.05 < page.evaluate("() => player.delay") < 1.0
    assert [each for each in page.problems if not each.endswith("favicon.ico")] == []


def test_a_box_moves_between_two_analysed_frames_and_a_little_on_after_the_last(room: Any) -> None:
    page, _, _ = room
    found = page.evaluate(
        """async () => {
          const { BoxTimeline } = await import("/static/player_boxes.js");
          const timeline = new BoxTimeline();
          const person = (left, track = 1) => ({ box: [left, 0, left + 0.1, 0.5], track, class: "person" });
          timeline.add(10.2, [person(0.2), person(0.7, 3)]);
          timeline.add(10.0, [person(0.1), person(0.9, 2)]);  // late: the link may be busy
          const left = (time) => timeline.at(time).map(({ box, track }) => [track, Math.round(box[0] * 1000) / 1000]);
          return [9.9, 10.0, 10.05, 10.15, 10.2, 10.3, 10.95, 11.5].map(left);
        }"""
    )
    assert found == [
        [],
        [[1, 0.1], [2, 0.9]],
        [[1, 0.125], [2, 0.9]],
        [[1, 0.175], [3, 0.7]],
        [[1, 0.2], [3, 0.7]],
        [[1, 0.25], [3, 0.7]],
        [[1, 0.45], [3, 0.7]],
        [],
    ]


def test_zones_and_lines_are_drawn_for_who_wants_them(room: Any) -> None:
    page, _, _ = room
    # the zone's upper edge and the line, in an element of 512 x 288 with 64 pixels of black at each side
    has_colour = """([x, y, wanted]) => {
      const around = player.canvas.getContext("2d").getImageData(x - 3, y - 3, 7, 7).data;
      return Array.from({length: 49}, (_, at) => [...around.slice(at * 4, at * 4 + 3)])
        .some((colour) => colour.every((value, index) => Math.abs(value - wanted[index]) < 30));
    }"""
    zone, line = [200, 58, [86, 180, 233]], [110, 259, [240, 192, 66]]
    assert not page.evaluate(has_colour, line)
    page.evaluate("() => player.setAttribute('zones', 'on')")
    page.wait_for_function(has_colour, arg=line, timeout=10_000)
    page.wait_for_function(has_colour, arg=zone, timeout=10_000)
    page.evaluate("() => player.setAttribute('zones', 'off')")
    page.wait_for_function(f"(arg) => !({has_colour})(arg)", arg=line, timeout=10_000)


def test_there_is_sound_for_who_asks_for_it_alone(room: Any) -> None:
    page, _, _ = room
    page.wait_for_function("() => player.state.sound === 'aac' && player.state.mode === 'mp4'", timeout=10_000)
    assert page.evaluate("() => [player.hasSound, player.isHeard, player.video.muted]") == [True, False, True]
    assert page.evaluate("() => player.video.webkitAudioDecodedByteCount") == 0
    page.evaluate("() => { seen.length = 0; player.isHeard = true; }")
    page.wait_for_function("() => player.video.webkitAudioDecodedByteCount > 1000 && seen.length > 5", timeout=15_000)
    assert page.evaluate("() => player.video.muted") is False
    page.evaluate("() => { seen.length = 0; player.isHeard = false; }")
    page.wait_for_function("() => seen.length > 5 && player.video.muted", timeout=15_000)
    assert page.evaluate("() => player.video.webkitAudioDecodedByteCount") == 0


def test_who_stops_looking_costs_nothing_and_comes_back(room: Any) -> None:
    page, taps, _ = room
    page.evaluate("() => player.stop()")
    assert until(lambda: taps.viewers("정문") == 0)
    assert page.evaluate("() => player.state.state") == "stopped"
    page.evaluate("() => { seen.length = 0; player.start(); }")
    page.wait_for_function("() => seen.length > 3", timeout=60_000)
    assert page.evaluate("() => player.state.mode") == "mp4"


def test_a_codec_that_the_browser_does_not_take_is_shown_as_pictures(room: Any) -> None:
    page, taps, camera = room
    camera.is_jpeg = True
    page.wait_for_function("() => player.state.mode === 'mjpeg'", timeout=60_000)
    page.wait_for_function("() => player.shadowRoot.querySelector('img').naturalWidth === 128", timeout=60_000)
    assert until(lambda: taps.viewers("정문") == 0)
    page.evaluate("() => player.remove()")
    assert [each for each in page.problems if not each.endswith("favicon.ico")] == []
