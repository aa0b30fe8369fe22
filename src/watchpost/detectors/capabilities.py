"""What can run models on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InferenceFacts:
    """The inference engines as they are installed; `None` for one that is not."""

    onnxruntime_version: str | None
    providers: tuple[str, ...]
    """ONNX Runtime's execution providers."""
    chosen: tuple[str, ...]
    """Those that a detector uses unless it is told otherwise, in this order."""
    openvino_version: str | None
    openvino_devices: tuple[str, ...]


def inference_facts() -> InferenceFacts:
    """Ask the engines."""
    onnxruntime_version, openvino_version = None, None
    providers: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    try:
        import onnxruntime

        from watchpost.detectors.onnx import usable_providers
    except ImportError:  # not there, or its libraries do not load
        pass
    else:
        onnxruntime_version = str(onnxruntime.__version__)
        providers, chosen = tuple(onnxruntime.get_available_providers()), tuple(usable_providers())
    try:
        import openvino
    except ImportError:
        pass
    else:
        openvino_version = str(openvino.__version__).partition("-")[0]
        devices = tuple(openvino.Core().available_devices)
    return InferenceFacts(onnxruntime_version, providers, chosen, openvino_version, devices)
