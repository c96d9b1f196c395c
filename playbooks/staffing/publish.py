"""Reads the demand of a campaign and writes its staffing plan below `out/<id>/playbook/`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zipfile import BadZipFile
from zoneinfo import ZoneInfo

import numpy as np

from campaign.console import Progress
from campaign.demand import DemandPaths
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.files import rounded, sha256, write_json, write_text
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.traffic import Sentence, TrafficModel
from campaign.words import Words
from campaign.workspace import SETTINGS, Workspace
from playbooks.staffing.chart import draw_staffing
from playbooks.staffing.counted import Counted, mix_of, read_counts
from playbooks.staffing.desk import ReadyDesk, ready_desk
from playbooks.staffing.earlier import compared
from playbooks.staffing.lessons import write_lessons
from playbooks.staffing.level_table import LevelTable, level_table, save_tables
from playbooks.staffing.plan import StaffingPlan
from playbooks.staffing.planning import DeskFigures, local_clock, plan_desk
from playbooks.staffing.policy import StaffingPolicy, shipped_policy
from playbooks.staffing.relief import Relief, relief_of
from playbooks.staffing.settings_check import desk_problems
from playbooks.staffing.spreadsheet import write_roster
from playbooks.staffing.summary import assumptions, desk_plan, peak_together
from playbooks.staffing.training import trained_desks, training_rows, write_training

COLUMNS = (
    "starts_at_utc", "desk", "contacts_p50", "contacts_p90", "agents_required", "agents_rostered",
    "service_level_ratio",
)  # fmt: skip
DETAIL_COLUMNS = (
    "starts_at_utc", "desk", "open", "human_contacts_p50", "human_contacts_p90", "load_p50", "load_p90", "seats_p90",
    "binding", "abandoned_ratio", "redials", "occupancy_ratio", "wait_seconds", "oldest_ticket_hours",
)  # fmt: skip


def publish_staffing(workspace: Workspace, campaign_id: str, now: datetime, progress: Progress) -> StaffingPlan:
    """Plan every desk; write staffing.csv and .json, the chart, roster.xlsx and what the bot is to learn.

    Raises:
        UserError: no demand for the campaign or for a desk, or a desk that cannot be planned; nothing is written.
    """
    plan = workspace.plan(campaign_id)
    policy, counted = shipped_policy(), _counts(workspace, plan)
    folder = workspace.out(campaign_id) / "playbook"
    if not workspace.settings.desks:
        skipped = _skipped(workspace, plan, now, policy)
        write_json(folder / "staffing.json", skipped.model_dump(mode="json"))
        return skipped
    demand = read_demand(workspace, campaign_id)
    desks = ready_desks(workspace, demand, policy)
    figures = plan_desks(workspace, plan, demand, desks, policy, progress)
    mixes = {ready.name: mix_of(ready.name, counted, policy.intents) for ready in desks}
    training = training_rows(figures, plan, mixes)
    reliefs = [relief_of(one, figures, training, policy) for one in figures]
    made = _record(workspace, plan, demand, figures, reliefs, policy, now)
    shares = [Words.of(text) for text in _shares_from(counted, trained_desks(figures))]
    taken = [Words.of(said.text()) for said in _demand_assumptions(workspace, campaign_id)]
    made = made.model_copy(update={"assumptions": (*made.assumptions, *taken, *shares)})
    record = compared(workspace, made, policy.order_lead_days)
    write_text(folder / "staffing.csv", _table(COLUMNS, _rows(figures)))
    write_text(folder / "staffing_detail.csv", _table(DETAIL_COLUMNS, _detail_rows(figures)))
    write_roster(folder / "roster.xlsx", figures, record, plan_zone(workspace, plan))
    write_training(folder, training)
    write_lessons(folder, plan, training, ZoneInfo(plan_zone(workspace, plan)))
    save_tables(folder / "staffing_levels.npz", _level_tables(figures))
    draw_staffing(folder, figures, plan, plan_zone(workspace, plan))
    write_json(folder / "staffing.json", record.model_dump(mode="json"))
    return record


def _counts(workspace: Workspace, plan: Plan) -> Counted | None:
    """Questions as history counts them before the forecast was made."""
    before = min(plan.starts_at, _as_of(workspace, plan.id) or plan.starts_at)
    others = [other for other in workspace.plans if other.id != plan.id]
    return read_counts(workspace.history_files("contacts"), workspace.settings.zone, before, others)


def _shares_from(counted: Counted | None, figures: Sequence[DeskFigures]) -> Iterator[Text]:
    """Where each desk's shares of questions come from."""
    if not any(one.ready.desk.bot for one in figures):
        yield say("no desk has a bot: questions to train are ranked as if one answered at every desk")
    for desk in (one.ready.name for one in figures):
        total = 0.0 if counted is None else counted.total(desk)
        if counted is None or not total:
            yield say("{desk}: shares of questions for the bot's training are published mixes: history counts no "
                      "intents", desk=desk)  # fmt: skip
        elif counted.in_campaigns:
            yield say("{desk}: shares of questions for the bot's training are those of its {count} contacts in earlier "
                      "campaigns", desk=desk, count=f"{total:,.0f}")  # fmt: skip
        else:
            yield say("{desk}: shares of questions for the bot's training are those of all its {count} contacts in "
                      "history", desk=desk, count=f"{total:,.0f}")  # fmt: skip


def plan_zone(workspace: Workspace, plan: Plan) -> str:
    return plan.time_zone or workspace.settings.time_zone


def demand_file(workspace: Workspace, campaign_id: str) -> Path:
    return workspace.out(campaign_id) / "demand_paths.npz"


def read_demand(workspace: Workspace, campaign_id: str) -> DemandPaths:
    """The campaign's demand paths.

    Raises:
        UserError: not there, or not readable.
    """
    path = demand_file(workspace, campaign_id)
    name = str(path.relative_to(workspace.folder))
    todo = say("run `surgeplan forecast {id}` first", id=campaign_id)
    try:
        return DemandPaths.load(path)
    except FileNotFoundError as error:
        raise UserError(Problem(say("does not exist"), todo, file=name)) from error
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise UserError(Problem(say("is not a file of demand paths"), todo, file=name)) from error


def ready_desks(workspace: Workspace, demand: DemandPaths, policy: StaffingPolicy) -> list[ReadyDesk]:
    """Every desk of the settings, checked against policy and demand.

    Raises:
        UserError: every problem of every desk.
    """
    problems = desk_problems(workspace)
    for index, desk in enumerate(workspace.settings.desks):
        if desk.name not in demand.desks:
            what = say("the forecast has no contacts of {desk}", desk=desk.name)
            todo = say("run `surgeplan forecast` again, now that the desk is in surgeplan.yaml")
            problems.append(Problem(what, todo, file=SETTINGS, key=f"desks[{index}].name"))
        elif not np.isfinite(demand.of_desk(desk.name)).all() or (demand.of_desk(desk.name) < 0).any():
            what = say("the forecast's contacts of {desk} are not all numbers from zero up", desk=desk.name)
            problems.append(Problem(what, say("run `surgeplan forecast` again"), file="demand_paths.npz"))
    if problems:
        raise UserError(problems)
    return [ready_desk(desk, policy) for desk in workspace.settings.desks]


def plan_desks(
    workspace: Workspace,
    plan: Plan,
    demand: DemandPaths,
    desks: Sequence[ReadyDesk],
    policy: StaffingPolicy,
    progress: Progress,
) -> list[DeskFigures]:
    clock = local_clock(demand.half_hours_utc, workspace.settings.zone)
    figures = []
    for done, ready in enumerate(desks):
        progress(say("staffing"), done, len(desks))
        figures.append(plan_desk(ready, demand.of_desk(ready.name), clock, policy))
    progress(say("staffing"), len(desks), len(desks))
    return figures


def _record(
    workspace: Workspace,
    plan: Plan,
    demand: DemandPaths,
    figures: Sequence[DeskFigures],
    reliefs: Sequence[Relief],
    policy: StaffingPolicy,
    now: datetime,
) -> StaffingPlan:
    required, rostered, at = peak_together(figures)
    return StaffingPlan(
        campaign=plan.id,
        historical=plan.starts_at < now,
        as_of_utc=_as_of(workspace, plan.id),
        inputs=_inputs(workspace, plan.id),
        staffed_to_quantile=policy.staff_to_quantile,
        paths=len(demand.contacts),
        peak_agents_required=required,
        peak_agents_rostered=rostered,
        peak_at_utc=at,
        desks=tuple(
            desk_plan(one, demand.of_desk(one.ready.name), policy, relief)
            for one, relief in zip(figures, reliefs, strict=True)
        ),
        assumptions=tuple(Words.of(text) for text in assumptions(figures, policy)),
    )


def _level_tables(figures: Sequence[DeskFigures]) -> dict[str, LevelTable]:
    return {
        one.ready.name: level_table(one.ready.rules, 2 * float(one.load_p90.max()))
        for one in figures
        if one.ready.rules is not None
    }


def _inputs(workspace: Workspace, campaign_id: str) -> dict[str, str]:
    files = (
        workspace.folder / SETTINGS,
        workspace.plan_file(campaign_id),
        demand_file(workspace, campaign_id),
        _model_file(workspace, campaign_id),
        *workspace.history_files("contacts"),
    )
    return {str(file.relative_to(workspace.folder)): sha256(file) for file in files if file.is_file()}


def _model_file(workspace: Workspace, campaign_id: str) -> Path:
    return workspace.out(campaign_id) / "traffic.json"


def _model(workspace: Workspace, campaign_id: str) -> TrafficModel | None:
    """The forecast that the demand belongs to; None where it is not there."""
    file = _model_file(workspace, campaign_id)
    name = file.relative_to(workspace.folder).as_posix()
    return read_json(file, name, TrafficModel) if file.is_file() else None


def _as_of(workspace: Workspace, campaign_id: str) -> datetime | None:
    model = _model(workspace, campaign_id)
    return model.as_of_utc if model else None


def _demand_assumptions(workspace: Workspace, campaign_id: str) -> tuple[Sentence, ...]:
    """What the forecast takes for granted about people: late orders and contacts, priors in place of history."""
    model = _model(workspace, campaign_id)
    return model.demand_assumptions_said if model else ()


def _skipped(workspace: Workspace, plan: Plan, now: datetime, policy: StaffingPolicy) -> StaffingPlan:
    return StaffingPlan(
        campaign=plan.id,
        historical=plan.starts_at < now,
        inputs=_inputs(workspace, plan.id),
        staffed_to_quantile=policy.staff_to_quantile,
        skipped=Words.of(no_desks()),
    )


def no_desks() -> Text:
    return say("no support desks in surgeplan.yaml: staffing is left out")


def _rows(figures: Sequence[DeskFigures]) -> list[list[object]]:
    return [
        [
            _stamp(one, i), one.ready.name, one.contacts_p50[i], one.contacts_p90[i], int(one.required[i]),
            one.rostered[i], one.level_ratio[i] if one.open[i] else None,
        ]
        for one in figures
        for i in range(len(one.required))
    ]  # fmt: skip


def _detail_rows(figures: Sequence[DeskFigures]) -> list[list[object]]:
    return [
        [
            _stamp(one, i), one.ready.name, int(one.open[i]), one.human_p50[i], one.human_p90[i], one.load_p50[i],
            one.load_p90[i], one.seats[i], one.binding[i], one.abandoned_ratio[i], again[i], one.occupancy_ratio[i],
            one.wait_seconds[i], one.oldest_hours[i],
        ]
        for one, again in ((one, one.redials) for one in figures)
        for i in range(len(one.required))
    ]  # fmt: skip


def _stamp(figures: DeskFigures, index: int) -> str:
    return f"{figures.clock.starts_at_utc[index].astype('datetime64[s]')}Z"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        number = rounded(float(value))
        return "" if number is None else f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}"
    return value
