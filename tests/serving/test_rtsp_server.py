"""A whole server on loopback: cameras pass through untouched, to many, and whoever is slow loses its own."""

from __future__ import annotations

import dataclasses
import re
import socket
import struct
from itertools import pairwise

import pytest

from filming import FPS, G711, MIDNIGHT, film
from rtsp_client import Client
from rtsp_house import House
from waiting import until
from watchpost.config.serve import RtspOptions
from watchpost.errors import ConfigError, WatchpostError
from watchpost.mp4.parameter_sets import units
from watchpost.serving import readers
from watchpost.serving.access import TokenCredentials
from watchpost.serving.payload_h264 import Depacketiser, begins_key_frame
from watchpost.serving.rtp import report_types
from watchpost.serving.sdp import parameter, parse
from watchpost.types import Packet
from watchpost.video.rtsp_describe import authorization

TOKEN = "correct horse battery"


def units_of(packet: Packet) -> list[bytes]:
    return [bytes(unit) for unit in units(bytes(packet.payload))]  # type: ignore[call-overload]


def test_pictures_pass_untouched_from_the_last_key_frame_on() -> None:
    packets = film(4 * FPS)
    with House() as house:
        house.feed(packets[:25])
        with Client(house.port) as client:
            client.play()
            house.feed(packets[25:])
            pictures = client.pictures(20)
    assert [each for _, each in pictures] == [units_of(packet) for packet in packets[20:]]
    steps = {(after - before) & 0xFFFFFFFF for (before, _), (after, _) in pairwise(pictures)}
    assert steps == {9000}


def test_the_description_tells_what_a_decoder_needs() -> None:
    with House() as house, Client(house.port) as client:
        house.feed(film(1))
        reply = client.ask("DESCRIBE")
        assert reply.header("content-base") == f"{client.url}/"
        [media] = parse(reply.body.decode()).media
        sets = (parameter(media, "sprop-parameter-sets") or "").split(",")
        assert len(sets) == 2
        assert media.encoding == "H264"


def test_h265() -> None:
    packets = film(20, codec="libx265")
    with House() as house, Client(house.port) as client:
        house.feed(packets[:15])
        reply = client.ask("DESCRIBE")
        assert "sprop-vps=" in reply.body.decode()
        session = client.set_up().session
        client.ask("PLAY", Session=session)
        marks = 0
        while marks < 5:
            [packet] = client.read_media(1)
            marks += packet[1] >> 7


def test_sound_goes_along_and_reports_tie_both_to_the_wall_clock() -> None:
    packets = film(20, sound=G711)
    with House() as house, Client(house.port) as client:
        house.feed(packets[:10])
        described = parse(client.ask("DESCRIBE").body.decode())
        assert [media.encoding for media in described.media] == ["H264", "PCMA"]
        session = client.set_up(0).session
        client.set_up(1, session)
        house.feed(packets[10:])
        client.ask("PLAY", Session=session)
        found = client.read(10 + 18 + 2)
    by_channel = {channel: [data for number, data in found if number == channel] for channel in range(4)}
    assert len(by_channel[0]) == 10
    assert (
        b"".join(data[12:] for data in by_channel[2])
        == b"".join(
            bytes(each.payload)  # type: ignore[call-overload]
            for packet in packets[11:]
            for each in packet.audio
        )
    )
    for channel, rate in ((1, 90_000), (3, 8000)):
        [report] = by_channel[channel]
        ntp, timestamp = struct.unpack(">QI", report[8:20])
        first = int.from_bytes(by_channel[channel - 1][0][4:8], "big")
        wall_time_s = ntp / 2**32 - 2_208_988_800 - ((timestamp - first) & 0xFFFFFFFF) / rate
        begin_s = 1.0 if channel == 1 else 1.1
        assert wall_time_s == pytest.approx(MIDNIGHT + begin_s, abs=0.01)


def test_many_read_the_same() -> None:
    packets = film(30)
    with House() as house:
        house.feed(packets[:10])
        clients = [Client(house.port) for _ in range(10)]
        for client in clients:
            client.play()
        house.feed(packets[10:])
        assert until(lambda: house.server.figures().readers == {"gate": 10})
        expected = [units_of(packet) for packet in packets]
        for client in clients:
            assert [each for _, each in client.pictures(30)] == expected
            client.close()
        assert until(lambda: house.server.figures().connections == 0)


def test_a_slow_reader_loses_its_own_packets_and_goes_on_with_a_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "HELD_BYTES", 400_000)
    packets = film(60, size=(640, 480), noise=120)
    with House() as house, Client(house.port) as slow, Client(house.port) as quick:
        house.feed(packets[:1])
        slow.play()
        quick.play()
        taken = []
        for packet in packets[1:]:
            house.feed([packet])
            taken += quick.pictures(1)
        taken += quick.pictures(1)
        assert [each for _, each in taken] == [units_of(packet) for packet in packets], "the others have all"
        lost = house.server.figures().lost
        assert 0 < lost < quick.taken
        kept = slow.read_media(quick.taken - lost)
        house.feed(film(1, size=(640, 480), start_s=6.0))
        [following] = slow.read_media(1)
    numbers = [int.from_bytes(data[2:4], "big") for data in [*kept, following]]
    gaps = [index for index, (a, b) in enumerate(pairwise(numbers)) if b != (a + 1) & 0xFFFF]
    assert gaps, "who reads sees that something is missing"
    for index in gaps:
        assert begins_key_frame([*kept, following][index + 1][12:])


def test_pause_and_play_again() -> None:
    packets = film(40)
    with House() as house, Client(house.port) as client:
        house.feed(packets[:5])
        session = client.play()
        client.pictures(5)
        assert client.ask("PAUSE", Session=session).status == 200
        house.feed(packets[5:25])
        assert client.ask("GET_PARAMETER", Session=session).status == 200
        assert [channel for channel, _ in client.packets if channel == 0] == []
        info = client.ask("PLAY", Session=session).header("rtp-info")
        [(timestamp, first), *_] = client.pictures(5)
        assert first == units_of(packets[20])
        found = re.fullmatch("url=" + re.escape(client.url) + r"/trackID=0;seq=\d+;rtptime=(\d+)", info)
        assert found is not None
        assert int(found[1]) == timestamp
        assert client.ask("TEARDOWN", Session=session).status == 200
        assert client.ask("PLAY", Session=session).status == 454


def test_over_udp() -> None:
    packets = film(40)
    with House() as house, Client(house.port) as client, socket.socket(type=socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(10)
        port = ear.getsockname()[1]
        house.feed(packets[:10])
        client.ask("DESCRIBE")
        reply = client.set_up(transport=f"RTP/AVP;unicast;client_port={port}-{port + 1}")
        assert f"client_port={port}-{port + 1}" in reply.header("transport")
        client.ask("PLAY", Session=reply.session)
        house.feed(packets[10:])
        depacketiser, found, picture = Depacketiser(), [], list[bytes]()
        while len(found) < 40:
            data = ear.recv(2000)
            picture += depacketiser.take(int.from_bytes(data[2:4], "big"), data[12:])
            if data[1] & 0x80:
                found.append(picture)
                picture = []
        assert found == [units_of(packet) for packet in packets]


def test_what_is_not_there_or_out_of_turn() -> None:
    with House() as house, Client(house.port) as client:
        house.feed(film(5))
        assert client.ask("DESCRIBE", f"{client.url}x").status == 404
        assert client.ask("DESCRIBE", client.url.replace("gate", "publish/gate")).status == 404
        assert client.ask("PLAY").status == 454
        assert client.ask("PLAY", Session="guess").status == 454
        assert client.set_up(7).status == 404
        assert client.set_up(transport="RTP/AVP;multicast").status == 461
        assert client.ask("SETUP", Transport="RTP/AVP/TCP;interleaved=0-1").status == 200, "one stream needs no track"
        assert client.ask("OPTIONS", "*").status == 200
        assert client.ask("REDIRECT").status == 501
        assert client.ask("OPTIONS", Require="www.onvif.org/ver20/backchannel").status == 551
        assert client.ask("GET_PARAMETER", body=b"jitter\r\n").status == 451


def test_a_camera_whose_pictures_have_no_form_here() -> None:
    [packet] = film(1)
    stream = dataclasses.replace(packet.stream, codec="mjpeg")
    with House() as house, Client(house.port) as client:
        house.feed([dataclasses.replace(packet, stream=stream)])
        assert client.ask("DESCRIBE").status == 415


def test_another_codec_ends_the_session() -> None:
    with House() as house, Client(house.port) as client:
        house.feed(film(2))
        client.play()
        client.pictures(2)
        house.feed(film(1, codec="libx265"))
        channel, goodbye = client.read_to_end()[-1]
        assert (channel, report_types(goodbye)) == (1, (201, 202, 203))


def test_a_camera_that_is_removed_ends_the_session() -> None:
    with House() as house, Client(house.port) as client:
        house.feed(film(2))
        client.play()
        client.pictures(2)
        house.taps.remove("gate live")
        channel, goodbye = client.read_to_end()[-1]
        assert (channel, report_types(goodbye)) == (1, (201, 202, 203))


def test_only_who_knows_the_token() -> None:
    with House(credentials=TokenCredentials(TOKEN)) as house, Client(house.port) as client:
        house.feed(film(5))
        assert client.ask("OPTIONS").status == 200
        reply = client.ask("DESCRIBE")
        assert reply.status == 401
        challenges = reply.headers["www-authenticate"]

        def signed(method: str, url: str, password: str = TOKEN) -> str:
            header = authorization(challenges, "viewer", password, method, url, "0a4f113b")
            assert header is not None
            return header

        assert client.ask("DESCRIBE", Authorization=signed("DESCRIBE", client.url, "guess")).status == 401
        assert client.ask("DESCRIBE", Authorization=signed("DESCRIBE", client.url)).status == 200
        url = f"{client.url}/trackID=0"
        transport = "RTP/AVP/TCP;interleaved=0-1"
        assert client.ask("SETUP", url, Transport=transport).status == 401
        session = client.ask("SETUP", url, Transport=transport, Authorization=signed("SETUP", url)).session
        assert client.ask("PLAY", Session=session).status == 200
        client.pictures(5)


def test_too_many_connections_are_refused_and_the_others_stay() -> None:
    with House(RtspOptions(connections_per_address=3)) as house:
        house.feed(film(5))
        clients = [Client(house.port) for _ in range(3)]
        for client in clients:
            client.play()
        for _ in range(5):
            with Client(house.port) as refused, pytest.raises((EOFError, ConnectionError)):
                refused.ask("OPTIONS")
        assert house.server.figures().refused == 5
        for client in clients:
            assert len(client.pictures(5)) == 5
            client.close()


def test_beyond_loopback_only_with_credentials() -> None:
    with pytest.raises(ConfigError, match="token"):
        House(RtspOptions(host="0.0.0.0"))


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        house = House()
        house.server._options = RtspOptions(port=taken.getsockname()[1])
        with pytest.raises(WatchpostError, match=r"in use.*serve"):
            house.server.start()
