from __future__ import annotations

import threading
import time

import pytest

from watchpost.runtime.doctor import Finding, Level, Plan, checks, examine


def well() -> list[Finding]:
    return [Finding("well", Level.OK, "fine")]


def broken() -> list[Finding]:
    raise OSError("rtsp://admin:hunter2@cam/ can\nnot be asked")


def test_a_check_that_fails_is_a_finding_and_hides_no_other():
    findings = examine({"broken": broken, "well": well})
    assert [(finding.check, finding.level) for finding in findings] == [
        ("broken", Level.WARNING),
        ("well", Level.OK),
    ]
    assert findings[0].seen == "this check failed: OSError: rtsp://***@cam/ can not be asked"


def test_a_check_that_hangs_is_a_finding_and_holds_nothing_up():
    release = threading.Event()

    def hanging() -> list[Finding]:
        release.wait(60)
        return []

    begin = time.monotonic()
    findings = examine({"hanging": hanging, "well": well}, time_limit_s=0.1)
    release.set()
    assert time.monotonic() - begin < 10
    assert "did not end in 0.1 s" in findings[0].seen
    assert findings[1:] == well()


def test_all_checks_on_this_machine(tmp_path):
    """The real thing: every check ends, and none of them fails."""
    plan = Plan(data=tmp_path)
    findings = examine(checks(plan), time_limit_s=60)
    for finding in findings:
        assert "this check" not in finding.seen, finding
        assert finding.level in (Level.OK, Level.NOTE) or finding.cure, finding
    seen = {finding.check for finding in findings}
    assert seen >= {
        "python",
        "memory",
        "cores",
        "files",
        "video",
        "inference",
        "gpu",
        "processes",
        "disk",
        "port",
        "clock",
    }


@pytest.mark.parametrize("name", list(checks(Plan())))
def test_checks_are_named_as_the_documentation_names_them(name):
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()
    assert f"`{name}`" in text
