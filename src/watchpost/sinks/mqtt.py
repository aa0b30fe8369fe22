"""Events and occupancy over MQTT, with Home Assistant's discovery. Needs the extra `mqtt`.

Topics below `prefix`: `status` (online, offline; the last will), `<camera>/event` (each event as JSON),
`<camera>/last_event` (the newest, retained), `<camera>/<class>/occupied` (ON, OFF) and `<camera>/<class>/count`
(both retained). All are sent with QoS 1.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import Field, SecretStr, model_validator

from watchpost.clock import Clock, SystemClock
from watchpost.errors import ConfigError
from watchpost.event_json import event_to_json
from watchpost.plugins import missing_extra
from watchpost.sinks._homeassistant import discovery, topic_name
from watchpost.sinks._occupancy import Occupancy
from watchpost.sinks._outbox import NotNowError, Outbox, QueueOptions, Timeout
from watchpost.types import Event

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.reasoncodes import ReasonCode

Host = Annotated[str, Field(pattern=r"^[^\s/@.]{1,63}(\.[^\s/@.]{1,63})*\.?$", max_length=253)]
Topic = Annotated[str, Field(pattern=r"^[^+#/\s\x00-\x1f]([^+#\s\x00-\x1f]*[^+#/\s\x00-\x1f])?$")]
Message = tuple[str, str, bool]
"""Topic, payload, retained."""
_KEEPALIVE_S: Final = 30
_LAST_RECONNECT_S: Final = 60


class Options(QueueOptions):
    """One broker."""

    host: Host
    """Name or IP address of the broker."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Without it 1883, with TLS 8883."""
    user: str | None = None
    """Whom to log in as, where the broker asks for that."""
    password: SecretStr | None = None
    """Of `user`."""
    tls: bool = False
    """Encrypt, and check the broker's certificate."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, for `tls`."""
    prefix: Topic = "watchpost"
    """The topic above all others; different for each Watchpost at one broker."""
    discovery_prefix: Topic | None = "homeassistant"
    """Where Home Assistant looks for new devices; `null`: do not announce any."""
    timeout: Timeout = 10.0
    """For the broker to confirm a message."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """What would be left unused is a mistake, and here one that sends a password unencrypted."""
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is for an encrypted connection; add tls: true")
        if self.password is not None and self.user is None:
            raise ValueError("a password needs its user; add user:")
        return self


class MqttSink:
    """Publishes each event and what it changes. It connects again by itself; meanwhile events queue on disk."""

    def __init__(self, options: Options, clock: Clock) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        tls = _tls_context(options.ca_file) if options.tls else None
        self._options = options
        self._clock = clock
        port = options.port or (8883 if options.tls else 1883)
        self.name = f"mqtt {options.host}:{port}"
        self._trouble = "the broker does not answer"
        self._connected = threading.Event()
        self._lock = threading.Lock()
        key = hashlib.sha256(f"{options.host}:{port}/{options.prefix}".encode()).hexdigest()[:16]
        self._outbox = Outbox(self.name, f"mqtt-{key}.db", options, self._publish, clock)
        self._occupancy = Occupancy(options.queue / f"mqtt-{key}.cameras.json")
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.will_set(f"{options.prefix}/status", "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, _LAST_RECONNECT_S)
        if options.user is not None:
            password = options.password.get_secret_value() if options.password else None
            self._client.username_pw_set(options.user, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.connect_async(options.host, port, _KEEPALIVE_S)
        self._client.loop_start()
        self._outbox.start()

    @property
    def counts(self) -> dict[str, int]:
        """What became of the events."""
        return self._outbox.counts

    def send(self, event: Event) -> None:
        """Queue the event."""
        self._outbox.put(event)

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver for `timeout_s` at most, say `offline` and disconnect. Safe to call twice."""
        until_s = self._clock.monotonic_s() + timeout_s
        self._outbox.close(timeout_s)
        if self._client.is_connected():
            self._client.publish(f"{self._options.prefix}/status", "offline", qos=1, retain=True)
        self._client.disconnect()  # behind what was published: the network thread sends in order
        # paho joins its thread without a limit, and that may be waiting for a broker that does not answer
        stopping = threading.Thread(target=self._client.loop_stop, name=f"stop {self.name}", daemon=True)
        stopping.start()
        stopping.join(max(0.5, until_s - self._clock.monotonic_s()))

    def _publish(self, event: Event) -> None:
        """Publish one event and wait until the broker has confirmed it."""
        if not self._connected.wait(self._options.timeout):
            raise NotNowError(self._trouble)
        base = f"{self._options.prefix}/{topic_name(event.camera)}"
        text = json.dumps(event_to_json(event), ensure_ascii=False)
        with self._lock:
            known = set(self._occupancy.counts())
            try:
                pair = self._occupancy.take(event)
            except OSError as error:
                raise NotNowError(f"the cameras can not be noted: {error}") from None
            messages: list[Message] = [] if pair in known else self._announcement(*pair)
            messages += self._state(*pair, self._occupancy.counts()[pair])
        messages += [(f"{base}/last_event", text, True), (f"{base}/event", text, False)]
        until_s = self._clock.monotonic_s() + self._options.timeout
        sent = [self._client.publish(topic, payload, qos=1, retain=keep) for topic, payload, keep in messages]
        for info in sent:
            try:
                info.wait_for_publish(max(0.0, until_s - self._clock.monotonic_s()))
                is_published = info.is_published()
            except (RuntimeError, ValueError) as error:
                raise NotNowError(f"the message was not taken ({error})") from None
            if not is_published:
                raise NotNowError(f"no confirmation within {self._options.timeout:g} s")

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            self._trouble = f"the broker refuses the connection: {reason}"
            return
        # all of it anew: the broker may have forgotten what it retained
        with self._lock:
            counts = self._occupancy.counts()
            messages: list[Message] = [(f"{self._options.prefix}/status", "online", True)]
            for pair, count in counts.items():
                messages += self._announcement(*pair) + self._state(*pair, count)
        for topic, payload, keep in messages:
            client.publish(topic, payload, qos=1, retain=keep)
        self._trouble = "the connection to the broker is lost"
        self._connected.set()
        self._outbox.retry_now()

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        # paho calls this while it handles the error
        self._trouble = f"the broker can not be reached ({sys.exception()})"

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, _reason: ReasonCode, _properties: Any) -> None:
        self._connected.clear()

    def _announcement(self, camera: str, class_name: str) -> list[Message]:
        if self._options.discovery_prefix is None:
            return []
        found = discovery(self._options.prefix, self._options.discovery_prefix, camera, class_name)
        return [(topic, json.dumps(payload, ensure_ascii=False), True) for topic, payload in found]

    def _state(self, camera: str, class_name: str, count: int) -> list[Message]:
        base = f"{self._options.prefix}/{topic_name(camera)}/{topic_name(class_name)}"
        return [(f"{base}/occupied", "ON" if count else "OFF", True), (f"{base}/count", str(count), True)]


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise ConfigError(f"mqtt: the certificates of ca_file {ca_file} can not be read: {error}.") from None


def create(options: Options, clock: Clock | None = None) -> MqttSink:
    """Start connecting. Raises `WatchpostError` when paho-mqtt is missing or queue or certificates are of no use."""
    try:
        return MqttSink(options, clock or SystemClock())
    except ModuleNotFoundError as error:
        raise (missing_extra(error) or error) from None
