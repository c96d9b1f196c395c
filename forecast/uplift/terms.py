"""What a plan says will move traffic, as terms: each an instant or stretch, a kernel, a volume and a learned amplitude.

Three manners of adding, after the way demand arises:
- `share`: a share of ordinary traffic while the campaign runs (more people browse, at the hours they browse);
- `level`: a share of the service's typical level around an instant (an opening at midnight is no night traffic);
- `volume`: requests per person reached, per viewer or per unit of money, spread over time by the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaign.plan import Channel, Plan, Send, Slot
from forecast.epochs import epoch

Manner = Literal["share", "level", "volume"]
Kernel = Literal["plateau", "opening", "closing", "spike", "surge", "ramp", "pulse", "slot", "spend"]

SUDDEN = ("opening", "coupon-drop", "flash-sale", "presale-open", "balance")
OPEN_RATIO_ASSUMED = 0.04
SOFT_GAP_SECONDS = 900


@dataclass(frozen=True)
class Term:
    """One thing in a plan that moves traffic.

    driver: what people call it, such as `app-push` or `opening`; amplitudes are learned per driver and kernel.
    starts, ends: seconds since 1970; an instant has both equal. sending_seconds: how long a send takes to go out.
    volume: people expected to come, viewers, money or pieces; None where the plan gives none.
    lands_on: the service or stage of a visit that people come to. soft: the beginning is no instant that people know.
    """

    campaign: str
    driver: str
    kernel: Kernel
    manner: Manner
    starts: int
    ends: int
    volume: float | None = None
    sending_seconds: float = 60.0
    lands_on: str | None = None
    soft: bool = False

    @property
    def amplitude(self) -> str:
        """The learned amplitude that this term shares with its like in other campaigns."""
        return f"{self.driver}/{self.kernel}/{self.manner}"

    @property
    def sudden(self) -> bool:
        """Whether it happens at an instant that people know to the second."""
        return self.driver in SUDDEN

    @property
    def decay(self) -> str | None:
        """The learned time scale that this term shares with its like; None for kernels of fixed form."""
        if self.kernel == "pulse":
            return "pulse"
        learned = self.kernel in ("spike", "surge") or (self.kernel == "ramp" and self.sudden)
        return f"{self.driver}/{self.kernel}" if learned else None


def terms_of(plan: Plan) -> tuple[Term, ...]:
    """Every term of a plan."""
    return (*_window(plan), *_moments(plan), *(t for channel in plan.channels for t in _channel(plan, channel)))


def _window(plan: Plan) -> Iterator[Term]:
    """A plan whose moments and sends all lie away from its start does not begin on the minute."""
    starts, ends = epoch(plan.starts_at), epoch(plan.ends_at)
    gaps = [abs((at - plan.starts_at).total_seconds()) for at in plan.instants]
    soft = bool(gaps) and min(gaps) > SOFT_GAP_SECONDS
    yield Term(plan.id, "campaign", "plateau", "share", starts, ends, soft=soft)
    yield Term(plan.id, "campaign", "opening", "share", starts, ends, soft=soft)
    yield Term(plan.id, "campaign", "closing", "share", starts, ends, soft=soft)


def _moments(plan: Plan) -> Iterator[Term]:
    """Moments of one kind are one term each; two kinds at one instant stay two."""
    for moment in plan.moments:
        at = epoch(moment.at)
        for kernel in ("spike", "surge", "ramp"):
            yield Term(plan.id, moment.kind, kernel, "level", at, at, moment.quantity, lands_on=moment.lands_on)


def _channel(plan: Plan, channel: Channel) -> Iterator[Term]:
    for send in channel.sends:
        yield _send(plan, channel, send)
    for slot in channel.slots:
        yield _slot(plan, channel, slot)
    if channel.spend is not None and not channel.sends and not channel.slots:
        starts, ends = channel.starts_at or plan.starts_at, channel.ends_at or plan.ends_at
        landing = channel.lands_on
        yield Term(plan.id, channel.name, "spend", "volume", epoch(starts), epoch(ends), channel.spend, 60.0, landing)


def sending_seconds(send: Send) -> float:
    """How long a send takes to go out."""
    return send.reach / send.per_second if send.per_second else 60.0


def openers(send: Send) -> float:
    """People expected to come."""
    return send.reach * (OPEN_RATIO_ASSUMED if send.open_ratio is None else send.open_ratio)


def send_term(plan: Plan, channel: str, send: Send) -> Term:
    """One more send on a channel, which is new where the plan has none of that name."""
    return _send(plan, next((known for known in plan.channels if known.name == channel), Channel(name=channel)), send)


def _send(plan: Plan, channel: Channel, send: Send) -> Term:
    at = epoch(send.at)
    landing = send.lands_on or channel.lands_on
    return Term(plan.id, channel.name, "pulse", "volume", at, at, openers(send), sending_seconds(send), landing)


def _slot(plan: Plan, channel: Channel, slot: Slot) -> Term:
    starts, ends = epoch(slot.starts_at), epoch(slot.ends_at)
    manner: Manner = "level" if slot.expected_viewers is None else "volume"
    landing = slot.lands_on or channel.lands_on
    return Term(plan.id, channel.name, "slot", manner, starts, ends, slot.expected_viewers, 60.0, landing)


def span(plan: Plan, before_seconds: int, after_seconds: int) -> tuple[int, int]:
    """Everything the plan touches, in seconds since 1970: window, moments, sends, slots, widened on both sides."""
    times: list[datetime] = [plan.starts_at, plan.ends_at, *plan.instants]
    times += [t for channel in plan.channels for slot in channel.slots for t in (slot.starts_at, slot.ends_at)]
    return epoch(min(times)) - before_seconds, epoch(max(times)) + after_seconds
