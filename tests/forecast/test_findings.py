"""Outages, gaps, load tests, bots and surges: found where they are, and nowhere else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.plan import Plan
from campaign.settings import HistorySettings, HistoryWindow
from campaign.workspace import open_workspace
from forecast.history import open_history
from forecast.history.buckets import Series, averaged, bucket_lengths
from forecast.history.findings import Finding, Known, find_all
from surgeplan.cli import main
from surgeplan.examples.double11.publish import make_double11

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 5, tzinfo=UTC)
FIRST = int(START.timestamp())
DAYS = 28


def shop(seed: int = 0, rate: float = 50.0, seconds: int = 60) -> Series:
    """Four weeks with a daily and weekly rhythm and counting noise."""
    starts = FIRST + np.arange(0, DAYS * 86400, seconds)
    hours = (starts - FIRST) / 3600 + 8
    means = rate * (1 + 0.7 * np.sin((hours - 9) / 24 * 2 * np.pi)) * np.where((hours // 24) % 7 >= 5, 1.2, 1.0)
    counts = np.random.default_rng(seed).poisson(means * seconds)
    return Series(starts, np.full(len(starts), seconds), counts / seconds)


def scaled(series: Series, day: float, minutes: float, factor: float) -> Series:
    first = FIRST + day * 86400
    inside = (series.starts >= first) & (series.starts < first + minutes * 60)
    return Series(series.starts, series.lengths, np.where(inside, series.rates * factor, series.rates))


def found(series: dict[str, Series], known: Known | None = None) -> list[tuple[str, str, float, float]]:
    """Kind, service, start in days, length in minutes."""
    return [
        (f.kind, f.service, round((f.starts_at_utc - START) / timedelta(days=1), 3), round(f.hours * 60))
        for f in find_all(series, known or Known(ZONE))
    ]


def plan(day: float, hours: float) -> Plan:
    start = START + timedelta(days=day)
    return Plan(id="sale", kind="flash-sale", starts_at=start, ends_at=start + timedelta(hours=hours))


@pytest.mark.parametrize("seconds", [60, 300, 900, 3600])
@pytest.mark.parametrize("rate", [0.2, 5.0, 500.0])
def test_an_ordinary_month_has_no_findings(seconds: int, rate: float) -> None:
    assert found({"shop": shop(1, rate, seconds)}) == []


@pytest.mark.parametrize(("minutes", "factor"), [(6, 0.0), (20, 0.2), (90, 0.35), (400, 0.0)])
def test_an_outage_is_found_to_the_minute(minutes: int, factor: float) -> None:
    assert found({"shop": scaled(shop(), 9.5, minutes, factor)}) == [("outage", "shop", 9.5, minutes)]


def test_an_outage_in_hours_is_found() -> None:
    assert found({"shop": scaled(shop(seconds=3600), 9.5, 180, 0.1)}) == [("outage", "shop", 9.5, 180)]


def test_a_brownout_above_the_usual_is_found_through_the_service_that_fell_below_it() -> None:
    campaign = {name: scaled(shop(i), 12, 120, 5.0) for i, name in enumerate(("front", "orders"))}
    broken = {"front": scaled(campaign["front"], 12.02, 30, 0.3), "orders": scaled(campaign["orders"], 12.02, 30, 0.02)}
    known = Known(ZONE, plans=(plan(12, 2),))
    assert {(kind, service) for kind, service, _, _ in found(broken, known)} == {
        ("outage", "front"),
        ("outage", "orders"),
    }


def test_a_holiday_that_empties_the_shop_slowly_is_no_outage() -> None:
    series = shop()
    centre = FIRST + 15.5 * 86400
    dip = 1 - 0.75 * np.exp(-(((series.starts - centre) / (10 * 3600)) ** 2))
    assert found({"shop": Series(series.starts, series.lengths, series.rates * dip)}) == []


def test_nearly_nothing_for_days_until_history_ends_is_an_outage_and_half_as_much_is_a_level() -> None:
    until_it_ends = DAYS - 3, 3 * 1440
    assert found({"shop": scaled(shop(), *until_it_ends, 0.0)}) == [("outage", "shop", DAYS - 3.0, 3 * 1440)]
    assert found({"shop": scaled(shop(), *until_it_ends, 0.45)}) == []


def test_a_campaign_that_ends_is_no_outage() -> None:
    series = scaled(scaled(shop(), 12, 60, 6.0), 12.1, 60, 6.0)
    assert found({"shop": series}, Known(ZONE, plans=(plan(12, 6),))) == []


def test_missing_minutes_are_a_gap_and_not_an_outage() -> None:
    series = shop()
    keep = (series.starts < FIRST + 5 * 86400) | (series.starts >= FIRST + 5 * 86400 + 7200)
    assert found({"shop": series.part(keep)}) == [("gap", "shop", 5.0, 120)]


def test_a_surge_is_named_only_where_no_plan_explains_it() -> None:
    series = {"shop": scaled(shop(), 10, 180, 2.5)}
    assert found(series) == [("surge", "shop", 10.0, 180)]
    assert found(series, Known(ZONE, plans=(plan(10, 3),))) == []


def test_one_service_alone_that_jumps_up_and_down_is_a_bot() -> None:
    series = {"shop": shop(), "search": scaled(shop(3), 10, 180, 3.0)}
    assert found(series) == [("bot", "search", 10.0, 180)]
    together = {name: scaled(s, 10, 180, 3.0) for name, s in (("shop", shop()), ("search", shop(3)))}
    assert {kind for kind, *_ in found(together)} == {"surge"}


def test_people_know_better_than_the_search() -> None:
    series = {"shop": scaled(shop(), 9.5, 60, 0.1)}
    window = HistoryWindow(starts_at=START + timedelta(days=9.4), ends_at=START + timedelta(days=9.6))
    ordinary = Known(ZONE, HistorySettings(ordinary=(window,)))
    assert found(series, ordinary) == []
    test = Known(ZONE, HistorySettings(test_windows=(window,)))
    assert found(series, test) == [("test-window", "shop", 9.4, 288)]


def test_load_tests_from_the_marker_column_and_from_run_records(tmp_path: Path) -> None:
    rows = "".join(
        f"2026-01-05T{h:02d}:{m:02d}Z,shop,60,{'yes' if h == 3 else ''}\n" for h in range(10) for m in range(60)
    )
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "traffic.csv").write_text("starts_at,service,requests,load_test\n" + rows)
    (tmp_path / "surgeplan.yaml").write_text("time_zone: Asia/Shanghai\nservices: [{name: shop}]\n")
    run = {
        "host": "https://shop.example",
        "started_at_utc": "2026-01-05T05:00:00Z",
        "ended_at_utc": "2026-01-05T06:30Z",
    }
    for name, record in (("real", run), ("practice", run | {"host": "http://127.0.0.1:8080"})):
        folder = tmp_path / "out" / name / "loadtest"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps(record))
    history = open_history(open_workspace(tmp_path))
    spans = [(f.kind, f.starts_at_utc.hour, f.hours, f.source) for f in history.findings]
    assert spans == [("test-window", 3, 1.0, "marked"), ("test-window", 5, 1.5, "marked")]
    assert history.masked["shop"].tolist() == [False, False, False, True, False, True, True, False, False, False]


def test_the_example_shop_has_one_outage_and_one_gap(tmp_path: Path) -> None:
    make_double11(tmp_path / "shop")
    history = open_history(open_workspace(tmp_path / "shop"))
    spans = {(f.kind, f"{f.starts_at_utc.astimezone(ZONE):%m-%d %H:%M}", round(f.hours * 60)) for f in history.findings}
    assert spans == {("outage", "05-31 20:03", 38), ("gap", "02-25 03:00", 1800)}
    assert len(history.findings) == 8


def data(name: str) -> Path:
    folder = Path(os.environ.get("SURGEPLAN_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / name
    if not folder.is_dir():
        pytest.skip("real data is not here")
    return folder


def real(path: Path, time: str, value: str, zone: str) -> Series:
    table = pd.read_csv(path).dropna()
    times = pd.to_datetime(table[time]).dt.tz_localize(zone).dt.tz_convert("UTC").dt.tz_localize(None)
    starts = times.to_numpy().astype("datetime64[s]").astype(np.int64)
    lengths = bucket_lengths(starts)
    return Series(starts, lengths, table[value].to_numpy(dtype=float) / lengths)


@pytest.mark.parametrize("file", ["requests_per_minute.csv.gz", "requests_per_hour.csv.gz"])
def test_no_match_of_the_world_cup_is_an_outage(file: str) -> None:
    series = real(data("wc98_web_minute") / file, "ts_utc", "requests", "UTC")
    kick_offs = pd.read_csv(data("wc98_web_minute") / "matches_calendar.csv")["kickoff_utc"]
    outages = [f for f in find_all({"site": series}, Known(ZoneInfo("UTC"))) if f.kind == "outage"]
    since = pd.Timestamp(min(kick_offs)).tz_localize("UTC")
    assert [f for f in outages if f.ends_at_utc > since] == []


def test_dead_minutes_of_the_space_centre_are_outages() -> None:
    file = data("nasa_http_minute") / "requests_per_minute.csv.gz"
    findings = find_all({"site": real(file, "ts_local_edt", "requests", "Etc/GMT+4")}, Known(ZoneInfo("Etc/GMT+4")))
    outages = [f for f in findings if f.kind == "outage"]
    assert len(outages) < 40
    assert all((f.ratio_to_usual or 0) < 0.5 for f in outages)
    assert any(covers(f, datetime(1995, 7, 13, 23, 50, tzinfo=UTC)) for f in outages)


def covers(finding: Finding, moment: datetime) -> bool:
    return finding.starts_at_utc <= moment < finding.ends_at_utc


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([60, 300, 600, 1800, 3600]), min_size=1, max_size=3, unique=True),
    st.integers(0, 2**32 - 1),
)
def test_lengths_are_read_off_in_spite_of_gaps(lengths: list[int], seed: int) -> None:
    """Stretches of two days, from which single buckets are missing, one in eight at most."""
    rng = np.random.default_rng(seed)
    starts, expected = [], []
    for day, length in enumerate(lengths):
        stretch = 2 * 86400 * day + np.arange(0, 2 * 86400, length)
        keep = np.ones(len(stretch), dtype=bool)
        keep[5:-5:8] = rng.random(len(keep[5:-5:8])) > 0.5
        starts.append(stretch[keep])
        expected.append(np.full(int(keep.sum()), length))
    assert bucket_lengths(np.concatenate(starts)).tolist() == np.concatenate(expected).tolist()


@given(st.sampled_from([60, 300, 900, 1800, 3600]), st.integers(10, 300), st.integers(0, 59))
def test_averaging_loses_no_requests(length: int, count: int, offset: int) -> None:
    starts = offset * 60 + length * np.arange(count)
    series = Series(starts, np.full(count, length), np.arange(count, dtype=float))
    hours = averaged(series, 3600, least_covered_ratio=0.0)
    known = np.minimum(hours.ends, series.ends[-1]) - np.maximum(hours.starts, series.starts[0])
    assert (hours.rates * known).sum() == pytest.approx((series.rates * length).sum())


def shop_with_everything(folder: Path) -> Path:
    """A month of two services with a bot of its own, a run against a real host, and what people say of other times."""
    (folder / "history").mkdir()
    times = pd.date_range("2026-06-01", periods=30 * 24 * 12, freq="5min", tz="UTC")
    rows = ["starts_at,service,requests"]
    for at in times:
        usual = int(300 * (200 + 100 * np.sin(at.hour / 24 * 2 * np.pi)))
        bot = 6 if pd.Timestamp("2026-06-20T02:00Z") <= at < pd.Timestamp("2026-06-20T05:00Z") else 1
        rows += [f"{at:%Y-%m-%dT%H:%MZ},shop,{usual * bot}", f"{at:%Y-%m-%dT%H:%MZ},pay,{usual // 4}"]
    (folder / "history" / "traffic.csv").write_text("\n".join(rows) + "\n")
    (folder / "surgeplan.yaml").write_text(
        "time_zone: Asia/Shanghai\nservices: [{name: shop}, {name: pay}]\nhistory:\n"
        "  outages: [{starts_at: 2026-06-10T20:03+08:00, ends_at: 2026-06-10T20:41+08:00}]\n"
        "  bots: [{service: pay, starts_at: 2026-06-12T01:00+08:00, ends_at: 2026-06-12T02:00+08:00}]\n"
    )
    results = folder / "out" / "618" / "loadtest" / "results.json"
    results.parent.mkdir(parents=True)
    run = {"started_at_utc": "2026-06-15T02:00:00Z", "ended_at_utc": "2026-06-15T03:00:00Z"}
    results.write_text(json.dumps({"host": "https://staging.example.com", "practice": False, **run}))
    return folder


def test_history_show_lists_bots_runs_and_what_people_say_and_heeds_overrides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop_with_everything(tmp_path)
    arguments = ["history", "show", "--workspace", str(folder), "--lang", "en"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "probable bot  2026-06-20 10:00 – 06-20 13:00  shop  6 × usual\n" in out
    assert "load test  2026-06-15 10:00 – 06-15 11:00  shop, pay  (marked)\n" in out
    assert "probable bot  2026-06-12 01:00 – 06-12 02:00  pay  (as declared)\n" in out
    assert "probable outage  2026-06-10 20:03 – 06-10 20:41  shop, pay  (as declared)\n" in out
    assert (folder / "out" / "history.png").read_bytes().startswith(b"\x89PNG")
    ordinary = "  ordinary: [{service: shop, starts_at: 2026-06-20T10:00+08:00, ends_at: 2026-06-20T13:00+08:00}]\n"
    with open(folder / "surgeplan.yaml", "a") as file:
        file.write(ordinary)
    assert main(arguments) == 0
    assert "2026-06-20 10:00" not in capsys.readouterr().out
