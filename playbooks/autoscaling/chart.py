"""Two pictures: a replayed day with and without the plan, and risk against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MinuteLocator
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from campaign.charts import AMBER, BLUE, INK, MUTED, RED, chart, fitted, save_chart
from campaign.language import _, current_language
from campaign.numbers import spoken
from playbooks.autoscaling.backtest import Picture
from playbooks.autoscaling.bargain import what_the_next_buys
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.plan import ServicePlan
from playbooks.simulation.fleet import TICK_SECONDS, TICKS_PER_MINUTE

WIDTH_INCHES, LETTERS, NAME_COLUMNS = 4.4, 10, 26
HEIGHT_INCHES, LEGEND_INCHES, RISK_HEIGHT_INCHES = 2.2, 0.9, 3.2
NOTE_WIDTH = {"en": 44, "zh": 24}


def draw_replay(path: Path, setting: Setting, pictures: Mapping[str, Picture]) -> None:
    """One panel for each service around the busiest minute: what came, and what plan and HPA alone could carry."""
    shown = around_peak([picture.demand_requests_per_second for picture in pictures.values()])
    with chart(WIDTH_INCHES, LEGEND_INCHES + HEIGHT_INCHES * max(len(pictures), 1)) as figure:
        for i, (name, picture) in enumerate(pictures.items(), start=1):
            _replay_panel(figure.add_subplot(len(pictures), 1, i), name, picture, setting, shown)
        if figure.axes:
            figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper left", fontsize=LETTERS)
        save_chart(figure, path)


def around_peak(demands: Sequence[NDArray[np.float64]]) -> slice:
    """Ticks from an hour before the busiest one of all services together to two hours after it."""
    total = np.sum(demands, axis=0) if demands else np.zeros(1)
    peak = int(total.argmax())
    return slice(max(peak - 60 * TICKS_PER_MINUTE, 0), peak + 120 * TICKS_PER_MINUTE)


def _replay_panel(axes: Axes, name: str, picture: Picture, setting: Setting, shown: slice) -> None:
    demand = picture.demand_requests_per_second[shown]
    first = setting.plan.starts_at_utc.astimezone(setting.zone).replace(tzinfo=None)
    times: Any = [first + timedelta(seconds=TICK_SECONDS * (shown.start + i)) for i in range(len(demand))]
    plan, alone = (picture.capacity_requests_per_second[policy][shown] for policy in ("plan", "hpa-alone"))
    axes.plot(times, plan, color=BLUE, drawstyle="steps-post", label=_("the plan can carry"))
    axes.plot(times, alone, color=AMBER, linewidth=1, label=_("today's HPA alone can carry"))
    axes.plot(times, demand, color=INK, linewidth=1, label=_("what comes"))
    refused = {"where": (demand > alone).tolist(), "color": RED, "alpha": 0.4, "linewidth": 0}
    axes.fill_between(times, alone, demand, label=_("refused by the HPA alone"), **refused)
    day = f"{first + timedelta(seconds=TICK_SECONDS * shown.start):%m-%d}"
    axes.set_title(f"{fitted(name, NAME_COLUMNS)} · " + _("requests/s") + f" · {day}", fontsize=LETTERS + 1)
    axes.tick_params(labelsize=LETTERS)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: spoken(value)))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MinuteLocator(byminute=(0, 30)))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))  # type: ignore[no-untyped-call]


def draw_risk(path: Path, setting: Setting) -> None:
    """Risk against cost: each quantile's floor, so that people can choose, and what the next replica buys."""
    services = setting.plan.services
    with chart(height=RISK_HEIGHT_INCHES * max(len(services), 1)) as figure:
        for i, (name, service) in enumerate(services.items(), start=1):
            _risk_panel(figure.add_subplot(len(services), 1, i), name, service, setting)
        save_chart(figure, path)


def _risk_panel(axes: Axes, name: str, service: ServicePlan, setting: Setting) -> None:
    points = service.risk_against_cost
    priced = all(point.cost is not None for point in points)
    costs = [float(point.cost if point.cost is not None else point.replica_hours) for point in points]
    risks = [100 * point.event_short_ratio for point in points]
    axes.plot(costs, risks, color=BLUE, marker="o")
    for point, cost, risk in zip(points, costs, risks, strict=True):
        chosen = abs(point.quantile_ratio - service.quantile_ratio) < 1e-9
        label = f"p{100 * point.quantile_ratio:g}" + (" " + _("(chosen)") if chosen else "")
        colour, weight = (RED, "bold") if chosen else (INK, "normal")
        axes.annotate(
            label, (cost, risk), xytext=(4, 6), textcoords="offset points", fontsize=10, color=colour, weight=weight
        )
    axes.set_title(name)
    axes.set_ylim(bottom=-2, top=max(max(risks) * 1.2, 5.0))
    axes.margins(x=0.12)
    axes.set_ylabel(_("% of events short"))
    axes.set_xlabel(
        _("cost of the floors") + f" ({setting.plan.currency})" if priced else _("replica-hours of the floors")
    )
    if service.steps:
        said = fill(what_the_next_buys(service, setting.zone, setting.plan.currency), NOTE_WIDTH[current_language()])
        axes.text(
            0.98, 0.95, said, transform=axes.transAxes, ha="right", va="top", fontsize=10, color=MUTED, linespacing=1.4
        )
