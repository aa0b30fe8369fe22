"""A model tried on a camera's newest picture before it is chosen: all that it finds, with its confidence."""

from __future__ import annotations

import base64
import threading
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from watchpost.clock import Clock
from watchpost.detectors import open_detector
from watchpost.detectors.hub import known_models
from watchpost.picture import encode_jpeg
from watchpost.plugins import DEFAULT_MODEL
from watchpost.types import BGR, Detections, Frame
from watchpost.video.decoder import Decoder
from watchpost.video.own_copy import own_copy
from watchpost.web.access import Operator, check_sees
from watchpost.web.services import Services

LEAST_CONFIDENCE: Final = 0.05
_EVERY_S: Final = 0.5
"""The models that run have the processor first."""
_PICTURE_S: Final = 3.0
"""How long a picture is waited for."""
_MOST: Final = 300
_SHOWN_WIDTH: Final = 1280


class Wish(BaseModel):
    """What is to be tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(min_length=1, max_length=100)] = DEFAULT_MODEL


class Found(BaseModel):
    """One object."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in fractions of the picture."""
    confidence: float
    class_name: str


class Tried(BaseModel):
    """What a model found."""

    model: str
    width: int
    height: int
    """Of the picture that it saw, in pixels."""
    milliseconds: float
    """That one call took, its first after loading."""
    detections: list[Found]
    """Best first, from a confidence of 0.05 on, at most 300."""
    jpeg: str
    """The picture, at most 1280 wide, Base64."""


class Trials:
    """One trial at a time, and not too often. Methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy = threading.Lock()
        self._free_at_s = 0.0

    def run(self, model: str, frame: Frame) -> Tried:
        """Try a model that `names` gives. Raises the answer to somebody who has to wait."""
        if not self._busy.acquire(blocking=False):
            raise HTTPException(429, "another model is being tried; try again in a moment", {"Retry-After": "1"})
        try:
            if self._clock.monotonic_s() < self._free_at_s:
                raise HTTPException(429, "wait half a second between two trials", {"Retry-After": "1"})
            try:
                return self._tried(model, frame)
            finally:
                self._free_at_s = self._clock.monotonic_s() + _EVERY_S
        finally:
            self._busy.release()

    def _tried(self, model: str, frame: Frame) -> Tried:
        detector = open_detector(model, confidence=LEAST_CONFIDENCE)
        try:
            began_s = self._clock.monotonic_s()
            (detections,) = detector.detect([frame])
            took_s = self._clock.monotonic_s() - began_s
        finally:
            detector.close()
        width, height = frame.size
        return Tried(
            model=model,
            width=width,
            height=height,
            milliseconds=took_s * 1000,
            detections=_listed(detections),
            jpeg=base64.b64encode(encode_jpeg(_shown(frame))).decode("ascii"),
        )


def names() -> list[str]:
    """The models of this machine, the default one first; no paths, so that no request opens a file."""
    found = sorted(model.card.name for model in known_models() if model.file is not None)
    return sorted(found, key=lambda name: name != DEFAULT_MODEL)


def router(services: Services) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/cameras", tags=["models"])
    trials = Trials(services.clock)

    @routes.get("/{camera:path}/models", summary="The models that can be tried on a camera")
    def models(user: Operator, camera: str) -> list[str]:
        check_sees(user, camera)
        return names()

    @routes.post("/{camera:path}/try", summary="Try a model on the camera's newest picture")
    def try_model(user: Operator, camera: str, wish: Wish) -> Tried:
        check_sees(user, camera)
        if wish.model not in names():
            raise HTTPException(404, "no such model on this machine; watchpost models list tells which there are")
        return trials.run(wish.model, newest_frame(services, camera))

    return routes


def newest_frame(services: Services, camera: str) -> Frame:
    """The camera's newest picture: the last that was analysed, or the last key frame of a camera of another process.

    Raises the answer for a camera that is not known or gives no picture.
    """
    if services.hub.sequence(camera) is None:
        raise HTTPException(404, "no such camera")
    if (shown := services.hub.newest(camera)) is not None:
        return shown
    with services.taps.open(camera) as tap:
        packets = tap.wait(_PICTURE_S)
    for packet in packets[:1]:  # it begins with a key frame
        if frames := Decoder(camera).decode_alone(own_copy(packet)):
            return frames[0]
    raise HTTPException(409, "the camera gives no picture at present")


def _listed(detections: Detections) -> list[Found]:
    order = detections.confidence.argsort()[::-1][:_MOST]
    return [
        Found(
            box=detections.box_in_fractions(row),
            confidence=round(float(detections.confidence[row]), 4),
            class_name=detections.class_name(row),
        )
        for row in order.tolist()
    ]


def _shown(frame: Frame) -> BGR:
    width, height = frame.size
    if width <= _SHOWN_WIDTH:
        return frame.picture.bgr()
    return frame.picture.resized(_SHOWN_WIDTH, max(1, round(height * _SHOWN_WIDTH / width)))
