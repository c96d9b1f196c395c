"""What was found in an exported file, what each column was taken for, and what only a person can say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.plan import Plan

Values = Literal["rates", "counts"]
Kind = Literal["traffic", "orders", "contacts", "business", "plans", "cluster"]
Option = Literal["--time-zone", "--rates|--counts", "--requests-per-session", "--service", "--day-first|--month-first"]


@dataclass(frozen=True)
class Answers:
    """What people said where the files do not."""

    time_zone: ZoneInfo | None = None
    values: Values | None = None
    requests_per_session: float | None = None
    service: str | None = None
    day_first: bool | None = None


@dataclass(frozen=True)
class Place:
    """A file, its sheet where it has several, and a row counted from 1."""

    file: str
    sheet: str = ""
    row: int | None = None

    def at(self, row: int | None) -> Place:
        return Place(self.file, self.sheet, row)

    def problem(self, what: Text, todo: Text | None = None) -> Problem:
        return Problem(what, todo, file=self.file, line=self.row, key=self.sheet)


@dataclass(frozen=True)
class Question:
    """Something a file leaves open, and the option that answers it.

    alone: only to be asked where no other file tells requests.
    """

    option: Option
    what: Text
    place: Place
    alone: bool = False

    def problem(self) -> Problem:
        return self.place.problem(self.what, say("answer with {option}", option=self.option))


class Unanswered(UserError):
    """Files that leave something open: the same refusal, and the questions for whoever can be asked."""

    def __init__(self, questions: Sequence[Question], problems: Sequence[Problem] = ()) -> None:
        self.questions = tuple(questions)
        super().__init__([*problems, *(question.problem() for question in questions)])


@dataclass(frozen=True)
class Column:
    """A heading and what it was taken for."""

    heading: str
    meaning: Text


@dataclass(frozen=True)
class Reading:
    """One figure of a file at an instant; `key` is its service or desk."""

    at: datetime
    key: str
    value: float
    row: int


@dataclass(frozen=True)
class Buckets:
    """Readings of one measure as buckets: (key, start in seconds of UTC) to value, all `seconds` long."""

    measure: str
    seconds: int
    values: dict[tuple[str, int], float]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(sorted({key for key, _ in self.values}))


@dataclass(frozen=True)
class ServiceFigures:
    """What the cluster says of one deployment."""

    name: str
    namespace: str = ""
    replicas: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    cpu_cores: float | None = None
    memory_gib: float | None = None


@dataclass(frozen=True)
class Recognised:
    """One table of one file: what it is, what each column was taken for, and its figures."""

    place: Place
    reader: str
    kind: Kind
    columns: tuple[Column, ...] = ()
    buckets: tuple[Buckets, ...] = ()
    plans: tuple[Plan, ...] = ()
    services: tuple[ServiceFigures, ...] = ()
    notes: tuple[Text, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)
    """The mapping as it is kept under `sources:`."""


@dataclass
class Findings:
    """What reading gathers along the way: nothing is refused before everything was read."""

    problems: list[Problem] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    def ask(self, option: Option, what: Text, place: Place, alone: bool = False) -> None:
        """Ask once per option and file; `alone` as in Question."""
        known = {(question.option, question.place.file) for question in self.questions}
        if (option, place.file) not in known:
            self.questions.append(Question(option, what, place, alone))
