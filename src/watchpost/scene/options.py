"""What a synthetic scene shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchpost.options import Fraction01, Options, Seconds


class SceneOptions(Options):
    """Options of a synthetic scene. The same options give the same pictures, byte for byte, on one machine."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed, other rooms, people, clothes and ways."""
    camera: Annotated[int, Field(ge=0)] = 0
    """Which camera of the seed's site: each has its own room, people and timetable."""
    width: Annotated[int, Field(ge=64, le=3840, multiple_of=2)] = 1280
    """Pixels; even, as H.264 wants it."""
    height: Annotated[int, Field(ge=64, le=2160, multiple_of=2)] = 720
    """Pixels; even, as H.264 wants it."""
    fps: Annotated[int, Field(ge=1, le=60)] = 15
    """Frames per second."""
    people: Annotated[int, Field(ge=0, le=20)] = 4
    """How many people are in view at once, at most."""
    activity: Fraction01 = 0.8
    """Share of the time with somebody in view; 0 is an empty room for ever, 1 is never empty."""
    duration: Seconds | None = None
    """Length of the scene; without it the scene never ends."""
    noise: Annotated[float, Field(ge=0, le=40)] = 1.5
    """Standard deviation of the sensor's noise in grey levels of 255, by day."""
    drift: bool = True
    """The light slowly changes, as clouds do it."""
    night: bool = False
    """Infrared picture: grey, lit from the camera, three times the noise and a little more."""
    clock: bool = False
    """Burn the date and time into the picture, as recorders do."""
    shadows: bool = True
    """People and objects cast soft shadows."""
    objects: bool = True
    """Pillars, plants and benches stand in the way and hide people."""
