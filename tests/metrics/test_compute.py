"""Values computed from event tables, against numbers worked by hand and against pandas."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign.errors import UserError
from campaign.settings import Service, Settings
from metrics.compute import Split, Value, compute, compute_all
from metrics.dictionary import Dictionary, read_dictionary
from metrics.sql import settling_hours, tables_of
from surgeplan.cli import main

SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)
ORDERS = """at,order_id,user_id,channel,amount,refunded,paid
2026-11-01T23:30+08:00,o1,a,push,100,0,true
2026-11-02T00:10+08:00,o2,b,feed,80,30,true
2026-11-02T09:00+08:00,o3,a,feed,50,0,true
2026-11-02T10:00+08:00,o4,c,feed,70,0,false
2026-11-02T11:00+08:00,o5,d,push,40,0,true
2026-11-20T00:00+08:00,o9,z,push,1,0,true
"""
ADS = """starts_at,channel,exposures,clicks,cost
2026-11-01T00:00+08:00,push,1000,10,60
2026-11-02T00:00+08:00,push,1000,10,20
2026-11-02T00:00+08:00,feed,5000,70,90
2026-11-03T00:00+08:00,feed,5000,70,90
2026-11-20T00:00+08:00,feed,0,0,0
"""
EVENTS = """at,user_id,session_id,channel
2026-11-01T23:50+08:00,a,s1,push
2026-11-02T23:00+08:00,a,s2,push
2026-11-03T01:00+08:00,b,s3,feed
2026-11-04T12:00+08:00,d,s4,push
2026-11-20T00:00+08:00,z,s9,push
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, text in (("orders", ORDERS), ("ads", ADS), ("events", EVENTS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def values(found: list[Value]) -> dict[tuple[str, ...], float | None]:
    return {(f"{v.starts_at:%m-%d}", *v.by): v.value for v in found if v.starts_at < datetime(2026, 11, 19)}


def with_own(folder: Path, text: str) -> Dictionary:
    (folder / "metrics.yaml").write_text("metrics:\n" + text)
    return read_dictionary(folder, SETTINGS)


def test_days_are_those_of_the_zone_and_unpaid_orders_do_not_count(data: Path) -> None:
    assert values(compute("orders", SHIPPED, data)) == {("11-01",): 1, ("11-02",): 3}
    assert values(compute("gmv_paid", SHIPPED, data)) == {("11-01",): 100, ("11-02",): 50 + 50 + 40}


def test_a_new_customer_counts_once_ever_where_first_seen(data: Path) -> None:
    by_channel = values(compute("new_users", SHIPPED, data, ["channel"]))
    assert by_channel == {("11-01", "push"): 1, ("11-02", "feed"): 1, ("11-02", "push"): 1}
    assert values(compute("new_users", SHIPPED, data)) == {("11-01",): 1, ("11-02",): 2}


def test_another_dedupe_is_another_number(data: Path) -> None:
    per_day = with_own(data, "  new_users: {dedupe: per_day}\n")
    assert values(compute("new_users", per_day, data)) == {("11-01",): 1, ("11-02",): 3}


def test_a_ratio_is_of_its_parts_row_by_row(data: Path) -> None:
    assert values(compute("cac", SHIPPED, data, ["channel"])) == {
        ("11-01", "push"): 60, ("11-02", "push"): 20, ("11-02", "feed"): 90, ("11-03", "feed"): None,
    }  # fmt: skip
    roi = values(compute("roi", SHIPPED, data, ["channel"]))
    assert roi["11-02", "feed"] == pytest.approx(100 / 90)
    assert roi["11-03", "feed"] == 0


def test_calendar_and_rolling_retention_differ_for_the_same_people(data: Path) -> None:
    """a bought at 23:30 and came back 23 h later: the next day, but not 24 to 48 hours later. b and d did not."""
    assert values(compute("retention_d1", SHIPPED, data))["11-01",] == 1
    rolling = with_own(data, "  retention_d1: {return_window: rolling}\n")
    assert values(compute("retention_d1", rolling, data))["11-01",] == 0
    # b, first seen on the 2nd, came on the 3rd; d on the 4th only
    assert values(compute("retention_d1", SHIPPED, data))["11-02",] == 0.5


def test_customer_value_is_what_the_cohort_paid_within_the_horizon(data: Path) -> None:
    assert values(compute("ltv", SHIPPED, data)) == {("11-01",): 150, ("11-02",): (50 + 40) / 2}
    assert values(compute("ltv_cac", SHIPPED, data))["11-01",] == pytest.approx(150 / 60)


def test_a_day_that_starts_at_four_moves_the_night(data: Path) -> None:
    night = with_own(data, '  orders: {day_starts: "04:00"}\n')
    assert values(compute("orders", night, data)) == {("11-01",): 2, ("11-02",): 2}


def test_sessions_by_a_gap(data: Path) -> None:
    visits = (
        "  visits: {title: {zh: a, en: b}, kind: count_distinct, unit: visits, grain: day, table: clicks, "
        "identity: user_id, dedupe: per_window, window_minutes: 30}\n"
    )
    rows = "".join(f"2026-11-01T10:{minute:02d}Z,a\n" for minute in (0, 20, 40)) + "2026-11-01T11:11Z,a\n"
    (data / "clicks.csv").write_text("at,user_id\n" + rows)
    assert values(compute("visits", with_own(data, visits), data)) == {("11-01",): 2}


def test_a_value_is_final_once_every_table_is_past_its_settling(data: Path) -> None:
    final = {f"{v.starts_at:%m-%d}": v.final for v in compute("gmv_paid", SHIPPED, data)}
    assert final == {"11-01": True, "11-02": True, "11-20": False}  # 168 hours
    assert not any(v.final for v in compute("ltv", SHIPPED, data))  # 180 days
    assert settling_hours("ltv_cac", SHIPPED.definitions) == 168 + 180 * 24
    assert tables_of("ltv_cac", SHIPPED.definitions) == ("ads", "orders")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("p95_ms", None, "there is no table responses\n  export it as responses.csv or responses.parquet"),
        ("orders", ("+08:00,o2", ",o2"), "1 × times without an offset"),
        ("orders", ("order_id", "number"), "metrics.orders: cannot be computed: "),
        ("orders", ("at,order", "when,order"), "table orders has no column at / starts_at"),
    ],
)
def test_what_cannot_be_computed_is_refused(data: Path, name: str, change: tuple[str, str] | None, told: str) -> None:
    if change:
        (data / "orders.csv").write_text(ORDERS.replace(*change))
    with pytest.raises(UserError) as caught:
        compute(name, SHIPPED, data)
    assert told in str(caught.value)


def test_agrees_with_pandas_on_random_events(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    count = 20_000
    at = pd.Timestamp("2026-11-01", tz="Asia/Shanghai") + pd.to_timedelta(rng.integers(0, 20 * 86400, count), unit="s")
    users = rng.integers(0, 3000, count)
    frame = pd.DataFrame({"at": at, "order_id": np.arange(count), "user_id": users, "paid": rng.random(count) < 0.8})
    frame["channel"], frame["amount"], frame["refunded"] = "push", 1.0, 0.0
    frame.assign(at=[moment.isoformat() for moment in at]).to_csv(tmp_path / "orders.csv", index=False)
    frame.assign(at=[moment.isoformat() for moment in at], session_id=0).to_csv(tmp_path / "events.csv", index=False)
    paid = frame[frame.paid].sort_values("at")
    first = paid.drop_duplicates("user_id").assign(day=lambda f: f["at"].dt.date)
    assert [v.value for v in compute("new_users", SHIPPED, tmp_path)] == first.groupby("day").size().tolist()
    seen = set(zip(frame.user_id, frame["at"].dt.date, strict=True))
    back = [(user, day + timedelta(days=1)) in seen for user, day in zip(first.user_id, first.day, strict=True)]
    expected = first.assign(back=back).groupby("day").back.mean().tolist()
    assert [v.value for v in compute("retention_d1", SHIPPED, tmp_path)] == pytest.approx(expected)


def test_parquet_with_true_instants_is_read_alike(data: Path) -> None:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE o AS SELECT * REPLACE (CAST("at" AS TIMESTAMPTZ) AS "at") FROM read_csv(?)',
            [str(data / "orders.csv")],
        )
        connection.execute(f"COPY o TO '{data / 'orders.parquet'}' (FORMAT parquet)")
    with pytest.raises(UserError) as caught:
        compute("orders", SHIPPED, data)
    assert "table orders stands as CSV and as Parquet\n  keep one of the two" in str(caught.value)
    (data / "orders.csv").unlink()
    assert values(compute("orders", SHIPPED, data)) == {("11-01",): 1, ("11-02",): 3}


def test_the_command_prints_values_and_the_query(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    command = ["metrics", "compute", "cac", "--data", str(data), "--workspace", str(data), "--lang", "en"]
    assert main([*command, "--by", "channel"]) == 0
    out = capsys.readouterr().out
    assert "cac@45dbf77472a2" in out
    assert "2026-11-02  feed" in out
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["values"]
    assert found[0] == {"starts_at": "2026-11-01T00:00:00", "by": [], "value": 60, "final": True, "small": False}
    assert main([*command, "--sql"]) == 0
    assert "FULL JOIN" in capsys.readouterr().out
    assert main(["metrics", "compute", "cacc", "--data", str(data), "--workspace", str(data)]) == 2


def test_a_negative_spend_is_refused_with_definition_file_and_row(data: Path) -> None:
    (data / "ads.csv").write_text(ADS.replace("70,90", "70,-90", 1))
    with pytest.raises(UserError) as caught:
        compute("cac", SHIPPED, data)
    assert f"{data}/ads.csv:4 metrics.ad_cost: 1 × negative spends\n  send the credit as its own row" in str(
        caught.value
    )


def test_amounts_in_another_currency_are_refused(data: Path) -> None:
    lines = [f"{line},{'USD' if ',o3,' in line else 'CNY'}" for line in ORDERS.splitlines()[1:]]
    (data / "orders.csv").write_text(ORDERS.splitlines()[0] + ",currency\n" + "\n".join(lines) + "\n")
    with pytest.raises(UserError) as caught:
        compute("roi", SHIPPED, data)
    assert f"{data}/orders.csv:4 metrics.gmv_paid: 1 × amounts in another currency than CNY" in str(caught.value)


def test_an_act_before_its_campaign_and_a_small_cohort_are_marked(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    (data / "campaigns").mkdir()
    (data / "campaigns" / "d11.yaml").write_text(
        "schema_version: 1\nid: d11\nkind: flagship\nstarts_at: 2026-11-02T10:30+08:00\n"
        "ends_at: 2026-11-12T00:00+08:00\n"
    )
    lines = [f"{line},{'d11' if 'T0' in line else ''}" for line in ORDERS.splitlines()[1:]]
    (data / "orders.csv").write_text(ORDERS.splitlines()[0] + ",campaign\n" + "\n".join(lines) + "\n")
    command = ["metrics", "compute", "retention_d1", "--data", str(data), "--workspace", str(data), "--lang", "en"]
    assert main([*command, "--json"]) == 0
    caught = capsys.readouterr()
    document = json.loads(caught.out)
    (warning,) = document["warnings"]
    assert (warning["key"], warning["line"]) == ("W_EARLY orders", 3)
    assert warning["what"] == "2 × rows of d11 from before it starts"
    assert all(value["small"] for value in document["values"])
    assert "2 × rows of d11 from before it starts" in caught.err
    assert main(command) == 0
    assert "small sample" in capsys.readouterr().out


def test_a_split_that_a_table_does_not_have_is_refused(data: Path) -> None:
    with pytest.raises(UserError) as caught:
        compute("cac", SHIPPED, data, ["chanel"])
    told = str(caught.value)
    assert f"{data}/ads.csv --by: table ads has no column chanel\n  did you mean channel?" in told
    assert f"{data}/orders.csv --by: table orders has no column chanel" in told


def test_values_group_by_channel_family(data: Path) -> None:
    split = Split(("family",), {"push": "private-domain", "feed": "paid"})
    found = compute_all(["cac"], SHIPPED, data, split).values["cac"]
    assert values(found)["11-02", "paid"] == 90
    assert values(found)["11-01", "private-domain"] == 60


def test_a_channel_seen_twice_at_one_instant_is_the_same_on_every_run(data: Path) -> None:
    (data / "orders.csv").write_text(
        ORDERS.replace("2026-11-02T09:00+08:00,o3,a,feed", "2026-11-01T23:30+08:00,o3,a,feed")
    )
    assert values(compute("new_users", SHIPPED, data, ["channel"]))["11-01", "feed"] == 1


def test_another_horizon_is_another_id(data: Path) -> None:
    year = with_own(data, "  ltv: {horizon_days: 365}\n")
    assert year.ids["ltv"] != SHIPPED.ids["ltv"]
    assert year.ids["ltv_cac"] != SHIPPED.ids["ltv_cac"]
