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
from campaign.numbers import percent, spoken
from playbooks.autoscaling.backtest import Picture
from playbooks.autoscaling.bargain import what_the_next_buys
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.plan import RiskPoint, ServicePlan
from playbooks.simulation.fleet import TICK_SECONDS, TICKS_PER_MINUTE

WIDTH_INCHES, LETTERS, NAME_COLUMNS = 4.4, 10, 26
HEIGHT_INCHES, LEGEND_INCHES = 2.2, 0.9
RISK_HEIGHT_INCHES, RISK_TITLE_INCHES = 2.7, 0.4
SERVICES_DRAWN = 8
NOTE_WIDTH = {"en": 54, "zh": 26}


def draw_replay(path: Path, setting: Setting, pictures: Mapping[str, Picture]) -> None:
    """One panel for each of the busiest services around the busiest minute of all: what came, and what plan and HPA
    alone could carry."""
    shown = around_peak([picture.demand_requests_per_second for picture in pictures.values()])
    drawn = busiest(pictures)
    with chart(WIDTH_INCHES, LEGEND_INCHES + HEIGHT_INCHES * max(len(drawn), 1)) as figure:
        for i, name in enumerate(drawn, start=1):
            _replay_panel(figure.add_subplot(len(drawn), 1, i), name, pictures[name], setting, shown)
        if figure.axes:
            title = _("the busiest {count} of {of} services").format(count=len(drawn), of=len(pictures))
            figure.legend(
                *figure.axes[0].get_legend_handles_labels(), loc="outside upper left", fontsize=LETTERS,
                title=title if len(drawn) < len(pictures) else None, title_fontsize=LETTERS, alignment="left",
            )  # fmt: skip
        save_chart(figure, path)


def busiest(pictures: Mapping[str, Picture]) -> list[str]:
    """The services to draw, in the plan's order: all of them, or of many those with the highest demand."""
    by_peak = sorted(pictures, key=lambda name: -float(pictures[name].demand_requests_per_second.max()))
    return [name for name in pictures if name in by_peak[:SERVICES_DRAWN]]


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
    """Risk against cost: what each quantile's floor leaves short and costs, so that people can choose, and what the
    next replica buys."""
    services = setting.plan.services
    with chart(WIDTH_INCHES, RISK_TITLE_INCHES + RISK_HEIGHT_INCHES * max(len(services), 1)) as figure:
        for i, (name, service) in enumerate(services.items(), start=1):
            _risk_panel(figure.add_subplot(len(services), 1, i), name, service, setting)
        title = _("% of events short of the floor, and its cost")
        figure.suptitle(title, x=0.01, ha="left", fontsize=LETTERS + 2, fontweight="bold")
        save_chart(figure, path)


def _risk_panel(axes: Axes, name: str, service: ServicePlan, setting: Setting) -> None:
    """A bar for each quantile, with its figures: where points lie close together, rows still do not."""
    rows = range(len(service.risk_against_cost))
    axes.set_yticks(rows, [f"p{100 * point.quantile_ratio:g}" for point in service.risk_against_cost])
    for row, label, point in zip(rows, axes.get_yticklabels(), service.risk_against_cost, strict=True):
        chosen = abs(point.quantile_ratio - service.quantile_ratio) < 1e-9
        colour, weight = (RED, "bold") if chosen else (INK, "normal")
        label.set(color=colour, weight=weight)
        axes.barh(row, 100 * point.event_short_ratio, color=RED if chosen else BLUE)
        axes.annotate(
            _what_it_costs(point, setting.plan.currency) + (" " + _("(chosen)") if chosen else ""),
            (100 * point.event_short_ratio, row), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=LETTERS, color=colour, weight=weight,
        )  # fmt: skip
    axes.invert_yaxis()
    axes.set_xlim(0, max([*(100 * point.event_short_ratio for point in service.risk_against_cost), 1.0]) * 3)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(labelsize=LETTERS)
    axes.set_title(fitted(name, NAME_COLUMNS), fontsize=LETTERS + 1)
    if service.steps:
        said = fill(what_the_next_buys(service, setting.zone, setting.plan.currency), NOTE_WIDTH[current_language()])
        axes.set_xlabel(said, loc="left", fontsize=LETTERS, color=MUTED, linespacing=1.4)


def _what_it_costs(point: RiskPoint, currency: str) -> str:
    """`5.2 % · 1,230 CNY`, or in replica-hours where nobody gave a price."""
    priced = _("{hours} replica-hours").format(hours=spoken(point.replica_hours))
    cost = priced if point.cost is None else f"{spoken(point.cost)} {currency}"
    return f"{percent(point.event_short_ratio)} · {cost}"
