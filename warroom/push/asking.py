"""Joins model and capacity: what was learned is kept per campaign until history or another plan changes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.numbers import local_minute, spoken
from campaign.plan import Plan, Send
from campaign.workspace import Workspace
from forecast.learning import Learned
from forecast.preview import Outlook, learned_for, minutes_of, outlook, with_plan, with_send
from warroom.plans.overview import collisions, model_of
from warroom.push.carried import Carried, carried
from warroom.push.room import AFTER_MINUTES, QUANTILE_RATIO, Floats, Room, room_for

HOUR = timedelta(minutes=AFTER_MINUTES)


class Oracle:
    """Answers what-if questions of one workspace; learning is done once and shared by all who ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._learned: dict[str, tuple[object, Learned]] = {}

    def learned(self, workspace: Workspace, plan: Plan, now: datetime) -> Learned:
        """The model for a plan, learned anew only when something it learned from has changed."""
        with self._lock:
            key = _learned_from(workspace, plan, now)
            kept_key, kept = self._learned.get(plan.id, (None, None))
            again = with_plan(kept, plan) if kept is not None and kept_key == key else None
            if again is None:
                again = learned_for(workspace, plan, now)
                self._learned[plan.id] = (key, again)
            return again

    def foresee(self, workspace: Workspace, plan: Plan, now: datetime) -> tuple[Text, ...]:
        """What a plan does, beside what its saved version does."""
        with self._lock:
            saved = next((known for known in workspace.plans if known.id == plan.id), None)
        model = self.learned(workspace, plan, now)
        told = list(collisions(plan, workspace.plans))
        after = outlook(model)
        before = outlook(self.learned(workspace, saved, now)) if saved is not None and saved != plan else None
        zone = workspace.settings.zone_of(plan)
        return (*_foreseen(before, after, _calibrated(workspace, plan, before or after), zone), *told)

    def room(self, workspace: Workspace, plan: Plan, channel: str, send: Send, now: datetime) -> tuple[Room, Carried]:
        """Whether one more send fits.

        Raises:
            UserError: the send is not during the campaign's forecast.
        """
        if not plan.starts_at - timedelta(hours=6) <= send.at <= plan.ends_at:
            what = say("{at} is not during the campaign", at=send.at.isoformat())
            raise UserError(Problem(what, say("choose a time between its start and its end"), key="--at"))
        base = self.learned(workspace, plan, now)
        known: dict[tuple[Send | None, datetime], Floats] = {}

        def demand(push: Send | None, at: datetime) -> tuple[tuple[str, ...], Floats]:
            if (push, at) not in known:
                asked = base if push is None else self._with(base, with_send(plan, channel, push), workspace, now)
                paths = minutes_of(asked, at, HOUR)
                known[push, at] = np.quantile(paths, QUANTILE_RATIO, axis=0).astype(np.float64)
            return base.baseline.services, known[push, at]

        def carries(services: tuple[str, ...], at: datetime) -> Floats:
            return carried(workspace, plan.id, services, at, AFTER_MINUTES).requests_per_second

        return room_for(send, demand, carries), carried(workspace, plan.id, base.baseline.services, send.at, 1)

    def _with(self, base: Learned, plan: Plan, workspace: Workspace, now: datetime) -> Learned:
        return with_plan(base, plan) or self.learned(workspace, plan, now)


def _learned_from(workspace: Workspace, plan: Plan, now: datetime) -> object:
    """Everything the model depends on besides the plan itself; a new day of history counts as new."""
    own = f"campaigns/{plan.id}.yaml"
    stamps = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in workspace.history_files()]
    others = tuple(other for other in workspace.plans if other.id != plan.id)
    return (now.date(), tuple(stamps), workspace.settings, others, own)


def _calibrated(workspace: Workspace, plan: Plan, uncorrected: Outlook) -> float:
    """What the published forecast made of the same model: its back-tests correct the level, a preview follows it."""
    model = model_of(workspace, plan.id)
    if model is None or uncorrected.peak_p50 <= 0:
        return 1.0
    return float(np.clip(model.total.peak_requests_per_second.p50 / uncorrected.peak_p50, 0.5, 2.0))


def _foreseen(before: Outlook | None, after: Outlook, factor: float, zone: ZoneInfo) -> Sequence[Text]:
    peak = say(
        "Peak with this plan: {p50} requests/s, about one in ten above {p90}, at {at}.",
        p50=spoken(after.peak_p50 * factor),
        p90=spoken(after.peak_p90 * factor),
        at=local_minute(after.peak_at, zone),
    )
    if before is None:
        return (peak,)
    added, at = _largest_change(before, after)
    if abs(added) < 0.005 * before.peak_p50:
        return (say("Against the saved plan this changes next to nothing."), peak)
    words = (
        say(
            "Against the saved plan this adds about {n} requests/s at {at}.", n=spoken(added * factor), at=_at(at, zone)
        )
        if added > 0
        else say(
            "Against the saved plan this takes away about {n} requests/s at {at}.",
            n=spoken(-added * factor),
            at=_at(at, zone),
        )
    )
    moved = say(
        "The peak moves from {before} to {after} requests/s.",
        before=spoken(before.peak_p50 * factor),
        after=spoken(after.peak_p50 * factor),
    )
    return (words, moved, peak)


def _at(seconds: int, zone: ZoneInfo) -> str:
    return local_minute(datetime.fromtimestamp(seconds, zone), zone)


def _largest_change(before: Outlook, after: Outlook) -> tuple[float, int]:
    """The largest difference between two courses, and when; minutes that only one of them has are left out."""
    common, ours, theirs = np.intersect1d(after.starts, before.starts, return_indices=True)
    if not len(common):
        return after.peak_p50 - before.peak_p50, int(after.starts[0])
    change = after.middle_requests_per_second[ours] - before.middle_requests_per_second[theirs]
    largest = int(np.abs(change).argmax())
    return float(change[largest]), int(common[largest])
