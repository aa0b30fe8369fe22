"""Do the healthy cameras of a fleet notice four that misbehave: one stalled, one flapping, one corrupt, one of 8K?

    python bench/faults.py [--cameras 50] [--rounds 2] [--seconds 40] [--variant noisy] [--json FILE]

Runs the fleet's healthy cameras (all but four) by themselves and then with the four, in turn, through the product's own
cameras, reconnection and restarts. Only the healthy ones are judged. The 8K clip is rendered once, in about a minute.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from watchpost.detectors.network import usable_cores
from watchpost.fleet import cache
from watchpost.fleet.cameras import Fault, deal
from watchpost.fleet.clips import FleetOptions, Variant, make_clips
from watchpost.fleet.faults import faulty, heavy_clip
from watchpost.fleet.outcome import Limits, Outcome
from watchpost.fleet.reference import with_reference
from watchpost.fleet.scoring import percentiles
from watchpost.fleet.stage import Stage
from watchpost.fleet.trial import Trial
from watchpost.fleet.usage import machine

_ROW = "{:<14}{:>6}{:>9}{:>10}{:>10}{:>10}{:>10}{:>9}{:>9}{:>8}  {}"


def main() -> None:
    """Measure and print."""
    wishes = _parser().parse_args()
    print(machine())
    options = FleetOptions(variant=wishes.variant, activity=wishes.activity, clips=wishes.clips)
    clips = make_clips(options, wishes.cache, lambda *_: None, usable_cores())
    heavy = heavy_clip(clips, wishes.cache)
    if wishes.reference:
        clips, _ = with_reference(clips, Stage([], wishes.model), wishes.cache, lambda *_: None)
    trial = Trial(clips, wishes.model, 5.0, "bytetrack", wishes.warm, wishes.seconds, Limits())
    healthy = wishes.cameras - len(Fault)
    others = faulty(deal(clips, wishes.cameras)[healthy:], heavy)
    heads = "run", "cams", "events", "of full", "event p95", "lag p50", "lag p95", "done/s", "CPU %", "other", ""
    print(_ROW.format(*heads))
    runs: list[dict[str, Any]] = []
    for _ in range(wishes.rounds):
        for name, along in (("healthy alone", []), ("with faults", others)):
            outcome = trial.run("watchpost", healthy, along)
            print(_row(name, outcome), flush=True)
            runs.append({"faults": bool(along)} | outcome.as_dict())
    if wishes.json is not None:
        wishes.json.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1) + "\n", encoding="utf-8")


def _row(name: str, outcome: Outcome) -> str:
    measured, score = outcome.measured, outcome.score
    lags, delays = percentiles(measured.lags_s), percentiles(outcome.event_delays_s)
    return _ROW.format(
        name,
        outcome.cameras,
        "-" if score is None else f"{score.found}/{score.expected}",
        "-" if score is None else f"{score.known_found}/{score.known}",
        "-" if delays is None else f"{delays[1]:.2f} s",
        "-" if lags is None else f"{lags[0]:.2f} s",
        "-" if lags is None else f"{lags[1]:.2f} s",
        f"{measured.analysed / measured.seconds:.1f}" if measured.seconds else "-",
        f"{100 * outcome.cpu_share:.0f}",
        f"{100 * outcome.others_share:.0f} %",
        outcome.broken or "sustained",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    model = Path(__file__).parents[1] / "src/watchpost/detectors/cards/watchpost-person.onnx"
    parser.add_argument("--cameras", type=int, default=50, help="the four that misbehave among them")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--warm", type=float, default=20.0, help="seconds; the 8K camera must have been found out")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each measurement")
    parser.add_argument("--variant", choices=get_args(Variant), default="clean")
    parser.add_argument("--activity", type=float, default=0.1)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--model", type=Path, default=model)
    parser.add_argument(
        "--no-reference", dest="reference", action="store_false", help="leave out what full decoding finds"
    )
    parser.add_argument("--cache", type=Path, default=cache.folder())
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
