from typing import Any

from watchpost.config import Configuration, loads
from watchpost.config.diff import changes

BASE = """
models: {people: {model: hog}, fast: {model: hog, confidence: 0.6}}
defaults: {model: people}
cameras:
  a: {source: a.mp4}
  b: {source: b.mp4, model: fast}
  c: {source: c.mp4, enabled: false}
"""


def after(old: str, new: str) -> Any:
    assert old in BASE
    return changes(loads(BASE), loads(BASE.replace(old, new)))


def test_nothing_has_changed_by_comments_and_order():
    assert not changes(loads(BASE), loads("# comment\n" + BASE))
    assert not after(
        "people: {model: hog}, fast: {model: hog, confidence: 0.6}", "fast: {model: hog, confidence: 0.6}, people: hog"
    )


def test_an_added_a_removed_and_a_changed_camera():
    difference = after("a: {source: a.mp4}", "d: {source: a.mp4}")
    assert (difference.added, difference.removed, difference.changed) == ({"d"}, {"a"}, set())
    difference = after("a.mp4", "z.mp4")
    assert (difference.added, difference.removed, difference.changed) == (set(), set(), {"a"})
    assert not difference.server


def test_enabling_adds_and_disabling_removes():
    assert after("enabled: false", "enabled: true").added == {"c"}
    assert after("b.mp4,", "b.mp4, enabled: false,").removed == {"b"}


def test_changes_of_a_disabled_camera_touch_nothing():
    assert not after("c.mp4", "z.mp4")


def test_a_changed_model_touches_the_cameras_that_use_it():
    difference = after("0.6", "0.7")
    assert (difference.models, difference.changed) == ({"fast"}, {"b"})


def test_changed_defaults_touch_the_cameras_that_take_them():
    assert after("{model: people}", "{model: people, max_fps: 5}").changed == {"a", "b"}
    assert after("{model: people}", "{model: fast}").changed == {"a"}


def test_settings_for_all_cameras_are_told_by_name():
    def server(text: str) -> frozenset[str]:
        return changes(Configuration.model_validate({}), loads(text)).server

    assert server("web: {port: 8011}") == {"web"}
    assert server("web: {token: sixteen-letters-x}\nstore: {kind: sqlite, snapshots_mb: 1}\ndata: x") == {
        "web",
        "store",
        "data",
    }
    assert server("sinks: [{kind: jsonl}]") == {"sinks"}


def test_a_changed_secret_is_a_change():
    old, new = loads("web: {token: sixteen-letters-x}"), loads("web: {token: sixteen-letters-y}")
    assert changes(old, new).server == {"web"}
