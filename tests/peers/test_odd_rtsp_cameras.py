"""What real cameras do to RTSP: challenges, redirects, odd addresses, sessions that end, connections that break."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from scripted_rtsp import Answer, Guard, Link, Request, ScriptedCamera, changed, interleaved

from filming import coded
from watchpost.clock import SystemClock
from watchpost.errors import SourceError
from watchpost.runtime.reconnect import Policy, State, packets
from watchpost.sources import open_source
from watchpost.sources._rtsp_door import Door
from watchpost.types import Packet
from watchpost.video.decoder import Decoder

pytestmark = pytest.mark.slow

FILM = [data for data, *_ in coded(40)]
HASTY = Policy(first_delay_s=0.05, growth=1.0, jitter=0.0)
USER = "admin:p%40ss%3Aw%2Frd@"


def read(address: str, count: int, states: list[State] | None = None, **options: object) -> list[Packet]:
    taken: list[Packet] = []
    for packet in packets(
        lambda: open_source(address, "yard", {"timeout": 2, **options}, SystemClock()),
        SystemClock(),
        threading.Event(),
        HASTY,
        states.append if states is not None else None,
    ):
        taken.append(packet)
        if len(taken) == count:
            break
    return taken


def failure(address: str, **options: object) -> SourceError:
    with pytest.raises(SourceError) as caught:
        for _ in open_source(address, "yard", {"timeout": 1, **options}, SystemClock()).packets():
            pass
    assert "\n" not in str(caught.value)
    return caught.value


def shown(taken: list[Packet]) -> tuple[int, int]:
    """How many frames come of packets, and how many packets or frames are damaged."""
    decoder = Decoder("yard")
    frames = [frame for packet in taken for frame in decoder.decode(packet)]
    return len(frames), decoder.counters["corrupt"] + decoder.counters["damaged"]


@pytest.mark.parametrize("scheme", ["Basic", "MD5", "SHA-256", "SHA-256,MD5", "MD5,SHA-256", "SHA-256,MD5,Basic"])
def test_a_password_is_given_as_the_camera_wants_it(scheme: str) -> None:
    guard = Guard(scheme)
    with ScriptedCamera(FILM, answer=guard) as camera:
        assert shown(read(camera.address(USER), 20)) == (20, 0)
        assert all("admin" not in request.url for request in camera.requests)
        error = failure(camera.address("admin:hunter2@"))
        assert error.permanent
        assert "wrong user or password" in str(error)
        assert "hunter2" not in str(error)
        assert str(camera.port) in str(error)


@pytest.mark.parametrize("scheme", ["MD5", "SHA-256"])
def test_a_nonce_that_got_stale_is_replaced(scheme: str) -> None:
    guard = Guard(scheme, requests_a_nonce=2)
    with ScriptedCamera(FILM, answer=guard) as camera:
        assert shown(read(camera.address(USER), 20)) == (20, 0)
    assert guard.stale >= 1


def test_nobody_else_comes_through_the_door() -> None:
    """FFmpeg does not know this digest, so a door on this machine gives it; it is for FFmpeg alone."""
    with ScriptedCamera(FILM, answer=Guard("SHA-256")) as camera, Door(camera.address(USER), 2.0) as door:
        port = urlsplit(door.address).port or 0
        with socket.create_connection(("127.0.0.1", port), 2.0) as stranger:
            stranger.sendall(f"DESCRIBE rtsp://127.0.0.1:{port}/live RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
            assert stranger.recv(100) == b""
        assert not camera.requests


@pytest.mark.parametrize("status", [301, 302, 305])
def test_a_redirect_is_followed_with_user_and_password(status: int) -> None:
    with ScriptedCamera(FILM, answer=Guard("MD5")) as there:

        def elsewhere(request: Request, usual: Answer) -> Answer:
            return Answer(status, {"Location": there.address()}) if request.method == "DESCRIBE" else usual

        with ScriptedCamera(FILM, answer=elsewhere) as camera:
            assert shown(read(camera.address(USER), 20)) == (20, 0)
            assert not camera.asked("PLAY")
        assert there.asked("PLAY")


def test_a_redirect_that_goes_round_ends() -> None:
    def round_again(request: Request, usual: Answer) -> Answer:
        return Answer(302, {"Location": request.url}) if request.method == "DESCRIBE" else usual

    with ScriptedCamera(FILM, answer=round_again) as camera:
        begun_s = time.monotonic()
        assert not failure(camera.address()).permanent
        assert time.monotonic() - begun_s < 6


@pytest.mark.parametrize("verb", ["GET_PARAMETER", "OPTIONS"])
def test_a_session_is_kept_alive(verb: str) -> None:
    public = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN" + (", GET_PARAMETER" if verb == "GET_PARAMETER" else "")
    states: list[State] = []
    with ScriptedCamera(FILM, session_s=2.0, public=public, pace=20) as camera:
        read(camera.address(), 56, states)
        assert len(camera.links) == 1
        assert len(camera.asked(verb)) >= 2
    assert [state.name for state in states] == ["connecting", "live"]


def test_a_session_that_ends_is_begun_anew() -> None:
    """The camera forgets it: it answers 454 to what keeps it alive, and sends nothing more."""

    def forget(request: Request, usual: Answer) -> Answer:
        is_over = request.connection == 0 and len(camera.asked("PLAY")) > 0
        return Answer(454) if request.method == "GET_PARAMETER" and is_over else usual

    def fall_silent(number: int, link: Link) -> None:
        if link.number == 0 and number == 30:
            link.ended.wait(20)

    states: list[State] = []
    with ScriptedCamera(FILM, answer=forget, after=fall_silent, session_s=2.0) as camera:
        taken = read(camera.address(), 60, states, timeout=1)
    assert [state.name for state in states] == ["connecting", "live", "lost", "connecting", "live"]
    assert [packet.is_discontinuous for packet in taken].count(True) == 1


def test_a_connection_that_is_half_open_is_told_in_time() -> None:
    """The camera has gone and nobody closed: nothing comes, and no error either."""
    fell_silent: list[float] = []

    def fall_silent(number: int, link: Link) -> None:
        if link.number == 0 and number == 20:
            fell_silent.append(time.monotonic())
            link.ended.wait(20)

    states: list[tuple[str, float]] = []
    with ScriptedCamera(FILM, after=fall_silent) as camera:
        taken: list[Packet] = []
        for packet in packets(
            lambda: open_source(camera.address(), "yard", {"timeout": 0.5}, SystemClock()),
            SystemClock(),
            threading.Event(),
            HASTY,
            lambda state: states.append((state.detail or state.name, time.monotonic())),
        ):
            taken.append(packet)
            if len(taken) == 50:
                break
    reason, lost_s = states[2]
    assert "no answer in time" in reason or "no picture for" in reason
    assert 0.3 < lost_s - fell_silent[0] < 3.0
    assert [name for name, _ in states[3:]] == ["connecting", "live"]
    assert shown(taken)[1] == 0


def test_a_connection_that_breaks_in_the_midst_of_a_frame() -> None:
    def break_off(number: int, link: Link) -> None:
        if link.number == 0 and number == 15:
            link.send(interleaved(0, bytes(1000))[:300])
            link.drop()

    states: list[State] = []
    with ScriptedCamera(FILM, after=break_off) as camera:
        taken = read(camera.address(), 40, states)
    assert [state.name for state in states] == ["connecting", "live", "lost", "connecting", "live"]
    first = next(index for index, packet in enumerate(taken) if packet.is_discontinuous)
    assert first >= 14
    assert taken[first].is_key
    assert shown(taken)[0] == 40


GARBAGE: dict[str, Callable[[int], bytes]] = {
    "packets on channels that nobody opened": lambda _: interleaved(9, b"\x80\xc8\x00\x06" + bytes(24)),
    "answers to nothing": lambda _: b"RTSP/1.0 200 OK\r\nCSeq: 999\r\n\r\n",
    "requests of its own": lambda _: (
        b"ANNOUNCE rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nv=0\n"
    ),
    "empty lines": lambda _: b"\r\n\r\n",
    "empty packets": lambda _: interleaved(0, b""),
    "zeros": lambda _: bytes(37),
    "noise": lambda number: bytes((number * 7 + at * 31) % 251 for at in range(100)),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_between_frames(kind: str) -> None:
    def litter(number: int, link: Link) -> None:
        is_rtsp = kind not in ("zeros", "noise")
        if number % 8 == 7 if is_rtsp else (number, link.number) == (30, 0):
            link.send(GARBAGE[kind](number))

    states: list[State] = []
    with ScriptedCamera(FILM, after=litter) as camera:
        taken = read(camera.address(), 60, states, timeout=0.7)
    assert shown(taken) == (60, 0)
    assert len(states) == 2 if kind not in ("zeros", "noise") else len(states) in (2, 5)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/cam/realmonitor?channel=1&subtype=0", "usual"),
        ("/cam/realmonitor?channel=1&subtype=0", "none"),
        ("/cam/realmonitor?channel=1&subtype=0", "wrong"),
        ("/Streaming/Channels/101/?profile=a", "none"),
        ("/my%20camera", "usual"),
        ("/live/", "wrong"),
        ("/", "none"),
        ("", "usual"),
    ],
)
def test_any_path_is_asked_for_as_it_is_written(path: str, base: str) -> None:
    def answer(request: Request, usual: Answer) -> Answer:
        if request.method != "DESCRIBE" or base == "usual":
            return usual
        return changed(usual, Content_Base=None if base == "none" else "rtsp://192.168.1.64:554/elsewhere/")

    with ScriptedCamera(FILM, path=path, answer=answer) as camera:
        assert len(read(camera.address(), 5)) == 5
        assert camera.asked("DESCRIBE")[0].url == camera.address()
        (setup,) = camera.asked("SETUP")
        assert setup.url.endswith("video")


def test_a_path_with_a_space() -> None:
    with ScriptedCamera(FILM, path="/my camera") as camera:
        assert len(read(camera.address(), 5)) == 5
        assert camera.asked("DESCRIBE")[0].url.endswith("/my%20camera")


def control(text: str) -> Callable[[str], str]:
    return lambda sdp: sdp.replace("a=control:video", f"a=control:{text}")


SDPS: dict[str, tuple[Callable[[str], str], str]] = {
    "an absolute control": (control("rtsp://127.0.0.1:554/live/trackID=7"), "rtsp://127.0.0.1:554/live/trackID=7"),
    "a control with a query": (control("trackID=1?a=b&c"), "/live/trackID=1?a=b&c"),
    "a control that begins with a slash": (control("/trackID=1"), "/trackID=1"),
    "a video after data of another kind": (
        lambda sdp: sdp.replace(
            "m=video",
            "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:data\r\nm=video",
        ),
        "/live/video",
    ),
    "two videos": (
        lambda sdp: sdp + "m=video 0 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=control:second\r\n",
        "/live/video",
    ),
    "lines that end in a line feed alone": (lambda sdp: sdp.replace("\r\n", "\n"), "/live/video"),
    "no parameter sets": (lambda sdp: "\r\n".join(part.partition(";sprop")[0] for part in sdp.split("\r\n")), "video"),
    "damaged parameter sets": (lambda sdp: sdp.replace("sprop-parameter-sets=Z", "sprop-parameter-sets=!"), "video"),
    "a wrong connection address": (lambda sdp: sdp.replace("IP4 0.0.0.0", "IP4 10.1.2.3"), "/live/video"),
}


@pytest.mark.parametrize("kind", SDPS)
def test_any_description(kind: str) -> None:
    sdp, wanted = SDPS[kind]
    with ScriptedCamera(FILM, sdp=sdp) as camera:
        assert shown(read(camera.address(), 20)) == (20, 0)
        assert camera.asked("SETUP")[0].url.endswith(wanted)


def test_parameter_sets_in_the_description_alone() -> None:
    with ScriptedCamera(FILM, has_sets=False) as camera:
        assert shown(read(camera.address(), 20)) == (20, 0)


def test_sound_first_and_taken_along() -> None:
    with ScriptedCamera(FILM, has_sound=True) as camera:
        assert shown(read(camera.address(), 20)) == (20, 0)
        assert [request.url.rpartition("/")[2] for request in camera.asked("SETUP")] == ["video"]
    with ScriptedCamera(FILM, has_sound=True) as camera:
        taken = read(camera.address(), 20, sound=True)
    assert shown(taken) == (20, 0)
    assert taken[0].stream.audio is not None
    assert taken[0].stream.audio.codec == "pcm_alaw"
    assert sum(len(packet.audio) for packet in taken) > 10


@pytest.mark.parametrize("header", ["RTP-Info", "Range", "Session"])
def test_a_header_that_is_missing(header: str) -> None:
    def leave_out(request: Request, usual: Answer) -> Answer:
        return changed(usual, **{header.replace("-", "_"): None})

    with ScriptedCamera(FILM, answer=leave_out) as camera:
        assert shown(read(camera.address(), 20)) == (20, 0)


def test_who_refuses_tcp_is_read_over_udp_where_both_will_do() -> None:
    with ScriptedCamera(FILM, transports=("udp",)) as camera:
        assert len(read(camera.address(), 20, transport="auto")) == 20
        error = failure(camera.address())
        assert "transport" in str(error)


def test_who_sends_nothing_over_tcp_is_read_over_udp() -> None:
    def deaf(_number: int, sent: list[bytes], link: Link) -> list[bytes]:
        return [] if isinstance(link.to_video, int) else sent

    states: list[State] = []
    with ScriptedCamera(FILM, wire=deaf) as camera:
        assert len(read(camera.address(), 20, states, transport="auto", timeout=0.5)) == 20
    assert [state.name for state in states] == ["connecting", "live"]


def test_neither_way_is_one_loss() -> None:
    with ScriptedCamera(FILM, wire=lambda _number, _sent, _link: []) as camera:
        assert not failure(camera.address(), transport="auto", timeout=0.3).permanent
