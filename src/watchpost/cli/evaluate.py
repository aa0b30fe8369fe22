"""`watchpost evaluate`: measuring models and trackers."""

from __future__ import annotations

import typer

from watchpost.cli.evaluate_detection import evaluate_detection
from watchpost.cli.evaluate_tracking import evaluate_tracking

evaluate_app = typer.Typer(help="Measure detectors and trackers with the metrics of the field.", no_args_is_help=True)
evaluate_app.command("detection")(evaluate_detection)
evaluate_app.command("tracking")(evaluate_tracking)
