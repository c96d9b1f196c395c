"""A/B read-outs: the difference with its interval; no winner before the planned sample, none on a broken split.

Looking every day and stopping at the first p < 0.05 finds a winner in a quarter of experiments without any effect
(Johari et al. 2017, doi:10.1145/3097983.3097992): the sample is planned before, and read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from scipy.stats import chi2, norm

from campaign.documents import Complaint, FileRecord, read_yaml, validate
from campaign.language import Text, say
from campaign.plan import Identifier, NonNegative, Positive
from campaign.words import Words

BROKEN_SPLIT_P = 0.001  # the usual alarm for sample-ratio mismatch (Fabijan et al. 2019, doi:10.1145/3292500.3330722)
ALPHA = 0.05

Count = Annotated[int, Field(ge=0)]
Verdict = Literal["broken-split", "too-early", "no-difference", "winner"]


class Arm(FileRecord):
    """What one variant saw: `successes` of `users`, or the mean and standard deviation of a value per user."""

    share: Positive
    users: Count
    successes: Count | None = None
    mean: float | None = None
    deviation: NonNegative | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.successes is None) == (self.mean is None or self.deviation is None):
            todo = say("give successes, or mean and deviation")
            raise Complaint(say("has to say successes, or mean and deviation"), todo)
        if self.successes is not None and self.successes > self.users:
            what = say("{successes} successes of {users} users", successes=self.successes, users=self.users)
            raise Complaint(what, say("count users, not their acts"), key=("successes",))
        return self


class Experiment(FileRecord):
    """`experiments/<id>.yaml`. users_planned: per variant, decided before it began."""

    schema_version: Literal[1] = 1
    id: Identifier
    title: Words
    metric: str
    users_planned: Annotated[int, Field(ge=1)]
    control: str
    variants: dict[str, Arm]

    @model_validator(mode="after")
    def _has_control(self) -> Self:
        if self.control not in self.variants or len(self.variants) < 2:
            raise Complaint(say("control is not one of two or more variants"), say("name it as in variants"))
        kinds = {arm.successes is None for arm in self.variants.values()}
        if len(kinds) > 1:
            raise Complaint(say("variants are measured in two ways"), say("give successes for all, or means for all"))
        return self


@dataclass(frozen=True)
class Difference:
    """A variant less the control, with the 95 % interval (shared among the comparisons)."""

    variant: str
    value: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class ReadOut:
    """What may be said of an experiment. winner is None unless the verdict is `winner`."""

    experiment: Experiment
    verdict: Verdict
    split_p: float
    differences: tuple[Difference, ...]
    winner: str | None

    def sentence(self) -> Text:
        if self.verdict == "broken-split":
            return say("the split is broken (p = {p}): find out why before reading anything", p=f"{self.split_p:.2g}")
        if self.verdict == "too-early":
            seen = min(arm.users for arm in self.experiment.variants.values())
            return say("too early: {seen} of {planned} users in the smallest variant", seen=f"{seen:,}",
                       planned=f"{self.experiment.users_planned:,}")  # fmt: skip
        if self.verdict == "winner":
            return say("{variant} wins", variant=self.winner)
        return say("no difference that the planned sample can show")


def read_experiment(path: Path, name: str) -> Experiment:
    """An experiment's file.

    Raises:
        UserError: it is not one; all its problems.
    """
    return validate(read_yaml(path, name), Experiment)


def read_out(experiment: Experiment) -> ReadOut:
    """The verdict: the split first, then the sample, then the difference."""
    p = split_p(experiment)
    others = [name for name in experiment.variants if name != experiment.control]
    level = ALPHA / len(others)
    differences = tuple(_difference(experiment, name, level) for name in others)
    if p < BROKEN_SPLIT_P:
        return ReadOut(experiment, "broken-split", p, differences, None)
    if min(arm.users for arm in experiment.variants.values()) < experiment.users_planned:
        return ReadOut(experiment, "too-early", p, differences, None)
    winner = _winner(experiment.control, differences)
    return ReadOut(experiment, "winner" if winner else "no-difference", p, differences, winner)


def split_p(experiment: Experiment) -> float:
    """Chi-square test of the users per variant against the planned shares."""
    users = sum(arm.users for arm in experiment.variants.values())
    shares = sum(arm.share for arm in experiment.variants.values())
    if not users:
        return 1.0
    expected = {name: users * arm.share / shares for name, arm in experiment.variants.items()}
    statistic = sum((arm.users - expected[name]) ** 2 / expected[name] for name, arm in experiment.variants.items())
    return float(chi2.sf(statistic, len(expected) - 1))


def _winner(control: str, differences: tuple[Difference, ...]) -> str | None:
    """The best variant that is surely better than the control; the control where every other is surely worse."""
    better = [d for d in differences if d.low > 0]
    if better:
        return max(better, key=lambda d: d.difference).variant
    return control if all(d.high < 0 for d in differences) else None


def _difference(experiment: Experiment, name: str, level: float) -> Difference:
    control, variant = experiment.variants[experiment.control], experiment.variants[name]
    z = float(norm.isf(level / 2))
    if control.users == 0 or variant.users == 0:
        return Difference(name, 0.0, 0.0, float("-inf"), float("inf"))
    if variant.successes is not None and control.successes is not None:
        low, high = newcombe(variant.successes, variant.users, control.successes, control.users, z)
        value = variant.successes / variant.users
        return Difference(name, value, value - control.successes / control.users, low, high)
    assert variant.mean is not None
    assert variant.deviation is not None
    assert control.mean is not None
    assert control.deviation is not None
    error = sqrt(variant.deviation**2 / variant.users + control.deviation**2 / control.users)
    apart = variant.mean - control.mean
    return Difference(name, variant.mean, apart, apart - z * error, apart + z * error)


def newcombe(hits: int, people: int, other_hits: int, other_people: int, z: float) -> tuple[float, float]:
    """Interval of a difference of shares (Newcombe 1998, method 10: from both Wilson intervals)."""
    p, (low, high) = hits / people, wilson(hits, people, z)
    q, (other_low, other_high) = other_hits / other_people, wilson(other_hits, other_people, z)
    down = sqrt((p - low) ** 2 + (other_high - q) ** 2)
    up = sqrt((high - p) ** 2 + (q - other_low) ** 2)
    return p - q - down, p - q + up


def wilson(hits: int, people: int, z: float) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    p = hits / people
    middle = (p + z * z / (2 * people)) / (1 + z * z / people)
    half = z / (1 + z * z / people) * sqrt(p * (1 - p) / people + z * z / (4 * people * people))
    return max(0.0, middle - half), min(1.0, middle + half)
