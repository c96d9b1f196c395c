"""Rules over a shop's values: what fires, in which order it is answered, and what is told once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from shops import SETTINGS, shop

from campaign.errors import UserError
from campaign.store.events import GENESIS, chained
from campaign.workspace import open_workspace
from metrics.daily import Daily
from metrics.dictionary import read_dictionary
from playbooks.growth.agenda import watch_all
from playbooks.growth.announce import transitions
from playbooks.growth.evaluate import Alert, in_response_order, open_alerts, watch, working_days_after
from playbooks.growth.policy import RulesFile, read_rules
from playbooks.growth.publish import Opened, open_rules
from playbooks.growth.rehearsal import rehearse
from surgeplan.cli import main

SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)
NOW = "2026-10-25T09:00+08:00"


def opened(folder: Path) -> Opened:
    return open_rules(open_workspace(folder), folder / "data")


def alerts_of(folder: Path) -> list[Alert]:
    made = opened(folder)
    return open_alerts(
        watch_all(made.rules, made.daily, made.dictionary.definitions, made.families), made.rules.response
    )


def own_rules(folder: Path, text: str) -> RulesFile:
    (folder / "rules.yaml").write_text(text, "utf-8")
    return read_rules(folder, SHIPPED)


def test_a_quiet_shop_fires_nothing(tmp_path: Path) -> None:
    assert alerts_of(shop(tmp_path)) == []


def test_a_channels_fall_fires_for_that_channel_with_its_cost_and_due_day(tmp_path: Path) -> None:
    (alert,) = alerts_of(shop(tmp_path, fall=0.3))
    assert alert.key == "roi-drop/feed"
    assert alert.expected == pytest.approx(2.0, rel=0.05)
    assert alert.impact == pytest.approx((2.0 - 1.4) * 10_000, rel=0.2)
    assert alert.rule.route == ("marketing",)
    assert alert.due_on == working_days_after(alert.fired_on, 1)


def test_unsettled_days_do_not_count(tmp_path: Path) -> None:
    """The fall began fourteen days before the end, and orders may change for two days: the last two are not closed."""
    made = opened(shop(tmp_path, fall=0.3))
    rule = next(rule for rule in made.rules.rules if rule.id == "roi-drop")
    feed = next(w for w in watch(rule, made.daily, made.dictionary.definitions) if w.split == "feed")
    assert feed.closed[-3:].tolist() == [True, False, False]


def test_too_small_a_day_says_nothing(tmp_path: Path) -> None:
    folder = shop(tmp_path, fall=0.3)
    (folder / "rules.yaml").write_text("rules:\n  - {id: roi-drop, guard: {least: {ad_cost: 50000}}}\n")
    assert alerts_of(folder) == []


def test_rules_may_look_at_families(tmp_path: Path) -> None:
    folder = shop(tmp_path, fall=0.6)
    (folder / "rules.yaml").write_text("rules:\n  - {id: roi-drop, by: family}\n")
    assert [alert.key for alert in alerts_of(folder)] == ["roi-drop/paid"]


def test_levels_take_days_together_and_scores_have_their_interval(tmp_path: Path) -> None:
    (alert,) = alerts_of(shop(tmp_path, nps=30))
    assert alert.key == "nps-low/all"
    assert alert.red
    assert alert.rule.route == ("company",)
    (amber,) = alerts_of(shop(tmp_path / "b", nps=38))
    assert not amber.red


def test_response_order_is_impact_then_time_then_people(tmp_path: Path) -> None:
    made = opened(shop(tmp_path, fall=0.3))
    rule = next(rule for rule in made.rules.rules if rule.id == "roi-drop")
    base = Alert(rule, "a", date(2026, 10, 1), 1.0, 2.0, True, 100.0, date(2026, 10, 2))
    slow = replace(
        base, split="slow", rule=rule.model_copy(update={"resolve": rule.resolve.model_copy(update={"hours": 99.0})})
    )
    many = replace(
        base, split="many", rule=rule.model_copy(update={"resolve": rule.resolve.model_copy(update={"people": 9.0})})
    )
    dear, unknown = replace(base, split="dear", impact=500.0), replace(base, split="unknown", impact=None)
    ordered = in_response_order([unknown, slow, many, base, dear], made.rules.response)
    assert [alert.split for alert in ordered] == ["dear", "a", "many", "slow", "unknown"]
    people_first = made.rules.response.model_copy(update={"order_by": ("people", "impact", "hours")})
    assert in_response_order([many, dear, slow], people_first)[-1].split == "many"


def test_a_firing_is_told_once_and_a_clearing_once(tmp_path: Path) -> None:
    (alert,) = alerts_of(shop(tmp_path, fall=0.3))
    now = datetime(2026, 10, 25, tzinfo=UTC)
    (fired,) = transitions([alert], [alert.key], [], now)
    events = [chained(fired, 1, GENESIS)]
    assert transitions([alert], [alert.key], events, now) == []
    assert transitions([], [], events, now) == []  # not judged: nothing is said of it
    (cleared,) = transitions([], [alert.key], events, now)
    assert (cleared.kind, cleared.subject) == ("rule-cleared", "roi-drop/feed")
    events.append(chained(cleared, 2, events[-1].hash))
    assert transitions([], [alert.key], events, now) == []


def test_the_command_tells_once_and_answers_no_while_a_rule_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop(tmp_path, fall=0.3)
    command = ["rules", "check", "--workspace", str(folder), "--now", NOW]
    assert main([*command, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["told"] == [{"kind": "rule-fired", "subject": "roi-drop/feed"}]
    assert document["alerts"][0]["metric"].startswith("roi@")
    assert document["inputs"]["bi/daily.csv"]
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["told"] == []
    assert main([*command, "--lang", "zh"]) == 1
    assert "渠道 ROI 连续三天低于基线 10 %" in capsys.readouterr().out
    shop(folder)
    assert main([*command, "--lang", "en"]) == 0
    assert "cleared: roi-drop/feed" in capsys.readouterr().out


def test_rules_test_says_how_often_how_late_and_how_often_in_vain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop(tmp_path, noise=0.08, fall=0.3)
    assert main(["rules", "test", "--workspace", str(folder), "--now", NOW, "--json"]) == 0
    rules = {one["rule"]: one for one in json.loads(capsys.readouterr().out)["rules"]}
    roi, literal = rules["roi-drop"], rules["roi-drop-literal"]
    assert roi["fired"] >= 1
    assert roi["noise_ratio"] == pytest.approx(0.08, abs=0.03)
    assert roi["found_within_14_days"][1]["found_ratio"] >= 0.9
    assert roi["false_alarms_per_channel_year"] <= 4
    assert literal["found_within_14_days"][1]["found_ratio"] < 0.1
    assert main(["rules", "test", "--rule", "roi-dorp", "--workspace", str(folder), "--lang", "en"]) == 2
    assert "there is no rule roi-dorp\n  did you mean roi-drop?" in capsys.readouterr().err


def test_the_same_seed_says_the_same(tmp_path: Path) -> None:
    made = opened(shop(tmp_path))
    rule = made.rules.rules[0]
    watched = watch(rule, made.daily, made.dictionary.definitions)
    assert rehearse(rule, watched, np.random.default_rng(5)) == rehearse(rule, watched, np.random.default_rng(5))


def test_values_are_looked_at_only_up_to_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path, fall=0.3)
    assert main(["rules", "check", "--workspace", str(folder), "--now", "2026-10-01T09:00+08:00"]) == 0
    capsys.readouterr()


def test_a_rule_without_its_guard_is_named_not_taken_for_quiet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop(tmp_path, fall=0.3)
    (folder / "rules.yaml").write_text("rules:\n  - {id: roi-drop, guard: {least: {contacts: 1}}}\n")
    assert main(["rules", "check", "--workspace", str(folder), "--now", NOW, "--lang", "en"]) == 0
    assert (
        "not judged for want of values: A channel's ROI 10 % below its baseline on three days (Support contacts)"
        in capsys.readouterr().out
    )


def test_a_sources_files_are_one_and_share_their_newest_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path, fall=0.3)
    whole = (folder / "bi" / "daily.csv").read_text().splitlines(keepends=True)
    (folder / "bi" / "daily.csv").write_text("".join(whole[: 1 + 4 * 70]))
    (folder / "bi" / "daily-later.csv").write_text(whole[0] + "".join(whole[1 + 4 * 70 :]))
    assert [alert.key for alert in alerts_of(folder)] == ["roi-drop/feed"]
    (folder / "bi" / "daily-later.csv").write_text(whole[0] + "".join(whole[1 + 4 * 69 :]))
    assert main(["rules", "check", "--workspace", str(folder), "--now", NOW, "--lang", "en"]) == 2
    told = capsys.readouterr().err
    assert "E_DUP: 4 × rows that stand in another file of the source too, the first of 2026-10-09" in told


@pytest.mark.parametrize("command", ["check", "test", "meeting"])
def test_a_clock_before_the_first_day_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    line = ["rules", command, "--workspace", str(shop(tmp_path)), "--now", "2020-01-01T00:00Z", "--lang", "en"]
    assert main(line) == 2
    told = "--now: there are no daily values before 2020-01-01\n  the first day with values is 2026-08-01"
    assert told in capsys.readouterr().err


def test_check_reads_the_rules_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path)
    (folder / "rules.yaml").write_text("rules:\n  - {id: roi-drop, metric: rio}\n")
    assert main(["check", "--workspace", str(folder), "--lang", "en"]) == 2
    assert "rules.yaml:2 rules[0].metric: there is no metric rio" in capsys.readouterr().err


def test_no_values_at_all_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path)
    for file in (folder / "bi").iterdir():
        file.unlink()
    assert main(["rules", "check", "--workspace", str(folder), "--lang", "en"]) == 2
    assert "there are no daily values\n  bind your BI's files under sources:" in capsys.readouterr().err


# --- the file ------------------------------------------------------------------------------------------------------


def test_every_rule_of_the_source_text_is_shipped(tmp_path: Path) -> None:
    rules = {rule.id: rule for rule in read_rules(tmp_path, SHIPPED).rules}
    assert rules["roi-drop"].when.change_ratio == -0.10  # type: ignore[union-attr]
    assert (rules["roi-drop"].when.days, rules["roi-drop"].when.baseline_days) == (3, 7)  # type: ignore[union-attr]
    assert rules["retention-low"].when.below == 0.25  # type: ignore[union-attr]
    assert rules["nps-low"].when.below == 40  # type: ignore[union-attr]
    assert rules["ltv-cac-low"].when.below == 1.5  # type: ignore[union-attr]
    assert rules["ltv-cac-low"].route == ("marketing", "ops")
    assert all(r.guard.least and r.route and r.action.zh and r.when.clear_days for r in rules.values())
    targets = {o.metric: (SHIPPED.definitions[o.metric].target, o.owners) for o in read_rules(tmp_path, SHIPPED).kpis}
    assert targets == {"cac": (80, ("marketing", "ops")), "retention_d7": (0.35, ("marketing", "ops"))}


def test_a_workspace_overrides_single_fields_and_adds_rules(tmp_path: Path) -> None:
    made = own_rules(
        tmp_path,
        "rules:\n  - {id: roi-drop, when: {change_ratio: -0.2}}\n"
        "  - {id: cac-high, level: 1, title: {zh: 获客变差, en: Worse}, metric: roi, route: [marketing], "
        "due_working_days: 1, action: {zh: 查, en: Look}, resolve: {hours: 1, people: 1}, "
        "when: {compare: previous, change_ratio: -0.3, clear_change_ratio: 0}}\n",
    )
    rules = {rule.id: rule for rule in made.rules}
    assert rules["roi-drop"].when.change_ratio == -0.2  # type: ignore[union-attr]
    assert rules["roi-drop"].when.days == 3
    assert "cac-high" in rules


def test_another_comparison_is_a_whole_other_condition(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"clear_change_ratio: this key is required"):
        own_rules(tmp_path, "rules:\n  - {id: roi-drop, when: {compare: previous, change_ratio: -0.1}}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules:\n  - {id: roi-drop, metrc: roi}\n", "rules.yaml:2 rules[0].metrc: unknown key\n  did you mean metric?"),  # noqa: E501
        ("rules:\n  - {id: roi-drop, metric: rio}\n", "rules.yaml:2 rules[0].metric: there is no metric rio\n  did you mean roi?"),  # noqa: E501
        ("rules:\n  - {id: nps-low, when: {clear_at: 30}}\n", "clears at 30.0, which is below 40.0"),
        ("rules:\n  - {metric: roi}\n", "rules.yaml:1 rules: is not a list of entries with id"),
        ("rules:\n  - {id: [a], metric: roi}\n", "rules.yaml:1 rules: is not a list of entries with id"),
        ("rules:\n  - {id: roi-drop}\n  - {id: roi-drop, metric: roi}\n", "rules.yaml:3 rules[1].id: roi-drop stands twice"),  # noqa: E501
        ("kpis:\n  - {metric: cac, owners: [marketing]}\n", "kpis[0].owners"),
        ("kpis:\n  - {metric: sessions, owners: [marketing, ops]}\n", "rules.yaml:2 kpis[2].metric: sessions has no target"),  # noqa: E501
        ("rules:\n  - {id: roi-drop, when: {change_ratio: 0.1}}\n", "change_ratio: 0.1 must be < 0"),
        ("meetings:\n  - {id: growth, weekday: XX}\n", "rules.yaml:2 meetings[0].weekday: 'XX' is not one of"),
    ],
)  # fmt: skip
def test_what_the_rules_file_gets_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        own_rules(tmp_path, text)
    assert told in str(caught.value)


def test_a_daily_table_without_days_is_empty() -> None:
    assert Daily(np.array([], "datetime64[D]"), {}, {}).channels == ()
