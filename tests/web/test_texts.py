from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import watchpost.web
from watchpost.runtime.live import CameraState
from watchpost.video.blindness import Blindness
from watchpost.video.gate_explained import Reason, State
from watchpost.web.texts import LANGUAGES, catalogue, choose_language, render_page

WEB = Path(watchpost.web.__file__).parent
PAGES = sorted((WEB / "pages").glob("*.html"))
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted((WEB / "static").glob("*.js"))}
CODE = {str(path): path.read_text("utf-8") for path in sorted((WEB / "dashboard").rglob("*.py"))}
KINDS = {"appeared", "left", "entered", "exited", "dwelt", "crossed", "crowded", "thinned"} | {
    "load_changed",
    "detector_failed",
    "detector_recovered",
    "worker_failed",
    "worker_recovered",
    "camera_blind",
    "camera_seen_again",
    "recording_failed",
    "recording_recovered",
    "disk_full",
}


def test_there_is_a_catalogue_for_each_language_with_the_same_keys_and_places():
    assert {path.stem for path in (WEB / "locales").iterdir()} == set(LANGUAGES)
    english = catalogue("en")
    for language in LANGUAGES:
        texts = catalogue(language)
        assert list(texts) == list(english)
        for key, text in texts.items():
            assert text.strip(), key
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_every_text_is_used():
    in_pages = {name for page in PAGES for name in re.findall(r"\$\{(\w+)\}", page.read_text("utf-8"))}
    code = "\n".join([*SCRIPTS.values(), *CODE.values()])
    named = set(re.findall(r"""["'`]([a-z_]+\.[\w.]+)["'`]""", code))
    families = tuple(
        set(re.findall(r"`([a-z_]+\.[\w.]*)\$\{", code)) | set(re.findall(r"""f["']([a-z_]+\.[\w.]*)\{""", code))
    )
    for key in catalogue("en"):
        assert key.replace(".", "_") in in_pages or key in named or key.startswith(families), f"{key} is not used"


def test_every_used_text_is_there():
    keys = set(catalogue("en"))
    for name, script in SCRIPTS.items():
        assert set(re.findall(r'\btext(?:Or)?\(\s*"([\w.]+)"', script)) <= keys, name
    for name, code in CODE.items():
        assert set(re.findall(r'\.text\(\s*"([\w.]+)"', code)) <= keys, name
    in_pages = {name for page in PAGES for name in re.findall(r"\$\{(\w+)\}", page.read_text("utf-8"))}
    assert in_pages - {key.replace(".", "_") for key in keys} == {"language", "login", "failed"}


def test_every_state_and_kind_has_its_words():
    keys = set(catalogue("en"))

    def family(name: str) -> set[str]:
        return {key.removeprefix(name) for key in keys if key.startswith(name)}

    assert family("watch.") == {*get_args(CameraState), "asleep", "heavy", "blind"}
    assert family("blindness.") == set(get_args(Blindness))
    assert family("gate.") == {each.value for each in State}
    assert family("reason.") == {each.name.lower() for each in Reason}
    assert family("kind.") == KINDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_words_stand_outside_the_catalogue(page):
    text = page.read_text("utf-8")
    words = set(re.findall(r">\s*([^<>\s][^<>]*?)\s*<", text)) | set(
        re.findall(r'(?:alt|title|aria-label)="([^"]+)"', text)
    )
    own = {word for word in words if re.sub(r"\$\{\w+\}", "", word).strip(" ·")}
    assert own <= {"Watchpost", "${login_title} · Watchpost", *LANGUAGES.values()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_hold_no_words_for_people_and_no_markup(name):
    script = SCRIPTS[name]
    said = re.findall(r'(?:title|"aria-label"|placeholder): "([^"]*)"', script)
    said += re.findall(r'textContent = "([^"]*[A-Za-z][^"]*)"', script)
    assert said == []
    assert "innerHTML" not in script


@pytest.mark.parametrize(
    ("chosen", "wish", "expected"),
    [
        (None, "", "en"),
        (None, "ko", "ko"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "en;q=0.4, ko;q=0.5", "ko"),
        (None, "fr, de", "en"),
        (None, "KO;q=x", "en"),
        (None, "," * 10_000, "en"),
        ("ko", "en", "ko"),
        ("xx", "ko", "ko"),
    ],
)
def test_the_language_is_the_readers(chosen, wish, expected):
    if wish == "KO;q=x":
        assert choose_language(chosen, wish + ", en", "en") == expected
    else:
        assert choose_language(chosen, wish, "en") == expected


def test_values_are_escaped():
    assert "<script>alert" not in render_page("login", "en", login="on", failed='"><script>alert')
