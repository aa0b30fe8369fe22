"""One validated configuration of a server, from one YAML file."""

from watchpost.config.models import (
    MIN_TOKEN_LENGTH,
    Camera,
    Configuration,
    ModelSection,
    RuleSection,
    SinkSection,
    StoreSection,
    TrackerSection,
    Web,
    is_loopback,
)
from watchpost.config.reader import InvalidConfigError, Problem, load, loads

__all__ = [
    "MIN_TOKEN_LENGTH",
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
    "is_loopback",
    "load",
    "loads",
]
