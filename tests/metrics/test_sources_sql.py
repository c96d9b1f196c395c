"""A real PostgreSQL: bounded queries, zones, what changes later, and what a database refuses."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy

from campaign.errors import UserError
from campaign.language import use_language
from campaign.workspace import open_workspace
from forecast.history import open_history
from metrics.sources.databases import fetch_sql
from metrics.sources.pull import NOTHING_MORE, Wish, pull
from metrics.sources.records import SqlSource
from metrics.sources.retries import Passing
from metrics.sources.windows import EVERYTHING

pytestmark = pytest.mark.skipif(not (shutil.which("initdb") and shutil.which("postgres")), reason="no PostgreSQL here")

START = datetime(2026, 10, 1, tzinfo=UTC)
QUERY = "SELECT starts_at, service, requests FROM visits WHERE starts_at >= :since AND starts_at < :until"
URL = "SURGEPLAN_TEST_DATABASE"


def unprivileged() -> dict[str, int]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    who = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="surgeplan-postgres-"))
    if who:
        os.chown(folder, who["user"], who["group"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    made = ["initdb", "-D", str(folder / "data"), "-U", "shop", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(made, check=True, timeout=60, **quiet)  # type: ignore[call-overload]
    run = ["postgres", "-D", str(folder / "data"), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen([*run, "-c", "unix_socket_directories=", "-c", "fsync=off"], **quiet)  # type: ignore[call-overload]
    url = f"postgresql+psycopg://shop@127.0.0.1:{port}/postgres"
    try:
        _wait(url)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    for _ in range(100):
        try:
            with engine.connect():
                return
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.1)
    pytest.fail("PostgreSQL did not start")


@pytest.fixture
def database(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlalchemy.Connection]:
    """A table of ten hours of two services in five-minute buckets."""
    use_language("en")
    monkeypatch.setenv(URL, address)
    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        run(connection, "DROP TABLE IF EXISTS visits")
        run(connection, "CREATE TABLE visits (starts_at timestamptz, service text, requests bigint)")
        run(
            connection,
            "INSERT INTO visits SELECT timestamptz '2026-10-01T00:00Z' + n * interval '5 minutes', s,"
            " 300 * (1 + length(s)) FROM generate_series(0, 119) n, unnest(ARRAY['shop', 'pay']) s",
        )
        yield connection
    engine.dispose()


def run(connection: sqlalchemy.Connection, statement: str) -> None:
    connection.execute(sqlalchemy.text(statement))


def source(**more: object) -> SqlSource:
    return SqlSource.model_validate({"name": "dw", "kind": "sql", "url_env": URL, "query": QUERY} | more)


def workspace(folder: Path) -> Path:
    (folder / "surgeplan.yaml").write_text(
        "time_zone: Asia/Shanghai\nservices: [{name: shop}, {name: pay}]\nsources:\n"
        f"  - {{name: dw, kind: sql, url_env: {URL}, since: 2026-10-01T00:00Z, lateness_seconds: 600,\n"
        f"     chunk_hours: 4, query: '{QUERY}'}}\n"
    )
    return folder


def pulled(folder: Path, now: datetime, **more: object) -> tuple[str, int, int, list[str]]:
    (one,) = pull(open_workspace(folder), now, lambda _: None, **more)  # type: ignore[arg-type]
    return one.status, one.changes.added, one.changes.revised, [str(note) for note in one.notes]


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "history").iterdir())}


def test_rows_come_with_their_names_and_instants(database: sqlalchemy.Connection) -> None:
    batch = fetch_sql(source(), START, START + timedelta(minutes=10))
    at = int(START.timestamp())
    assert batch.rows == {
        (at, "shop"): (1500.0,), (at, "pay"): (1200.0,), (at + 300, "shop"): (1500.0,), (at + 300, "pay"): (1200.0,),
    }  # fmt: skip
    assert (batch.keys, batch.values) == (("service",), ("requests",))


def test_a_pull_becomes_history_and_the_next_one_changes_nothing(
    database: sqlalchemy.Connection, tmp_path: Path
) -> None:
    folder = workspace(tmp_path)
    assert pulled(folder, START + timedelta(hours=10)) == ("ok", 240, 0, [])
    before = kept(folder)
    assert list(before) == ["pulled.json", "traffic-dw-2026-10.csv"]
    assert pulled(folder, START + timedelta(hours=10)) == ("ok", 0, 0, [])
    assert kept(folder)["traffic-dw-2026-10.csv"] == before["traffic-dw-2026-10.csv"]
    assert open_history(open_workspace(folder)).hourly()["shop"].tolist() == [5.0] * 10


def test_final_rows_are_not_rewritten_without_a_word(database: sqlalchemy.Connection, tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    pulled(folder, START + timedelta(hours=10))
    before = kept(folder)
    run(database, "UPDATE visits SET requests = 1 WHERE service = 'pay' AND starts_at = '2026-10-01T05:00Z'")
    again = START + timedelta(hours=4)
    status, added, revised, notes = pulled(folder, START + timedelta(hours=10), wish=Wish(since=again))
    assert (status, added, revised) == ("ok", 0, 0)
    assert notes == [
        "dw: 1 final rows are told otherwise now and kept as they were (--accept-changes): "
        "2026-10-01T13:00+08:00 pay 1200 → 1"
    ]
    assert kept(folder)["traffic-dw-2026-10.csv"] == before["traffic-dw-2026-10.csv"]
    status, added, revised, notes = pulled(folder, START + timedelta(hours=10), wish=Wish(since=again, accept=True))
    assert notes == ["dw: 1 final rows were changed: 2026-10-01T13:00+08:00 pay 1200 → 1"]
    assert b"2026-10-01T05:00Z,pay,1\n" in kept(folder)["traffic-dw-2026-10.csv"]


def notes_of(folder: Path, hours: int, wish: Wish = NOTHING_MORE) -> list[str]:
    """What a pull says of final rows."""
    notes = pulled(folder, START + timedelta(hours=hours), wish=wish)[3]
    return [note for note in notes if "newest row" not in note]


def test_a_row_corrected_long_after_is_found_when_asked_for_and_in_time_by_itself(
    database: sqlalchemy.Connection, tmp_path: Path
) -> None:
    run(database, "INSERT INTO visits SELECT starts_at + interval '2 days', service, requests FROM visits")
    folder = workspace(tmp_path)
    pulled(folder, START + timedelta(days=4))
    run(database, "UPDATE visits SET requests = 7 WHERE service = 'pay' AND starts_at = '2026-10-03T01:00Z'")
    told = [
        "dw: 1 final rows are told otherwise now and kept as they were (--accept-changes): "
        "2026-10-03T09:00+08:00 pay 1200 → 7"
    ]
    assert notes_of(folder, 97, Wish(recheck=timedelta(days=1))) == []
    assert notes_of(folder, 97, Wish(recheck=EVERYTHING)) == told
    found = [notes_of(folder, 98 + n) for n in range(4)]
    assert found.count(told) == 1
    assert b'"lateness_seconds": 600.0' in kept(folder)["pulled.json"]


def test_a_row_that_is_gone_is_said_and_taken_out_only_when_told_to(
    database: sqlalchemy.Connection, tmp_path: Path
) -> None:
    folder = workspace(tmp_path)
    pulled(folder, START + timedelta(hours=10))
    run(database, "DELETE FROM visits WHERE service = 'pay' AND starts_at = '2026-10-01T05:00Z'")
    assert notes_of(folder, 10, Wish(recheck=EVERYTHING)) == [
        "dw: 1 rows are not told any more and kept as they were (--accept-changes takes them out): "
        "2026-10-01T13:00+08:00 pay 1200 → -"
    ]
    assert b"T05:00Z,pay" in kept(folder)["traffic-dw-2026-10.csv"]
    assert notes_of(folder, 10, Wish(recheck=EVERYTHING, accept=True)) == [
        "dw: 1 final rows were changed: 2026-10-01T13:00+08:00 pay 1200 → -"
    ]
    assert b"T05:00Z,pay" not in kept(folder)["traffic-dw-2026-10.csv"]


def test_preliminary_rows_are_revised_and_the_lateness_is_learned(
    database: sqlalchemy.Connection, tmp_path: Path
) -> None:
    folder = workspace(tmp_path)
    pulled(folder, START + timedelta(hours=10))
    run(database, "UPDATE visits SET requests = 3000 WHERE starts_at = '2026-10-01T09:55Z'")
    run(database, "INSERT INTO visits VALUES ('2026-10-01T10:00Z', 'shop', 900)")
    assert pulled(folder, START + timedelta(hours=11))[1:3] == (1, 2)
    assert b'"lateness_seconds": 600.0' in kept(folder)["pulled.json"]
    run(database, "UPDATE visits SET requests = 4000 WHERE starts_at = '2026-10-01T10:00Z'")
    assert pulled(folder, START + timedelta(hours=12))[1:3] == (0, 1)
    assert b'"lateness_seconds": 5400.0' in kept(folder)["pulled.json"]


def test_a_source_whose_rows_stopped_is_late(database: sqlalchemy.Connection, tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    assert pulled(folder, START + timedelta(hours=20))[0::3] == ("late", ["dw: its newest row is 10.1 h old"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT nothing WHERE :since < :until", "the database refuses: column \"nothing\" does not exist"),
        (
            "SELECT 1 AS requests WHERE :since < :until",
            "the database refuses: starts_at\n  name the time's column starts_at",
        ),
        (
            "SELECT timestamp '2026-10-01' AS starts_at, 'shop' AS service, 1 AS requests WHERE :since < :until",
            "the database refuses: starts_at = 2026-10-01 00:00:00\n  select a time with its zone",
        ),
        (
            "SELECT now() AS starts_at, 'shop' AS service, 1 AS visits WHERE :since < :until",
            "surgeplan.yaml dw: brings no column requests",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_query_is_said(database: sqlalchemy.Connection, query: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        fetch_sql(source(query=query), START, START + timedelta(hours=1))
    assert words in str(refused.value)


def test_secrets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    use_language("en")
    monkeypatch.delenv(URL, raising=False)
    with pytest.raises(UserError, match=f"the environment has no {URL}"):
        fetch_sql(source(), START, START + timedelta(hours=1))


def test_a_database_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, "postgresql+psycopg://shop@127.0.0.1:1/postgres")
    with pytest.raises(Passing):
        fetch_sql(source(), START, START + timedelta(hours=1))
