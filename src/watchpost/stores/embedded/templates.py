"""Index templates: what an index gets that is made by its first document."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from watchpost.stores.embedded.connection import Connections
from watchpost.stores.query.errors import QueryError, illegal, unsupported
from watchpost.stores.query.mapping import IndexMapping

MAX_TEMPLATES = 100


class Templates:
    """Composable index templates (`_index_template`), by name."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, name: str, body: Mapping[str, Any]) -> None:
        """Keep a template. Raises `QueryError` for one that is malformed."""
        patterns = body.get("index_patterns")
        if isinstance(patterns, str):
            patterns = [patterns]
        if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
            raise illegal("[index_patterns] is a list of patterns of names")
        for key in body:
            if key not in ("index_patterns", "template", "priority", "version", "_meta"):
                raise unsupported(f"[{str(key)[:64]}] in an index template")
        template = body.get("template", {})
        if not isinstance(template, Mapping) or not isinstance(body.get("priority", 0), int):
            raise illegal("[template] is an object, [priority] a whole number")
        IndexMapping(template.get("mappings", {}))
        text = json.dumps({**body, "index_patterns": patterns})
        with self._connections.writing() as db:
            if db.execute("SELECT count(*) FROM index_templates").fetchone()[0] >= MAX_TEMPLATES:
                raise illegal(f"there are {MAX_TEMPLATES} index templates already; delete some first")
            db.execute("INSERT OR REPLACE INTO index_templates VALUES (?, ?)", (name, text))

    def get(self, pattern: str) -> dict[str, dict[str, Any]]:
        """The templates whose names fit."""
        with self._connections.reading() as db:
            rows = db.execute("SELECT name, body FROM index_templates ORDER BY name").fetchall()
        found = {name: json.loads(body) for name, body in rows if fnmatchcase(name, pattern)}
        if not found and "*" not in pattern:
            raise _missing(pattern)
        return found

    def delete(self, name: str) -> None:
        """Delete a template."""
        with self._connections.writing() as db:
            if not db.execute("DELETE FROM index_templates WHERE name = ?", (name,)).rowcount:
                raise _missing(name)

    def for_index(self, db: sqlite3.Connection, index: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings and mapping of a new index."""
        fitting = []
        for (text,) in db.execute("SELECT body FROM index_templates"):
            body = json.loads(text)
            if any(fnmatchcase(index, pattern) for pattern in body["index_patterns"]):
                fitting.append(body)
        if not fitting:
            return {}, {}
        chosen = max(fitting, key=lambda body: int(body.get("priority", 0))).get("template", {})
        return chosen.get("settings", {}), chosen.get("mappings", {})


def _missing(name: str) -> QueryError:
    return QueryError(f"index template matching [{name[:255]}] not found", "resource_not_found_exception", 404)
