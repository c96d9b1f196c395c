"""The executor is tried hours before the first step, where that harms nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import UserError
from campaign.workspace import open_workspace
from playbooks.autoscaling.lint.bounds import bounds_of
from playbooks.autoscaling.lint.folder import lint_folder
from playbooks.autoscaling.plan import ServicePlan, Step
from playbooks.autoscaling.publish import make_plan, publish_autoscaling
from playbooks.autoscaling.try_out import raised
from playbooks.simulation.hpa import TOLERANCE_RATIO

Make = Callable[..., Path]
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 11, 10, 11, 0, tzinfo=UTC)  # an hour before the drop
OTHER = """\
schema_version: 1
id: lunch-sale
kind: flash-sale
starts_at: 2026-11-10T{begins}+08:00
ends_at: 2026-11-10T{ends}+08:00
services: [{service}]
"""


def planned(folder: Path, now: datetime, service: str = "storefront") -> ServicePlan:
    return make_plan(open_workspace(folder), "coupon-drop", now).plan.services[service]


def tried(service: ServicePlan) -> list[Step]:
    return [step for step in service.steps if step.starts_at_utc < FIRST]


def setting(folder: Path, text: str) -> Path:
    (folder / "autoscaling.yaml").write_text(text, "utf-8")
    return folder


def test_the_executor_is_tried_six_hours_before_the_first_step(workspace_folder: Make, as_of: datetime) -> None:
    service = planned(workspace_folder(), as_of)
    up, back, first, *_ = service.steps
    assert [(up.starts_at_utc, up.replicas), (back.starts_at_utc, back.replicas)] == [
        (FIRST - 6 * HOUR, 5), (FIRST - 5.5 * HOUR, 4),
    ]  # fmt: skip
    assert first.starts_at_utc == FIRST
    assert up.why == "the executor is tried: a few replicas more for 30 min"


def test_every_executors_files_hold_the_trial_and_the_lint_takes_them(workspace_folder: Make, as_of: datetime) -> None:
    folder = workspace_folder()
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of)
    playbook = folder / "out/coupon-drop/playbook"
    for file, said in (
        ("kubernetes/30-steps.yaml", '"0 13 10 11 *"'),
        ("keda/storefront.yaml", 'start: "0 13 10 11 *"'),
        ("cronhpa/storefront.yaml", "@date 2026-11-10 13:00:00"),
        ("aws/storefront-ecs.json", "at(2026-11-10T05:00:00)"),
        ("gcp/storefront.json", '"0 13 10 11 * 2026"'),
        ("gitops/commits.csv", "2026-11-10T04:55:00Z"),
    ):
        assert said in (playbook / file).read_text("utf-8"), file
    bounds = bounds_of(open_workspace(folder).settings)
    assert lint_folder(playbook, bounds, as_of).problems == ()
    assert lint_folder(playbook / "kubernetes", bounds, FIRST - HOUR).problems == ()  # back at the usual floor by then
    during = lint_folder(playbook / "kubernetes", bounds, FIRST - 5.9 * HOUR).problems
    assert {str(each.what).rpartition(": ")[2] for each in during} == {
        "made now, no step of storefront sets its floor to 5", "made now, no step of checkout sets its floor to 3",
    }  # fmt: skip


def test_a_plan_that_is_made_later_tries_nothing(workspace_folder: Make) -> None:
    assert tried(planned(workspace_folder(), FIRST - 6 * HOUR)) == []


@pytest.mark.parametrize(("hours", "at"), [("2", FIRST - 2 * HOUR), ("0", None)])
def test_the_policy_says_when_and_whether(
    workspace_folder: Make, as_of: datetime, hours: str, at: datetime | None
) -> None:
    steps = tried(planned(setting(workspace_folder(), f"try_out_hours_before: {hours}\n"), as_of))
    assert [step.starts_at_utc for step in steps[:1]] == ([at] if at else [])


def test_a_day_before_is_refused_because_cron_lines_know_no_year(workspace_folder: Make, as_of: datetime) -> None:
    with pytest.raises(UserError, match="try_out_hours_before"):
        planned(setting(workspace_folder(), "try_out_hours_before: 24\n"), as_of)


@pytest.mark.parametrize(
    ("begins", "ends", "service", "tries"),
    [("12:00", "15:00", "storefront", False), ("08:00", "10:30", "storefront", False),
     ("08:00", "09:00", "storefront", True), ("12:00", "15:00", "checkout", True)],
)  # fmt: skip
def test_it_is_not_tried_while_steps_of_another_campaign_may_hold(
    workspace_folder: Make, as_of: datetime, begins: str, ends: str, service: str, tries: bool
) -> None:
    folder = workspace_folder()
    (folder / "campaigns/lunch-sale.yaml").write_text(OTHER.format(begins=begins, ends=ends, service=service), "utf-8")
    assert bool(tried(planned(folder, as_of))) == tries


@pytest.mark.parametrize(("total", "tries"), [(60, True), (6, False)])
def test_it_is_not_tried_where_a_limit_has_no_room_for_it(
    workspace_folder: Make, settings_text: str, as_of: datetime, total: int, tries: bool
) -> None:
    limit = f"limits:\n  - {{name: pool, kind: per_replica, total: {total}, used_by: {{storefront: 1, checkout: 1}}}}\n"
    assert bool(tried(planned(workspace_folder(settings_text + limit), as_of))) == tries


@given(st.integers(1, 5000), st.integers(1, 6))
def test_a_trial_is_more_than_an_hpa_tolerates_in_whole_multiples_and_little_beyond(floor: int, multiple: int) -> None:
    more = raised(floor * multiple, multiple)
    assert more % multiple == 0
    assert more / (floor * multiple) > 1 + TOLERANCE_RATIO
    assert more <= floor * multiple * (1 + TOLERANCE_RATIO) + multiple + 1
