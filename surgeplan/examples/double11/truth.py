"""The true effects behind the synthetic shop: what a good forecaster should find. The generator reads nothing else.

Demand of service s at time t, in requests per second:

    demand = base · survival · pull_forward
             · (1 + Σ_campaigns e^(campaign draw) · Σ_drivers loading · amplitude · kernel)

Amplitudes are relative: 1.0 adds once the base of that moment. Documented for people in docs/examples/double11.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
HISTORY_STARTS_AT = datetime(2025, 9, 1, tzinfo=ZONE)
HISTORY_ENDS_AT = datetime(2026, 11, 7, 20, tzinfo=ZONE)
"""Three days before the next campaign, `NEXT_CAMPAIGN`, starts."""
WORLD_ENDS_AT = datetime(2026, 11, 30, tzinfo=ZONE)
"""The generator knows what comes after the history's end: what a forecast is scored against."""
NEXT_CAMPAIGN = "double11-2026-opening"

SERVICES = ("gateway", "storefront", "checkout", "coupon")
BASE_REQUESTS_PER_SECOND = {"gateway": 290.0, "storefront": 240.0, "checkout": 27.0, "coupon": 20.0}
"""Mean demand on an ordinary day when the history starts."""
GROWTH_LOG_PER_YEAR = 0.22
YEARLY_LOG_AMPLITUDE = 0.05
"""Highest at the start of December."""
HOURLY_LOG_PROFILE = (
    -0.62, -1.12, -1.55, -1.80, -1.86, -1.66, -1.16, -0.62, -0.22, 0.05, 0.20, 0.21,
    0.28, 0.24, 0.14, 0.15, 0.18, 0.18, 0.22, 0.38, 0.58, 0.66, 0.48, -0.02,
)  # fmt: skip
"""Log of the level at the middle of each local hour; the generator centres it so that the day's mean is 1."""
WEEKDAY_LOG = (0.0, -0.02, -0.02, 0.0, 0.03, 0.09, 0.08)
"""Monday first."""
WEEKEND_MORNING_LOG = 0.18
"""Added from 09:00 to 12:00 on Saturdays and Sundays: people shop later on working days."""
HOLIDAY_LOG = {"Chinese New Year": -0.34, "National Day": -0.08, "Labor Day": 0.05, "Day off": -0.04}
"""By the beginning of the holiday's English name in the `holidays` library; other public holidays have none."""

SHARED_NOISE = (0.040, 6.0)
"""Standard deviation (log) and correlation time (hours) of the noise all services share."""
OWN_NOISE = (0.020, 1.0)
MINUTE_NOISE_LOG_SD = 0.015
"""Independent from minute to minute, on top of the Poisson noise of counting."""

CAMPAIGN_DRAW_SD = 0.12
"""One draw per campaign, shared by its services, on the log of everything the campaign adds."""
SERVICE_DRAW_SD = 0.03
"""And one per campaign and service."""
SURVIVAL_LOSS_RATIO = 0.40
"""Inside a campaign the day's pattern keeps only 1 − 0.40 of its (log) size: people come when the offers are."""
SHOULDER_MINUTES = 15
PULL_FORWARD_BEFORE_LOG, PULL_FORWARD_BEFORE_HOURS = -0.06, 48
"""A flagship campaign empties the two days before it (ramp) …"""
PULL_FORWARD_AFTER_LOG, PULL_FORWARD_AFTER_HOURS = -0.08, 36
"""… and the days after it (exponential decay)."""


@dataclass(frozen=True)
class KindTruth:
    """What a campaign of a kind does at its reference audience and discount."""

    plateau: float
    """Relative uplift through the whole campaign."""
    opening: float
    """Relative uplift of the very second at which an opening, flash sale or last-hours moment peaks, by moment kind."""
    reference_audience: float


KINDS = {
    "flagship": KindTruth(plateau=0.70, opening=8.0, reference_audience=2_000_000),
    "flash-sale": KindTruth(plateau=0.45, opening=5.0, reference_audience=900_000),
    "livestream-day": KindTruth(plateau=0.30, opening=1.2, reference_audience=700_000),
}
AUDIENCE_EXPONENT = 0.7
"""Plateau and openings scale with (audience / reference) ^ 0.7 …"""
DISCOUNT_LOG_SLOPE, REFERENCE_DISCOUNT_RATIO = 1.5, 0.25
"""… and with exp(1.5 · (discount − 0.25))."""
MOMENT_WEIGHT = {"opening": 1.0, "flash-sale": 1.0, "last-hours": 0.12}
"""Share of the kind's `opening` that a moment of this kind brings."""
COUPON_DROP_AMPLITUDE, COUPON_DROP_QUANTITY, COUPON_DROP_EXPONENT = 1.6, 500_000, 0.7
PUSH_AMPLITUDE_PER_10_000_OPENS = 0.17
LIVESTREAM_AMPLITUDE, LIVESTREAM_VIEWERS, LIVESTREAM_EXPONENT = 0.40, 500_000, 0.85
SPEND_SATURATION, SPEND_HALF, SPEND_HALF_LIFE_HOURS = 0.60, 1_500_000.0, 24.0
"""Per campaign and channel: amplitude = 0.60 · stock / (stock + 1 500 000 CNY); the stock of spend halves in a day."""

# Kernels: relative size by seconds since the moment, each with its maximum near 1.
SPIKE_PEAK_SECONDS = 26.0
"""The opening's peak comes 26 s after the moment, as reported of Alibaba's in 2020."""
SPIKE_FAST_SECONDS, SPIKE_SLOW_SECONDS, SPIKE_FAST_SHARE = 90.0, 2_400.0, 0.55
REFRESH_SHARE, REFRESH_SECONDS = 0.22, 150.0
"""Before it, people refresh: up to 0.22 of the peak, growing e-fold every 150 s."""
PUSH_RISE_SECONDS, PUSH_DECAY_SECONDS = 110.0, 1_080.0
LIVESTREAM_SHOULDER_SECONDS = 420.0

LOADINGS: dict[str, tuple[float, float, float, float]] = {
    "plateau": (1.0, 0.90, 1.70, 1.50),
    "spike": (1.0, 0.85, 1.90, 1.80),
    "coupon-drop": (0.6, 0.25, 1.00, 4.50),
    "push": (1.0, 1.05, 0.70, 0.80),
    "push to coupon": (0.8, 0.60, 0.70, 3.20),
    "livestream": (1.0, 1.05, 1.00, 0.90),
    "spend": (1.0, 1.12, 0.50, 0.50),
}
"""How much of a driver each service feels, in the order of SERVICES."""


@dataclass(frozen=True)
class Outage:
    """Demand came, only a share of it was served: the history is censored here."""

    starts_at: datetime
    ends_at: datetime
    served_ratio: dict[str, float]


OUTAGE = Outage(
    datetime(2026, 5, 31, 20, 3, tzinfo=ZONE),
    datetime(2026, 5, 31, 20, 41, tzinfo=ZONE),
    {"gateway": 0.32, "storefront": 0.38, "checkout": 0.03, "coupon": 0.22},
)
"""The orders database ran out of connections three minutes into 618."""
GAP = (datetime(2026, 2, 25, 3, tzinfo=ZONE), datetime(2026, 2, 26, 9, tzinfo=ZONE))
"""Monitoring was moved: no rows for any service."""

# Behind the traffic.
STOREFRONT_REQUESTS_PER_SESSION = 7.7
CHECKOUT_REQUESTS_PER_ORDER = 25.0
ORDERS_LOG_NOISE_SD = 0.02


@dataclass(frozen=True)
class Intent:
    """Why people ask: `contacts_per_order` (or per 1 000 sessions) that arrive with a lag, spread over desks."""

    name: str
    follows: str
    """`orders`, `sessions`, or `announced` (sessions of the campaign to come)."""
    contacts_per_unit: float
    lag_hours: float
    """Mean of the (normal, cut at zero) lag kernel; negative means before."""
    lag_sd_hours: float
    desks: dict[str, float]
    """Share by desk; sums to one."""
    bot_handled_ratio: float
    bot_resolved_ratio: float


INTENTS = (
    Intent("pre-sale", "sessions", 0.00045, 0.0, 2.0, {"chat": 0.9, "phone": 0.1}, 0.80, 0.50),
    Intent("promotion-rules", "announced", 0.0010, -24.0, 12.0, {"chat": 0.95, "phone": 0.05}, 0.85, 0.60),
    Intent("payment", "orders", 0.006, 1.0, 1.0, {"chat": 0.7, "phone": 0.3}, 0.60, 0.30),
    Intent("where-is-my-order", "orders", 0.030, 72.0, 20.0, {"chat": 0.7, "phone": 0.2, "ticket": 0.1}, 0.75, 0.55),
    Intent("refund", "orders", 0.018, 168.0, 36.0, {"chat": 0.5, "phone": 0.2, "ticket": 0.3}, 0.50, 0.25),
)
DESK_OPEN_HOURS = {"phone": (9, 22), "chat": (8, 26), "ticket": (0, 24)}
"""Local hours; 26 is two in the morning. Contacts come only while a desk is open."""
CONTACTS_LOG_NOISE_SD = 0.08

SPEND_PER_DAY = {"douyin-feed": 42_000.0, "wechat-moments": 26_000.0, "search-ads": 18_000.0}
"""Always on, CNY; part of the base, so it has no effect of its own."""
COST_PER_NEW_USER = {"douyin-feed": 18.0, "wechat-moments": 24.0, "search-ads": 31.0}
ORGANIC_NEW_USERS_PER_1000_SESSIONS = 1.6
RETAINED_RATIO = {"douyin-feed": 0.16, "wechat-moments": 0.21, "search-ads": 0.27, "organic": 0.34}
CAMPAIGN_RETENTION_LOSS_RATIO = 0.25
"""New users won inside a campaign come back a quarter less often (bargain hunters)."""
# What a new user's first days bring, as the shop's BI attributes it to channels.
ORDERS_PER_NEW_USER = 1.1
ORDER_VALUE = 52.0
SALES_LOG_NOISE_SD = 0.05


@dataclass(frozen=True)
class RoiFall:
    """A channel whose sales fall by `ratio` from a day on, for the early warning to find."""

    channel: str
    starts_on: date
    ratio: float

    @property
    def day(self) -> int:
        return (self.starts_on - HISTORY_STARTS_AT.date()).days


ROI_FALL = RoiFall("wechat-moments", date(2026, 10, 20), 0.25)

NPS_SHARES = {"promoters": 0.46, "detractors": 0.17}
WISMO_NPS_LOSS = 0.05
"""Promoters lost, detractors gained, three days after a campaign of twice the usual orders, and in proportion."""
