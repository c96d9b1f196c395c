"""Channels side by side: return on spend, the nodes where people are lost, and the joint score with its next share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from metrics.daily import Daily, Floats
from metrics.pooling import pooled
from metrics.sql import Definitions
from playbooks.growth.policy import Churn, JointScore


@dataclass(frozen=True)
class ChannelRoi:
    """A channel's last seven days against the seven before: value per unit of spend, and the spend itself."""

    channel: str
    family: str
    roi: float
    before: float | None
    spend: float


@dataclass(frozen=True)
class ChurnNode:
    """A step of one channel that lets fewer through than in its baseline.

    lost: people who came to the step and would have gone on; lost_orders: those of them that would have ordered;
    lost_value: what these orders would have paid, where that is known.
    """

    channel: str
    step: tuple[str, str]
    ratio: float
    baseline_ratio: float
    lost: float
    lost_orders: float
    lost_value: float | None


@dataclass(frozen=True)
class Scored:
    """A channel's score over the average of channels (1), and the budget share that it suggests."""

    channel: str
    ltv: float
    roi: float
    conversion: float
    score: float
    share: float
    next_share: float


def channel_roi(daily: Daily, definitions: Definitions, families: dict[str, str]) -> list[ChannelRoi]:
    """Channels with spend, the best first."""
    found = []
    for channel in daily.channels:
        keys = [(channel,)]
        roi = pooled("roi", daily, definitions, keys, 7)
        spend = pooled("ad_cost", daily, definitions, keys, 7)
        if not len(roi) or not np.isfinite(roi[-1]):
            continue
        before = float(roi[-8]) if len(roi) > 7 and np.isfinite(roi[-8]) else None
        found.append(ChannelRoi(channel, families.get(channel, ""), float(roi[-1]), before, float(spend[-1])))
    return sorted(found, key=lambda c: -c.roi)


def churn_nodes(daily: Daily, definitions: Definitions, churn: Churn) -> list[ChurnNode]:
    """Where more people are lost than in the baseline, the dearest first."""
    nodes = [
        node
        for channel in daily.channels
        for place, step in enumerate(pairwise(churn.steps))
        if (node := _node(channel, step, churn.steps[place + 1 :], daily, definitions, churn))
    ]
    return sorted(nodes, key=lambda n: (-(n.lost_value or 0.0), -n.lost_orders, n.channel, n.step))[: churn.shown]


def _node(
    channel: str, step: tuple[str, str], rest: Sequence[str], daily: Daily, definitions: Definitions, churn: Churn
) -> ChurnNode | None:
    entering, leaving = (_now_and_before(name, channel, daily, definitions, churn) for name in step)
    if not (entering[0] >= churn.entering_min and entering[1] > 0):
        return None
    ratio, baseline = leaving[0] / entering[0], leaving[1] / entering[1]
    lost = entering[0] * (baseline - ratio)
    if not np.isfinite(lost) or lost <= 0:
        return None
    orders = lost
    for before, after in pairwise(rest):
        base = [_now_and_before(name, channel, daily, definitions, churn)[1] for name in (before, after)]
        orders *= base[1] / base[0] if base[0] > 0 else 0.0
    sales = _now_and_before("gmv_paid", channel, daily, definitions, churn)[1]
    sold = _now_and_before(churn.steps[-1], channel, daily, definitions, churn)[1]
    value = orders * sales / sold if np.isfinite(sales) and sold > 0 else None
    return ChurnNode(channel, step, ratio, baseline, lost, orders, value)


def _now_and_before(
    name: str, channel: str, daily: Daily, definitions: Definitions, churn: Churn
) -> tuple[float, float]:
    """The sum of the last days, and of the baseline days before them."""
    if name not in daily.values:
        return np.nan, np.nan
    values = pooled(name, daily, definitions, [(channel,)])
    now, before = values[-churn.days :], values[-churn.days - churn.baseline_days : -churn.days]
    return _total(now), _total(before)


def _total(values: Floats) -> float:
    return float(np.nansum(values)) if np.isfinite(values).any() else np.nan


def joint_scores(daily: Daily, definitions: Definitions, joint: JointScore) -> list[Scored]:
    """Channels with all three figures, the highest score first; shares of what these channels spend."""
    rows = {channel: _figures(channel, daily, definitions, joint) for channel in daily.channels}
    known = {c: r for c, r in rows.items() if np.isfinite(r).all() and (r > 0).all()}
    if not known:
        return []
    table = np.array([*known.values()])
    relative = table[:, :3] / np.exp(np.mean(np.log(table[:, :3]), axis=0))
    weights = np.array([joint.weights.get(name, 0.0) for name in ("ltv", "roi", "conversion")])
    scores = np.exp(np.log(relative) @ weights / max(weights.sum(), 1e-12))
    shares = table[:, 3] / table[:, 3].sum()
    following = _bounded(shares, shares * scores, joint.share_change_max_ratio)
    made = [
        Scored(channel, float(r[0]), float(r[1]), float(r[2]), float(scores[i]), float(shares[i]), float(following[i]))
        for i, (channel, r) in enumerate(known.items())
    ]
    return sorted(made, key=lambda s: -s.score)


def _figures(channel: str, daily: Daily, definitions: Definitions, joint: JointScore) -> Floats:
    """Customer value, return on spend, orders per session and spend of the last days that have them."""
    keys, days = [(channel,)], joint.over_days
    ltv, roi, spend = (pooled(n, daily, definitions, keys, days) for n in ("ltv", "roi", "ad_cost"))
    orders, sessions = (pooled(n, daily, definitions, keys, days) for n in ("orders", "sessions"))
    with np.errstate(invalid="ignore", divide="ignore"):
        conversion = orders / sessions
    return np.array([_newest(column) for column in (ltv, roi, conversion, spend)])


def _newest(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else np.nan


def _bounded(shares: Floats, wished: Floats, most: float) -> Floats:
    """Shares that sum to one, each within `most` of what it was: wishes scaled by one factor, found by bisection."""
    low, high = 1e-9, 1e9
    for _ in range(200):
        factor = np.sqrt(low * high)
        made = np.clip(factor * wished, shares * (1 - most), shares * (1 + most))
        low, high = (factor, high) if made.sum() < 1 else (low, factor)
    return np.asarray(made / made.sum())
