"""A campaign's forecast as files, made from numbers: a level per path, and each minute's own noise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from campaign.demand import DemandPaths
from campaign.files import sha256, write_json, write_text
from campaign.traffic import QUANTILES, BackTest, Effect, LiveSettings, Peak, Quantiles, TrafficModel, TrafficPaths

CAMPAIGN = "d11"
START = datetime(2026, 11, 10, 12, tzinfo=UTC)
END = datetime(2026, 11, 11, 16, tzinfo=UTC)
LEVEL, SPREAD = 1000.0, 0.10
PATHS = 200
AROUND = timedelta(hours=6)


def paths_of(
    starts: datetime = START, ends: datetime = END, spread: float = SPREAD, service: str = "storefront"
) -> TrafficPaths:
    rng = np.random.default_rng(0)
    count = int((ends - starts + 2 * AROUND) / timedelta(minutes=1))
    times = np.datetime64((starts - AROUND).replace(tzinfo=None), "s") + 60 * np.arange(count)
    level = rng.normal(0, spread, (PATHS, 1, 1)) + rng.normal(0, 0.03, (PATHS, 1, count))
    rates = (LEVEL * np.exp(level)).astype(np.float32)
    return TrafficPaths(rates, (service,), times, np.full(count, 60))


def demand_of(paths: TrafficPaths) -> DemandPaths:
    """An order for a hundred requests, a contact for a thousand."""
    whole = paths.requests_per_second.sum(axis=1)
    hours = whole.reshape(PATHS, -1, 60).mean(axis=2) * 3600
    half = np.repeat(hours / 2, 2, axis=1)[:, None, :] / 1000
    starts = paths.starts_at_utc
    return DemandPaths(hours / 5, hours / 100, half, ("chat",), starts[::60], starts[::30])


def model_files(
    folder: Path, paths: TrafficPaths | None = None, campaign: str = CAMPAIGN, effects: tuple[Effect, ...] = ()
) -> str:
    """Write `out/<id>/` as `surgeplan forecast` does; returns the model's hash."""
    paths = paths or paths_of()
    demand = demand_of(paths)
    out = folder / "out" / campaign
    quantiles = {name: paths.quantiles(name) for name in paths.services}
    peaks = {
        name: Peak(
            peak_requests_per_second=Quantiles.of(paths.requests_per_second[:, i].max(axis=1)), peak_at_utc=START
        )
        for i, name in enumerate(paths.services)
    }
    first = datetime.fromisoformat(str(paths.starts_at_utc[0])).replace(tzinfo=UTC) + AROUND
    last = datetime.fromisoformat(str(paths.starts_at_utc[-1])).replace(tzinfo=UTC) + timedelta(minutes=1) - AROUND
    model = TrafficModel(
        campaign=campaign, as_of_utc=first - timedelta(days=3), lead_days=3, seed=0, paths=PATHS, knowledge="some",
        inputs={f"campaigns/{campaign}.yaml": sha256(folder / "campaigns" / f"{campaign}.yaml")},
        starts_at_utc=first, ends_at_utc=last, services=peaks, total=next(iter(peaks.values())),
        back_test=BackTest(campaigns=0), effects=effects,
        nowcast=LiveSettings(half_life_seconds=1200, scale_ratio=1, campaigns=0),
    )  # fmt: skip
    head = ",".join(QUANTILES)
    rows = ["starts_at_utc,seconds,service," + ",".join(f"requests_per_second_{name}" for name in QUANTILES)]
    for name, band in quantiles.items():
        for i, at in enumerate(paths.starts_at_utc):
            rows.append(f"{at}Z,{paths.seconds[i]},{name}," + ",".join(f"{value:.6g}" for value in band[:, i]))
    counts = [f"starts_at_utc,seconds,measure,desk,{head}"]
    for measure, seconds, times, draws in (
        ("orders", 3600, demand.hours_utc, demand.orders),
        ("contacts", 1800, demand.half_hours_utc, demand.contacts[:, 0]),
    ):
        desk = "chat" if measure == "contacts" else ""
        band = np.quantile(draws, list(QUANTILES.values()), axis=0)
        for i, at in enumerate(times):
            counts.append(f"{at}Z,{seconds},{measure},{desk}," + ",".join(f"{value:.6g}" for value in band[:, i]))
    write_text(out / "traffic.csv", "\n".join(rows) + "\n")
    write_text(out / "demand.csv", "\n".join(counts) + "\n")
    paths.save(out / "traffic_paths.npz")
    demand.save(out / "demand_paths.npz")
    write_json(out / "traffic.json", model.model_dump(mode="json"))
    return sha256(out / "traffic.json")


def came(folder: Path, until: datetime, factor: float = 1.0, since: datetime | None = None) -> None:
    """History up to `until`: a day of a thousand requests per second; from `since` on times `factor`."""
    first = START - timedelta(days=1)
    count = int((until - first) / timedelta(minutes=1))
    moments = [first + timedelta(minutes=n) for n in range(count)]
    rates = [LEVEL * (factor if since and at >= since else 1.0) for at in moments]
    rows = [f"{at:%Y-%m-%dT%H:%MZ},storefront,{rate:g}" for at, rate in zip(moments, rates, strict=True)]
    write_text(folder / "history" / "traffic.csv", "starts_at,service,requests_per_second\n" + "\n".join(rows) + "\n")
    hours = [(at, rate) for at, rate in zip(moments, rates, strict=True) if at.minute == 0]
    orders = [f"{at:%Y-%m-%dT%H:%MZ},{rate * 36:g}" for at, rate in hours]
    write_text(folder / "history" / "orders.csv", "starts_at,orders\n" + "\n".join(orders) + "\n")
