from __future__ import annotations

from collections.abc import Iterable

import pytest

from sized_packets import camera
from watchpost.types import Packet
from watchpost.video.packet_sizes import PacketSizes


def largest_deviation(sizes: PacketSizes, packets: Iterable[Packet]) -> float:
    """The largest of either sign."""
    largest = 0.0
    for packet in packets:
        sizes.observe(packet, packet.camera_time_s or 0.0)
        largest = max(largest, sizes.deviation, -sizes.deviation)
    return largest


@pytest.mark.parametrize("bframes", [False, True])
def test_the_usual_is_learned_by_type_and_position(bframes: bool) -> None:
    sizes = PacketSizes()
    assert largest_deviation(sizes, camera(60, bframes=bframes)) < 6
    assert sizes.is_ready

    usual = sizes.usual()
    assert {each.kind for each in usual} == ({"P", "B"} if bframes else {"P"})
    for each in usual:
        assert each.size == pytest.approx(100 if each.kind == "B" else 400, rel=0.1)
        assert each.spread == pytest.approx(0.1, rel=0.6)


@pytest.mark.parametrize("factor", [1.8, 0.5])
@pytest.mark.parametrize("bframes", [False, True])
def test_a_second_of_other_sizes_stands_out(factor: float, bframes: bool) -> None:
    sizes = PacketSizes()
    largest_deviation(sizes, camera(60, bframes=bframes))
    changed = camera(1.5, start_s=61, size=lambda _: 400 * factor, bframes=bframes, seed=1)
    assert largest_deviation(sizes, changed) > 6


def test_a_steady_noisy_stream_shows_small_changes() -> None:
    sizes = PacketSizes()
    largest_deviation(sizes, camera(60, size=lambda _: 28_000, noise=0.005))
    assert largest_deviation(sizes, camera(1.5, start_s=61, size=lambda _: 26_500, noise=0.005)) > 6


def test_a_clock_that_ticks_is_usual() -> None:
    sizes = PacketSizes()
    ticking = camera(120, size=lambda time_s: 2500 if round(time_s * 10) % 10 == 3 else 400)
    assert largest_deviation(sizes, ticking) < 6


def test_one_flash_does_not_stand_out() -> None:
    sizes = PacketSizes()
    assert largest_deviation(sizes, camera(60, size=lambda time_s: 9000 if time_s == 40 else 400)) < 6


def test_slow_changes_are_followed() -> None:
    sizes = PacketSizes()
    assert largest_deviation(sizes, camera(600, size=lambda time_s: 400 * (1 + time_s / 900))) < 6


def test_what_is_forgotten_in_time_is_not_learned() -> None:
    sizes = PacketSizes()
    largest_deviation(sizes, camera(60))
    before = sizes.usual()
    for packet in camera(120, start_s=60, size=lambda _: 1500):
        sizes.observe(packet, packet.camera_time_s or 0.0)
        sizes.forget_last()
    largest_deviation(sizes, camera(1, start_s=180))
    assert sizes.usual()[-1].size == pytest.approx(before[-1].size, rel=0.05)
    assert largest_deviation(sizes, camera(2, start_s=182, size=lambda _: 1500)) > 6


def test_nothing_stands_out_before_enough_is_learned() -> None:
    sizes = PacketSizes()
    assert largest_deviation(sizes, camera(9, size=lambda time_s: 400 if time_s < 5 else 4000)) == 0
    assert not sizes.is_ready
