from __future__ import annotations

import pytest

from watchpost.config import Configuration, InvalidConfigError, loads
from watchpost.config.diff import changes


def with_outputs(outputs: str) -> Configuration:
    return loads(f"cameras: {{gate: {{source: 'synthetic:', outputs: {outputs}}}}}")


def test_outputs_of_a_camera() -> None:
    config = with_outputs(
        '[{url: "rtmp://10.0.0.9/live/a-secret-key", transcode: true}, {url: "udp://239.1.1.1:5000", annotated: true}]'
    )
    first, second = config.cameras["gate"].outputs
    assert first.url.get_secret_value() == "rtmp://10.0.0.9/live/a-secret-key"
    assert (first.transcode, second.transcode, second.timeout) == (True, False, 10.0)
    assert (first.annotated, second.annotated) == (False, True)
    assert "a-secret-key" not in repr(config)


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ('[{url: "http://h/x"}]', "can not be written to"),
        ('[{url: "film.mp4"}]', "an output goes over the network"),
        ('[{url: "rtmp://h/live"}]', "name an application and a stream"),
        ("[{}]", "url"),
        ('[{url: "udp://h:1", annotated: true, transcode: true}]', "leave out transcode"),
    ],
)
def test_mistakes_are_told(outputs: str, says: str) -> None:
    with pytest.raises(InvalidConfigError, match=says):
        with_outputs(outputs)


def test_another_output_leaves_the_camera_alone() -> None:
    assert not changes(with_outputs("[]"), with_outputs('[{url: "udp://239.1.1.1:5000"}]'))
