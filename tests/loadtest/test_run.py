"""Real runs: locust as a child process against the practice target on 127.0.0.1, a few seconds each."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial

import pytest

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.observations import read_observations
from loadtest.publish import publish_scenario
from loadtest.schedule import build_schedule
from surgeplan.cli import main


def _folder(workspace):
    return workspace / "out/opening/loadtest"


def _build(workspace, seconds=3, **wanted):
    return publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=seconds, **wanted))


def _run(workspace, *more: str) -> int:
    return main(["loadtest", "run", "opening", "--workspace", str(workspace), *more])


def _results(workspace) -> dict:
    return json.loads((_folder(workspace) / "results.json").read_text("utf-8"))


def test_a_practice_run_sends_the_schedule_and_leaves_its_records(workspace, capsys):
    scenario = _build(workspace)
    code = _run(workspace, "--practice", "--practice-service-ms", "10")
    results, out = _results(workspace), capsys.readouterr().out

    scheduled = len(build_schedule(scenario))
    assert results["generator"]["scheduled"] == results["generator"]["arrived"] == scheduled
    product, checkout = results["endpoints"]
    assert product["sent"] == product["ok"] == scheduled
    assert 0 < checkout["sent"] < scheduled
    assert product["service_ms"]["p50"] >= 10
    assert code == {"GO": 0, "INVALID": 3, "INCONCLUSIVE": 4}[results["outcome"]]
    assert results["finished"]
    assert not results["counts_for_campaign"]
    assert results["outcome"] in out
    rows = (_folder(workspace) / "per_second.csv").read_text().splitlines()
    assert rows[0] == "second,stage,intended,sent,ok,failed,slow,done,refused"
    assert sum(int(row.split(",")[3]) for row in rows[1:] if ",product," in row) == scheduled
    assert "<svg" in (_folder(workspace) / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_target_too_small_for_the_curve_is_never_a_go(workspace):
    _build(workspace, seconds=2)
    code = _run(workspace, "--practice", "--practice-workers", "1", "--practice-service-ms", "50", "--lang", "zh")
    results = _results(workspace)

    product = results["endpoints"][0]
    assert product["response_ms"]["p99"] > 1000
    assert results["outcome"] in ("NO-GO", "INVALID")
    assert code in (1, 3)


def test_a_locustfile_with_an_error_is_named_with_its_line(workspace, capsys):
    _build(workspace)
    locustfile = _folder(workspace) / "locustfile.py"
    locustfile.write_text(locustfile.read_text() + "\nundefined_name\n")

    assert _run(workspace, "--practice") == 2
    shown = capsys.readouterr().err
    line = len(locustfile.read_text().splitlines())
    assert f"locustfile.py:{line}: locust did not start: NameError: name 'undefined_name' is not defined" in shown
    assert "Traceback" not in shown
    assert not (_folder(workspace) / "results.json").exists()


def test_a_stage_without_a_method_is_named(workspace, capsys):
    _build(workspace)
    locustfile = _folder(workspace) / "locustfile.py"
    locustfile.write_text(locustfile.read_text().split('    @stage("checkout")')[0])

    assert _run(workspace, "--practice") == 2
    assert "no method marked @stage for: checkout" in capsys.readouterr().err


def test_an_error_inside_a_journey_makes_the_run_invalid_and_says_where(workspace, capsys):
    _build(workspace, seconds=2)
    locustfile = _folder(workspace) / "locustfile.py"
    locustfile.write_text(locustfile.read_text().replace("visit.post(", "visit.basket.post("))

    assert _run(workspace, "--practice") == 3
    line = next(i for i, text in enumerate(locustfile.read_text().splitlines(), 1) if "basket" in text)
    assert f"locustfile.py:{line}: AttributeError" in capsys.readouterr().out


def test_a_redirect_off_the_host_under_test_stops_the_run(workspace, capsys):
    _build(workspace, seconds=2)
    locustfile = _folder(workspace) / "locustfile.py"
    locustfile.write_text(locustfile.read_text().replace('visit.post("/checkout"', 'visit.post("http://10.9.9.9/"'))

    assert _run(workspace, "--practice") == 3
    assert "refused: 10.9.9.9:80 is not the host under test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say where to: either --host URL or --practice"),
        (("--host", "http://shop.invalid"), "shop.invalid does not resolve"),
        (("--host", "http://10.1.2.3"), "10.1.2.3 is not in allowed_hosts"),
        (("--host", "http://127.0.0.1:9"), "nothing answers at 127.0.0.1:9"),
    ],
)
def test_a_run_without_a_permitted_target_is_refused_before_anything_is_sent(workspace, capsys, options, message):
    _build(workspace)

    assert _run(workspace, *options) == 2
    assert message in capsys.readouterr().err
    assert not (_folder(workspace) / "run").exists()


def test_a_port_in_use_and_a_missing_scenario_are_said(workspace, capsys):
    assert _run(workspace, "--practice") == 2
    assert "run surgeplan loadtest build opening first" in capsys.readouterr().err
    _build(workspace)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert _run(workspace, "--practice", "--practice-port", str(taken.getsockname()[1])) == 2
    assert "address already in use" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.alone
def test_ctrl_c_keeps_what_was_seen(workspace):
    _build(workspace, seconds=30)
    command = [sys.executable, "-m", "surgeplan", "loadtest", "run", "opening", "--practice", "--workspace"]
    process = subprocess.Popen(
        [*command, str(workspace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a background shell would have it ignored
    )
    _wait_until(lambda: len(read_observations(_folder(workspace) / "run/observations.jsonl").cells) > 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)

    assert process.returncode == 130
    assert b"Traceback" not in err
    results = _results(workspace)
    assert results["outcome"] == "INVALID"
    assert not results["finished"]
    assert 0 < results["endpoints"][0]["sent"] < results["generator"]["scheduled"]
    assert b"stopped" in out


@pytest.mark.slow
def test_the_kill_switch_stops_a_run_within_a_second_or_two(workspace):
    _build(workspace, seconds=30)
    command = [sys.executable, "-m", "surgeplan", "loadtest", "run", "opening", "--practice", "--workspace"]
    process = subprocess.Popen([*command, str(workspace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _wait_until(lambda: read_observations(_folder(workspace) / "run/observations.jsonl").cells)
    (_folder(workspace) / "STOP").touch()
    out, _err = process.communicate(timeout=20)

    assert process.returncode == 3
    assert b"kill switch" in out
    ended = read_observations(_folder(workspace) / "run/observations.jsonl")
    assert ended.ends == {0: "kill switch"}
    assert os.path.exists(_folder(workspace) / "report.html")  # noqa: PTH110


def _wait_until(true, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.alone
def test_capacity_of_a_practice_target_is_written_for_the_playbooks(workspace, capsys):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text().replace("p99_ms: 300", "p99_ms: 120"))
    _build(workspace)
    code = main([
        "loadtest", "capacity", "storefront", "--campaign", "opening", "--practice", "--practice-exponential",
        "--step-seconds", "3", "--now", "2026-11-08T12:00+00:00", "--workspace", str(workspace),
    ])  # fmt: skip
    steps = json.loads((workspace / "out/capacity/storefront/steps.json").read_text())

    assert steps["practice_truth_requests_per_second"] == pytest.approx(149.8, abs=0.5)
    assert sum(steps["mix"].values()) == pytest.approx(1)
    if code == 0:
        capacity = json.loads((workspace / "out/capacity/storefront.json").read_text())
        found = capacity["capacity_requests_per_second_per_replica"]
        assert found["low"] <= found["mid"] <= found["high"]
        assert 90 < found["mid"] < 200
        assert "one replica carries" in capsys.readouterr().out
    else:
        assert code == 3


def test_capacity_of_a_service_that_no_stage_asks_is_refused(workspace, capsys):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text().replace("funnel:", "  - {name: search}\nfunnel:"))
    _build(workspace)

    for name, message in (("search", "no stage of the scenario asks search"), ("serch", "there is no service serch")):
        arguments = ["loadtest", "capacity", name, "--campaign", "opening", "--practice", "--workspace", str(workspace)]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_two_workers_send_the_same_arrivals_as_one(workspace):
    scenario = _build(workspace, seconds=4)
    _run(workspace, "--practice")
    alone = _results(workspace)
    _run(workspace, "--practice", "--processes", "2")
    together = _results(workspace)

    assert together["generator"]["workers"] == 2
    assert together["generator"]["arrived"] == alone["generator"]["arrived"] == len(build_schedule(scenario))
    assert [e["sent"] for e in together["endpoints"]] == [e["sent"] for e in alone["endpoints"]]
    assert together["previous_run_id"] == alone["run_id"]


@pytest.mark.slow
def test_a_run_stops_itself_when_too_many_replies_are_slow(workspace, capsys):
    _build(workspace, seconds=30, abort_slow_ratio=0.5)
    code = _run(workspace, "--practice", "--practice-workers", "1", "--practice-service-ms", "100")

    assert code == 3
    assert "were slower than their objective within 10 s" in capsys.readouterr().out
    assert _results(workspace)["generator"]["unsent"]["stopped"] > 0
