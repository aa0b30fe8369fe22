"""Random input for all that reads what strangers send: RTSP, SDP, RTP, RTCP, payloads, Authorization, addresses.

    python bench/fuzz_serving.py --inputs 1000000      # parsers: half are mutations of real messages, half made up
    python bench/fuzz_serving.py --atheris             # the same, steered by coverage, where atheris is installed
    python bench/fuzz_serving.py --server 60           # a running server, for so many seconds, while somebody reads it

It fails on an exception that is not the parser's own, on an input that takes longer than a second, and when the server
grows or its reader is disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]


def _watching_coverage() -> contextlib.AbstractContextManager[None]:
    """With `--atheris` the parsers are imported so that it sees which lines an input reaches."""
    if "--atheris" not in sys.argv:
        return contextlib.nullcontext()
    import atheris

    watching: contextlib.AbstractContextManager[None] = atheris.instrument_imports(
        ["watchpost.serving", "watchpost.mp4"]
    )
    return watching


with _watching_coverage():
    from watchpost.clock import SystemClock
    from watchpost.mp4 import parameter_sets
    from watchpost.serving import digest, payload_aac, payload_h264, payload_h265, rtp, sdp
    from watchpost.serving.published import PublishedBroadcast
    from watchpost.serving.rtsp_messages import BadMessageError, MessageReader
    from watchpost.serving.rtsp_target import Target, parse_target
    from watchpost.serving.rtsp_transport import choose

_SLOWEST_S: Final = 1.0

_REQUEST = (
    b"SETUP rtsp://127.0.0.1:8554/gate/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nUser-Agent: x\r\n"
    b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nContent-Length: 4\r\n\r\nbody$\x01\x00\x04abcd"
)
_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=gate\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=\r\n"
    b"a=control:streamid=0\r\n"
    b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\na=fmtp:97 mode=AAC-hbr;config=1210\r\n"
)
_RTP = rtp.write_packet(96, 1, 2, 3, b"\x7c\x85abcdefgh", is_marked=False)
_STAP = rtp.write_packet(96, 2, 2, 3, b"\x78\x00\x04\x67\x42\x00\x0a\x00\x03\x68\xce\x38", is_marked=True)
_RTCP = rtp.sender_report(7, 1.0, 2, 3, 4, "watchpost")
_DIGEST = (
    b'Digest username="viewer", realm="Watchpost", nonce="12ab.00", uri="rtsp://h/gate", qop=auth, nc=00000001, '
    b'cnonce="a\\"b", algorithm=SHA-256, response="00"'
)
_TRANSPORT = b'RTP/AVP;unicast;client_port=5000-5001, RTP/AVP/TCP;interleaved=0-1;mode="record"'
_TARGET = b"rtsp://user:p%40ss@[::1]:8554/%EC%A0%95/annotated/trackID=1?x=1/trackID=2"
_AVCC = b"\x01\x42\x00\x0a\xff\xe1\x00\x05\x67\x42\x00\x0a\x01\x01\x00\x02\x68\xce"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _messages(data: bytes) -> None:
    reader = MessageReader()
    with contextlib.suppress(BadMessageError):
        half = len(data) // 2
        reader.feed(data[:half])
        reader.feed(data[half:])


def _sdp(data: bytes) -> None:
    with contextlib.suppress(sdp.BadDescriptionError):
        described = sdp.parse(_text(data))
        again = sdp.parse(sdp.write(described, session_id=1, address="127.0.0.1"))
        assert len(again.media) == len(described.media)


def _published(data: bytes) -> None:
    described = sdp.parse(_text(_SDP))
    broadcast = PublishedBroadcast(Target("yard", "publish"), described)
    for at in range(0, len(data), 40):
        broadcast.take(at // 40 % 2, data[at : at + 40])
        broadcast.take_report(0, data[at : at + 40])


def _packet(data: bytes) -> None:
    with contextlib.suppress(rtp.BadPacketError):
        rtp.parse_packet(data)
    with contextlib.suppress(rtp.BadPacketError):
        rtp.report_types(data)


def _payload(data: bytes) -> None:
    for made in (payload_h264.Depacketiser(), payload_h265.Depacketiser()):
        for sequence, at in enumerate(range(0, len(data), 8)):
            made.take(sequence, data[at : at + 8])
    payload_aac.units(data)
    payload_h264.begins_key_frame(data)
    payload_h265.begins_key_frame(data)


def _digest(data: bytes) -> None:
    with contextlib.suppress(digest.BadAuthorizationError):
        given = digest.parse(_text(data))
        if isinstance(given, digest.Digest):
            assert not digest.is_right(given, "never", "DESCRIBE")
            digest.Nonces(SystemClock()).is_ours(given.nonce, "127.0.0.1")


def _address(data: bytes) -> None:
    parse_target(_text(data))
    choose(_text(data), with_udp=True)


def _sets(data: bytes) -> None:
    parameter_sets.sets_in_record(data, "h264")
    parameter_sets.sets_in_record(data, "hevc")
    parameter_sets.units_by_length(data, 4)


PARSERS: Final[dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]]] = {
    "RTSP messages": (_messages, (_REQUEST,)),
    "SDP": (_sdp, (_SDP,)),
    "RTP and RTCP": (_packet, (_RTP, _STAP, _RTCP)),
    "published stream": (_published, (_RTP * 3 + _RTCP, _STAP + _RTP)),
    "payloads": (_payload, (_RTP[12:], _STAP[12:])),
    "Authorization": (_digest, (_DIGEST, b"Basic dmlld2VyOnBhc3M=")),
    "addresses, Transport": (_address, (_TARGET, _TRANSPORT)),
    "parameter sets": (_sets, (_AVCC,)),
}


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A message with a few bytes changed, left out, repeated, or with another one inside."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        kind, at = chance.randrange(5), chance.randrange(len(changed) + 1)
        if kind == 0 and changed:
            changed[at % len(changed)] = chance.randrange(256)
        elif kind == 1:
            del changed[at : at + chance.randrange(1, 20)]
        elif kind == 2:
            changed[at:at] = changed[at : at + chance.randrange(1, 40)] * chance.randrange(1, 8)
        elif kind == 3:
            changed[at:at] = chance.choice((b"\r\n", b"$", b"\x00", b"=", b";", b"\xff\xff", b'"', b"9" * 12))
        else:
            changed[at:at] = chance.randbytes(chance.randrange(1, 12))
    return bytes(changed)


def fuzz_parsers(inputs: int, seed: int) -> None:
    """Raises what a parser must not raise, with the input that did it."""
    chance = random.Random(seed)
    names = list(PARSERS)
    spent = dict.fromkeys(names, 0.0)
    slowest_s = 0.0
    started_s = time.perf_counter()
    for number in range(inputs):
        name = names[number % len(names)]
        take, seeds = PARSERS[name]
        is_made_up = number // len(names) % 2
        data = chance.randbytes(chance.randrange(200)) if is_made_up else mutated(chance.choice(seeds), chance)
        begin_s = time.perf_counter()
        try:
            take(data)
        except Exception:
            print(f"{name}: {data!r} (seed {seed})", file=sys.stderr)
            raise
        took_s = time.perf_counter() - begin_s
        spent[name] += took_s
        slowest_s = max(slowest_s, took_s)
        if took_s > _SLOWEST_S:
            raise SystemExit(f"{name}: {took_s:.1f} s for {data!r}")
    print(f"{inputs} inputs in {time.perf_counter() - started_s:.0f} s, seed {seed}; slowest {slowest_s * 1000:.1f} ms")
    for name, seconds in spent.items():
        print(f"  {name}: {seconds / max(1, inputs // len(names)) * 1e6:.1f} us each")


def fuzz_with_atheris(inputs: int) -> None:
    """Let coverage steer."""
    import atheris

    parsers = [take for take, _ in PARSERS.values()]

    def one(data: bytes) -> None:
        if data:
            parsers[data[0] % len(parsers)](data[1:])

    atheris.Setup([sys.argv[0], "-max_len=4096", f"-runs={inputs}", "-timeout=1"], one)
    atheris.Fuzz()


def _attacks(chance: random.Random) -> Iterator[bytes]:
    while True:
        yield mutated(_REQUEST, chance)
        yield chance.randbytes(chance.randrange(4000))
        yield b"$" + chance.randbytes(3) + chance.randbytes(chance.randrange(2000))
        yield b"OPTIONS * RTSP/1.0\r\n" + b"A: " + b"b" * chance.randrange(30_000)
        yield b"DESCRIBE rtsp://h/gate RTSP/1.0\r\nCSeq: 1\r\n\r\n" * chance.randrange(1, 400)
        yield b"ANNOUNCE rtsp://h/publish/yard RTSP/1.0\r\nCSeq: 1\r\nContent-Length: %d\r\n\r\n" % len(_SDP) + _SDP
        yield _REQUEST + b"PLAY rtsp://h/gate RTSP/1.0\r\nCSeq: 4\r\n\r\n" + b"$\x00\xff\xff" + chance.randbytes(65_535)


def _attack(port: int, until_s: float, seed: int, count: list[int]) -> None:
    """From an address of its own, so that one attacker's share of connections is not another's."""
    own = f"127.0.0.{2 + seed % 200}"
    chance = random.Random(seed)
    for data in _attacks(chance):
        if time.monotonic() > until_s:
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2, (own, 0)) as one:
            one.settimeout(0.05)
            one.sendall(data)
            with contextlib.suppress(OSError):
                one.recv(65_536)
        count[0] += 1


def _rss_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def fuzz_server(seconds: float, half_open: int, seed: int) -> None:
    """Attack a running server from several threads while one client reads a camera; tells how the reader fared."""
    from filming import FPS, film
    from rtsp_client import Client
    from rtsp_house import House
    from watchpost.config.serve import RtspOptions

    packets = film(FPS * round(seconds + 2))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, half_open + 2000), most))
    with House(RtspOptions(publish=("yard",))) as house:
        house.feed(packets[:1])
        reader = Client(house.port)
        reader.play()
        idle: list[socket.socket] = []
        for _ in range(half_open):  # more than are allowed: the rest is refused
            with contextlib.suppress(OSError):
                idle.append(socket.create_connection(("127.0.0.1", house.port), 2, ("127.0.0.250", 0)))
        for one in idle[::2]:
            with contextlib.suppress(OSError):
                one.sendall(b"DESCRIBE rtsp://h/gate RTSP/1.0\r\nX: ")  # a slow-loris: it never ends
        held = house.server.figures().connections - 1
        until_s = time.monotonic() + seconds
        counts = [[0] for _ in range(4)]
        threads = [threading.Thread(target=_attack, args=(house.port, until_s, seed + i, counts[i])) for i in range(4)]
        for thread in threads:
            thread.start()
        delays, rss = [], []
        next_s = time.monotonic()
        for packet in packets[1 : 1 + int(FPS * seconds)]:
            next_s += 1 / FPS
            time.sleep(max(0.0, next_s - time.monotonic()))
            begin_s = time.monotonic()
            house.feed([packet])
            reader.pictures(1)
            delays.append(time.monotonic() - begin_s)
            rss.append(_rss_mb())
        for thread in threads:
            thread.join()
        for one in idle:
            one.close()
        reader.close()
        delays.sort()
        third = len(rss) // 3
        print(
            f"{sum(count[0] for count in counts)} attacks in {seconds:.0f} s, {half_open} half-open connections tried, "
            f"{held} of them let in, {house.server.figures().refused} connections refused in all; "
            f"the reader got {len(delays)} pictures of {int(FPS * seconds)}, "
            f"delay p50 {delays[len(delays) // 2] * 1000:.1f} ms, "
            f"p99 {delays[len(delays) * 99 // 100] * 1000:.1f} ms, "
            f"largest {delays[-1] * 1000:.0f} ms; memory {max(rss[:third]):.0f} MB in the first third, "
            f"{max(rss[-third:]):.0f} MB in the last"
        )
        if delays[-1] > _SLOWEST_S:
            raise SystemExit("the reader waited for more than a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("--server", type=float, metavar="SECONDS")
    parser.add_argument("--half-open", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.atheris:
        fuzz_with_atheris(arguments.inputs)
    elif arguments.server:
        fuzz_server(arguments.server, arguments.half_open, arguments.seed)
    else:
        fuzz_parsers(arguments.inputs, arguments.seed)


if __name__ == "__main__":
    main()
