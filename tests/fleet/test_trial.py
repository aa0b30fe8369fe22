"""Comparing approaches on scripted machines, and one run in a real child process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from watchpost.fleet import runner, table, trial
from watchpost.fleet.cameras import deal
from watchpost.fleet.clips import Clip, FleetOptions, make_clips
from watchpost.fleet.job import Happening, Job, Measured
from watchpost.fleet.outcome import Limits, Outcome
from watchpost.fleet.search import Search
from watchpost.fleet.visits import Visit

CARRIES = {"plain": 10, "watchpost": 23, "demux_only": 100}
CLIP = Clip(Path("one.mp4"), 60, 15, 2, (Visit(20, 30, 21, 8, known_start_s=21.2, known_s=21.8),))


def machine(job: Job) -> Measured:
    """A machine that carries so many cameras of each approach, and reports every visit of the first camera late."""
    cameras, most = len(job.cameras), CARRIES[job.approach]
    appeared = Happening(0, "appeared", 1, 21.2, 21.8, 22.1)
    return Measured(
        seconds=job.seconds,
        cores=2,
        packets_due=900 * cameras,
        packets=900 * cameras,
        asked=300 * cameras,
        analysed=300 * cameras,
        cpu_s=2 * job.seconds * min(1.0, cameras / most),
        lags_s=[0.1 if cameras <= most else 5.0] * 100,
        happenings=[appeared] if job.cameras[0].offset_s == 0 else [],
    )


def scripted() -> trial.Trial:
    return trial.Trial([CLIP], Path("model.onnx"), 5.0, "bytetrack", 10.0, 50.0, Limits(), machine)


def test_approaches_take_turns_until_each_has_its_answer() -> None:
    told: list[Outcome] = []
    searches = {name: Search(4, 400, rounds=2) for name in ("plain", "watchpost")}
    outcomes = trial.search(scripted(), searches, told.append)
    assert outcomes == told
    assert {name: each.best for name, each in searches.items()} == {"plain": 10, "watchpost": 23}
    both = [each.approach for each in outcomes[:6]]
    assert both == ["plain", "watchpost"] * 3


def test_rounds_at_given_numbers_are_interleaved() -> None:
    outcomes = trial.at_numbers(scripted(), ["plain", "demux_only"], [5, 50], 2, lambda _: None)
    assert [(each.cameras, each.approach) for each in outcomes] == [
        *[(5, "plain"), (5, "demux_only")] * 2,
        *[(50, "plain"), (50, "demux_only")] * 2,
    ]
    assert [each.broken for each in outcomes if each.approach == "plain"] == [
        None,
        None,
        "p95 lag 5.0 s",
        "p95 lag 5.0 s",
    ]
    assert all(each.score is None for each in outcomes if each.approach == "demux_only")


def test_the_tables_say_what_was_measured() -> None:
    searches = {"plain": Search(1, 1), "watchpost": Search(1, 1)}
    outcomes = trial.search(scripted(), searches, lambda _: None)
    shown = Console(file=io.StringIO(), width=120)
    shown.print(table.summary({"plain": 1, "watchpost": 1}, outcomes, "plain"))
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "1.000 (1/1)" in text  # found
    assert "1.10 / 1.10 / 1.10" in text  # delay
    assert "0.30 / 0.30 / 0.30" in text  # later than full decode
    assert len(table.line(outcomes[0]).split("sustained")[0].rstrip()) == len(table.heading().rstrip())
    floors = trial.at_numbers(scripted(), ["demux_only"], [50], 1, lambda _: None)
    assert table.floors(floors, 5.0) == ["demux_only: 100 cameras by arithmetic, if all cores did that alone"]


def test_nothing_sustained_is_said() -> None:
    shown = Console(file=io.StringIO(), width=120)
    shown.print(table.summary({"plain": 0}, [], "plain"))


@pytest.mark.slow
def test_a_child_process_runs_and_measures(tmp_path: Path) -> None:
    options = FleetOptions(clips=1, seconds=2, gop_s=1, width=128, height=96, fps=5, activity=0.0)
    clips = make_clips(options, tmp_path, lambda *_: None)
    good = runner.run(Job("decode_only", deal(clips, 3), tmp_path / "none.onnx", warm_s=1.5, seconds=2.0))
    assert good.error is None
    assert good.packets == pytest.approx(30, abs=4)
    assert good.decoded == pytest.approx(30, abs=4)
    assert good.packets_due == pytest.approx(30, abs=1)
    assert 0 < good.cpu_s < 2 * good.seconds * good.cores
    assert good.rss_mb > good.rss_empty_mb > 20
    bad = runner.run(
        Job("bench.fleet.approaches.plain", deal(clips, 1), tmp_path / "none.onnx", warm_s=0.0, seconds=1.0)
    )
    assert bad.error is not None
    assert "none.onnx" in bad.error
