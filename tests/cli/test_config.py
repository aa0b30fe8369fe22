import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from watchpost.cli.config import config_app
from watchpost.config import load
from watchpost.errors import WatchpostError

GOOD = """
models: {people: {model: hog}}
cameras:
  정문: {source: "rtsp://admin:top-secret@10.0.0.5/stream1", rules: [presence]}
  yard: {source: yard.mp4, enabled: false, rules: []}
sinks: [{kind: jsonl}]
"""
BAD = "web:\n  prot: 80\ncameras:\n  gate: {sourze: a.mp4}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "watchpost.yaml"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(config_app, list(arguments), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_check_sums_up_a_good_file(file: Path):
    file.write_text(GOOD, encoding="utf-8")
    code, out, err = run("check", str(file))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"{file}: OK",
        "cameras: 2 (1 disabled)",
        "rules: 1",
        "models: people (hog)",
        "sinks: jsonl",
        "store: sqlite",
        f"data: {file.parent / 'watchpost-data'}",
    ]


def test_check_as_json_hides_credentials(file: Path):
    file.write_text(GOOD, encoding="utf-8")
    code, out, _ = run("check", str(file), "--json")
    told = json.loads(out)
    assert (code, told["ok"], list(told["cameras"])) == (0, True, ["정문", "yard"])
    assert told["cameras"]["정문"]["source"] == "rtsp://***@10.0.0.5/stream1"
    assert "top-secret" not in out


def test_check_tells_every_problem_on_a_line_of_its_own(file: Path):
    file.write_text(BAD)
    code, out, err = run("check", str(file))
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert [line.removeprefix(f"{file}:").split(":")[0] for line in lines[:-1]] == ["2", "4"]
    assert lines[-1] == "2 problems"


def test_check_tells_problems_as_json(file: Path):
    file.write_text(BAD)
    code, out, _ = run("check", str(file), "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert told["problems"][0] == {
        "file": str(file),
        "line": 2,
        "column": 3,
        "setting": "web.prot",
        "message": "there is no setting 'prot' here; did you mean 'port'?",
    }


def test_check_of_a_missing_file_is_one_line(file: Path):
    with pytest.raises(WatchpostError, match="does not exist"):
        run("check", str(file))


def test_schema_is_json():
    code, out, _ = run("schema")
    assert code == 0
    assert json.loads(out)["properties"].keys() >= {"cameras", "models", "web", "sinks", "store", "data", "defaults"}


def test_init_writes_a_file_that_holds(file: Path):
    code, out, _ = run("init", str(file))
    assert code == 0
    assert f"watchpost run {file}" in out
    assert load(file, environment={}).cameras["demo"].source == "synthetic:"


def test_init_replaces_a_file_only_when_told(file: Path):
    file.write_text("data: mine\n")
    with pytest.raises(WatchpostError, match="--force"):
        run("init", str(file))
    assert file.read_text() == "data: mine\n"
    assert run("init", str(file), "--force")[0] == 0
    assert "cameras:" in file.read_text()


def test_init_where_nothing_can_be_written_is_one_line(tmp_path: Path):
    with pytest.raises(WatchpostError, match="can not be written"):
        run("init", str(tmp_path / "no" / "watchpost.yaml"))
