"""Floor: decode every frame of every camera and do nothing with it, a thread a camera."""

from __future__ import annotations

import threading

from watchpost.fleet.approaches._threads import run_threads
from watchpost.fleet.feed import Feed
from watchpost.fleet.stage import Stage
from watchpost.video.decoder import Decoder


def create(stage: Stage) -> DecodeOnly:
    """Ready to run."""
    return DecodeOnly(stage)


class DecodeOnly:
    """Decodes."""

    def __init__(self, stage: Stage) -> None:
        self._feeds = stage.feeds

    def run(self, stop: threading.Event) -> None:
        """Decode until told to stop."""
        run_threads(self._feeds, self._decode, stop)

    def _decode(self, feed: Feed, stop: threading.Event) -> None:
        decoder = Decoder(feed.name)
        for packet in feed.packets(stop):
            feed.tally.decoded += len(decoder.decode(packet))
