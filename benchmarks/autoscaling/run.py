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

from playbooks.autoscaling.policy import read_policy

TRUTHS = 100


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    marks = [":--", *["--:"] * (len(headings) - 1)]
    return ["| " + " | ".join(cells) + " |" for cells in (headings, marks, *rows)]


def coupon_lines() -> list[str]:
    lines = [
        "## Coupon drop: ×8 within 60 s, level error 20 %",
        "",
        f"{TRUTHS} replays of a day a case, 15-s ticks; one replica carries 100 per second; pods start in 1–2 min.",
        "",
    ]
    headings = ["policy", "overloaded min", "days with none", "above capacity", "× oracle"]
    policy = read_policy()
    for case in coupon_drop.CASES:
        rows = [
            [
                row.policy,
                f"{row.overloaded_minutes:.2f}",
                f"{row.clean_ratio:.0%}",
                f"{row.above_ratio:.4%}",
                f"{row.oracle_ratio:.2f}",
            ]
            for row in coupon_drop.play(case, TRUTHS, policy)
        ]
        lines += [f"### {case.name}", "", *table(headings, rows), ""]
    return lines


def worldcup_lines() -> list[str]:
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
        for day in worldcup98.days()
    ]
    return ["## World Cup 98, every match day in the data", "", *table(headings, rows), ""]


def ramp_lines() -> list[str]:
    cells = ramps.grid()
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
    text = "\n".join([*head, *coupon_lines(), *worldcup_lines(), *ramp_lines(), *speed_lines()])
    (Path(__file__).parent / "results.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
