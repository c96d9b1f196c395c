"""All daily metrics by channel of ten million event rows: the dictionary on DuckDB beside pandas doing the same.

    .venv/bin/python benchmarks/metrics/ten_million_events.py

Also checks a submitted file of a million rows (only that with the argument `check`). Each row of the table is one run
in its own process.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from campaign.settings import Service, Settings
from metrics.dictionary import Dictionary, read_dictionary

EVENTS = 10_000_000
DAYS = 90
SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="shop"),))
ZONE = "Asia/Shanghai"


def make_tables(folder: Path, events: int) -> None:
    """Visits of four acts within twenty minutes, an order for every tenth act, and a day of ads per channel."""
    with duckdb.connect() as connection:
        for setting in ("enable_progress_bar = false", "TimeZone = 'UTC'", "threads = 2", "memory_limit = '1500MB'"):
            connection.execute(f"SET {setting}")
        connection.execute("SELECT setseed(0.5)")
        second = f"CAST(random() * {DAYS} * 86400 AS INTEGER)"
        connection.execute(
            f"""COPY (
                WITH visits AS (
                    SELECT i, {second} AS starts, CAST(floor(pow(random(), 2) * 800000) AS INTEGER) AS who,
                        CAST(floor(random() * 12) AS INTEGER) AS channel
                    FROM range({events // 4}) t(i)
                )
                SELECT TIMESTAMPTZ '2026-08-01 00:00+08' + to_seconds(starts + 300 * act) AS at, 'u' || who AS user_id,
                    's' || i AS session_id, 'channel-' || channel AS channel
                FROM visits, range(4) acts(act)
            ) TO '{folder}/events.parquet' (FORMAT parquet)"""
        )
        connection.execute(
            f"""COPY (
                SELECT TIMESTAMPTZ '2026-08-01 00:00+08' + to_seconds({second}) AS at, i AS order_id,
                    'u' || CAST(floor(pow(random(), 2) * 800000) AS INTEGER) AS user_id,
                    'channel-' || CAST(floor(random() * 12) AS INTEGER) AS channel,
                    round(50 + 100 * random(), 2) AS amount, 0.0 AS refunded, random() < 0.9 AS paid
                FROM range({events // 10}) t(i)
            ) TO '{folder}/orders.parquet' (FORMAT parquet)"""
        )
        connection.execute(
            f"""COPY (
                SELECT TIMESTAMPTZ '2026-08-01 00:00+08' + to_days(CAST(d AS INTEGER)) AS starts_at,
                    'channel-' || c AS channel,
                    100000 + 1000 * c AS exposures, 5000 + c AS clicks, 3000.0 + d AS cost
                FROM range({DAYS}) a(d), range(12) b(c)
            ) TO '{folder}/ads.parquet' (FORMAT parquet)"""
        )


def names_of(dictionary: Dictionary) -> list[str]:
    return [name for name, d in dictionary.definitions.items() if d.grain == "day" and "channel" in d.by]


def with_surgeplan(folder: Path) -> dict[str, float]:
    """The mean of every metric over days and channels, to compare."""
    from metrics.compute import Split, compute_all

    dictionary = read_dictionary(Path("/nowhere"), SETTINGS)
    found = compute_all(names_of(dictionary), dictionary, folder, Split(("channel",))).values
    known = {name: [v.value for v in values if v.value is not None] for name, values in found.items()}
    return {name: sum(values) / len(values) for name, values in known.items()}


def with_pandas(folder: Path) -> dict[str, float]:
    """The same metrics with pandas: channels as categories, days worked out once."""
    import pandas as pd

    def table(name: str, time_column: str) -> pd.DataFrame:
        with duckdb.connect() as connection:  # pandas itself reads no Parquet without pyarrow
            connection.execute("SET enable_progress_bar = false")
            frame = connection.execute(f"SELECT * FROM '{folder}/{name}.parquet'").df()
        frame["channel"] = frame["channel"].astype("category")
        frame["day"] = frame[time_column].dt.tz_convert(ZONE).dt.tz_localize(None).dt.floor("D")
        return frame

    key = ["day", "channel"]
    found: dict[str, pd.Series] = {}
    ads = table("ads", "starts_at")
    sums = ads.groupby(key, observed=True)[["exposures", "clicks", "cost"]].sum()
    found |= {"exposures": sums["exposures"], "clicks": sums["clicks"], "ad_cost": sums["cost"]}
    events = table("events", "at").sort_values(["at", "channel"], kind="stable")
    for name, column in (("sessions", "session_id"), ("active_users", "user_id")):
        found[name] = events.drop_duplicates([column, "day"]).groupby(key, observed=True).size()
    seen = events[["user_id", "day"]].drop_duplicates()
    orders = table("orders", "at").sort_values(["at", "channel"], kind="stable")
    paid = orders[orders["paid"]].assign(value=lambda f: f["amount"] - f["refunded"])
    found["orders"] = paid.drop_duplicates("order_id").groupby(key, observed=True).size()
    found["gmv_paid"] = paid.groupby(key, observed=True)["value"].sum()
    first = paid.drop_duplicates("user_id")[["user_id", "at", "day", "channel"]]
    found["new_users"] = first.groupby(key, observed=True).size()
    found["cac"] = found["ad_cost"] / found["new_users"]
    found["roi"] = found["gmv_paid"] / found["ad_cost"]
    for name, days in (("retention_d1", 1), ("retention_d7", 7)):
        wanted = first.assign(day=first["day"] + pd.Timedelta(days=days))[["user_id", "day"]]
        back = wanted.merge(seen, on=["user_id", "day"], how="left", indicator=True)["_merge"] == "both"
        found[name] = first.assign(back=back.to_numpy()).groupby(key, observed=True)["back"].mean()
    again = first.merge(paid[["user_id", "day", "at", "value"]], on="user_id", suffixes=("", "_later"))
    gap = (again["day_later"] - again["day"]).dt.days
    users = again.loc[gap.between(1, 30), "user_id"].unique()
    bought = first.assign(again=first["user_id"].isin(users))
    found["repurchase_d30"] = bought.groupby(key, observed=True)["again"].mean()
    within = again[(again["at_later"] >= again["at"]) & (again["at_later"] < again["at"] + pd.Timedelta(days=180))]
    found["ltv"] = within.groupby(key, observed=True)["value"].sum() / found["new_users"]
    found["ltv_cac"] = found["ltv"] / found["cac"]
    return {name: float(series.mean()) for name, series in found.items()}


def check_a_million_rows(folder: Path) -> dict[str, float]:
    from metrics.file_checks import check_file
    from metrics.manifests import Manifest

    dictionary = read_dictionary(Path("/nowhere"), SETTINGS)
    units = {"ad_cost": "CNY", "new_users": "users", "cac": "CNY_per_user"}
    columns = {name: {"metric": f"{name}@{dictionary.ids[name]}", "unit": unit} for name, unit in units.items()}
    manifest = Manifest.model_validate({"time_zone": ZONE, "grain": "day", "by": ["channel"], "columns": columns})
    return {"faults": float(len(check_file(folder / "daily.csv", manifest, dictionary)))}


def make_daily(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(
            "COPY (SELECT strftime(TIMESTAMP '2026-01-01' + INTERVAL (i % 100) DAY, '%Y-%m-%dT00:00+08:00') "
            "AS starts_at, "
            "'c' || (i // 100) AS channel, i + 10 AS ad_cost, 10 AS new_users, (i + 10) / 10 AS cac "
            f"FROM range(1000000) t(i)) TO '{folder}/daily.csv' (HEADER)"
        )


def measured(work: Callable[[Path], dict[str, float]], folder: Path) -> tuple[dict[str, float], float, float, float]:
    """The result, wall seconds, processor seconds and peak MiB of a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_timed, (work, folder))


def _timed(work: Callable[[Path], dict[str, float]], folder: Path) -> tuple[dict[str, float], float, float, float]:
    began = time.perf_counter()
    result = work(folder)
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    return result, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def check_only() -> None:
    with TemporaryDirectory() as name:
        make_daily(Path(name))
        _, wall, processor, peak = measured(check_a_million_rows, Path(name))
        print(f"| check of 1 M rows | {wall:.1f} | {processor:.1f} | {peak:,.0f} |")


def main() -> None:
    events = int(float(sys.argv[1])) if len(sys.argv) > 1 else EVENTS
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_tables(folder, events)
        make_daily(folder)
        results = {}
        for title, work in (
            ("surgeplan", with_surgeplan), ("pandas", with_pandas), ("check of 1 M rows", check_a_million_rows)
        ):  # fmt: skip
            results[title], wall, processor, peak = measured(work, folder)
            print(f"| {title} | {wall:.1f} | {processor:.1f} | {peak:,.0f} |", flush=True)
        ours, theirs = results["surgeplan"], results["pandas"]
        apart = {n: (ours[n], theirs[n]) for n in ours if abs(ours[n] - theirs[n]) > 1e-6 * abs(theirs[n])}
        print(json.dumps({"metrics": len(ours), "apart": apart, "faults": results["check of 1 M rows"]["faults"]}))


if __name__ == "__main__":
    check_only() if "check" in sys.argv else main()
