"""Files that somebody drops into a folder: exports as `init --from` reads them, and Parquet with history's columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.settings import Settings
from metrics.intake.contacts import MEASURES as CONTACTS
from metrics.intake.contacts import SERVED, desk_and_intent, without_repeated_totals
from metrics.intake.folder import Intake, read_folder
from metrics.intake.markers import MEASURE as LOAD_TEST
from metrics.intake.records import Answers, Buckets, Question, Unanswered
from metrics.sources.records import Batch, DropSource, Key, Measure, batch_of

SAID_IN_SOURCE = {
    "--time-zone": "time_zone:",
    "--rates|--counts": "values: rates",
    "--requests-per-session": "requests_per_session: 12",
    "--service": "service: NAME",
    "--day-first|--month-first": "day_first: true",
}
MEASURES = {"traffic": "requests", "orders": "orders"}
COLUMNS: dict[Measure, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "traffic": (("service",), ("requests_per_second", LOAD_TEST)),
    "orders": ((), ("orders",)),
    "contacts": (("desk", "intent"), CONTACTS),
    "desks": (("desk",), SERVED),
}
"""Names and figures of the rows that files give, by measure."""


def fetch_drops(
    source: DropSource,
    workspace: Path,
    settings: Settings,
    since: datetime,
    until: datetime,
    progress: Progress = no_progress,
) -> Batch:
    """Rows of every file in the folder that begin in [since, until).

    Raises:
        Unanswered: a file leaves something open that the source does not say.
        UserError: the folder or a file cannot be used.
    """
    folder = workspace / source.folder
    if not folder.is_dir():
        what, todo = say("there is no folder {folder}", folder=source.folder), say("make it, or correct the entry")
        raise UserError(Problem(what, todo, file="surgeplan.yaml", key=f"sources.{source.name}.folder"))
    files = sorted(folder.glob("*.parquet"))
    if files:
        return _parquet(source, files, since, until)
    intake = _read(source, folder, settings, progress)
    notes = [
        say("{file}: nothing in it was recognised", file=f"{source.folder}/{place.file}") for place in intake.unknown
    ]
    notes += _unused(source, intake) if source.measure == "traffic" else []
    readers = {"contacts": contact_rows, "desks": desk_rows}
    reader = readers.get(source.measure)
    rows = reader(intake) if reader else _rows(source, intake)
    return _batch(source, rows, notes, since.astimezone(settings.zone), until)


def _read(source: DropSource, folder: Path, settings: Settings, progress: Progress) -> Intake:
    """The folder's files with the source's answers; problems and questions name the file in the workspace."""
    traffic = source.measure == "traffic"
    answers = Answers(
        time_zone=settings.zone,
        # What only traffic leaves open is not asked for orders and contacts.
        values=source.values or (None if traffic else "rates"),
        requests_per_session=source.requests_per_session or (None if traffic else 1.0),
        service=source.service or (None if traffic else "unnamed"),
        day_first=source.day_first,
    )
    try:
        return read_folder(folder, answers, progress)
    except Unanswered as unanswered:
        asked = [_asked(source, question) for question in unanswered.questions]
        told = [problem for problem in unanswered.problems if problem.file and problem not in _own(unanswered)]
        raise UserError([_in_folder(source, problem) for problem in told] + asked) from unanswered
    except UserError as error:
        raise UserError(_in_folder(source, problem) for problem in error.problems) from error


def _own(unanswered: Unanswered) -> list[Problem]:
    return [question.problem() for question in unanswered.questions]


def _in_folder(source: DropSource, problem: Problem) -> Problem:
    file = f"{source.folder}/{problem.file}" if problem.file and not Path(problem.file).is_absolute() else source.folder
    return replace(problem, file=file)


def _asked(source: DropSource, question: Question) -> Problem:
    todo = say("say {key} in sources.{name} of surgeplan.yaml", key=SAID_IN_SOURCE[question.option], name=source.name)
    return _in_folder(source, replace(question.problem(), todo=todo))


Row = tuple[str, int, tuple[float, ...]]


def _rows(source: DropSource, intake: Intake) -> Iterator[Row]:
    """Name, start and figures; traffic comes with 1 where a file marks a load test and 0 elsewhere."""
    tests = {key for part in _parts(intake, LOAD_TEST) for key in part.values}
    for figures in _finest(_parts(intake, MEASURES[source.measure])):
        for (name, at), figure in figures.items():
            marker = (float((name, at) in tests),) if source.measure == "traffic" else ()
            yield name, at, (figure, *marker)


def _unused(source: DropSource, intake: Intake) -> list[Text]:
    """Why each file that might have been traffic is none."""
    return [
        say("{file}: {why}", file=f"{source.folder}/{found.place.file}", why=found.notes[-1])
        for found in intake.recognised
        if found.kind in ("traffic", "business") and not found.buckets and found.notes
    ]


def contact_rows(intake: Intake) -> Iterator[Row]:
    """Desk (and intent), start and contacts with what the bot took of them; NaN where no file tells."""
    bot: dict[str, dict[tuple[str, int], float]] = {
        measure: {key: figure for part in _parts(intake, measure) for key, figure in part.values.items()}
        for measure in CONTACTS[1:]
    }
    for figures in _finest(without_repeated_totals(_parts(intake, CONTACTS[0]))):
        for (key, at), figure in figures.items():
            yield key, at, (figure, *(bot[measure].get((key, at), float("nan")) for measure in CONTACTS[1:]))


def desk_rows(intake: Intake) -> Iterator[Row]:
    """Desk, start, and how it served then; NaN where no file tells."""
    told = {measure: {k: v for part in _parts(intake, measure) for k, v in part.values.items()} for measure in SERVED}
    for figures in _finest(_parts(intake, SERVED[0])):
        for (desk, at), offered in figures.items():
            yield desk, at, (offered, *(told[measure].get((desk, at), float("nan")) for measure in SERVED[1:]))


def _parts(intake: Intake, measure: str) -> list[Buckets]:
    return [buckets for found in intake.recognised for buckets in found.buckets if buckets.measure == measure]


def _batch(source: DropSource, rows: Iterable[Row], notes: list[Text], since: datetime, until: datetime) -> Batch:
    """Files by name: a later one holds where two have the same row."""
    keys, values = COLUMNS[source.measure]
    first, end = since.timestamp(), until.timestamp()
    found: dict[Key, tuple[float, ...]] = {}
    earlier = 0
    for name, at, figures in rows:
        earlier += at < first
        if first <= at < end:
            names = desk_and_intent(name) if source.measure == "contacts" else (name,)[: len(keys)]
            found[at, *(source.rename.get(n, n) for n in names)] = figures
    if earlier:
        what = say("{source}: {count} rows before {since} are not taken (--since takes them)", source=source.name,
                   count=earlier, since=since.isoformat(timespec="minutes"))  # fmt: skip
        notes = [*notes, what]
    return Batch(keys, values, found, max((int(key[0]) for key in found), default=None), notes=tuple(notes))


def _finest(parts: Iterable[Buckets]) -> Iterator[dict[tuple[str, int], float]]:
    """Figures of each part, the finest first; coarser buckets whose time finer ones have are left out."""
    covered: dict[str, set[int]] = defaultdict(set)
    for seconds, same in groupby(sorted(parts, key=lambda part: part.seconds), key=lambda part: part.seconds):
        minutes: dict[str, set[int]] = defaultdict(set)
        for part in same:
            found = {}
            for (name, at), figure in part.values.items():
                span = range(at // 60, (at + seconds) // 60)
                if covered[name].isdisjoint(span):
                    found[name, at] = figure
                    minutes[name].update(span)
            yield found
        for name, those in minutes.items():
            covered[name] |= those


def _parquet(source: DropSource, files: list[Path], since: datetime, until: datetime) -> Batch:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        try:
            relation = connection.read_parquet([str(file) for file in files])
            columns = [c for c in relation.columns if c != "starts_at"]
            names = ", ".join(f'"{column}"' for column in columns)
            found = connection.execute(
                f"SELECT CAST(epoch_us(CAST(starts_at AS TIMESTAMPTZ)) // 1000000 AS BIGINT), {names} FROM relation "
                "WHERE epoch(CAST(starts_at AS TIMESTAMPTZ)) >= ? AND epoch(CAST(starts_at AS TIMESTAMPTZ)) < ?",
                [since.timestamp(), until.timestamp()],
            ).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            what = say("cannot be read: {reason}", reason=reason)
            raise UserError(
                Problem(what, say("export the files again"), file=source.folder, key=source.name)
            ) from error
    return batch_of(source, columns, [(int(row[0]), row[1:]) for row in found], source.folder)
