import json

import numpy as np
import pytest

from campaign.errors import UserError
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.funnel import requests_per_visit, visits_per_second
from loadtest.publish import publish_scenario
from loadtest.scenario import Scenario
from loadtest.schedule import stream_rates
from loadtest.shorten import shortened


def _build(workspace, **wanted) -> Scenario:
    return publish_scenario(open_workspace(workspace), "opening", Wanted(**wanted))


def test_visits_are_those_of_the_service_that_needs_most(workspace):
    stages = _build(workspace).stages
    assert requests_per_visit(stages) == {"storefront": 2.5, "checkout": 0.5}

    visits = visits_per_second(stages, {"storefront": np.array([100.0, 10.0]), "checkout": np.array([10.0, 5.0])})
    assert visits.tolist() == [40.0, 10.0]


def test_the_default_scenario_is_the_p90_hour_around_the_opening(workspace):
    scenario = _build(workspace)
    rates = stream_rates(scenario.streams[0], scenario.duration_seconds)

    assert scenario.duration_seconds == 3600
    assert rates[[0, 3599]] == pytest.approx([1.4 * 25 / 2.5, 1.4 * 100 / 2.5])
    assert scenario.forecast_requests_per_second_peak["storefront"] == pytest.approx(140)
    assert scenario.stages[1].objective.p99_ms == 500
    assert scenario.invalidates == ()


def test_same_model_and_seed_give_the_same_bytes_and_the_locustfile_stays(workspace):
    _build(workspace)
    folder = workspace / "out/opening/loadtest"
    first = (folder / "scenario.json").read_bytes()
    edited = (folder / "locustfile.py").read_text() + "\n# ours\n"
    (folder / "locustfile.py").write_text(edited)
    _build(workspace)

    assert (folder / "scenario.json").read_bytes() == first
    assert (folder / "locustfile.py").read_text() == edited
    assert set(json.loads(first)["inputs"]) == {
        "surgeplan.yaml", "out/opening/traffic.json", "out/opening/traffic_paths.npz",
    }  # fmt: skip


def test_a_scaled_or_compressed_scenario_says_what_it_cannot_show(workspace):
    scenario = _build(workspace, scale_ratio=0.01, compression=10, whole=True)

    assert scenario.duration_seconds == 50 * 6 + 600
    assert len(scenario.invalidates) == 2
    assert "0.01 of the forecast" in scenario.invalidates[0].what
    assert {s.compression for s in scenario.stretches} == {1, 10}


def test_shortening_keeps_the_peak_and_multiplies_the_scale(workspace):
    scenario = shortened(_build(workspace, scale_ratio=0.5), 20, 0.1)

    assert scenario.duration_seconds == 20
    assert scenario.scale_ratio == pytest.approx(0.05)
    assert max(s.arrivals_per_second for s in scenario.streams[0].segments) == pytest.approx(140 / 2.5 * 0.05)


def test_more_than_one_run_can_hold_shortens_the_hour_around_the_peak_and_says_so(workspace, monkeypatch):
    hour = _build(workspace)
    monkeypatch.setattr("loadtest.build.ARRIVALS_MAX", 30_000)
    scenario = _build(workspace)

    assert scenario.duration_seconds % 60 == 0
    assert 30_000 * 0.9 < stream_rates(scenario.streams[0], scenario.duration_seconds).sum() <= 30_000
    assert hour.starts_at_utc < scenario.starts_at_utc < scenario.ends_at_utc < hour.ends_at_utc
    assert scenario.forecast_requests_per_second_peak == hour.forecast_requests_per_second_peak
    assert f"{scenario.duration_seconds // 60} min around the peak instead of 60" in scenario.assumptions[0].what


@pytest.mark.parametrize("asked", [{"seconds": 3000}, {"whole": True}, {"profile": "soak"}])
def test_more_than_one_run_can_hold_is_refused_where_somebody_asked_for_it(workspace, monkeypatch, asked):
    monkeypatch.setattr("loadtest.build.ARRIVALS_MAX", 30_000)
    with pytest.raises(UserError, match="more than one run can hold"):
        _build(workspace, **asked)


def test_without_a_funnel_each_service_gets_its_own_curve(workspace):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text().split("funnel:")[0])
    scenario = _build(workspace)

    assert [s.stream for s in scenario.streams] == ["storefront", "checkout"]
    assert not any(s.goes_on for s in scenario.streams)
    assert max(s.arrivals_per_second for s in scenario.streams[1].segments) == pytest.approx(28)
    assert "no funnel" in scenario.assumptions[0].what


def test_endpoints_of_a_funnel_get_the_visits_that_reach_them(workspace):
    scenario = _build(workspace, drive="endpoints")
    peaks = {s.stream: max(g.arrivals_per_second for g in s.segments) for s in scenario.streams}

    assert peaks == pytest.approx({"product": 56, "checkout": 28})


def test_before_a_forecast_the_next_step_is_named(workspace):
    (workspace / "out/opening/traffic.json").unlink()

    with pytest.raises(UserError) as refusal:
        _build(workspace)
    assert "there is no traffic model of opening yet" in str(refusal.value)
    assert "run surgeplan forecast opening first" in str(refusal.value)
    assert not (workspace / "out/opening/loadtest").exists()


def test_all_wrong_wishes_are_reported_at_once(workspace):
    with pytest.raises(UserError) as refusal:
        _build(workspace, curve="p95", compression=11, scale_ratio=0)
    assert len(refusal.value.problems) == 3


def test_a_scale_at_which_nobody_comes_is_refused(workspace):
    with pytest.raises(UserError, match="nothing arrives"):
        _build(workspace, scale_ratio=1e-6)
