"""Shifts for a surge day: time to the optimum, paid over required hours, and what is bought as a priced shortage.

nice .venv/bin/python benchmarks/staffing/covering.py

A day in 96 quarter-hours, surge from 20:00 on, and an empty day after it; shifts over midnight are paid in full.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from campaign.settings import Shift
from playbooks.staffing.policy import ShortageStep, shipped_policy
from playbooks.staffing.shifts import cover, shift_days

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 11, 10)
QUARTERS = 96


def required(peak: float, quiet: float) -> np.ndarray:
    """People per quarter-hour of one day, a surge from 20:00 on where the peak is above the quiet day."""
    hour = np.arange(QUARTERS) / 4
    surge = np.where(hour < 20, 0, np.where(hour < 20.75, 1, np.exp(-(hour - 20.75) / 0.9)))
    return np.ceil(quiet * (0.6 + 0.4 * np.sin((hour - 8) / 24 * 2 * np.pi)) + (peak - quiet) * surge).astype(np.int64)


def catalogue(lengths: tuple[int, ...], every_minutes: int) -> list[Shift]:
    return [
        Shift(
            name=f"h{hours}m{minute}", starts=f"{minute // 60:02d}:{minute % 60:02d}", hours=hours, break_minutes=rest
        )
        for hours in lengths
        for minute in range(0, 1440, every_minutes)
        for rest in (60 if hours >= 6 else 0,)
    ]


CATALOGUES = ((catalogue((4, 6, 8, 9, 10), 120), 0), (catalogue((4, 8, 10), 60), 0), (catalogue((4, 8, 10), 60), 60))
DAYS = (("surge, peak 117", 117.0, 22.0), ("surge, peak 554", 554.0, 104.0), ("no surge", 22.0, 22.0))


def main() -> None:
    policy = shipped_policy()
    full = [ShortageStep(up_to_ratio=1.0, price_hours_per_hour=1000)]
    starts = np.datetime64("2026-11-09T16:00:00") + np.arange(2 * QUARTERS) * np.timedelta64(900, "s")
    print("| day | shift types | columns | seconds | gap | paid ÷ required | missing hours |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, peak, quiet in DAYS:
        need = np.concatenate([required(peak, quiet), np.zeros(QUARTERS, dtype=np.int64)])
        for types, moves in CATALOGUES:
            for pricing, steps in (("", full), (", shortage priced", policy.shortage_steps)):
                options = shift_days(types, [DAY - timedelta(days=1), DAY], ZONE, moves)
                began = time.perf_counter()
                found = cover(need, starts, options, steps, policy.solver)
                took = time.perf_counter() - began
                missing = np.maximum(need - found.agents, 0).sum() / 4
                print(
                    f"| {name}{pricing} | {len(types)} | {len(options)} | {took:.2f} | {100 * found.gap_ratio:.2f} % "
                    f"| {found.paid_hours / (need.sum() / 4):.3f} | {missing:.1f} |"
                )


if __name__ == "__main__":
    main()
