"""What the service's own work cannot do now, and since when: pages say it, and fall silent once it is done again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaign.language import Text

Work = Literal["minute", "hour"]


@dataclass(frozen=True)
class Trouble:
    """A piece of work that fails, since when without a break, and why."""

    work: Work
    since: datetime
    why: Text


class Troubles:
    """Those of every campaign. Safe for several threads."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, Work], Trouble] = {}

    def failed(self, campaign: str, work: Work, now: datetime, why: Text) -> None:
        before = self._standing.get((campaign, work))
        self._standing[campaign, work] = Trouble(work, before.since if before else now, why)

    def done(self, campaign: str, work: Work) -> None:
        self._standing.pop((campaign, work), None)

    def of(self, campaign: str) -> tuple[Trouble, ...]:
        return tuple(each for (whose, _), each in sorted(self._standing.items()) if whose == campaign)
