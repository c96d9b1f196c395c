"""A later plan against the one before it: what changes, what is kept, and that nothing piles up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from campaign.console import no_progress
from campaign.demand import DemandPaths
from campaign.errors import UserError
from campaign.files import write_json
from campaign.traffic import BackTest, Peak, Quantiles, TrafficModel
from campaign.workspace import open_workspace
from playbooks.staffing.changes import order_plan, seats_at_once
from playbooks.staffing.plan import ShiftCount, StaffingPlan
from playbooks.staffing.publish import publish_staffing

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
OPENING = datetime(2026, 11, 10, 12, tzinfo=UTC)
ONE_DESK = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
desks:
  - name: hotline
    channel: phone
    handle_seconds: 300
    patience_seconds: 120
    service_level: {ratio: 0.8, seconds: 20}
    opens: "08:00"
    closes: "24:00"
"""
Make = Callable[..., Path]
MakeDemand = Callable[..., DemandPaths]


def planned(folder: Path) -> StaffingPlan:
    return publish_staffing(open_workspace(folder), "d11", NOW, no_progress)


def everything(folder: Path) -> dict[str, bytes]:
    out = folder / "out" / "d11" / "playbook"
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()}


def forecast(folder: Path, make_demand: MakeDemand, **desks: float) -> None:
    make_demand(desks).save(folder / "out" / "d11" / "demand_paths.npz")


def test_a_later_plan_shows_seats_to_order_and_keeps_the_one_before(
    make_workspace: Make, make_demand: MakeDemand
) -> None:
    folder = make_workspace(ONE_DESK, {"hotline": 20.0})
    first = planned(folder)
    assert first.changes is None
    draft = (folder / "out" / "d11" / "playbook" / "staffing.json").read_bytes()
    forecast(folder, make_demand, hotline=30.0)
    later = planned(folder)
    assert later.changes is not None
    (change,) = later.changes.desks
    assert change.peak_agents_before == first.desks[0].peak.agents_required
    assert change.peak_agents == later.desks[0].peak.agents_required > change.peak_agents_before
    assert (change.paid_hours_before, change.paid_hours) == (first.desks[0].paid_hours, later.desks[0].paid_hours)
    assert change.seats_to_order == change.seats - change.seats_before > 0
    assert change.seats_to_cancel == 0
    assert (folder / later.changes.earlier).read_bytes() == draft
    assert later.changes.earlier in later.inputs
    assert f"seats to order {change.seats_to_order}, to cancel 0" in later.changes.sentences[0].en
    sheet = load_workbook(folder / "out" / "d11" / "playbook" / "roster.xlsx")["summary"]
    heads = {cell.value: column for column, cell in enumerate(sheet[1])}
    assert sheet[2][heads["seats to order"]].value == change.seats_to_order
    assert sheet[2][heads["people needed, plan before"]].value == change.peak_agents_before


def forecast_of(folder: Path, as_of: datetime, make_demand: MakeDemand, hotline: float) -> StaffingPlan:
    """A forecast of that instant with so many calls, and the plan made from it."""
    quantiles = Quantiles(p10=1, p50=1, p90=1, p99=1)
    peak = Peak(peak_requests_per_second=quantiles, peak_at_utc=OPENING)
    model = TrafficModel(
        campaign="d11", as_of_utc=as_of, lead_days=3, inputs={}, seed=0, paths=12, starts_at_utc=OPENING,
        ends_at_utc=OPENING, knowledge="good", services={"storefront": peak}, total=peak,
        back_test=BackTest(campaigns=0),
    )  # fmt: skip
    write_json(folder / "out" / "d11" / "traffic.json", model.model_dump(mode="json"))
    forecast(folder, make_demand, hotline=hotline)
    return planned(folder)


def test_however_many_plans_there_were_the_last_is_shown_against_the_one_seats_were_ordered_by(
    make_workspace: Make, make_demand: MakeDemand
) -> None:
    folder = make_workspace(ONE_DESK, {"hotline": 20.0})
    draft = forecast_of(folder, datetime(2026, 10, 20, 4, tzinfo=UTC), make_demand, 20.0)
    between = forecast_of(folder, datetime(2026, 11, 1, tzinfo=UTC), make_demand, 26.0)
    last = forecast_of(folder, datetime(2026, 11, 7, 12, tzinfo=UTC), make_demand, 34.0)
    assert draft.since_order is None
    assert between.since_order is not None
    assert last.changes is not None
    assert last.since_order is not None
    (since,), (step,) = last.since_order.desks, last.changes.desks
    assert since.seats_before == seats_at_once(draft.desks[0].shifts)
    assert step.seats_before == seats_at_once(between.desks[0].shifts)
    assert since.seats_to_order == since.seats - since.seats_before > step.seats_to_order > 0
    assert last.since_order.sentences[0].en == (
        f"hotline: {since.seats_before} seats by the plan of 10-20 12:00 that seats were ordered by, {since.seats} "
        f"needed now: order {since.seats_to_order} more, cancel 0"
    )
    sheet = load_workbook(folder / "out" / "d11" / "playbook" / "roster.xlsx")["summary"]
    heads = {cell.value: column for column, cell in enumerate(sheet[1])}
    assert sheet[2][heads["seats ordered"]].value == since.seats_before
    assert sheet[2][heads["to order since the order"]].value == since.seats_to_order
    once = everything(folder)
    planned(folder)
    assert everything(folder) == once


def test_without_a_plan_from_before_the_order_the_first_one_counts() -> None:
    def made(day: int) -> tuple[str, StaffingPlan]:
        as_of = datetime(2026, 11, day, tzinfo=UTC)
        return f"{day}", StaffingPlan(campaign="d11", as_of_utc=as_of, inputs={}, staffed_to_quantile=0.9)

    newest_first = [made(8), made(5), made(2)]
    assert order_plan(newest_first, OPENING, 21) == 2
    assert order_plan(newest_first, OPENING, 4) == 1
    assert order_plan([], OPENING, 21) is None


def test_made_again_from_the_same_inputs_it_is_the_same_and_nothing_piles_up(
    make_workspace: Make, make_demand: MakeDemand
) -> None:
    folder = make_workspace(ONE_DESK, {"hotline": 20.0})
    planned(folder)
    once = everything(folder)
    planned(folder)
    assert everything(folder) == once
    forecast(folder, make_demand, hotline=30.0)
    planned(folder)
    changed = everything(folder)
    assert sum(name.startswith("history/") for name in changed) == 1
    planned(folder)
    assert everything(folder) == changed


def test_a_desk_that_is_gone_cancels_its_seats(make_workspace: Make, make_demand: MakeDemand) -> None:
    folder = make_workspace(ONE_DESK, {"hotline": 20.0})
    first = planned(folder)
    (folder / "surgeplan.yaml").write_text(ONE_DESK.replace("hotline", "phones"), "utf-8")
    forecast(folder, make_demand, phones=20.0)
    later = planned(folder)
    assert later.changes is not None
    new, gone = later.changes.desks
    assert (new.desk, new.seats_before, new.seats_to_order) == ("phones", 0, new.seats)
    assert (gone.desk, gone.seats, gone.seats_to_cancel) == ("hotline", 0, seats_at_once(first.desks[0].shifts))
    sheet = load_workbook(folder / "out" / "d11" / "playbook" / "roster.xlsx")["summary"]
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == ["phones", "hotline"]
    assert sheet[3][-1].value == gone.seats_to_cancel


def test_an_earlier_plan_that_cannot_be_read_is_refused_by_name(make_workspace: Make) -> None:
    folder = make_workspace(ONE_DESK, {"hotline": 20.0})
    planned(folder)
    (folder / "out" / "d11" / "playbook" / "staffing.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match=r"out/d11/playbook/staffing\.json"):
        planned(folder)


def test_seats_are_people_on_shift_at_once_and_are_handed_over() -> None:
    def shift(starts: int, ends: int, agents: int) -> ShiftCount:
        return ShiftCount(
            shift="s",
            day="2026-11-10",
            starts_at_utc=datetime(2026, 11, 10, starts, tzinfo=UTC),
            ends_at_utc=datetime(2026, 11, 10, ends, tzinfo=UTC),
            break_starts_at_utc=None,
            break_minutes=0,
            agents=agents,
        )

    assert seats_at_once([shift(8, 16, 10), shift(16, 23, 12), shift(12, 14, 3)]) == 13
    assert seats_at_once([]) == 0
