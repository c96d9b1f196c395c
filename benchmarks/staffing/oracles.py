"""Published and hand-computed values beside ours, to the printed digits.

.venv/bin/python benchmarks/staffing/oracles.py
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from playbooks.staffing import erlang
from playbooks.staffing.redials import load_with_redials
from playbooks.staffing.requirement import Rules, heads, required_seats

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
LOADS = np.array([5.0, 10, 50, 100, 500, 1000, 5000])


def carried_at_one_percent(lines: int) -> float:
    return float(brentq(lambda load: float(erlang.blocking(lines, load)) - 0.01, 0.1, lines))


def agents(rules: Rules, loads: np.ndarray) -> str:
    return "/".join(f"{seats:.0f}" for seats in np.ceil(required_seats(rules, loads).seats - 1e-9))


def patient(minutes: float) -> Rules:
    return Rules((300.0,), minutes * 60, "served_within", 0.8, 20)


def redials() -> float:
    def given_up(load: np.ndarray) -> np.ndarray:
        return erlang.with_patience(load, 90, 300, 120, 20).abandoned_ratio

    return float(load_with_redials(given_up, np.array([100.0]), np.array([90.0]), 0.5)[0])


A1 = erlang.with_patience(48, 50, 60, 120, 20)
A4 = erlang.with_patience(10, np.array([8, 10, 12, 14]), 180, 60, 20)
Value = Callable[[], object]
ORACLES: tuple[tuple[str, str, str, Value], ...] = (
    ("B1", "15 lines, 1 % blocked: Erlangs", "8.108", lambda: f"{carried_at_one_percent(15):.3f}"),
    ("B2", "30 lines, 25 E: blocked", "0.052603", lambda: f"{float(erlang.blocking(30, 25)):.6f}"),
    ("B3", "10 E, 2 % blocked: lines", "17", lambda: erlang.lines_for_blocking(np.array([10.0]), 0.02)[0]),
    ("B4", "10/20/30/50/100 lines, 1 %: Erlangs", "4.4612/12.0306/20.3373/37.9014/84.0642",
     lambda: "/".join(f"{carried_at_one_percent(n):.4f}" for n in (10, 20, 30, 50, 100))),
    ("C1", "10 E, 14 agents, AHT 180, T 20: Pw, SL, ASA", "0.1741319, 0.88835, 7.83594",
     lambda: f"{float(erlang.waiting(14, 10)):.7f}, "
             f"{float(erlang.served_within_without_abandonment(14, 10, 180, 20)):.5f}, "
             f"{float(erlang.mean_wait_without_abandonment(14, 10, 180)):.5f}"),
    ("C2", "10 E, 11 agents: Pw, SL", "0.6821182, 0.3896138",
     lambda: f"{float(erlang.waiting(11, 10)):.7f}, "
             f"{float(erlang.served_within_without_abandonment(11, 10, 180, 20)):.7f}"),
    ("C3", "33.333 E, 40 agents, AHT 120, T 20: Pw, SL, ASA", "0.1907, 0.9372, 3.43",
     lambda: f"{float(erlang.waiting(40, 100 / 3)):.4f}, "
             f"{float(erlang.served_within_without_abandonment(40, 100 / 3, 120, 20)):.4f}, "
             f"{float(erlang.mean_wait_without_abandonment(40, 100 / 3, 120)):.2f}"),
    ("C4", "123 E, 132 agents: Pw", "0.3211161792617", lambda: f"{float(erlang.waiting(132, 123)):.13f}"),
    ("C5", "400 E, 410 agents, AHT 240, T 20: SL", "0.77826",
     lambda: f"{float(erlang.served_within_without_abandonment(400 + 0.5 * math.sqrt(400), 400, 240, 20)):.5f}"),
    ("A1", "48/min, AHT 1 min, 50 agents, patience 2 min: given up, wait, occupancy", "0.0309, 3.71, 0.9303",
     lambda: f"{float(A1.abandoned_ratio):.4f}, {float(A1.mean_wait_seconds):.2f}, {float(A1.occupancy_ratio):.4f}"),
    ("A2", "patience = AHT: Pw at (10, 10), (50, 40), (5000, 5050)", "0.5420702855/0.0703350667/0.7609846748",
     lambda: "/".join(f"{float(erlang.with_patience(load, n, 60, 60, 20).delayed_ratio):.10f}"
                      for n, load in ((10, 10), (50, 40), (5000, 5050)))),
    ("A3", "endless patience, 10 E, 14 agents: Pw", "0.174132",
     lambda: f"{float(erlang.with_patience(10, 14, 180, 1.8e9, 20).delayed_ratio):.6f}"),
    ("A4", "10 E, AHT 180, patience 60, 8/10/12/14 agents: Pw", "0.6252/0.4234/0.2404/0.1115",
     lambda: "/".join(f"{value:.4f}" for value in A4.delayed_ratio)),
    ("A4", "… given up", "0.2784/0.1575/0.0759/0.0303", lambda: "/".join(f"{v:.4f}" for v in A4.abandoned_ratio)),
    ("A4", "… mean wait", "16.70/9.45/4.55/1.82", lambda: "/".join(f"{v:.2f}" for v in A4.mean_wait_seconds)),
    ("A4", "… served in 20 s", "0.5276/0.7180/0.8603/0.9438",
     lambda: "/".join(f"{value:.4f}" for value in A4.served_within_ratio)),
    ("A7", "agents for 80/20, AHT 5, patience 2: 5/10/50/100/500/1000/5000 E", "7/12/51/98/459/902/4373",
     lambda: agents(PHONE, LOADS)),
    ("A7", "… Erlang C", "8/14/57/108/513/1015/5019",
     lambda: "/".join(map(str, erlang.agents_without_abandonment(LOADS, 300, 0.8, 20)))),
    ("A8", "100 E by patience 0.5/1/2/3/5/10/endless minutes", "86/92/98/100/103/105/108",
     lambda: "/".join(agents(patient(m), np.array([100.0])) for m in (0.5, 1, 2, 3, 5, 10, 1e6))),
    ("S1", "2 E, 3 agents, AHT 10: mean wait", "4.4444",
     lambda: f"{float(erlang.mean_wait_without_abandonment(3, 2, 10)):.4f}"),
    ("R1", "100 E, 90 agents, patience 2, half come again: Erlangs", "110.4", lambda: f"{redials():.1f}"),
    ("H1", "98 seats at 30 % shrinkage: people", "140", lambda: heads(np.array([98.0]), 0.3)[0]),
)  # fmt: skip


def main() -> None:
    print("| id | inputs | printed | ours | same |\n|---|---|---:|---:|---|")
    for name, inputs, printed, ours in ORACLES:
        found = str(ours())
        print(f"| {name} | {inputs} | {printed} | {found} | {'yes' if found == printed else 'NO'} |")


if __name__ == "__main__":
    main()
