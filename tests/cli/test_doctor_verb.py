"""`watchpost doctor` from the command line to its output."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from watchpost.cli.doctor import doctor
from watchpost.errors import WatchpostError
from watchpost.runtime import doctor as doctor_room
from watchpost.runtime.doctor import Finding, Level, Plan

app = typer.Typer()
app.command()(doctor)

NOTE = Finding("gpu", Level.NOTE, "no NVIDIA GPU [here]")
PROBLEM = Finding("port", Level.PROBLEM, "127.0.0.1:8010 is taken", "End that process.")


@pytest.fixture
def machine(monkeypatch):
    """Lets a test say what the doctor finds, and keeps the plan it was asked for."""
    asked: list[Plan] = []

    def pretend(*findings: Finding) -> list[Plan]:
        def checks(plan: Plan) -> dict[str, doctor_room.Check]:
            asked.append(plan)
            return {"pretended": lambda: list(findings)}

        monkeypatch.setattr(doctor_room, "checks", checks)
        return asked

    return pretend


def test_a_machine_without_problems_exits_with_0(machine):
    machine(NOTE)
    result = CliRunner().invoke(app, [], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "no NVIDIA GPU [here]" in result.stdout


def test_a_problem_exits_with_1_and_shows_its_cure(machine):
    machine(NOTE, PROBLEM)
    result = CliRunner().invoke(app, [], env={"COLUMNS": "100"})
    assert result.exit_code == 1
    assert "→ End that process." in result.stdout


def test_json(machine):
    machine(PROBLEM)
    result = CliRunner().invoke(app, ["--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {"check": "port", "level": "problem", "seen": "127.0.0.1:8010 is taken", "cure": "End that process."}
    ]


def test_the_configuration_says_what_is_looked_at(machine, tmp_path):
    asked = machine(NOTE)
    config = tmp_path / "watchpost.yaml"
    config.write_text(
        "data: events\nweb: {port: 9000}\ncameras:\n  door: {source: 'synthetic:'}\n"
        "  yard: {source: 'synthetic:', enabled: false}\n"
    )
    assert CliRunner().invoke(app, ["--config", str(config)]).exit_code == 0
    assert asked == [Plan(tmp_path / "events", "127.0.0.1", 9000, 1)]


def test_a_missing_configuration_is_one_line(tmp_path):
    result = CliRunner().invoke(app, ["--config", str(tmp_path / "none.yaml")])
    assert isinstance(result.exception, WatchpostError)
