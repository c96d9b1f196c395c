"""Orders or contacts of a source that died: said in every output that rests on them, and a wider range."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_demand import HOURS, SETTINGS, history
from test_forecast_command import NEXT, make_workspace

from campaign.demand import DemandPaths
from campaign.errors import ExitCode
from campaign.traffic import TrafficModel
from forecast.demand import learn_demand
from forecast.demand.lateness import Lateness, lateness_of, widened
from forecast.epochs import moment_of
from surgeplan.cli import main

AS_OF = moment_of(int(HOURS[-1]) + 3600)
NOW = "2026-02-20T00:00+00:00"


def test_rows_up_to_yesterday_are_not_late() -> None:
    _, orders, contacts = history()
    assert lateness_of(orders, contacts, SETTINGS, AS_OF) == Lateness()
    assert lateness_of(None, None, SETTINGS, AS_OF) == Lateness()


def test_the_longer_people_are_silent_the_wider_their_range() -> None:
    hourly, orders, contacts = history()
    rules = learn_demand(hourly, orders, contacts, SETTINGS, 6.4)
    spreads = [rules.orders.log_sd]
    for days in (7, 28):
        late = lateness_of(orders[: -24 * days], contacts[: -48 * days], SETTINGS, AS_OF)
        assert late.orders_days == pytest.approx(days, abs=0.1)
        made = widened(rules, late, SETTINGS)
        assert made.contacts[0].log_sd > rules.contacts[0].log_sd
        spreads.append(made.orders.log_sd)
    assert spreads == sorted(spreads)
    assert spreads[2] ** 2 - spreads[0] ** 2 == pytest.approx(4 * (spreads[1] ** 2 - spreads[0] ** 2), rel=0.05)


def with_contacts(folder: Path) -> Path:
    """The small shop's workspace with half-hours of contacts, all of it up to the forecast's date."""
    made = make_workspace(folder)
    halves = pd.date_range("2026-01-05", periods=45 * 48, freq="30min")
    rows = [f"{at.isoformat()}+00:00,chat,{20 + at.hour}" for at in halves]
    (made / "history" / "contacts.csv").write_text("\n".join(["starts_at,desk,contacts", *rows]) + "\n", "utf-8")
    return made


@pytest.fixture(scope="module")
def punctual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_contacts(tmp_path_factory.mktemp("punctual"))
    assert main(["forecast", NEXT.id, "--workspace", str(folder), "--now", NOW]) == 0
    return folder


def model_of(folder: Path) -> TrafficModel:
    return TrafficModel.model_validate_json((folder / "out" / NEXT.id / "traffic.json").read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("orders", "orders end 12.0 days before the forecast's date: the range of orders, and of contacts, is wider"),
        ("contacts", "desk chat: contacts end 12.0 days before the forecast's date, so their range is wider"),
    ],
)
def test_a_dead_source_is_said_wherever_its_rows_are_used(
    punctual: Path, tmp_path: Path, measure: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "late"
    shutil.copytree(punctual, folder)
    file = folder / "history" / f"{measure}.csv"
    until = (model_of(punctual).as_of_utc - timedelta(days=12)).strftime("%Y-%m-%dT%H:%M")
    header, *rows = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([header, *(row for row in rows if row[:16] <= until)]) + "\n", "utf-8")
    state = {"final_until_utc": f"{until}Z", "pulled_until_utc": f"{until}Z", "lateness_seconds": 3600}
    ledger = {"schema_version": 1, "sources": {"warehouse": state}}
    (folder / "history" / "pulled.json").write_text(json.dumps(ledger), "utf-8")
    query = '"SELECT 1 WHERE :since < :until"'
    source = f"sources: [{{name: warehouse, kind: sql, measure: {measure}, url_env: WAREHOUSE, query: {query}}}]\n"
    settings = (folder / "surgeplan.yaml").read_text("utf-8")
    settings = settings.replace("{name: web}", "{name: web, capacity_requests_per_second_per_replica: 100}")
    (folder / "surgeplan.yaml").write_text(settings + source, "utf-8")
    assert main(["forecast", NEXT.id, "--workspace", str(folder), "--now", NOW]) == ExitCode.YES
    shown = capsys.readouterr().out
    page = (folder / "out" / NEXT.id / "traffic.html").read_text("utf-8").replace("&#x27;", "'").replace("&#39;", "'")
    assert all(said in place for place in (shown, page, model_of(folder).assumptions))
    assert "warehouse: no final rows after" in shown
    assert wider(folder, punctual)
    assert main(["playbook", NEXT.id, "--workspace", str(folder)]) == ExitCode.YES
    staffing = json.loads((folder / "out" / NEXT.id / "playbook" / "staffing.json").read_text("utf-8"))
    assert any(f"{measure} end" in str(assumption) for assumption in staffing["assumptions"])


def wider(folder: Path, than: Path) -> bool:
    ratios = []
    for one in (folder, than):
        contacts = DemandPaths.load(one / "out" / NEXT.id / "demand_paths.npz").of_desk("chat").sum(axis=1)
        ratios.append(float(np.quantile(contacts, 0.9) / np.quantile(contacts, 0.1)))
    return ratios[0] > ratios[1]
