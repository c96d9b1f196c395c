"""The 1998 World Cup site as a workspace: real flash crowds, one campaign plan per match.

Made from a folder with the site's requests per minute and the match calendar; docs/examples/worldcup98.md says where
the public originals are. A plan knows only what was known before its match.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.files import unwritable, write_text, writing
from campaign.language import Text, say
from campaign.plan import Moment, Plan
from campaign.plan_text import plan_text

ZONE = ZoneInfo("Europe/Paris")
REQUESTS, CALENDAR = "requests_per_minute.csv.gz", "matches_calendar.csv"
REQUEST_COLUMNS = ("ts_utc", "requests")
CALENDAR_COLUMNS = ("match_id", "stage", "kickoff_utc", "home", "away", "city")
GROUP_STAGE = "group-stage"
BIG_TEAMS = frozenset({"Argentina", "Brazil", "England", "France", "Germany", "Italy"})
"""Known before the tournament: its host and the former champions among its teams."""
OPENS_BEFORE, CLOSES_AFTER = timedelta(hours=1), timedelta(hours=3)
HALF_TIME, FULL_TIME = timedelta(minutes=45), timedelta(minutes=110)
"""After kick-off; full time with the break of a quarter of an hour and some added time."""
COMMENTS = {"kind": "the stage of the tournament", "drivers": "known before the match"}
HEAD = ("A match of the 1998 World Cup, as known before it was played.",)

SETTINGS_TEXT = """\
# The web site of the 1998 football World Cup: real traffic of real flash crowds.
# Requests: the Internet Traffic Archive's WorldCup98 logs, summed per minute. Matches: see docs/examples/worldcup98.md.
schema_version: 1
time_zone: Europe/Paris
language: en
currency: EUR
country: FR
services:
  - name: web
    # Nobody published what one server could carry: these figures are assumptions of the example.
    capacity_requests_per_second_per_replica: 150
    replicas: {today: 30, min: 4, max: 120}
    cpu_cores: 1
    memory_gib: 1
    startup_seconds_p99: 120
    cost_per_replica_hour: 0.5
    slo: {p99_ms: 500, error_ratio: 0.001}
allowed_hosts: [127.0.0.1, localhost]
"""


@dataclass(frozen=True)
class Match:
    """One line of the calendar."""

    number: int
    stage: str
    kick_off: datetime
    home: str
    away: str
    city: str


def make_worldcup98(folder: Path, data: Path, progress: Progress = no_progress) -> None:
    """Write the workspace from a data folder.

    Raises:
        UserError: files missing or not what they should be; every problem of both files at once.
    """
    step = say("Making the World Cup workspace")
    progress(step, 0, 2)
    problems: list[Problem] = []
    matches = read_calendar(data / CALENDAR, problems)
    minutes = read_minutes(data / REQUESTS, problems)
    if problems:
        raise UserError(problems)
    progress(step, 1, 2)
    write_text(folder / "surgeplan.yaml", SETTINGS_TEXT)
    for plan in match_plans(matches):
        write_text(folder / "campaigns" / f"{plan.id}.yaml", plan_text(plan, ZONE, HEAD, COMMENTS))
    write_history(folder / "history" / "traffic.csv.gz", minutes)
    progress(step, 2, 2)


def match_plans(matches: Sequence[Match]) -> list[Plan]:
    """One plan per match; nothing in it was unknown before kick-off."""
    at_once = Counter(match.kick_off for match in matches)
    that_day = Counter(match.kick_off.astimezone(ZONE).date() for match in matches)
    return [
        _plan(match, at_once[match.kick_off], that_day[match.kick_off.astimezone(ZONE).date()]) for match in matches
    ]


def _plan(match: Match, at_once: int, that_day: int) -> Plan:
    local = match.kick_off.astimezone(ZONE)
    stage = slug(match.stage)
    drivers = {
        "knockout": float(stage != GROUP_STAGE),
        "weekend": float(local.weekday() >= 5),
        "big_teams": float(len(BIG_TEAMS & {match.home, match.away})),
        "matches_at_once": float(at_once),
        "matches_that_day": float(that_day),
    }
    return Plan(
        id=f"m{match.number:02d}-{slug(match.home)}-{slug(match.away)}",
        name=f"{match.home} - {match.away}, {match.city}",
        kind=stage,
        part_of="world-cup-1998",
        starts_at=local - OPENS_BEFORE,
        ends_at=local + CLOSES_AFTER,
        services=("web",),
        drivers=drivers,
        moments=(
            Moment(at=local, kind="kick-off"),
            Moment(at=local + HALF_TIME, kind="half-time"),
            Moment(at=local + FULL_TIME, kind="full-time"),
        ),
    )


def slug(text: str) -> str:
    """`Round of 16` as `round-of-16`; accents are dropped."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def read_calendar(path: Path, problems: list[Problem]) -> list[Match]:
    """The matches, in order of kick-off; what is wrong goes to `problems`."""
    matches = []
    for line, row in _rows(path, CALENDAR_COLUMNS, problems):
        kick_off, number = _utc(row["kickoff_utc"]), re.search(r"(\d+)$", row["match_id"])
        if kick_off is None or number is None:
            what = say("{given} is not a match", given=", ".join(row.values()))
            problems.append(Problem(what, _originals(), file=str(path), line=line))
            continue
        match = Match(int(number[1]), row["stage"], kick_off, row["home"], row["away"], row["city"])
        matches.append(match)
    return sorted(matches, key=lambda match: (match.kick_off, match.number))


def read_minutes(path: Path, problems: list[Problem]) -> list[tuple[datetime, int]]:
    """Minutes and their requests, without those at 0: the public file has 0 where its minute was absent."""
    minutes = []
    for line, row in _rows(path, REQUEST_COLUMNS, problems):
        at = _utc(row["ts_utc"])
        if at is None or not row["requests"].isdigit():
            what = say("{given} is not a minute and its requests", given=", ".join(row.values()))
            problems.append(Problem(what, _originals(), file=str(path), line=line))
            break
        if row["requests"] != "0":
            minutes.append((at, int(row["requests"])))
    return minutes


def _utc(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _rows(path: Path, columns: Sequence[str], problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file, gzipped or not, that has these columns."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except FileNotFoundError:
        problems.append(Problem(say("does not exist"), _originals(), file=str(path)))
        return
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        problems.append(Problem(say("cannot be read: {reason}", reason=str(error)), _originals(), file=str(path)))
        return
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        what = say("has no column {columns}", columns=", ".join(missing))
        problems.append(Problem(what, _originals(), file=str(path), line=1))
        return
    yield from ((reader.line_num, {c: row[c] or "" for c in columns}) for row in reader)


def _originals() -> Text:
    return say(
        "the folder holds {requests} and {calendar}; docs/examples/worldcup98.md says how they are made from the "
        "public originals: WorldCup98 of the Internet Traffic Archive or github.com/nimamahmoudi/worldcup98-dataset, "
        "and github.com/jfjelstul/worldcup",
        requests=REQUESTS,
        calendar=CALENDAR,
    )


def write_history(path: Path, minutes: Sequence[tuple[datetime, int]]) -> None:
    """`starts_at, service, requests` per minute, times in UTC; the same minutes give the same bytes."""
    text = "starts_at,service,requests\n" + "".join(f"{at:%Y-%m-%dT%H:%M}Z,web,{n}\n" for at, n in minutes)
    with writing(path) as temporary:
        try:
            temporary.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        except OSError as error:
            raise unwritable(path, error) from error
