"""What is wrong with recordings is told once, and when it is over."""

from __future__ import annotations

from watchpost.clock import ManualClock
from watchpost.runtime.alerts import FULL_EVERY_S, Alerts
from watchpost.types import Event


def test_a_problem_is_told_once_until_it_is_over() -> None:
    told: list[Event] = []
    alerts = Alerts(ManualClock(), told.append)
    alerts.problem("gate", "the disk is gone: rtsp://me:secret@10.0.0.1/")
    alerts.problem("gate", "the disk is gone: rtsp://me:secret@10.0.0.1/")
    alerts.problem("gate", "the disk is full")
    alerts.problem("yard", "")
    alerts.problem("gate", "")
    alerts.problem("gate", "")
    assert [(each.kind, each.attributes["camera"]) for each in told] == [
        ("recording_failed", "gate"),
        ("recording_recovered", "gate"),
    ]
    assert "secret" not in str(told[0].attributes["reason"])
    assert {each.camera for each in told} == {"watchpost"}


def test_a_disk_that_stays_full_is_told_now_and_then_with_all_that_went() -> None:
    told: list[Event] = []
    clock = ManualClock()
    alerts = Alerts(clock, told.append)
    for _ in range(5):
        alerts.full(1_000_000)
        clock.advance(FULL_EVERY_S / 4)
    assert [(each.kind, each.attributes["freed_mb"]) for each in told] == [("disk_full", 1.0), ("disk_full", 4.0)]
