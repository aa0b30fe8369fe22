"""What differs between two configurations, so that a reload leaves alone what has not changed."""

from __future__ import annotations

from dataclasses import dataclass

from watchpost.config.models import Camera, Configuration


@dataclass(frozen=True, slots=True)
class Changes:
    """From one configuration to the next. A disabled camera counts as not there."""

    added: frozenset[str]
    """Cameras to start."""
    removed: frozenset[str]
    """Cameras to stop."""
    changed: frozenset[str]
    """Cameras to start afresh: their own settings differ, or those of their model."""
    models: frozenset[str]
    """Models that are new, gone or set otherwise."""
    server: frozenset[str]
    """Which of the settings for all cameras differ: `data`, `web`, `serve`, `sinks`, `store`, `detection`."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.models or self.server)


def changes(old: Configuration, new: Configuration) -> Changes:
    """What a server that runs `old` has to do to run `new`."""
    before, after = _running(old), _running(new)
    models = frozenset(
        name for name in old.models.keys() | new.models.keys() if old.models.get(name) != new.models.get(name)
    )
    stay = before.keys() & after.keys()
    return Changes(
        added=frozenset(after.keys() - before.keys()),
        removed=frozenset(before.keys() - after.keys()),
        changed=frozenset(name for name in stay if before[name] != after[name] or after[name].model in models),
        models=models,
        server=frozenset(
            name
            for name in ("data", "web", "serve", "sinks", "store", "detection")
            if getattr(old, name) != getattr(new, name)
        ),
    )


def _running(configuration: Configuration) -> dict[str, Camera]:
    """The cameras that run. Where their streams are handed on to does not concern them."""
    return {
        name: camera.model_copy(update={"outputs": ()})
        for name, camera in configuration.cameras.items()
        if camera.enabled
    }
