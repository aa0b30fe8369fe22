"""The wall's layouts that people saved: small, few, and one file for all of them."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from watchpost.errors import WatchpostError

FILE: Final = "layouts.json"
MAX_LAYOUTS: Final = 50
"""Of one user."""

LayoutName = Annotated[str, Field(min_length=1, max_length=40)]


class Layout(BaseModel):
    """Which cameras are on the wall."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    grid: Annotated[int, Field(ge=1, le=36)]
    """Most cameras at once."""
    cameras: Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=36)]
    """In order of their places."""


class TooManyLayoutsError(WatchpostError):
    """A user has saved as many as are kept."""


_BOOK: Final = TypeAdapter(dict[str, dict[str, Layout]])


class Layouts:
    """Layouts by user and name; kept in the folder `data`, or in memory alone without one. From any thread.

    The file is read each time: whoever removes a user from the command line removes its layouts too.

    Raises `WatchpostError` for a file that can not be read or written.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._path = None if data is None else data / FILE
        self._lock = threading.Lock()
        self._in_memory: dict[str, dict[str, Layout]] = {}
        self._read()

    def of(self, user: str) -> dict[str, Layout]:
        """The user's layouts, by name."""
        with self._lock:
            return dict(sorted(self._read().get(user, {}).items()))

    def put(self, user: str, name: str, layout: Layout) -> None:
        """Keep a layout in place of any of that name. Raises `TooManyLayoutsError` for the 51st."""
        with self._lock:
            book = self._read()
            own = {**book.get(user, {}), name: layout}
            if len(own) > MAX_LAYOUTS:
                raise TooManyLayoutsError(f"there are {MAX_LAYOUTS} layouts already; delete one first.")
            self._write({**book, user: own})

    def remove(self, user: str, name: str) -> bool:
        """Forget a layout; false where there is none of that name."""
        with self._lock:
            book = self._read()
            own = dict(book.get(user, {}))
            if own.pop(name, None) is None:
                return False
            self._write({**book, user: own})
            return True

    def forget(self, user: str) -> None:
        """The user has gone, and its layouts with it."""
        with self._lock:
            book = self._read()
            if user in book:
                self._write({name: own for name, own in book.items() if name != user})

    def _read(self) -> dict[str, dict[str, Layout]]:
        if self._path is None:
            return self._in_memory
        try:
            return _BOOK.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise WatchpostError(f"{self._path} can not be read: {error}; move it away to begin anew.") from None

    def _write(self, book: dict[str, dict[str, Layout]]) -> None:
        if self._path is not None:
            plain = {user: {name: each.model_dump() for name, each in own.items()} for user, own in book.items() if own}
            new = self._path.with_suffix(".new")
            try:
                with new.open("w", encoding="utf-8") as file:
                    json.dump(plain, file, ensure_ascii=False, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self._path)
            except OSError as error:
                raise WatchpostError(f"{self._path} can not be written: {error.strerror}.") from None
        else:
            self._in_memory = book
