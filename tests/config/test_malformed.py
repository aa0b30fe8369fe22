"""Every mistake is one line that tells where it is and what to write instead."""

import codecs

import pytest

from watchpost.config import InvalidConfigError, loads

ENVIRONMENT = {"GATE_PASSWORD": "hunter2hunter2", "PORT": "9000"}

SYNTAX = [
    ("a tab for indentation", "web:\n\tport: 1\n", 2, "a tab stands here"),
    ("a tab deeper", "cameras:\n  a:\n\t  source: x\n", 3, "a tab stands here"),
    ("indentation that fits nothing", "cameras:\n    a:\n        source: x\n      enabled: true\n", 4, "indentation"),
    ("a list item out of line", "sinks:\n  - kind: webhook\n - kind: mqtt\n", 3, "indentation"),
    ("a key without its colon", "data: x\nweb\nstore: sqlite\n", 2, "lacks its colon"),
    ("no space after the colon", "web:\n  port:80\n  host: x\n", 3, "mend the line above"),
    ("a colon in a plain text", "data: a: b\n", 1, "quote text that holds ': '"),
    ("an open double quote", 'data: "abc\nweb: {}\n', 1, "never closed"),
    ("an open single quote", "data: x\nstore: 'sqlite\n", 2, "never closed"),
    ("an open list", "data: x\nsinks: [webhook\n", 2, "never closed"),
    ("an open group", "web: {port: 80\ndata: x\n", 1, "never closed, or a comma is missing"),
    ("a missing comma", "web: {port: 80 host: x}\n", 1, "a comma is missing"),
    ("an alias without its anchor", "cameras:\n  a: *gate\n", 2, "no &anchor"),
    ("a text that begins with @", "data: @home\n", 1, "no text can begin with this character"),
    ("a text that begins with %", "data: x\nstore: %a\n", 2, "no text can begin with this character"),
    ("a text that begins with a back quote", "data: `x`\n", 1, "put quotes around"),
    ("a backslash in double quotes", 'data: "C:\\kameras"\n', 1, "single quotes"),
    ("two documents", "data: x\n---\ndata: y\n", 2, "a second document begins here"),
    ("a control character", "data: x\nstore: a\x01b\n", 2, "a control character stands here"),
    ("a Python object", "data: !!python/object/apply:os.system [ls]\n", 1, "the tag !!python/object/apply:os.system"),
    ("a Python name", "cameras:\n  a: !!python/name:os.system\n", 2, "take it away"),
    ("a tag of somebody's own", "web:\n  token: !secret door\n", 2, "the tag !secret is not allowed"),
    ("an unknown tag handle", "data: !x!y z\n", 1, "a tag is not allowed here"),
    ("a set", "cameras: !!set {a, b}\n", 1, "the tag !!set"),
    ("bytes", "data: !!binary aGVsbG8=\n", 1, "the tag !!binary"),
    ("a list as a key", "web:\n  ? [a, b]\n  : 1\n", 2, "a key must be plain text"),
    ("braces around a variable as a key", "web:\n  {a: 1}: 2\n", 2, "a key must be plain text"),
    ("a key twice", "data: a\nweb: {}\ndata: b\n", 3, "'data' is here twice, first in line 1"),
    ("a camera twice", "cameras:\n  문: {source: a}\n  b: {source: b}\n  문: {source: c}\n", 4, "first in line 2"),
    (
        "a zone twice",
        "cameras:\n  a:\n    source: x\n    zones:\n      z: &z [[0, 0], [1, 0], [1, 1]]\n      z: *z\n",
        6,
        "first in line 5",
    ),
    ("a merge of a text", "cameras:\n  a:\n    <<: b\n    source: x\n", 3, "<<: takes a mapping"),
    ("a list at the top", "- a\n- b\n", 1, "expected settings such as cameras: and models:, not a list"),
    ("a text at the top", "hello\n", 1, "not text"),
    ("a number at the top", "# comment\n42\n", 2, "not a number"),
]

SETTINGS = [
    ("a misspelt key at the top", "camaras: {}\n", 1, "did you mean 'cameras'?"),
    (
        "an unknown key at the top",
        "zzz: 1\n",
        1,
        "detection, history, models, processes, recordings, serve, sinks, store, web",
    ),
    ("a number of processes that is none", "processes: many\n", 1, "write auto, or a whole number from 1 to 64"),
    ("no processes at all", "processes: 0\n", 1, "write auto, or a whole number from 1 to 64"),
    ("a misspelt key of a camera", "cameras:\n  a:\n    source: x\n    rulez: []\n", 4, "did you mean 'rules'?"),
    ("a misspelt key of the defaults", "defaults:\n  klasses: [person]\n", 2, "did you mean 'classes'?"),
    ("a misspelt key of the page", "web:\n  tokn: abcdefghij\n", 2, "did you mean 'token'?"),
    ("a misspelt key of a tracker", "defaults:\n  tracker: {kind: sort, patient: 2s}\n", 2, "did you mean 'patience'?"),
    ("a misspelt key of a rule", "defaults:\n  rules:\n    - {kind: presence, naame: x}\n", 3, "did you mean 'name'?"),
    ("a misspelt key of a model", "models:\n  m: {model: hog, confidense: 0.4}\n", 2, "did you mean 'confidence'?"),
    ("a misspelt key of the store", "store: {kind: sqlite, pth: x}\n", 1, "did you mean 'path'?"),
    (
        "a misspelt source option",
        "cameras:\n  a:\n    source: x\n    options: {lop: true}\n",
        4,
        "did you mean 'loop'?",
    ),
    ("a misspelt key that must be there", "cameras:\n  a: {sourze: x}\n", 2, "did you mean 'source'?"),
    ("no source", "cameras:\n  a:\n    enabled: true\n", 2, "'source' is missing; add source: rtsp://"),
    ("an empty source", "cameras:\n  a:\n    source:\n", 3, "'source' is missing"),
    ("an empty text as source", "cameras:\n  a:\n    source: ''\n", 3, "write at least 1 characters"),
    ("a number as source", "cameras:\n  a:\n    source: 0\n", 3, "expected text; put quotes around it"),
    ("a list as source", "cameras:\n  a:\n    source: [x]\n", 3, "expected text; put quotes around it if it is meant"),
    ("an unknown scheme", "cameras:\n  a:\n    source: rtps://h/x\n", 3, "rtps: is not known"),
    (
        "source options that are no mapping",
        "cameras:\n  a:\n    source: x\n    options: tcp\n",
        4,
        "names with settings",
    ),
    (
        "a wrong source option",
        "cameras:\n  a:\n    source: x\n    options: {loop: often}\n",
        4,
        "expected true or false",
    ),
    ("cameras as a list", "cameras:\n  - source: x\n", 2, "expected names with settings (name: ...), not a list"),
    ("a camera that is a text", "cameras:\n  a: rtsp://x\n", 2, "indented below it, not text"),
    ("a camera that is nothing", "cameras:\n  a: null\n", 2, "not nothing"),
    ("a camera with nothing in it", "cameras:\n  a:\n", 2, "not nothing"),
    ("a camera whose settings stand too far left", "cameras:\n  a:\n  source: x\n", 2, "not nothing"),
    ("options of a plugin under options", "store:\n  kind: sqlite\n  options: {path: x}\n", 3, "no setting 'options'"),
    ("enabled: maybe", "cameras:\n  a:\n    source: x\n    enabled: maybe\n", 4, "expected true or false, not text"),
    ("classes as a text", "cameras:\n  a:\n    source: x\n    classes: person\n", 4, "expected a list such as [a, b]"),
    ("a class that is a number", "cameras:\n  a:\n    source: x\n    classes: [person, 3]\n", 4, "expected text"),
    ("max_fps below 0", "cameras:\n  a:\n    source: x\n    max_fps: -5\n", 4, "the number must be more than 0"),
    ("max_fps of nothing", "defaults:\n  max_fps: 0\n", 2, "the number must be more than 0"),
    ("max_fps as words", "defaults:\n  max_fps: fast\n", 2, "expected a number, not text"),
    ("max_fps without end", "defaults:\n  max_fps: .inf\n", 2, "expected a number, not text"),
    ("a port in words", "web:\n  port: eighty\n", 2, "expected a whole number, not text"),
    ("a port of 0", "web: {port: 0}\n", 1, "at least 1"),
    ("a port too high", "web:\n  port: 70000\n", 2, "at most 65535"),
    ("half a port", "web:\n  port: 80.5\n", 2, "expected a whole number, not a number"),
    ("a token that ends in a line break", 'web:\n  host: 0.0.0.0\n  token: "sixteen letters\\n"\n', 3, "line break"),
    ("a path that can be none", 'data: "a\\0b"\n', 1, "take it away"),
    ("a short token", "web:\n  host: 0.0.0.0\n  token: hunter2\n", 3, "write at least 12 characters"),
    ("a model by its kind", "models:\n  m: {model: hog, kind: onnx}\n", 2, "write model: here"),
    ("a backend without a file", "models:\n  m: {model: hog, backend: onnx}\n", 2, "no setting 'backend'"),
    ("a token in digits", "web:\n  token: 1234567890\n", 2, "put quotes around it"),
    ("an unknown tracker", "defaults:\n  tracker: {kind: bytetrak}\n", 2, "there are: bytetrack, centroid, sort"),
    ("an unknown tracker by its name alone", "defaults:\n  tracker: deepsort\n", 2, "trackers has no 'deepsort'"),
    ("a tracker without its kind", "defaults:\n  tracker: {patience: 2s}\n", 2, "'kind' is missing"),
    (
        "a tracker that is a list",
        "defaults:\n  tracker: [sort]\n",
        2,
        "indented below it, not a list",
    ),
    ("a kind that is a number", "defaults:\n  tracker: {kind: 7}\n", 2, "expected text"),
    ("a kind with a slash", "store: {kind: ../sqlite}\n", 1, "is no name of a plugin"),
    ("a kind that is a private module", "store: {kind: _migrations}\n", 1, "is no name of a plugin"),
    (
        "another package's plugin that is not there",
        "store: {kind: nowhere.store}\n",
        1,
        "stores has no 'nowhere.store'",
    ),
    ("no duration", "defaults:\n  tracker: {kind: sort, patience: long}\n", 2, "write for instance 30s, 5min or 2h"),
    ("an unknown unit", "defaults:\n  tracker: {kind: sort, patience: 3 weeks}\n", 2, "is no duration"),
    (
        "a share above 1",
        "defaults:\n  rules: [{kind: presence, minimum_score: 50}]\n",
        2,
        "the number must be at most 1",
    ),
    (
        "a wrong choice",
        "defaults:\n  rules: [{kind: presence, per: person}]\n",
        2,
        "write one of: 'object' or 'camera'",
    ),
    ("rules as a mapping", "defaults:\n  rules: {kind: presence}\n", 2, "expected a list such as [a, b]"),
    ("an unknown rule", "defaults:\n  rules:\n    - kind: loitering\n", 3, "rules has no 'loitering'"),
    ("a rule without its zone", "defaults:\n  rules:\n    - kind: zone\n", 3, "'zone' is missing; add zone:"),
    ("a model without model", "models:\n  m: {confidence: 0.5}\n", 2, "'model' is missing; add model: "),
    ("an unknown model", "models:\n  m: {model: hogg}\n", 2, "detectors has no 'hogg'"),
    ("a model file that is not there", "models:\n  m:\n    model: no/such.onnx\n", 3, "check the path"),
    ("an unknown backend", "models:\n  m:\n    model: a.onnx\n    backend: tflite\n", 4, "detectors has no 'tflite'"),
    ("a confidence in percent", "models:\n  m: {model: hog, confidence: 40}\n", 2, "the number must be less than 1"),
    ("a sink that is a number", "sinks:\n  - 5\n", 2, "expected settings"),
    ("an unknown sink", "sinks:\n  - {kind: pigeon}\n", 2, "sinks has no 'pigeon'"),
    ("a webhook without its address", "sinks:\n  - {kind: webhook}\n", 2, "'url' is missing; add url:"),
    ("a webhook to nowhere", "sinks:\n  - {kind: webhook, url: nowhere}\n", 2, "expected: `http://` or `https://`"),
    ("a webhook by FTP", "sinks:\n  - {kind: webhook, url: 'ftp://h/'}\n", 2, "expected: `http://`"),
    ("data as a list", "data: [a]\n", 1, "expected the path of a file or folder"),
    ("a home that is nobody's", "data: ~nobody-at-all/x\n", 1, "write the whole path"),
]

NAMES = [
    ("a camera with a slash", "cameras:\n  a/b: {source: x}\n", 2, "without / and \\"),
    ("a camera that climbs", "cameras:\n  ..: {source: x}\n", 2, "not beginning with a dot"),
    ("a camera with a backslash", "cameras:\n  'a\\b': {source: x}\n", 2, "without / and \\"),
    ("a camera without a name", "cameras:\n  '': {source: x}\n", 2, "a name has 1 to 64 characters"),
    ("a camera with too long a name", f"cameras:\n  {'문' * 65}: {{source: x}}\n", 2, "1 to 64 characters"),
    ("a name too long in bytes", f"cameras:\n  {'😀' * 60}: {{source: x}}\n", 2, "write a shorter one"),
    ("a line break in a name", 'cameras:\n  "a\\nb": {source: x}\n', 2, "can not be printed"),
    ("a name that turns the writing round", 'cameras:\n  "a\\u202Eb": {source: x}\n', 2, "can not be printed"),
    ("a space before a name", "cameras:\n  ' a': {source: x}\n", 2, "begins or ends with a space"),
    (
        "a zone with a slash",
        "cameras:\n  a:\n    source: x\n    zones: {b/c: [[0, 0], [1, 0], [1, 1]]}\n",
        4,
        "without /",
    ),
]


def area(zones: str) -> str:
    return f"cameras:\n  a:\n    source: x\n    zones:\n      z: {zones}\n"


def line(points: str) -> str:
    return area(points).replace("zones:", "lines:")


AREAS = [
    ("two corners", area("[[0, 0], [1, 1]]"), 5, "a zone has 3 to 100 corners"),
    ("no corners", area("[]"), 5, "a zone has 3 to 100 corners"),
    (
        "a zone in pixels",
        area("[[0, 0], [640, 0], [1, 1]]"),
        5,
        "fractions of width and height from 0 to 1, not pixels",
    ),
    ("a zone below 0", area("[[0, 0], [1, 0], [1, -0.1]]"), 5, "outside the picture"),
    ("a corner of three numbers", area("[[0, 0], [1, 0, 1], [1, 1]]"), 5, "a point is two numbers, [x, y]"),
    ("a corner of one number", area("[[0, 0], [1], [1, 1]]"), 5, "a point is two numbers, [x, y]"),
    ("a corner that is a number", area("[0, 0, 1, 0, 1, 1]"), 5, "a point is two numbers, [x, y]"),
    ("a corner in words", area("[[left, top], [1, 0], [1, 1]]"), 5, "a point is two numbers, [x, y]"),
    ("a zone that is a text", area("everywhere"), 5, "a zone has 3 to 100 corners"),
    ("a zone that is a mapping", area("{x: 1}"), 5, "a zone has 3 to 100 corners"),
    ("zones as a list", "cameras:\n  a:\n    source: x\n    zones: [[0, 0]]\n", 4, "expected names with settings"),
    ("a bow tie", area("[[0, 0], [1, 1], [1, 0], [0, 1]]"), 5, "list the corners in the order"),
    ("a zone without area", area("[[0, 0], [0.5, 0.5], [1, 1]]"), 5, "lie on one line"),
    ("one corner three times", area("[[0, 0], [0, 0], [0, 0]]"), 5, "at least 3 different corners"),
    ("too many corners", area("[" + "[0, 0]," * 101 + "]"), 5, "a zone has 3 to 100 corners"),
    ("a line of one point", line("[[0, 0]]"), 5, "a line has 2 to 100 points"),
    ("a line without length", line("[[0.5, 0], [0.5, 0]]"), 5, "the same point twice in a row"),
    ("a line in pixels", line("[[0, 0], [1920, 1080]]"), 5, "not pixels"),
    ("a line of numbers", line("[0, 0, 1, 1]"), 5, "a point is two numbers"),
]

ZONED = "cameras:\n  a:\n    source: x\n    zones: {side door: [[0, 0], [1, 0], [1, 1]]}\n"

REFERENCES = [
    (
        "a camera's unknown model",
        "cameras:\n  a: {source: x, model: watchpost-persons}\n",
        2,
        "no model 'watchpost-persons'; did you mean 'watchpost-person'?",
    ),
    ("the defaults' unknown model", "models: {m: hog}\ndefaults: {model: cars}\n", 2, "no model 'cars'; there are: m"),
    (
        "no choice of several models",
        "models: {m: hog, n: hog}\ncameras:\n  a: {source: x}\n",
        3,
        "which model? Add model:",
    ),
    ("a misspelt zone", ZONED + "    rules:\n      - {kind: zone, zone: sidedoor}\n", 6, "did you mean 'side door'?"),
    ("an unknown zone", ZONED + "    rules: [{kind: zone, zone: roof}]\n", 5, "no zone 'roof'; there are: side door"),
    (
        "a line for a zone",
        ZONED + "    rules: [{kind: line, line: side door}]\n",
        5,
        "no line 'side door'; there are none",
    ),
    ("a crowd in no zone", ZONED + "    rules:\n    - {kind: crowd, more_than: 3, zone: q}\n", 6, "has no zone 'q'"),
    (
        "a default rule's zone",
        "defaults:\n  rules: [{kind: zone, zone: z}]\ncameras:\n  a: {source: x}\n",
        2,
        "camera 'a'",
    ),
    ("two rules of one name", ZONED + "    rules:\n      - presence\n      - kind: presence\n", 7, "a second rule"),
    ("two sinks of one name", "sinks:\n  - {kind: pigeon}\n  - {kind: pigeon}\n", 3, "a second sink is called"),
]

VARIABLES = [
    (
        "a variable that is not set",
        "web:\n  token: ${NO_SUCH}\n",
        2,
        "NO_SUCH is not set; set it, or write ${NO_SUCH:-",
    ),
    ("a variable in an address", "cameras:\n  a:\n    source: rtsp://u:${NO_SUCH}@h/\n", 3, "NO_SUCH is not set"),
    ("a variable without a name", "data: ${}\n", 1, "write ${NAME} or ${NAME:-default}"),
    ("a variable with a space", "data: ${A B}\n", 1, "write ${NAME} or ${NAME:-default}"),
]

CASES = [*SYNTAX, *SETTINGS, *NAMES, *AREAS, *REFERENCES, *VARIABLES]


def problems_of(text: str | bytes) -> InvalidConfigError:
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, name="watchpost.yaml", environment=ENVIRONMENT)
    return caught.value


@pytest.mark.parametrize(("text", "line", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_told_by_line_and_cure(text: str, line: int, words: str):
    error = problems_of(text)
    lines = str(error).splitlines()
    assert any(told.startswith(f"watchpost.yaml:{line}:") and words in told for told in lines), lines
    assert len(lines) == len(error.problems)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)
    assert "Traceback" not in str(error)


# what follows from the first mistake, or from plugins that other packages bring, may be told as well
_MORE_THAN_ONE = {
    "a camera whose settings stand too far left",
    "two sinks of one name",
    "a line for a zone",
    "a camera's unknown model",
}


@pytest.mark.parametrize(
    "text",
    [case[1] for case in CASES if case[0] not in _MORE_THAN_ONE],
    ids=[case[0] for case in CASES if case[0] not in _MORE_THAN_ONE],
)
def test_one_mistake_is_one_line(text: str):
    assert len(str(problems_of(text)).splitlines()) == 1, str(problems_of(text))


def test_all_mistakes_are_told_at_once_in_the_order_of_lines():
    text = (
        "cameras:\n  gate:\n    sourze: a.mp4\n    max_fps: -1\n    rules: [{kind: zone, zone: z}]\n"
        "web: {port: x}\nweb: {}\nstore: {kind: sqlite, path: '${NO_SUCH}'}\n"
    )
    error = problems_of(text)
    assert [problem.line for problem in error.problems] == [3, 4, 5, 6, 7, 8]


def test_columns_count_from_one_and_point_at_keys_and_values():
    error = problems_of("web: {port: x, hots: y}\n")
    assert [(problem.column, problem.setting) for problem in error.problems] == [(13, "web.port"), (16, "web.hots")]


def test_a_mistake_in_the_defaults_is_told_once_however_many_cameras_take_it():
    cameras = "".join(f"  camera {number}: {{source: x}}\n" for number in range(9))
    error = problems_of("defaults: {max_fps: no, tracker: {kind: sort, patience: x}}\ncameras:\n" + cameras)
    assert [problem.setting for problem in error.problems] == ["defaults.max_fps", "defaults.tracker.patience"]


def test_a_wrong_byte_is_told_by_its_line():
    assert str(problems_of(b"data: x\nstore: \xb0\xa1\n")).startswith("watchpost.yaml:2:8: this is not UTF-8 text")
    assert "UTF-8" in str(problems_of("data: 문\n".encode("utf-16")))


def test_secrets_never_appear():
    text = """
        web: {host: 0.0.0.0, token: s-secret}
        cameras:
          a: {source: "ftq://admin:top-secret@10.0.0.1/x?token=top-secret"}
          b: {source: "ftq://admin:${GATE_PASSWORD}@10.0.0.1/"}
          c: {source: x, max_fps: "${GATE_PASSWORD}"}
          d: {source: x, tracker: {kind: sort, patience: "${GATE_PASSWORD}"}}
    """
    told = str(problems_of(text))
    assert len(told.splitlines()) == 5
    for secret in ("s-secret", "top-secret", ENVIRONMENT["GATE_PASSWORD"]):
        assert secret not in told
    assert "ftq://***@10.0.0.1/" in told
    assert "${GATE_PASSWORD}" in told


def test_a_secret_that_begins_another_leaves_nothing_of_it_to_be_read():
    text = "defaults: {model: '${SHORT}'}\nmodels: {a: hog, b: hog}\ncameras: {a: {source: x, model: '${LONG}'}}"
    with pytest.raises(InvalidConfigError) as caught:
        loads(text, environment={"SHORT": "pass", "LONG": "pass-word"})
    assert "'${LONG}'" in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize("bomb", ["lists", "mappings", "merges", "itself"])
def test_aliases_that_unfold_without_end_are_stopped(bomb: str):
    unfolding = {
        "lists": lambda i: f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]",
        "mappings": lambda i: f"b{i}: &b{i} {{{', '.join(f'k{j}: *b{i - 1}' for j in range(9))}}}",
        "merges": lambda i: f"b{i}: &b{i}\n  <<: [{', '.join([f'*b{i - 1}'] * 9)}]\n  x{i}: 1",
        "itself": lambda i: f"b{i}: &b{i} {{a: [*b{i}, *b{i}]}}",
    }[bomb]
    text = "b0: &b0 {x: 1}\n" + "\n".join(unfolding(i) for i in range(1, 12))
    assert "unfold to too much" in str(problems_of(text))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 5000, "? " * 5000], ids=lambda text: text[:3])
def test_deep_nesting_is_stopped(text: str):
    assert problems_of(text).problems


def test_a_file_too_large_is_not_even_read():
    assert "larger than 1 MiB" in str(problems_of("# " + "x" * (1 << 20)))


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "null\n", "web:\ncameras:\nsinks:\n", "\ufeff"])
def test_an_empty_file_is_a_server_without_cameras(text: str):
    assert loads(text).cameras == {}


def test_korean_names_a_byte_order_mark_and_windows_line_ends_are_welcome():
    text = "cameras:\r\n  정문 카메라:\r\n    source: 영상/정문.mp4\r\n"
    camera = loads(codecs.BOM_UTF8 + text.encode()).cameras["정문 카메라"]
    assert camera.source == "영상/정문.mp4"


def test_keys_are_text_whatever_they_look_like():
    cameras = loads("cameras:\n  1: {source: a}\n  true: {source: b}\n  007: {source: c}\n  2026-01-01: {source: d}\n")
    assert list(cameras.cameras) == ["1", "true", "007", "2026-01-01"]


def test_anchors_and_merges_share_settings_between_cameras():
    cameras = loads(
        "cameras:\n  a: &a\n    source: a.mp4\n    max_fps: 5\n    classes: [person]\n"
        "  b:\n    <<: *a\n    source: b.mp4\n    max_fps: 7\n"
    ).cameras
    assert (cameras["b"].source, cameras["b"].max_fps, cameras["b"].classes) == ("b.mp4", 7, {"person"})


def test_variables_defaults_and_escapes():
    text = "web: {port: '${PORT}'}\ndata: /x/${NO_SUCH:-here}/$${PORT}\nstore: {kind: '${KIND:-sqlite}'}\n"
    configuration = loads(text, environment=ENVIRONMENT)
    assert configuration.web.port == 9000
    assert str(configuration.data) == "/x/here/${PORT}"
    assert configuration.store.kind == "sqlite"
