"""What the war room does at a sync: where a capacity alert stands, the actions in the order of the live response.

An action counts by what it takes off the requests beyond the capacity in the next hours (p90), as money an hour; then
by head-room won, by how soon it works and how few people it needs, as `response:` of rules.yaml orders them. The first
is taken, and those that are left are weighed again, until nothing is beyond the capacity or nothing helps any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from playbooks.growth.policy import Response
from playbooks.simulation.war_room import Act, Option, Seen
from surgeplan.war_room.options import HOUR_MINUTES, Bools, Offer, Possible, Release
from surgeplan.war_room.sight import MINUTES, Ahead, Counts, Floats, Services, Sync, ahead_of
from warroom.live.actions.ahead import HOUR_SECONDS

ROUNDING = 1e-9
ON_SENDS = ("hold", "stagger")


@dataclass(frozen=True)
class Rule:
    """`playbooks.simulation.war_room.Rule`. syncs: None where too little has come by then.

    value_per_request: [service], zero where a request stands for no order or an order has no price. fires: how near
    the capacity must be reached for the alert. possible: what is weighed, what is sooner and needs fewer people first.
    """

    syncs: tuple[Sync | None, ...]
    services: Services
    possible: tuple[Possible, ...]
    releases: tuple[Release, ...]
    value_per_request: Floats
    response: Response
    fires: timedelta

    @property
    def options(self) -> tuple[Option, ...]:
        return (*(each.option for each in self.possible), *(each.option for each in self.releases))

    def __call__(self, sync: int, seen: Seen) -> list[Act]:
        known = self.syncs[sync]
        if known is None:
            return []
        ahead = ahead_of(known, self.services, seen)
        soon = ahead.over[:, :, : self.fires // timedelta(minutes=MINUTES)]
        alerted: Bools = np.asarray((soon > 0).any(axis=(0, 2)))
        return [*self._answers(known, seen, ahead, alerted), *self._released(known, seen, ahead)]

    def _released(self, known: Sync, seen: Seen, ahead: Ahead) -> Iterator[Act]:
        for number, release in enumerate(self.releases, start=len(self.possible)):
            act = release.act(number, self.options.index(release.held), known, seen, ahead)
            if act is not None:
                yield act

    def _answers(self, known: Sync, seen: Seen, ahead: Ahead, alerted: Bools) -> Iterator[Act]:
        paths = np.flatnonzero(alerted)
        if not len(paths):
            return
        now, free = ahead.on(paths), self._free(known, seen, paths)
        taken = np.zeros((len(self.possible), len(paths)), bool)
        amounts = np.zeros(taken.shape, np.int64)
        while free.any():
            offers = [each.offer(known, now) if free[i].any() else None for i, each in enumerate(self.possible)]
            first = self._first(now, offers, free)
            if not (first >= 0).any():
                break
            now = self._after(now, offers, first)
            for number, offer in enumerate(offers):
                chosen = first == number
                if offer is not None and chosen.any():
                    taken[number] |= chosen
                    amounts[number][chosen] = offer.amount[chosen]
                    free[self._same(number)] &= ~chosen
        for number, each in enumerate(self.possible):
            if taken[number].any():
                chosen, amount = (np.zeros(len(alerted), kind) for kind in (bool, np.int64))
                chosen[paths], amount[paths] = taken[number], amounts[number]
                yield each.act(number, known, chosen, amount)

    def _same(self, number: int) -> list[int]:
        """Options that cannot be taken beside one: itself, and whatever else is done with the same send."""
        option = self.options[number]
        return [
            i
            for i, each in enumerate(self.possible)
            if i == number or (option.kind in ON_SENDS and each.option.kind in ON_SENDS
                               and each.option.subject == option.subject)
        ]  # fmt: skip

    def _free(self, known: Sync, seen: Seen, paths: NDArray[np.intp]) -> Bools:
        """[option, path]: what is not done already. A floor can be raised further at any time."""
        free = np.ones((len(self.possible), len(paths)), bool)
        for act in seen.acts:
            if act.option < len(self.possible) and self.options[act.option].kind != "scale":
                until = known.minute + HOUR_MINUTES * self.possible[act.option].hours
                if act.last > np.ceil(until):
                    free[self._same(act.option)] &= ~act.paths[paths]
        return free

    def _first(self, now: Ahead, offers: Sequence[Offer | None], free: Bools) -> Counts:
        """[path]: the number of the option that comes first; below zero where none helps."""
        beyond, shape = now.beyond(), free.shape
        impact, won, helps = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
        for number, offer in enumerate(offers):
            if offer is not None:
                relieved = beyond - offer.after.beyond()
                helps[number] = offer.possible & free[number] & (relieved.sum(axis=0) > ROUNDING)
                impact[number] = HOUR_SECONDS * self.value_per_request @ relieved
                won[number] = _headroom(offer.after) - _headroom(now)
        hours, people = (
            np.array([getattr(each, name) for each in self.possible]) for name in ("resolve_hours", "people")
        )
        keys = {"impact": (-impact, -won), "hours": (_each(hours, shape),), "people": (_each(people, shape),)}
        left = helps.copy()
        for key in (key for name in self.response.order_by for key in keys[name]):
            least = np.where(left, key, np.inf).min(axis=0)
            left &= key <= least + ROUNDING * np.maximum(np.abs(least), 1.0)
        return np.where(helps.any(axis=0), left.argmax(axis=0), -1)

    def _after(self, now: Ahead, offers: Sequence[Offer | None], first: Counts) -> Ahead:
        expected, carries = now.expected.copy(), now.carries.copy()
        for number, offer in enumerate(offers):
            chosen = first == number
            if offer is not None and chosen.any():
                expected[:, chosen] = offer.after.expected[:, chosen]
                carries[:, chosen] = offer.after.carries[:, chosen]
        return Ahead(expected, carries)


def _headroom(ahead: Ahead) -> Floats:
    """[path]: the least share of its capacity that any service keeps."""
    kept: Floats = (1 - ahead.expected / np.maximum(ahead.carries, ROUNDING)).min(axis=(0, 2))
    return kept


def _each(values: Floats, shape: tuple[int, ...]) -> Floats:
    return np.broadcast_to(values[:, None], shape)
