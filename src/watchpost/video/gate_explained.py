"""What people are told about a gate: its state, why, and what it has done so far."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from watchpost.video.packet_sizes import Usual


class State(StrEnum):
    """What the gate does."""

    AWAKE = "awake"
    """Everything is decoded because something goes on."""
    ASLEEP = "asleep"
    """Single key frames are decoded."""
    OPEN = "open"
    """Everything is decoded because this stream can not be trusted to wake the camera."""
    HEAVY = "heavy"
    """Single key frames are decoded, and analysed, as for everything there is not the time."""


class Reason(StrEnum):
    """Why it does so."""

    START = "the stream has just begun"
    SIZES = "packet sizes are unusual"
    PICTURE = "the picture of a key frame changed"
    OBJECTS = "objects were found"
    DEMAND = "a rule or an operator asked for it"
    QUIET = "nothing goes on"
    OFF = "the gate is switched off"
    KEY_FRAMES = "key frames are missing or too far apart"
    NO_PICTURE = "key frames give no picture by themselves, as where the picture is refreshed bit by bit"
    RING = "a group of pictures does not fit into the ring"
    UNSETTLED = "it woke again and again, and nothing was found"
    HEAVY = "too heavy: key frames only, as decoding everything does not keep up"
    BEHIND = "behind: key frames only until it has caught up, as more goes on than this machine can follow"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a gate has done and why, since its stream began or the camera was started. Times are camera time."""

    state: State
    reason: Reason
    since_s: float
    """When this state began."""
    packets: int
    decoded: int
    """Packets given to the decoder, the repeated ones too."""
    repeated: int
    """Packets decoded a second time because the decoder had to go back."""
    lost_s: float
    """Camera time before wakes that could not be decoded any more, because the ring had dropped it."""
    looks: int
    """Key frames decoded alone while asleep."""
    wakes: dict[Reason, int]
    false_wakes: int
    """Wakes after which the analysis found nothing."""
    seconds: dict[State, float]
    """How long it was in each state."""
    last_wake: tuple[float, Reason] | None
    key_interval_s: float | None
    """Between the last two key frames."""
    deviation: float
    """Packet sizes of the last second, in standard deviations off the usual."""
    threshold: float
    """Of this deviation, as it is now."""
    changed_cells: int
    """Of the last small picture."""
    fewest_cells: float
    """So many must have changed to wake the camera, as it is now."""
    usual: list[Usual]
    """Packet sizes as learned; empty while learning."""

    @property
    def skipped(self) -> int:
        """Packets that were never decoded, or not yet."""
        return self.packets - (self.decoded - self.repeated)
