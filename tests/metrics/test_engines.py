"""One definition, several engines: DuckDB's own path, the printed SQL, PostgreSQL and Prometheus agree."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
import sqlalchemy
import sqlglot

from campaign.errors import UserError
from campaign.settings import Service, Settings
from metrics.compute import Split, compute_all
from metrics.dictionary import read_dictionary
from metrics.engines import ENGINES, known_engine, query_for
from metrics.recording_rules import recording_rule
from surgeplan.cli import main
from tests.prometheus_server import free_port, prometheus_with

SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)
BY_CHANNEL = [n for n, d in SHIPPED.definitions.items() if d.grain == "day" and "channel" in d.by]
Rows = list[tuple[str, str, float | None]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders, events and ads of forty days: several rows at one instant, missing channels, unpaid orders."""
    folder = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(3)
    channels = ["feed", "push", "", "kol"]

    def instants(count: int) -> list[str]:
        seconds = rng.integers(0, 40 * 86400, count) // 600 * 600
        start = datetime(2026, 10, 1, tzinfo=UTC)
        return [(start + timedelta(seconds=int(s))).isoformat() for s in seconds]

    orders = [
        f"{at},o{i},u{rng.integers(400)},{channels[rng.integers(4)]},{rng.integers(10, 200)},{rng.integers(0, 9)},"
        f"{'true' if rng.random() < 0.9 else 'false'}"
        for i, at in enumerate(instants(1500))
    ]
    events = [f"{at},u{rng.integers(400)},s{rng.integers(2000)},{channels[rng.integers(4)]}" for at in instants(5000)]
    ads = [
        f"2026-10-{d + 1:02d}T00:00+08:00,{c},{rng.integers(1000, 9000)},{rng.integers(10, 90)},{rng.integers(50, 500)}"
        for d in range(31) for c in ("feed", "push", "kol")
    ]  # fmt: skip
    for name, head, rows in (
        ("orders", "at,order_id,user_id,channel,amount,refunded,paid", orders),
        ("events", "at,user_id,session_id,channel", events),
        ("ads", "starts_at,channel,exposures,clicks,cost", ads),
    ):
        (folder / f"{name}.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def expected(data: Path) -> dict[str, Rows]:
    found = compute_all(BY_CHANNEL, SHIPPED, data, Split(("channel",))).values
    return {name: sorted((f"{v.starts_at:%Y-%m-%d}", *v.by, v.value) for v in values) for name, values in found.items()}


def close(found: Rows, expected: Rows) -> None:
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours[2] == (None if theirs[2] is None else pytest.approx(theirs[2], rel=1e-9)), ours


def rows_of(fetched: list[tuple[object, ...]]) -> Rows:
    made = [(str(day)[:10], str(channel), None if value is None else float(value)) for day, channel, value in fetched]  # type: ignore[arg-type]
    return sorted(made, key=lambda row: row[:2])


def frames(data: Path) -> dict[str, list[dict[str, object]]]:
    """The tables as a database holds them: at_utc without a zone."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, time_column in (("orders", "at"), ("events", "at"), ("ads", "starts_at")):
            at = f"timezone('UTC', CAST(\"{time_column}\" AS TIMESTAMPTZ))"
            table = connection.execute(f"SELECT * EXCLUDE (\"{time_column}\"), {at} AS at_utc FROM '{data}/{name}.csv'")
            columns = [d[0] for d in table.description]
            found[name] = [dict(zip(columns, row, strict=True)) for row in table.fetchall()]
    return found


@pytest.mark.parametrize("name", BY_CHANNEL)
def test_the_printed_query_and_the_shared_scan_agree(data: Path, expected: dict[str, Rows], name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, time_column in (("orders", "at"), ("events", "at"), ("ads", "starts_at")):
            at = f"timezone('UTC', CAST(\"{time_column}\" AS TIMESTAMPTZ)) AS at_utc"
            connection.execute(f"CREATE VIEW {table} AS SELECT *, {at} FROM '{data}/{table}.csv'")
        text = query_for("duckdb", name, SHIPPED.definitions, ["channel"])
        close(rows_of(connection.execute(text).fetchall()), expected[name])


@pytest.mark.parametrize("engine", [e for e in ENGINES if e != "duckdb"])
def test_every_definition_is_valid_sql_of_the_engine(engine: str) -> None:
    for name, definition in SHIPPED.definitions.items():
        text = query_for(known_engine(engine), name, SHIPPED.definitions, definition.by)
        sqlglot.parse_one(text, read=engine)
        assert "timezone('UTC'" not in text or engine == "postgres"
        assert "ARG_MIN" not in text


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UserError, match=r"oracle is not an engine surgeplan writes for"):
        known_engine("oracle")


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_CHANNEL)
def test_clickhouse_agrees(data: Path, expected: dict[str, Rows], name: str) -> None:
    session = pytest.importorskip("chdb.session", reason="`make slow` installs it", exc_type=ImportError).Session()
    session.query("CREATE DATABASE shop")
    session.query("USE shop")
    kinds = {"at_utc": "DateTime('UTC')", "amount": "Float64", "refunded": "Float64", "paid": "Bool"}
    kinds |= {"exposures": "Int64", "clicks": "Int64", "cost": "Float64"}
    for table, rows in frames(data).items():
        columns = ", ".join(f"{c} {kinds.get(c, 'Nullable(String)')}" for c in rows[0])
        session.query(f"CREATE TABLE {table} ({columns}) ENGINE = Memory")
        lines = "\n".join(json.dumps(row, default=lambda at: at.strftime("%Y-%m-%d %H:%M:%S")) for row in rows)
        session.query(f"INSERT INTO {table} FORMAT JSONEachRow {lines}")
    text = query_for("clickhouse", name, SHIPPED.definitions, ["channel"])
    found = [json.loads(line) for line in str(session.query(text, "JSONCompactEachRow")).splitlines()]
    session.close()
    close(rows_of(found), expected[name])


# --- PostgreSQL ----------------------------------------------------------------------------------------------------


def unprivileged() -> dict[str, int]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid}


@pytest.fixture(scope="module")
def postgres(data: Path) -> Iterator[sqlalchemy.Engine]:
    if not (shutil.which("initdb") and shutil.which("postgres")):
        pytest.skip("no PostgreSQL here")
    who = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="surgeplan-postgres-"))
    if who:
        os.chown(folder, who["user"], who["group"])
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **who}
    made = ["initdb", "-D", str(folder / "data"), "-U", "shop", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(made, check=True, timeout=60, **quiet)  # type: ignore[call-overload]
    run = ["postgres", "-D", str(folder / "data"), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen([*run, "-c", "unix_socket_directories=", "-c", "fsync=off"], **quiet)  # type: ignore[call-overload]
    engine = sqlalchemy.create_engine(
        f"postgresql+psycopg://shop@127.0.0.1:{port}/postgres", poolclass=sqlalchemy.NullPool
    )
    try:
        _until(lambda: engine.connect().close())
        _fill(engine, frames(data))
        yield engine
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _until(works: object) -> None:
    assert callable(works)
    for _ in range(150):
        try:
            works()
            return
        except (OSError, sqlalchemy.exc.OperationalError):
            time.sleep(0.1)
    pytest.fail("the server did not start")


def _fill(engine: sqlalchemy.Engine, tables: dict[str, list[dict[str, object]]]) -> None:
    kinds = {"at_utc": "timestamp", "paid": "boolean", "amount": "float8", "refunded": "float8"}
    kinds |= {"exposures": "bigint", "clicks": "bigint", "cost": "float8"}
    with engine.begin() as connection:
        for name, rows in tables.items():
            columns = ", ".join(f"{c} {kinds.get(c, 'text')}" for c in rows[0])
            connection.execute(sqlalchemy.text(f"CREATE TABLE {name} ({columns})"))
            values = ", ".join(f":{column}" for column in rows[0])
            connection.execute(sqlalchemy.text(f"INSERT INTO {name} VALUES ({values})"), rows)


@pytest.mark.parametrize("name", BY_CHANNEL)
def test_postgresql_agrees(postgres: sqlalchemy.Engine, expected: dict[str, Rows], name: str) -> None:
    text = query_for("postgres", name, SHIPPED.definitions, ["channel"])
    with postgres.connect() as connection:
        fetched = [tuple(row) for row in connection.exec_driver_sql(text)]
    close(rows_of(fetched), expected[name])


def test_sessions_by_a_gap_agree_on_postgresql(postgres: sqlalchemy.Engine, data: Path, tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text("metrics: {sessions: {identity: user_id, dedupe: per_window}}\n")
    own = read_dictionary(tmp_path, SETTINGS)
    computed = compute_all(["sessions"], own, data).values["sessions"]
    with postgres.connect() as connection:
        text = query_for("postgres", "sessions", own.definitions)
        fetched = {f"{row[0]:%Y-%m-%d}": float(row[1]) for row in connection.exec_driver_sql(text)}
    assert fetched == {f"{v.starts_at:%Y-%m-%d}": v.value for v in computed}


# --- Prometheus ----------------------------------------------------------------------------------------------------

MIDNIGHT = datetime(2026, 10, 1, 16, tzinfo=UTC)  # the 2nd begins in Shanghai
MINUTES = 3 * 1440


def minute_counts() -> list[tuple[int, int, int]]:
    """Per minute: seconds since the epoch of its end, requests, failed."""
    rng = np.random.default_rng(1)
    start = int(MIDNIGHT.timestamp())
    return [(start + 60 * (m + 1), int(rng.integers(50, 150)), int(rng.integers(0, 4))) for m in range(MINUTES)]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.skip("Prometheus is not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    lines = []
    for name, place in (("http_requests", 1), ("http_failed", 2)):
        lines.append(f"# TYPE {name} counter")
        total = 0
        lines.append(f'{name}_total{{service="shop"}} 0 {int(MIDNIGHT.timestamp())}')
        for row in minute_counts():
            total += row[place]
            lines.append(f'{name}_total{{service="shop"}} {total} {row[0]}')
    with prometheus_with(folder, "\n".join(lines) + "\n# EOF\n") as address:
        yield address


SERIES = "prometheus: {requests.requests: http_requests_total, requests.failed: http_failed_total}\nmetrics: {}\n"


def test_a_recording_rule_agrees_with_duckdb_at_local_midnight(prometheus: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.yaml").write_text(SERIES)
    own = read_dictionary(tmp_path, SETTINGS)
    rows = [
        f"{datetime.fromtimestamp(end - 60, UTC).isoformat()},shop,{requests},{failed}"
        for end, requests, failed in minute_counts()
    ]
    (tmp_path / "requests.csv").write_text("starts_at,service,requests,failed\n" + "\n".join(rows) + "\n")
    names = ["requests", "error_ratio"]
    computed = compute_all(names, own, tmp_path, Split(("service",))).values
    for name in names:
        rule = recording_rule(name, own, ["service"])
        (tmp_path / "rules.yml").write_text(rule)
        checked = subprocess.run(
            ["promtool", "check", "rules", f"{tmp_path}/rules.yml"], capture_output=True, timeout=60
        )
        assert checked.returncode == 0, checked.stderr
        assert own.ids[name] in rule
        expression = rule.split("expr: '")[1].split("'\n")[0].replace("''", "'")
        for day, value in enumerate(computed[name]):
            assert value.value is not None
            end = MIDNIGHT + timedelta(days=day + 1)
            assert _asked(prometheus, expression, end) == pytest.approx(value.value, rel=2e-3)


def _asked(url: str, expression: str, at: datetime) -> float:
    query = urllib.parse.urlencode({"query": expression, "time": at.timestamp()})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:
        (result,) = json.load(answer)["data"]["result"]
    return float(result["value"][1])


def test_what_prometheus_cannot_say_is_refused_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        recording_rule("error_ratio", SHIPPED)
    told = str(caught.value)
    assert "metrics.yaml metrics.failed_requests: no series is named for requests.failed" in told
    assert "prometheus: {requests.requests: http_requests_total}" in told
    with pytest.raises(UserError, match=r"count_distinct cannot be a recording rule"):
        recording_rule("orders", SHIPPED)


def test_the_command_prints_for_an_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    (tmp_path / "metrics.yaml").write_text(SERIES)
    command = ["metrics", "compute", "error_ratio", "--workspace", str(tmp_path), "--for"]
    assert main([*command, "prometheus"]) == 0
    assert "record: surgeplan:error_ratio:day" in capsys.readouterr().out
    assert main([*command, "bigquery"]) == 0
    assert "DATETIME_TRUNC" in capsys.readouterr().out
    assert main([*command, "oracle"]) == 2
