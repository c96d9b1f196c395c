"""`out/<id>/traffic.html`: why this number, for the D-3 meeting and on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup

from campaign.demand import DemandPaths
from campaign.language import _
from campaign.numbers import local_minute, percent, spoken
from campaign.pages import render
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Quantiles, TrafficModel
from forecast.epochs import epoch
from forecast.explain.bridge import told
from forecast.explain.words import driver_name, knowledge_text, step_name

PAST_SHOWN = 8


@dataclass(frozen=True)
class Row:
    """One line of a table: what it is called, and its figures as people read them."""

    name: str
    figures: tuple[str, ...]


def why_page(model: TrafficModel, plan: Plan, demand: DemandPaths, picture: str, settings: Settings) -> str:
    """The page in the current language. picture: the SVG of `traffic.svg`."""
    zone = ZoneInfo(plan.time_zone or settings.time_zone)
    total = model.total.peak_requests_per_second
    return render(
        "forecast",
        "why.html",
        title=plan.title,
        at=local_minute(model.total.peak_at_utc, zone),
        as_of=local_minute(model.as_of_utc, zone, year=True),
        days=f"{model.lead_days:.3g}",
        zone=zone.key,
        tiles=[(name, spoken(getattr(total, name))) for name in ("p50", "p90", "p99")],
        knowledge=knowledge_text(model.knowledge),
        bridge=bridge_rows(model),
        bridge_from=None if model.bridge is None else model.bridge.from_campaign,
        effects=effect_rows(model, zone),
        expected=expected_rows(plan, demand),
        services=service_rows(model, zone),
        past=past_rows(model),
        tests=backtest_rows(model),
        assumptions=model.spoken_assumptions(),
        picture=Markup(picture[picture.index("<svg") :]),
    )


def bridge_rows(model: TrafficModel) -> list[Row]:
    """From the last comparable campaign's real peak step by step, small steps as one."""
    if model.bridge is None:
        return []
    first = model.bridge.from_peak_requests_per_second
    rows = [Row(_("last comparable: {campaign}").format(campaign=model.bridge.from_campaign), ("", spoken(first)))]
    for step in told(model.bridge):
        sign = "+" if step.change_requests_per_second > 0 else "−"
        change = sign + spoken(abs(step.change_requests_per_second))
        rows.append(Row(step_name(step.step), (change, spoken(step.reaches_requests_per_second))))
    return rows


def effect_rows(model: TrafficModel, zone: ZoneInfo) -> list[Row]:
    """What each channel and moment adds where it adds most, all services together."""
    sums: dict[tuple[str, str], list[float]] = {}
    for effect in model.effects:
        found = effect.added_requests_per_second
        key = (effect.driver, local_minute(effect.at_utc, zone))
        so_far = sums.setdefault(key, [0.0, 0.0, 0.0])
        sums[key] = [a + b for a, b in zip(so_far, (found.p10, found.p50, found.p90), strict=True)]
    return [
        Row(f"{driver_name(driver)} · {at}", (spoken(p50), f"{spoken(p10)} – {spoken(p90)}"))
        for (driver, at), (p10, p50, p90) in sums.items()
    ]


def expected_rows(plan: Plan, demand: DemandPaths) -> list[Row]:
    """Marketing's own figures beside the forecast's, over the campaign."""
    hours = demand.hours_utc.astype("datetime64[s]").astype(np.int64)
    inside = (hours >= epoch(plan.starts_at) // 3600 * 3600) & (hours < epoch(plan.ends_at))
    rows = []
    for name, label, paths in (
        ("sessions", _("sessions"), demand.sessions),
        ("orders", _("orders"), demand.orders),
    ):
        found = Quantiles.of(paths[:, inside].sum(axis=1))
        given = plan.expected.get(name)
        marketing = "–" if given is None else spoken(given)
        rows.append(Row(label, (marketing, spoken(found.p50), f"{spoken(found.p10)} – {spoken(found.p90)}")))
    return rows


def service_rows(model: TrafficModel, zone: ZoneInfo) -> list[Row]:
    """Every service's peak; the largest forty where there are more."""
    ordered = sorted(model.services.items(), key=lambda item: -item[1].peak_requests_per_second.p50)
    return [
        Row(
            name,
            (
                spoken(peak.peak_requests_per_second.p50),
                spoken(peak.peak_requests_per_second.p90),
                local_minute(peak.peak_at_utc, zone),
            ),
        )
        for name, peak in ordered[:40]
    ]


def past_rows(model: TrafficModel) -> list[Row]:
    """The past campaigns that weigh most."""
    return [Row(one.campaign, (percent(one.weight_ratio),)) for one in model.learned_from[:PAST_SHOWN]]


def backtest_rows(model: TrafficModel) -> list[Row]:
    """How the method did on past campaigns."""
    found = model.back_test
    if not found.campaigns or found.wape_ratio is None or found.peak_error_ratio is None:
        return []
    return [
        Row(_("past campaigns forecast again"), (str(found.campaigns),)),
        Row(_("error by hour"), (percent(found.wape_ratio),)),
        Row(_("error of the peak"), (percent(found.peak_error_ratio),)),
        Row(_("peaks inside p90"), (f"{found.peaks_within_p90}/{found.campaigns}",)),
        Row(_("peaks inside p99"), (f"{found.peaks_within_p99}/{found.campaigns}",)),
    ]
