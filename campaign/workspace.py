"""The workspace: a folder that a team keeps in git, read as a whole with all its problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from campaign.documents import Document, KeyPath, read_yaml, validate
from campaign.errors import Problem, UserError, nearest
from campaign.files import sha256
from campaign.language import LANGUAGES, Language, say
from campaign.plan import Plan
from campaign.settings import Settings

SETTINGS = "surgeplan.yaml"
LEAD_DAYS = 3
FAR = timedelta(days=60)


@dataclass(frozen=True)
class Workspace:
    """Settings and plans of one folder, checked against each other."""

    folder: Path
    settings: Settings
    plans: tuple[Plan, ...]

    def plan(self, campaign: str) -> Plan:
        """The plan of that id.

        Raises:
            UserError: no such campaign; suggests the nearest.
        """
        for plan in self.plans:
            if plan.id == campaign:
                return plan
        raise UserError(
            Problem(
                say("there is no campaign {id}", id=campaign),
                nearest(campaign, (plan.id for plan in self.plans)),
                file="campaigns/",
            )
        )

    def out(self, campaign: str) -> Path:
        """The folder that commands write this campaign's results to."""
        return self.folder / "out" / campaign

    def plan_file(self, campaign: str) -> Path:
        return self.folder / "campaigns" / f"{campaign}.yaml"

    def history_files(self, name: str = "traffic") -> list[Path]:
        """`history/traffic*.csv|.csv.gz|.parquet` (or of another name), in name order."""
        endings = (".csv", ".csv.gz", ".parquet")
        return sorted(p for p in (self.folder / "history").glob(f"{name}*") if p.name.endswith(endings))

    def input_hashes(self) -> dict[str, str]:
        """SHA-256 of every file that a forecast reads, by its path in the workspace."""
        files = [self.folder / SETTINGS, self.folder / "metrics.yaml", self.folder / "rules.yaml"]
        files += plan_files(self.folder)
        files += [f for name in ("traffic", "contacts", "orders", "retrospectives") for f in self.history_files(name)]
        return {str(f.relative_to(self.folder)): sha256(f) for f in files if f.is_file()}


def plan_files(folder: Path) -> list[Path]:
    """`campaigns/*.yaml` in name order, without what an editor or a service is just writing beside it."""
    return sorted(path for path in (folder / "campaigns").glob("*.yaml") if not path.name.startswith("."))


def default_as_of(plan: Plan, now: datetime) -> datetime:
    """The earlier of now and D-3: what may be known when a forecast is made."""
    return min(now, plan.starts_at - timedelta(days=LEAD_DAYS))


def language_of(folder: Path) -> Language:
    """The language a workspace asks for, without checking anything else of it; English where it does not say."""
    try:
        content = read_yaml(folder / SETTINGS, SETTINGS).content
    except UserError:
        return "en"
    return next((known for known in LANGUAGES if known == content.get("language")), "en")


def open_workspace(folder: Path) -> Workspace:
    """Read and check settings and all plans.

    Raises:
        UserError: every problem of every file at once.
    """
    problems: list[Problem] = []
    try:
        settings_document = read_yaml(folder / SETTINGS, SETTINGS)
        settings = validate(settings_document, Settings)
        problems += _settings_problems(settings, settings_document)
    except UserError as error:
        settings, problems = None, [*error.problems]
    documents: dict[str, tuple[Plan, Document]] = {}
    for file in plan_files(folder):
        name = f"campaigns/{file.name}"
        try:
            document = read_yaml(file, name)
            plan = validate(document, Plan)
        except UserError as error:
            problems += error.problems
            continue
        problems += _plan_problems(plan, document, file.stem, settings, documents)
        documents.setdefault(plan.id, (plan, document))
    if problems or settings is None:
        raise UserError(problems)
    plans = sorted((plan for plan, _ in documents.values()), key=lambda plan: (plan.starts_at, plan.id))
    return Workspace(folder, settings, tuple(plans))


def check_plan(document: Document, settings: Settings) -> Plan:
    """One plan by itself, as a form or sheet makes it, checked like a file of the workspace.

    Raises:
        UserError: every problem at once.
    """
    plan = validate(document, Plan)
    problems = list(_plan_problems(plan, document, plan.id, settings, {}))
    if problems:
        raise UserError(problems)
    return plan


def _settings_problems(settings: Settings, document: Document) -> Iterator[Problem]:
    for key in ("services", "switches", "desks", "limits", "funnel"):
        field = {"funnel": "stage", "switches": "id"}.get(key, "name")
        names = [getattr(record, field) for record in getattr(settings, key)]
        for i, name in enumerate(names):
            if name in names[:i]:
                yield document.problem((key, i, field), say("{name} stands twice", name=name), say("keep one of them"))
    for path, service in _services_named_in(settings):
        yield from _unknown_service(service, settings, document, path)


def _services_named_in(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    for i, service in enumerate(settings.services):
        if service.follows:
            yield ("services", i, "follows", "service"), service.follows.service
    for i, stage in enumerate(settings.funnel):
        yield from ((("funnel", i, "requests", name), name) for name in stage.requests)
    for i, limit in enumerate(settings.limits):
        yield from ((("limits", i, "used_by", name), name) for name in limit.used_by)
    for i, switch in enumerate(settings.switches):
        yield from ((("switches", i, "effect", name), name) for name in switch.effect)


def _unknown_service(name: str, settings: Settings, document: Document, path: KeyPath) -> Iterator[Problem]:
    if name not in settings.service_names:
        what = say("there is no service {name}", name=name)
        yield document.problem(path, what, nearest(name, settings.service_names))


def _plan_problems(
    plan: Plan,
    document: Document,
    stem: str,
    settings: Settings | None,
    earlier: dict[str, tuple[Plan, Document]],
) -> Iterator[Problem]:
    if plan.id in earlier:
        first = earlier[plan.id][1].file
        yield document.problem(
            ("id",), say("{id} is already the id of {file}", id=plan.id, file=first), say("give one of them another id")
        )
    elif plan.id != stem:
        what = say("the id {id} is not the file's name", id=plan.id)
        yield document.problem(("id",), what, say("rename the file to {id}.yaml", id=plan.id))
    for i, moment in enumerate(plan.moments):
        if not plan.starts_at <= moment.at <= plan.ends_at:
            yield document.problem(
                ("moments", i, "at"),
                say("{at} is outside the campaign", at=moment.at.isoformat()),
                say(
                    "it runs from {start} to {end}: move the moment or widen the campaign",
                    start=plan.starts_at.isoformat(),
                    end=plan.ends_at.isoformat(),
                ),
            )
    yield from _far_away(plan, document)
    for name, count in Counter(channel.name for channel in plan.channels).items():
        if count > 1:
            yield document.problem(("channels",), say("{name} stands twice", name=name), say("keep one of them"))
    if settings is not None:
        yield from _unknown_names(plan, document, settings)


def _far_away(plan: Plan, document: Document) -> Iterator[Problem]:
    """Sends and slots of another year, as a copied plan has them."""
    for i, channel in enumerate(plan.channels):
        times = [(("sends", j, "at"), send.at) for j, send in enumerate(channel.sends)]
        times += [(("slots", j, "starts_at"), slot.starts_at) for j, slot in enumerate(channel.slots)]
        for key, at in times:
            if not plan.starts_at - FAR <= at <= plan.ends_at + FAR:
                yield document.problem(
                    ("channels", i, *key),
                    say("{at} is more than {n} days from the campaign", at=at.isoformat(), n=FAR.days),
                    say(
                        "it runs from {start} to {end}: correct the date",
                        start=plan.starts_at.isoformat(),
                        end=plan.ends_at.isoformat(),
                    ),
                )


def _unknown_names(plan: Plan, document: Document, settings: Settings) -> Iterator[Problem]:
    for i, service in enumerate(plan.services):
        yield from _unknown_service(service, settings, document, ("services", i))
    for path, landing in _landings(plan):
        if landing not in settings.landings():
            yield document.problem(
                path,
                say("{name} is neither a service nor a stage of the funnel", name=landing),
                nearest(landing, settings.landings()),
            )


def _landings(plan: Plan) -> Iterator[tuple[KeyPath, str]]:
    for i, channel in enumerate(plan.channels):
        if channel.lands_on:
            yield ("channels", i, "lands_on"), channel.lands_on
        for kind in ("sends", "slots"):
            for j, part in enumerate(getattr(channel, kind)):
                if part.lands_on:
                    yield ("channels", i, kind, j, "lands_on"), part.lands_on
    for i, moment in enumerate(plan.moments):
        if moment.lands_on:
            yield ("moments", i, "lands_on"), moment.lands_on
