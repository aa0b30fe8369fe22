"""`watchpost probe` against gst-rtsp-server: the SDP through every kind of authentication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from real_servers import RtspServer, needs_gst
from typer.testing import CliRunner

from clips import encode_clip, moving_square
from watchpost.cli.probe import probe
from watchpost.errors import SourceError
from watchpost.video.rtsp_describe import describe

pytestmark = pytest.mark.peer

app = typer.Typer()
app.command()(probe)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_gst()
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    encode_clip(path, moving_square(250), gop=10)
    return path


@pytest.fixture(scope="module", params=[[], ["--digest"]], ids=["basic", "digest"])
def guarded(clip: Path, request: pytest.FixtureRequest) -> Iterator[RtspServer]:
    with RtspServer(clip, "--user", "admin", "--password", "p@ss word", *request.param) as running:
        yield running


def test_a_stream_is_probed_with_its_sdp(guarded):
    address = guarded.address(user="admin:p%40ss%20word@")
    result = CliRunner().invoke(app, [address, "--seconds", "2", "--transport", "tcp", "--json"])
    assert result.exit_code == 0, result.exception
    answer = json.loads(result.stdout)
    assert answer["is_live"] is True
    assert answer["gops"]["pattern"] == "I" + "P" * 9
    assert answer["fps_measured"] == pytest.approx(25, rel=0.1)
    assert "m=video" in answer["sdp"]
    assert "H264/90000" in answer["sdp"]
    assert answer["notes"] == []
    assert "p%40ss" not in result.output


def test_a_wrong_password_is_permanent(guarded):
    with pytest.raises(SourceError, match="wrong user or password") as caught:
        describe(guarded.address(user="admin:wrong@"))
    assert caught.value.permanent
    assert "admin" not in str(caught.value)


def test_a_path_that_is_not_there(clip):
    with RtspServer(clip) as server, pytest.raises(SourceError, match="404"):
        describe(server.address("/none"))
