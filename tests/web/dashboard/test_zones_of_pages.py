"""Whose clocks a page shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchpost.web.dashboard.zones import Zones, server_zone


def test_cameras_that_share_a_zone_lend_it_to_the_page():
    zones = Zones({"gate": "Asia/Seoul", "yard": "Asia/Seoul"}, "UTC")
    assert zones.name == "Asia/Seoul"
    assert datetime(2026, 5, 1, tzinfo=UTC).astimezone(zones.page).hour == 9


def test_cameras_apart_have_their_own_and_the_page_the_servers():
    zones = Zones({"gate": "Asia/Seoul", "yard": None}, "Europe/Berlin")
    assert zones.name == "Europe/Berlin"
    assert str(zones.of("gate")) == "Asia/Seoul"
    assert str(zones.of("yard")) == str(zones.of("no longer there")) == "Europe/Berlin"


def test_an_offset_is_a_zone_too():
    assert datetime(2026, 5, 1, tzinfo=UTC).astimezone(Zones({}, "+05:30").page).strftime("%H:%M") == "05:30"


@pytest.mark.parametrize(("variable", "expected"), [("Asia/Tokyo", "Asia/Tokyo"), (":Asia/Tokyo", "Asia/Tokyo")])
def test_the_servers_zone_is_that_of_its_environment(monkeypatch, variable, expected, tmp_path):
    monkeypatch.setenv("TZ", variable)
    assert server_zone(tmp_path) == expected


def test_the_servers_zone_is_that_of_its_clock_file(monkeypatch, tmp_path):
    monkeypatch.delenv("TZ", raising=False)
    target = tmp_path / "zoneinfo" / "Asia" / "Seoul"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)
    assert server_zone(tmp_path / "localtime") == "Asia/Seoul"


def test_without_a_name_the_offset_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TZ", "no such/zone")
    assert server_zone(tmp_path)[0] in "+-"
