"""What one send adds to one service: at its largest, how it comes and goes, and how it would if it were sent otherwise.

`traffic.json` has the course of each send: how people come after their own message, spread over the time in which
messages go out. Divided by the latter (as power series in the course's own steps) it gives the former, and that makes
the course of what is left of a send, or of the same send gone out more slowly: nothing but the forecast is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from campaign.plan import Send
from forecast.uplift.kernels import SENDING_SECONDS_MIN
from forecast.uplift.terms import openers, sending_seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sending:
    """How one or several sends go out together: people expected to come by seconds of sending."""

    sends: tuple[Send, ...]

    def by(self, seconds: Floats) -> Floats:
        """The share that has gone out so many seconds after the beginning."""
        people = np.array([openers(send) for send in self.sends])
        lengths = np.array([max(sending_seconds(send), SENDING_SECONDS_MIN) for send in self.sends])
        gone = np.clip(seconds[:, None] / lengths, 0.0, 1.0)
        share: Floats = gone @ people / people.sum() if people.sum() > 0 else gone.mean(axis=1)
        return share


@dataclass(frozen=True)
class Added:
    """What one send adds to one service.

    largest [p10 p50 p90]: requests per second. starts: when its course begins, seconds of UTC; step: seconds of each of
    its intervals; ratios [step]: shares of the largest. past_campaigns: as the forecast says.
    """

    largest: Floats
    starts: int
    step: int
    ratios: Floats
    sending: Sending
    past_campaigns: int | None = None

    def course(self, starts: Ints, seconds: Ints) -> Floats:
        """Its share of its largest in each interval, as it was planned."""
        return self._over(self.ratios, starts, seconds)

    def course_left(self, starts: Ints, seconds: Ints, gone_seconds: float) -> Floats:
        """The same of those to whom it has not gone out so many seconds after its beginning: all of them before it
        begins, none after its end."""
        if gone_seconds <= 0:
            return self.course(starts, seconds)
        gone = self.sending.by(np.array([gone_seconds]))
        sent = np.maximum(self._sent_by, gone)
        return self._over(self._come(np.diff(sent)), starts, seconds)

    def course_spread(self, starts: Ints, seconds: Ints, minutes: float) -> Floats:
        """The same of the whole send if it goes out evenly over so many minutes."""
        steps = np.arange(int(np.ceil(60 * minutes / self.step)) + 1)
        return self._over(self._come(np.diff(np.minimum(steps * self.step / (60 * minutes), 1.0))), starts, seconds)

    @cached_property
    def _sent_by(self) -> Floats:
        """The share sent by the edges of the course's steps."""
        return self.sending.by(self.step * np.arange(len(self.ratios) + 1, dtype=np.float64))

    @cached_property
    def _answered(self) -> Floats:
        """How people come after their own message, step by step: as many altogether as by the course."""
        answered = np.maximum(lfilter([1.0], np.trim_zeros(np.diff(self._sent_by), "b"), self.ratios), 0.0)
        found: Floats = answered * (self.ratios.sum() / max(answered.sum(), 1e-9))
        return found

    def _come(self, sent: Floats) -> Floats:
        """The course of messages sent so, as a share of the largest that was planned."""
        return np.convolve(self._answered, sent)

    def _over(self, ratios: Floats, starts: Ints, seconds: Ints) -> Floats:
        """Mean over each interval; none before the course and after it."""
        edges = self.starts + self.step * np.arange(len(ratios) + 1)
        come = np.concatenate([[0.0], np.cumsum(ratios) * self.step])
        mean: Floats = (np.interp(starts + seconds, edges, come) - np.interp(starts, edges, come)) / seconds
        return mean
