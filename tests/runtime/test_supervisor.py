"""Cameras of a configuration are started, restarted alone and reloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clips import encode_clip, moving_square
from fake_rooms import noted
from fakes import ScriptedDetector, event
from waiting import until
from watchpost.clock import ManualClock, SystemClock
from watchpost.config import Configuration, ModelSection, loads
from watchpost.errors import WatchpostError
from watchpost.runtime import assembly
from watchpost.runtime.footprints import COLUMNS, ROWS
from watchpost.runtime.live import LiveHub
from watchpost.runtime.supervisor import Supervisor
from watchpost.video.gate_explained import Reason, State


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    encode_clip(path, moving_square(20, 160, 128), fps=10)
    return path


def configuration(tmp_path: Path, text: str) -> Configuration:
    models = "" if "models:" in text else "models: {blind: {model: fake_rooms.blind}}\n"
    return loads(f"data: {tmp_path / 'data'}\n{models}{text}", name="test.yaml", folder=tmp_path)


def wait_for_end(supervisor: Supervisor, name: str) -> None:
    running = supervisor.running(name)
    assert running is not None
    assert running.finished.wait(20)


def states(hub: LiveHub) -> dict[str, str]:
    return {status.name: status.state for status in hub.cameras()}


def test_a_file_is_played_to_its_end_and_stays_ended(tmp_path: Path, clip: Path) -> None:
    clock = ManualClock()
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    supervisor.apply(configuration(tmp_path, f"cameras: {{gate: {{source: {clip}, rules: []}}}}"))
    wait_for_end(supervisor, "gate")
    clock.advance(1000)
    supervisor.tend()
    assert states(hub) == {"gate": "ended"}
    assert supervisor.running("gate") is None
    assert hub.sequence("gate") == 20
    supervisor.close()


def test_a_camera_that_fails_is_started_again_alone_with_growing_delay(tmp_path: Path, clip: Path) -> None:
    clock = ManualClock()
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    lost = tmp_path / "lost.mp4"
    lost.write_bytes(clip.read_bytes())
    config = configuration(tmp_path, f"cameras: {{bad: {{source: {lost}, rules: []}}, good: {{source: {clip}}}}}")
    lost.unlink()
    supervisor.apply(config)
    for delay_s in (2, 4, 8, 16):
        wait_for_end(supervisor, "bad")
        supervisor.tend()
        assert states(hub)["bad"] == "failed"
        clock.advance(delay_s - 0.5)
        supervisor.tend()
        assert supervisor.running("bad") is None
        if delay_s == 16:
            lost.write_bytes(clip.read_bytes())  # the camera is back
        clock.advance(1)
        supervisor.tend()
        assert supervisor.running("bad") is not None
    for name in ("bad", "good"):
        if supervisor.running(name) is not None:
            wait_for_end(supervisor, name)
    supervisor.tend()
    assert states(hub) == {"bad": "ended", "good": "ended"}
    supervisor.close()


def test_a_reload_leaves_unchanged_cameras_alone(tmp_path: Path, clip: Path) -> None:
    clock = ManualClock()
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    play = f"{{source: {clip}, options: {{loop: true}}, rules: []}}"
    supervisor.apply(configuration(tmp_path, f"cameras: {{a: {play}, b: {play}, c: {play}}}"))
    before = {name: supervisor.running(name) for name in "abc"}
    changed = play.replace("rules", "max_fps: 1, rules")
    supervisor.apply(configuration(tmp_path, f"cameras: {{a: {play}, b: {changed}, d: {play}}}"))
    assert supervisor.running("a") is before["a"]
    assert supervisor.running("b") not in (None, before["b"])
    assert supervisor.running("c") is None
    assert before["c"] is not None
    assert before["c"].finished.is_set()
    assert set(states(hub)) == {"a", "b", "d"}
    supervisor.close()
    assert all(supervisor.running(name) is None for name in "abd")


def test_a_model_that_can_not_be_loaded_fails_its_cameras_alone(tmp_path: Path, clip: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    clock = ManualClock()
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    text = f"models: {{blind: fake_rooms.blind, own: {broken}}}\n"
    text += f"cameras: {{a: {{source: {clip}, model: own}}, b: {{source: {clip}, model: blind}}}}"
    supervisor.apply(configuration(tmp_path, text))
    assert states(hub)["a"] == "failed"
    wait_for_end(supervisor, "b")
    supervisor.tend()
    assert states(hub)["b"] == "ended"
    supervisor.close()


def sinks(tmp_path: Path, *labels: str) -> Configuration:
    listed = ", ".join(f"{{kind: fake_rooms.noted, name: {label}, label: {label}}}" for label in labels)
    return configuration(tmp_path, f"sinks: [{listed}]")


def test_old_sinks_let_go_before_new_ones_take_up(tmp_path: Path) -> None:
    noted.notes.clear()
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock())
    supervisor.apply(sinks(tmp_path, "old"))
    supervisor.apply(sinks(tmp_path, "new"))
    supervisor.close()
    assert noted.notes == ["old opens", "old closes", "new opens", "new closes"]


def test_sinks_that_can_not_be_used_leave_all_as_it_was(tmp_path: Path) -> None:
    noted.notes.clear()
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock())
    supervisor.apply(sinks(tmp_path, "old"))
    with pytest.raises(WatchpostError, match="can not be used"):
        supervisor.apply(sinks(tmp_path, "new", "bad"))
    seen = event(at_s=1.0)
    supervisor._events([seen])
    assert supervisor.store is not None
    supervisor.close()
    assert noted.notes == [
        "old opens", "old closes", "new opens", "new closes", "old opens", f"old gets {seen.id}", "old closes"
    ]  # fmt: skip


def test_each_tracker_gets_detections_as_unsure_as_it_wants_them(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[float] = []

    def note(section: ModelSection, least_confidence: float) -> ScriptedDetector:
        wanted.append(least_confidence)
        return ScriptedDetector()

    monkeypatch.setattr(assembly, "make_detector", note)
    supervisor = Supervisor(LiveHub(ManualClock()), ManualClock())
    play = f"source: {clip}, rules: []"
    text = f"cameras: {{a: {{{play}, tracker: sort}}, b: {{{play}, tracker: bytetrack}}, c: {{{play}, tracker: sort}}}}"
    supervisor.apply(configuration(tmp_path, text))
    assert wanted == [0.5, 0.1]
    supervisor.close()


def test_cameras_share_a_batcher_and_leave_it_when_they_end(tmp_path: Path, clip: Path) -> None:
    clock = ManualClock()
    supervisor = Supervisor(LiveHub(clock), clock)
    play = f"{{source: {clip}, options: {{loop: true}}, rules: []}}"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes())
    text = f"cameras: {{a: {play}, b: {play}, broken: {{source: {broken}}}, short: {{source: {clip}, rules: []}}}}"
    config = configuration(tmp_path, text)
    broken.unlink()
    supervisor.apply(config)
    for name in ("short", "broken"):
        wait_for_end(supervisor, name)
    supervisor.tend()
    figures = supervisor.figures()
    assert [(each.name, each.gate) for each in figures.cameras] == [("a", None), ("b", None)]
    assert figures.batcher["seats"] == 2
    assert {each.gate for each in supervisor._hub.cameras()} == {None}
    clock.advance(3)
    supervisor.tend()
    wait_for_end(supervisor, "broken")
    assert {each.name: each.starts for each in supervisor.figures().cameras} == {"a": 1, "b": 1, "broken": 2}
    supervisor.close()
    assert supervisor.figures().batcher["seats"] == 0


def test_a_live_camera_has_a_gate_and_a_file_has_none(tmp_path: Path, clip: Path) -> None:
    clock = SystemClock()
    hub = LiveHub(clock)
    supervisor = Supervisor(hub, clock)
    live = f"{{source: {clip}, options: {{loop: true, realtime: true}}, rules: [], gate: {{enabled: false}}}}"
    supervisor.apply(configuration(tmp_path, f"cameras: {{live: {live}}}"))
    try:
        assert until(lambda: any(each.gate for each in supervisor.figures().cameras))
        (camera,) = supervisor.figures().cameras
        assert camera.gate is not None
        assert (camera.gate.state, camera.gate.reason) == (State.OPEN, Reason.OFF)
        assert [(each.gate, each.gate_reason) for each in hub.cameras()] == [("open", "off")]
    finally:
        supervisor.close()


def test_where_people_stood_is_counted(tmp_path: Path, clip: Path) -> None:
    text = f"models: {{all: {{model: fake_rooms.always}}}}\ncameras: {{gate: {{source: {clip}, rules: []}}}}"
    clock = ManualClock()
    supervisor = Supervisor(LiveHub(clock), clock)
    supervisor.apply(configuration(tmp_path, text))
    wait_for_end(supervisor, "gate")
    (found,) = supervisor.footprints()
    assert found.camera == "gate"
    # one person at (60, 110) of 160 x 128, all of the 2 s but for the first frames, in which nobody is sure
    rows, columns = np.nonzero(found.seconds)
    assert (set(rows.tolist()), set(columns.tolist())) == ({110 * ROWS // 128}, {60 * COLUMNS // 160})
    assert 1.0 < found.seconds.sum() <= 2.9
    supervisor.close()
