"""What the server counts, as Prometheus reads it (text exposition format, version 0.0.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from watchpost.recordings.recorder import RecorderFigures
from watchpost.runtime.delays import BOUNDS_S
from watchpost.runtime.figures import CameraFigures, Figures, ModelFigures
from watchpost.serving.rtsp_server import RtspFigures
from watchpost.video.gate_explained import State

_CAMERA: dict[str, tuple[str, Callable[[CameraFigures], float]]] = {
    "packets": ("Packets received.", lambda camera: camera.packets),
    "decoded_frames": ("Frames decoded, those decoded a second time too.", lambda camera: camera.decoded),
    "analysed_frames": ("Frames tracked and judged.", lambda camera: camera.analysed),
    "dropped_frames": ("Frames that were too late for the detector.", lambda camera: camera.dropped),
    "skipped_frames": ("Decoded frames that the wanted rate did not ask for.", lambda camera: camera.skipped),
    "failed_frames": ("Frames for which the detector gave no result.", lambda camera: camera.failed),
    "damaged_frames": ("Frames of which a part was lost on the way.", lambda camera: camera.damaged),
    "events": ("Events.", lambda camera: camera.events),
    "spared_packets": ("Not decoded while awake, as no other picture refers to them.", lambda camera: camera.spared),
    "unread_packets": ("Recorded, but the analysis was too late for them.", lambda camera: camera.unread),
    "reconnects": ("Connections lost.", lambda camera: camera.losses),
    "starts": ("Times the camera was started.", lambda camera: camera.starts),
}
_CAMERA_NOW: dict[str, tuple[str, Callable[[CameraFigures], float | None]]] = {
    "wished_fps": ("Analysed frames a second that it wishes, where not all.", lambda camera: camera.wished_fps),
    "granted_fps": ("Analysed frames a second that it is granted of these.", lambda camera: camera.granted_fps),
    "analysed_fps": ("Analysed frames a second over the last 5 s.", lambda camera: camera.analysed_fps),
    "ring_bytes": ("Compressed data that is held of its stream.", lambda camera: camera.ring_bytes),
}
_RECORDING: dict[str, tuple[str, Callable[[RecorderFigures], float]]] = {
    "bytes": ("Written and safe.", lambda recording: recording.bytes),
    "lost_packets": ("Came and were not kept.", lambda recording: recording.lost),
    "gaps": ("Times that pictures were missing within a file.", lambda recording: recording.gaps),
    "gap_seconds": ("How long these were in all.", lambda recording: recording.gap_s),
}
_RECORDING_NOW: dict[str, tuple[str, Callable[[RecorderFigures], float]]] = {
    "up": ("0 while it is kept from recording.", lambda recording: float(not recording.problem)),
    "active": ("1 while it records, 0 while it waits for an event.", lambda recording: float(recording.is_recording)),
    "queued_bytes": ("Wait for the disk.", lambda recording: recording.queued_bytes),
    "kept_until_seconds": ("Unix time up to which it is safe.", lambda recording: recording.kept_wall_time_s),
}
_MODEL: dict[str, tuple[str, Callable[[ModelFigures], float]]] = {
    "calls": ("Calls of the model.", lambda model: model.calls),
    "frames": ("Frames in these calls; by calls it is the mean batch.", lambda model: model.frames),
    "failed_frames": ("Frames without a result.", lambda model: model.failed),
    "hung_calls": ("Calls that were given up.", lambda model: model.hangs),
    "busy_seconds": ("Time in calls, the workers' times added up.", lambda model: model.busy_s),
    "restarts": ("Times it was opened anew because it hung or failed.", lambda model: model.restarts),
}
_MODEL_NOW: dict[str, tuple[str, Callable[[ModelFigures], float]]] = {
    "up": ("0 while it is out of order.", lambda model: float(not model.is_out)),
    "largest_batch": ("Most frames a call.", lambda model: model.batch),
}
_BATCHER: dict[str, tuple[str, str]] = {
    "detected_frames": ("detected", "Frames that the detectors have looked at."),
    "failed_frames": ("failed", "Frames for which a detector raised an error or gave no answer."),
    "batches": ("batches", "Calls of detectors."),
    "hung_calls": ("hangs", "Calls of detectors that were given up."),
    "load_steps_down": ("steps_down", "Times that something was given up under load."),
    "load_steps_up": ("steps_up", "Times that something was taken back."),
    "busy_seconds": ("busy_s", "Time of workers in detectors; by detected_frames it is the time a frame."),
}
_BATCHER_NOW: dict[str, tuple[str, str]] = {
    "load_level": ("level", "What is given up under load: 0 nothing, 3 all that may be."),
    "workers": ("workers", "Calls of detectors at once, at most."),
    "waiting_frames": ("waiting", "Cameras whose frame waits for a detector."),
    "hanging_calls": ("hung", "Calls of detectors that hang now."),
}


def exposition(figures: Figures, rtsp: RtspFigures | None = None) -> bytes:
    """All metrics; each begins with `watchpost_`."""
    registry = CollectorRegistry()
    registry.register(_Collector(figures))
    if rtsp is not None:
        registry.register(_RtspCollector(rtsp))
    return bytes(generate_latest(registry))


class _RtspCollector(Collector):
    """Figures of the RTSP server."""

    def __init__(self, figures: RtspFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        figures = self._figures
        yield GaugeMetricFamily("watchpost_rtsp_connections", "Open connections.", value=figures.connections)
        yield CounterMetricFamily(
            "watchpost_rtsp_refused_connections", "Connections that were too many.", value=figures.refused
        )
        yield CounterMetricFamily(
            "watchpost_rtsp_lost_packets", "RTP packets that readers were too slow for.", value=figures.lost
        )
        readers = GaugeMetricFamily("watchpost_rtsp_readers", "Who reads a stream.", labels=["stream"])
        for stream, count in figures.readers.items():
            readers.add_metric([stream], count)
        yield readers


class _Collector(Collector):
    """Figures of one moment: those who count do not know of Prometheus."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        for name, (text, value) in _CAMERA.items():
            family = CounterMetricFamily(f"watchpost_camera_{name}", text, labels=["camera"])
            for camera in self._figures.cameras:
                family.add_metric([camera.name], value(camera))
            yield family
        for name, (text, now) in _CAMERA_NOW.items():
            gauge = GaugeMetricFamily(f"watchpost_camera_{name}", text, labels=["camera"])
            for camera in self._figures.cameras:
                if (each := now(camera)) is not None:
                    gauge.add_metric([camera.name], each)
            yield gauge
        yield self._delays()
        yield from self._viewers()
        yield from self._recordings()
        yield from self._outputs()
        yield from self._workers()
        yield from self._gates()
        yield from self._models()
        for name, (key, text) in _BATCHER.items():
            yield CounterMetricFamily(f"watchpost_detection_{name}", text, value=self._figures.batcher.get(key, 0.0))
        for name, (key, text) in _BATCHER_NOW.items():
            yield GaugeMetricFamily(f"watchpost_detection_{name}", text, value=self._figures.batcher.get(key, 0.0))

    def _viewers(self) -> Iterator[Metric]:
        viewers = GaugeMetricFamily("watchpost_viewers", "Who watches its stream.", labels=["camera"])
        lost = CounterMetricFamily(
            "watchpost_viewer_lost_packets", "Packets that viewers were too slow for.", labels=["camera"]
        )
        for camera in self._figures.cameras:
            viewers.add_metric([camera.name], camera.viewers)
            lost.add_metric([camera.name], camera.viewer_lost)
        yield from (viewers, lost)

    def _recordings(self) -> Iterator[Metric]:
        recorded = [(camera.name, camera.recording) for camera in self._figures.cameras if camera.recording is not None]
        for name, (text, value) in _RECORDING.items():
            counter = CounterMetricFamily(f"watchpost_recording_{name}", text, labels=["camera"])
            for camera, recording in recorded:
                counter.add_metric([camera], value(recording))
            yield counter
        for name, (text, value) in _RECORDING_NOW.items():
            gauge = GaugeMetricFamily(f"watchpost_recording_{name}", text, labels=["camera"])
            for camera, recording in recorded:
                gauge.add_metric([camera], value(recording))
            yield gauge

    def _outputs(self) -> Iterator[Metric]:
        labels = ["camera", "target"]
        up = GaugeMetricFamily("watchpost_output_up", "1 while the stream is handed on.", labels=labels)
        frames = CounterMetricFamily("watchpost_output_frames", "Pictures handed on.", labels=labels)
        size = CounterMetricFamily("watchpost_output_bytes", "Of pictures and sound handed on.", labels=labels)
        losses = CounterMetricFamily("watchpost_output_losses", "Times the target was lost.", labels=labels)
        lost = CounterMetricFamily("watchpost_output_lost_packets", "It was too slow for these.", labels=labels)
        for camera in self._figures.cameras:
            for output in camera.outputs:
                named = [camera.name, output.target]
                up.add_metric(named, float(output.state == "live"))
                frames.add_metric(named, output.frames)
                size.add_metric(named, output.bytes)
                losses.add_metric(named, output.losses)
                lost.add_metric(named, output.lost_packets)
        yield from (up, frames, size, losses, lost)

    def _workers(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("watchpost_worker_up", "1 while the worker process runs and answers.", labels=["worker"])
        cameras = GaugeMetricFamily("watchpost_worker_cameras", "Cameras that are the worker's.", labels=["worker"])
        starts = CounterMetricFamily("watchpost_worker_starts", "Times the worker was started.", labels=["worker"])
        for worker in self._figures.workers:
            up.add_metric([worker.name], float(worker.is_up))
            cameras.add_metric([worker.name], worker.cameras)
            starts.add_metric([worker.name], worker.starts)
        yield from (up, cameras, starts)

    def _delays(self) -> Metric:
        text = "From the arrival of each analysed frame to its result."
        family = HistogramMetricFamily("watchpost_camera_delay_seconds", text, labels=["camera"])
        ends = [*map(str, BOUNDS_S), "+Inf"]
        for camera in self._figures.cameras:
            delays = camera.delays
            family.add_metric([camera.name], list(zip(ends, accumulate(delays.counts), strict=True)), delays.sum_s)
        return family

    def _models(self) -> Iterator[Metric]:
        models = self._figures.models
        for name, (text, value) in _MODEL.items():
            counter = CounterMetricFamily(f"watchpost_model_{name}", text, labels=["model"])
            for model in models:
                counter.add_metric([model.name], value(model))
            yield counter
        for name, (text, value) in _MODEL_NOW.items():
            gauge = GaugeMetricFamily(f"watchpost_model_{name}", text, labels=["model"])
            for model in models:
                gauge.add_metric([model.name], value(model))
            yield gauge

    def _gates(self) -> Iterator[Metric]:
        seconds = CounterMetricFamily(
            "watchpost_gate_seconds", "Camera time spent in each state.", labels=["camera", "state"]
        )
        state = GaugeMetricFamily(
            "watchpost_gate_state", "1 for the state that the camera is in.", labels=["camera", "state"]
        )
        wakes = CounterMetricFamily("watchpost_gate_wakes", "Wakes by their reason.", labels=["camera", "reason"])
        false = CounterMetricFamily("watchpost_gate_false_wakes", "Wakes for nothing.", labels=["camera"])
        for camera in self._figures.cameras:
            if camera.gate is None:
                continue
            for each in State:
                state.add_metric([camera.name, each.value], float(camera.gate.state is each))
                seconds.add_metric([camera.name, each.value], camera.gate.seconds.get(each, 0.0))
            for reason, count in camera.gate.wakes.items():
                wakes.add_metric([camera.name, reason.name.lower()], count)
            false.add_metric([camera.name], camera.gate.false_wakes)
        yield from (state, seconds, wakes, false)
