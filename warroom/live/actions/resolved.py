"""What training the bot did: of those who asked, the share that it left to people, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaign.language import Text, say
from warroom.live.actions.ahead import Floats
from warroom.live.actions.log import Decision, Outcome
from warroom.live.actions.outcome import told
from warroom.live.actions.records import Range

NORMAL_P90 = 1.2815515655446004


@dataclass(frozen=True)
class Asked:
    """Contacts by bucket, of one question or of a whole desk, and those that the bot left to people."""

    contacts: Floats
    left: Floats

    @property
    def ratio(self) -> float:
        """The share that it left."""
        return float(self.left.sum() / self.contacts.sum())

    @property
    def variance(self) -> float:
        """Of that share by chance, by Agresti and Coull: never none, however few were counted."""
        ratio = (self.left.sum() + 2) / (self.contacts.sum() + 4)
        return float(ratio * (1 - ratio) / (self.contacts.sum() + 4))

    @property
    def drift(self) -> float:
        """Variance of the share from bucket to bucket beyond chance: what is asked changes, as the bot does not."""
        some = self.contacts > 0
        if some.sum() < 2:
            return 0.0
        ratios = self.left[some] / self.contacts[some]
        by_chance = self.ratio * (1 - self.ratio) / self.contacts[some]
        return max(float(np.var(ratios, ddof=1) - by_chance.mean()), 0.0)


def question_outcome(
    decision: Decision, before: Asked, after: Asked, together: Sequence[str] = (), note: Text | None = None
) -> Outcome:
    """Contacts a half-hour that reach people now: of those who asked in the hour, at the share left before and after.

    note: said with it, such as that it is of the whole desk.
    """
    change = after.ratio - before.ratio
    spread = NORMAL_P90 * math.sqrt(before.variance + after.variance + before.drift)
    half_hour = float(after.contacts.sum()) / 2
    real = Range.of([half_hour * value for value in (change - spread, change, change + spread)])
    return told(real, float(after.left.sum()) / 2, None, tuple(together), note)


def whole_desk() -> Text:
    return say("by all contacts of the desk: history tells nothing by question")
