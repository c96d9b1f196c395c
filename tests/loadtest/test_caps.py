import json

import pytest

from campaign.errors import UserError
from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.caps import highest_rate, require_within_caps
from loadtest.policy import shipped_safety
from loadtest.publish import publish_scenario
from surgeplan.cli import main


@pytest.fixture
def scenario(workspace):
    return publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=300))


def test_the_busiest_second_counts_every_stage_that_visitors_reach(scenario):
    assert highest_rate(scenario) == pytest.approx(140 / 2.5 * 1.5)


def test_off_this_machine_the_shipped_caps_hold_unless_raised(scenario):
    large = scenario.model_copy(update={"duration_seconds": 3 * 3600})
    require_within_caps(large, True, None, None, shipped_safety())
    with pytest.raises(UserError, match="the scenario lasts 180 minutes, the cap is 120"):
        require_within_caps(large, False, None, None, shipped_safety())
    require_within_caps(large, False, None, 180, shipped_safety())


def test_caps_are_refused_together_before_anything_is_sent(workspace, scenario, capsys):
    arguments = ["--practice", "--max-rate", "80", "--max-minutes", "4", "--workspace", str(workspace)]
    assert main(["loadtest", "run", "opening", *arguments]) == 2
    shown = capsys.readouterr().err
    assert "--max-rate: the scenario sends up to 84 requests per second, the cap is 80" in shown
    assert "--max-minutes: the scenario lasts 5 minutes, the cap is 4" in shown
    assert not (workspace / "out/opening/loadtest/run").exists()


@pytest.mark.slow
def test_a_target_killed_for_its_memory_is_never_a_go(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=8))
    arguments = ["--practice", "--practice-workers", "1", "--practice-service-ms", "30", "--workspace", str(workspace)]
    main(["loadtest", "run", "opening", "--practice-with", "memory=20", *arguments])

    results = json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))
    assert results["practice"]["memory_requests"] == 20
    assert results["outcome"] in ("NO-GO", "INVALID")
    product = results["endpoints"][0]
    assert product["failed"] > 10
    assert product["ok"] + product["failed"] == product["sent"]
    assert "unfinished visits" not in results["generator"]["unsent"]


def test_a_trouble_that_the_target_does_not_know_is_refused(workspace, scenario, capsys):
    arguments = ["--practice", "--practice-with", "fire=1", "--workspace", str(workspace)]
    assert main(["loadtest", "run", "opening", *arguments]) == 2
    assert "--practice-with: fire=1 is nothing that the practice target can have" in capsys.readouterr().err
