from __future__ import annotations

from dataclasses import replace

import pytest

from watchpost.detectors.capabilities import InferenceFacts, inference_facts
from watchpost.runtime.doctor import Finding, Level
from watchpost.runtime.doctor.engines import judge_ffmpeg, judge_inference
from watchpost.video.capabilities import WANTED_DECODERS, FfmpegFacts, ffmpeg_facts

FFMPEG = FfmpegFacts("8.1", "18.1.0", frozenset(WANTED_DECODERS), frozenset({"libx264"}), ("cuda",), (), {})
INFERENCE = InferenceFacts(
    "1.32.0", ("CUDAExecutionProvider", "CPUExecutionProvider"), ("CPUExecutionProvider",), "2026.4", ("CPU",)
)


def worst(findings: list[Finding]) -> Level:
    return max((finding.level for finding in findings), key=list(Level).index)


def test_a_whole_ffmpeg_is_well():
    assert worst(judge_ffmpeg(FFMPEG)) is Level.OK


@pytest.mark.parametrize(("lost", "level"), [("h264", Level.PROBLEM), ("av1", Level.WARNING)])
def test_a_missing_decoder_is_named_with_its_cure(lost, level):
    findings = judge_ffmpeg(replace(FFMPEG, decoders=FFMPEG.decoders - {lost}))
    (found,) = [finding for finding in findings if finding.cure]
    assert found.level is level
    assert f"no decoder for {lost}" in found.seen
    assert "pip install" in found.cure


def test_a_missing_encoder_is_a_warning():
    findings = judge_ffmpeg(replace(FFMPEG, encoders=frozenset()))
    assert worst(findings) is Level.WARNING
    assert any("no encoder libx264" in finding.seen for finding in findings)


def test_devices_are_listed():
    findings = judge_ffmpeg(replace(FFMPEG, device_nodes=("/dev/dri/renderD128",)))
    assert "/dev/dri/renderD128" in findings[-1].seen


@pytest.mark.parametrize(("reason", "level"), [("", Level.OK), ("no permission", Level.WARNING)])
def test_a_device_is_tried(reason, level):
    found = judge_ffmpeg(replace(FFMPEG, tried={"vaapi": reason}))[-1]
    assert found.level is level
    assert "vaapi" in found.seen
    assert reason in found.seen


def test_the_provider_in_use_is_told():
    first = judge_inference(INFERENCE, has_nvidia=False)[0]
    assert first.level is Level.OK
    assert first.seen == "ONNX Runtime 1.32.0: CUDA, CPU; used: CPU"


def test_no_onnx_runtime_is_a_problem():
    findings = judge_inference(replace(INFERENCE, onnxruntime_version=None), has_nvidia=False)
    assert worst(findings) is Level.PROBLEM
    assert "pip install" in findings[0].cure


def test_no_provider_at_all_is_a_problem():
    assert worst(judge_inference(replace(INFERENCE, chosen=()), has_nvidia=False)) is Level.PROBLEM


def test_a_gpu_that_models_do_not_use_is_a_warning():
    findings = judge_inference(replace(INFERENCE, providers=("CPUExecutionProvider",)), has_nvidia=True)
    assert worst(findings) is Level.WARNING
    assert "onnxruntime-gpu" in findings[1].cure


def test_without_openvino_nothing_is_said_of_it():
    findings = judge_inference(replace(INFERENCE, openvino_version=None), has_nvidia=False)
    assert not any("OpenVINO" in finding.seen for finding in findings)


def test_this_machine_decodes_and_infers():
    assert "h264" in ffmpeg_facts().decoders
    assert "CPUExecutionProvider" in inference_facts().chosen
