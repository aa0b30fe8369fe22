from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from watchpost.errors import WatchpostError
from watchpost.stores import EventFilter, sqlite
from watchpost.stores.embedded import migrations
from watchpost.types import Event, Moment, new_event_id


def event(wall_time_s: float = 1000.0, snapshot: bytes | None = None) -> Event:
    moment = Moment(0.0, wall_time_s)
    return Event(new_event_id(), "yard", "who", "left", "person", 1, moment, moment, 0.5, None, snapshot=snapshot)


def open_store(path: Path, **options: int) -> sqlite.SqliteStore:
    return sqlite.create(sqlite.Options(path=path, **options))


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    open_store(tmp_path / "data" / "events.db").close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    open_store(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(WatchpostError, match=r"newer Watchpost \(schema 99"):
        open_store(path)


def test_an_older_schema_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.db"
    first = open_store(path)
    kept = event()
    first.add([kept])
    first.close()
    step = ("ALTER TABLE events ADD COLUMN seen INTEGER NOT NULL DEFAULT 0",)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, step))
    second = open_store(path)
    assert second.search(EventFilter()) == [kept]
    second.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(migrations.MIGRATIONS),)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.db"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, ("CREATE NONSENSE",)))
    with pytest.raises(WatchpostError):
        open_store(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_bytes(b"these are my holiday notes " * 100)
    with pytest.raises(WatchpostError, match="not a Watchpost store"):
        open_store(path)
    assert path.read_bytes().startswith(b"these are my holiday notes")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    store = open_store(path)
    store.add([event() for _ in range(2000)])
    store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(WatchpostError, match=r"events\.db: .*(damaged|malformed)"):
        open_store(path).search(EventFilter(limit=5000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WatchpostError, match="can not be opened"):
        open_store(tmp_path / "events.db")


def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "events.db")
    store._connections.writer.execute(
        "PRAGMA query_only = ON"
    )  # what a read-only file looks like to SQLite, for root too
    with pytest.raises(WatchpostError, match="can not be written"):
        store.add([event()])
    store.close()


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    with pytest.raises(WatchpostError, match="can not be opened"):
        open_store(tmp_path)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(WatchpostError, match=r"folder of .* can not be made"):
        open_store(tmp_path / "folder" / "events.db")


def test_a_full_disk_is_named_and_what_was_kept_stays(tmp_path: Path) -> None:
    store = open_store(tmp_path / "events.db")
    kept = event()
    store.add([kept])
    pages = store._connections.writer.execute("PRAGMA page_count").fetchone()[0]
    store._connections.writer.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own way to run out of room
    with pytest.raises(WatchpostError, match="disk is full"):
        store.add([event(snapshot=b"x" * 100_000)])
    assert store.search(EventFilter()) == [kept]
    store._connections.writer.execute("PRAGMA max_page_count = 100000")
    store.add([event(snapshot=b"x" * 100_000)])
    assert len(store.search(EventFilter())) == 2
    store.close()


def test_snapshots_are_bounded_and_the_oldest_give_way(tmp_path: Path) -> None:
    store = open_store(tmp_path / "events.db", snapshots_mb=1)
    events = [event(snapshot=bytes(300_000)) for _ in range(5)]
    events.sort(key=lambda each: each.id)
    for each in events:
        store.add([each])
    assert [store.snapshot(each.id) is not None for each in events] == [False, False, True, True, True]
    assert len(store.search(EventFilter())) == 5
    store.close()


def test_pruning_gives_room_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    store = open_store(path)
    store.add([event(snapshot=bytes(50_000)) for _ in range(40)])
    store.prune(2000)
    store.close()
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize(
    "query",
    [
        EventFilter(),
        EventFilter(since_wall_time_s=5.0),
        EventFilter(until_wall_time_s=5.0),
        EventFilter(cameras=frozenset({"a"}), since_wall_time_s=5.0),
        EventFilter(class_names=frozenset({"cat", "dog"})),
        EventFilter(text="person 정문", since_wall_time_s=5.0, newest_first=False),
    ],
)
def test_no_search_of_the_page_sorts_or_reads_everything(tmp_path: Path, query: EventFilter) -> None:
    store = open_store(tmp_path / "events.db")
    statements: list[str] = []
    with store._connections.reading() as db:
        db.set_trace_callback(statements.append)
    store.search(query)
    (statement,) = (each for each in statements if "ORDER BY" in each)
    plan = [line[3] for line in store._connections.writer.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert not any("TEMP B-TREE" in line for line in plan), plan
    if query.text or query.cameras or query.class_names:
        assert "VIRTUAL TABLE INDEX" in plan[0], plan
        assert "INTEGER PRIMARY KEY (rowid=?)" in plan[1], plan
    elif query.since_wall_time_s or query.until_wall_time_s:
        assert "SEARCH e USING INTEGER PRIMARY KEY" in plan[0], plan
    store.close()


def test_events_of_the_first_schema_are_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.db"
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrations.migrate(db, path)
        row = ["1" * 32, "정문", "who", "left", "person", 7, 1.0, 1000.25, 2.0, 1001.5, 0.5, "[0.0, 0.1, 0.2, 0.3]"]
        db.execute(f"INSERT INTO events VALUES ({', '.join('?' * 15)})", [*row, "door", '{"count": 2}', ""])
        db.execute("INSERT INTO snapshots VALUES (?, 3, ?)", ["1" * 32, b"jpg"])
    monkeypatch.undo()
    store = open_store(path)
    moments = Moment(1.0, 1000.25), Moment(2.0, 1001.5)
    box = (0.0, 0.1, 0.2, 0.3)
    kept = Event("1" * 32, "정문", "who", "left", "person", 7, *moments, 0.5, box, "door", {"count": 2})
    assert store.search(EventFilter(text="정문 door")) == [kept]
    assert store.snapshot(kept.id) == b"jpg"
    store.close()


def test_many_events_of_one_moment_keep_their_time(tmp_path: Path) -> None:
    store = open_store(tmp_path / "events.db")
    store.add([event(1000.0) for _ in range(5000)])
    store.add([event(999.0), event(1001.0)])
    found = store.search(EventFilter(limit=10_000))
    assert [each.end.wall_time_s for each in found] == [1001.0, *[1000.0] * 5000, 999.0]
    assert len({each.id for each in found}) == 5002
    store.close()


WRITER = """
import sys
from pathlib import Path
from watchpost.stores import sqlite
from watchpost.types import Event, Moment, new_event_id
store = sqlite.create(sqlite.Options(path=Path(sys.argv[1])))
moment = Moment(0.0, 1000.0)
while True:
    event = Event(new_event_id(), "yard", "who", "left", "person", 1, moment, moment, .5, None, snapshot=b"x" * 5000)
    store.add([event])
    print(event.id, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    acknowledged = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            acknowledged.append(line.strip())
            if len(acknowledged) == 40:
                child.send_signal(signal.SIGKILL)  # in the midst of the next writes
                acknowledged += [late.strip() for late in child.stdout]
                break
    store = open_store(path)
    found = {each.id for each in store.search(EventFilter(limit=10_000))}
    assert set(acknowledged) <= found
    assert all(store.snapshot(each) == b"x" * 5000 for each in acknowledged)
    store.close()
