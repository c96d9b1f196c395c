"""Two pictures: a replayed day with and without the plan, and risk against cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from campaign.charts import AMBER, BLUE, INK, RED, chart, save_chart
from campaign.language import _
from playbooks.autoscaling.backtest import Picture
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.simulation.replay import TICK_SECONDS

HEIGHT_INCHES = 2.6


def draw_replay(path: Path, setting: Setting, pictures: Mapping[str, Picture]) -> None:
    """One panel for each service: what came on the middle path, and what plan and HPA alone could carry."""
    with chart(height=HEIGHT_INCHES * max(len(pictures), 1)) as figure:
        for i, (name, picture) in enumerate(pictures.items(), start=1):
            _replay_panel(figure.add_subplot(len(pictures), 1, i), name, picture, setting, legend=i == 1)
        save_chart(figure, path)


def _replay_panel(axes: Axes, name: str, picture: Picture, setting: Setting, legend: bool) -> None:
    ticks = len(picture.demand_requests_per_second)
    first = setting.plan.starts_at_utc.astimezone(setting.zone).replace(tzinfo=None)
    times = [first + timedelta(seconds=TICK_SECONDS * i) for i in range(ticks)]
    carried = picture.capacity_requests_per_second
    axes.plot(times, carried["plan"], color=BLUE, drawstyle="steps-post", label=_("the plan can carry"))  # type: ignore[arg-type]
    axes.plot(times, carried["hpa-alone"], color=AMBER, linewidth=1, label=_("today's HPA alone can carry"))  # type: ignore[arg-type]
    axes.plot(times, picture.demand_requests_per_second, color=INK, linewidth=1, label=_("requests per second"))  # type: ignore[arg-type]
    over = picture.demand_requests_per_second > carried["hpa-alone"]
    axes.fill_between(
        times,  # type: ignore[arg-type]
        carried["hpa-alone"],
        picture.demand_requests_per_second,
        where=over.tolist(),
        color=RED,
        alpha=0.4,
        linewidth=0,
    )
    axes.set_title(name)
    axes.set_ylim(bottom=0)
    locator = AutoDateLocator(maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if legend:
        axes.legend(loc="upper right", fontsize=9)


def draw_risk(path: Path, plan: AutoscalingPlan) -> None:
    """Risk against cost: each quantile's floor, so that people can choose and see what the next replica buys."""
    with chart(height=HEIGHT_INCHES * max(len(plan.services), 1)) as figure:
        for i, (name, service) in enumerate(plan.services.items(), start=1):
            _risk_panel(figure, len(plan.services), i, name, service, plan.currency)
        save_chart(figure, path)


def _risk_panel(figure: Figure, panels: int, i: int, name: str, service: ServicePlan, currency: str) -> None:
    axes = figure.add_subplot(panels, 1, i)
    points = service.risk_against_cost
    priced = all(point.cost is not None for point in points)
    costs = np.array([point.cost if priced else point.replica_hours for point in points], dtype=np.float64)
    risks = np.array([100 * point.event_short_ratio for point in points])
    axes.plot(costs, risks, color=BLUE, marker="o")
    for point, cost, risk in zip(points, costs, risks, strict=True):
        colour = RED if abs(point.quantile_ratio - service.quantile_ratio) < 1e-9 else INK
        label = f"p{100 * point.quantile_ratio:g}"
        axes.annotate(label, (cost, risk), xytext=(4, 6), textcoords="offset points", fontsize=9, color=colour)
    axes.set_title(name)
    axes.set_ylim(bottom=-2, top=max(float(risks.max()) * 1.2, 5.0))
    axes.margins(x=0.08)
    axes.set_ylabel(_("% of events short"))
    axes.set_xlabel(_("cost of the floors") + f" ({currency})" if priced else _("replica-hours of the floors"))
