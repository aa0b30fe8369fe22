"""Can this machine decode video and run models?"""

from __future__ import annotations

from watchpost.detectors.capabilities import InferenceFacts
from watchpost.runtime.doctor.finding import Finding, Level
from watchpost.video.capabilities import WANTED_DECODERS, WANTED_ENCODERS, FfmpegFacts


def judge_ffmpeg(facts: FfmpegFacts) -> list[Finding]:
    """Version, decoders, encoder, hardware."""
    reinstall = "Install PyAV from its wheel: pip install --force-reinstall 'av>=18,<19'"
    findings = [Finding("video", Level.OK, f"FFmpeg {facts.version} inside PyAV {facts.pyav_version}")]
    missing = [name for name in WANTED_DECODERS if name not in facts.decoders]
    # H.264 is what nearly every camera sends; the others are a choice of the camera's settings.
    level = Level.PROBLEM if "h264" in missing else Level.WARNING if missing else Level.OK
    decoders = ", ".join(name for name in WANTED_DECODERS if name in facts.decoders) or "none"
    if missing:
        findings.append(
            Finding("video", level, f"no decoder for {', '.join(missing)}; there are: {decoders}", reinstall)
        )
    else:
        findings.append(Finding("video", level, f"decoders: {decoders}"))
    if lacking := [name for name in WANTED_ENCODERS if name not in facts.encoders]:
        seen = f"no encoder {', '.join(lacking)}: annotated video can not be written"
        findings.append(Finding("video", Level.WARNING, seen, reinstall))
    types = ", ".join(facts.device_types) or "none"
    nodes = ", ".join(facts.device_nodes) or "no such device here"
    findings.append(Finding("video", Level.OK, f"hardware decoding FFmpeg knows: {types}; devices: {nodes}"))
    for kind, reason in facts.tried.items():
        if reason:
            cure = "Cameras with decode: auto use the processor. Check the driver, and who may open the device."
            findings.append(Finding("video", Level.WARNING, f"decoding on {kind} does not begin: {reason}", cure))
        else:
            findings.append(Finding("video", Level.OK, f"decoding on {kind} begins; decode: auto uses it"))
    return findings


def judge_inference(facts: InferenceFacts, has_nvidia: bool) -> list[Finding]:
    """The engines, and the provider that detectors will use."""
    findings = []
    if facts.onnxruntime_version is None:
        cure = "Install it: pip install --force-reinstall onnxruntime"
        findings.append(Finding("inference", Level.PROBLEM, "ONNX Runtime is missing or does not load", cure))
    else:
        names = ", ".join(_short(name) for name in facts.providers)
        used = ", then ".join(_short(name) for name in facts.chosen) or "none"
        seen = f"ONNX Runtime {facts.onnxruntime_version}: {names}; used: {used}"
        findings.append(Finding("inference", Level.OK if facts.chosen else Level.PROBLEM, seen))
        if has_nvidia and "CUDAExecutionProvider" not in facts.providers:
            cure = "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
            findings.append(
                Finding("inference", Level.WARNING, "an NVIDIA GPU is here, but models run on the CPU", cure)
            )
    if facts.openvino_version is not None:
        devices = ", ".join(facts.openvino_devices) or "no device"
        findings.append(Finding("inference", Level.OK, f"OpenVINO {facts.openvino_version}: {devices}"))
    return findings


def _short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")
