"""The dictionary: ids that chain through ratios, overrides, refusals, and the names plans use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.errors import UserError
from campaign.settings import Service, Settings
from campaign.workspace import open_workspace
from metrics.dictionary import Dictionary, check_plan_metrics, open_dictionary, read_dictionary
from surgeplan.cli import main

SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
MINIMUM = {
    *("exposures", "clicks", "sessions", "requests", "peak_rps", "p95_ms", "error_ratio", "orders", "gmv_paid"),
    *("ad_cost", "new_users", "cac", "roi", "ltv", "ltv_cac", "retention_d1", "retention_d7", "nps"),
    *("repurchase_d30", "bot_containment", "agent_queue", "requests_per_session"),
}


def dictionary(folder: Path, text: str = "", settings: Settings = SETTINGS) -> Dictionary:
    if text:
        (folder / "metrics.yaml").write_text("schema_version: 1\nmetrics:\n" + text, "utf-8")
    return read_dictionary(folder, settings)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        dictionary(folder, text)
    return str(caught.value)


def changed(old: Dictionary, new: Dictionary) -> set[str]:
    return {name for name in new.ids if old.ids.get(name) != new.ids[name]}


def workspace(folder: Path, plan: str = "") -> Path:
    (folder / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    (folder / "campaigns").mkdir()
    (folder / "campaigns" / "d11.yaml").write_text(
        "schema_version: 1\nid: d11\nkind: flagship\nstarts_at: 2026-11-10T20:00+08:00\n"
        "ends_at: 2026-11-12T00:00+08:00\n" + plan
    )
    return folder


def test_ships_the_minimum_dictionary_in_both_languages(tmp_path: Path) -> None:
    shipped = dictionary(tmp_path)
    assert set(shipped.ids) >= MINIMUM
    assert all(d.title.zh and d.title.en and d.owners for d in shipped.definitions.values())


def test_shipped_ids_stay_what_they_are(tmp_path: Path) -> None:
    ids = dictionary(tmp_path).ids
    assert (ids["new_users"], ids["cac"], ids["retention_d1"]) == ("eaa360e55d00", "45dbf77472a2", "23a7241dc175")
    assert len(set(ids.values())) == len(ids)


def test_another_dedupe_changes_every_id_that_is_made_of_it(tmp_path: Path) -> None:
    before = dictionary(tmp_path)
    after = dictionary(tmp_path, "  new_users: {dedupe: per_day}\n")
    expected = {"new_users", "cac", "ltv", "ltv_cac", "retention_d1", "retention_d7", "repurchase_d30"}
    assert changed(before, after) == expected == {"new_users", *before.users_of("new_users")}


@pytest.mark.parametrize(
    "edit",
    ["cac: {target: 90}", "cac: {owners: [sre]}", "cac: {title: {zh: 拉新成本, en: CAC}}", "nps: {sample_min: 9}"],
)
def test_what_is_not_meaning_changes_no_id(tmp_path: Path, edit: str) -> None:
    before = dictionary(tmp_path)
    assert changed(before, dictionary(tmp_path, f"  {edit}\n")) == set()


def test_an_id_holds_the_resolved_zone_and_currency(tmp_path: Path) -> None:
    here, there = dictionary(tmp_path), dictionary(tmp_path, settings=SETTINGS.model_copy(update={"currency": "EUR"}))
    assert changed(here, there) == {"ad_cost", "gmv_paid", "cac", "roi", "ltv", "ltv_cac"}
    utc = dictionary(tmp_path, settings=SETTINGS.model_copy(update={"time_zone": "Europe/Berlin"}))
    assert changed(here, utc) == set(here.ids)


def test_blanks_in_a_condition_are_not_meaning(tmp_path: Path) -> None:
    one = dictionary(tmp_path, '  orders: {filter: "paid and amount > 0"}\n')
    two = dictionary(tmp_path, '  orders: {filter: "paid  and   amount > 0"}\n')
    assert changed(one, two) == set()


def test_a_workspace_adds_and_overrides(tmp_path: Path) -> None:
    own = dictionary(
        tmp_path,
        "  cac: {target: 75}\n"
        "  claims: {title: {zh: 领券, en: Claims}, kind: count, unit: claims, grain: hour, table: events}\n",
    )
    assert own.definitions["cac"].target == 75
    assert own.definitions["cac"].numerator == "ad_cost"
    assert own.definitions["claims"].time_zone == "Asia/Shanghai"
    assert {"cac", "claims"}.isdisjoint(own.inherited)


def test_all_problems_of_the_dictionary_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    told = refusal(
        tmp_path,
        "  cac: {numeratr: ad_cost}\n"
        "  half: {title: {zh: 半, en: Half}, kind: ratio, unit: ratio, grain: day, numerator: orders}\n"
        "  orders: {grain: fortnight}\n",
    )
    assert "metrics.yaml:3 metrics.cac.numeratr: unknown key\n  did you mean numerator?" in told
    assert "metrics.yaml:4 metrics.half.denominator: a ratio needs denominator\n  add it" in told
    assert "metrics.yaml:5 metrics.orders.grain: 'fortnight' is not one of" in told


def test_a_metric_may_not_refer_to_itself(tmp_path: Path) -> None:
    told = refusal(
        tmp_path, "  ad_cost: {kind: ratio, numerator: cac, denominator: orders, zero_denominator: missing}\n"
    )
    assert "metrics.yaml:3 metrics.ad_cost: refers to itself: ad_cost → cac → ad_cost" in told


def test_a_ratio_of_unlike_grains_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, "  ad_cost: {grain: hour}\n")
    assert "metrics.cac: numerator is per hour, denominator per day\n  give both the same grain" in told
    assert "metrics.roi: numerator is per day, denominator per hour" in told


def test_a_ratio_of_two_currencies_is_refused(tmp_path: Path) -> None:
    assert "metrics.roi: mixes CNY and USD" in refusal(tmp_path, "  ad_cost: {currency: USD}\n")


def test_a_ratio_of_unlike_days_is_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, '  ad_cost: {day_starts: "04:00"}\n')
    assert "numerator and denominator count their days differently" in told


def test_an_unknown_part_suggests_the_nearest(tmp_path: Path) -> None:
    told = refusal(tmp_path, "  cac: {denominator: new_user}\n")
    assert "metrics.yaml:3 metrics.cac.denominator: there is no metric new_user\n  did you mean new_users?" in told


def test_a_name_that_a_column_could_not_have_is_refused(tmp_path: Path) -> None:
    entry = '"gmv@x": {title: {zh: a, en: a}, kind: count, unit: a, grain: day, table: events}'
    assert "metrics.yaml:3 metrics.gmv@x: gmv@x cannot be a metric's name" in refusal(tmp_path, f"  {entry}\n")


@pytest.mark.parametrize("text", ["  - cac\n", "  cac: 80\n"])
def test_metrics_must_be_a_mapping(tmp_path: Path, text: str) -> None:
    assert "metrics.yaml:2 metrics: is not a mapping of metrics" in refusal(tmp_path, text)


def test_a_plan_with_an_unknown_metric_is_told_where(tmp_path: Path) -> None:
    opened = open_workspace(workspace(tmp_path, "metrics: [orders, session]\nexpected: {gmv_pay: 3}\n"))
    told = [str(problem) for problem in check_plan_metrics(opened, open_dictionary(opened))]
    assert told == [
        "campaigns/d11.yaml:6 metrics[1]: there is no metric session\n  did you mean sessions?",
        "campaigns/d11.yaml:7 expected.gmv_pay: there is no metric gmv_pay\n  did you mean gmv_paid?",
    ]


def test_a_plan_may_hold_on_to_one_meaning(tmp_path: Path) -> None:
    opened = open_workspace(workspace(tmp_path, "metrics: [cac@45dbf77472a2]\n"))
    assert check_plan_metrics(opened, open_dictionary(opened)) == []
    (tmp_path / "metrics.yaml").write_text("metrics: {new_users: {dedupe: per_day}}\n")
    (problem,) = check_plan_metrics(opened, open_dictionary(opened))
    assert "cac is now " in str(problem)
    assert "not 45dbf77472a2" in str(problem)


def test_metrics_show_prints_ids_and_titles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path)
    assert main(["metrics", "show", "--workspace", str(folder), "--lang", "zh"]) == 0
    out = capsys.readouterr().out
    assert "获客成本" in out
    assert "45dbf77472a2" in out
    assert main(["metrics", "show", "cac", "--workspace", str(folder), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["metrics"]["cac"]
    assert shown["id"] == "45dbf77472a2"
    assert shown["fields"]["numerator"] == "ad_cost"


def test_metrics_show_of_an_unknown_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "show", "rio", "--workspace", str(workspace(tmp_path)), "--lang", "en"]) == 2
    assert "there is no metric rio\n  did you mean roi?" in capsys.readouterr().err


def test_metrics_check_refuses_a_plan_that_uses_unknown_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = workspace(tmp_path, "expected: {order: 3}\n")
    assert main(["metrics", "check", "--workspace", str(folder)]) == 2
    assert "campaigns/d11.yaml:6 expected.order: there is no metric order" in capsys.readouterr().err
    assert main(["metrics", "check", "--workspace", str(folder), "--lang", "zh"]) == 2
    assert "没有名为 order 的指标" in capsys.readouterr().err
