import json

import numpy as np
import pytest

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.observations import FIELDS, Observations
from loadtest.publish import publish_scenario
from loadtest.reached import highest_mean, mix_sent, services_reached, steepest_ten_seconds
from loadtest.shorten import shortened
from surgeplan.cli import main


def test_the_highest_minute_of_a_shorter_run_is_its_mean():
    assert highest_mean(np.array([1.0, 3.0]), 60) == 2.0
    assert highest_mean(np.array([0.0, 4.0, 6.0, 1.0]), 2) == 5.0
    assert highest_mean(np.zeros(0), 60) == 0.0


def test_services_are_asked_what_the_stages_make_of_them(workspace):
    scenario = publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=20))
    seen = Observations(workers=1)
    for second in range(20):
        seen.cells[second, 0] = np.full(len(FIELDS), 30 if second == 7 else 10)
        seen.cells[second, 1] = np.full(len(FIELDS), 5)

    services = services_reached(scenario, seen)
    assert services["storefront"].requests_per_second == pytest.approx(2 * 11 + 5)
    assert services["checkout"].requests_per_second == pytest.approx(5)
    assert services["storefront"].wanted_requests_per_second == pytest.approx((5 * 35 + 15 * 140) / 20)
    assert mix_sent(scenario, seen) == pytest.approx({"product": 220 / 320, "checkout": 100 / 320})
    assert steepest_ten_seconds(scenario, seen) == 170


def test_a_shorter_or_smaller_run_wants_less(workspace):
    scenario = publish_scenario(open_workspace(workspace), "opening", Wanted(whole=True))
    assert scenario.wanted_requests_per_second == pytest.approx({"storefront": 140, "checkout": 28})
    assert shortened(scenario, 30, 0.5).wanted_requests_per_second == pytest.approx(
        {"storefront": 57.75, "checkout": 11.55}
    )


def test_results_carry_the_image_the_mix_and_the_steepest_ten_seconds(workspace):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=2))
    digest = "sha256:" + "0123456789abcdef" * 4
    arguments = ["loadtest", "run", "opening", "--practice", "--workspace", str(workspace)]
    main([*arguments, "--image-digest", digest, "--target-version", "7.2"])

    results = json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))
    assert (results["image_digest"], results["target_version"]) == (digest, "7.2")
    assert sum(results["mix"].values()) == pytest.approx(1)
    assert results["steepest_ten_seconds"] > 50
    assert results["services"]["storefront"]["requests_per_second"] > 0


def test_a_digest_that_is_none_is_refused(workspace, capsys):
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=2))

    assert (
        main(["loadtest", "run", "opening", "--practice", "--image-digest", "7.2", "--workspace", str(workspace)]) == 2
    )
    assert "--image-digest: 7.2 is no image digest" in capsys.readouterr().err
