"""What a forecast may know: traffic before a moment, by hour and around past campaigns, and what not to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.language import Text
from campaign.plan import Plan
from forecast.baseline.ridge import campaign_mask
from forecast.epochs import HOUR, MINUTE, epoch, epochs, naive_utc
from forecast.uplift.episodes import AFTER_SECONDS, BEFORE_SECONDS, Stretch, merged

MASK_BEFORE_SECONDS, MASK_AFTER_SECONDS = 2 * HOUR, 4 * HOUR
SEND_BEFORE_SECONDS, SEND_AFTER_SECONDS = HOUR // 2, 3 * HOUR
ORDINARY_SHARE_LEAST = 0.25
NEW_LEVEL_SECONDS_LEAST = 12 * HOUR


@dataclass(frozen=True)
class Disturbed:
    """Hours of one service that say nothing about ordinary demand (outage, load test, bots, unnamed surge)."""

    service: str
    starts: int
    ends: int
    kind: str


@dataclass(frozen=True)
class Evidence:
    """Traffic known before a moment.

    hourly: naive UTC hourly index without holes, a column per service, mean requests per second, NaN = missing.
    stretches: the buckets at their native length around past campaigns; disturbed: what not to learn from;
    finest_seconds: the shortest bucket near the end of history; notes: what the reading of the files had to say.
    """

    hourly: pd.DataFrame
    stretches: tuple[Stretch, ...]
    disturbed: tuple[Disturbed, ...] = ()
    finest_seconds: int = MINUTE
    notes: tuple[Text, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.hourly.columns)

    @property
    def hours(self) -> NDArray[np.int64]:
        return epochs(self.hourly.index)


def spans_of(plan: Plan, before: int, after: int) -> list[tuple[int, int]]:
    """The stretches of time a plan touches: its window widened, its sends and slots with their own neighbourhood."""
    spans = [(epoch(plan.starts_at) - before, epoch(plan.ends_at) + after)]
    for channel in plan.channels:
        spans += [(epoch(s.at) - SEND_BEFORE_SECONDS, epoch(s.at) + SEND_AFTER_SECONDS) for s in channel.sends]
        spans += [(epoch(s.starts_at) - SEND_BEFORE_SECONDS, epoch(s.ends_at) + HOUR) for s in channel.slots]
    return merged(spans)


def learning_spans(plans: Iterable[Plan], until: int) -> list[tuple[int, int]]:
    """Where past campaigns' rows are taken from: everything they touch before `until`, joined where they overlap."""
    spans = [span for plan in plans for span in spans_of(plan, BEFORE_SECONDS, AFTER_SECONDS)]
    return merged((starts, min(ends, until)) for starts, ends in spans if starts < until)


def going_on(disturbed: Disturbed, evidence: Evidence) -> bool:
    """Whether it has not ended where the service's history does."""
    known = evidence.hours[evidence.hourly[disturbed.service].notna().to_numpy()]
    return bool(len(known)) and disturbed.ends >= int(known[-1]) + HOUR


def _new_level(disturbed: Disturbed, evidence: Evidence) -> bool:
    lasting = disturbed.kind == "surge" and disturbed.ends - disturbed.starts >= NEW_LEVEL_SECONDS_LEAST
    return lasting and going_on(disturbed, evidence)


def mask_of(evidence: Evidence, plans: Sequence[Plan]) -> NDArray[np.bool_]:
    """Hours not to learn ordinary traffic from [hour, service]: campaigns on that service, and disturbances. A surge
    of half a day and more that goes on where history ends may be a new level, and counts as one in part."""
    hours = evidence.hours
    masked = np.zeros(evidence.hourly.shape, dtype=bool)
    for column, service in enumerate(evidence.services):
        own = [d for d in evidence.disturbed if d.service == service and not _new_level(d, evidence)]
        disturbed = [(d.starts, d.ends) for d in own]
        hidden = campaign_mask(hours, disturbed, 0, 0)
        masked[:, column] = _campaigns_masked(evidence, service, plans, hidden)
    return masked


def _campaigns_masked(
    evidence: Evidence, service: str, plans: Sequence[Plan], hidden: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Campaign hours beside those already hidden [hour]: where some campaign nearly always runs, the longest ones are
    the ordinary state of things, and a quarter of what is known stays to learn from."""
    known = evidence.hourly[service].notna().to_numpy()
    least = ORDINARY_SHARE_LEAST * int((known & ~hidden).sum())
    own = sorted((p for p in plans if p.touches(service)), key=lambda plan: plan.ends_at - plan.starts_at)
    spans = [spans_of(plan, MASK_BEFORE_SECONDS, MASK_AFTER_SECONDS) for plan in own]
    every = hidden | campaign_mask(evidence.hours, [span for some in spans for span in some], 0, 0)
    if int((known & ~every).sum()) >= least:
        return every
    for some in spans:
        wider = hidden | campaign_mask(evidence.hours, some, 0, 0)
        hidden = wider if int((known & ~wider).sum()) >= least else hidden
    return hidden


def undisturbed(evidence: Evidence) -> tuple[Stretch, ...]:
    """The stretches without the buckets that a disturbance covers: censored demand is missing, not low."""
    cleaned = []
    for stretch in evidence.stretches:
        hidden = np.zeros(len(stretch.starts), dtype=bool)
        for d in evidence.disturbed:
            if d.service == stretch.service and d.kind != "surge":
                hidden |= (stretch.starts + stretch.seconds > d.starts) & (stretch.starts < d.ends)
        cleaned.append(replace(stretch, rates=np.where(hidden, np.nan, stretch.rates)))
    return tuple(cleaned)


def known_before(evidence: Evidence, moment: int) -> Evidence:
    """The same evidence as it stood at `moment` (seconds since 1970): nothing later is left in it."""
    stretches = []
    for stretch in evidence.stretches:
        keep = stretch.starts + stretch.seconds <= moment
        stretches.append(Stretch(stretch.service, stretch.starts[keep], stretch.seconds[keep], stretch.rates[keep]))
    hourly = evidence.hourly[evidence.hours + HOUR <= moment]
    disturbed = tuple(replace(d, ends=min(d.ends, moment)) for d in evidence.disturbed if d.starts < moment)
    return replace(evidence, hourly=hourly, stretches=tuple(stretches), disturbed=disturbed)


def begun_by(evidence: Evidence, moment: int) -> Evidence:
    """The same evidence of the services that had rows by `moment` (seconds since 1970): the others came later."""
    known = evidence.hourly[evidence.hours < moment].notna().any()
    if known.all():
        return evidence
    names = [name for name in evidence.services if known[name]]
    stretches = tuple(stretch for stretch in evidence.stretches if stretch.service in names)
    return replace(evidence, hourly=evidence.hourly[names], stretches=stretches)


def long_known(hourly: pd.DataFrame) -> NDArray[np.bool_]:
    """Which services have rows in the first half of history: what is learned from a total is learned from theirs."""
    found: NDArray[np.bool_] = hourly.iloc[: -(-len(hourly) // 2)].notna().any().to_numpy()
    return found if found.any() else np.ones(hourly.shape[1], dtype=bool)


def horizon_hours(evidence: Evidence, until: int) -> pd.DatetimeIndex:
    """The whole hours from where history ends to `until`."""
    last = int(evidence.hours[-1])
    return pd.DatetimeIndex(naive_utc(np.arange(last + HOUR, until + HOUR, HOUR, dtype=np.int64)))
