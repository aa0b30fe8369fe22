"""The detectors of a server at their one batcher: opened on demand, shared, and opened anew alone when they break."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from watchpost.clock import Clock
from watchpost.config import Camera as CameraConfig
from watchpost.config import ModelSection
from watchpost.config.detection import DetectionOptions
from watchpost.detectors import Detector
from watchpost.detectors.network import usable_cores
from watchpost.runtime import system_events
from watchpost.runtime.assembly import make_served
from watchpost.runtime.batcher import Batcher
from watchpost.runtime.figures import ModelFigures
from watchpost.runtime.lane import Lane, Served
from watchpost.runtime.load import LoadChange
from watchpost.runtime.notices import DetectorFailure, DetectorHang, Notice
from watchpost.runtime.seat import Seat
from watchpost.runtime.shape import WORKERS_ON_ACCELERATOR
from watchpost.types import Event

_LOG: Final = logging.getLogger(__name__)
_FIRST_RESTART_S: Final = 2.0
_LONGEST_RESTART_S: Final = 60.0
_HEALTHY_AFTER_S: Final = 60.0
_RETURN_WITHIN_S: Final = 2.0
"""A call of a detector that is not needed any more."""


class ModelKey(NamedTuple):
    """A model as one kind of tracker wants it."""

    model: str
    """Its name in the configuration."""
    least_confidence: float

    @property
    def lane(self) -> str:
        """What the batcher calls it."""
        return f"{self.model} from {self.least_confidence:g}"


@dataclass(slots=True)
class _Opened:
    section: ModelSection
    served: Served
    opened_at_s: float
    failures: int = 0
    """In a row."""
    restarts: int = 0
    """How often it was opened anew."""
    out_since_s: float | None = None
    """When it broke, `None` while it is well."""
    reopen_at_s: float = 0.0
    reopening: _Reopening | None = None


@dataclass(slots=True)
class _Reopening:
    """A thread that opens a detector: a driver that hangs must not hold up the supervisor."""

    done: threading.Event = field(default_factory=threading.Event)
    served: Served | None = None
    error: Exception | None = None


class DetectorPool:
    """Its methods are called from the supervisor's thread, `figures` and `counts` from any.

    A model that hangs or fails again and again is opened anew, alone, after 2 s, then 4 s, to at most a minute; its
    cameras go on and wait for it. `on_events` gets what happens as events, `on_model` each model that is out of order,
    with the reason, or well again (`None`).
    """

    def __init__(
        self,
        clock: Clock,
        on_events: Callable[[list[Event]], None],
        on_model: Callable[[ModelKey, str | None], None],
        cores: int | None = None,
    ) -> None:
        self._clock = clock
        self._on_events = on_events
        self._on_model = on_model
        self._cores = cores or usable_cores()
        self._options = DetectionOptions()
        self._opened: dict[ModelKey, _Opened] = {}
        self._retired: list[tuple[Lane, Served]] = []
        """Replaced while calls of them had not returned: to be closed when they have."""
        self._unwanted: list[_Reopening] = []
        """Of models that went while they were opened."""
        self._batcher = Batcher({}, clock, workers=self._cores, on_notice=self._take_notice, heals=True)
        self._batcher.start()

    def configure(self, options: DetectionOptions) -> None:
        """Use these from now on."""
        self._options = options
        self._set_workers()

    def open(self, key: ModelKey, section: ModelSection) -> Detector:
        """The detector, shared by all cameras with this key. Raises `WatchpostError` where it can not be used."""
        if key not in self._opened:
            served = make_served(section, key.least_confidence, self._clock)
            self._batcher.serve(key.lane, served)
            self._opened[key] = _Opened(section, served, self._clock.monotonic_s())
            self._set_workers()
        return self._opened[key].served.detector

    def join(self, camera: str, key: ModelKey, config: CameraConfig) -> Seat:
        """A camera's seat at an opened model."""
        return self._batcher.join(
            camera,
            key.lane,
            fps=config.max_fps or float("inf"),
            weight=config.weight,
            minimum_fps=min(config.minimum_fps, config.live_fps),
        )

    def keep(self, models: frozenset[str]) -> None:
        """Close all models but these."""
        for key in [key for key in self._opened if key.model not in models]:
            opened = self._opened.pop(key)
            if opened.reopening is not None:
                self._unwanted.append(opened.reopening)
            if self._batcher.withdraw(key.lane, _RETURN_WITHIN_S):
                _close(opened.served)
            else:
                _LOG.error("the model %s does not answer; it stays in memory until the server ends", key.model)
        self._set_workers()

    def is_out(self, key: ModelKey) -> bool:
        """Whether a model is out of order at present."""
        opened = self._opened.get(key)
        return opened is not None and opened.out_since_s is not None

    def tend(self) -> None:
        """Look for calls that hang, at the load, and after what is to be opened anew; call it about once a second."""
        self._batcher.tend()
        for lane, served in [each for each in self._retired if each[0].calls == 0]:
            self._retired.remove((lane, served))
            _close(served)
        for reopening in [each for each in self._unwanted if each.done.is_set()]:
            self._unwanted.remove(reopening)
            if reopening.served is not None:
                _close(reopening.served)
        for key, opened in self._opened.items():
            if opened.out_since_s is not None:
                self._mend(key, opened)

    def counts(self) -> dict[str, float]:
        """As `Batcher.counts`."""
        return self._batcher.counts()

    def figures(self) -> tuple[ModelFigures, ...]:
        """What each opened model has done."""
        counts = self._batcher.model_counts()
        return tuple(
            ModelFigures(
                name=key.lane,
                calls=counts[key.lane].calls,
                frames=counts[key.lane].frames,
                failed=counts[key.lane].failed,
                hangs=counts[key.lane].hangs,
                busy_s=counts[key.lane].busy_s,
                restarts=opened.restarts,
                batch=opened.served.batch,
                is_out=opened.out_since_s is not None,
            )
            for key, opened in list(self._opened.items())
            if key.lane in counts
        )

    def close(self) -> None:
        """Close all; the cameras have gone."""
        self.keep(frozenset())
        self._batcher.stop()

    def _set_workers(self) -> None:
        """As configured, or a core each for models on processors and two calls at once for those on an accelerator."""
        on_processors = not self._opened or any(not each.served.is_accelerated for each in self._opened.values())
        workers = self._options.workers or (self._cores if on_processors else WORKERS_ON_ACCELERATOR)
        self._batcher.configure(workers=workers, load=self._options.load, hang_after_s=self._options.hang_after)

    def _take_notice(self, notice: Notice) -> None:
        if isinstance(notice, LoadChange):
            _LOG.warning("%s", notice)
            self._on_events([system_events.load_changed(notice)])
            return
        _LOG.error("%s", notice)
        key = next((key for key in self._opened if key.lane == notice.model), None)
        if key is not None and self._batcher.is_out(key.lane) and self._opened[key].out_since_s is None:
            self._note_broken(key, notice)

    def _note_broken(self, key: ModelKey, notice: DetectorHang | DetectorFailure) -> None:
        opened, now_s = self._opened[key], self._clock.monotonic_s()
        if now_s - opened.opened_at_s >= _HEALTHY_AFTER_S:
            opened.failures = 0
        opened.out_since_s = now_s
        advice = "; it is not opened again, restart the server" if self._hangs_for_good(key) else ""
        self._put_off(key, opened, f"{notice}{advice}")
        self._on_events([system_events.detector_failed(key.model, notice.wall_time_s, str(notice))])

    def _put_off(self, key: ModelKey, opened: _Opened, reason: str) -> None:
        opened.failures += 1
        delay_s = min(_LONGEST_RESTART_S, _FIRST_RESTART_S * 2.0 ** min(opened.failures - 1, 10))
        opened.reopen_at_s = self._clock.monotonic_s() + delay_s
        _LOG.error("the model %s is opened anew in %.0f s: %s", key.model, delay_s, reason)
        self._on_model(key, reason)

    def _mend(self, key: ModelKey, opened: _Opened) -> None:
        """Open it anew when it is time, and go on with it when it is open."""
        if opened.reopening is None:
            # every attempt that hangs costs threads and memory that nobody can take back
            if self._clock.monotonic_s() >= opened.reopen_at_s and not self._hangs_for_good(key):
                self._reopen(key, opened)
            return
        if not opened.reopening.done.is_set():
            return
        reopening, opened.reopening = opened.reopening, None
        if reopening.served is None:
            self._put_off(key, opened, f"the model {key.model} can not be opened: {reopening.error}")
            return
        self._go_on(key, opened, reopening.served)

    def _hangs_for_good(self, key: ModelKey) -> bool:
        return self._batcher.hung_calls(key.lane) > 2 * self._cores

    def _reopen(self, key: ModelKey, opened: _Opened) -> None:
        reopening = opened.reopening = _Reopening()
        # an accelerator may have no room for two: what can be closed goes first, and what hangs can not
        old = opened.served if self._batcher.open_calls(key.lane) == 0 else None

        def work() -> None:
            try:
                if old is not None:
                    _close(old)
                reopening.served = make_served(opened.section, key.least_confidence, self._clock, opened.served)
            except Exception as error:  # whatever a driver raises: it is tried again later
                reopening.error = error
            finally:
                reopening.done.set()

        threading.Thread(target=work, name=f"open {key.model}", daemon=True).start()

    def _go_on(self, key: ModelKey, opened: _Opened, served: Served) -> None:
        before, opened.served = opened.served, served
        lane = self._batcher.replace(key.lane, served)
        if lane.calls:
            self._retired.append((lane, before))
        now_s = self._clock.monotonic_s()
        out_s = now_s - (opened.out_since_s or now_s)
        opened.out_since_s, opened.opened_at_s = None, now_s
        opened.restarts += 1
        _LOG.warning("the model %s was opened anew", key.model)
        self._on_model(key, None)
        self._on_events([system_events.detector_recovered(key.model, self._clock.wall_time_s(), out_s)])


def _close(served: Served) -> None:
    for detector in (served.detector, served.smaller):
        if detector is not None:
            with suppress(Exception):  # one that is broken may not close either
                detector.close()
