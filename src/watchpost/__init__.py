"""Deep-learning video analytics for a room full of cameras, on one server."""

__version__ = "0.1.0.dev0"
