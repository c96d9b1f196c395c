"""A source as surgeplan.yaml has it under `sources:`, and what one pull from it brings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError, model_validator

from campaign.documents import Complaint, Document, FileRecord, problems_of
from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.plan import Identifier, Positive
from campaign.settings import Settings
from metrics.intake.contacts import SERVED, STATES, DeskColumn
from metrics.intake.markers import MEASURE as LOAD_TEST
from metrics.intake.markers import flag_of

Measure = Literal["traffic", "orders", "contacts", "desks"]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]

Key = tuple[int | str, ...]
"""Start in seconds of UTC, then the row's names."""

KEYS: dict[Measure, tuple[str, ...]] = {
    "traffic": ("service", "endpoint"),
    "orders": (),
    "contacts": ("desk", "intent"),
    "desks": ("desk",),
}
VALUES: dict[Measure, tuple[str, ...]] = {
    "traffic": ("requests", "requests_per_second"),
    "orders": ("orders",),
    "contacts": ("contacts", "bot_handled", "bot_resolved"),
    "desks": SERVED,
}


MARKERS: dict[Measure, tuple[str, ...]] = {"traffic": (LOAD_TEST,), "orders": (), "contacts": (), "desks": ()}
"""Columns of yes and no, kept as 1 and 0."""


class Source(FileRecord):
    """What every source has. Secrets are named here and kept in the environment.

    since: how far back the first pull goes (28 days where left out). lateness_seconds: how long rows may still change
    at the start; what a source really does is learned from pull to pull. rename: names in the source to ours.
    """

    name: Identifier
    measure: Measure = "traffic"
    since: AwareDatetime | None = None
    lateness_seconds: Annotated[float, Field(ge=0)] | None = None
    rename: dict[str, str] = {}


class PrometheusSource(Source):
    """`query_range` of a Prometheus or anything that speaks its API.

    query: of traffic; queries: of desks, one for each column. values: whether they give counts per step (`increase`) or
    rates per second (`rate`); read off each query where left out. service: for a query with a single series that has no
    such label: its service, or its desk.
    """

    kind: Literal["prometheus"]
    url: str
    query: str = ""
    queries: dict[DeskColumn, str] = {}
    values: Literal["counts", "rates"] | None = None
    step_seconds: Annotated[int, Field(ge=60, le=3600)] = 60
    service_label: str = "service"
    service: str | None = None
    token_env: EnvironmentName | None = None

    @model_validator(mode="after")
    def _no_raw_counter(self) -> PrometheusSource:
        if 3600 % self.step_seconds:
            raise Complaint(say("{step} s do not divide an hour", step=self.step_seconds), say("60, 300 or 3600 do"))
        if self.measure == "desks":
            self._asks_for_desks()
        elif self.measure == "traffic":
            self._says_what_it_counts(self.query, ("query",))
        else:
            what = say("Prometheus tells traffic and how desks serve, not {measure}", measure=self.measure)
            raise Complaint(what, say("use kind: sql, feishu, drop or webhook for it"), key=("measure",))
        return self

    def _asks_for_desks(self) -> None:
        if SERVED[0] not in self.queries:
            what = say("desks need queries: with {column} at least", column=SERVED[0])
            todo = say("columns: {names}; docs/warroom/live.md has an example", names=", ".join(SERVED))
            raise Complaint(what, todo, key=("queries",))
        for column, query in self.queries.items():
            if column not in STATES:
                self._says_what_it_counts(query, ("queries", column))

    def _says_what_it_counts(self, query: str, key: tuple[str, ...]) -> None:
        if self.values is None and not _functions(query):
            raise Complaint(
                say("this query does not say whether it gives counts or rates; a raw counter only ever grows"),
                say("wrap the counter in increase(…[1m]) or rate(…[1m]), or add values: counts or values: rates"),
                key=key,
            )

    @property
    def gives_rates(self) -> bool:
        return self.rates_of(self.query)

    def rates_of(self, query: str) -> bool:
        """Whether a query gives rates per second."""
        return self.values == "rates" if self.values else _functions(query) == "rates"


def _functions(query: str) -> str | None:
    """What a query gives by its own words; recording rules are named level:metric:operation."""
    if "increase(" in query or ":increase" in query:
        return "counts"
    return "rates" if "rate(" in query or ":rate" in query or ":irate" in query else None


class SqlSource(Source):
    """Any database that SQLAlchemy opens. The query binds :since and :until and names its columns as history does."""

    kind: Literal["sql"]
    url_env: EnvironmentName
    query: str
    chunk_hours: Positive = 168.0

    @model_validator(mode="after")
    def _bounded(self) -> SqlSource:
        missing = [name for name in (":since", ":until") if name not in self.query]
        if missing:
            raise Complaint(
                say("the query does not use {names}", names=", ".join(missing)),
                say("add WHERE starts_at >= :since AND starts_at < :until"),
                key=("query",),
            )
        return self


class FeishuSource(Source):
    """A Feishu Bitable. columns: history's column to the table's field; times are milliseconds since 1970."""

    kind: Literal["feishu"]
    url: str = "https://open.feishu.cn"
    app_token: str
    table_id: str
    columns: dict[str, str]
    app_id_env: EnvironmentName = "FEISHU_APP_ID"
    app_secret_env: EnvironmentName = "FEISHU_APP_SECRET"


class WebhookSource(Source):
    """Rows that somebody posts: JSON lists signed with HMAC-SHA256, kept in an inbox until they are pulled."""

    kind: Literal["webhook"]
    secret_env: EnvironmentName


class DropSource(Source):
    """A folder of the workspace that exports are dropped into; what the files leave open is answered here."""

    kind: Literal["drop"]
    folder: str
    values: Literal["counts", "rates"] | None = None
    service: str | None = None
    requests_per_session: Positive | None = None
    day_first: bool | None = None


ReadingName = Literal["ready_replicas", "error_ratio", "p99_ms", "queue_length"]


class ReadingSource(FileRecord):
    """A query of Prometheus for what history has no use for: how each service does now. Only the live side asks it."""

    name: Identifier
    kind: Literal["prometheus-reading"]
    reading: ReadingName
    url: str
    query: str
    service_label: str = "service"
    service: str | None = None
    rename: dict[str, str] = {}
    token_env: EnvironmentName | None = None


AnySource = PrometheusSource | SqlSource | FeishuSource | WebhookSource | DropSource
_SOURCE: TypeAdapter[AnySource | ReadingSource] = TypeAdapter(
    Annotated[AnySource | ReadingSource, Field(discriminator="kind")]
)
RECORDS: dict[object, type[FileRecord]] = {
    "prometheus": PrometheusSource,
    "sql": SqlSource,
    "feishu": FeishuSource,
    "webhook": WebhookSource,
    "drop": DropSource,
    "prometheus-reading": ReadingSource,
}


def sources_of(settings: Settings) -> tuple[AnySource, ...]:
    """The sources that history is pulled from; entries that only record how `init --from` read a file are passed over.

    Raises:
        UserError: every entry that is wrong.
    """
    return tuple(source for source in _all_sources(settings) if not isinstance(source, ReadingSource))


def peers_of(source: AnySource, settings: Settings) -> tuple[AnySource, ...]:
    """Every source of the same measure, itself too, in the order of surgeplan.yaml."""
    return tuple(peer for peer in sources_of(settings) if peer.measure == source.measure)


def reading_sources_of(settings: Settings) -> tuple[ReadingSource, ...]:
    """What the live side asks beside traffic.

    Raises:
        UserError: every entry that is wrong.
    """
    return tuple(source for source in _all_sources(settings) if isinstance(source, ReadingSource))


def _all_sources(settings: Settings) -> tuple[AnySource | ReadingSource, ...]:
    problems: list[Problem] = []
    found: list[AnySource | ReadingSource] = []
    for i, entry in enumerate(settings.sources):
        if "kind" not in entry and "reader" in entry:
            continue
        try:
            found.append(_SOURCE.validate_python(entry))
        except ValidationError as error:
            problems += _problems(error, entry, i)
    names = [source.name for source in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(
            Problem(
                say("{name} stands twice", name=name), say("keep one of them"), file="surgeplan.yaml", key="sources"
            )
        )
    if problems:
        raise UserError(problems)
    return tuple(found)


def _problems(error: ValidationError, entry: dict[str, Any], number: int) -> list[Problem]:
    kind = entry.get("kind")
    place = f"sources[{number}]"
    if kind not in RECORDS:
        what = say("{given} is not a kind of source", given=repr(kind))
        todo = say("known: {names}", names=", ".join(map(str, RECORDS)))
        return [Problem(what, todo, file="surgeplan.yaml", key=f"{place}.kind")]
    record = RECORDS[kind]
    try:
        record.model_validate(entry)
    except ValidationError as own:
        document = Document("surgeplan.yaml", entry, {})
        return [
            Problem(p.what, p.todo, file="surgeplan.yaml", key=f"{place}.{p.key}".rstrip("."))
            for p in problems_of(own, document, record)
        ]
    return []


@dataclass(frozen=True)
class Batch:
    """Rows of one pull: (start in seconds of UTC, *keys) to values.

    keys, values: the columns they stand in. watermark: seconds of UTC up to which the source had rows; None for none.
    partial: the source itself said that something is missing, so nothing of this is final.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    rows: dict[Key, tuple[float, ...]]
    watermark: int | None = None
    partial: bool = False
    notes: tuple[Text, ...] = ()


Fetch = Callable[[datetime, datetime], Batch]


def batch_of(
    source: Source,
    columns: Sequence[str],
    rows: Sequence[tuple[int, Sequence[object]]],
    place: str,
    notes: Sequence[Text] = (),
) -> Batch:
    """Rows under history's column names (starts_at apart) as a batch; a row without a figure is missing.

    Raises:
        UserError: a column missing or unknown, a figure that is none, negative, or the same row twice.
    """
    keys = tuple(c for c in KEYS[source.measure] if c in columns)
    values = tuple(c for c in VALUES[source.measure] if c in columns)
    markers = tuple(c for c in MARKERS[source.measure] if c in columns)
    needed = not values or source.measure == "desks"
    required = [*KEYS[source.measure][:1], *(VALUES[source.measure][:1] if needed else ())]
    problems = [
        Problem(
            say("brings no column {name}", name=c), say("name a column of the query so"), file=place, key=source.name
        )
        for c in required
        if c not in columns
    ]
    found: dict[Key, tuple[float, ...]] = {}
    positions = {column: i for i, column in enumerate(columns)}
    for at, cells in rows if not problems else ():
        names = (str(cells[positions[key]] or "") for key in keys)
        key: Key = (at, *(source.rename.get(name, name) for name in names))
        try:
            figures = tuple(_figure(cells[positions[c]]) for c in values)
            figures += tuple(_flag(cells[positions[c]]) for c in markers)
        except (TypeError, ValueError):
            what = say("row {row} holds no figure", row=", ".join(map(str, cells)))
            problems.append(Problem(what, say("correct it at the source"), file=place, key=source.name))
            continue
        if any(figure < 0 for figure in figures):
            what = say("row {row} is negative", row=", ".join(map(str, cells)))
            problems.append(Problem(what, say("correct it at the source"), file=place, key=source.name))
        elif key in found and found[key] != figures:
            what = say("two rows for {row}", row=", ".join(map(str, key)))
            problems.append(Problem(what, say("group the query by time and name"), file=place, key=source.name))
        elif figures[0] == figures[0]:
            found[key] = figures
    if problems:
        raise UserError(problems[:10])
    watermark = max((int(key[0]) for key in found), default=None)
    return Batch(keys, (*values, *markers), found, watermark, notes=tuple(notes))


def _figure(cell: object) -> float:
    return float("nan") if cell is None or cell == "" else float(str(cell))


def _flag(cell: object) -> float:
    flag = flag_of(cell)
    if flag is None:
        raise ValueError(cell)
    return float(flag)
