from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from watchpost import plugins
from watchpost.config import Camera, Configuration, Web, load, loads
from watchpost.config.reader import InvalidConfigError
from watchpost.errors import ConfigError

SECRET = "a-token-of-many-letters"


def test_an_empty_configuration_is_a_server_without_cameras():
    configuration = Configuration.model_validate({})
    assert configuration.cameras == {}
    assert configuration.store.kind == "sqlite"
    assert configuration.models[plugins.DEFAULT_MODEL].kind == "onnx"
    assert (configuration.web.host, configuration.web.port) == ("127.0.0.1", 8010)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds two model files."""
    (tmp_path / "cars.onnx").touch()
    (tmp_path / "card.yaml").touch()
    return tmp_path


def test_a_camera_takes_from_the_defaults_what_it_does_not_say(folder: Path):
    text = """
        models: {people: {model: hog}, cars: {model: cars.onnx}}
        defaults: {model: people, classes: [person], max_fps: 5, tracker: {kind: sort}, rules: []}
        cameras:
          one: {source: one.mp4}
          two: {source: two.mp4, model: cars, classes: [car], max_fps: null, tracker: bytetrack, rules: [presence]}
    """
    one, two = loads(text, folder=folder).cameras.values()
    assert (one.model, one.classes, one.max_fps, one.tracker.kind, one.rules) == ("people", {"person"}, 5, "sort", ())
    assert (two.model, two.classes, two.max_fps, two.tracker.kind) == ("cars", {"car"}, None, "bytetrack")
    assert [rule.title for rule in two.rules] == ["presence"]


def test_the_only_model_is_everybodys(folder: Path):
    text = "models: {cars: cars.onnx}\ncameras: {a: {source: a.mp4}}"
    assert loads(text, folder=folder).cameras["a"].model == "cars"


def test_model_files_go_to_their_backend_and_other_models_are_plugins(folder: Path):
    text = "models: {a: hog, b: {model: cars.onnx, threads: 2}, c: {model: card.yaml, backend: openvino}}"
    models = loads(text, folder=folder).models
    assert [model.kind for model in models.values()] == ["hog", "onnx", "openvino"]
    assert models["b"].options.threads == 2


def test_relative_paths_belong_to_the_folder_of_the_file(folder: Path):
    file = folder / "watchpost.yaml"
    file.write_text("data: events\nmodels: {m: ./cars.onnx}\ncameras: {a: {source: clips/a.mp4}}\n")
    configuration = load(file)
    assert configuration.data == folder / "events"
    assert configuration.models["m"].options.model == folder / "cars.onnx"
    assert configuration.cameras["a"].source == str(folder / "clips/a.mp4")
    assert loads("", folder=folder).data == folder / "watchpost-data"


def test_a_default_path_of_a_plugin_is_left_for_the_data_folder(folder: Path):
    assert loads("", folder=folder).store.options.path == Path("watchpost.db")
    assert loads("store: {kind: sqlite, path: x.db}", folder=folder).store.options.path == folder / "x.db"


def test_zones_and_lines_become_arrays_and_a_closed_outline_loses_its_last_corner():
    camera = loads(
        "cameras: {a: {source: a.mp4, zones: {문: [[0, 0], [1, 0], [1, 1], [0, 0]]}, lines: {l: [[0, 0], [1, 1]]}}}"
    ).cameras["a"]
    assert np.array_equal(camera.zone_arrays()["문"], [[0, 0], [1, 0], [1, 1]])
    assert np.array_equal(camera.line_arrays()["l"], [[0, 0], [1, 1]])


def test_credentials_show_in_no_representation():
    camera = Camera.model_validate({"source": "rtsp://admin:top-secret@10.0.0.5/stream1"})
    assert "top-secret" not in f"{camera} {camera!r} {camera.shown_source}"
    assert "top-secret" in camera.source
    sinks = loads("sinks: [{kind: webhook, url: 'https://u:top-secret@h/?token=top-secret'}]").sinks
    assert "top-secret" not in repr(sinks)
    web = Web.model_validate({"token": SECRET})
    assert SECRET not in repr(web)
    assert web.token is not None
    assert web.token.get_secret_value() == SECRET


def test_validation_errors_quote_no_values():
    with pytest.raises(ValidationError) as caught:
        Web.model_validate({"port": SECRET})
    assert SECRET not in str(caught.value)


def test_two_equal_configurations_are_equal():
    text = f"web: {{token: {SECRET}}}\ncameras: {{a: {{source: a.mp4}}}}"
    assert loads(text) == loads(text)


def test_a_missing_file_names_the_next_step(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nothing\.yaml does not exist; .*config init"):
        load(tmp_path / "nothing.yaml")


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="can not be read"):
        load(tmp_path)


def test_the_scheduler_is_configured_for_the_server_each_model_and_each_camera(tmp_path: Path) -> None:
    for name in ("large.onnx", "small.onnx"):
        (tmp_path / name).touch()
    config = loads(
        """
        detection: {workers: 3, hang_after: 10s, load: {slower_fps: 3, relaxed_for: 1min}}
        models:
          people: {model: large.onnx, share: 3, batch: 8, fill: 20ms, smaller: small.onnx, confidence: 0.4}
          cars: {model: hog, smaller: {model: hog, long_side: 400}}
        defaults: {model: people, minimum_fps: 0.5}
        cameras:
          gate: {source: a.mp4, weight: 4, minimum_fps: 1, max_fps: 8, least_fps: 2}
          yard: {source: b.mp4}
        """,
        folder=tmp_path,
    )
    assert (config.detection.workers, config.detection.hang_after) == (3, 10)
    assert (config.detection.load.slower_fps, config.detection.load.relaxed_for) == (3, 60)
    people, cars = config.models["people"], config.models["cars"]
    assert (people.share, people.batch, people.fill, people.smaller.kind) == (3, 8, 0.02, "onnx")
    assert people.smaller.options.model == tmp_path / "small.onnx"
    assert cars.smaller.options.long_side == 400
    gate, yard = config.cameras["gate"], config.cameras["yard"]
    assert (gate.weight, gate.minimum_fps, gate.live_fps, gate.live_least_fps) == (4, 1, 8, 2)
    assert (yard.weight, yard.minimum_fps, yard.live_fps, yard.live_least_fps) == (1, 0.5, 5, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: {a: {source: x, least_fps: 6}}", "least_fps is above max_fps, 5"),
        ("cameras: {a: {source: x, max_fps: 1, minimum_fps: 2}}", "minimum_fps is above max_fps, 1"),
        ("models: {a: {model: hog, smaller: {model: hog, smaller: hog}}}", "no setting 'smaller'"),
        ("models: {a: {model: hog, smaller: {model: hog, sure: 1}}}", "no setting 'sure'"),
        ("models: {a: {model: hog, share: 0}}", "share"),
        ("detection: {load: {slower_fps: 1, slowest_fps: 2}}", "slowest_fps must not be above slower_fps"),
        ("detection: {load: {low_busy: 0.95}}", "low_busy must not be above high_busy"),
    ],
)
def test_settings_of_the_scheduler_that_can_not_be_are_told(text: str, words: str) -> None:
    with pytest.raises(InvalidConfigError, match=words):
        loads(text)


def test_the_example_of_the_documentation_is_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = page.partition("## When there is more to do")[2].partition("```yaml\n")[2].partition("```")[0]
    config = loads(example)
    assert config.models["cars"].smaller is not None
    assert config.cameras["gate"].weight == 4
