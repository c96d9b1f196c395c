"""A system of many services: the console and the page show the largest, say how many more there are, and lose none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from campaign.documents import read_json
from campaign.language import use_language
from campaign.readiness import Checklist
from campaign.traffic import Peak, Quantiles, TrafficModel
from campaign.workspace import open_workspace
from loadtest.scenario import Scenario
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.publish import RehearsedPlaybook
from playbooks.rehearsal.chart import draw_rehearsal
from playbooks.rehearsal.record import Rehearsal
from playbooks.staffing.plan import StaffingPlan
from surgeplan.index import publish_index
from surgeplan.run import Pack
from surgeplan.summary import summary_rows
from tests.warroom.phones import PHONE, chromium, is_as_wide_as_a_phone

__all__ = ["chromium"]
pytestmark = pytest.mark.slow
CAMPAIGN = "double11-2026-opening"
NAMES = [f"svc-{i:02d}" for i in range(30)]
SCREEN = 900


def many(pack: Path) -> Pack:
    """The example's run as if its system were thirty services, each a little larger than the one before."""
    out = pack / "out" / CAMPAIGN
    traffic = read_json(out / "traffic.json", "traffic", TrafficModel)
    scaling = read_json(out / "playbook/autoscaling.json", "autoscaling", AutoscalingPlan)
    rehearsal = read_json(out / "rehearsal.json", "rehearsal", Rehearsal)
    peak, plan = traffic.total, next(iter(scaling.services.values()))
    breaks = tuple(rehearsal.breaks[0].model_copy(update={"name": n, "event_ratio": 0.01 * i})
                   for i, n in enumerate(NAMES))  # fmt: skip
    services = {name: larger(peak, i) for i, name in enumerate(NAMES)}
    fleets = {name: taller(plan, i) for i, name in enumerate(NAMES)}
    playbook = RehearsedPlaybook(
        autoscaling=scaling.model_copy(update={"services": fleets, "not_planned": {"legacy": "no capacity"}}),
        staffing=read_json(out / "playbook/staffing.json", "staffing", StaffingPlan),
        checklist=read_json(out / "playbook/checklist.json", "checklist", Checklist),
        rehearsal=rehearsal.model_copy(update={"breaks": breaks}),
    )
    scenario = read_json(out / "loadtest/scenario.json", "scenario", Scenario)
    model = traffic.model_copy(update={"services": services})
    return Pack(open_workspace(pack).plan(CAMPAIGN), model, scenario, playbook)


def larger(peak: Peak, i: int) -> Peak:
    middle = 100.0 + i
    found = Quantiles(p10=middle, p50=middle, p90=2 * middle, p99=3 * middle)
    return peak.model_copy(update={"peak_requests_per_second": found})


def taller(plan: ServicePlan, i: int) -> ServicePlan:
    return plan.model_copy(update={"replicas": plan.replicas.model_copy(update={"peak": 10 + i})})


def test_the_console_names_the_ten_largest_and_says_how_many_more(pack: Path) -> None:
    rows = dict(summary_rows(many(pack), open_workspace(pack).settings.zone))
    assert [name for name in rows if name.startswith("svc-")] == [f"svc-{i}" for i in range(29, 19, -1)]
    assert rows["20 more services"] == "in index.html"
    assert rows["replicas at peak"].startswith("svc-29 39, svc-28 38, ")
    assert rows["replicas at peak"].endswith("svc-20 30, and 20 more services")


def test_a_dozen_services_are_all_named(pack: Path) -> None:
    made = many(pack)
    few = dict(list(made.traffic.services.items())[:12])
    small = Pack(made.plan, made.traffic.model_copy(update={"services": few}), made.scenario, made.playbook)
    names = [name for name, _words in summary_rows(small, open_workspace(pack).settings.zone)]
    assert sum(name.startswith("svc-") for name in names) == 12
    assert not any("more services" in name for name in names)


@pytest.mark.parametrize(("language", "more"), [("en", "18 more services"), ("zh", "另有 18 个服务")])
def test_the_page_shows_a_dozen_folds_the_others_away_and_stays_short(
    tmp_path: Path, chromium: Browser, pack: Path, language: str, more: str
) -> None:
    shutil.copytree(pack, tmp_path / "shop")
    workspace, made = open_workspace(tmp_path / "shop"), many(pack)
    use_language(language)  # type: ignore[arg-type]
    assert made.playbook.rehearsal
    draw_rehearsal(workspace.out(CAMPAIGN) / "rehearsal.svg", made.playbook.rehearsal, workspace.settings.zone)
    written = publish_index(workspace, made)

    page = chromium.new_context(viewport={"width": 1280, "height": SCREEN}).new_page()
    page.goto(written.as_uri())
    text = page.inner_text("body").replace("\N{NO-BREAK SPACE}", " ")
    assert text.count(more) == 2
    assert all(page.locator("td", has_text=name).count() for name in [*NAMES, "legacy"])
    assert page.evaluate("document.documentElement.scrollHeight") < 8 * SCREEN
    drawn = page.locator("svg").first.text_content() or ""
    assert "svc-29" in drawn
    assert "svc-10" not in drawn

    phone = chromium.new_context(**PHONE).new_page()  # type: ignore[arg-type]
    phone.goto(written.as_uri())
    assert is_as_wide_as_a_phone(phone)
