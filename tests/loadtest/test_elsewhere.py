import json
from xml.etree import ElementTree as Xml

import pytest

from campaign.workspace import open_workspace
from loadtest.build import Wanted
from loadtest.publish import publish_scenario
from surgeplan.cli import main


@pytest.fixture
def built(workspace):
    settings = workspace / "surgeplan.yaml"
    settings.write_text(settings.read_text().replace("continues_ratio: 0.5", "continues_ratio: 1.0"))
    publish_scenario(open_workspace(workspace), "opening", Wanted(seconds=20))
    return workspace


def _import(workspace, text: str) -> int:
    (workspace / "run.jtl").write_text(text, "utf-8")
    return main(["loadtest", "import", "opening", str(workspace / "run.jtl"), "--workspace", str(workspace)])


def _jtl(per_second: int, elapsed_ms) -> str:
    rows = ["timeStamp,elapsed,label,responseCode,success"]
    for i in range(20 * per_second):
        at = 1_700_000_000_000 + i * 1000 // per_second
        for label in ("product", "POST /checkout"):
            rows.append(f"{at},{elapsed_ms(i)},{label},200,true")
    return "\n".join(rows) + "\n"


def _results(workspace) -> dict:
    return json.loads((workspace / "out/opening/loadtest/results.json").read_text("utf-8"))


def test_a_jtl_within_its_objectives_is_go_and_says_what_it_does_not_know(built, capsys):
    assert _import(built, _jtl(60, lambda i: 20 + i % 50)) == 0

    results = _results(built)
    assert (results["outcome"], results["generator"]["kind"]) == ("GO", "unknown")
    assert results["endpoints"][0]["response_ms"]["p50"] == pytest.approx(44, abs=2)
    assert "generator validity unknown" in capsys.readouterr().out


def test_a_jtl_with_a_slow_stretch_is_a_no_go_with_a_junit_failure(built):
    assert _import(built, _jtl(60, lambda i: 800 if 600 <= i < 660 else 20)) == 1

    suite = Xml.parse(built / "out/opening/loadtest/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "2", "0")


def test_a_run_that_sent_less_than_the_forecast_proves_nothing(built, capsys):
    assert _import(built, _jtl(20, lambda i: 20)) == 3
    assert "the busiest ten seconds carried 20 requests per second, the forecast " in capsys.readouterr().out


def test_a_per_second_csv_is_judged_by_its_p99(built):
    rows = [f"{s},{stage},400,0,{900 if s > 5 else 30}" for s in range(20) for stage in ("product", "checkout")]

    assert _import(built, "\n".join(["second,stage,requests,errors,p99_ms", *rows])) == 1


def test_seconds_of_any_clock_count_from_the_first(built):
    rows = [f"{1_794_312_000 + s},{stage},400,0,30" for s in range(20) for stage in ("product", "checkout")]

    assert _import(built, "\n".join(["second,stage,requests,errors,p99_ms", *rows])) in (0, 4)
    assert len((built / "out/opening/loadtest/per_second.csv").read_text("utf-8").splitlines()) < 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "run.jtl:1: is neither a JMeter .jtl nor a per-second CSV"),
        ("timeStamp,elapsed,label,success\n1,2,basket,true\n", "run.jtl:2: basket is no stage of the scenario"),
        ("timeStamp,elapsed,label,success\n1,x,product,true\n", "run.jtl:2 elapsed: x is not a figure"),
        ("timeStamp,elapsed,label,success\n1,2,product", "run.jtl:2: the line is cut short"),
        ("timeStamp,elapsed,label,success\n1,2", "run.jtl:2: the line is cut short"),
        ("second,stage,requests,errors,p99_ms\n0,product,5,9,20\n", "run.jtl:2 errors: 9 errors of 5 requests"),
        (
            "second,stage,requests,errors,p99_ms\n1794312000000,product,5,0,20\n1794312700000,product,5,0,20\n",
            "run.jtl:3 second: is 700000 s after the first one",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(built, capsys, text, message):
    assert _import(built, text) == 2
    assert message in capsys.readouterr().err
    assert not (built / "out/opening/loadtest/results.json").exists()
