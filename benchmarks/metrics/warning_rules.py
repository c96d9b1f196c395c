"""What the ROI rule finds: simulated channels with known noise and a lasting fall on a known day.

.venv/bin/python benchmarks/metrics/warning_rules.py
"""

from __future__ import annotations

import numpy as np

from playbooks.growth.detect import readings, runs
from playbooks.growth.policy import Baseline, Previous, When

CHANNELS, YEAR, LEAD, WITHIN = 4000, 365, 60, 14
RULES: dict[str, When] = {
    "shipped: 7-day median, floor of 1.5 deviations": Baseline(
        compare="baseline", change_ratio=-0.10, clear_change_ratio=-0.05, noise_mads=1.5
    ),
    "without the floor": Baseline(compare="baseline", change_ratio=-0.10, clear_change_ratio=-0.05),
    "literal: 10 % below the day before, three days": Previous(
        compare="previous", change_ratio=-0.10, clear_change_ratio=0.0
    ),
}


def fires(values: np.ndarray, when: When) -> np.ndarray:
    found = readings(values, None, when)
    return runs(values, found, np.isfinite(found.expected), when).fires


def main() -> None:
    rng = np.random.default_rng(0)
    print("| rule | noise | false alarms per channel-year | -10 % | -25 % | -40 % | days to find -25 % |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for noise in (0.05, 0.08, 0.15):
        quiet = 2 * np.exp(rng.normal(0, noise, (CHANNELS, YEAR)))
        for title, when in RULES.items():
            alarms = fires(quiet, when).sum() / CHANNELS
            shares, delays = [], []
            for shift in (-0.10, -0.25, -0.40):
                shifted = quiet[:, : LEAD + WITHIN].copy()
                shifted[:, LEAD:] *= 1 + shift
                after = fires(shifted, when)[:, LEAD:]
                shares.append(after.any(axis=1).mean())
                delays.append(np.median(after.argmax(axis=1)[after.any(axis=1)]) + 1 if after.any() else np.nan)
            found = " | ".join(f"{100 * share:.1f} %" for share in shares)
            print(f"| {title} | {100 * noise:.0f} % | {alarms:.2f} | {found} | {delays[1]:.0f} |")


if __name__ == "__main__":
    main()
