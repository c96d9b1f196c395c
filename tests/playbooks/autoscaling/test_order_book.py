"""What procurement is handed: every resource, what is missing of it, by when, whose it is and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from campaign.settings import Limit
from campaign.workspace import open_workspace
from playbooks.autoscaling.publish import publish_autoscaling
from playbooks.autoscaling.resources import kind_of_limit

Make = Callable[..., Path]
LIMITS = """\
limits:
  - {name: orders-db, kind: per_replica, total: 9000, used_by: {storefront: 2, checkout: 4}, owner: dba}
  - {name: edge, kind: rate, total: 2000, used_by: {storefront: 0.5}, unit: Mbit/s, resource: cdn, owner: vendor,
     cost_per_unit: 2, order_days: 7}
"""


def book(folder: Path) -> dict[str, list[list[Any]]]:
    read = openpyxl.load_workbook(folder / "out/coupon-drop/playbook/resources.xlsx")
    return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in read}


def row(folder: Path, what: str, item: str) -> dict[str, Any]:
    headings, *rows = book(folder)["Resources"]
    found = next(values for values in rows if values[:2] == [what, item])
    return dict(zip(headings, found, strict=True))


def test_the_order_names_what_is_missing_and_by_when(published: Path) -> None:
    replicas, vcpu = row(published, "storefront", "replicas"), row(published, "storefront", "vCPU")
    assert replicas["today"] == 8
    needed = next(key for key in replicas if key.startswith("needed p99"))
    assert replicas["to order"] == replicas[needed] - 8
    assert replicas["order by"] == "2026-10-20"
    assert replicas["note"] == "the date has passed: order at once"  # this plan is three days old, not twenty-one
    assert vcpu[needed] == 2 * replicas[needed]
    assert row(published, "storefront", "memory")["unit"] == "GiB"


def test_a_draft_three_weeks_before_orders_in_time(workspace_folder: Make, as_of: datetime, store_traffic: Any) -> None:
    folder = workspace_folder()
    file = folder / "out/coupon-drop/traffic.json"
    early = as_of - timedelta(days=19)
    text = file.read_text("utf-8")
    file.write_text(text.replace(f"{as_of:%Y-%m-%dT%H:%M:%SZ}", f"{early:%Y-%m-%dT%H:%M:%SZ}"), "utf-8")
    publish_autoscaling(open_workspace(folder), "coupon-drop", early)
    assert row(folder, "storefront", "replicas")["note"] is None
    assert ["days before the start", 22] in book(folder)["Basis"]


def test_all_services_together_need_no_more_than_their_sum(published: Path) -> None:
    together = row(published, "all services together", "vCPU")
    needed = next(key for key in together if key.startswith("needed p99"))
    each = [row(published, name, "vCPU")[needed] for name in ("storefront", "checkout")]
    assert max(each) <= together[needed] <= sum(each)
    assert together["today"] == 24


def test_limits_say_unit_owner_lead_and_price(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    folder = workspace_folder(settings_text + LIMITS)
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of)
    edge = row(folder, "edge", "CDN bandwidth")
    assert (edge["unit"], edge["owner"], edge["order by"]) == ("Mbit/s", "vendor", "2026-11-03")
    assert edge["to order"] > 0
    assert edge["cost (CNY)"] == pytest.approx(2 * edge["to order"], abs=0.2)
    assert row(folder, "orders-db", "database")["to order"] == 0


def test_what_nobody_has_named_is_a_line_to_fill_in(published: Path) -> None:
    rows = book(published)["Resources"]
    open_lines = [values[1] for values in rows if values[0] == "nobody has named a limit"]
    assert open_lines == ["database", "cache", "CDN bandwidth", "SMS", "payment"]


def test_unknown_todays_are_not_taken_for_zero(workspace_folder: Make, settings_text: str, as_of: datetime) -> None:
    folder = workspace_folder(settings_text.replace("today: 8, ", ""))
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of)
    replicas = row(folder, "storefront", "replicas")
    assert (replicas["today"], replicas["to order"], replicas["note"]) == (None, None, "unknown: write what runs today")
    assert row(folder, "all services together", "vCPU")["today"] is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("orders-db", "database"), ("coupon-redis", "cache"), ("sms-gateway", "sms"), ("payment", "payment"), ("q", None)],
)
def test_a_limits_name_says_what_it_is_unless_it_says_so_itself(name: str, kind: str | None) -> None:
    limit = Limit(name=name, kind="rate", total=1, used_by={})
    assert kind_of_limit(limit) == kind
    assert kind_of_limit(limit.model_copy(update={"resource": "cdn"})) == "cdn"


def test_peaks_apart_are_not_added_up(workspace_folder: Make, store_traffic: Any, as_of: datetime) -> None:
    folder = workspace_folder()
    early, late = (np.full((20, 14 * 60), 100, np.float32) for _ in range(2))
    early[:, 330:345], late[:, 420:435] = 2000, 2000
    store_traffic(folder, "coupon-drop", {"storefront": early, "checkout": late})
    publish_autoscaling(open_workspace(folder), "coupon-drop", as_of)
    together = row(folder, "all services together", "vCPU")
    needed = next(key for key in together if key.startswith("needed p99"))
    assert together[needed] < sum(row(folder, name, "vCPU")[needed] for name in ("storefront", "checkout")) * 0.8
