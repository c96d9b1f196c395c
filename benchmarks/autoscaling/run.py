"""All figures of the autoscaling plan into results.md beside this file.

PYTHONPATH=. .venv/bin/python benchmarks/autoscaling/run.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import coupon_drop
import ramps
import speed
import worldcup98
from never_worse import total

from playbooks.autoscaling.policy import read_policy

TRUTHS = 100


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = [":--", *["--:"] * (len(headings) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (headings, marks, *rows)]


Coupon = dict[str, list[coupon_drop.Row]]


def coupon_rows() -> Coupon:
    policy = read_policy()
    return {case.name: coupon_drop.play(case, TRUTHS, policy) for case in coupon_drop.CASES}


def coupon_lines(coupon: Coupon) -> list[str]:
    lines = [
        "## Coupon drop: ×8 within 60 s, level error 20 %",
        "",
        f"{TRUTHS} replays of a day a case, 15-s ticks; one replica carries 100 per second; pods start in 1–2 min.",
        "",
    ]
    headings = ["policy", "overloaded min", "days with none", "above capacity", "× oracle"]
    for case, played in coupon.items():
        rows = [
            [
                row.policy,
                f"{row.overloaded_minutes:.2f}",
                f"{row.clean_ratio:.0%}",
                f"{row.above_ratio:.4%}",
                f"{row.oracle_ratio:.2f}",
            ]
            for row in played
        ]
        lines += [f"### {case}", "", *table(headings, rows), ""]
    return lines


def worldcup_lines(days: Sequence[worldcup98.Day]) -> list[str]:
    headings = ["day", "nodes", "HPA alone: overloaded min", "verdict", "HPA alone × oracle", "plan × oracle"]
    rows = [
        [
            day.day,
            day.nodes,
            f"{day.alone_overloaded_minutes:.0f}",
            day.verdict,
            f"{day.alone_oracle_ratio:.2f}",
            f"{day.plan_oracle_ratio:.2f}",
        ]
        for day in days
    ]
    return ["## World Cup 98, every match day in the data", "", *table(headings, rows), ""]


def ramp_lines(cells: Sequence[ramps.Cell]) -> list[str]:
    headings = [
        "ramp ×8 within",
        "HPA",
        "verdict",
        "HPA alone: overloaded min",
        "days overloaded",
        "above capacity",
        "",
    ]
    rows = [
        [
            f"{cell.ramp_minutes} min",
            cell.hpa,
            cell.verdict,
            f"{cell.overloaded_minutes:.2f}",
            f"{cell.overloaded_ratio:.0%}",
            f"{cell.above_ratio:.4%}",
            "missed" if cell.missed else "false alarm" if cell.false_alarm else "",
        ]
        for cell in cells
    ]
    missed, alarms = sum(cell.missed for cell in cells), sum(cell.false_alarm for cell in cells)
    return [
        "## Verdict against replay, ×8 ramps",
        "",
        f"The verdict from {ramps.PATHS} sample paths, early and late ones among them, judged by {ramps.TRUTHS} days "
        "that the plan has not seen (level error 20 %).",
        f"{len(cells)} cells: {missed} missed (trusted an HPA that loses), "
        f"{alarms} false alarms ({alarms / len(cells):.0%}).",
        "",
        *table(headings, rows),
        "",
    ]


def never_worse_lines(coupon: Coupon, days: Sequence[worldcup98.Day], cells: Sequence[ramps.Cell]) -> list[str]:
    """Every set again: days on which the plan has more overloaded minutes than the HPA alone at its target."""
    plans = [row for played in coupon.values() for row in played if row.worse_days is not None]
    sets = {
        "World Cup 98, match days, nodes warm and cold": total(day.against_alone for day in days),
        "ramps ×8, 30 cells": total(cell.against_alone for cell in cells),
    }
    rows = [[f"coupon drop, {len(plans)} plans", str(len(plans) * TRUTHS), str(sum(r.worse_days or 0 for r in plans))]]
    rows += [[name, str(one.days), str(one.worse)] for name, one in sets.items()]
    return [
        "## Never worse than the HPA alone at the same target",
        "",
        "Days that the plan has not seen, one by one; worse is a day with more overloaded minutes under the plan.",
        "",
        *table(["set", "days", "worse under the plan"], rows),
        "",
    ]


def speed_lines() -> list[str]:
    rows = [[what, f"{taken:.2f}"] for what, taken in speed.times().items()]
    return ["## Time", "", *table(["what", "processor seconds"], rows), ""]


def main() -> None:
    head = [
        "# Autoscaling plan: measured figures",
        "",
        "Made by `benchmarks/autoscaling/run.py` with the shipped policy. A simulation: no live cluster was involved.",
        "",
    ]
    coupon, days, cells = coupon_rows(), worldcup98.days(), ramps.grid()
    parts = [coupon_lines(coupon), worldcup_lines(days), ramp_lines(cells), never_worse_lines(coupon, days, cells)]
    text = "\n".join([*head, *(line for part in parts for line in part), *speed_lines()])
    (Path(__file__).parent / "results.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
