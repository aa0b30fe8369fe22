from __future__ import annotations

import pytest
from pydantic import ValidationError

from watchpost.sinks import mqtt


@pytest.mark.parametrize(
    "host", ["broker", "broker.example.org", "broker.example.org.", "10.0.0.9", "fe80::1", "브로커"]
)
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert mqtt.Options(host=host).host == host


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "mqtt://broker", "me@broker", "a..b", "a" * 64, ".".join(["a" * 60] * 5)]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="host"):
        mqtt.Options(host=host)


@pytest.mark.parametrize("prefix", ["watchpost", "a", "home/north", "집"])
def test_prefixes_are_topics(prefix: str) -> None:
    assert mqtt.Options(host="broker", prefix=prefix).prefix == prefix


@pytest.mark.parametrize("prefix", ["", "/", "a/", "/a", "a+", "#", "a b", "a\0", "a\0b"])
def test_what_is_no_topic_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError, match="prefix"):
        mqtt.Options(host="broker", prefix=prefix)


@pytest.mark.parametrize("timeout", [0, "0s", "2h", "99999999999999999999h"])
def test_a_timeout_is_a_time_that_somebody_can_wait(timeout: object) -> None:
    with pytest.raises(ValidationError, match="timeout"):
        mqtt.Options.model_validate({"host": "broker", "timeout": timeout})


@pytest.mark.parametrize(
    ("options", "told"),
    [({"ca_file": "ca.pem"}, "add tls: true"), ({"password": "s3cret"}, "add user:")],
)
def test_what_would_be_left_unused_is_told(options: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        mqtt.Options.model_validate({"host": "broker"} | options)
    assert "s3cret" not in str(caught.value)
