"""Shapes other than the campaign's own: ramp, soak, breakpoint, spike on top, limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from loadtest.policy import Profiles
from loadtest.scenario import Profile

Floats = NDArray[np.float64]
OWN_CURVE: tuple[Profile, ...] = ("replay", "spike")
MINUTE = 60


def profile_seconds(profile: Profile, policy: Profiles) -> int:
    """How long a profile with a shape of its own takes where nobody says."""
    minutes = {
        "ramp": policy.ramp_minutes,
        "soak": policy.soak_minutes,
        "breakpoint": policy.breakpoint_minutes,
        "limits": policy.limits_minutes,
    }
    return round(minutes[profile] * 60)


def shaped(rates: Floats, profile: Profile, seconds: int, policy: Profiles) -> Floats:
    """The rates that a profile sends, shape [service, second], from the curve's own.

    `replay` and `spike` keep the curve's length; the others last `seconds` at the mix of its highest minute.
    """
    if profile == "replay":
        return rates
    if profile == "spike":
        return _with_spike(rates, policy)
    return np.asarray(highest_minute(rates)[:, None] * _shares(profile, seconds, policy)[None, :], np.float64)


def highest_minute(rates: Floats) -> Floats:
    """Each service's mean rate over the minute in which all of them together are highest, shape [service]."""
    span = min(MINUTE, rates.shape[1])
    sums = np.concatenate([[0.0], np.cumsum(rates.sum(axis=0))])
    first = int(np.argmax(sums[span:] - sums[:-span]))
    return np.asarray(rates[:, first : first + span].mean(axis=1), np.float64)


def judged_seconds(profile: Profile, seconds: int, policy: Profiles) -> int | None:
    """The seconds before the breakpoint's rate passes the peak; None where the whole run is judged."""
    if profile != "breakpoint":
        return None
    return max(int(np.searchsorted(_shares(profile, seconds, policy), 1.0, side="right")), 1)


def peak_multiple(second: int, seconds: int, policy: Profiles) -> float:
    """The share of the peak that a breakpoint run offers in that second."""
    return float(_shares("breakpoint", seconds, policy)[min(second, seconds - 1)])


def profile_notes(profile: Profile, policy: Profiles) -> list[Text]:
    """What a run of that profile does not show."""
    notes: dict[Profile, Text] = {
        "ramp": say("a ramp to the peak: how the campaign's own jumps are taken is not shown"),
        "soak": say("{share} of the peak, held: what time does is shown, not what the peak does",
                    share=f"{policy.soak_peak_ratio:g}"),
        "breakpoint": say("judged up to the peak; beyond it the run only looks for what breaks first"),
        "limits": say("{ratio} times what limits admit: the limiter is shown, not the campaign",
                      ratio=f"{policy.limits_ratio:g}"),
    }  # fmt: skip
    return [notes[profile]] if profile in notes else []


def _shares(profile: Profile, seconds: int, policy: Profiles) -> Floats:
    """Share of the peak in every second; a straight line is its value at the middle of the second."""
    middle = (np.arange(seconds) + 0.5) / seconds
    if profile == "soak":
        return np.full(seconds, policy.soak_peak_ratio)
    if profile == "ramp":
        risen = np.minimum(middle / (1 - policy.ramp_hold_ratio), 1.0)
        return np.asarray(policy.ramp_from_ratio + (1 - policy.ramp_from_ratio) * risen, np.float64)
    if profile == "breakpoint":
        low, high = policy.breakpoint_from_ratio, policy.breakpoint_to_ratio
        return np.asarray(low + (high - low) * middle, np.float64)
    return np.full(seconds, policy.limits_ratio)


def _with_spike(rates: Floats, policy: Profiles) -> Floats:
    span = min(policy.spike_seconds, rates.shape[1])
    first = min(int(np.argmax(rates.sum(axis=0))), rates.shape[1] - span)
    raised = rates.copy()
    raised[:, first : first + span] *= 1 + policy.spike_ratio
    return raised
