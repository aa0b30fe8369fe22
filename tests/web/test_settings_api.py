"""The configuration over HTTP: read without credentials, changed in its file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from watchpost.errors import SourceError
from watchpost.runtime.first_picture import Look
from watchpost.types import StreamInfo
from watchpost.web.api import sources
from whole_app import CONFIG, whole_app

TOKEN = "correct horse battery"
ZONE = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with whole_app(tmp_path, token=TOKEN) as app:
        yield TestClient(app, base_url="http://watch.example", headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "watchpost.yaml"


def version(client: TestClient) -> str:
    return str(client.get("/api/settings").headers["etag"])


def patch(client: TestClient, path: str = "", **change: Any) -> Any:
    return client.patch(f"/api/settings{path}", json=change, headers={"If-Match": version(client)})


# ---- reading


def test_what_is_shown_has_no_credentials(client: TestClient) -> None:
    answer = client.get("/api/settings")
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    for secret in ("hunter2secret", "GATE_PASSWORD", TOKEN):
        assert secret not in answer.text
    gate = answer.json()["cameras"]["gate"]
    assert gate["written"] == {
        "source": "rtsp://***@10.0.0.5/stream1", "zones": {"door": [[0, 0], [0.5, 0], [0.5, 1]]}
    }  # fmt: skip
    assert gate["effective"]["rules"][0]["kind"] == "presence"
    assert gate["effective"]["recording"]["mode"] == "off"
    assert client.get("/api/settings/cameras/gate").json() == gate
    assert client.get("/api/settings/cameras/nobody").status_code == 404
    assert client.get("/api/settings/schema").json()["title"] == "Watchpost configuration"


def test_a_file_that_does_not_hold_is_its_owners(client: TestClient, file: Path) -> None:
    file.write_text(CONFIG.replace("zones", "zonse"), encoding="utf-8")
    answer = client.get("/api/settings")
    assert answer.status_code == 409
    assert "zonse" in answer.json()["detail"]


# ---- changing


def test_a_zone_is_added_and_all_else_stays(client: TestClient, file: Path) -> None:
    answer = patch(client, "/cameras/gate", set={"/zones/side door": ZONE})
    assert answer.status_code == 200
    assert f'"{answer.json()["version"]}"' == version(client)
    assert file.read_text(encoding="utf-8") == CONFIG.replace(
        "[0.5, 1]]}", "[0.5, 1]], side door: [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}"
    )


def test_a_zone_goes_with_the_rule_that_uses_it_at_once(client: TestClient) -> None:
    assert patch(client, "/cameras/gate", set={"/rules": [{"kind": "zone", "zone": "door"}]}).status_code == 200
    alone = patch(client, "/cameras/gate", remove=["/zones/door"])
    assert alone.status_code == 422
    assert alone.json()["problems"][0]["setting"] == "cameras.gate.rules[0].zone"
    assert patch(client, "/cameras/gate", remove=["/zones", "/rules"]).status_code == 200
    assert "zones" not in client.get("/api/settings/cameras/gate").json()["written"]


def test_cameras_come_and_go(client: TestClient, file: Path) -> None:
    path = "/api/settings/cameras/정문"
    settings = {"source": "rtsp://user:pass%40word@10.0.0.9/1", "recording": {"mode": "continuous"}}
    made = client.put(path, json=settings, headers={"If-Match": version(client)})
    assert made.status_code == 200
    assert "pass%40word" in file.read_text(encoding="utf-8")
    assert "pass%40word" not in client.get("/api/settings").text
    shown = client.get(path).json()["written"]
    again = client.put(path, json={**shown, "max_fps": 2}, headers={"If-Match": version(client)})
    assert again.status_code == 200  # what is hidden came back as it was
    assert "pass%40word" in file.read_text(encoding="utf-8")
    assert client.delete(path, headers={"If-Match": version(client)}).status_code == 200
    assert client.get(path).status_code == 404
    assert file.read_text(encoding="utf-8") == CONFIG


def test_thresholds_and_what_cameras_share(client: TestClient) -> None:
    changes = {"/models/people": {"model": "watchpost-person", "confidence": 0.4}, "/defaults/max_fps": 2}
    assert patch(client, set=changes).status_code == 200
    assert patch(client, set={"/models/people/confidence": 0.55}).status_code == 200
    shown = client.get("/api/settings").json()
    assert shown["written"]["models"]["people"]["confidence"] == 0.55
    assert shown["models"] == ["people"]
    assert shown["cameras"]["yard"]["effective"]["max_fps"] == 2


def test_two_people_do_not_undo_each_others_work(client: TestClient, file: Path) -> None:
    first = version(client)
    change = {"set": {"/cameras/yard/max_fps": 3}}
    assert client.patch("/api/settings", json=change).status_code == 428
    assert client.patch("/api/settings", json=change, headers={"If-Match": '"other"'}).status_code == 412
    assert client.patch("/api/settings", json=change, headers={"If-Match": first}).status_code == 200
    assert client.patch("/api/settings", json=change, headers={"If-Match": first}).status_code == 412
    assert "max_fps: 3" in file.read_text(encoding="utf-8")


def test_a_change_may_be_tried_first(client: TestClient, file: Path) -> None:
    headers = {"If-Match": version(client)}
    good, bad = ({"set": {"/cameras/yard/max_fps": fps}} for fps in (3, -3))
    assert client.patch("/api/settings?dry_run=true", json=good, headers=headers).status_code == 200
    answer = client.patch("/api/settings?dry_run=true", json=bad, headers=headers)
    assert (answer.status_code, answer.json()["problems"][0]["setting"]) == (422, "cameras.yard.max_fps")
    assert file.read_text(encoding="utf-8") == CONFIG


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("/web/host", "0.0.0.0", "not changed from here"),
        ("/sinks", [{"kind": "jsonl", "path": "/etc/cron.d/x"}], "not changed from here"),
        ("/data", "/", "not changed from here"),
        ("/cameras/gate/source", "/etc/passwd", "named by hand"),
        ("/cameras/gate/source", "file:///etc/passwd", "named by hand"),
        ("/cameras/gate/source", "webcam:0", "named by hand"),
        ("/cameras/gate/source", "concat:/etc/passwd", "named by hand"),
        ("/cameras/new", {"source": "../secret.mp4"}, "named by hand"),
        ("/cameras/gate/source", "http://evil.example/${HOME}", "no camera uses"),
        ("/cameras/gate/source", "rtsp://***@10.0.0.6/other", "in full"),
        ("/cameras/gate/rules", [{"kind": "os.path"}], "by hand"),
        ("/cameras/gate/rules", ["evil.module"], "by hand"),
        ("/cameras/gate/tracker", "evil.module", "by hand"),
        ("/models/people", {"model": "/tmp/evil.onnx"}, "by hand"),
        ("/models/people", "evil.onnx", "by hand"),
        ("/models/people", {"model": "watchpost-person", "smaller": "x.onnx"}, "by hand"),
        ("cameras/gate", {}, "no JSON pointer"),
        ("/cameras/gate/zones/door/0", [0, 0], "lists are set as a whole"),
    ],
)
def test_what_is_the_machines_owners_is_not_changed_from_afar(
    client: TestClient, file: Path, place: str, value: Any, reason: str
) -> None:
    answer = patch(client, set={place: value})
    assert answer.status_code == 422, answer.text
    assert reason in answer.json()["detail"]
    assert file.read_text(encoding="utf-8") == CONFIG


def test_a_variable_that_the_file_has_may_be_used_again(client: TestClient, file: Path) -> None:
    source = "rtsp://watchpost:${GATE_PASSWORD:-x}@10.0.0.6/1"
    assert patch(client, set={"/cameras/yard/source": source}).status_code == 200
    assert source in file.read_text(encoding="utf-8")


def test_a_change_reads_the_yaml_of_the_new_file_once(client: TestClient) -> None:
    from watchpost.config.composed import compose

    version = client.get("/api/settings").json()["version"]
    before = compose.cache_info().misses
    body = {"set": {"/cameras/yard/enabled": False}}
    answer = client.patch("/api/settings", json=body, headers={"If-Match": version})
    assert answer.status_code == 200
    assert client.get("/api/settings").json()["version"] == answer.json()["version"]
    assert compose.cache_info().misses == before + 1


# ---- trying an address


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    asked: list[Any] = []

    def look(address: str, options: Any, clock: object, within_s: float, masks: Any) -> Look:
        asked.append((address, dict(options), *sorted(masks)))
        if "broken" in address:
            raise SourceError("rtsp://user:hunter3@broken/ does not answer")
        from fractions import Fraction

        return Look(StreamInfo("h264", 640, 360, Fraction(1, 90_000), Fraction(25)), b"\xff\xd8jpeg", 640, 360, 3)

    monkeypatch.setattr(sources, "first_picture", look)
    return asked


def test_an_address_is_tried_with_a_picture(client: TestClient, tried: list[Any]) -> None:
    body = {"source": "rtsp://user:hunter3@10.0.0.6/1", "options": {"transport": "tcp"}}
    answer = client.post("/api/settings/test-source", json=body)
    assert answer.status_code == 200
    assert answer.json()["picture"].startswith("data:image/jpeg;base64,")
    assert {key: answer.json()[key] for key in ("codec", "width", "fps")} == {"codec": "h264", "width": 640, "fps": 25}
    assert "hunter3" not in answer.text
    assert client.post("/api/settings/test-source", json={"camera": "gate"}).status_code == 200
    assert tried == [
        ("rtsp://user:hunter3@10.0.0.6/1", {"transport": "tcp"}),
        ("rtsp://watchpost:hunter2secret@10.0.0.5/stream1", {}),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"source": "/etc/passwd"},
        {"source": "file:///etc/passwd"},
        {"source": "gopher://10.0.0.6/"},
        {"source": "rtsp://***@10.0.0.6/1"},
        {"source": "rtsp://10.0.0.6/${HOME}"},
        {"source": ""},
        {},
    ],
)
def test_what_is_no_cameras_address_is_not_tried(client: TestClient, tried: list[Any], body: dict[str, str]) -> None:
    assert client.post("/api/settings/test-source", json=body).status_code == 422
    assert tried == []


def test_an_address_that_gives_nothing_says_why_without_credentials(client: TestClient, tried: list[Any]) -> None:
    answer = client.post("/api/settings/test-source", json={"source": "rtsp://user:hunter3@broken/"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "rtsp://***@broken/ does not answer"
    assert client.post("/api/settings/test-source", json={"camera": "nobody"}).status_code == 404


def test_the_picture_of_an_address_wears_the_masks_of_its_camera(client: TestClient, tried: list[Any]) -> None:
    masks = {"window": [[0, 0], [0.5, 0], [0.5, 1]]}
    assert patch(client, set={"/cameras/gate/masks": masks}).status_code == 200
    for body in (
        {"camera": "gate"},
        {"camera": "gate", "source": "rtsp://10.0.0.77/other"},
        {"source": "rtsp://somebody:else@10.0.0.5/stream1"},
        {"source": "rtsp://10.0.0.77/other"},
    ):
        assert client.post("/api/settings/test-source", json=body).status_code == 200
    assert [each[2:] for each in tried] == [("window",), ("window",), ("0 window",), ()]


# ---- the system


def test_health_tells_what_the_doctor_finds(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchpost.runtime.doctor import Finding, Level
    from watchpost.web.api import system

    examined = []

    def examine(checks: dict[str, object]) -> list[Finding]:
        examined.append(sorted(checks))
        return [Finding("disk", Level.WARNING, "it is nearly full", "make room")]

    monkeypatch.setattr(system, "examine", examine)
    health = client.get("/api/settings/health").json()
    assert client.get("/api/settings/health").json()["findings"] == health["findings"]
    assert health["findings"] == [
        {"check": "disk", "level": "warning", "seen": "it is nearly full", "cure": "make room"}
    ]
    assert len(examined) == 1
    assert "port" not in examined[0]
    assert 0 < health["memory_available_bytes"] < health["memory_bytes"]
    assert health["server_memory_bytes"] > 10_000_000


def test_storage_tells_each_cameras_share(client: TestClient, tmp_path: Path) -> None:
    from watchpost.clock import ManualClock
    from watchpost.recordings.index import RecordingIndex, Segment

    now_s = ManualClock().wall_time_s()
    index = RecordingIndex(tmp_path / "recordings.db")
    begin_s = now_s - 86_400
    index.add([Segment("gate", "gate/1.mp4", "closed", 0.0, 60.0, begin_s, begin_s + 60, 1_000_000)])
    index.close()
    storage = client.get("/api/settings/storage").json()
    (gate,) = storage["cameras"]
    assert gate == {
        "camera": "gate", "bytes": 1_000_000, "oldest_s": begin_s, "newest_s": begin_s + 60,
        "bytes_a_day": 1_000_000.0, "keep_days": 7.0,
    }  # fmt: skip
    assert storage["days_until_full"] is None
    assert storage["bytes_a_day"] == 1_000_000.0
    assert 0 < storage["free_bytes"] < storage["disk_bytes"]
    assert json.dumps(storage)
