"""The people who may ask, their tokens and their sessions: one SQLite file (WAL) beside the events.

The server and `watchpost users` may have it open at once: each question is asked of the file, so that a user who is
removed is gone with the next request. Of passwords the file has Argon2id hashes, of tokens and sessions, which are
random, SHA-256 digests.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from watchpost.clock import Clock
from watchpost.errors import WatchpostError
from watchpost.web.access import Role, User
from watchpost.web.passwords import Passwords, check_password

FILE: Final = "accounts.db"
TOKEN_PREFIX: Final = "wp_"  # noqa: S105 - so that scanners find a token that lies about
SESSION_S: Final = 7 * 86_400.0
"""A session ends after this, however busy it is, ..."""
SESSION_IDLE_S: Final = 24 * 3600.0
"""... and after so long without a request."""
MAX_NAME: Final = 64
_NOTED_S: Final = 60.0
"""How exactly the last use of a session or token is known."""
_MAX_SESSIONS: Final = 64
"""Of one user; the oldest gives way."""
_MAX_TOKENS: Final = 64
_BUSY_TIMEOUT_S: Final = 5.0
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE users (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    role TEXT NOT NULL,
    cameras TEXT,                   -- a JSON list, NULL for all
    password TEXT NOT NULL,
    created_s REAL NOT NULL
) STRICT;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_s REAL NOT NULL,
    expires_s REAL,
    used_s REAL
) STRICT;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,
    user TEXT NOT NULL COLLATE NOCASE REFERENCES users ON DELETE CASCADE,
    created_s REAL NOT NULL,
    seen_s REAL NOT NULL
) STRICT;
"""


class AccountError(WatchpostError):
    """What was asked for can not be done with the accounts as they are."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has a password here. Times are seconds since 1970-01-01 UTC."""

    name: str
    role: Role
    cameras: frozenset[str] | None
    """The only ones that a viewer may see; `None`: all."""
    created_s: float
    tokens: int
    sessions: int
    """That are open."""

    @property
    def user(self) -> User:
        """Who this is to the routes."""
        return User(self.name, self.role, self.cameras)


@dataclass(frozen=True, slots=True)
class Token:
    """A personal token without its secret. Times are seconds since 1970-01-01 UTC."""

    id: str
    user: str
    name: str
    created_s: float
    expires_s: float | None
    used_s: float | None
    """Within a minute; `None`: never."""


class Accounts:
    """Users, tokens and sessions. Methods may be called from any thread.

    Raises `WatchpostError` when the file can not be used, `AccountError` for what can not be done.
    """

    def __init__(self, data: Path, clock: Clock, passwords: Passwords | None = None) -> None:
        self.passwords = passwords or Passwords()
        self._clock = clock
        self._path = data / FILE
        self._lock = threading.Lock()
        with self._errors():
            try:
                data.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            except OSError as error:
                raise WatchpostError(f"{self._path} can not be made: {error.strerror}.") from None
            self._db = self._connected("FULL", _BUSY_TIMEOUT_S)
            self._migrate()
            self._notes = self._connected("NORMAL", 0.0)

    def has_users(self) -> bool:
        """Whether anybody can log in."""
        return bool(self._rows("SELECT 1 FROM users LIMIT 1"))

    def users(self) -> list[Account]:
        """All users, by name."""
        return [_account(row) for row in self._rows(f"{self._select()} ORDER BY name")]

    def account(self, name: str) -> Account | None:
        """One user."""
        rows = self._rows(f"{self._select()} WHERE name = ?", name)
        return _account(rows[0]) if rows else None

    def hash_of(self, name: str) -> tuple[User, str] | None:
        """A user and the hash of the password."""
        rows = self._rows("SELECT name, role, cameras, password FROM users WHERE name = ?", name)
        return (_user(rows[0]), rows[0]["password"]) if rows else None

    def add(self, name: str, role: Role, password: str, cameras: frozenset[str] | None = None) -> None:
        """Make a user. Takes as long as a hash."""
        name = checked_name(name)
        check_password(password, name)
        row = (name, role, _cameras_text(role, cameras), self.passwords.hashed(password), self._clock.wall_time_s())
        with self._writing() as db:
            if db.execute("SELECT 1 FROM users WHERE name = ?", (name,)).fetchone():
                raise AccountError(f"there is a user {name} already.")
            db.execute("INSERT INTO users VALUES (?, ?, ?, ?, ?)", row)
            _check_admin_left(db)

    def change(self, name: str, role: Role, cameras: frozenset[str] | None) -> None:
        """Give a user another role or other cameras, from the next request on."""
        with self._writing() as db:
            changed = db.execute(
                "UPDATE users SET role = ?, cameras = ? WHERE name = ?", (role, _cameras_text(role, cameras), name)
            )
            _check_found(changed, name)
            _check_admin_left(db)

    def set_password(self, name: str, password: str, keep_session: str = "") -> None:
        """Change a password and end the user's sessions but that of a key. Takes as long as a hash."""
        check_password(password, name)
        hashed = self.passwords.hashed(password)
        with self._writing() as db:
            _check_found(db.execute("UPDATE users SET password = ? WHERE name = ?", (hashed, name)), name)
            db.execute("DELETE FROM sessions WHERE user = ? AND digest != ?", (name, digest(keep_session)))

    def remove(self, name: str) -> None:
        """Remove a user with all tokens and sessions."""
        with self._writing() as db:
            _check_found(db.execute("DELETE FROM users WHERE name = ?", (name,)), name)
            _check_admin_left(db)

    # ---- sessions

    def open_session(self, name: str) -> str:
        """The key of a new session, for a cookie."""
        key, now_s = secrets.token_urlsafe(32), self._clock.wall_time_s()
        with self._writing() as db:
            db.execute(
                "DELETE FROM sessions WHERE created_s < ? OR seen_s < ?", (now_s - SESSION_S, now_s - SESSION_IDLE_S)
            )
            db.execute(
                "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE user = ?"
                " ORDER BY seen_s DESC LIMIT -1 OFFSET ?)",
                (name, _MAX_SESSIONS - 1),
            )
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (digest(key), name, now_s, now_s))
        return key

    def session_user(self, key: str) -> User | None:
        """Whose session it is, `None` where none is open; notes that it is used."""
        now_s = self._clock.wall_time_s()
        rows = self._rows(
            "SELECT users.name, role, cameras, seen_s FROM sessions JOIN users ON users.name = user"
            " WHERE digest = ? AND sessions.created_s > ? AND seen_s > ?",
            digest(key),
            now_s - SESSION_S,
            now_s - SESSION_IDLE_S,
        )
        if not rows:
            return None
        if rows[0]["seen_s"] < now_s - _NOTED_S:
            self._note("UPDATE sessions SET seen_s = ? WHERE digest = ?", now_s, digest(key))
        return _user(rows[0])

    def close_session(self, key: str) -> None:
        """End a session."""
        with self._writing() as db:
            db.execute("DELETE FROM sessions WHERE digest = ?", (digest(key),))

    def close_sessions(self, name: str) -> None:
        """End all sessions of a user."""
        with self._writing() as db:
            db.execute("DELETE FROM sessions WHERE user = ?", (name,))

    # ---- tokens

    def make_token(self, user: str, name: str, lasts_s: float | None) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once; it ends after `lasts_s`, or never."""
        secret, now_s = TOKEN_PREFIX + secrets.token_urlsafe(32), self._clock.wall_time_s()
        ends_s = None if lasts_s is None else now_s + lasts_s
        with self._writing() as db:
            found = db.execute("SELECT name FROM users WHERE name = ?", (user,)).fetchone()
            if found is None:
                raise AccountError("tokens belong to users: log in as one.")
            if db.execute("SELECT count(*) FROM tokens WHERE user = ?", (user,)).fetchone()[0] >= _MAX_TOKENS:
                raise AccountError(f"a user has at most {_MAX_TOKENS} tokens; revoke one that is no longer needed.")
            token = Token(secrets.token_hex(8), found["name"], checked_name(name), now_s, ends_s, None)
            row = (token.id, token.user, token.name, digest(secret), now_s, ends_s, None)
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return token, secret

    def tokens(self, user: str | None = None) -> list[Token]:
        """The tokens of a user, or of all, oldest first."""
        where, values = ("", ()) if user is None else ("WHERE user = ?", (user,))
        columns = "id, user, name, created_s, expires_s, used_s"
        rows = self._rows(f"SELECT {columns} FROM tokens {where} ORDER BY created_s, rowid", *values)  # noqa: S608
        return [Token(**dict(row)) for row in rows]

    def revoke_token(self, token_id: str) -> None:
        """End a token."""
        with self._writing() as db:
            if not db.execute("DELETE FROM tokens WHERE id = ?", (token_id,)).rowcount:
                raise AccountError("there is no such token.")

    def token_user(self, secret: str) -> User | None:
        """Whose token it is, `None` where there is none or it has ended; notes that it is used."""
        if not secret.startswith(TOKEN_PREFIX):
            return None
        now_s = self._clock.wall_time_s()
        rows = self._rows(
            "SELECT users.name, role, cameras, used_s FROM tokens JOIN users ON users.name = user"
            " WHERE digest = ? AND (expires_s IS NULL OR expires_s > ?)",
            digest(secret),
            now_s,
        )
        if not rows:
            return None
        if (rows[0]["used_s"] or 0.0) < now_s - _NOTED_S:
            self._note("UPDATE tokens SET used_s = ? WHERE digest = ?", now_s, digest(secret))
        return _user(rows[0])

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        with self._lock:
            self._db.close()
            self._notes.close()

    # ---- the file

    def _select(self) -> str:
        now_s = self._clock.wall_time_s()
        since = f"created_s > {now_s - SESSION_S!r} AND seen_s > {now_s - SESSION_IDLE_S!r}"
        return (
            "SELECT name, role, cameras, created_s,"  # noqa: S608 - numbers of our own
            " (SELECT count(*) FROM tokens WHERE user = users.name) AS tokens,"
            f" (SELECT count(*) FROM sessions WHERE user = users.name AND sessions.{since}) AS sessions FROM users"
        )

    def _rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, self._errors():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards, or nothing."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _note(self, statement: str, *values: Any) -> None:
        """Write what need not survive a power cut, and no request waits for: neither for the disk nor for a lock."""
        with self._lock:
            try:
                self._notes.execute(statement, values)
            except sqlite3.OperationalError:
                return  # somebody else writes, or the disk is full: the next request notes it

    def _connected(self, synchronous: str, timeout_s: float) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "foreign_keys = ON"):
            db.execute(f"PRAGMA {pragma}")
        return db

    def _migrate(self) -> None:
        with self._writing() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise WatchpostError(f"{self._path} was written by a newer Watchpost; use that one.")
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WatchpostError(f"{self._path} can not be used: {error}.") from None


def digest(secret: str) -> bytes:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def checked_name(name: str) -> str:
    """A name of a user or token. Raises `AccountError`."""
    if not name or name != name.strip() or len(name) > MAX_NAME or not name.isprintable() or set(name) & set(":/\\"):
        raise AccountError(f"a name has 1 to {MAX_NAME} characters, none of them : / or \\, and no space at an end.")
    return name


def _cameras_text(role: Role, cameras: frozenset[str] | None) -> str | None:
    if cameras is not None and role is not Role.VIEWER:
        raise AccountError(f"a list of cameras limits viewers; {role}s see all.")
    return None if cameras is None else json.dumps(sorted(cameras), ensure_ascii=False)


def _check_found(changed: sqlite3.Cursor, name: str) -> None:
    if not changed.rowcount:
        raise AccountError(f"there is no user {name}.")


def _check_admin_left(db: sqlite3.Connection) -> None:
    users, admins = db.execute("SELECT count(*), total(role = ?) FROM users", (Role.ADMIN,)).fetchone()
    if users and not admins:
        raise AccountError("at least one user has to be an admin: make one first.")


def _user(row: sqlite3.Row) -> User:
    cameras = None if row["cameras"] is None else frozenset(json.loads(row["cameras"]))
    return User(row["name"], Role(row["role"]), cameras)


def _account(row: sqlite3.Row) -> Account:
    user = _user(row)
    return Account(user.name, user.role, user.cameras, row["created_s"], row["tokens"], row["sessions"])


def has_users_at(data: Path) -> bool:
    """Whether the accounts of a data folder have a user; nothing is made or changed."""
    path = data / FILE
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as db:
            return db.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False
