"""History files as companies have them: what is read, what is refused, and in which words."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from campaign.errors import UserError
from campaign.language import use_language
from campaign.workspace import open_workspace
from forecast.history import check_history, open_history, read_contacts, read_orders

SETTINGS = "schema_version: 1\ntime_zone: Asia/Shanghai\nservices:\n  - name: storefront\n  - name: checkout\n"

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A workspace folder with these history files (text or bytes) and settings."""

    def write(settings: str = SETTINGS, **files: str | bytes) -> Path:
        (tmp_path / "history").mkdir(exist_ok=True)
        (tmp_path / "surgeplan.yaml").write_text(settings, "utf-8")
        for name, content in files.items():
            path = tmp_path / "history" / name.replace("__", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write


def minutes(count: int, service: str = "storefront", start: str = "2026-01-01T00:00", requests: int = 60) -> str:
    times = pd.date_range(start, periods=count, freq="min")
    return "".join(f"{t:%Y-%m-%dT%H:%M}+08:00,{service},{requests}\n" for t in times)


HEADER = "starts_at,service,requests\n"


def problems(folder: Path) -> str:
    use_language("en")
    with pytest.raises(UserError) as refused:
        check_history(open_workspace(folder))
    return str(refused.value)


def notes(folder: Path) -> str:
    use_language("en")
    return "\n".join(map(str, open_history(open_workspace(folder)).notes))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_requests_become_rates_by_their_own_bucket(make: Make) -> None:
    history = open_history(open_workspace(make(traffic__csv=HEADER + minutes(120, requests=90))))
    found = history.buckets("storefront", at("2026-01-01T00:30+08:00"), at("2026-01-01T00:32+08:00"))
    assert found["seconds"].tolist() == [60, 60]
    assert found["requests_per_second"].tolist() == [1.5, 1.5]
    assert found["starts_at_utc"].iloc[0] == pd.Timestamp("2025-12-31T16:30")
    assert history.services == ("storefront",)


def test_minutes_for_weeks_and_hours_for_years(make: Make) -> None:
    hours = "".join(f"2026-01-{d:02d}T{h:02d}:00+08:00,storefront,7200\n" for d in range(1, 11) for h in range(24))
    workspace = open_workspace(make(traffic__csv=HEADER + hours + minutes(1440, start="2026-01-11", requests=120)))
    history = open_history(workspace)
    assert history.finest_seconds("storefront", at("2026-01-02T00:00Z"), at("2026-01-03T00:00Z")) == 3600
    assert history.finest_seconds("storefront", at("2026-01-11T08:00Z"), at("2026-01-11T09:00Z")) == 60
    assert history.finest_seconds("storefront", at("2027-01-01T00:00Z"), at("2027-01-02T00:00Z")) is None
    assert np.allclose(history.hourly()["storefront"], 2.0)
    assert len(history.hourly()) == 11 * 24


def test_a_hole_stays_a_hole(make: Make) -> None:
    rows = minutes(60) + minutes(60, start="2026-01-01T04:00")
    folder = make(traffic__csv=HEADER + rows)
    history = open_history(open_workspace(folder))
    assert history.hourly()["storefront"].isna().tolist() == [False, True, True, True, False]
    assert [f.kind for f in history.findings] == ["gap"]
    assert notes(folder) == (
        "checkout has no history: it is left out\n"
        "storefront: 3.0 h are missing in 1 places: taken as unknown, not as zero"
    )


def test_nothing_is_known_before_its_bucket_has_ended(make: Make) -> None:
    workspace = open_workspace(make(traffic__csv=HEADER + minutes(60)))
    history = open_history(workspace, before=at("2026-01-01T00:30:30+08:00"))
    assert len(history.series["storefront"]) == 30


def test_byte_order_mark_gb18030_and_gzip_are_read_and_said(make: Make) -> None:
    text = "starts_at,service,requests,备注\n" + "".join(
        f"2026-01-01T00:{m:02d}+08:00,checkout,60,平时\n" for m in range(60)
    )
    folder = make(
        traffic__csv=("\ufeff" + HEADER + minutes(60)).encode(),
        traffic_2__csv=text.encode("gb18030"),
        traffic_3__csv__gz=gzip.compress((HEADER + minutes(60, start="2026-01-01T01:00")).encode()),
    )
    history = open_history(open_workspace(folder))
    assert history.hourly().notna().sum().to_dict() == {"storefront": 2, "checkout": 1}
    assert notes(folder).splitlines() == [
        "history/traffic.csv was read as UTF-8 + BOM",
        "history/traffic_2.csv was read as GB18030",
        "history/traffic_2.csv: not used: 备注",
    ]


def test_parquet_with_a_zone_is_read(make: Make) -> None:
    folder = make()
    duckdb.execute(
        "COPY (SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) MINUTE AS starts_at, 'storefront' AS service,"
        f" 60 AS requests FROM range(120) t(i)) TO '{folder}/history/traffic.parquet' (FORMAT parquet)"
    )
    history = open_history(open_workspace(folder))
    assert history.hourly()["storefront"].tolist() == [1.0, 1.0]


def parquet(folder: Path, times: str, requests: str = "60") -> Path:
    duckdb.execute(
        f"COPY (SELECT {times} AS starts_at, 'storefront' AS service, {requests} AS requests FROM range(120) t(i))"
        f" TO '{folder}/history/traffic.parquet' (FORMAT parquet)"
    )
    return folder


IN_PARQUET = {
    "negative": (
        "TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) MINUTE",
        "CASE i WHEN 7 THEN -1 ELSE 60 END",
        "history/traffic.parquet requests[7]: -1 is negative\n  delete the row: what is not known is left out",
    ),
    "duplicate": (
        "TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (CASE i WHEN 9 THEN 8 ELSE i END) MINUTE",
        "60",
        "history/traffic.parquet starts_at[9]: storefront has a row for this time already\n  keep one of the rows",
    ),
    "naive": (
        "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL (i) MINUTE",
        "60",
        "history/traffic.parquet starts_at[0]: 2026-01-01 00:00:00 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.parquet starts_at[1]: 2026-01-01 00:01:00 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.parquet starts_at[2]: 2026-01-01 00:02:00 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.parquet starts_at: 120 rows in all are wrong in this way",
    ),
}


@pytest.mark.parametrize("name", IN_PARQUET)
def test_bad_rows_of_parquet_are_named_by_their_number(make: Make, name: str) -> None:
    times, requests, words = IN_PARQUET[name]
    assert problems(parquet(make(), times, requests)) == words


def test_naive_parquet_is_read_in_the_workspaces_zone_when_so_set(make: Make) -> None:
    folder = make(SETTINGS + "history: {naive_times: workspace-zone}\n")
    history = open_history(open_workspace(parquet(folder, "TIMESTAMP '2026-01-01 08:00:00' + INTERVAL (i) MINUTE")))
    assert history.hourly()["storefront"].to_dict() == {
        pd.Timestamp("2026-01-01T00:00"): 1.0,
        pd.Timestamp("2026-01-01T01:00"): 1.0,
    }


def test_endpoints_are_summed(make: Make) -> None:
    rows = "".join(
        f"2026-01-01T00:{m:02d}Z,storefront,{e},{r}\n" for m in range(60) for e, r in (("GET /", 30), ("GET /p", 90))
    )
    history = open_history(open_workspace(make(traffic__csv="starts_at,service,endpoint,requests\n" + rows)))
    assert history.hourly()["storefront"].tolist() == [2.0]


def test_a_renamed_service_keeps_its_past_and_a_split_one_its_share(make: Make) -> None:
    settings = SETTINGS.replace(
        "  - name: checkout\n",
        "    was: [{name: shop-web, until: 2026-01-01T01:00+08:00, share_ratio: 0.75}]\n"
        "  - name: checkout\n    follows: {service: storefront, requests_per_request: 0.5}\n",
    )
    rows = minutes(120, "shop-web", requests=240) + minutes(60, start="2026-01-01T01:00", requests=60)
    folder = make(settings, traffic__csv=HEADER + rows)
    history = open_history(open_workspace(folder))
    assert history.hourly()["storefront"].tolist() == [3.0, 1.0]
    assert history.hourly()["checkout"].tolist() == [1.5, 0.5]
    assert notes(folder) == (
        "storefront before 2026-01-01T01:00:00+08:00 is 0.75 × shop-web\n"
        "checkout has no history of its own: 0.5 × storefront"
    )


def test_two_old_names_add_up(make: Make) -> None:
    settings = SETTINGS.replace(
        "  - name: checkout\n",
        "    was: [{name: web, until: 2026-01-01T02:00+08:00}, {name: app, until: 2026-01-01T02:00+08:00}]\n",
    )
    hourly = "".join(f"2026-01-01T{h:02d}:00+08:00,app,3600\n" for h in range(3))
    folder = make(settings, traffic__csv=HEADER + minutes(120, "web"), traffic_app__csv=HEADER + hourly)
    history = open_history(open_workspace(folder))
    assert history.hourly()["storefront"].tolist() == [2.0, 2.0]


BAD = {
    "negative": (
        HEADER + minutes(60) + "2026-01-01T01:00+08:00,storefront,-3\n",
        "history/traffic.csv:62 requests: -3 is negative\n  delete the row: what is not known is left out",
    ),
    "not a number": (
        HEADER + minutes(60) + '2026-01-01T01:00+08:00,storefront,"1,234"\n',
        "history/traffic.csv:62 requests: 1,234 is not a number\n"
        "  write it as 1234.5, or leave it empty where not known",
    ),
    "naive times, and how many": (
        HEADER + "".join(f"2026-01-01 00:{m:02d},storefront,1\n" for m in range(60)),
        "history/traffic.csv:2 starts_at: 2026-01-01 00:00 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.csv:3 starts_at: 2026-01-01 00:01 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.csv:4 starts_at: 2026-01-01 00:02 has no offset\n"
        "  add the offset, or set history: {naive_times: workspace-zone} in surgeplan.yaml\n"
        "history/traffic.csv starts_at: 60 rows in all are wrong in this way",
    ),
    "duplicate": (
        HEADER + minutes(60) + "\n2026-01-01T00:59+08:00,storefront,60\n",
        "history/traffic.csv:63 starts_at: storefront has a row for this time already\n  keep one of the rows",
    ),
    "no time": (
        HEADER + minutes(60) + "yesterday,storefront,60\n",
        "history/traffic.csv:62 starts_at: yesterday is not a time\n  write it as 2026-11-10T20:00+08:00",
    ),
    "wrong header": (
        "starts_at,servce,request\n" + minutes(60),
        "history/traffic.csv:1: has no column service\n  rename the column servce to service\n"
        "history/traffic.csv:1: has no column requests\n  rename the column request to requests",
    ),
    "counts and rates": (
        "starts_at,service,requests,requests_per_second\n",
        "history/traffic.csv:1: has both requests and requests_per_second\n  keep one of the two columns",
    ),
    "misspelt endpoint": (
        "starts_at,service,endpont,requests\n",
        "history/traffic.csv:1: there is no column endpont\n  did you mean endpoint?",
    ),
    "unknown service": (
        HEADER + minutes(60) + minutes(2, "storefrnt"),
        "history/traffic.csv:62 service: there is no service storefrnt in surgeplan.yaml (2 rows)\n"
        "  did you mean storefront?",
    ),
    "empty file": ("", "history/traffic.csv: is empty\n  export it again; the first line names the columns"),
    "header only": (HEADER, "history/traffic.csv: has a header but no rows\n  export it again, with data"),
    "no service": (
        HEADER + minutes(60) + "2026-01-01T01:00+08:00,,60\n",
        "history/traffic.csv:62 service: is empty\n  fill it in or delete the row",
    ),
    "line cut short": (
        HEADER + minutes(60) + "2026-01-01T01:0",
        "history/traffic.csv:62: this line does not have the 3 columns of the header\n"
        "  complete the line, or put quotes around cells with commas",
    ),
    "days, not hours": (
        HEADER + "".join(f"2026-01-{d:02d}T00:00+08:00,storefront,60\n" for d in range(1, 20)),
        "history/traffic.csv:2 starts_at: storefront has rows 24 h apart\n"
        "  buckets of 1 minute to 1 hour that divide an hour are needed\n"
        "history/traffic.csv: 19 rows in all are wrong in this way",
    ),
    "one row": (
        HEADER + "2026-01-01T00:00+08:00,storefront,60\n",
        "history/traffic.csv:2 starts_at: storefront has a single row, which does not tell how long its bucket is\n"
        "  export a longer stretch",
    ),
    "a year mistyped": (
        HEADER + minutes(60) + "2062-01-01T01:00+08:00,storefront,60\n",
        "history/traffic.csv:62 starts_at: storefront has nothing for 35 years between 2025-12-31T16:59:00+00:00 and "
        "2061-12-31T17:00:00+00:00\n  correct the year, or delete the rows",
    ),
    "two lengths in one file": (
        HEADER + minutes(360) + "".join(f"2026-01-01T{h:02d}:00+08:00,storefront,3600\n" for h in range(6)),
        "history/traffic.csv:362 starts_at: storefront has buckets of 1 h and of 1 min over one instant\n"
        "  keep one bucket length for any instant\n"
        "history/traffic.csv:363 starts_at: storefront has buckets of 1 h and of 1 min over one instant\n"
        "  keep one bucket length for any instant\n"
        "history/traffic.csv:364 starts_at: storefront has buckets of 1 h and of 1 min over one instant\n"
        "  keep one bucket length for any instant\n"
        "history/traffic.csv starts_at: 6 rows in all are wrong in this way",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_named(make: Make, name: str) -> None:
    content, words = BAD[name]
    assert problems(make(traffic__csv=content)) == words


def test_two_lengths_in_two_files_are_refused(make: Make) -> None:
    hourly = "".join(f"2026-01-01T{h:02d}:00+08:00,storefront,3600\n" for h in range(6))
    folder = make(traffic__csv=HEADER + minutes(360, start="2026-01-01T03:00"), traffic_old__csv=HEADER + hourly)
    assert problems(folder) == (
        "history/traffic.csv starts_at: storefront has buckets of 1 min where history/traffic_old.csv has buckets of "
        "1 h, the first at 2026-01-01T03:00:00+08:00\n  keep one bucket length and one file for any instant"
    )


def test_the_same_rows_in_two_files_are_refused(make: Make) -> None:
    folder = make(traffic__csv=HEADER + minutes(60), traffic_2__csv=HEADER + minutes(90, start="2026-01-01T00:30"))
    assert problems(folder) == (
        "history/traffic_2.csv starts_at: storefront has 30 buckets that history/traffic.csv has too, "
        "the first at 2026-01-01T00:30:00+08:00\n  keep one bucket length and one file for any instant"
    )


def test_a_file_of_another_century_is_refused(make: Make) -> None:
    folder = make(traffic__csv=HEADER + minutes(90), traffic_old__csv=HEADER + minutes(60, start="1926-01-01T00:00"))
    assert problems(folder) == (
        "history/traffic_old.csv starts_at: storefront has nothing for 99 years between 1925-12-31T16:59:00+00:00 and "
        "2025-12-31T16:00:00+00:00\n  correct the year, or delete the rows"
    )


DAY_OF_MINUTES = 1440
PER_SECOND = "".join(f"2026-01-02T{h:02d}:{m:02d}+08:00,storefront,1\n" for h in range(24) for m in range(60))


def test_a_file_that_gives_requests_per_second_as_requests_is_refused(make: Make) -> None:
    folder = make(traffic__csv=HEADER + minutes(DAY_OF_MINUTES), traffic_2__csv=HEADER + PER_SECOND)
    assert problems(folder) == (
        "history/traffic_2.csv requests: from 2026-01-02T00:00:00+08:00 on, the traffic of every service is 1/60 "
        "times that of the day before: another unit of time\n  requests counts a whole bucket, requests_per_second is "
        "a rate: rename or convert the column; if traffic really changed so, name that time in history: ordinary"
    )


def test_hours_given_as_their_mean_minute_beside_minutes_are_refused(make: Make) -> None:
    hourly = "".join(f"2025-12-31T{h:02d}:00+08:00,storefront,60\n" for h in range(24))
    assert problems(make(traffic__csv=HEADER + hourly + minutes(DAY_OF_MINUTES))).startswith(
        "history/traffic.csv requests: from 2026-01-01T00:00:00+08:00 on, the traffic of every service is 60 times"
    )


def test_traffic_that_really_became_sixty_times_as_much_is_taken_when_it_is_said(make: Make) -> None:
    said = "history: {ordinary: [{starts_at: 2026-01-02T00:00+08:00, ends_at: 2026-01-02T01:00+08:00}]}\n"
    folder = make(SETTINGS + said, traffic__csv=HEADER + minutes(DAY_OF_MINUTES), traffic_2__csv=HEADER + PER_SECOND)
    assert len(open_history(open_workspace(folder)).hourly()) == 48


def test_traffic_that_grows_tenfold_from_file_to_file_is_no_other_unit(make: Make) -> None:
    more = minutes(DAY_OF_MINUTES, start="2026-01-02T00:00", requests=600)
    folder = make(traffic__csv=HEADER + minutes(DAY_OF_MINUTES), traffic_2__csv=HEADER + more)
    assert len(open_history(open_workspace(folder)).hourly()) == 48


def test_all_files_are_reported_at_once(make: Make) -> None:
    folder = make(
        traffic__csv="", traffic_2__csv=HEADER, orders__csv="starts_at,orders\nx,1\n", contacts__csv="starts_at,desk\n"
    )
    assert [line for line in problems(folder).splitlines() if not line.startswith(" ")] == [
        "history/traffic.csv: is empty",
        "history/traffic_2.csv: has a header but no rows",
        "history/orders.csv:2 starts_at: x is not a time",
        "history/contacts.csv:1: has no column contacts",
    ]


def test_no_history_at_all_is_refused_when_asked_for(make: Make) -> None:
    use_language("en")
    with pytest.raises(UserError, match="there is no traffic history"):
        open_history(open_workspace(make()))


BERLIN = (
    "schema_version: 1\ntime_zone: Europe/Berlin\nhistory: {naive_times: workspace-zone}\nservices: [{name: shop}]\n"
)


def local_minutes(times: pd.DatetimeIndex) -> str:
    return HEADER + "".join(f"{t:%Y-%m-%d %H:%M},shop,60\n" for t in times)


def test_local_times_that_happen_twice_are_told_apart_by_their_order(make: Make) -> None:
    night = pd.date_range("2025-10-25T22:00Z", "2025-10-26T03:59Z", freq="min").tz_convert("Europe/Berlin")
    history = open_history(open_workspace(make(BERLIN, traffic__csv=local_minutes(night))))
    assert history.hourly()["shop"].tolist() == [1.0] * 6
    backwards = open_history(open_workspace(make(BERLIN, traffic__csv=local_minutes(night[::-1]))))
    assert backwards.hourly()["shop"].tolist() == [1.0] * 6


def test_local_times_that_cannot_be_told_are_refused(make: Make) -> None:
    once = pd.date_range("2025-10-26T00:00", "2025-10-26T05:00", freq="h")
    assert problems(make(BERLIN, traffic__csv=local_minutes(once))) == (
        "history/traffic.csv:4 starts_at: this local time happened twice: clocks went back in Europe/Berlin\n"
        "  write times with their offset"
    )
    never = pd.date_range("2026-03-29T00:00", "2026-03-29T05:00", freq="h")
    assert problems(make(BERLIN, traffic__csv=local_minutes(never))) == (
        "history/traffic.csv:4 starts_at: this local time did not exist: clocks went forward in Europe/Berlin\n"
        "  write times with their offset"
    )


def test_lines_that_end_with_a_carriage_return_alone_are_refused(make: Make) -> None:
    for name in ("traffic__csv", "orders__csv"):
        folder = make(**{name: "starts_at,service,requests,orders\r2026-01-01T00:00+08:00,storefront,5,5\r"})
        assert "has lines that end with a carriage return alone\n  save it as CSV again" in problems(folder)


def test_orders_and_contacts(make: Make) -> None:
    folder = make(
        orders__csv="starts_at,orders\n2026-01-01T01:00+08:00,5\n2026-01-01T00:00+08:00,4\n",
        contacts__csv="starts_at,desk,contacts\n2026-01-01T00:00+08:00,chat,7\n2026-01-01T00:30+08:00,chat,\n",
    )
    workspace = open_workspace(folder)
    orders, contacts = read_orders(workspace), read_contacts(workspace)
    assert orders is not None
    assert orders["orders"].tolist() == [4.0, 5.0]
    assert contacts is not None
    assert contacts.columns.tolist() == ["starts_at_utc", "desk", "intent", "contacts", "bot_handled", "bot_resolved"]
    assert contacts["contacts"].tolist() == [7.0]
    known = read_orders(workspace, before=datetime(2025, 12, 31, 16, 30, tzinfo=UTC))
    assert known is not None
    assert len(known) == 1


def test_a_desk_that_is_not_in_the_settings_is_refused(make: Make) -> None:
    settings = SETTINGS + (
        "desks: [{name: chat, channel: chat, handle_seconds: 480, service_level: {ratio: 0.8, seconds: 60}}]\n"
    )
    folder = make(settings, contacts__csv="starts_at,desk,contacts\n2026-01-01T00:00+08:00,chatt,7\n")
    assert problems(folder) == ("history/contacts.csv: there is no desk chatt in surgeplan.yaml\n  did you mean chat?")
