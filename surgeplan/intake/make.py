"""`surgeplan init --from`: recognised exports become a workspace that the forecast accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.files import write_text
from campaign.language import LANGUAGES, Language, Text, say
from campaign.plan import Plan
from campaign.workspace import open_workspace
from forecast.history import open_history
from forecast.history.findings import Finding
from metrics.intake.contacts import desk_and_intent
from metrics.intake.folder import Intake, read_folder
from metrics.intake.records import Answers, Place, Question, Recognised, Unanswered
from surgeplan.init import new_workspace
from surgeplan.intake.history import write_history
from surgeplan.intake.joined import busiest_hours, merged
from surgeplan.intake.plans import distinct_plans, stub_plans, write_plans
from surgeplan.intake.sources import EXPORTS, matched_figures, sources_of
from surgeplan.intake.texts import settings_text, stub_head


@dataclass(frozen=True)
class Imported:
    """What became of a folder of exports, for the report."""

    intake: Intake
    zone: ZoneInfo
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
    traffic = merged(intake.recognised, "requests")
    orders = merged(intake.recognised, "orders")
    if not traffic.rates:
        raise UserError([_no_traffic(exports), *_unused(intake)])
    if answers.time_zone is None:
        what = say("no file says in which time zone the team works")
        raise Unanswered([Question("--time-zone", what, Place(str(exports)))])
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
        intake,
        answers.time_zone,
        (*traffic.notes, *orders.notes, *notes),
        findings,
        hours,
        traffic.bucket_lengths(),
        _plans_of(stubs),
    )


def _no_traffic(exports: Path) -> Problem:
    what = say("no file holds traffic: requests, visits or an access log")
    return Problem(what, say("export a Grafana panel or an hourly report of visits"), file=str(exports))


def _unused(intake: Intake) -> Iterator[Problem]:
    """Why each file that might have been traffic is none."""
    for found in intake.recognised:
        if found.kind in ("traffic", "business") and not found.buckets and found.notes:
            yield found.place.problem(found.notes[-1])
    yield from (place.problem(say("not recognised")) for place in intake.unknown)


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
    text = settings_text(services, figures, zone, language, desks_of(recognised), sources_of(recognised, answers))
    write_text(draft / "surgeplan.yaml", text)
    write_text(draft / EXPORTS / ".gitkeep", "")
    return notes


def desks_of(recognised: Sequence[Recognised]) -> list[str]:
    """Desks whose contacts the exports tell, or how they served."""
    measures = ("contacts", "contacts_offered")
    told = (buckets for found in recognised for buckets in found.buckets if buckets.measure in measures)
    return sorted({desk_and_intent(key)[0] for buckets in told for key in buckets.keys})


def language_of(lang: str | None, recognised: Sequence[Recognised]) -> Language:
    """As asked, else Chinese where any heading is, else English."""
    for known in LANGUAGES:
        if lang == known:
            return known
    headings = "".join(column.heading for found in recognised for column in found.columns)
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in headings) else "en"
