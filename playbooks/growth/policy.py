"""Rules, objectives and meetings as data: `playbooks/policy/rules.yaml`, overridden by the workspace's `rules.yaml`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from campaign.documents import Complaint, Document, FileRecord, problems_of, read_yaml
from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from campaign.plan import Identifier, NonNegative, Positive, Ratio
from campaign.settings import TimeOfDay
from campaign.words import Words
from metrics.dictionary import Dictionary
from playbooks.growth.live_policy import LiveRules

RULES = "rules.yaml"
SHIPPED = Path(__file__).parent.parent / "policy" / RULES
KEYED = {"rules": "id", "kpis": "metric", "meetings": "id"}

Days = Annotated[int, Field(ge=1, le=400)]
Fall = Annotated[float, Field(gt=-1, lt=0)]
Team = Literal["marketing", "ops", "support", "sre", "data", "company"]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
Part = Literal[
    "channel_roi", "churn_nodes", "rules_fired", "objectives", "experiments", "joint_score", "lasting_peaks"
]  # fmt: skip


class Baseline(FileRecord):
    """A fall against the median of `baseline_days` days that end `gap_days` before the day looked at.

    noise_mads: the fall must also be this many median absolute deviations of the `noise_days` days before.
    hold_days: while it stands fired, the baseline of the day it fired is kept for so long.
    """

    compare: Literal["baseline"]
    change_ratio: Fall
    clear_change_ratio: Annotated[float, Field(gt=-1, le=1)]
    days: Days = 3
    clear_days: Days = 2
    baseline_days: Annotated[int, Field(ge=3, le=400)] = 7
    gap_days: Annotated[int, Field(ge=0, le=60)] = 3
    noise_mads: NonNegative = 0.0
    noise_days: Annotated[int, Field(ge=0, le=400)] = 21
    hold_days: Annotated[int, Field(ge=0, le=400)] = 28


class Previous(FileRecord):
    """The literal text: each of `days` days this much below the day before. Nearly blind to a single fall."""

    compare: Literal["previous"]
    change_ratio: Fall
    clear_change_ratio: Annotated[float, Field(gt=-1, le=1)]
    days: Days = 3
    clear_days: Days = 2


class Below(FileRecord):
    """A level: the value of `over_days` days taken together is below it.

    scale: for scores from -scale to scale, such as NPS's 100; shares where left out.
    """

    compare: Literal["level"]
    below: float
    clear_at: float
    over_days: Days = 1
    days: Days = 1
    clear_days: Days = 1
    scale: Positive | None = None

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.clear_at < self.below:
            raise Complaint(
                say("clears at {clear}, which is below {below}", clear=self.clear_at, below=self.below),
                say("clear at the level itself or above it"),
                key=("clear_at",),
            )
        return self


When = Annotated[Baseline | Previous | Below, Field(discriminator="compare")]


class Guard(FileRecord):
    """What must be there before a value says anything: metrics and their least values, over the rule's days.

    sample: the metric that counts the people (or answers) behind a value; it also gives the interval.
    """

    least: dict[str, Positive] = {}
    sample: str | None = None


class Resolve(FileRecord):
    """What putting it right usually takes: orders alerts of equal impact."""

    hours: Positive
    people: Positive


class Rule(FileRecord):
    """One early warning. level 1 concerns marketing, 2 operations, 3 the company."""

    id: Identifier
    title: Words
    level: Annotated[int, Field(ge=1, le=3)]
    metric: str
    by: Literal["channel", "family"] | None = None
    when: When
    guard: Guard = Guard()
    route: Annotated[tuple[Team, ...], Field(min_length=1)]
    due_working_days: Annotated[int, Field(ge=0, le=60)]
    action: Words
    resolve: Resolve
    enabled: bool = True


class Objective(FileRecord):
    """A key result that two teams own together; its target is the dictionary's.

    since: the day that progress counts from; the quarter's first where left out.
    """

    metric: str
    owners: Annotated[tuple[Team, ...], Field(min_length=2, max_length=2)]
    over_days: Days = 28
    since: date | None = None


class Meeting(FileRecord):
    """A standing meeting whose agenda fills itself."""

    id: Identifier
    title: Words
    weekday: Weekday
    at: TimeOfDay
    minutes: Annotated[int, Field(ge=5, le=480)]
    route: tuple[Team, ...]
    agenda: tuple[Part, ...]


class Response(FileRecord):
    """The order in which alerts are answered, the first key first."""

    order_by: Annotated[tuple[Literal["impact", "hours", "people"], ...], Field(min_length=1)]


class JointScore(FileRecord):
    """How a channel is scored, and how far that may move its share of the next budget."""

    weights: dict[Literal["ltv", "roi", "conversion"], NonNegative]
    over_days: Days
    share_change_max_ratio: Ratio


class Churn(FileRecord):
    """Churn nodes: the last `days` days of each step and channel against the `baseline_days` before them."""

    steps: Annotated[tuple[str, ...], Field(min_length=2)]
    days: Days
    baseline_days: Days
    entering_min: Positive
    shown: Annotated[int, Field(ge=1, le=50)]


class Lasting(FileRecord):
    """Whether a peak lasted: actives of D+1 … D+days as a share of the campaign's first day."""

    metric: str
    days: Annotated[int, Field(ge=1, le=60)]
    kept_ratio: Ratio
    baseline_days: Days


class RulesFile(FileRecord):
    """The shape of `rules.yaml`."""

    schema_version: Literal[1] = 1
    rules: tuple[Rule, ...]
    kpis: tuple[Objective, ...]
    meetings: tuple[Meeting, ...]
    response: Response
    joint_score: JointScore
    churn: Churn
    lasting: Lasting
    live: LiveRules

    @property
    def titles(self) -> dict[str, Words]:
        """Of every rule, by its id."""
        return {rule.id: rule.title for rule in self.rules}


def read_rules(folder: Path, dictionary: Dictionary) -> RulesFile:
    """The shipped rules with the workspace's changes: an entry of a shipped id replaces the fields it gives.

    Raises:
        UserError: every problem of `rules.yaml` at once.
    """
    own = folder / RULES
    shipped = read_yaml(SHIPPED, RULES)
    document = read_yaml(own, RULES) if own.is_file() else Document(RULES, {}, {})
    content, positions = _merged(shipped.content, document)
    try:
        file = RulesFile.model_validate(content)
    except ValidationError as error:
        raise UserError([*(_placed(p, positions, document) for p in problems_of(error, _bare(), RulesFile))]) from error
    problems = [*_unknown_metrics(file, dictionary, positions, document)]
    if problems:
        raise UserError(problems)
    return file


def _bare() -> Document:
    return Document(RULES, {}, {})


def _merged(shipped: dict[str, Any], own: Document) -> tuple[dict[str, Any], dict[str, int]]:
    """The shipped content with the workspace's in its place, and the line of each entry that is its own."""
    content, positions = shipped | own.content, dict[str, int]()
    for section, key in KEYED.items():
        given = _own_entries(own, section, key)
        mine = {entry[key]: (place, entry) for place, entry in enumerate(given)}
        entries = {entry[key]: entry for entry in shipped[section]}
        for name, (place, entry) in mine.items():
            entries[name] = _overlaid(entries.get(name, {}), entry)
            at = list(entries).index(name)
            positions[f"{section}[{at}]"] = own.lines.get((section, place), 1)
        content[section] = list(entries.values())
    given = own.content.get("live", {})
    if isinstance(given, dict):
        content["live"] = {
            **shipped["live"],
            **{key: _laid_over(shipped["live"].get(key), v) for key, v in given.items()},
        }
    return content, positions


def _own_entries(own: Document, section: str, key: str) -> list[dict[str, Any]]:
    """The workspace's entries of a section, each with a name of its own.

    Raises:
        UserError: something else stands there, or a name twice.
    """
    given = own.content.get(section, [])
    if not isinstance(given, list) or not all(isinstance(e, dict) and isinstance(e.get(key), str) for e in given):
        what = say("is not a list of entries with {key}", key=key)
        raise UserError(own.problem((section,), what, say("write - {key}: … for each", key=key)))
    names = [entry[key] for entry in given]
    twice = [place for place, name in enumerate(names) if name in names[:place]]
    if twice:
        todo = say("keep one of them")
        raise UserError(
            own.problem((section, place, key), say("{name} stands twice", name=names[place]), todo) for place in twice
        )
    return given


def _overlaid(shipped: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Nested mappings are overlaid too, unless their `compare` differs: another condition is a whole other one."""
    made = shipped | own
    for key, value in own.items():
        before = shipped.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and key == "when":
            same = value.get("compare", before.get("compare")) == before.get("compare")
            made[key] = before | value if same else value
    return made


def _laid_over(shipped: Any, own: Any) -> Any:
    """Single fields of a mapping; anything else is replaced."""
    return shipped | own if isinstance(shipped, dict) and isinstance(own, dict) else own


def _placed(problem: Problem, positions: dict[str, int], document: Document) -> Problem:
    section = problem.key.partition(".")[0]
    line = positions.get(section) or document.lines.get((section,), 1)
    return Problem(problem.what, problem.todo, file=RULES, line=line, key=problem.key)


def _unknown_metrics(
    file: RulesFile, dictionary: Dictionary, positions: dict[str, int], document: Document
) -> list[Problem]:
    named = [(f"rules[{i}].metric", rule.metric) for i, rule in enumerate(file.rules)]
    for i, rule in enumerate(file.rules):
        parts = [*rule.guard.least, *filter(None, [rule.guard.sample])]
        named += [(f"rules[{i}].guard", name) for name in parts]
    named += [(f"kpis[{i}].metric", objective.metric) for i, objective in enumerate(file.kpis)]
    named += [("churn.steps", name) for name in file.churn.steps] + [("lasting.metric", file.lasting.metric)]
    problems = [
        _placed(
            Problem(say("there is no metric {name}", name=name), nearest(name, dictionary.ids), key=key),
            positions, document,
        )
        for key, name in named if name not in dictionary.ids
    ]  # fmt: skip
    without = [
        (i, o.metric)
        for i, o in enumerate(file.kpis)
        if o.metric in dictionary.ids and dictionary.definitions[o.metric].target is None
    ]
    for i, name in without:
        todo = say("add target and target_is to {name} in metrics.yaml", name=name)
        problem = Problem(say("{name} has no target", name=name), todo, key=f"kpis[{i}].metric")
        problems.append(_placed(problem, positions, document))
    return problems
