"""Ramp, soak, breakpoint, spike on top, limits: their shapes, and real runs of those that judge differently."""

import json

import numpy as np
import pytest

from campaign.errors import UserError
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.policy import shipped_profiles
from loadtest.practice import Desk
from loadtest.profiles import highest_minute, judged_seconds, peak_multiple, shaped
from loadtest.publish import RunWanted, publish_run, publish_scenario
from loadtest.scenario import AdmissionWanted
from loadtest.schedule import stream_rates
from surgeplan.cli import main

CURVE = np.stack([np.where(np.arange(600) < 300, 20.0, 80.0), np.full(600, 5.0)])
POLICY = shipped_profiles()


def _run(workspace, *more: str) -> int:
    return main(["loadtest", "run", "opening", "--workspace", str(workspace), *more])


def _build(workspace, *more: str) -> int:
    return main(["loadtest", "build", "opening", "--workspace", str(workspace), *more])


def _results(workspace, profile: str) -> dict:
    return json.loads((workspace / f"out/opening/loadtest/{profile}/results.json").read_text("utf-8"))


def test_the_peak_is_each_services_rate_in_the_highest_minute():
    assert highest_minute(CURVE).tolist() == [80.0, 5.0]


def test_a_ramp_rises_in_a_straight_line_and_holds_the_peak():
    ramp = shaped(CURVE, "ramp", 100, POLICY)[0]
    assert ramp[0] == pytest.approx(80 * (0.1 + 0.9 * 0.005 / 0.8))
    assert np.diff(ramp[:79]) == pytest.approx(np.full(78, 80 * 0.9 / 80))
    assert ramp[80:] == pytest.approx(np.full(20, 80.0))


def test_a_soak_holds_a_share_of_the_peak():
    assert set(shaped(CURVE, "soak", 50, POLICY)[1]) == {5.0 * POLICY.soak_peak_ratio}


def test_a_breakpoint_is_judged_until_it_passes_the_peak():
    rates, judged = shaped(CURVE, "breakpoint", 100, POLICY)[0], judged_seconds("breakpoint", 100, POLICY)
    assert rates[0] == pytest.approx(80 * 0.5125)
    assert rates[-1] == pytest.approx(80 * 2.9875)
    assert rates[judged - 1] <= 80 < rates[judged]
    assert peak_multiple(99, 100, POLICY) == pytest.approx(2.9875)


def test_a_spike_stands_on_the_curves_own_peak():
    spike = shaped(CURVE, "spike", 0, POLICY)
    assert spike[0, 300:330] == pytest.approx(np.full(30, 120.0))
    assert np.array_equal(spike[:, :300], CURVE[:, :300])
    assert np.array_equal(spike[:, 330:], CURVE[:, 330:])


def test_each_profile_has_a_folder_of_its_own_and_the_replay_stays(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted())
    folder = workspace / "out/opening/loadtest"
    replay = (folder / "scenario.json").read_bytes()
    for profile, seconds in (("ramp", 900), ("soak", 14400), ("breakpoint", 1200), ("spike", 3600)):
        assert _build(workspace, "--profile", profile) == 0
        scenario = json.loads((folder / profile / "scenario.json").read_text())
        assert (scenario["profile"], scenario["duration_seconds"]) == (profile, seconds)
    assert (folder / "scenario.json").read_bytes() == replay


def test_limits_send_more_than_what_is_let_in_by_stage(workspace):
    admission = AdmissionWanted(service="storefront", admitted_requests_per_second=100)
    wanted = Wanted(profile="limits", admission=admission, seconds=60)
    scenario = publish_scenario(open_workspace(workspace), "opening", wanted)

    asked = {s.stage: s.requests["storefront"] for s in scenario.stages}
    rates = {s.stage: float(stream_rates(s, 60)[0]) for s in scenario.streams}
    assert sum(rates[stage] * each for stage, each in asked.items()) == pytest.approx(130)
    assert rates["product"] == pytest.approx(2 * rates["checkout"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--profile", "rampe"), "--profile: rampe is no profile\n  did you mean ramp?"),
        (("--profile", "soak", "--compress", "5"), "--profile: the profile soak has a shape of its own"),
        (("--profile", "limits"), "--admitted: the playbook limits no such service"),
        (("--profile", "limits", "--admitted", "50"), "--service: which service is limited?"),
        (("--admitted", "50"), "--profile: --service and --admitted belong to --profile limits"),
        (("--profile", "limits", "--service", "chekout", "--admitted", "5"), "did you mean checkout?"),
        (("--profile", "limits", "--service", "checkout", "--admitted", "5", "--scale", "0.5"), "at a scale"),
    ],
)
def test_a_profile_that_cannot_be_built_is_refused(workspace, capsys, options, message):
    assert _build(workspace, *options) == 2
    assert message in capsys.readouterr().err
    assert not (workspace / "out/opening/loadtest").exists()


def test_what_is_let_in_is_read_from_the_playbook(workspace):
    playbook = workspace / "out/opening/playbook/autoscaling.json"
    playbook.parent.mkdir(parents=True)
    hits = [{"limit": "db", "admitted_requests_per_second": rate, "needed": 1} for rate in (90, 70)]
    playbook.write_text(json.dumps({"services": {"storefront": {"limits_hit": hits}, "checkout": {"limits_hit": []}}}))

    assert _build(workspace, "--profile", "limits", "--seconds", "30") == 0
    scenario = json.loads((workspace / "out/opening/loadtest/limits/scenario.json").read_text())
    assert scenario["admission"] == {
        "service": "storefront", "admitted_requests_per_second": 70, "refusal_codes": [429],
    }  # fmt: skip


def test_a_profile_that_was_not_built_names_its_command(workspace, capsys):
    assert _run(workspace, "--practice", "--profile", "soak") == 2
    assert "run surgeplan loadtest build opening --profile soak first" in capsys.readouterr().err


def test_a_profile_of_its_own_shape_is_not_cut(workspace):
    _build(workspace, "--profile", "soak", "--seconds", "30")
    wanted = RunWanted(host="http://127.0.0.1:9", profile="soak", seconds=5)
    with pytest.raises(UserError, match="shape of its own"):
        publish_run(open_workspace(workspace), "opening", wanted)


def test_a_token_bucket_lets_in_its_rate():
    desk = Desk(100, 0.001, admits_per_second=50.0)
    desk.open(0.0)
    assert sum(desk.admits(i / 100) for i in range(1000)) == pytest.approx(500, abs=6)


def _limits_run(workspace, practice_admits: str) -> dict:
    publish_scenario(
        open_workspace(workspace), "opening",
        Wanted(profile="limits", seconds=10, even=True,
               admission=AdmissionWanted(service="checkout", admitted_requests_per_second=60)),
    )  # fmt: skip
    _run(workspace, "--profile", "limits", "--practice", "--practice-admits", practice_admits)
    return _results(workspace, "limits")


@pytest.mark.slow
@pytest.mark.alone
def test_a_limiter_at_its_plan_passes_and_refusals_are_no_errors(workspace):
    results = _limits_run(workspace, "60")
    admission = results["admission"]

    assert admission["offered_requests_per_second"] == pytest.approx(78, rel=0.02)
    assert admission["admitted_requests_per_second"] == pytest.approx(60, rel=0.05)
    assert admission["refused"] > 60
    (checkout,) = results["endpoints"]
    assert (checkout["failed"], checkout["refused"]) == (0, results["endpoints"][0]["sent"] - checkout["ok"])
    assert not {"admission-off", "not-limited", "errors"} & {r["code"] for r in results["reasons"]}
    assert not results["counts_for_campaign"]


@pytest.mark.slow
@pytest.mark.alone
def test_a_limiter_that_lets_in_too_little_is_a_no_go(workspace):
    results = _limits_run(workspace, "50")

    assert "admission-off" in {r["code"] for r in results["reasons"]}
    assert results["outcome"] in ("NO-GO", "INVALID")


@pytest.mark.slow
@pytest.mark.alone
def test_a_breakpoint_says_where_it_broke_and_judges_up_to_the_peak(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(profile="breakpoint", seconds=24, even=True))
    # 56 visits and 28 checkouts a second at the peak; the target carries 120 requests a second, 1.4 times that.
    _run(workspace, "--profile", "breakpoint", "--practice", "--practice-workers", "3", "--practice-service-ms", "25")
    results = _results(workspace, "breakpoint")

    assert 1.2 < results["breaks_first"]["peak_multiple"] < 2.6
    assert not {"slow", "errors", "stopped"} & {r["code"] for r in results["reasons"]}
