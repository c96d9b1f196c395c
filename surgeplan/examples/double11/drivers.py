"""What each driver of a plan adds: kernels to the second, amplitudes, and which service feels them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Channel, Moment, Plan, Send
from surgeplan.examples.double11 import truth

Seconds = NDArray[np.float64]
Kernel = Callable[[Seconds], Seconds]
TAIL_SECONDS = 5 * truth.SPIKE_SLOW_SECONDS
REFRESH_FROM_SECONDS = 1_800.0


@dataclass(frozen=True)
class Driver:
    """One cause of extra demand: `loading[service] · amplitude · kernel(seconds since at)`, relative to the base."""

    name: str
    """`plateau`, the moment's kind, or the channel's name."""
    at: datetime
    amplitude: float
    kernel: Kernel
    from_seconds: float
    until_seconds: float
    felt_as: str
    """Which line of `truth.LOADINGS` holds."""


def drivers_of(plan: Plan) -> Iterator[Driver]:
    """Every driver of a plan, with its true amplitude before the campaign's draw."""
    kind = truth.KINDS[plan.kind]
    scale = campaign_scale(plan)
    seconds = (plan.ends_at - plan.starts_at).total_seconds()
    shoulder = truth.SHOULDER_MINUTES * 60.0
    yield Driver(
        "plateau",
        plan.starts_at,
        kind.plateau * scale,
        partial(plateau_kernel, length=seconds, shoulder=shoulder),
        -shoulder,
        seconds + shoulder,
        "plateau",
    )
    for moment in plan.moments:
        yield _moment(moment, kind.opening * scale)
    for channel in plan.channels:
        yield from _channel(channel)


def campaign_scale(plan: Plan) -> float:
    """What audience and discount make of the kind's reference campaign."""
    audience = plan.drivers["audience"] / truth.KINDS[plan.kind].reference_audience
    discount = plan.drivers["discount_ratio"] - truth.REFERENCE_DISCOUNT_RATIO
    return float(audience**truth.AUDIENCE_EXPONENT * np.exp(truth.DISCOUNT_LOG_SLOPE * discount))


def _moment(moment: Moment, opening: float) -> Driver:
    spike = (spike_kernel, -REFRESH_FROM_SECONDS, TAIL_SECONDS)
    if moment.kind == "coupon-drop":
        quantity = (moment.quantity or 0) / truth.COUPON_DROP_QUANTITY
        amplitude = truth.COUPON_DROP_AMPLITUDE * quantity**truth.COUPON_DROP_EXPONENT
        return Driver(moment.kind, moment.at, amplitude, *spike, "coupon-drop")
    return Driver(moment.kind, moment.at, opening * truth.MOMENT_WEIGHT[moment.kind], *spike, "spike")


def _channel(channel: Channel) -> Iterator[Driver]:
    for send in channel.sends:
        yield _push(channel.name, send)
    for slot in channel.slots:
        seconds = (slot.ends_at - slot.starts_at).total_seconds()
        viewers = (slot.expected_viewers or 0) / truth.LIVESTREAM_VIEWERS
        shoulder = truth.LIVESTREAM_SHOULDER_SECONDS
        kernel = partial(plateau_kernel, length=seconds, shoulder=shoulder)
        amplitude = truth.LIVESTREAM_AMPLITUDE * viewers**truth.LIVESTREAM_EXPONENT
        yield Driver(channel.name, slot.starts_at, amplitude, kernel, -shoulder, seconds + shoulder, "livestream")
    if channel.spend and channel.starts_at and channel.ends_at:
        seconds = (channel.ends_at - channel.starts_at).total_seconds()
        kernel = partial(spend_kernel, length=seconds, spend=channel.spend)
        tail = 6 * truth.SPEND_HALF_LIFE_HOURS * 3600
        yield Driver(channel.name, channel.starts_at, truth.SPEND_SATURATION, kernel, 0.0, seconds + tail, "spend")


def _push(name: str, send: Send) -> Driver:
    opens = send.reach * (send.open_ratio or 0.0)
    sending = send.reach / (send.per_second or send.reach)
    kernel = partial(push_kernel, sending_seconds=sending)
    felt_as = "push to coupon" if send.lands_on == "coupon" else "push"
    amplitude = truth.PUSH_AMPLITUDE_PER_10_000_OPENS * opens / 10_000
    return Driver(name, send.at, amplitude, kernel, 0.0, sending + 8 * truth.PUSH_DECAY_SECONDS, felt_as)


def spike_kernel(seconds: Seconds) -> Seconds:
    """Refreshing before, a rise to 1 at 26 s, then a fast and a slow decay."""
    before = truth.REFRESH_SHARE * np.exp(np.minimum(seconds, 0.0) / truth.REFRESH_SECONDS)
    rise = truth.REFRESH_SHARE + (1 - truth.REFRESH_SHARE) * seconds / truth.SPIKE_PEAK_SECONDS
    past = np.maximum(seconds - truth.SPIKE_PEAK_SECONDS, 0.0)
    fast = truth.SPIKE_FAST_SHARE * np.exp(-past / truth.SPIKE_FAST_SECONDS)
    slow = (1 - truth.SPIKE_FAST_SHARE) * np.exp(-past / truth.SPIKE_SLOW_SECONDS)
    return np.where(seconds < 0, before, np.where(past > 0, fast + slow, np.minimum(rise, 1.0)))


def push_kernel(seconds: Seconds, sending_seconds: float) -> Seconds:
    """(1 − e^(−t/rise)) · e^(−t/decay), averaged over a batch sent evenly through `sending_seconds`."""
    rise = 1 / (1 / truth.PUSH_RISE_SECONDS + 1 / truth.PUSH_DECAY_SECONDS)
    decay = truth.PUSH_DECAY_SECONDS

    def arrived(t: Seconds) -> Seconds:
        past = np.maximum(t, 0.0)
        return decay * (1 - np.exp(-past / decay)) - rise * (1 - np.exp(-past / rise))

    return (arrived(seconds) - arrived(seconds - sending_seconds)) / sending_seconds


def plateau_kernel(seconds: Seconds, length: float, shoulder: float) -> Seconds:
    """1 from start to end, with straight shoulders outside."""
    return np.clip(np.minimum(seconds, length - seconds) / shoulder + 1, 0.0, 1.0)


def spend_kernel(seconds: Seconds, length: float, spend: float) -> Seconds:
    """Saturation stock/(stock + half) of money spent evenly over `length`, whose effect halves in a day."""
    rate = np.log(2) / (truth.SPEND_HALF_LIFE_HOURS * 3600)
    running = np.minimum(np.maximum(seconds, 0.0), length)
    stock = spend / length * (1 - np.exp(-rate * running)) / rate * np.exp(-rate * np.maximum(seconds - length, 0.0))
    return np.asarray(stock / (stock + truth.SPEND_HALF))


def minute_means(driver: Driver) -> tuple[int, NDArray[np.float32]]:
    """The kernel averaged over whole minutes, to the second: first minute relative to `at`'s own, and the means."""
    first = int(np.floor(driver.from_seconds / 60))
    last = int(np.ceil(driver.until_seconds / 60))
    step = 1.0 if last - first < 1_000 else 10.0
    offsets = np.arange(0.0, 60.0, step) + step / 2
    means = np.zeros(last - first, dtype=np.float32)
    for offset in offsets:
        means += driver.kernel(np.arange(first, last) * 60.0 + offset).astype(np.float32)
    return first, means / np.float32(len(offsets))
