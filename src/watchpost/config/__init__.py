"""One validated configuration of a server, from one YAML file."""

from watchpost.config.models import (
    Camera,
    Configuration,
    ModelSection,
    RuleSection,
    SinkSection,
    StoreSection,
    TrackerSection,
    Web,
)
from watchpost.config.reader import InvalidConfigError, Problem, load, loads

__all__ = [
    "Camera",
    "Configuration",
    "InvalidConfigError",
    "ModelSection",
    "Problem",
    "RuleSection",
    "SinkSection",
    "StoreSection",
    "TrackerSection",
    "Web",
    "load",
    "loads",
]
