"""The errors that a user may meet: one line that says what is wrong and what to do next."""


class WatchpostError(Exception):
    """Something the user can act on; the command line prints it without a traceback and exits with 1."""


class ConfigError(WatchpostError):
    """A configuration that can not be used; the message names file, line and what to write instead."""


class SourceError(WatchpostError):
    """A source can not be opened or has broken off.

    `permanent` says that trying again can not help: a missing file, an unknown scheme, a refused password.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class MissingExtraError(WatchpostError):
    """An optional library is not installed; the message is the line that installs it."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed. Install it with: pip install 'watchpost[{extra}]'")


class TargetError(WatchpostError):
    """A stream can not be handed on, or no longer.

    `permanent` says that trying again can not help: an address that is none, a refused key, a codec that the target
    can not carry.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
