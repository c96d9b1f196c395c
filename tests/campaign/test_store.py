"""The event log on both databases: nothing lost, nothing half-written, edits found."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.store.database import LOCK, STORE, Database, StoreAway, patience
from campaign.store.events import GENESIS, Act, Event, chain_problems, chained
from campaign.store.live import Letter, LiveStore, Measured
from campaign.store.log import EventLog, open_log
from campaign.store.migrate import HEAD, REVISIONS, SCRIPTS
from campaign.store.tables import METADATA
from campaign.store.transfer import back_up, export_log, import_log, restore, sound_events

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
WRITER = """
import sys
from datetime import UTC, datetime
from campaign.store.events import Act
from campaign.store.log import EventLog
log = EventLog(sys.argv[1], "store")
for i in range(int(sys.argv[3])):
    act = Act(kind="sign", campaign="d11", subject=f"item-{i}", actor=sys.argv[2], role="sre",
              at_utc=datetime(2026, 11, 7, 12, tzinfo=UTC), body={"note": "签字", "n": i})
    log.record(act)
    print(i, flush=True)
"""


def act(subject: str = "smoke", actor: str = "lin", at: datetime = NOW, **body: object) -> Act:
    return Act(kind="sign", campaign="d11", subject=subject, actor=actor, role="sre", at_utc=at, body=body)


def as_postgres(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A PostgreSQL of our own on loopback, gone afterwards; skipped where its programs are not installed."""
    if not (shutil.which("initdb") and shutil.which("pg_ctl")):
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="surgeplan-pg-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        data, options = f"{folder}/data", f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "check": True, "timeout": 60}
        subprocess.run(as_postgres(["initdb", "-D", data, "-U", "plan", "-A", "trust", "-N"]), **quiet)  # type: ignore[call-overload]
        free.close()
        subprocess.run(as_postgres(["pg_ctl", "-D", data, "-o", options, "-w", "start"]), **quiet)  # type: ignore[call-overload]
        try:
            yield f"postgresql+psycopg://plan@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(as_postgres(["pg_ctl", "-D", data, "-m", "immediate", "stop"]), **quiet)  # type: ignore[call-overload]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    found: str = request.getfixturevalue("cluster")
    engine = create_engine(found)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return found


@pytest.fixture
def log(url: str) -> EventLog:
    return EventLog(url, "store")


def refused(call: object, *given: object) -> str:
    assert callable(call)
    with pytest.raises(UserError) as caught:
        call(*given)
    return str(caught.value)


def test_acts_read_back_in_order_and_whole(log: EventLog) -> None:
    assert log.events() == []
    first = log.append(lambda events: act("smoke", note="下单成功", order=7.25))
    second = log.record(act("freeze", at=NOW + timedelta(hours=1)))
    assert log.events() == [first, second]
    assert (first.sequence, first.previous, second.previous) == (1, GENESIS, first.hash)
    assert chain_problems(log.events(), "store") == []


def test_events_of_one_campaign_only(log: EventLog) -> None:
    log.record(act())
    log.record(act().model_copy(update={"campaign": "other"}))
    assert [e.campaign for e in log.events("other")] == ["other"]


def test_a_decision_sees_everything_before_it_and_may_refuse(log: EventLog) -> None:
    def once(events: Sequence[Event]) -> Act:
        if any(e.subject == "smoke" for e in events):
            raise UserError(Problem(say("already signed")))
        return act("smoke")

    log.append(once)
    assert refused(log.append, once) == "already signed"
    assert len(log.events()) == 1


def test_a_clock_set_back_is_refused(log: EventLog) -> None:
    log.record(act())
    log.record(act(at=NOW - timedelta(minutes=4)))
    told = refused(log.record, act(at=NOW - timedelta(hours=1)))
    assert told.startswith("store: this act is dated 2026-11-07T11:00:00+00:00, before the newest one")
    assert len(log.events()) == 2


@pytest.mark.slow
def test_eight_writers_of_five_hundred_acts_lose_none(url: str) -> None:
    EventLog(url, "store").record(act("first"))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{i}", "500"], stdout=subprocess.DEVNULL)
        for i in range(8)
    ]
    assert [writer.wait(timeout=240) for writer in writers] == [0] * 8
    events = EventLog(url, "store").events()
    assert len(events) == 1 + 8 * 500
    assert chain_problems(events, "store") == []
    for i in range(8):
        assert [e.body["n"] for e in events if e.actor == f"w{i}"] == list(range(500))


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_log(url: str) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url, "w", "1000"], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    acknowledged = -1
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged >= 200:
            writer.send_signal(signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    writer.stdout.close()
    writer.wait(timeout=10)
    events = EventLog(url, "store").events()
    assert len(events) in (acknowledged + 1, acknowledged + 2)
    assert chain_problems(events, "store") == []
    assert EventLog(url, "store").record(act()).sequence == len(events) + 1


@pytest.mark.parametrize(
    "edit", ["UPDATE event SET actor = 'eve' WHERE sequence = 2", "DELETE FROM event WHERE sequence = 2"]
)
def test_an_edited_log_is_found(url: str, edit: str) -> None:
    log = EventLog(url, "store")
    for i in range(4):
        log.record(act(f"item-{i}"))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(edit))
    engine.dispose()
    told = refused(sound_events, log)
    assert told.startswith(("store: event 2 is not as it was written", "store: event 3 is not as it was written"))


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(), st.booleans()), min_size=2, max_size=6), st.data())
def test_any_changed_or_missing_event_breaks_the_chain(acts: list[tuple[str, int, bool]], data: st.DataObject) -> None:
    events: list[Event] = []
    for subject, number, flag in acts:
        events.append(chained(act(subject, n=number, f=flag), len(events) + 1, events[-1].hash if events else GENESIS))
    assert chain_problems(events, "store") == []
    at = data.draw(st.integers(0, len(events) - 2))
    assert chain_problems(events[:at] + events[at + 1 :], "store")
    changed = events[at].model_copy(update={"subject": events[at].subject + "x"})
    assert chain_problems([*events[:at], changed, *events[at + 1 :]], "store")


def test_an_export_fills_an_empty_store_of_either_kind(log: EventLog, tmp_path: Path) -> None:
    written = [log.record(act(f"item-{i}", note="好")) for i in range(3)]
    assert export_log(log, tmp_path / "log.jsonl") == 3
    other = open_log(tmp_path / "other")
    assert import_log(other, tmp_path / "log.jsonl") == 3
    assert other.events() == written
    assert "has events already" in refused(import_log, other, tmp_path / "log.jsonl")


def test_a_backup_is_one_file_and_restores(log: EventLog, tmp_path: Path) -> None:
    written = [log.record(act(f"item-{i}")) for i in range(3)]
    (tmp_path / "backups").mkdir()
    assert back_up(log, tmp_path / "backups" / "b.db") == 3
    assert [p.name for p in (tmp_path / "backups").iterdir()] == ["b.db"]
    other = open_log(tmp_path / "other")
    assert restore(other, tmp_path / "backups" / "b.db") == 3
    assert other.events() == written
    assert [p.name for p in (tmp_path / "backups").iterdir()] == ["b.db"]


def test_an_edited_export_is_not_imported(log: EventLog, tmp_path: Path) -> None:
    log.record(act("a"))
    log.record(act("b"))
    export_log(log, tmp_path / "log.jsonl")
    text_of = (tmp_path / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(text_of.replace('"subject": "a"', '"subject": "x"'))
    other = open_log(tmp_path / "other")
    assert "event 1 is not as it was written" in refused(import_log, other, tmp_path / "log.jsonl")
    (tmp_path / "log.jsonl").write_text("nonsense\n")
    assert "log.jsonl:1: is not an event" in refused(import_log, other, tmp_path / "log.jsonl")
    assert other.events() == []


def test_a_store_from_a_newer_version_is_refused_untouched(url: str) -> None:
    log = EventLog(url, "store")
    log.record(act())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for call in (EventLog(url, "store").events, lambda: EventLog(url, "store").record(act())):
        assert f"was written by a newer surgeplan (schema 9999, known up to {HEAD})" in refused(call)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM event")).scalar() == 1
    engine.dispose()


def test_the_migrations_end_where_the_tables_are(log: EventLog, url: str) -> None:
    log.record(act())
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == HEAD
    assert {script.revision for script in scripts.walk_revisions()} == set(REVISIONS)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


def test_reading_creates_nothing(tmp_path: Path) -> None:
    assert open_log(tmp_path).events() == []
    assert list(tmp_path.iterdir()) == []
    open_log(tmp_path).record(act())
    assert (tmp_path / STORE).is_file()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / STORE).write_text("not a database, " * 100)
    told = refused(open_log(tmp_path).events)
    assert told.startswith("state/surgeplan.db: is damaged: ")
    assert "surgeplan state restore" in told


def test_a_cut_off_database_is_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for i in range(200):
        log.record(act(f"item-{i}"))
    with closing(sqlite3.connect(tmp_path / STORE)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    whole = (tmp_path / STORE).read_bytes()
    (tmp_path / STORE).write_bytes(whole[: len(whole) // 2])
    assert "state/surgeplan.db: is damaged" in refused(log.events)


@pytest.mark.parametrize(
    ("given_url", "told"),
    [
        ("nonsense", "SURGEPLAN_STATE: is not a database surgeplan knows"),
        ("oracle-of-delphi://x", "SURGEPLAN_STATE: is not a database surgeplan knows"),
        ("postgresql+psycopg://plan@127.0.0.1:1/none", "SURGEPLAN_STATE: cannot be used"),
    ],
)
def test_an_unusable_url_is_refused(tmp_path: Path, given_url: str, told: str) -> None:
    assert told in refused(lambda: open_log(tmp_path, given_url).record(act()))


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_is_refused_before_anything_is_written(
    cluster: str, tmp_path: Path, encoding: str
) -> None:
    engine = create_engine(cluster, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE d_{encoding} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"))
    other = cluster.replace("/postgres", f"/d_{encoding.lower()}")
    log = open_log(tmp_path, other)
    for call in (lambda: log.record(act(note="签字")), log.events, log.newest):
        told = refused(call)
        assert told.startswith(f"SURGEPLAN_STATE: is a database in {encoding}, not UTF8")
        assert "ENCODING 'UTF8' TEMPLATE template0" in told


def test_a_locked_store_is_waited_for_no_longer_than_patience_says(log: EventLog, url: str) -> None:
    log.record(act())
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as holder:
        sqlite = engine.dialect.name == "sqlite"
        holder.execute(text("BEGIN IMMEDIATE" if sqlite else f"SELECT pg_advisory_lock({LOCK})"))
        with patience(20):
            hurried = EventLog(url, "store")
        with pytest.raises(StoreAway, match="store: is locked: another program keeps writing to it"):
            hurried.record(act())
        assert len(hurried.events()) == 1
    assert hurried.record(act()).sequence == 2


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a PostgreSQL whose host takes connections and never says a word."""
    pytest.importorskip("psycopg")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"postgresql+psycopg://plan@127.0.0.1:{listening.getsockname()[1]}/postgres"


def test_a_store_that_does_not_answer_is_waited_for_no_longer_than_patience_says(silent: str) -> None:
    with patience(20):
        hurried = EventLog(silent, "store")
    began = time.monotonic()
    with pytest.raises(StoreAway, match=r"store: does not answer(?s:.)*what was to be written was not"):
        hurried.record(act())
    with pytest.raises(StoreAway, match=r"store: does not answer(?s:.)*from here$"):
        hurried.events()
    assert time.monotonic() - began < 8  # without it: more than two minutes each


def test_a_url_may_say_itself_how_long_a_connection_is_waited_for(silent: str) -> None:
    began = time.monotonic()
    with pytest.raises(StoreAway):
        EventLog(f"{silent}?connect_timeout=2", "store").events()
    assert time.monotonic() - began < 10  # without it: half a minute


def test_two_decisions_at_once_see_each_other(url: str, tmp_path: Path) -> None:
    """Two processes that both want to be the only signer: one of them is refused."""
    script = (
        "import sys\nfrom datetime import UTC, datetime\nfrom campaign.store.events import Act\n"
        "from campaign.store.log import EventLog\n"
        "def decide(events):\n"
        "    if any(e.kind == 'only' for e in events):\n        sys.exit(3)\n"
        "    return Act(kind='only', campaign='d11', subject='s', actor=sys.argv[2], role='sre',"
        " at_utc=datetime(2026, 11, 7, tzinfo=UTC))\n"
        "EventLog(sys.argv[1], 'store').append(decide)\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, url, name]) for name in ("lin", "wang")]
    deadline = time.monotonic() + 60
    assert sorted(p.wait(timeout=deadline - time.monotonic()) for p in both) == [0, 3]
    assert len(EventLog(url, "store").events()) == 1


FIRST_WRITER = """
import sys, time
from datetime import UTC, datetime
from campaign.store.events import Act
from campaign.store.log import EventLog
start, name = float(sys.argv[1]), sys.argv[2]
for i, url in enumerate(sys.argv[3:]):
    log = EventLog(url, "store")
    act = Act(kind="sign", campaign="d11", subject="smoke", actor=name, role="sre",
              at_utc=datetime(2026, 11, 7, 12, tzinfo=UTC))
    while time.time() < start + i * 0.15:
        pass
    log.record(act)
"""


def test_two_first_writers_of_a_new_store_both_count(tmp_path: Path) -> None:
    """The file, its write-ahead log and its tables are made by whoever comes first; the others wait."""
    stores = [f"sqlite:///{tmp_path / str(i)}.db" for i in range(30)]
    writers = [
        subprocess.Popen([sys.executable, "-c", FIRST_WRITER, str(time.time() + 2), name, *stores])
        for name in ("lin", "wang", "zhao", "chen")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    assert [len(EventLog(store, "store").events()) for store in stores] == [4] * 30


def test_a_value_is_replaced_until_it_is_final(url: str) -> None:
    store = LiveStore(Database(url, "store"))
    for value, final in ((1.0, False), (2.0, False), (3.0, True), (4.0, False), (5.0, True)):
        store.keep("d11", [Measured("requests", "shop", 60, 600, value, final)])
    found = store.measured("d11", 60, datetime.fromtimestamp(0, UTC), NOW)
    assert found == [Measured("requests", "shop", 60, 600, 5.0, True)]
    assert store.newest("d11", 60, "requests") == datetime.fromtimestamp(600, UTC)
    assert store.newest("d11", 60, "orders") is None


def test_a_letter_is_claimed_once_and_one_that_was_lost_under_way_is_never_sent_again(url: str) -> None:
    store, lease, pause = LiveStore(Database(url, "store")), timedelta(minutes=1), timedelta(seconds=20)
    letters = [Letter(f"d11/{n}", "d11", "t", NOW + timedelta(seconds=n), {"title": "八点"}) for n in range(2)]
    assert store.post(letters) == 2
    assert store.post(letters) == 0
    first, second, none = (store.claim(NOW, lease, pause) for _ in range(3))
    assert first is not None
    assert second is not None
    assert (first.key, second.key, none) == ("d11/0", "d11/1", None)
    assert first.body == {"title": "八点"}
    store.mark(first.key, "sent", NOW)
    assert store.claim(NOW + 2 * lease, lease, pause) is None
    assert [letter.state for letter in store.letters("d11")] == ["sent", "unknown"]
    assert [letter.tries for letter in store.letters("d11")] == [1, 1]


def test_a_letter_that_was_not_taken_waits_twice_as_long_each_time(url: str) -> None:
    store, lease, pause = LiveStore(Database(url, "store")), timedelta(minutes=1), timedelta(seconds=20)
    store.post([Letter("d11/0", "d11", "t", NOW, {})])
    tried, now = [], NOW
    for second in range(0, 200, 5):
        now = NOW + timedelta(seconds=second)
        if store.claim(now, lease, pause) is not None:
            tried.append(second)
            store.mark("d11/0", "waiting", now)
    assert tried == [0, 20, 60, 140]


def test_the_newest_document_of_a_kind_is_kept(url: str) -> None:
    store = LiveStore(Database(url, "store"))
    assert store.document("d11", "sync") is None
    for hour in (1, 2):
        store.write("d11", "sync", NOW + timedelta(hours=hour), {"hour": hour})
    assert store.document("d11", "sync") == (NOW + timedelta(hours=2), {"hour": 2})


def test_a_store_of_events_alone_gets_the_live_tables(url: str) -> None:
    EventLog(url, "store").record(act())
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("measured", "document", "outbox"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    LiveStore(Database(url, "store")).write("d11", "sync", NOW, {})
    assert len(EventLog(url, "store").events()) == 1
