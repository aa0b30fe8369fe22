"""Measuring models and trackers with the metrics of the field."""
