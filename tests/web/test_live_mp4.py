"""A camera's packets become what a browser's Media Source Extensions want: a header, then a fragment a picture."""

from __future__ import annotations

import io
from dataclasses import replace

import av
import numpy as np
import pytest

from filming import G711, SOUND_RATE, film, film_with_sound
from watchpost.mp4.boxes import boxes, find, need
from watchpost.types import Packet
from watchpost.web.live_mp4 import Header, LiveMp4, NotPassedOnError


def all_of(mp4: LiveMp4, packets: list[Packet]) -> list[Header | bytes]:
    return [each for packet in packets for each in mp4.add(packet)]


def played(made: list[Header | bytes]) -> list[tuple[float, bool]]:
    """Time and key flag of each picture that FFmpeg decodes of it."""
    data = b"".join(each.data if isinstance(each, Header) else each for each in made)
    with av.open(io.BytesIO(data)) as file:
        return [(round(float(frame.time), 3), frame.key_frame) for frame in file.decode(video=0)]


def decode_time(fragment: bytes) -> int:
    return int.from_bytes(fragment[need(fragment, "moof/traf/tfdt").body + 4 :][:8], "big")


def duration(fragment: bytes) -> int:
    return int.from_bytes(fragment[need(fragment, "moof/traf/trun").body + 12 :][:4], "big")


@pytest.mark.parametrize(("codec", "name"), [("libx264", "avc1."), ("libx265", "hvc1.1.6.L")])
def test_a_header_then_a_fragment_for_each_picture(codec: str, name: str) -> None:
    header, *fragments = all_of(LiveMp4(), film(12, codec=codec, start_s=40.0))
    assert isinstance(header, Header)
    assert header.mime.startswith(f'video/mp4; codecs="{name}')
    assert (header.width, header.height, header.camera_time_s) == (64, 48, 40.0)
    assert find(header.data, "moov/mvex/trex") is not None
    assert find(header.data, "moov/mvex/mehd") is None, "a length would make it a film to browsers"
    assert len(fragments) == 12
    for fragment in fragments:
        assert isinstance(fragment, bytes)
        assert [box.kind for box in boxes(fragment)] == [b"moof", b"mdat"]
    assert played([header, *fragments]) == [(number / 10, number % 10 == 0) for number in range(12)]


def test_the_codec_is_named_as_its_parameter_sets_say() -> None:
    header = LiveMp4().add(film(1)[0])[0]
    assert isinstance(header, Header)
    record = header.data[header.data.index(b"avcC") + 4 :]
    assert header.mime == f'video/mp4; codecs="avc1.{record[1:4].hex()}"'


def test_b_frames_keep_their_times() -> None:
    made = all_of(LiveMp4(), film(20, bframes=2))
    zero = played(made)[0][0]
    assert [round(time - zero, 3) for time, _ in played(made)] == [number / 10 for number in range(20)]


def test_it_begins_with_a_key_frame_and_says_when_that_was() -> None:
    packets = film(25)
    made = all_of(LiveMp4(), packets[7:])
    assert isinstance(made[0], Header)
    assert made[0].camera_time_s == 1.0
    assert sum(isinstance(each, Header) for each in made) == 1
    assert len(made) == 1 + 15


def test_a_changed_picture_size_brings_a_new_header_and_time_goes_on() -> None:
    made = all_of(LiveMp4(), [*film(10), *film(5, size=(96, 64), start_s=1.0)])
    headers = [each for each in made if isinstance(each, Header)]
    assert [(each.width, each.height) for each in headers] == [(64, 48), (96, 64)]
    times = [decode_time(each) for each in made if isinstance(each, bytes)]
    assert times == [number * 9000 for number in range(15)]


def test_a_camera_that_was_started_afresh_counts_on_and_a_header_tells_the_new_zero() -> None:
    made = all_of(LiveMp4(), [*film(10, start_s=100.0), *film(10)])
    headers = [each for each in made if isinstance(each, Header)]
    assert [each.camera_time_s for each in headers] == [100.0, pytest.approx(-1.0, abs=0.11)]
    times = [decode_time(each) for each in made if isinstance(each, bytes)]
    assert times == sorted(set(times))
    assert times[10] - times[9] < 20_000


def test_after_a_gap_browsers_go_on_at_once() -> None:
    """They drop pictures until a key frame where decoding goes on later than twice the last picture's length."""
    packets = film(30)
    made = [each for each in all_of(LiveMp4(), packets[:12] + packets[17:]) if isinstance(each, bytes)]
    times, lasts = [decode_time(each) for each in made], [duration(each) for each in made]
    for earlier, later, lasted in zip(times, times[1:], lasts, strict=False):
        assert 0 < later - earlier <= 2 * lasted
    shown = played(all_of(LiveMp4(), packets[:10] + packets[15:20] + packets[20:]))
    assert shown[-1][0] == pytest.approx(2.9, abs=0.002), "and each picture is shown at its own time"


def test_a_restarted_clock_waits_for_its_key_frame() -> None:
    first, second = film(5, gop=100), film(25, gop=10, start_s=9.0)
    second[3] = replace(second[3], is_discontinuous=True)
    made = all_of(LiveMp4(), [*first, *second[3:]])
    assert sum(isinstance(each, bytes) for each in made) == 5 + 15


def test_a_codec_that_browsers_do_not_take_is_told() -> None:
    packet = film(1)[0]
    with pytest.raises(NotPassedOnError, match="mjpeg"):
        LiveMp4().add(replace(packet, stream=replace(packet.stream, codec="mjpeg")))


def test_sound_comes_along_for_who_listens_and_at_its_times() -> None:
    made = all_of(LiveMp4(with_sound=True), film_with_sound(30))
    header = made[0]
    assert isinstance(header, Header)
    assert header.mime.endswith(',mp4a.40.2"')
    assert header.sound == "aac"
    data = b"".join(each.data if isinstance(each, Header) else each for each in made)
    with av.open(io.BytesIO(data)) as file:
        sounds = [(float(frame.time or 0), frame.samples) for frame in file.decode(audio=0)]
    assert sounds[0][0] == pytest.approx(0.0, abs=0.03)
    assert sounds[-1][0] + sounds[-1][1] / SOUND_RATE == pytest.approx(3.0, abs=0.1)
    times = [time_s for time_s, _ in sounds]
    assert np.diff(times) == pytest.approx(1024 / SOUND_RATE, abs=1e-4), "without a hole"
    assert [time for time, _ in played(made)] == [number / 10 for number in range(30)]


def test_who_does_not_listen_is_told_of_the_sound_alone() -> None:
    header, *fragments = all_of(LiveMp4(), film_with_sound(5))
    assert isinstance(header, Header)
    assert (header.sound, "mp4a" in header.mime) == ("aac", False)
    assert all(isinstance(each, bytes) and each.count(b"traf") == 1 for each in fragments)


def test_sound_that_browsers_do_not_play_is_left_out_and_named() -> None:
    header = LiveMp4(with_sound=True).add(film(1, sound=G711)[0])[0]
    assert isinstance(header, Header)
    assert (header.sound, "," in header.mime) == ("pcm_alaw", False)


def test_where_the_sound_breaks_off_the_pictures_go_on_alone_and_it_comes_back() -> None:
    packets = film_with_sound(60)
    silent = [replace(each, audio=()) if 8 <= number < 32 else each for number, each in enumerate(packets)]
    made = all_of(LiveMp4(with_sound=True), silent)
    headers = [each.mime for each in made if isinstance(each, Header)]
    assert ["mp4a" in mime for mime in headers] == [True, False, True]
    assert sum(isinstance(each, bytes) for each in made) > 40
