"""Joins model and capacity: what was learned is kept per campaign until history or another plan changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.numbers import local_minute, spoken
from campaign.plan import Plan, Send
from campaign.workspace import Workspace, default_as_of
from forecast.ahead import Ahead
from forecast.learning import Learned
from forecast.preview import Outlook, hours_from, learned_for, outlook, with_plan, with_send
from warroom.plans.overview import collisions, model_of
from warroom.push.carried import BEFORE_MINUTES, Carried, Stretch, carried
from warroom.push.decided import Decided
from warroom.push.room import AFTER_MINUTES, LATEST_MINUTES, Floats, Room, room_for
from warroom.service.kept import Kept
from warroom.service.site import NotYet

BLOCK_HOURS = 4
REACH_HOURS = 1 + (LATEST_MINUTES + AFTER_MINUTES) // 60
VARIANTS_MOST = 4
PREPARED = timedelta(days=28)


@dataclass(frozen=True)
class Pushes:
    """A model asked about sends on one channel, and about so many minutes before them, less what switches shed."""

    ahead: Ahead
    channel: str
    before: int
    decided: Decided

    @property
    def services(self) -> tuple[str, ...]:
        return self.ahead.services

    def minutes(self, send: Send | None, at: datetime) -> NDArray[np.float32]:
        first = at - timedelta(minutes=self.before)
        asked = self.ahead.minutes(first, self.before + AFTER_MINUTES, self.channel, send)
        return asked * self.decided.left(self.services, first, self.before + AFTER_MINUTES)


@dataclass(frozen=True)
class Planned:
    """What is carried from `starts` on, so many minutes before the push that is asked about."""

    most: Carried
    asked_at: datetime
    before: int

    def by_floors(self, at: datetime) -> Floats:
        first = self._first(at) + self.before
        return self.most.between(first, first + AFTER_MINUTES).by_floors()

    def with_hpa(self, at: datetime, asked: NDArray[np.float32]) -> Floats:
        first = self._first(at)
        hour = self.most.between(first, first + self.before + AFTER_MINUTES)
        return hour.with_hpa(asked.astype(np.float64))[:, :, self.before :]

    def _first(self, at: datetime) -> int:
        return (at - self.asked_at) // timedelta(minutes=1)


@dataclass
class Versions:
    """Models of one campaign, the newest first: each holds what versions of its plan so far needed learned."""

    known: tuple[Learned, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: tuple[Plan, Future[Learned]] | None = None

    def of(self, plan: Plan, plans: Sequence[Plan]) -> Learned | None:
        """The model for a version of the plan; None where none so far will do."""
        return next((found for known in self.known if (found := with_plan(known, plan, plans))), None)


Made = TypeVar("Made")
Learning = Callable[[Workspace, Plan, datetime], Learned]


class Oracle:
    """Answers what-if questions of one workspace; what is learned or drawn for one who asks is there for the next."""

    def __init__(self, learning: Learning = learned_for, *, patient: bool = True) -> None:
        """patient: who asks waits for what is still to be learned, else they are told `NotYet`."""
        self._learning, self._patient = learning, patient
        self._guard = threading.Lock()
        self._models, self._drawn = Kept(most=16), Kept(most=16)

    def prepare(self, workspace: Workspace, now: datetime) -> None:
        """Learn for the campaigns to come, soonest first, so that nobody waits for it."""
        ahead = [plan for plan in workspace.plans if plan.starts_at <= now + PREPARED and now < plan.ends_at]
        for plan in sorted(ahead, key=lambda plan: plan.starts_at):
            with suppress(UserError):  # pages say it to whoever asks
                self._learn(self._versions(workspace, plan, now), workspace, plan, now)
                self._saved_outlook(workspace, plan, now)

    def foresee(self, workspace: Workspace, plan: Plan, now: datetime) -> tuple[Text, ...]:
        """What a plan does, beside what its saved version does."""
        saved = next((known for known in workspace.plans if known.id == plan.id), None)
        before = self._saved_outlook(workspace, saved, now) if saved is not None else None
        after = before if saved == plan and before else outlook(self._learned(workspace, plan, now), before)
        told = _foreseen(
            before if saved != plan else None,
            after,
            _calibrated(workspace, plan, before or after),
            workspace.settings.zone_of(plan),
        )
        return (*told, *collisions(plan, workspace.plans))

    def room(
        self, workspace: Workspace, decided: Decided, channel: str, send: Send, now: datetime
    ) -> tuple[Room, Carried]:
        """Whether one more send fits, by the plan and what was decided since.

        Raises:
            UserError: the send is not during the campaign's forecast.
        """
        plan = decided.plan
        if not plan.starts_at - timedelta(hours=6) <= send.at <= plan.ends_at:
            what = say("{at} is not during the campaign", at=send.at.isoformat())
            raise UserError(Problem(what, say("choose a time between its start and its end"), key="--at"))
        ahead = self._ahead(workspace, plan, channel, send, now)
        starts = send.at - timedelta(minutes=BEFORE_MINUTES)
        minutes = BEFORE_MINUTES + LATEST_MINUTES + AFTER_MINUTES
        stretch = Stretch(starts, minutes, decided.known_at(starts))
        most = carried(workspace, plan.id, ahead.services, stretch)
        before = min(most.sees_minutes, BEFORE_MINUTES)
        planned = Planned(most.between(BEFORE_MINUTES - before), send.at, before)
        return room_for(send, Pushes(ahead, channel, before, decided), planned), most

    def _learned(self, workspace: Workspace, plan: Plan, now: datetime) -> Learned:
        """The model for a plan, learned anew when what it learned from has changed and for what is new to it.

        Nobody waits for what another version has to have learned first.

        Raises:
            NotYet: it is being learned, and who asks is not to wait.
        """
        versions = self._versions(workspace, plan, now)
        found = versions.of(plan, workspace.plans)
        if found is not None:
            return found
        learn = partial(self._learn, versions, workspace, plan, now)
        return learn() if self._patient else self._begun(versions, plan, learn)

    def _learn(self, versions: Versions, workspace: Workspace, plan: Plan, now: datetime) -> Learned:
        with versions.lock:
            found = versions.of(plan, workspace.plans)
            if found is None:
                learned = self._learning(workspace, plan, now)
                versions.known = (learned, *versions.known)[:VARIANTS_MOST]
                found = with_plan(learned, plan, workspace.plans)
        assert found
        return found

    def _begun(self, versions: Versions, plan: Plan, learn: Callable[[], Learned]) -> Learned:
        """What a thread has learned, begun here where none is at it; a refusal is told to the next who asks."""
        with self._guard:
            about, learning = versions.begun or (plan, in_a_thread(learn))
            done = learning.done()
            versions.begun = None if done else (about, learning)
        if done and about == plan:
            return learning.result()
        what = say("what the past teaches is still being learned, which usually takes less than a minute")
        raise NotYet(Problem(what, say("ask again in a few seconds")))

    def _versions(self, workspace: Workspace, plan: Plan, now: datetime) -> Versions:
        return self._models.get(plan.id, lambda: _learned_from(workspace, plan, now), Versions)

    def _saved_outlook(self, workspace: Workspace, saved: Plan, now: datetime) -> Outlook:
        name = ("outlook", saved.id)
        return self._drawn.get(
            name,
            lambda: _asked_with(workspace, saved, now),
            lambda: outlook(self._learned(workspace, saved, now), self._drawn.last(name)),
        )

    def _ahead(self, workspace: Workspace, plan: Plan, channel: str, send: Send, now: datetime) -> Ahead:
        """The plan's paths over the hours that an answer may speak of, the same for all who ask about these hours."""
        block = int(send.at.timestamp()) // (BLOCK_HOURS * 3600)
        starts = datetime.fromtimestamp(block * BLOCK_HOURS * 3600, UTC)

        def make() -> Ahead:
            model = with_plan(self._learned(workspace, with_send(plan, channel, send), now), plan, workspace.plans)
            assert model
            earlier = timedelta(minutes=BEFORE_MINUTES)
            return hours_from(model, starts - earlier, BLOCK_HOURS + REACH_HOURS + BEFORE_MINUTES // 60)

        name = ("ahead", plan.id, block, channel, send.lands_on)
        return self._drawn.get(name, lambda: _asked_with(workspace, plan, now), make)


def in_a_thread(make: Callable[[], Made]) -> Future[Made]:
    """What is made in a thread of its own, which does not outlive the program."""
    made: Future[Made] = Future()

    def run() -> None:
        try:
            made.set_result(make())
        except BaseException as error:
            made.set_exception(error)

    threading.Thread(target=run, name="learning", daemon=True).start()
    return made


def _learned_from(workspace: Workspace, plan: Plan, now: datetime) -> object:
    """What teaches the model: history up to the day, the settings, and campaigns that were; a new day counts as new."""
    as_of = default_as_of(plan, now)
    stamps = [(str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in workspace.history_files()]
    past = tuple(other for other in workspace.plans if other.id != plan.id and other.starts_at < as_of)
    return (as_of.date(), tuple(stamps), workspace.settings, past)


def _asked_with(workspace: Workspace, plan: Plan, now: datetime) -> object:
    """What a plan's paths depend on: also on campaigns to come."""
    return (_learned_from(workspace, plan, now), plan, workspace.plans)


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
