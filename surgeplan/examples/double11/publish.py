"""Writes the synthetic shop as a workspace."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.files import write_text, writing
from campaign.language import say
from surgeplan.examples.double11 import people, truth
from surgeplan.examples.double11.campaigns import plans, simulated, text_of
from surgeplan.examples.double11.demand import Shop, counted, minute_of, recorded, simulate

SHIPPED = ("surgeplan.yaml", "metrics.yaml", "rules.yaml")
CHINA_HOURS = 8


def make_double11(folder: Path, seed: int = 0, progress: Progress = no_progress) -> None:
    """Write a complete workspace of a synthetic shop in China; the same seed gives the same bytes.

    The history ends three days before the campaign `truth.NEXT_CAMPAIGN` starts.
    """
    step = say("Making the example shop")
    progress(step, 0, 4)
    for name in SHIPPED:
        write_text(folder / name, (files(__package__) / name).read_text("utf-8"))
    for plan in plans():
        write_text(folder / "campaigns" / f"{plan.id}.yaml", text_of(plan))
    progress(step, 1, 4)
    shop = simulate(simulated(), seed)
    requests = counted(shop, seed)
    progress(step, 2, 4)
    write_traffic(folder / "history" / "traffic.parquet", shop, requests)
    progress(step, 3, 4)
    write_people(folder / "history", requests, seed)
    progress(step, 4, 4)


def write_traffic(path: Path, shop: Shop, requests: NDArray[np.int32]) -> None:
    """`starts_at, service, requests` in one-minute buckets, services one after the other."""
    keep = recorded(shop.starts_at_utc)
    seconds = shop.starts_at_utc[keep].astype("int64")
    rows = pd.DataFrame(
        {
            "epoch": np.tile(seconds, len(truth.SERVICES)),
            "service": np.repeat(np.arange(len(truth.SERVICES)), len(seconds)),
            "requests": requests[:, keep].ravel(),
        }
    )
    names = ", ".join(f"'{service}'" for service in truth.SERVICES)
    copy_rows(
        rows,
        f"SELECT to_timestamp(epoch) AS starts_at, [{names}][service + 1] AS service, requests FROM rows",
        path,
        "FORMAT parquet, COMPRESSION zstd",
    )


def write_people(folder: Path, requests: NDArray[np.int32], seed: int) -> None:
    """orders.csv, contacts.csv and business.csv, up to the history's end."""
    orders = people.hourly_orders(requests, seed)
    sessions = people.hourly_sessions(requests)
    hours = minute_of(truth.HISTORY_ENDS_AT) // 60
    rows = pd.DataFrame({"index": np.arange(hours), "orders": orders[:hours]})
    copy_rows(rows, f"SELECT {_local_time(60)} AS starts_at, orders FROM rows", folder / "orders.csv")
    asked = people.contacts(sessions, orders.astype(float), simulated(), seed)
    asked = asked[asked["index"] < 2 * hours]
    columns = "desk, contacts, intent, bot_handled, bot_resolved"
    copy_rows(asked, f"SELECT {_local_time(30)} AS starts_at, {columns} FROM rows", folder / "contacts.csv")
    days = people.business(sessions, orders.astype(float), simulated(), seed)
    days = days[days["day"] < hours // 24].rename(columns={"day": "index"})
    columns = ", ".join(c for c in days.columns if c != "index")
    copy_rows(days, f"SELECT {_local_time(1440)} AS starts_at, {columns} FROM rows", folder / "business.csv")


def _local_time(minutes: int) -> str:
    """SQL for the local time of a numbered interval, with its offset."""
    first = truth.HISTORY_STARTS_AT.strftime("%Y-%m-%d %H:%M:%S")
    moment = f"(TIMESTAMP '{first}' + to_minutes(index * {minutes}))"
    return f"strftime({moment}, '%Y-%m-%dT%H:%M+0{CHINA_HOURS}:00')"


def copy_rows(rows: pd.DataFrame, query: str, path: Path, options: str = "FORMAT csv, HEADER") -> None:
    """Write the query's rows, in order, through DuckDB; one thread, so the same rows give the same bytes."""
    with writing(path) as temporary, duckdb.connect(config={"threads": 1}) as connection:
        connection.register("rows", rows)
        connection.execute(f"COPY ({query}) TO '{_quoted(temporary)}' ({options})")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
