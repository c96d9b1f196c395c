"""The shop's calendar: every past campaign of the history and those to come, as plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from campaign.plan import Channel, Moment, Observed, Offer, Owner, Plan, Send, Slot
from campaign.plan_text import plan_text
from surgeplan.examples.double11.truth import HISTORY_STARTS_AT, NEXT_CAMPAIGN, ZONE

OPEN_RATIO = 0.04

COMMENTS = {
    "kind": "同类大促之间才可比",
    "part_of": "同一大促的几个波次共用群组事项",
    "drivers": "D-3 时已知、可能解释规模的数字",
    "channels": "怎么触达用户：推送按时刻，直播按时段，投放按金额",
    "moments": "流量会跳变的时刻，精确到秒",
    "offers": "用户会问客服和机器人的优惠",
    "expected": "市场部自己的预期；事后打分，不会被直接采信",
    "observed": "实际发生的数字（分钟级数据已过期）",
}
SYNTHETIC = "合成示例数据：由 surgeplan init --example double11 生成，不是真实店铺。"
BEFORE_HISTORY = "这场大促早于 history/ 里的流量，只知道复盘里的几个数字。"


@dataclass(frozen=True)
class Sketch:
    """The figures that differ from campaign to campaign; money in CNY, counts in thousands of people or coupons."""

    id: str
    name: str
    kind: str
    starts: str
    hours: float
    audience: float
    discount_ratio: float
    push: float
    spend: float = 0
    viewers: float = 0
    coupons: float = 0
    deposits: float = 0
    part_of: str | None = None
    sessions: float = 0
    """What marketing expects; 0 where nobody wrote it down."""
    orders: float = 0


FLAGSHIP, FLASH, LIVE = "flagship", "flash-sale", "livestream-day"
# fmt: off
SKETCHES = (
    Sketch("flash-2025-09-09", "99 划算节", FLASH, "2025-09-09T20:00", 4, 800, .22, 600, 120e3, coupons=80),
    Sketch("livestream-2025-09-25", "秋装直播日", LIVE, "2025-09-25T14:00", 10, 600, .15, 350, 160e3, 320),
    Sketch("flash-2025-10-16", "会员闪购", FLASH, "2025-10-16T10:00", 4, 650, .28, 500, 60e3, coupons=60),
    Sketch("double11-2025-wave1", "双11 第一波", FLAGSHIP, "2025-10-31T20:00", 28, 1700, .26, 1300,
           spend=900e3, viewers=350, coupons=300, deposits=210, part_of="double11-2025", sessions=7800, orders=360),
    Sketch("double11-2025-opening", "双11 开门红", FLAGSHIP, "2025-11-10T20:00", 28, 2000, .30, 1500,
           spend=1300e3, viewers=450, coupons=420, deposits=270, part_of="double11-2025", sessions=9500, orders=430),
    Sketch("livestream-2025-11-27", "感恩直播日", LIVE, "2025-11-27T14:00", 10, 700, .18, 400, 210e3, 420),
    Sketch("double12-2025", "双12", FLAGSHIP, "2025-12-11T20:00", 28, 1500, .22, 1200,
           spend=700e3, viewers=300, coupons=220, sessions=7000, orders=330),
    Sketch("flash-2025-12-24", "平安夜闪购", FLASH, "2025-12-24T20:00", 4, 850, .20, 650, 90e3, coupons=70),
    Sketch("flash-2026-01-08", "清仓闪购", FLASH, "2026-01-08T10:00", 4, 700, .35, 550, 50e3, coupons=90),
    Sketch("new-year-goods-2026", "年货节", FLAGSHIP, "2026-01-20T20:00", 52, 1800, .20, 1400,
           spend=1000e3, viewers=380, coupons=260, deposits=120, sessions=12000, orders=520),
    Sketch("womens-day-2026", "38 焕新", FLAGSHIP, "2026-03-06T20:00", 52, 1750, .24, 1300,
           spend=950e3, viewers=520, coupons=280, deposits=90, sessions=12500, orders=560),
    Sketch("livestream-2026-03-26", "春季直播日", LIVE, "2026-03-26T14:00", 10, 680, .16, 380, 180e3, 380),
    Sketch("flash-2026-04-08", "会员闪购", FLASH, "2026-04-08T20:00", 4, 900, .25, 700, 110e3, coupons=90),
    Sketch("livestream-2026-04-28", "五一前直播日", LIVE, "2026-04-28T14:00", 10, 760, .20, 430, 230e3, 460),
    Sketch("flash-2026-05-12", "520 预热闪购", FLASH, "2026-05-12T20:00", 4, 980, .24, 760, 140e3, coupons=110),
    Sketch("618-2026-opening", "618 开门红", FLAGSHIP, "2026-05-31T20:00", 28, 2100, .28, 1600,
           spend=1300e3, viewers=480, coupons=400, deposits=240, part_of="618-2026", sessions=9500, orders=440),
    Sketch("618-2026-peak", "618 高潮日", FLAGSHIP, "2026-06-17T20:00", 28, 2200, .27, 1650,
           spend=1400e3, viewers=500, coupons=430, part_of="618-2026", sessions=10000, orders=460),
    Sketch("flash-2026-07-15", "年中返场闪购", FLASH, "2026-07-15T10:00", 4, 760, .30, 580, 80e3, coupons=80),
    Sketch("livestream-2026-07-28", "夏季直播日", LIVE, "2026-07-28T14:00", 10, 820, .18, 470, 240e3, 520),
    Sketch("flash-2026-08-18", "818 闪购", FLASH, "2026-08-18T20:00", 4, 1050, .26, 820, 150e3, coupons=120),
    Sketch("livestream-2026-08-25", "开学季直播日", LIVE, "2026-08-25T14:00", 10, 850, .22, 500, 260e3, 560),
    Sketch("flash-2026-09-09", "99 划算节", FLASH, "2026-09-09T20:00", 4, 1100, .24, 860, 170e3, coupons=130),
    Sketch("livestream-2026-09-24", "秋装直播日", LIVE, "2026-09-24T14:00", 10, 900, .17, 520, 270e3, 600),
    Sketch("double11-2026-wave1", "双11 第一波", FLAGSHIP, "2026-10-31T20:00", 28, 2150, .27, 1600,
           spend=1300e3, viewers=480, coupons=420, deposits=280, part_of="double11-2026", sessions=10500, orders=480),
    Sketch(NEXT_CAMPAIGN, "双11 开门红", FLAGSHIP, "2026-11-10T20:00", 28, 2400, .30, 1800,
           spend=1700e3, viewers=500, coupons=500, deposits=320, part_of="double11-2026", sessions=12500, orders=580),
    Sketch("double11-2026-livestream", "双11 超级直播夜", LIVE, "2026-11-11T14:00", 10, 950, .20, 560,
           spend=300e3, viewers=650, part_of="double11-2026"),
    Sketch("double11-2026-encore", "双11 返场", FLASH, "2026-11-13T20:00", 4, 1000, .25, 780,
           spend=140e3, coupons=110, part_of="double11-2026"),
)
# fmt: on


@cache
def plans() -> tuple[Plan, ...]:
    """Every plan of the workspace, oldest first; two of them are known only by what was observed."""
    return (*_before_the_history(), *(_plan(sketch) for sketch in SKETCHES))


def simulated() -> tuple[Plan, ...]:
    """The plans that the generator plays: those after the history's start."""
    return tuple(plan for plan in plans() if plan.starts_at >= HISTORY_STARTS_AT)


def text_of(plan: Plan) -> str:
    """The plan's file, commented for the people who would write it."""
    head = [SYNTHETIC] if plan.starts_at >= HISTORY_STARTS_AT else [SYNTHETIC, BEFORE_HISTORY]
    return plan_text(plan, ZONE, head, COMMENTS)


def _before_the_history() -> Iterator[Plan]:
    for id, name, starts, audience, peak, sessions, orders in (
        ("double11-2024-opening", "双11 开门红", "2024-11-10T20:00", 1500e3, 5600.0, 5_200_000, 235_000),
        ("618-2025-opening", "618 开门红", "2025-05-31T20:00", 1700e3, 6700.0, 5_900_000, 265_000),
    ):
        starts_at = _local(starts)
        yield Plan(
            id=id,
            name=name,
            kind=FLAGSHIP,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=28),
            drivers={"audience": audience, "discount_ratio": 0.28},
            moments=(Moment(at=starts_at, kind="opening"),),
            observed=Observed(
                peak_requests_per_second=peak,
                peak_at=starts_at + timedelta(minutes=1),
                sessions=sessions,
                orders=orders,
                source="复盘报告（分钟数据已过期）",
            ),
        )


def _plan(sketch: Sketch) -> Plan:
    starts_at = _local(sketch.starts)
    ends_at = starts_at + timedelta(hours=sketch.hours)
    drivers = {"audience": sketch.audience * 1e3, "discount_ratio": sketch.discount_ratio}
    if sketch.coupons:
        drivers["coupon_quantity"] = sketch.coupons * 1e3
    if sketch.deposits:
        drivers["deposits_paid"] = sketch.deposits * 1e3
    return Plan(
        id=sketch.id,
        name=sketch.name,
        kind=sketch.kind,
        part_of=sketch.part_of,
        starts_at=starts_at,
        ends_at=ends_at,
        owner=Owner(team="marketing", name="林晓", contact="linxiao@example.com"),
        drivers=drivers,
        channels=tuple(_channels(sketch, starts_at, ends_at)),
        moments=tuple(_moments(sketch, starts_at, ends_at)),
        offers=tuple(_offers(sketch, starts_at, ends_at)),
        metrics=("sessions", "orders", "cac") if sketch.sessions else (),
        expected=_expected(sketch),
    )


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def _expected(sketch: Sketch) -> dict[str, float]:
    if not sketch.sessions:
        return {}
    return {"sessions": sketch.sessions * 1e3, "orders": sketch.orders * 1e3}


def _channels(sketch: Sketch, starts_at: datetime, ends_at: datetime) -> Iterator[Channel]:
    yield Channel(name="app-push", family="private-domain", sends=tuple(_sends(sketch, starts_at, ends_at)))
    if sketch.spend:
        yield Channel(
            name="douyin-feed",
            family="paid",
            spend=sketch.spend,
            starts_at=starts_at - timedelta(hours=8 if sketch.kind == FLAGSHIP else 2),
            ends_at=ends_at,
            lands_on="product",
        )
    if sketch.viewers:
        slots = tuple(_slots(sketch, starts_at))
        yield Channel(name="livestream", family="top-kol", slots=slots)


def _sends(sketch: Sketch, starts_at: datetime, ends_at: datetime) -> Iterator[Send]:
    """Five minutes before the opening to the coupon page; reminders to some of them later."""
    reach = sketch.push * 1e3
    first = starts_at - timedelta(minutes=5)
    page = "coupon" if sketch.coupons else "product"
    yield Send(at=first, reach=reach, per_second=20_000, open_ratio=OPEN_RATIO, lands_on=page)
    if sketch.kind == FLASH:
        return
    day = starts_at.replace(hour=0) + timedelta(days=1 if sketch.kind == FLAGSHIP else 0)
    reminders = [day + timedelta(hours=12, minutes=5), day + timedelta(hours=19, minutes=55)]
    for at in reminders if sketch.kind == FLAGSHIP else reminders[1:]:
        if at < ends_at:
            yield Send(at=at, reach=round(reach * 0.5), per_second=10_000, open_ratio=0.03, lands_on="product")


def _slots(sketch: Sketch, starts_at: datetime) -> Iterator[Slot]:
    opens = starts_at + timedelta(minutes=30) if sketch.kind == FLAGSHIP else starts_at + timedelta(hours=5)
    hours = 3 if sketch.kind == FLAGSHIP else 4
    yield Slot(
        starts_at=opens,
        ends_at=opens + timedelta(hours=hours),
        expected_viewers=sketch.viewers * 1e3,
        lands_on="product",
    )


def _moments(sketch: Sketch, starts_at: datetime, ends_at: datetime) -> Iterator[Moment]:
    yield Moment(at=starts_at, kind="flash-sale" if sketch.kind == FLASH else "opening")
    if not sketch.coupons:
        return
    midnight = starts_at.replace(hour=0) + timedelta(days=1)
    drop = starts_at + timedelta(hours=2) if sketch.kind == FLASH else midnight
    yield Moment(at=drop, kind="coupon-drop", quantity=sketch.coupons * 1e3, lands_on="coupon")
    if sketch.kind == FLAGSHIP:
        yield Moment(at=ends_at - timedelta(hours=2), kind="last-hours")


def _offers(sketch: Sketch, starts_at: datetime, ends_at: datetime) -> Iterator[Offer]:
    if sketch.kind == FLAGSHIP:
        yield Offer(
            id="cut-300-50",
            title="满300减50",
            rules="跨店每满300元减50元，可与店铺券叠加，不与会员价同享",
            announced_at=starts_at - timedelta(days=2),
            ends_at=ends_at,
        )
    elif sketch.kind == FLASH:
        yield Offer(
            id="flash-coupon",
            title="限时券",
            rules="限量发放，先到先得，当日 24 点前有效",
            announced_at=starts_at - timedelta(days=1),
            ends_at=ends_at,
        )
