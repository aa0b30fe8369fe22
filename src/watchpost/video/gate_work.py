"""What a gate asks of a decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchpost.types import Frame, Packet


@dataclass(frozen=True, slots=True)
class Work:
    """What the decoder has to do now."""

    packets: Sequence[Packet] = ()
    """To be decoded in this order; often none."""
    is_alone: bool = False
    """It is one key frame, and the packets that follow it are not meant to be decoded."""
    known_until_s: float | None = None
    """Go back: the packets begin at a key frame, and frames up to this camera time have been seen already. Frames
    shown alone that are later than this come again."""

    def frames(self, decoder: FrameDecoder) -> Iterator[Frame]:
        """The frames that come of it, one by one: a long way back must not lie in memory as pictures."""
        if self.known_until_s is not None:
            decoder.restart(self.known_until_s)
        for packet in self.packets:
            yield from decoder.decode_alone(packet) if self.is_alone else decoder.decode(packet)


class FrameDecoder(Protocol):
    """What is needed of `watchpost.video.decoder.Decoder`."""

    def decode(self, packet: Packet) -> list[Frame]:
        """The frames that this packet completes."""

    def decode_alone(self, packet: Packet) -> list[Frame]:
        """The picture of a key frame, at once."""

    def restart(self, known_until_s: float) -> None:
        """Begin anew at the next key frame, leaving out frames up to a camera time."""
