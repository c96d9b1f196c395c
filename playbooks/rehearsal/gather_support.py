"""Reads the desks of a rehearsal: demand paths, the staffing plan made from the same forecast, its table of levels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.demand import DemandPaths
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from playbooks.rehearsal.called import HALF_HOUR_MINUTES
from playbooks.rehearsal.policy import RehearsalPolicy
from playbooks.rehearsal.support import Support, SupportDesk, TicketRules, lagged
from playbooks.simulation.desks import missed_at_balance
from playbooks.staffing import planning
from playbooks.staffing.desk import ReadyDesk
from playbooks.staffing.level_table import LevelTable, load_tables
from playbooks.staffing.plan import DeskPlan, StaffingPlan
from playbooks.staffing.planning import Clock, local_clock
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.publish import demand_file, read_demand, ready_desks
from playbooks.staffing.recheck import planned_people


def read_staffing(workspace: Workspace, campaign: str, model: str) -> StaffingPlan | None:
    """The staffing plan of the model with that hash; None where there are no desks or no plan for them.

    Raises:
        UserError: the plan was made from another forecast.
    """
    name = f"out/{campaign}/playbook/staffing.json"
    file = workspace.folder / name
    if not workspace.settings.desks or not file.is_file():
        return None
    plan = read_json(file, name, StaffingPlan)
    if plan.skipped is not None:
        return None
    if plan.inputs.get(f"out/{campaign}/traffic.json") != model:
        todo = say("run `surgeplan playbook {campaign}`, then rehearse again", campaign=campaign)
        raise UserError(Problem(say("the forecast changed since the playbook was built"), todo, file=name))
    return plan


def gather_support(
    workspace: Workspace,
    staffing: StaffingPlan,
    hours: tuple[datetime, datetime],
    chosen: NDArray[np.int64],
    draws: NDArray[np.float64],
    policy: RehearsalPolicy,
) -> Support:
    """Desks of the staffing plan around the rehearsed `hours`, on the `chosen` paths.

    Raises:
        UserError: demand paths that are missing, unreadable or fewer than the traffic's.
    """
    plan = workspace.plan(staffing.campaign)
    demand, rules = read_demand(workspace, plan.id), shipped_policy()
    if len(demand.contacts) <= int(chosen.max()):
        todo = say("run `surgeplan forecast {campaign}` first", campaign=plan.id)
        file = f"out/{plan.id}/demand_paths.npz"
        raise UserError(Problem(say("has fewer paths than traffic_paths.npz"), todo, file=file))
    window = _window(demand, hours, policy)
    clock = local_clock(demand.half_hours_utc[window], workspace.settings.zone)
    tables = _tables(workspace, plan.id)
    planned = {one.desk: one for one in staffing.desks}
    ready = [one for one in ready_desks(workspace, demand, rules) if one.name in planned]
    orders = np.repeat(demand.orders[chosen].astype(np.float64) / 2, 2, axis=1)
    return Support(
        starts_at_utc=_instant(clock.starts_at_utc[0]),
        desks=tuple(
            _desk(one, planned[one.name], demand.of_desk(one.name)[chosen][:, window], clock, plan, tables)
            for one in ready
        ),
        orders_felt=_aligned(lagged(orders, policy.lost_orders.lags_hours), demand)[:, window],
        lost_orders=policy.lost_orders,
        draws=draws,
        bot_up=np.ones(len(clock.day)),
        accepted_ratio=1 - staffing.staffed_to_quantile,
    )


def conversions(workspace: Workspace, campaign: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """[path]: orders per session of each path against the mean; one everywhere without demand paths of them."""
    even = np.ones(len(chosen))
    if not demand_file(workspace, campaign).is_file():
        return even
    demand = read_demand(workspace, campaign)
    if len(demand.orders) <= int(chosen.max()):
        return even
    sessions, orders = (part[chosen].sum(axis=1, dtype=np.float64) for part in (demand.sessions, demand.orders))
    ratio = np.divide(orders, sessions, out=even, where=sessions > 0)
    mean = float(ratio.mean())
    return ratio / mean if mean > 0 else np.ones(len(chosen))


def _aligned(half_hours: NDArray[np.float64], demand: DemandPaths) -> NDArray[np.float64]:
    """Hours cut in two, on the contacts' own half-hours: both begin at the same hour."""
    first = int((demand.half_hours_utc[0] - demand.hours_utc[0]) / np.timedelta64(HALF_HOUR_MINUTES, "m"))
    found = np.zeros((len(half_hours), len(demand.half_hours_utc)))
    known = half_hours[:, first : first + found.shape[1]]
    found[:, : known.shape[1]] = known
    return found


def _window(demand: DemandPaths, hours: tuple[datetime, datetime], policy: RehearsalPolicy) -> slice:
    begin = hours[0] - timedelta(hours=policy.support_hours_before)
    end = hours[1] + timedelta(days=policy.support_days_after)
    first, last = (int(np.searchsorted(demand.half_hours_utc, _naive(at))) for at in (begin, end))
    return slice(first, max(first + 1, last))


def _naive(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s")


def _instant(at: np.datetime64) -> datetime:
    return datetime.fromtimestamp(int(at.astype("datetime64[s]").astype(np.int64)), UTC)


def _tables(workspace: Workspace, campaign: str) -> dict[str, LevelTable]:
    file = workspace.out(campaign) / "playbook" / "staffing_levels.npz"
    return load_tables(file) if file.is_file() else {}


def _desk(
    ready: ReadyDesk,
    plan: DeskPlan,
    contacts: NDArray[np.float32],
    clock: Clock,
    campaign: Plan,
    tables: dict[str, LevelTable],
) -> SupportDesk:
    is_open = planning.open_intervals(ready, clock)
    table = tables.get(ready.name)
    return SupportDesk(
        name=ready.name,
        contacts=contacts.astype(np.float64),
        is_open=is_open,
        judged=_judged(ready, clock, campaign),
        seats=planned_people(plan, clock) * ready.at_work_ratio,
        at_work_ratio=ready.at_work_ratio,
        rules=ready.rules or TicketRules(planning.tickets_per_seat(ready), planning.deadline_intervals(ready)),
        target_ratio=ready.desk.service_level.ratio,
        within_seconds=ready.desk.service_level.seconds,
        missed=missed_at_balance(table, ready.rules) if table is not None and ready.rules else None,
        bot=ready.desk.bot,
        recontact_hours=ready.recontact_hours,
        cost_per_agent_hour=ready.desk.cost_per_agent_hour,
    )


def _judged(ready: ReadyDesk, clock: Clock, campaign: Plan) -> NDArray[np.bool_]:
    """Where somebody waits on a line, the campaign's open half-hours; tickets: all from its start on."""
    starts = clock.starts_at_utc
    began = starts >= _naive(campaign.starts_at) - np.timedelta64(HALF_HOUR_MINUTES - 1, "m")
    if ready.rules is None:
        return np.asarray(began)
    return np.asarray(began & (starts < _naive(campaign.ends_at)) & planning.open_intervals(ready, clock))
