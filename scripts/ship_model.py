"""Make a trained run a shipped model: python scripts/ship_model.py runs/watchpost-person/best.pt --calibrate person/val

Writes into the package the weights in half precision (training/weights/NAME.pt, for others to begin with), the .onnx
file made from exactly these (detectors/cards/NAME.onnx), its scores calibrated on a labelled data set, and its model
card, after the check that both say the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from watchpost.datasets.detect_format import read
from watchpost.detectors.card import SHIPPED, save_card
from watchpost.detectors.onnx import OnnxEngine
from watchpost.training import checkpoint, weights
from watchpost.training.calibrate import calibrated, fit, outcomes
from watchpost.training.export import card_for, export_onnx, input_of, parity, parity_inputs, serving_of

LARGEST_MODEL = 4_000_000
"""Bytes of an .onnx file."""


def main() -> None:
    """Do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a checkpoint")
    parser.add_argument("--calibrate", type=Path, required=True, help="labelled pictures that were not trained on")
    parser.add_argument("--name", default="watchpost-person")
    parser.add_argument("--confidence", type=float, default=0.3, help="the least score of a detection, for the card")
    parser.add_argument("--licence", default="Apache-2.0")
    parser.add_argument(
        "--source", default="trained by Watchpost from scratch: recipes/person.yaml, docs/watchpost-person.md"
    )
    parser.add_argument("--note", default=None, help="what a user should know first")
    arguments = parser.parse_args()
    shipped = weights.FOLDER / f"{arguments.name}.pt"
    checkpoint.save(checkpoint.portable(checkpoint.load(arguments.run)), shipped)

    loaded = checkpoint.load(shipped)
    spec = loaded.recipe.input.spec
    scores, is_right = outcomes(loaded.detector(), read(arguments.calibrate), spec)
    curve = fit(scores, is_right)
    print(f"0.3, 0.5 and 0.7 have become {', '.join(f'{curve.of(score):.2f}' for score in (0.3, 0.5, 0.7))}")
    serving = serving_of(calibrated(loaded.detector(), curve), spec)
    file = SHIPPED / f"{arguments.name}.onnx"
    export_onnx(serving, file, spec)
    engine = OnnxEngine(file, threads=1, providers=("cpu",))
    found = parity(serving, engine, parity_inputs(spec))
    found.check()
    card = card_for(
        loaded.class_names,
        file,
        input_of(serving, spec),
        name=arguments.name,
        licence=arguments.licence,
        source=arguments.source,
    )
    card = card.model_copy(update={"confidence": arguments.confidence, "note": arguments.note})
    save_card(card, file.with_suffix(".yaml"))
    print(f"parity: boxes within {found.box_px:.2g} px, scores within {found.score:.2g}")
    for each in (shipped, file):
        print(f"{each}: {each.stat().st_size / 1e6:.2f} MB")
    if file.stat().st_size > LARGEST_MODEL:
        raise SystemExit(f"{file} has more than {LARGEST_MODEL / 1e6:g} MB")


if __name__ == "__main__":
    main()
