"""Against a real Mosquitto."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from watchpost.errors import ConfigError
from watchpost.event_json import event_from_json
from watchpost.sinks import mqtt

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
]


class Broker:
    """A Mosquitto of our own that can be stopped and started again."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        if os.geteuid() == 0:  # else it becomes a user who may not read the test's folder
            settings += "\nuser root"
        self._config.write_text(f"listener {self.port} 127.0.0.1\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(MOSQUITTO), "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.1).close()
                return
            except OSError:
                threading.Event().wait(0.01)
        self.stop()
        raise AssertionError("mosquitto does not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Listener:
    """Hears all there is."""

    def __init__(self, port: int) -> None:
        self.heard: list[MQTTMessage] = []
        self.is_subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self.is_subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.is_subscribed.wait(10)

    def of(self, topic: str) -> list[str]:
        return [message.payload.decode() for message in list(self.heard) if message.topic == topic]

    def last(self, topic: str) -> str | None:
        return (self.of(topic) or [None])[-1]

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def listen() -> Iterator[Callable[[Broker], Listener]]:
    listeners: list[Listener] = []

    def start(broker: Broker) -> Listener:
        listeners.append(Listener(broker.port))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.stop()


@pytest.fixture
def sink(tmp_path: Path):
    opened: list[mqtt.MqttSink] = []

    def open_one(broker: Broker, **options: object) -> mqtt.MqttSink:
        given = {"host": "127.0.0.1", "port": broker.port, "queue": tmp_path / "queue", "timeout": 2} | options
        opened.append(mqtt.create(mqtt.Options.model_validate(given)))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close(1)


def test_events_and_occupancy_are_published(broker: Broker, sink, listen, make_event, eventually) -> None:
    listener = listen(broker)
    home = sink(broker)
    came, more, went = make_event(1), make_event(2), make_event(1, kind="left")
    home.send(came)
    eventually(lambda: listener.of("watchpost/yard/person/occupied") == ["ON"])
    home.send(more)
    home.send(went)
    eventually(lambda: len(listener.of("watchpost/yard/event")) == 3)
    assert [event_from_json(json.loads(text)) for text in listener.of("watchpost/yard/event")] == [came, more, went]
    assert listener.of("watchpost/yard/person/count") == ["1", "2", "1"]
    assert listener.last("watchpost/status") == "online"
    home.send(make_event(2, kind="left", class_name="dog"))
    eventually(lambda: listener.last("watchpost/yard/person/occupied") == "OFF")
    eventually(lambda: home.counts == {"sent": 4, "dropped": 0, "refused": 0, "waiting": 0})


def test_states_are_retained_and_events_are_not(broker: Broker, sink, listen, make_event, eventually) -> None:
    home = sink(broker)
    home.send(make_event(1))
    eventually(lambda: home.counts["sent"] == 1)
    late = listen(broker)
    eventually(lambda: late.last("watchpost/yard/last_event") is not None)
    assert late.last("watchpost/yard/person/occupied") == "ON"
    assert late.of("watchpost/yard/event") == []


def test_home_assistant_is_told_of_each_camera(broker: Broker, sink, listen, make_event, eventually) -> None:
    listener = listen(broker)
    home = sink(broker)
    home.send(make_event(1, camera="Front yard"))
    eventually(lambda: any(message.topic.endswith("/event") for message in list(listener.heard)))  # told last
    configs = {
        message.topic: json.loads(message.payload) for message in listener.heard if message.topic.endswith("/config")
    }
    assert len(configs) == 3
    topic, occupancy = next((topic, data) for topic, data in configs.items() if "binary_sensor" in topic)
    assert topic.startswith("homeassistant/binary_sensor/watchpost_Front_yard-")
    assert occupancy["device_class"] == "occupancy"
    assert occupancy["availability_topic"] == "watchpost/status"
    assert occupancy["device"]["name"] == "Front yard"
    assert listener.last(occupancy["state_topic"]) == "ON"
    assert len({data["unique_id"] for data in configs.values()}) == 3
    assert all(listener.last(data["state_topic"]) is not None for data in configs.values())


def test_discovery_can_be_left_out(broker: Broker, sink, listen, make_event, eventually) -> None:
    listener = listen(broker)
    home = sink(broker, discovery_prefix=None, prefix="guard/north")
    home.send(make_event(1))
    eventually(lambda: listener.of("guard/north/yard/event") != [])
    assert not any(message.topic.endswith("/config") for message in listener.heard)


def test_a_restart_of_the_broker_loses_nothing(broker: Broker, sink, listen, make_event, eventually) -> None:
    home = sink(broker)
    sent = [make_event(n) for n in range(30)]
    for event in sent[:10]:
        home.send(event)
    first = listen(broker)
    eventually(lambda: home.counts["sent"] >= 5)
    broker.stop()
    for event in sent[10:20]:
        home.send(event)
    assert home.counts["waiting"] >= 10
    before = home.counts["sent"]
    broker.start()
    second = listen(broker)
    for event in sent[20:]:
        home.send(event)
    eventually(lambda: home.counts["sent"] == 30)

    # the first listener's own connection broke too: what it missed is what was delivered before it listened
    # at least once: one whose confirmation went down with the broker is sent again
    def heard() -> list[str]:
        return list(dict.fromkeys(json.loads(text)["id"] for text in second.of("watchpost/yard/event")))

    eventually(lambda: sent[-1].id in heard())  # the listener is told after the sink is
    undelivered = [event.id for event in sent[before:]]
    assert [each for each in heard() if each in undelivered] == undelivered
    # without persistence the broker has forgotten all it retained, and was told again
    eventually(lambda: second.last("watchpost/status") == "online")
    eventually(lambda: second.last("watchpost/yard/person/count") == "30")
    first.stop()


def test_closing_says_offline_and_so_does_the_will(broker: Broker, sink, listen, make_event, eventually) -> None:
    listener = listen(broker)
    home = sink(broker)
    eventually(lambda: listener.last("watchpost/status") == "online")
    home.close(2)
    eventually(lambda: listener.last("watchpost/status") == "offline")
    killed = sink(broker)
    eventually(lambda: listener.last("watchpost/status") == "online")
    killed._client.socket().shutdown(socket.SHUT_RDWR)  # what a killed process looks like to the broker
    eventually(lambda: "offline" in listener.of("watchpost/status")[3:])


def test_after_a_kill_nobody_is_known_to_be_there(broker: Broker, sink, listen, make_event, eventually) -> None:
    listener = listen(broker)
    first = sink(broker)
    first.send(make_event(1))
    eventually(lambda: listener.last("watchpost/yard/person/occupied") == "ON")
    first.close(1)  # without a `left`, as after a kill
    sink(broker)
    eventually(lambda: listener.last("watchpost/yard/person/occupied") == "OFF")


def test_a_wrong_password_is_logged_and_events_wait(tmp_path: Path, sink, make_event, eventually, caplog) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "me", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = Broker(tmp_path, f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    try:
        wrong = sink(broker, user="me", password="wrong", queue=tmp_path / "wrong")
        wrong.send(make_event(1))
        eventually(lambda: "refuses the connection: Not authorized" in caplog.text)
        assert wrong.counts["waiting"] == 1
        right = sink(broker, user="me", password="right", queue=tmp_path / "right")
        right.send(make_event(1))
        eventually(lambda: right.counts["sent"] == 1)
    finally:
        broker.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a failed socket open
def test_tls_checks_the_certificate(tmp_path: Path, sink, make_event, eventually, caplog) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -keyout {key} -out {certificate}"
        " -addext subjectAltName=IP:127.0.0.1".split(),
        check=True,
        capture_output=True,
    )
    key.chmod(0o644)
    broker = Broker(tmp_path, f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}")
    broker.start()
    try:
        stranger = sink(broker, tls=True, queue=tmp_path / "stranger")
        stranger.send(make_event(1))
        known = sink(broker, tls=True, ca_file=certificate, queue=tmp_path / "known")
        known.send(make_event(1))
        eventually(lambda: known.counts["sent"] == 1)
        eventually(lambda: "certificate verify failed" in caplog.text)
        assert stranger.counts["waiting"] == 1
    finally:
        broker.stop()


def test_unreadable_certificates_are_named(tmp_path: Path, broker: Broker, sink) -> None:
    with pytest.raises(ConfigError, match=r"ca_file .* can not be read"):
        sink(broker, tls=True, ca_file=tmp_path / "none.pem")
