"""Many pipelines: start, restart, reload, and the health of it all."""
