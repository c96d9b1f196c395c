"""`surgeplan init --from`: recognised exports become a workspace that the forecast accepts."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isclose
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.files import write_text, writing
from campaign.language import LANGUAGES, Language, Text, say
from campaign.plan import Plan
from campaign.workspace import open_workspace
from forecast.findings import Finding
from forecast.history import open_history
from metrics.intake.folder import Intake, read_folder
from metrics.intake.markers import MEASURE as LOAD_TEST
from metrics.intake.records import Answers, Buckets, Place, Question, Recognised, ServiceFigures, Unanswered
from surgeplan.init import new_workspace
from surgeplan.intake_texts import settings_text, stub_head
from surgeplan.plan_text import plan_text

BUSIEST_HOURS = 5
EXPORTS = "exports"
"""The workspace's folder that later exports are dropped into."""
Key = tuple[str, int]


@dataclass(frozen=True)
class Imported:
    """What became of a folder of exports, for the report."""

    intake: Intake
    notes: tuple[Text, ...]
    findings: tuple[Finding, ...]
    busiest_hours: tuple[int, ...]
    """Local hours of the day with most traffic, busiest first."""
    bucket_lengths: dict[str, tuple[int, ...]]
    """By service, seconds."""
    stubs: tuple[Plan, ...]

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.bucket_lengths)


def init_from(
    folder: Path, exports: Path, answers: Answers, lang: str | None = None, progress: Progress = no_progress
) -> Imported:
    """Make a workspace from a folder of exports; its language is `lang`, else that of the exports' headings.

    Raises:
        Unanswered: what only a person can say.
        UserError: what cannot be used; nothing is written.
    """
    if not exports.is_dir():
        problem = Problem(say("is no folder"), say("put the exports into a folder and name it"), file=str(exports))
        raise UserError(problem)
    intake = read_folder(exports, answers, progress)
    if answers.time_zone is None:
        what = say("no file says in which time zone the team works")
        raise Unanswered([Question("--time-zone", what, Place(str(exports)))])
    traffic = merged(intake.recognised, "requests")
    orders = merged(intake.recognised, "orders")
    if not traffic.rates:
        what = say("no file holds traffic: requests, visits or an access log")
        todo = say("export a Grafana panel or an hourly report of visits")
        unknown = [place.problem(say("not recognised")) for place in intake.unknown]
        raise UserError([Problem(what, todo, file=str(exports)), *unknown])
    language = language_of(lang, intake.recognised)
    with new_workspace(folder) as draft:
        write_history(draft / "history", traffic, orders, intake.recognised)
        notes = write_settings(draft, traffic.services, intake.recognised, answers, answers.time_zone, language)
        plans = distinct_plans(plan for found in intake.recognised for plan in found.plans)
        write_plans(draft, [(plan, ()) for plan in plans], answers.time_zone)
        findings = open_history(open_workspace(draft)).findings
        stubs = stub_plans(findings, answers.time_zone, {plan.id for plan in plans})
        write_plans(draft, [(plan, stub_head(ratio, language)) for plan, ratio in stubs], answers.time_zone)
        open_workspace(draft)
    hours = busiest_hours(traffic, answers.time_zone)
    return Imported(
        intake, (*traffic.notes, *orders.notes, *notes), findings, hours, traffic.bucket_lengths(), _plans_of(stubs)
    )


def _plans_of(stubs: Sequence[tuple[Plan, float]]) -> tuple[Plan, ...]:
    return tuple(plan for plan, _ in stubs)


def write_settings(
    draft: Path,
    services: Sequence[str],
    recognised: Sequence[Recognised],
    answers: Answers,
    zone: ZoneInfo,
    language: Language,
) -> list[Text]:
    """Write surgeplan.yaml and return what is worth saying about it."""
    figures, notes = matched_figures(services, recognised)
    text = settings_text(services, figures, zone, language, sources_of(recognised, answers))
    write_text(draft / "surgeplan.yaml", text)
    write_text(draft / EXPORTS / ".gitkeep", "")
    return notes


def write_plans(draft: Path, plans: Iterable[tuple[Plan, Sequence[str]]], zone: ZoneInfo) -> None:
    """Write each plan with the comment on top of it."""
    for plan, head in plans:
        write_text(draft / "campaigns" / f"{plan.id}.yaml", plan_text(plan, zone, head, {}))


def language_of(lang: str | None, recognised: Sequence[Recognised]) -> Language:
    """As asked, else Chinese where any heading is, else English."""
    for known in LANGUAGES:
        if lang == known:
            return known
    headings = "".join(column.heading for found in recognised for column in found.columns)
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in headings) else "en"


@dataclass
class Traffic:
    """Requests per second (or orders) by service and second of UTC, and each bucket's length in seconds."""

    rates: dict[Key, float] = field(default_factory=dict)
    lengths: dict[Key, int] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({service for service, _ in self.rates}))

    def bucket_lengths(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, set[int]] = {service: set() for service in self.services}
        for (service, _), seconds in self.lengths.items():
            found[service].add(seconds)
        return {service: tuple(sorted(lengths)) for service, lengths in found.items()}


def merged(recognised: Sequence[Recognised], measure: str) -> Traffic:
    """All files' traffic (or orders) as one: where buckets of two lengths meet, the finer ones hold.

    Raises:
        UserError: two files give different figures for the same times.
    """
    parts = [(b, found) for found in recognised for b in found.buckets if b.measure == measure]
    traffic, problems = Traffic(), []
    source: dict[Key, str] = {}
    covered: dict[str, set[int]] = defaultdict(set)
    for buckets, found in sorted(parts, key=lambda part: part[0].seconds):
        fresh, clashes = _fresh(buckets, traffic, covered)
        hidden = len(buckets.values) - len(fresh) - clashes.same
        for key in fresh:
            traffic.rates[key], traffic.lengths[key] = buckets.values[key], buckets.seconds
            source[key] = _name(found)
            covered[key[0]].update(_minutes(key[1], buckets.seconds))
        if hidden:
            what = say("{file}: {count} coarser buckets give way to finer ones", file=_name(found), count=hidden)
            traffic.notes.append(what)
        if clashes.other:
            what = say(
                "gives other figures than {file} for {count} of the same times",
                file=source[clashes.other[0]], count=len(clashes.other),
            )  # fmt: skip
            problems.append(Problem(what, say("keep one of the two files"), file=_name(found)))
    if problems:
        raise UserError(problems)
    return traffic


@dataclass(frozen=True)
class Clashes:
    """Buckets that another file has too: how many in all, and those with another figure."""

    same: int
    other: list[Key]


def _fresh(buckets: Buckets, traffic: Traffic, covered: Mapping[str, set[int]]) -> tuple[list[Key], Clashes]:
    """Buckets whose time is still free, and those that are there already at this length."""
    twice = [key for key in buckets.values if traffic.lengths.get(key) == buckets.seconds]
    other = [key for key in twice if not isclose(traffic.rates[key], buckets.values[key], rel_tol=1e-6, abs_tol=1e-6)]
    again = set(twice)
    fresh = [
        key
        for key in buckets.values
        if key not in again and covered.get(key[0], set()).isdisjoint(_minutes(key[1], buckets.seconds))
    ]
    return fresh, Clashes(len(twice), other)


def _minutes(at: int, seconds: int) -> range:
    return range(at // 60, (at + seconds) // 60)


def _name(found: Recognised) -> str:
    return found.place.file + (f" [{found.place.sheet}]" if found.place.sheet else "")


def write_history(folder: Path, traffic: Traffic, orders: Traffic, recognised: Sequence[Recognised]) -> None:
    """traffic.csv.gz, orders.csv and contacts.csv, as far as there are any."""
    with writing(folder / "traffic.csv.gz") as temporary:
        temporary.write_bytes(gzip.compress(traffic_text(traffic, recognised).encode(), compresslevel=6, mtime=0))
    if orders.rates:
        ordered = sorted(orders.rates.items(), key=lambda item: item[0][1])
        rows = [f"{_utc(at)},{value:.10g}" for (_, at), value in ordered]
        write_text(folder / "orders.csv", "\n".join(["starts_at,orders", *rows]) + "\n")
    measures = ("contacts", "bot_handled", "bot_resolved")
    asked = {m: added_up(b for found in recognised for b in found.buckets if b.measure == m) for m in measures}
    kept = [measure for measure in measures if asked[measure]]
    if asked["contacts"]:
        rows = [
            ",".join([_utc(at), desk, *(_figure(asked[m].get((desk, at))) for m in kept)])
            for desk, at in sorted(asked["contacts"], key=lambda key: (key[1], key[0]))
        ]
        write_text(folder / "contacts.csv", "\n".join([",".join(["starts_at", "desk", *kept]), *rows]) + "\n")


def traffic_text(traffic: Traffic, recognised: Sequence[Recognised]) -> str:
    """Traffic as CSV; with a column of load tests where any export marks them."""
    tests = {
        (service, minute)
        for found in recognised
        for buckets in found.buckets
        if buckets.measure == LOAD_TEST
        for service, at in buckets.values
        for minute in _minutes(at, buckets.seconds)
    }
    columns = ["starts_at", "service", "requests_per_second", *(["load_test"] if tests else [])]
    lines = [",".join(columns)]
    for (service, at), value in sorted(traffic.rates.items()):
        marked = tests and not tests.isdisjoint((service, m) for m in _minutes(at, traffic.lengths[service, at]))
        lines.append(f"{_utc(at)},{service},{value:.6g}" + (f",{'yes' if marked else ''}" if tests else ""))
    return "\n".join(lines) + "\n"


def _utc(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"


def added_up(parts: Iterable[Buckets]) -> dict[Key, float]:
    """Every figure by key and time; files that repeat one another count once."""
    values: dict[Key, float] = {}
    for buckets in parts:
        for key, value in buckets.values.items():
            values.setdefault(key, value)
    return values


def matched_figures(
    services: Sequence[str], recognised: Sequence[Recognised]
) -> tuple[dict[str, ServiceFigures], list[Text]]:
    """What the cluster says of each service with traffic, and which workloads have none."""
    known = [figures for found in recognised for figures in found.services]
    matched: dict[str, ServiceFigures] = {}
    for figures in known:
        if figures.name in services:
            matched.setdefault(figures.name, figures)
    others = sorted({figures.name for figures in known} - set(services))
    if not others:
        return matched, []
    names = ", ".join(others[:10]) + (" …" if len(others) > 10 else "")
    return matched, [say("workloads without traffic of their own (use follows: for them): {names}", names=names)]


def sources_of(recognised: Sequence[Recognised], answers: Answers) -> Iterator[dict[str, object]]:
    """How each file was read, as it is kept under `sources:`."""
    for found in recognised:
        source: dict[str, object] = {"file": found.place.file, "reader": found.reader}
        if found.place.sheet:
            source["sheet"] = found.place.sheet
        if found.source.get("values"):
            source["values"] = found.source["values"]
        if answers.service and any(answers.service in b.keys for b in found.buckets):
            source["service"] = answers.service
        if answers.requests_per_session and found.reader == "report":
            source["requests_per_session"] = answers.requests_per_session
        if answers.day_first is not None:
            source["day_first"] = answers.day_first
        yield source
    yield from drop_sources(recognised, answers)


def drop_sources(recognised: Sequence[Recognised], answers: Answers) -> Iterator[dict[str, object]]:
    """Sources that read later exports of the same kinds from the folder `exports`, with the answers given now."""
    given = {
        "values": answers.values,
        "service": answers.service,
        "requests_per_session": answers.requests_per_session,
        "day_first": answers.day_first,
    }
    said = {key: value for key, value in given.items() if value is not None}
    measures = {buckets.measure for found in recognised for buckets in found.buckets}
    for measure, name in (("requests", "traffic"), ("orders", "orders"), ("contacts", "contacts")):
        if measure in measures:
            yield {"kind": "drop", "name": f"exports-{name}", "measure": name, "folder": EXPORTS, **said}


def distinct_plans(plans: Iterable[Plan]) -> list[Plan]:
    """Plans with ids of their own: the second of two gets a number."""
    found: dict[str, Plan] = {}
    for plan in plans:
        number = next(n for n in range(1, 1000) if (plan.id if n == 1 else f"{plan.id}-{n}") not in found)
        id = plan.id if number == 1 else f"{plan.id}-{number}"
        found[id] = plan.model_copy(update={"id": id})
    return list(found.values())


def stub_plans(findings: Sequence[Finding], zone: ZoneInfo, taken: set[str]) -> list[tuple[Plan, float]]:
    """A plan without a name for every stretch of days with an unexplained surge, with its ratio to the usual."""
    surges = sorted((f.starts_at_utc, f.ends_at_utc, f.ratio_to_usual or 0.0) for f in findings if f.kind == "surge")
    joined: list[tuple[datetime, datetime, float]] = []
    for start, end, ratio in surges:
        if joined and start <= joined[-1][1] + timedelta(hours=3):
            joined[-1] = joined[-1][0], max(joined[-1][1], end), max(joined[-1][2], ratio)
        else:
            joined.append((start, end, ratio))
    plans = []
    for start, end, ratio in joined:
        local = start.astimezone(zone)
        id = f"unnamed-{local:%Y-%m-%d}"
        id = next(i for i in (id, *(f"{id}-{n}" for n in range(2, 100))) if i not in taken)
        taken.add(id)
        plan = Plan(id=id, kind="unnamed", starts_at=local, ends_at=end.astimezone(zone))
        plans.append((plan, ratio))
    return plans


def busiest_hours(traffic: Traffic, zone: ZoneInfo) -> tuple[int, ...]:
    """Local hours of the day by mean traffic, busiest first."""
    requests: dict[int, float] = defaultdict(float)
    seconds: dict[int, int] = defaultdict(int)
    offsets: dict[int, int] = {}
    for key, value in traffic.rates.items():
        day = key[1] // 3600
        if day not in offsets:
            offsets[day] = datetime.fromtimestamp(day * 3600, zone).hour
        hour = offsets[day]
        requests[hour] += value * traffic.lengths[key]
        seconds[hour] += traffic.lengths[key]
    order = sorted(requests, key=lambda hour: -requests[hour] / seconds[hour])
    return tuple(order[:BUSIEST_HOURS])
