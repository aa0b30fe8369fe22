"""A tiny run in a process of its own, for tests that kill it: FOLDER and, after a first time, the checkpoint in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import shapes
import torch

from watchpost.training import checkpoint, loop

torch.set_num_threads(1)
folder = Path(sys.argv[1])
recipe = shapes.recipe(epochs=3, batch=2, save_every=0.0, evaluate_every=3, amp=sys.argv[2])
last = folder / loop.LAST
resumed = checkpoint.load(last) if last.exists() else None
print("ready", flush=True)
watcher = shapes.Silent()
outcome = loop.train(recipe, shapes.pictures(folder / "pictures", 6), folder, watcher=watcher, resumed=resumed)
weights = checkpoint.load(last).ema
digest = sum(float(value.double().abs().sum()) for value in weights.values())
history = [{name: row[name] for name in row if name != "seconds"} for row in outcome.progress.history]
print(json.dumps({"history": history, "weights": digest}), flush=True)
