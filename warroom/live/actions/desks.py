"""The service desk half-hour by half-hour: who reaches people, who is there, and what that gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.settings import Desk
from campaign.workspace import Workspace
from forecast.epochs import epochs
from playbooks.staffing.level_table import LevelTable, load_tables
from warroom.live.actions.records import Effect, Range
from warroom.live.records import Metric
from warroom.service.kept import Kept, stamp_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HALF_HOUR = 1800
LIFT_BOUNDS = (0.2, 5.0)
LATELY = timedelta(hours=3)
AGENTS_MOST = 500


@dataclass(frozen=True)
class DeskAhead:
    """One desk as the staffing plan has it, by half-hour [interval].

    human, load [p50 p90, interval]: contacts that reach people, and contacts in hand; rostered: people on shift.
    table: service level by load and seats; None for tickets, which nobody waits for.
    """

    desk: Desk
    starts: Ints
    open: NDArray[np.bool_]
    human: Floats
    load: Floats
    rostered: Floats
    table: LevelTable | None

    def between(self, first: datetime, last: datetime) -> Ints:
        """Open half-hours that begin in [first, last) or are under way at `first`."""
        inside = (self.starts + HALF_HOUR > first.timestamp()) & (self.starts < last.timestamp())
        return np.flatnonzero(inside & self.open)

    def level(self, load: Floats, people: Floats) -> Floats:
        """Service level of the present load with so many people on shift."""
        assert self.table is not None
        return self.table.level(load, people * (1.0 - self.desk.shrinkage_ratio))

    def levels(self, load: Floats, people: Floats) -> Floats:
        """The same of many at once, of any shape."""
        return self.level(load.ravel(), people.ravel()).reshape(load.shape)

    def moment(self, index: int) -> datetime:
        return datetime.fromtimestamp(int(self.starts[index]), UTC)


_KEPT = Kept()


def desks_of(workspace: Workspace, campaign: str) -> dict[str, DeskAhead]:
    """Every desk of the staffing plan; none where there is no plan. Read again only when its files change.

    Raises:
        UserError: a file of the plan that cannot be read.
    """
    folder = workspace.out(campaign) / "playbook"
    files = [folder / name for name in ("staffing.csv", "staffing_detail.csv", "staffing_levels.npz")]
    if None in map(stamp_of, files[:2]):
        return {}
    return _KEPT.get(
        folder,
        lambda: (tuple(map(stamp_of, files)), workspace.settings.desks),
        lambda: _read(workspace, campaign, files),
    )


def _read(workspace: Workspace, campaign: str, files: Sequence[Path]) -> dict[str, DeskAhead]:
    try:
        plan, detail = (pd.read_csv(file, parse_dates=["starts_at_utc"]) for file in files[:2])
        tables = load_tables(files[2]) if files[2].is_file() else {}
        made = {desk.name: _desk(desk, plan, detail, tables) for desk in workspace.settings.desks}
    except (OSError, ValueError, KeyError) as error:
        what = say("cannot be read: {reason}", reason=str(error))
        todo = say("run `surgeplan playbook {id}` again", id=campaign)
        raise UserError(Problem(what, todo, file=files[0].relative_to(workspace.folder).as_posix())) from error
    return {name: desk for name, desk in made.items() if len(desk.starts)}


def _desk(desk: Desk, plan: pd.DataFrame, detail: pd.DataFrame, tables: Mapping[str, LevelTable]) -> DeskAhead:
    rows = plan[plan["desk"] == desk.name].merge(detail[detail["desk"] == desk.name], on="starts_at_utc")
    columns = {name: rows[name].fillna(0.0).to_numpy(dtype=np.float64) for name in (
        "human_contacts_p50", "human_contacts_p90", "load_p50", "load_p90", "agents_rostered", "open")}  # fmt: skip
    return DeskAhead(
        desk=desk,
        starts=epochs(rows["starts_at_utc"]),
        open=columns["open"] > 0,
        human=np.array([columns["human_contacts_p50"], columns["human_contacts_p90"]]),
        load=np.array([columns["load_p50"], columns["load_p90"]]),
        rostered=columns["agents_rostered"],
        table=tables.get(desk.name),
    )


def lift_of(metrics: Sequence[Metric], now: datetime) -> float:
    """Contacts as a multiple of the frozen forecast, in the newest hour that is known; 1 where none is of late."""
    newest = next((metric.newest for metric in metrics if metric.name == "contacts"), None)
    if newest is None or newest.actual is None or newest.frozen is None or newest.frozen.p50 <= 0:
        return 1.0
    if now - newest.starts_at > LATELY:
        return 1.0
    return min(max(newest.actual / newest.frozen.p50, LIFT_BOUNDS[0]), LIFT_BOUNDS[1])


def three(values: Floats) -> Floats:
    """[p50 p90] as [p10 p50 p90], as far below the middle as above it on the log scale."""
    middle, high = values
    return np.array([middle * middle / max(high, 1e-9), middle, high])


def agents_most(desk: DeskAhead, index: int) -> int:
    """People more whom the desk may have in a half-hour."""
    return int(_room_for(desk, desk.rostered[[index]])[0])


def _room_for(desk: DeskAhead, there: Floats) -> Ints:
    """People more beside so many on shift [n]."""
    if desk.desk.agents_max is None:
        return np.full(len(there), AGENTS_MOST, np.int64)
    return np.clip((desk.desk.agents_max - there).astype(np.int64), 0, AGENTS_MOST)


def agents_wanted(desk: DeskAhead, index: int, lift: float) -> int:
    """People more with whom a half-hour keeps its promise at p90, as many as the desk may have; 0 where it does."""
    return int(people_wanted(desk, np.array([lift * desk.load[1, index]]), desk.rostered[[index]])[0])


def people_wanted(desk: DeskAhead, load: Floats, there: Floats) -> Ints:
    """The same for each of many half-hours [n], with `load` contacts in hand and so many people on shift."""
    fewest, enough = np.zeros(len(load), np.int64), _room_for(desk, there)
    while (fewest < enough).any():
        middle = (fewest + enough) // 2
        kept = desk.level(load, there + middle) >= desk.desk.service_level.ratio
        fewest, enough = np.where(kept, fewest, np.minimum(middle + 1, enough)), np.where(kept, middle, enough)
    return fewest


def level_gain(desk: DeskAhead, index: int, more: int, lift: float) -> Range:
    """What so many people more add to the service level of a half-hour, over what may come in it."""
    load = lift * three(desk.load[:, index])
    before = desk.level(load, np.full(3, desk.rostered[index]))
    after = desk.level(load, np.full(3, desk.rostered[index] + more))
    return Range.of(after - before)


def worst_half_hour(desk: DeskAhead, first: datetime, last: datetime, lift: float) -> int | None:
    """The open half-hour of [first, last) with the lowest service level at p90; None where the desk is shut."""
    open_then = desk.between(first, last)
    if desk.table is None or not len(open_then):
        return None
    levels = desk.level(lift * desk.load[1, open_then], desk.rostered[open_then])
    return int(open_then[int(levels.argmin())])


def agents_effect(desk: DeskAhead, index: int, more: int, lift: float, works_at: datetime) -> Effect:
    gain = level_gain(desk, index, more, lift)
    starts = max(desk.moment(index), works_at)
    return Effect("service_level", desk.desk.name, gain, starts, gain, starts)
