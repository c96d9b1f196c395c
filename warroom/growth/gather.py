"""Reads the values and makes the board; at most once a minute, since they are daily values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaign.workspace import Workspace
from metrics.dictionary import DICTIONARY, Dictionary
from playbooks.growth.agenda import next_start, unjudged, watch_all
from playbooks.growth.evaluate import open_alerts
from playbooks.growth.policy import RULES, Meeting
from playbooks.growth.publish import agenda_of, known_before, open_rules
from warroom.growth.board import Board, levels_of, trends_of
from warroom.service.kept import Kept, stamp_of
from warroom.service.site import Site

KEPT_SECONDS = 60


@dataclass(frozen=True)
class Read:
    """A board, and the dictionary whose words it uses."""

    board: Board
    dictionary: Dictionary
    meetings: tuple[tuple[Meeting, datetime], ...]


def read_board(workspace: Workspace, now: datetime) -> Read:
    """The board as of now. Nothing is written: that a rule fired is told by `rules check`.

    Raises:
        UserError: no daily values, or a problem in metrics.yaml, rules.yaml, the data or an experiment.
    """
    opened = open_rules(workspace, workspace.folder / "data")
    rules, definitions = opened.rules, opened.dictionary.definitions
    daily = known_before(opened, now)
    watched = watch_all(rules, daily, definitions, opened.families)
    levels = levels_of(rules.rules, watched, open_alerts(watched, rules.response), unjudged(rules, daily))
    zone = workspace.settings.zone
    meetings = sorted(((m, next_start(m, now, zone)) for m in rules.meetings), key=lambda pair: pair[1])
    agenda, _hashes = agenda_of(opened, meetings[0][0], now)
    board = Board(levels, agenda, trends_of(agenda.objectives, daily, definitions))
    return Read(board, opened.dictionary, tuple(meetings))


class Boards:
    """The newest board of one workspace, for everyone who looks. Safe for several threads."""

    def __init__(self, site: Site) -> None:
        self.site, self._kept = site, Kept()

    def newest(self) -> Read:
        """Raises as `read_board`; a refusal is not kept."""
        workspace, now = self.site.workspace(), self.site.clock()

        def key() -> object:
            stamps = tuple(stamp_of(workspace.folder / name) for name in (RULES, DICTIONARY))
            return int(now.timestamp()) // KEPT_SECONDS, workspace, stamps

        return self._kept.get("board", key, lambda: read_board(workspace, now))
