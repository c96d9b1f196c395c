"""A shop whose BI sends daily values: ten weeks of four channels, with what is hidden in them said here."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from campaign.settings import Service, Settings
from metrics.dictionary import Dictionary, read_dictionary

FIRST = date(2026, 8, 1)
DAYS = 84
CHANNELS = {"feed": 2.0, "push": 4.0, "search": 2.5, "kol": 1.8}
FAMILIES = {"feed": "paid", "push": "private-domain", "search": "paid", "kol": "top-kol"}
COLUMNS = {
    "exposures": "exposures", "clicks": "clicks", "sessions": "sessions", "orders": "orders",
    "gmv_paid": "CNY", "ad_cost": "CNY", "new_users": "users", "active_users": "users",
    "retention_d1": "ratio", "retention_d7": "ratio", "ltv": "CNY_per_user",
}  # fmt: skip
SETTINGS = Settings(time_zone="Asia/Shanghai", services=(Service(name="storefront"),))
SHIPPED = read_dictionary(Path("/nowhere"), SETTINGS)


def own_dictionary(ids: dict[str, str]) -> str:
    """metrics.yaml: the BI's two files bound, and settling times that suit a short history."""
    columns = ", ".join(f"{n}: {{metric: {n}@{ids[n]}, unit: {u}}}" for n, u in COLUMNS.items())
    answers = ", ".join(f"{n}: {{metric: {n}@{ids[n]}, unit: answers}}" for n in ("nps_answers", "nps_balance"))
    families = ", ".join(f"{channel}: {family}" for channel, family in FAMILIES.items())
    return (
        "schema_version: 1\nmetrics:\n  ltv: {horizon_days: 1}\n  gmv_paid: {settles_after_hours: 48}\n"
        f"families: {{{families}}}\nsources:\n"
        f"  - {{name: bi, files: bi/daily*.csv, time_zone: Asia/Shanghai, time_column: day, dates: local, grain: day, "
        f"by: [channel], columns: {{{columns}}}}}\n"
        f"  - {{name: nps, files: bi/nps*.csv, time_zone: Asia/Shanghai, time_column: day, dates: local, grain: day, "
        f"columns: {{{answers}}}}}\n"
    )


def ids_with(folder: Path) -> dict[str, str]:
    (folder / "metrics.yaml").write_text("metrics:\n  ltv: {horizon_days: 1}\n  gmv_paid: {settles_after_hours: 48}\n")
    return read_dictionary(folder, SETTINGS).ids


def shop(
    folder: Path, *, noise: float = 0.05, fall: float = 0.0, lost_clicks: float = 0.0, nps: int = 45, seed: int = 7
) -> Path:
    """A workspace. fall: of the feed's sales on the last 14 days; lost_clicks: search's sessions on the last 7."""
    folder.mkdir(exist_ok=True)
    (folder / "campaigns").mkdir(exist_ok=True)
    (folder / "surgeplan.yaml").write_text(
        "schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: storefront}]\n"
        "roles: {lin: marketing, zhao: ops}\n"
    )
    (folder / "metrics.yaml").write_text(own_dictionary(ids_with(folder)), "utf-8")
    (folder / "campaigns" / "autumn.yaml").write_text(
        "schema_version: 1\nid: autumn\nkind: flagship\nstarts_at: 2026-10-10T00:00+08:00\n"
        "ends_at: 2026-10-11T00:00+08:00\n"
    )
    bi = folder / "bi"
    bi.mkdir(exist_ok=True)
    (bi / "daily.csv").write_text(_daily(noise, fall, lost_clicks, np.random.default_rng(seed)))
    answers = "".join(f"{FIRST + timedelta(days=d)},100,{nps}\n" for d in range(DAYS))
    (bi / "nps.csv").write_text("day,nps_answers,nps_balance\n" + answers)
    return folder


def _daily(noise: float, fall: float, lost_clicks: float, rng: np.random.Generator) -> str:
    lines = ["day,channel," + ",".join(COLUMNS)]
    for d in range(DAYS):
        day = FIRST + timedelta(days=d)
        peak = {date(2026, 10, 10): 3.0}.get(day, 1.3 if 0 < (day - date(2026, 10, 10)).days < 12 else 1.0)
        for channel, roi in CHANNELS.items():
            spend = 10_000
            factor = 1 - fall if channel == "feed" and d >= DAYS - 14 else 1.0
            sessions = 4_000 * (1 - lost_clicks if channel == "search" and d >= DAYS - 7 else 1.0)
            sales = spend * roi * factor * np.exp(rng.normal(0, noise))
            row = [
                200_000,
                5_000,
                round(sessions),
                200,
                round(sales, 2),
                spend,
                140,
                round(8_000 * peak),
                0.31,
                0.36,
                220,
            ]
            lines.append(f"{day},{channel}," + ",".join(map(str, row)))
    return "\n".join(lines) + "\n"


def dictionary_of(folder: Path) -> Dictionary:
    return read_dictionary(folder, SETTINGS)
