"""Session descriptions: what is written can be read, what others announce is understood, the rest refused."""

from __future__ import annotations

import pytest

from watchpost.serving.sdp import BadDescriptionError, Description, Media, parameter, parse, write

H264 = Media("video", 96, "H264", 90_000, None, "packetization-mode=1;sprop-parameter-sets=Z0I=,aM4=", "trackID=0")
PCMA = Media("audio", 8, "PCMA", 8000, 1, "", "trackID=1")

FFMPEG = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=No Name
c=IN IP4 127.0.0.1
t=0 0
a=tool:libavformat 59.27.100
m=video 0 RTP/AVP 96
b=AS:200
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LACtoKD; profile-level-id=42C00A
a=control:streamid=0
m=audio 0 RTP/AVP 97
a=rtpmap:97 MPEG4-GENERIC/44100/2
a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1210
a=control:streamid=1
"""


def test_what_is_written_can_be_read() -> None:
    description = Description("정문 gate", (H264, PCMA))
    text = write(description, session_id=7, address="192.0.2.1")
    assert text.startswith("v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=정문 gate\r\n")
    assert parse(text) == description


def test_an_address_of_ipv6() -> None:
    text = write(Description("gate", (PCMA,)), session_id=1, address="2001:db8::1")
    assert "o=- 1 1 IN IP6 2001:db8::1\r\n" in text
    assert "c=IN IP6 ::\r\n" in text


def test_a_name_can_not_add_lines() -> None:
    text = write(Description("a\r\nm=video", (PCMA,)), session_id=1, address="127.0.0.1")
    assert "s=am=video\r\n" in text
    assert len(parse(text).media) == 1


def test_what_ffmpeg_announces() -> None:
    video, sound = parse(FFMPEG).media
    assert (video.kind, video.encoding, video.control) == ("video", "H264", "streamid=0")
    assert parameter(video, "Profile-Level-ID") == "42C00A"
    assert (sound.encoding, sound.clock_rate, sound.channels) == ("MPEG4-GENERIC", 44_100, 2)
    assert parameter(sound, "config") == "1210"
    assert parameter(sound, "cpresent") is None


def test_types_that_need_no_map() -> None:
    [media] = parse("v=0\nm=audio 0 RTP/AVP 0\n").media
    assert (media.encoding, media.clock_rate) == ("PCMU", 8000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v=1\n",
        "v=0\ns=nothing\n",
        "v=0\nm=video 0 RTP/AVP 96\n",
        "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:97 H264/90000\n",
        "v=0\nm=video 0 RTP/AVP 300\na=rtpmap:300 H264/90000\n",
        "v=0\nm=video 0 UDP 96\n",
        "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/0\n",
        "v=0\nnonsense\nm=audio 0 RTP/AVP 0\n",
        "v=0\ns=a\x00b\nm=audio 0 RTP/AVP 0\n",
        "v=0\n" + "m=audio 0 RTP/AVP 0\n" * 9,
        "v=0\n" + "a=x\n" * 1000 + "m=audio 0 RTP/AVP 0\n",
        "v=0\ns=" + "x" * 70_000,
    ],
)
def test_what_can_not_be_used_is_refused(text: str) -> None:
    with pytest.raises(BadDescriptionError):
        parse(text)
