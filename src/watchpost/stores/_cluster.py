"""The events in a cluster: sent from a queue on disk, found through the official client.

Events go to a queue on disk first and from there in bulks, so a cluster that is down or slow holds up nobody and loses
nothing. A month of events is an index; which one is decided by the event's id, so that an event that is sent twice is
kept once.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from elastic_transport import ApiError as TransportApiError
from elastic_transport import BaseNode, TransportError
from elasticsearch import ApiError, Elasticsearch

from watchpost.clock import Clock, SystemClock
from watchpost.errors import WatchpostError
from watchpost.stores import EventFilter, events_of
from watchpost.stores._cluster_setup import events_template, lifecycle_policy, snapshots_template
from watchpost.stores._event_document import texts, to_document
from watchpost.stores._outbox import EventOutbox
from watchpost.stores.elasticsearch import Options
from watchpost.stores.query import QueryError
from watchpost.telemetry import redacted
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_BULK_EVENTS: Final = 500
_BULK_BYTES: Final = 8_000_000
_FIRST_RETRY_S: Final = 1.0
_LAST_RETRY_S: Final = 60.0
_SETTLE_S: Final = 2.0
"""How long a search waits for what was added just before it."""
_CLOSE_S: Final = 5.0
_LATER: Final = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may succeed."""


class ElasticsearchStore:
    """See `stores.EventStore`. A thread sends; `counts` tells what has become of the events."""

    def __init__(self, options: Options, clock: Clock | None = None, node_class: type[BaseNode] | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._client = _client(options, node_class)
        self._outbox = EventOutbox(options.queue, options.queue_mb * 1_000_000)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._is_set_up = not options.setup
        self._is_failing = False
        self._is_refreshed = False
        self.counts = {"sent": 0, "refused": 0, "dropped": 0}
        self._thread = threading.Thread(target=self._send_all, name="elasticsearch", daemon=True)
        self._thread.start()

    def add(self, events: Iterable[Event]) -> None:
        """Queue events on disk; they are sent from there."""
        self._check_open()
        dropped = self._outbox.put(events)
        if dropped:
            if not self.counts["dropped"]:
                _LOG.warning("elasticsearch: the queue is full, the oldest events are dropped from now on")
            self.counts["dropped"] += dropped
        self._wake_sender()

    def search(self, query: EventFilter) -> list[Event]:
        """The events that fit, without snapshots."""
        return events_of(query, self.query)

    def query(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The cluster's answer to a search; what was added before is seen, unless the cluster is behind."""
        self._settle()
        asked = {"_source": {"excludes": ["text"]}} | dict(body)
        return self._ask("POST", f"/{self._pattern('events')}/_search", asked)

    def snapshot(self, event_id: str) -> bytes | None:
        """The JPEG of an event, `None` where there is none."""
        self._settle()
        body = {"query": {"ids": {"values": [event_id]}}, "size": 1}
        hits = self._ask("POST", f"/{self._pattern('snapshots')}/_search", body)["hits"]["hits"]
        return base64.b64decode(hits[0]["_source"]["jpeg"]) if hits else None

    def prune(self, before_wall_time_s: float) -> int:
        """Delete the events that ended before this; returns how many."""
        self._settle()
        query = {"query": {"range": {"end.time": {"lt": int(before_wall_time_s * 1000)}}}}
        self._ask("POST", f"/{self._pattern('snapshots')}/_delete_by_query?conflicts=proceed&refresh=true", query)
        answer = self._ask("POST", f"/{self._pattern('events')}/_delete_by_query?conflicts=proceed&refresh=true", query)
        return int(answer["deleted"])

    def close(self) -> None:
        """Send what waits, for a few seconds at most; the rest stays on disk. Safe to call twice."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._wake_sender()
        self._thread.join(_CLOSE_S)
        self._outbox.close()
        self._client.close()

    def _send_all(self) -> None:
        delay_s = 0.0
        while True:
            with self._changed:
                while not len(self._outbox) and not self._stop.is_set():
                    self._changed.wait()
            if self._stop.is_set() and (self._is_failing or not len(self._outbox)):
                return
            try:
                self._send_some()
                delay_s, self._is_failing = 0.0, False
            except (WatchpostError, ApiError, TransportApiError, TransportError) as error:
                if not self._is_failing:
                    _LOG.warning("elasticsearch: %s; %d waiting", redacted(str(error)), len(self._outbox))
                self._is_failing = True
                delay_s = min(max(_FIRST_RETRY_S, 2 * delay_s), _LAST_RETRY_S)
            except Exception:  # a defect here must not end the sending for good
                _LOG.exception("elasticsearch: sending failed")
                delay_s = _LAST_RETRY_S
            with self._changed:
                self._changed.notify_all()
            if delay_s and not self._stop.is_set():
                self._clock.wait(delay_s, until=self._stop)

    def _send_some(self) -> None:
        """One bulk. Raises the client's errors when it is to be tried again."""
        self._set_up()
        waiting = self._outbox.oldest(_BULK_EVENTS, _BULK_BYTES)
        operations: list[dict[str, Any]] = []
        owners: list[int] = []
        for number, event in waiting:
            lines = self._operations(event)
            operations += lines
            owners += [number] * (len(lines) // 2)
        answer = self._client.bulk(operations=operations)
        self._is_refreshed = False
        later, refused = set[int](), dict[int, str]()
        for number, item in zip(owners, answer["items"], strict=True):
            ((_, result),) = item.items()
            status = int(result["status"])
            if status in _LATER:
                later.add(number)
            elif status >= 300:
                refused[number] = str(result.get("error", status))[:300]
        for number, reason in refused.items():
            self.counts["refused"] += 1
            _LOG.error("elasticsearch: event given up (%d so far): %s", self.counts["refused"], redacted(reason))
            later.discard(number)
        self._outbox.remove([number for number, _ in waiting if number not in later])
        self.counts["sent"] += len(waiting) - len(later) - len(refused)
        if later:
            raise WatchpostError(f"the cluster has no room for {len(later)} of {len(waiting)} events at present")

    def _operations(self, event: Event) -> list[dict[str, Any]]:
        month = _month(event)
        document = to_document(event)
        document["text"] = texts(document)
        prefix = self._options.index
        lines: list[dict[str, Any]] = [{"index": {"_index": f"{prefix}-events-{month}", "_id": event.id}}, document]
        if event.snapshot is not None:
            lines.append({"index": {"_index": f"{prefix}-snapshots-{month}", "_id": event.id}})
            lines.append({"jpeg": base64.b64encode(event.snapshot).decode(), "end": {"time": document["end"]["time"]}})
        return lines

    def _set_up(self) -> None:
        if self._is_set_up:
            return
        prefix, lifecycle = self._options.index, None
        if self._options.keep_days is not None:
            lifecycle = prefix
            self._client.ilm.put_lifecycle(name=lifecycle, policy=lifecycle_policy(self._options.keep_days))
        for kind, template in (("events", events_template), ("snapshots", snapshots_template)):
            self._client.indices.put_index_template(name=f"{prefix}-{kind}", **template(prefix, lifecycle))
        self._is_set_up = True

    def _settle(self) -> None:
        """Wait until what was added is sent, where the cluster answers, and make it seen."""
        self._check_open()
        if self._outbox and not self._is_failing:
            with self._changed:
                self._changed.wait_for(lambda: not len(self._outbox) or self._is_failing, _SETTLE_S)
        if not self._is_refreshed:
            self._is_refreshed = True
            self._ask("POST", f"/{self._options.index}-*/_refresh", None)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        headers = {"accept": "application/json"} | ({"content-type": "application/json"} if body is not None else {})
        try:
            answer = self._client.perform_request(method, path, headers=headers, body=body)
        except ApiError as error:
            raise _as_query_error(error) from None
        except TransportError as error:
            reason = redacted(str(error.message))
            raise WatchpostError(f"the cluster at {redacted(self._options.url)} does not answer: {reason}") from None
        return dict(answer.body)

    def _pattern(self, kind: str) -> str:
        return f"{self._options.index}-{kind}-*"

    def _check_open(self) -> None:
        if self._stop.is_set():
            raise WatchpostError("the store is closed.")

    def _wake_sender(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _client(options: Options, node_class: type[BaseNode] | None) -> Elasticsearch:
    credentials: dict[str, Any] = {}
    if options.api_key is not None:
        credentials["api_key"] = options.api_key.get_secret_value()
    elif options.user is not None and options.password is not None:
        credentials["basic_auth"] = (options.user, options.password.get_secret_value())
    if options.ca_file is not None:
        credentials["ca_certs"] = str(options.ca_file)
    if node_class is not None:
        credentials["node_class"] = node_class
    try:
        return Elasticsearch(options.url, request_timeout=options.timeout, max_retries=0, **credentials)
    except (ValueError, TypeError) as error:
        raise WatchpostError(f"store: url: {redacted(str(error))}; write for instance https://host:9200") from None


def _month(event: Event) -> str:
    """The month of an event, from its id (UUID version 7), so that the same event always gets the same index."""
    if len(event.id) == 32 and event.id[12] == "7":
        try:
            return datetime.fromtimestamp(int(event.id[:12], 16) / 1000, UTC).strftime("%Y.%m")
        except (ValueError, OverflowError, OSError):
            pass
    return "other"


def _as_query_error(error: ApiError) -> WatchpostError:
    cause = error.body.get("error", {}) if isinstance(error.body, dict) else {}
    reason = str(cause.get("reason", error.message)) if isinstance(cause, dict) else str(cause)
    kind = str(cause.get("type", "exception")) if isinstance(cause, dict) else "exception"
    if error.status_code in (401, 403):
        return WatchpostError(f"the cluster refuses: {redacted(reason)[:300]}. Check api_key under store:.")
    return QueryError(redacted(reason)[:500], kind, error.status_code)
