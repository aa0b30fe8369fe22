"""What somebody publishes goes on to those who read it; nobody else may publish there meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from filming import film
from rtsp_client import Client
from rtsp_house import House
from waiting import until
from watchpost.config.serve import RtspOptions
from watchpost.serving import payload_h264, rtp
from watchpost.serving.burst import Numbering
from watchpost.serving.packetiser import Packetiser
from watchpost.serving.published import PublishedBroadcast
from watchpost.serving.rtsp_messages import framed
from watchpost.serving.rtsp_target import Target
from watchpost.serving.sdp import Description, Media, parse, write

YARD = RtspOptions(publish=("yard",))
VIDEO = Media("video", 96, "H264", 90_000, None, "packetization-mode=1", "streamid=0")


def announced(media: Media = VIDEO) -> bytes:
    text = write(Description("x", (media,)), session_id=1, address="127.0.0.1")
    return text.replace("trackID=0", "streamid=0").encode()


def datagrams(count: int) -> list[tuple[bytes, ...]]:
    """The RTP packets of each of `count` pictures, a key frame every ten, parameter sets in them."""
    packets = film(count)
    packetiser = Packetiser("x", packets)
    return [tuple(data for burst in packetiser.bursts(packet) for data in burst.datagrams) for packet in packets]


@contextlib.contextmanager
def publishers(house: House) -> Iterator[tuple[Client, Client]]:
    """Two clients of the same name."""
    with Client(house.port, "publish/yard") as first, Client(house.port, "publish/yard") as second:
        yield first, second


def publish(client: Client, body: bytes | None = None) -> str:
    assert client.ask("ANNOUNCE", body=body or announced(), Content_Type="application/sdp").status == 200
    reply = client.ask("SETUP", f"{client.url}/streamid=0", Transport="RTP/AVP/TCP;interleaved=0-1;mode=record")
    assert reply.status == 200
    assert reply.header("transport").endswith("mode=record")
    session = reply.session
    assert client.ask("RECORD", Session=session).status == 200
    return session


def test_packets_go_on_as_they_came() -> None:
    pictures = datagrams(30)
    with House(YARD) as house, publishers(house) as (encoder, viewer):
        publish(encoder)
        report = rtp.sender_report(1, 5.0, 7, 1, 1, "encoder")
        for picture in pictures[:15]:
            encoder.socket.sendall(b"".join(framed(0, data) for data in picture))
        running = house.server._switchboard._broadcasts["yard", "publish"]
        assert isinstance(running, PublishedBroadcast)
        assert until(lambda: running.received == sum(map(len, pictures[:15])))
        reply = viewer.ask("DESCRIBE")
        [media] = parse(reply.body.decode()).media
        assert "sprop-parameter-sets=" in media.parameters, "they are found in the stream"
        session = viewer.set_up().session
        viewer.ask("PLAY", Session=session)
        assert until(lambda: house.server.figures().readers == {"publish/yard": 1})
        for picture in pictures[15:]:
            encoder.socket.sendall(b"".join(framed(0, data) for data in picture))
        expected = [data for picture in pictures[10:] for data in picture]
        assert [data for _, data in viewer.read(len(expected))] == expected
        encoder.socket.sendall(framed(1, report))
        assert viewer.read(1) == [(1, report)]
        encoder.close()
        assert viewer.read_to_end() == []


def test_over_udp() -> None:
    pictures = datagrams(10)
    with House(YARD) as house, publishers(house) as (encoder, viewer):
        encoder.ask("ANNOUNCE", body=announced())
        with socket.socket(type=socket.SOCK_DGRAM) as mouth:
            mouth.bind(("127.0.0.1", 0))
            port = mouth.getsockname()[1]
            transport = f"RTP/AVP;unicast;client_port={port}-{port + 1};mode=record"
            reply = encoder.ask("SETUP", f"{encoder.url}/streamid=0", Transport=transport)
            server_port = int(reply.header("transport").partition("server_port=")[2].partition("-")[0])
            encoder.ask("RECORD", Session=reply.session)
            for picture in pictures:
                for data in picture:
                    mouth.sendto(data, ("127.0.0.1", server_port))
            viewer.play()
            expected = [data for picture in pictures for data in picture]
            assert [data for _, data in viewer.read(len(expected))] == expected


def test_only_names_that_are_open_and_one_publisher_each() -> None:
    with House(YARD) as house, publishers(house) as (first, second):
        session = publish(first)
        assert second.ask("ANNOUNCE", body=announced()).status == 403
        assert second.ask("ANNOUNCE", second.url.replace("yard", "gate"), body=announced()).status == 403
        assert second.ask("ANNOUNCE", second.url.replace("publish/yard", "gate"), body=announced()).status == 403
        assert first.ask("PLAY", Session=session).status == 455
        assert first.ask("TEARDOWN", Session=session).status == 200
        assert until(lambda: not house.server.figures().readers)
        publish(second)


def test_two_who_announce_at_once() -> None:
    with House(YARD) as house, publishers(house) as (first, second):
        sessions = []
        for client in (first, second):
            assert client.ask("ANNOUNCE", body=announced()).status == 200
            reply = client.ask("SETUP", f"{client.url}/streamid=0", Transport="RTP/AVP/TCP;interleaved=0-1;mode=record")
            sessions.append(reply.session)
        assert first.ask("RECORD", Session=sessions[0]).status == 200
        assert second.ask("RECORD", Session=sessions[1]).status == 403


@pytest.mark.parametrize("body", [b"no sdp", b"v=0\r\n", b"\xff"])
def test_a_description_that_is_none(body: bytes) -> None:
    with House(YARD) as house, Client(house.port, "publish/yard") as client:
        assert client.ask("ANNOUNCE", body=body).status == 400


def made(media: Media = VIDEO) -> PublishedBroadcast:
    return PublishedBroadcast(Target("yard", "publish"), Description("x", (media,)))


def test_what_is_no_packet_of_the_stream_is_counted_and_left_out() -> None:
    async def run() -> PublishedBroadcast:
        broadcast = made()
        broadcast.take(0, b"rubbish")
        broadcast.take(0, rtp.write_packet(97, 1, 1, 1, b"\x65abc", is_marked=True))
        broadcast.take_report(0, b"rubbish")
        broadcast.take(0, rtp.write_packet(96, 1, 1, 1, b"\x65abc", is_marked=True))
        return broadcast

    broadcast = asyncio.run(run())
    assert (broadcast.damaged, broadcast.received) == (3, 1)


def test_the_group_begins_with_its_parameter_sets_whatever_the_marks() -> None:
    numbering = Numbering(VIDEO)
    key = [b"\x67abcd", b"\x68ab", *payload_h264.payloads([b"\x65" + bytes(range(1, 255)) * 12], 1400)]
    inter = [b"\x41" + bytes(50)]

    async def run() -> list[bytes]:
        broadcast = made()
        found: list[bytes] = []
        for number in range(4):
            pictures = [key, inter, inter]
            for index, payloads in enumerate(pictures):
                for data in numbering.packets(payloads, 90_000 * number + 3000 * index, marks_last=number % 2 == 0):
                    broadcast.take(0, data)
        for burst in broadcast._group:
            found += burst.datagrams
        return found

    found = asyncio.run(run())
    assert [rtp.parse_packet(data).payload for data in found][: len(key)] == key
