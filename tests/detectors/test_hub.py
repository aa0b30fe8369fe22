"""Models by name: installed ones, those that come along, and those fetched from a server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from watchpost import plugins
from watchpost.detectors import card as cards
from watchpost.detectors import hub, open_detector
from watchpost.detectors.card import ModelCard, load_card, save_card
from watchpost.errors import ConfigError

CARD = """\
name: tiny
file: tiny.onnx
input: { width: 64, height: 32, fit: stretch, colour: bgr }
decode: { family: ssd }
classes: [person]
licence: MIT
source: a test
"""
OUTPUTS = {"boxes": np.float32([[0, 0, 9, 9]]), "scores": np.float32([[0.9]])}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WATCHPOST_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def tiny(make_model, tmp_path: Path) -> Path:
    (tmp_path / "tiny.card.yaml").write_text(CARD)
    return make_model("tiny", OUTPUTS)


def card_with(tmp_path: Path, **changes: object) -> ModelCard:
    return load_card(tmp_path / "tiny.card.yaml").model_copy(update=changes)


def test_an_added_model_opens_by_name(tiny: Path, folder: Path) -> None:
    assert plugins.model_file("tiny") is None
    model = hub.add(tiny)
    assert (model.file, model.origin) == (folder / "tiny.onnx", "installed")
    assert model.card.sha256 == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert open_detector("tiny", threads=1).name == "tiny"
    assert open_detector("tiny", backend="openvino", threads=1).class_names == ("person",)
    assert [each.card.name for each in hub.known_models() if each.origin == "installed"] == ["tiny"]
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.card.yaml", "tiny.onnx"]


def test_another_name_and_replacing(tiny: Path) -> None:
    hub.add(tiny, name="people-2.0")
    assert open_detector("people-2.0", threads=1).name == "people-2.0"
    with pytest.raises(ConfigError, match=r"people-2\.0 already.*--replace"):
        hub.add(tiny, name="people-2.0")
    hub.add(tiny, name="people-2.0", replace=True)


@pytest.mark.parametrize("name", ["hog", "onnx", "../evil", "a b", "-x", ""])
def test_names_that_can_not_be(tiny: Path, name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can not be called"):
        hub.add(tiny, card_with(tmp_path, name=name), name=name or None)


def test_a_card_of_another_file_or_another_network(tiny: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SHA-256"):
        hub.add(tiny, card_with(tmp_path, sha256="0" * 64))
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CARD.replace("family: ssd", "family: ssd, boxes: corners"))
    with pytest.raises(ConfigError, match="no output 'corners'"):
        hub.add(tiny, load_card(wrong))
    assert not list(folder.iterdir())


def test_a_configuration_takes_the_name(tiny: Path) -> None:
    from watchpost.config.models import ModelSection

    hub.add(tiny)
    section = ModelSection.model_validate({"model": "tiny", "confidence": 0.4})
    assert section.options.model == plugins.model_file("tiny")


def test_unknown_names_are_told_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"watchpost models pull dfine-nano"):
        open_detector("dfine-nano")
    with pytest.raises(ConfigError, match=r"watchpost models pull yolox-s-0\.1\.1rc0"):
        open_detector("yolox-s-0.1.1rc0")
    with pytest.raises(ConfigError, match=r"watchpost models add FastestDet\.onnx"):
        open_detector("fastestdet")
    with pytest.raises(ConfigError, match="there is no model 'nothing'; there are: hog"):
        open_detector("nothing")


def test_a_saved_card_is_the_same_card(tmp_path: Path) -> None:
    for path in cards.SHIPPED.glob("*.yaml"):
        card = load_card(path)
        save_card(card, tmp_path / "again.card.yaml")
        assert load_card(tmp_path / "again.card.yaml") == card


class Server(BaseHTTPRequestHandler):
    """Answers as the hub does for one file of one repository, and as any web server for /plain.onnx."""

    content = b""
    asked: list[str]

    def do_HEAD(self) -> None:
        type(self).asked.append(self.path)
        is_there = self.path in ("/people/tiny-ONNX/resolve/v1/onnx/model.onnx", "/plain.onnx")
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Length", str(len(self.content) if is_there else 0))
        if is_there:
            self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        if self.path.endswith(".onnx"):
            self.wfile.write(self.content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Server.content, Server.asked = tiny.read_bytes(), []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,))
    thread.start()
    address = f"http://127.0.0.1:{running.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    yield address
    running.shutdown()
    running.server_close()
    thread.join()


def test_pull_from_the_hub(server: str, tmp_path: Path) -> None:
    address = "hf://people/tiny-ONNX/onnx/model.onnx@v1"
    with pytest.raises(ConfigError, match="describe it with --card"):
        hub.pull(address)
    hub.pull(address, card_with(tmp_path))
    assert open_detector("tiny", threads=1).name == "tiny"
    assert "/people/tiny-ONNX/resolve/v1/onnx/model.onnx" in Server.asked


def test_pull_by_the_name_of_a_known_one(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(cards, "SHIPPED", shipped)
    digest = hashlib.sha256(Server.content).hexdigest()
    save_card(card_with(tmp_path, name="far", remote=f"{server}/plain.onnx", sha256=digest), shipped / "far.yaml")
    assert [model.origin for model in hub.known_models()] == ["remote"]
    seen: list[tuple[int, int | None]] = []
    hub.pull("far", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(Server.content), len(Server.content))
    assert [model.origin for model in hub.known_models()] == ["installed"]

    save_card(card_with(tmp_path, name="bad", remote=f"{server}/plain.onnx", sha256="0" * 64), shipped / "bad.yaml")
    with pytest.raises(ConfigError, match="SHA-256"):
        hub.pull("bad")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://people/tiny-ONNX/none.onnx@v1", "can not be fetched"),
        ("hf://people", "no address of a model"),
        ("ftp://people/a.onnx", "no address of a model"),
        ("SERVER/none.onnx", "can not be fetched: HTTP Error 404"),
    ],
)
def test_what_can_not_be_fetched(server: str, tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        hub.pull(address.replace("SERVER", server), card_with(tmp_path))


def test_the_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHPOST_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert plugins.model_folder() == Path("/data/watchpost/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert plugins.model_folder() == Path.home() / ".local/share/watchpost/models"
