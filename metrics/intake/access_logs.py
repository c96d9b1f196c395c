"""Access logs, combined or JSON, counted per minute and service by DuckDB: millions of lines without holding them."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from campaign.language import Text, say
from metrics.intake.moments import LocalClock, read_moment
from metrics.intake.names import identifier
from metrics.intake.records import Answers, Buckets, Column, Findings, Place, Recognised
from metrics.intake.series import meaning_of

COMBINED = re.compile(r"^(\S+) (\S+) ?(\S*) ?(\S*) ?\[(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2}) ([+-]\d{4})\] \"")
TIME_KEYS = ("time", "@timestamp", "time_iso8601", "timestamp", "ts", "time_local", "msec", "start_time", "StartUTC")
SERVICE_KEYS = (
    "service",
    "upstream_cluster",
    "kubernetes.labels.app",
    "app",
    "host",
    "http_host",
    "server_name",
    "vhost",
)
SNIFFED_LINES = 50
UNREAD_NAMED = 3
MEMORY = "1GB"
LOCAL_TIME = re.compile(r"^(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2}) ([+-]\d{4})$")
VHOST = re.compile(r"^[A-Za-z0-9.-]+(:\d+)?$")
MINUTE_LENGTH = 17
"""Characters of `10/Nov/2026:20:00`."""


@dataclass(frozen=True)
class Shape:
    """How lines are written: the keys of a JSON log, or whether a combined one begins with the virtual host."""

    time_key: str = ""
    service_key: str = ""
    with_host: bool = False

    @property
    def is_json(self) -> bool:
        return bool(self.time_key)


def recognise(path: Path, name: str, answers: Answers, findings: Findings) -> Recognised | None:
    """A log of requests; None for other files. The service is the line's own, else the file's name before `access`."""
    shape = shape_of(first_lines(path))
    if shape is None:
        return None
    place = Place(name)
    try:
        found = counted(path, shape)
    except duckdb.Error as error:
        what = say("cannot be read to its end: {reason}", reason=_reason(error, path, name))
        findings.problems.append(place.problem(what, say("export it again, or take it out")))
        return None
    service = "" if shape.with_host or shape.service_key else service_of(path, answers)
    if not service and not (shape.with_host or shape.service_key):
        findings.ask("--service", say("it does not say of which service"), place)
    values, naive, timeless = _minutes(found.groups, service or "unnamed", answers, findings, place)
    notes: list[Text] = []
    if found.unread:
        rows = ", ".join(map(str, found.unread_rows)) + (" …" if found.unread > len(found.unread_rows) else "")
        notes.append(
            say("{count} lines are cut or of another form: not counted (row {rows})", count=found.unread, rows=rows)
        )
    if timeless:
        notes.append(say("{count} lines have a time that cannot be read: not counted", count=timeless))
    if naive and answers.time_zone:
        notes.append(say("times without an offset are taken as {zone}", zone=answers.time_zone.key))
    if not values:
        return None
    buckets = Buckets("requests", 60, {at: count / 60 for at, count in values.items()})
    services = ", ".join(buckets.keys)
    columns = (
        Column(shape.time_key or "[time]", say("when the request came, counted by minute")),
        Column(shape.service_key or ("host" if shape.with_host else "-"), meaning_of("counts", services)),
    )
    return Recognised(place, "access-log", "traffic", columns, (buckets,), notes=tuple(notes))


def _reason(error: duckdb.Error, path: Path, name: str) -> str:
    return str(error).partition("\n")[0].replace(str(path), name)


def first_lines(path: Path) -> list[str]:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                return _lines(packed)
        with path.open("rb") as file:
            return _lines(file)
    except (OSError, EOFError):
        return []


def _lines(file: Iterable[bytes]) -> list[str]:
    return [line.decode("utf-8", "replace").strip() for _, line in zip(range(SNIFFED_LINES), file, strict=False)]


def shape_of(lines: list[str]) -> Shape | None:
    """The shape that most of the lines have; None where they are no log."""
    combined = [found for line in lines if (found := COMBINED.match(line))]
    if combined and len(combined) * 2 >= len([line for line in lines if line]):
        return Shape(with_host=all(_has_host(line) for line in lines if COMBINED.match(line)))
    records = [record for line in lines if (record := _record(line)) is not None]
    if not records or len(records) * 2 < len([line for line in lines if line]):
        return None
    time_key = next((key for key in TIME_KEYS if all(_get(r, key) is not None for r in records)), "")
    service_key = next((key for key in SERVICE_KEYS if all(_get(r, key) for r in records)), "")
    return Shape(time_key, service_key) if time_key else None


def _has_host(line: str) -> bool:
    """`vhost:80 1.2.3.4 - user [`: five words before the time, the first no address."""
    words = line.partition(" [")[0].split()
    return len(words) == 4 and bool(VHOST.match(words[0])) and bool(re.search(r"[A-Za-z]", words[0]))


def _record(line: str) -> dict[str, object] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _get(record: dict[str, object], key: str) -> object | None:
    if key in record:
        return record[key]
    inner: object = record
    for part in key.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


@dataclass(frozen=True)
class Counted:
    """(minute and offset as written, service, requests) of every minute, and the lines that could not be read."""

    groups: list[tuple[str, str, str, int]]
    unread: int
    unread_rows: tuple[int, ...]


def counted(path: Path, shape: Shape) -> Counted:
    """A log's lines by minute; empty lines do not count."""
    file = str(path).replace("'", "''")
    lines = (
        f"read_csv('{file}', columns = {{'line': 'VARCHAR'}}, delim = '\\x01', quote = '', escape = '', "
        "header = false, auto_detect = false, "
        "ignore_errors = true, null_padding = true, max_line_size = 1048576, strict_mode = false)"
    )
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2}) as connection:
        # Its progress bar goes to stdout, which belongs to the command's result.
        connection.execute("SET enable_progress_bar = false")
        query = _json_query(shape, lines) if shape.is_json else _combined_query(shape, lines)
        rows = connection.execute(query).fetchall()
        unread = sum(row[3] for row in rows if row[0] is None)
        numbered = connection.execute(_unread_query(shape, lines)).fetchall() if unread else []
    return Counted([row for row in rows if row[0] is not None], unread, tuple(int(row[0]) for row in numbered))


def _unread_query(shape: Shape, lines: str) -> str:
    """The numbers of the first lines that are cut; stops as soon as it has them."""
    whole = "json_valid(line)" if shape.is_json else _whole("instr(line, '[')")
    numbered = f"SELECT row_number() OVER () AS number, line FROM {lines}"
    return f"SELECT number FROM ({numbered}) WHERE line IS NOT NULL AND NOT ({whole}) LIMIT {UNREAD_NAMED}"


def _whole(bracket: str) -> str:
    """SQL: the time stands where a combined log has it, after the bracket at this place."""
    # Fixed places checked by their characters: a regular expression takes five times as long.
    return (
        f"{bracket} > 0 AND substr(line, {bracket} + 27, 1) = ']' AND substr(line, {bracket} + 3, 1) = '/' "
        f"AND substr(line, {bracket} + 12, 1) = ':' AND substr(line, {bracket} + 29, 1) = '\"'"
    )


def _combined_query(shape: Shape, lines: str) -> str:
    service = "split_part(split_part(line, ' ', 1), ':', 1)" if shape.with_host else "''"
    return f"""
        WITH cut AS (SELECT line, instr(line, '[') AS bracket FROM {lines} WHERE line IS NOT NULL),
        parts AS (
            SELECT substr(line, bracket + 1, {MINUTE_LENGTH}) AS minute, substr(line, bracket + 22, 5) AS zone,
                   {service} AS service, {_whole("bracket")} AS whole
            FROM cut
        )
        SELECT CASE WHEN whole THEN minute END, CASE WHEN whole THEN zone END,
               CASE WHEN whole THEN service END, count(*)
        FROM parts GROUP BY ALL ORDER BY ALL
    """


def _json_query(shape: Shape, lines: str) -> str:
    time = f"json_extract_string(line, '{_path(shape.time_key)}')"
    service = f"coalesce(json_extract_string(line, '{_path(shape.service_key)}'), '')" if shape.service_key else "''"
    # Texts are cut at their minute; numbers are epochs of seconds or milliseconds, also text.
    return f"""
        WITH valid AS (SELECT line, json_valid(line) AS whole FROM {lines} WHERE line IS NOT NULL),
        parts AS (SELECT whole, CASE WHEN whole THEN {time} END AS time, CASE WHEN whole THEN {service} END AS service
                  FROM valid),
        minutes AS (
            SELECT CASE WHEN regexp_full_match(time, '[0-9]{{10}}(\\.[0-9]+)?')
                        THEN CAST(CAST(floor(CAST(time AS DOUBLE) / 60) * 60 AS BIGINT) AS VARCHAR)
                        WHEN regexp_full_match(time, '[0-9]{{13}}')
                        THEN CAST(CAST(floor(CAST(time AS DOUBLE) / 60000) * 60 AS BIGINT) AS VARCHAR)
                        WHEN time LIKE '__/___/____:%' THEN substr(time, 1, {MINUTE_LENGTH})
                        ELSE substr(time, 1, 16) END AS minute,
                   CASE WHEN time LIKE '__/___/____:%' THEN substr(time, 22)
                        WHEN regexp_full_match(time, '[0-9.]+') THEN ''
                        ELSE regexp_extract(substr(time, 17), '(Z|[+-][0-9:]+)$') END AS zone,
                   service
            FROM parts
        )
        SELECT minute, zone, service, count(*) FROM minutes GROUP BY ALL ORDER BY ALL
    """


def _path(key: str) -> str:
    inner = key.replace("'", "''")
    return (
        f'$."{inner}"' if key.startswith("@") or "." not in key else "$." + ".".join(f'"{p}"' for p in key.split("."))
    )


def _minutes(
    groups: list[tuple[str, str, str, int]], service: str, answers: Answers, findings: Findings, place: Place
) -> tuple[dict[tuple[str, int], float], int, int]:
    """Requests by service and minute of UTC, how many minutes had no offset, and lines whose time is none."""
    clock = LocalClock(answers.time_zone) if answers.time_zone else None
    values: dict[tuple[str, int], float] = {}
    naive = timeless = 0
    for minute, zone, written, count in groups:
        moment = _moment(minute, zone or "")
        if moment is None:
            timeless += count
            continue
        if moment.tzinfo is None:
            naive += 1
            if clock is None:
                findings.ask("--time-zone", say("its times have no offset (first: {time})", time=minute), place)
                moment = moment.replace(tzinfo=UTC)
            else:
                moment = clock.utc(moment, written)
        if moment is not None:
            at = (identifier(written) or service, int(moment.timestamp()) // 60 * 60)
            values[at] = values.get(at, 0.0) + count
    return values, naive, timeless


def _moment(minute: str, zone: str) -> datetime | None:
    try:
        if "/" in minute[:3]:
            return datetime.strptime(f"{minute} {zone}", "%d/%b/%Y:%H:%M %z")
    except ValueError:
        return None
    return read_moment(minute + zone if "T" in minute or not zone else f"{minute}{zone}")


def service_of(path: Path, answers: Answers) -> str:
    """`checkout` of `checkout-access.log.1.gz`; empty where the name is only `access.log`."""
    stem = re.split(r"[._-]?access|\.log|\.jsonl?|\.gz", path.name)[0]
    return identifier(stem) or answers.service or ""
