"""Questions put to a campaign's demand from the command line: so many people, or this roster instead of the plan's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from campaign.documents import read_json
from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.workspace import SETTINGS, Workspace
from playbooks.staffing import shifts
from playbooks.staffing.erlang import Floats
from playbooks.staffing.judging import Question, flat_people, judged, question
from playbooks.staffing.plan import DeskPlan, Judged, StaffingPlan
from playbooks.staffing.planning import Clock, local_clock
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.publish import plan_zone, read_demand, ready_desks
from playbooks.staffing.roster_changes import ShiftChange, roster_changes
from playbooks.staffing.roster_file import RosterRow, read_roster
from playbooks.staffing.roster_rules import broken_limits, impossible
from playbooks.staffing.shifts import ShiftDay


@dataclass(frozen=True)
class People:
    """People on shift in one half-hour by the plan and by the edited roster, and how many it needs."""

    planned: float
    edited: float
    required: int


@dataclass(frozen=True)
class DeskChange:
    """One desk with the plan's roster and with the edited one.

    shifts: what changed on its shifts, people who leave for another desk included; arrivals: who comes from another
    desk, among whose shifts the change is. in_worst: people in the worst half-hour of the edited roster; None for
    tickets, which any half-hour may work off.
    """

    before: Judged
    after: Judged
    paid_hours_before: float
    paid_hours_after: float
    shifts: tuple[ShiftChange, ...]
    arrivals: tuple[ShiftChange, ...]
    in_worst: People | None


@dataclass(frozen=True)
class Recheck:
    """What an edited roster changes; `findings` are limits it breaks, `notes` how the file was read."""

    desks: tuple[DeskChange, ...]
    findings: tuple[Text, ...]
    notes: tuple[Text, ...]

    @property
    def keeps_promises(self) -> bool:
        return not self.findings and all(desk.after.keeps_promise for desk in self.desks)


def read_plan(workspace: Workspace, campaign: str) -> StaffingPlan:
    """The staffing plan as last written.

    Raises:
        UserError: none yet.
    """
    plan = workspace.plan(campaign)
    name = f"out/{plan.id}/playbook/staffing.json"
    path = workspace.folder / name
    if not path.is_file():
        todo = say("run `surgeplan playbook {id}` first", id=plan.id)
        raise UserError(Problem(say("there is no staffing plan yet"), todo, file=name))
    return read_json(path, name, StaffingPlan)


def what_if(workspace: Workspace, campaign: str, desk: str, agents: int) -> Judged:
    """What `agents` people on a desk in every open half-hour achieve.

    Raises:
        UserError: no such campaign or desk, or no demand yet.
    """
    plan = workspace.plan(campaign)
    asked = _questions(workspace, plan, only=desk)[desk]
    return judged(asked, flat_people(asked, agents), plan, shipped_policy())


def _questions(workspace: Workspace, plan: Plan, only: str | None = None) -> dict[str, Question]:
    policy = shipped_policy()
    names = [desk.name for desk in workspace.settings.desks]
    if only is not None and only not in names:
        raise UserError(Problem(say("there is no desk {desk}", desk=only), nearest(only, names), key="--desk"))
    if not names:
        what = say("there are no desks in surgeplan.yaml")
        raise UserError(Problem(what, say("add desks: to it"), file=SETTINGS))
    demand = read_demand(workspace, plan.id)
    clock = local_clock(demand.half_hours_utc, workspace.settings.zone)
    return {
        ready.name: question(ready, demand.of_desk(ready.name), clock, policy)
        for ready in ready_desks(workspace, demand, policy)
        if only in (None, ready.name)
    }


def recheck_roster(workspace: Workspace, campaign: str, file: Path) -> Recheck:
    """An edited roster against the plan's: service level, missing hours and pay, desk by desk.

    Raises:
        UserError: no plan yet, or a roster that cannot be read or worked; every problem at once.
    """
    plan, policy = workspace.plan(campaign), shipped_policy()
    written, zone = read_plan(workspace, campaign), ZoneInfo(plan_zone(workspace, plan))
    roster = read_roster(file, [desk.desk for desk in written.desks], zone)
    problems = list(impossible(roster, file.name))
    if problems:
        raise UserError(problems)
    asked = _questions(workspace, plan)
    changes = roster_changes({desk.desk: desk.shifts for desk in written.desks}, roster.rows, zone)
    desks = []
    for desk in written.desks:
        rows = [row for row in roster.rows if row.desk == desk.desk]
        desks.append(_desk_change(desk, rows, asked[desk.desk], plan, changes))
    return Recheck(tuple(desks), tuple(broken_limits(roster, policy.labour)), roster.notes)


def _desk_change(
    desk: DeskPlan, rows: list[RosterRow], one: Question, plan: Plan, changes: tuple[ShiftChange, ...]
) -> DeskChange:
    planned, edited = planned_people(desk, one.clock), _rows_people(rows, one.clock)
    after = judged(one, edited, plan, shipped_policy())
    worst = int(np.searchsorted(one.clock.starts_at_utc, np.datetime64(int(after.worst_at_utc.timestamp()), "s")))
    return DeskChange(
        before=judged(one, planned, plan, shipped_policy()),
        after=after,
        paid_hours_before=desk.paid_hours,
        paid_hours_after=sum(row.shift.paid_hours * row.agents for row in rows),
        shifts=tuple(change for change in changes if change.told_by.desk == desk.desk),
        arrivals=tuple(change for change in changes if change.arrives_at(desk.desk)),
        in_worst=People(float(planned[worst]), float(edited[worst]), int(one.required[worst]))
        if one.ready.rules
        else None,
    )


def planned_people(desk: DeskPlan, clock: Clock) -> Floats:
    """People on the plan's shifts (with shrinkage) in each interval of the clock."""
    options = [
        ShiftDay(one.shift, one.starts_at_utc.date(), one.starts_at_utc, one.ends_at_utc, one.break_starts_at_utc,
                 one.break_minutes)
        for one in desk.shifts
    ]  # fmt: skip
    return _people(options, [one.agents for one in desk.shifts], clock)


def _rows_people(rows: list[RosterRow], clock: Clock) -> Floats:
    return _people([row.shift for row in rows], [row.agents for row in rows], clock)


def _people(options: list[ShiftDay], counts: list[int], clock: Clock) -> Floats:
    if not options:
        return np.zeros(len(clock.day))
    found: Floats = shifts.coverage(options, clock.starts_at_utc) @ np.array(counts, dtype=np.float64)
    return found
