"""Cards: what is valid, where they are found, and what is said when they are wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from watchpost.detectors import card as cards
from watchpost.detectors.classes import COCO80, COCO91
from watchpost.errors import ConfigError

GOOD = """\
name: mine
file: mine.onnx
input: {width: 64, height: 32, fit: stretch, colour: rgb, scale: 1/255}
decode:
  family: yolox
  strides: [8, 16]
classes: [person, cat]
licence: MIT
source: trained at home
"""


def write(folder: Path, text: str, name: str = "mine.card.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_is_read(tmp_path: Path) -> None:
    card = cards.load_card(write(tmp_path, GOOD))
    assert (card.name, card.classes, card.input.size) == ("mine", ("person", "cat"), (64, 32))
    assert card.input.scale == pytest.approx(1 / 255)
    assert card.decode.family == "yolox"


def test_coco_is_known_by_name(tmp_path: Path) -> None:
    text = GOOD.replace("[person, cat]", "coco80")
    assert cards.load_card(write(tmp_path, text)).classes == COCO80


def test_coco_has_80_classes_with_the_ids_of_the_data_set() -> None:
    assert len(COCO80) == len(set(COCO80)) == 80
    assert (COCO91[1], COCO91[90], COCO91[44], COCO91[62]) == ("person", "toothbrush", "bottle", "chair")
    assert len(COCO91) == 91


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine", "nmae: mine", r"mine\.card\.yaml:1: nmae: Extra inputs"),
        ("name: mine\n", "", r"mine\.card\.yaml:1: name: Field required"),
        ("width: 64", "width: wide", r":3: input\.width: .*integer"),
        ("fit: stretch", "fit: squash", r":3: input\.fit: .*'top-left', 'centre' or 'stretch'"),
        ("scale: 1/255", "scale: 1/0", r":3: input\.scale: .*number"),
        ("family: yolox", "family: yolo9000", r":4: decode: .*'yolo9000'.*'fastestdet'"),
        ("strides: [8, 16]", "stride: [8, 16]", r":6: decode\.stride: Extra inputs"),
        ("[person, cat]", "[]", r":7: classes: .*at least 1"),
        ("licence: MIT", "licence: [", r"mine\.card\.yaml:\d+: .*"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        cards.load_card(write(tmp_path, GOOD.replace(old, new)))


@pytest.mark.parametrize("content", [b"", b"just words", b"- a\n- b\n", b"\xff\xfe\x00bad"])
def test_a_file_that_is_no_card(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.card.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.card\.yaml"):
        cards.load_card(path)


@pytest.mark.parametrize("path", sorted(cards.SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_cards_are_valid_and_name_file_contents_and_licence(path: Path) -> None:
    card = cards.load_card(path)
    assert card.file
    assert card.sha256 or "is not checked" in (card.note or "")
    assert card.licence


def test_the_card_beside_the_model_is_found(tmp_path: Path) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes(b"x")
    write(tmp_path, GOOD)
    assert cards.resolve(model) == (model, cards.load_card(tmp_path / "mine.card.yaml"))


def test_a_shipped_card_is_found_by_the_models_contents_or_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shipped = tmp_path / "cards"
    shipped.mkdir()
    monkeypatch.setattr(cards, "SHIPPED", shipped)
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"
    write(shipped, GOOD + f"sha256: {digest}\n", "mine.yaml")
    renamed = tmp_path / "renamed.onnx"
    renamed.write_bytes(b"x")
    assert cards.find_card(renamed).name == "mine"
    assert not caplog.messages
    changed = tmp_path / "mine.onnx"
    changed.write_bytes(b"y")
    assert cards.find_card(changed).name == "mine"
    assert "another file" in caplog.text


def test_a_card_may_be_the_model(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match=r"names the model file .*mine\.onnx, which is not there"):
        cards.resolve(path)
    (tmp_path / "mine.onnx").write_bytes(b"x")
    assert cards.resolve(path)[0] == tmp_path / "mine.onnx"
    with pytest.raises(ConfigError, match=r"add 'file: NAME\.onnx'"):
        cards.resolve(write(tmp_path, GOOD.replace("file: mine.onnx\n", "")))


def test_a_model_without_a_card_is_told_how_to_write_one(tmp_path: Path) -> None:
    model = tmp_path / "unheard_of.onnx"
    model.write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"no model card: .*unheard_of\.card\.yaml .*docs/models\.md"):
        cards.resolve(model)


def test_the_reference_models_are_those_the_shipped_cards_describe(
    shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, model in enumerate(sorted((shared_data / "models").glob("*/*.onnx"))):
        copy = shutil.copy(model, tmp_path / f"{number}.onnx")
        assert cards.find_card(Path(copy)).file == Path(model.name)
    assert not caplog.messages


def test_the_documentations_cards_are_valid(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "models.md"
    whole, *parts = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    cards.load_card(write(tmp_path, whole))
    assert parts
    for part in parts:
        cards.load_card(write(tmp_path, "name: x\nlicence: x\nsource: x\n" + part))
