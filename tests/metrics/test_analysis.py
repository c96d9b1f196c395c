"""Attribution, segments, funnel and experiments, against numbers worked by hand and laws."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.errors import UserError
from campaign.settings import Service, Settings
from metrics.analysis.attribution import MODELS, attribute
from metrics.analysis.segments import SEGMENTS, segment
from metrics.analysis.touches import load_touches
from metrics.compute import Split, compute_all
from metrics.dictionary import read_dictionary
from metrics.experiments import Arm, Experiment, newcombe, read_out, wilson
from surgeplan.cli import main

SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)
ORDERS = """at,order_id,user_id,channel,amount,refunded,paid
2026-10-08T12:00Z,o1,a,x,100,0,true
2026-10-08T12:00Z,o2,b,x,60,10,true
2026-10-08T12:00Z,o3,c,x,40,0,true
2026-10-08T12:00Z,o4,d,x,40,0,true
"""
TOUCHES = """at,user_id,channel
2026-10-02T00:00Z,a,feed
2026-10-03T00:00Z,a,push
2026-10-08T11:00Z,a,search
2026-10-07T00:00Z,b,feed
2026-10-08T00:00Z,b,push
2026-09-30T00:00Z,c,feed
2026-10-08T13:00Z,c,push
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "orders.csv").write_text(ORDERS)
    (folder / "touches.csv").write_text(TOUCHES)
    (tmp_path / "surgeplan.yaml").write_text("schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    return folder


def credits(name: str, data: Path, window: float | None = None) -> dict[str, dict[str, float]]:
    made = attribute(name, SHIPPED, data, window)
    return {c.channel: dict(zip(MODELS, c.credits, strict=True)) for c in made.credits}


def test_each_model_credits_as_it_says(data: Path) -> None:
    """a met feed, push and search within the week; b feed and push; c's touches lie before the window and after."""
    found = credits("new_users", data)
    assert found["feed"] == {"first": 2, "last": 0, "linear": pytest.approx(1 / 3 + 1 / 2), "position": 0.9}
    assert found["push"] == {
        "first": 0,
        "last": 1,
        "linear": pytest.approx(1 / 3 + 1 / 2),
        "position": pytest.approx(0.7),
    }
    assert found["search"] == {"first": 0, "last": 1, "linear": pytest.approx(1 / 3), "position": pytest.approx(0.4)}
    assert found["organic"] == dict.fromkeys(MODELS, 2)


def test_money_is_credited_too_and_adds_up(data: Path) -> None:
    found = credits("gmv_paid", data)
    for model in MODELS:
        assert sum(credit[model] for credit in found.values()) == pytest.approx(230)
    assert found["search"]["last"] == 100


def test_a_wider_window_sees_earlier_touches(data: Path) -> None:
    assert credits("new_users", data, 24 * 30)["organic"]["last"] == 1


def test_a_definition_split_by_channel_has_the_channel_of_its_touch(data: Path, tmp_path: Path) -> None:
    """a's last touch in the week was search, b's push; c and d had none: `organic`, not the order's own column."""
    found = compute_all(["new_users", "orders"], SHIPPED, data, Split(("channel",)))
    assert {v.by[0]: v.value for v in found.values["new_users"]} == {"organic": 2, "push": 1, "search": 1}
    assert {v.by[0]: v.value for v in found.values["orders"]} == {"x": 4}  # its definition names no attribution
    assert found.credited == ("new_users",)
    (tmp_path / "metrics.yaml").write_text("metrics: {new_users: {attribution: {model: first, window_hours: 168}}}\n")
    first = compute_all(["new_users"], read_dictionary(tmp_path, SETTINGS), data, Split(("channel",)))
    assert {v.by[0]: v.value for v in first.values["new_users"]} == {"organic": 2, "feed": 2}
    assert compute_all(["new_users"], SHIPPED, data).credited == ()


def test_adjust_and_appsflyer_exports_are_understood(data: Path) -> None:
    (data / "touches.csv").unlink()
    (data / "adjust_raw.csv").write_text(
        "{activity_kind},{adid},{user_id},{network_name},{created_at},{click_time}\n"
        "click,ad1,a,Feed,1791158400,\ninstall,ad1,a,Feed,1791200000,1791158400\n"
        "session,ad1,a,Feed,1791200000,\ninstall,ad2,b,Organic,1791200000,\n"
    )
    (data / "appsflyer_events.csv").write_text(
        "AppsFlyer ID,Customer User ID,Event Time,Event Name,Attributed Touch Time,Media Source,"
        "Contributor 1 Touch Time,Contributor 1 Media Source\n"
        "af1,b,2026-10-08 12:00:00,af_purchase,2026-10-08 00:00:00,push_int,2026-10-07 00:00:00,kol_int\n"
        "af1,b,2026-10-08 12:05:00,af_login,2026-10-08 00:00:00,push_int,2026-10-07 00:00:00,kol_int\n"
        "af2,,2026-10-08 12:05:00,af_login,,organic,,\n"
    )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert load_touches(connection, data) == 3
        rows = connection.execute(
            "SELECT user_id, channel, CAST(at_utc AS VARCHAR) FROM touches ORDER BY ALL"
        ).fetchall()
    assert rows == [
        ("a", "Feed", "2026-10-05 00:00:00"), ("b", "kol_int", "2026-10-07 00:00:00"),
        ("b", "push_int", "2026-10-08 00:00:00"),
    ]  # fmt: skip
    assert credits("new_users", data)["kol_int"]["first"] == 1


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (None, "", "there are no touches\n  export touches.csv"),
        ("touches.csv", "at,user,channel\n", "touches.csv: has no column user_id"),
        ("adjust.csv", "a,b\n1,2\n", "adjust.csv: has no column activity_kind, adid, network_name, created_at"),
        ("appsflyer.csv", "AppsFlyer ID,b\n1,2\n", "has no column attributed touch time, media source"),
    ],
)
def test_touches_that_cannot_be_read_are_refused(data: Path, file: str | None, text: str, told: str) -> None:
    (data / "touches.csv").unlink()
    if file:
        (data / file).write_text(text)
    with pytest.raises(UserError) as caught:
        attribute("new_users", SHIPPED, data)
    assert told in str(caught.value)


def test_a_ratio_has_no_acts_to_credit(data: Path) -> None:
    with pytest.raises(UserError, match=r"a ratio has no acts to give credit for\n  attribute its numerator instead"):
        attribute("cac", SHIPPED, data)


# --- segments ------------------------------------------------------------------------------------------------------


def customers(folder: Path) -> Path:
    """Thirty who buy weekly, thirty who bought twice long ago, thirty who came yesterday."""
    lines = ["at,order_id,user_id,channel,amount,refunded,paid"]
    for n in range(30):
        lines += [
            f"2026-{7 + w // 4:02d}-{1 + 7 * (w % 4):02d}T00:00Z,w{n}.{w},weekly{n},x,100,0,true" for w in range(16)
        ]
        lines += [f"2026-07-0{d}T00:00Z,g{n}.{d},gone{n},x,20,0,true" for d in (1, 2)]
        lines.append(f"2026-10-29T00:00Z,n{n},new{n},x,50,0,true")
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_segments_tell_the_loyal_from_the_gone_and_the_new(tmp_path: Path) -> None:
    made = segment(SHIPPED, customers(tmp_path), 30)
    assert set(made.members["new"]) == {f"new{n}" for n in range(30)}
    weekly = {name for name, people in made.members.items() if any(p.startswith("weekly") for p in people)}
    gone = {name for name, people in made.members.items() if any(p.startswith("gone") for p in people)}
    assert weekly.isdisjoint(gone)
    assert sum(s.customers for s in made.segments) == 90


def test_a_segments_value_ahead_is_what_such_customers_paid(tmp_path: Path) -> None:
    """As of 30 days before the end, the weekly ones had four orders of 100 ahead of them, the gone none."""
    made = segment(SHIPPED, customers(tmp_path), 30)
    worth = {s.name: s.ahead for s in made.segments if s.ahead}
    assert max(high for _, _, high in worth.values()) == pytest.approx(400)
    assert min(mean for _, mean, _ in worth.values()) == 0


def test_every_customer_is_in_one_segment(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    lines = ["at,order_id,user_id,channel,amount,refunded,paid"]
    lines += [
        f"2026-{rng.integers(7, 11):02d}-{rng.integers(1, 28):02d}T00:00Z,o{i},u{rng.integers(300)},x,"
        f"{rng.integers(1, 99)},0,true"
        for i in range(1000)
    ]
    (tmp_path / "orders.csv").write_text("\n".join(lines) + "\n")
    made = segment(SHIPPED, tmp_path, 30)
    people = [who for name in SEGMENTS for who in made.members[name]]
    assert len(people) == len(set(people)) == len({line.split(",")[2] for line in lines[1:]})


def test_an_audience_is_written_for_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path) -> None:
    customers(data)
    base = ["--workspace", str(tmp_path), "--lang", "en"]
    assert main(["metrics", "segments", "--audience", "new", *base]) == 0
    assert "drivers: {audience: 30}" in capsys.readouterr().out
    assert len((tmp_path / "out" / "segments" / "new.csv").read_text().splitlines()) == 31
    assert main(["metrics", "segments", "--audience", "champion", *base]) == 2
    assert "there is no segment champion\n  did you mean champions?" in capsys.readouterr().err


# --- experiments ---------------------------------------------------------------------------------------------------


def test_intervals_are_the_published_ones() -> None:
    """Newcombe 1998: 56/70 less 48/80 by method 10 is 0.0524 to 0.3339; Wilson of 81/263 is 0.2553 to 0.3662."""
    assert newcombe(56, 70, 48, 80, 1.959964) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert wilson(81, 263, 1.959964) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def experiment(a: tuple[int, int], b: tuple[int, int], planned: int = 1000) -> Experiment:
    arms = {n: Arm(share=0.5, users=users, successes=hits) for n, (users, hits) in (("a", a), ("b", b))}
    return Experiment.model_validate(
        {"id": "x", "title": {"zh": "x", "en": "x"}, "metric": "orders", "users_planned": planned, "control": "a",
         "variants": {n: arm.model_dump() for n, arm in arms.items()}}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "verdict", "winner"),
    [
        ((2000, 160), (2000, 260), "winner", "b"),
        ((2000, 260), (2000, 160), "winner", "a"),
        ((2000, 160), (2000, 165), "no-difference", None),
        ((900, 60), (900, 160), "too-early", None),
        ((2000, 160), (2400, 360), "broken-split", None),
        ((0, 0), (0, 0), "too-early", None),
    ],
)
def test_a_winner_only_on_a_whole_sample_and_a_sound_split(
    a: tuple[int, int], b: tuple[int, int], verdict: str, winner: str | None
) -> None:
    out = read_out(experiment(a, b))
    assert (out.verdict, out.winner) == (verdict, winner)


@settings(max_examples=60)
@given(st.integers(1000, 5000), st.floats(0.02, 0.5), st.integers(0, 2**31))
def test_without_an_effect_winners_are_rare(users: int, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wins = [
        read_out(experiment((users, int(rng.binomial(users, rate))), (users, int(rng.binomial(users, rate))))).winner
        for _ in range(20)
    ]
    assert sum(w is not None for w in wins) <= 7


def test_means_are_compared_too() -> None:
    arms = {"a": {"share": 1, "users": 400, "mean": 10.0, "deviation": 4.0},
            "b": {"share": 1, "users": 400, "mean": 11.0, "deviation": 4.0}}  # fmt: skip
    base = {"id": "x", "title": {"zh": "x", "en": "x"}, "metric": "gmv_paid", "users_planned": 300, "control": "a"}
    (found,) = read_out(Experiment.model_validate(base | {"variants": arms})).differences
    half = 1.959964 * (16 / 400 * 2) ** 0.5
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("successes: 130", "successes: 1300"), "1300 successes of 1000 users"),
        (("successes: 130", "mean: 3"), "has to say successes, or mean and deviation"),
        (("control: a", "control: c"), "control is not one of two or more variants"),
        (("successes: 130", "mean: 1, deviation: 1"), "variants are measured in two ways"),
    ],
)
def test_an_experiment_that_cannot_be_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], told: str
) -> None:
    text = (
        "schema_version: 1\nid: copy\ntitle: {zh: 文案, en: Copy}\nmetric: orders\nusers_planned: 100\ncontrol: a\n"
        "variants:\n  a: {share: 1, users: 1000, successes: 80}\n  b: {share: 1, users: 1000, successes: 130}\n"
    )
    (tmp_path / "x.yaml").write_text(text.replace(*change), "utf-8")
    assert main(["metrics", "experiment", str(tmp_path / "x.yaml"), "--workspace", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("users", "code"), [(100, 0), (5000, 4)])
def test_the_exit_code_says_whether_it_may_be_read(tmp_path: Path, users: int, code: int) -> None:
    (tmp_path / "x.yaml").write_text(
        "schema_version: 1\nid: copy\ntitle: {zh: 文案, en: Copy}\nmetric: orders\ncontrol: a\n"
        f"users_planned: {users}\n"
        "variants:\n  a: {share: 1, users: 1000, successes: 80}\n  b: {share: 1, users: 1000, successes: 130}\n"
    )
    assert main(["metrics", "experiment", str(tmp_path / "x.yaml"), "--workspace", str(tmp_path)]) == code


# --- the funnel ----------------------------------------------------------------------------------------------------


def test_the_minimum_dictionary_is_one_funnel_per_channel(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "touches.csv").unlink()
    (data / "ads.csv").write_text(
        "starts_at,channel,exposures,clicks,cost\n2026-10-08T00:00+08:00,x,1000,100,80\n2026-10-08T00:00+08:00,y,500,10,5\n"
    )
    (data / "events.csv").write_text(
        "at,user_id,session_id,channel\n2026-10-08T10:00Z,a,s1,x\n2026-10-08T11:00Z,b,s2,x\n2026-10-09T11:00Z,a,s3,x\n"
    )
    assert main(["metrics", "funnel", "--workspace", str(tmp_path), "--json"]) == 0
    streams = {s["name"]: s for s in json.loads(capsys.readouterr().out)["streams"]}
    x = streams["x"]
    assert (x["exposures"], x["clicks"], x["sessions"], x["orders"]) == (1000, 100, 3, 4)
    assert x["cac"] == pytest.approx(80 / 4)
    assert x["retention_d1"] == 0.25
    assert streams[None]["roi"] == pytest.approx(230 / 85)
    (tmp_path / "metrics.yaml").write_text("families: {x: paid, y: paid}\nmetrics: {}\n")
    assert main(["metrics", "funnel", "--families", "--workspace", str(tmp_path), "--json"]) == 0
    streams = {s["name"]: s for s in json.loads(capsys.readouterr().out)["streams"]}
    assert streams["paid"]["exposures"] == 1500
