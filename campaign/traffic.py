"""The traffic model: requests per second as quantiles read off joint sample paths, and the demand behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime

from campaign.documents import FileRecord
from campaign.files import write_bytes
from campaign.language import Text
from campaign.words import Words

QUANTILES: dict[str, float] = {"p10": 0.10, "p50": 0.50, "p90": 0.90, "p99": 0.99}
PATHS_MAX_BYTES = 256 * 1024 * 1024


class Quantiles(FileRecord):
    """The value that will not be exceeded with that probability."""

    p10: float
    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, draws: NDArray[np.floating]) -> Quantiles:
        """Quantiles of one value per sample path; `draws` has shape [path]."""
        p10, p50, p90, p99 = (float(q) for q in np.quantile(draws, list(QUANTILES.values())))
        return cls(p10=p10, p50=p50, p90=p90, p99=p99)


class Peak(FileRecord):
    """A service's peak over [starts_at, ends_at]: quantiles of each path's maximum, and when the median path has it."""

    peak_requests_per_second: Quantiles
    peak_at_utc: AwareDatetime


class SecondProfile(FileRecord):
    """How the seconds around a moment share the requests of their minutes; shares sum to one.

    `from_seconds` is the first second relative to the moment (negative before it).
    """

    service: str
    moment: AwareDatetime
    from_seconds: int
    shares: tuple[float, ...]


class EffectQuantiles(FileRecord):
    p10: float
    p50: float
    p90: float


class Course(FileRecord):
    """How what a send adds comes and goes: shares of its largest, from the interval on in which it begins.

    seconds: the length of each interval, a minute where history has minutes.
    """

    sent_at_utc: AwareDatetime
    ratios: tuple[float, ...]
    seconds: int = 60


class Effect(FileRecord):
    """What one named driver of the plan adds on one service at its largest.

    course: of a send, None of the others. past_campaigns: how many past campaigns had this driver; with none, the
    effect is what is usual of its kind; None in a file that does not say.
    """

    driver: str
    at_utc: AwareDatetime
    service: str
    added_requests_per_second: EffectQuantiles
    course: Course | None = None
    past_campaigns: int | None = None


class LearnedFrom(FileRecord):
    """A past campaign and the weight it has in this forecast."""

    campaign: str
    weight_ratio: float


class BackTest(FileRecord):
    """How the method did on past campaigns, each forecast as of the same lead.

    last_week_wape_ratio: the error of the same hours a week earlier, the floor that a forecast must beat.
    member_weights: how much each way of forecasting counts in the stack.
    """

    campaigns: int
    lead_days: float | None = None
    wape_ratio: float | None = None
    peak_error_ratio: float | None = None
    peaks_within_p90: int | None = None
    peaks_within_p99: int | None = None
    last_week_wape_ratio: float | None = None
    member_weights: dict[str, float] = {}


class PhaseWidth(FileRecord):
    """How much the range is widened (or narrowed) when the rest is forecast again at this moment."""

    at_utc: AwareDatetime
    scale_ratio: float


class LiveSettings(FileRecord):
    """How to forecast again while the campaign runs, as past campaigns taught: how fast what was seen loses its weight,
    how much of it is believed, and by how much the range is widened (or narrowed) around its middle.

    minute_sd_up, minute_sd_down: standard deviations (log) by which a minute lies off its hour, beyond what the paths
    have of it. Over longer intervals it averages out, over an hour to nothing: it widens single intervals, never hours.
    drift_sd, drift_seconds: standard deviation (log) and memory of a walk without which the paths stray less from their
    middle than past campaigns did. phases: the widening at moments of this campaign, and in between in proportion; it
    takes the place of scale_ratio, their mean.
    """

    half_life_seconds: float
    scale_ratio: float
    campaigns: int
    gain_ratio: float = 1.0
    minute_sd_up: float = 0.0
    minute_sd_down: float = 0.0
    drift_sd: float = 0.0
    drift_seconds: float = 3600.0
    phases: tuple[PhaseWidth, ...] = ()


class Sentence(FileRecord):
    """A sentence that can still be said in any language: the English message and its values, which may be sentences."""

    message: str
    values: dict[str, str | Sentence | Words] = {}

    @classmethod
    def of(cls, text: Text) -> Sentence:
        return cls(message=text.message, values={name: _kept(value) for name, value in text.values.items()})

    def text(self) -> Text:
        return Text(self.message, {k: v.text() if isinstance(v, Sentence) else v for k, v in self.values.items()})


def _kept(value: object) -> str | Sentence | Words:
    if isinstance(value, Text):
        return Sentence.of(value)
    return value if isinstance(value, Words) else str(value)


class BridgeStep(FileRecord):
    """One named step from a past peak to this one: what it changes, and where that leads."""

    step: str
    change_requests_per_second: float
    reaches_requests_per_second: float


class Bridge(FileRecord):
    """From the last comparable campaign's real peak to this campaign's p50 in named steps, then to its p90.

    Step names: `luck` (what it had beyond its plan), `ordinary traffic`, the plan's drivers, `unseen minutes`
    (a peak is the highest of many), `uncertainty` (p50 to p90).
    """

    from_campaign: str
    from_peak_requests_per_second: float
    from_peak_at_utc: AwareDatetime
    steps: tuple[BridgeStep, ...]


class TrafficModel(FileRecord):
    """`out/<id>/traffic.json`. demand_assumptions_said: the assumptions that are about the people behind it."""

    schema_version: Literal[1] = 1
    campaign: str
    as_of_utc: AwareDatetime
    lead_days: float
    status: Literal["draft", "frozen"] = "draft"
    historical: bool = False
    inputs: dict[str, str]
    seed: int
    paths: int
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    knowledge: Literal["none", "little", "some", "good"]
    services: dict[str, Peak]
    total: Peak
    peak_minute_factor: Quantiles | None = None
    second_profiles: tuple[SecondProfile, ...] = ()
    effects: tuple[Effect, ...] = ()
    bridge: Bridge | None = None
    back_test: BackTest
    nowcast: LiveSettings | None = None
    assumptions: tuple[str, ...] = ()
    assumptions_said: tuple[Sentence, ...] = ()
    demand_assumptions_said: tuple[Sentence, ...] = ()
    learned_from: tuple[LearnedFrom, ...] = ()
    other_plans: tuple[str, ...] = ()

    def spoken_assumptions(self) -> tuple[str, ...]:
        """The assumptions in the reader's language."""
        return tuple(str(sentence.text()) for sentence in self.assumptions_said) or self.assumptions


@dataclass(frozen=True)
class TrafficPaths:
    """`out/<id>/traffic_paths.npz`: joint sample paths.

    requests_per_second: float32 [path, service, interval], the mean rate of the interval.
    services: names, in the array's order.
    starts_at_utc: datetime64[s] [interval], naive UTC.
    seconds: int [interval], each interval's length.
    """

    requests_per_second: NDArray[np.float32]
    services: tuple[str, ...]
    starts_at_utc: NDArray[np.datetime64]
    seconds: NDArray[np.int64]

    def quantiles(self, service: str) -> NDArray[np.float64]:
        """[quantile, interval] for one service, quantiles in the order of `QUANTILES`."""
        rates = self.requests_per_second[:, self.index(service)].astype(np.float64)
        found: NDArray[np.float64] = np.quantile(rates, list(QUANTILES.values()), axis=0)
        return found

    def index(self, service: str) -> int:
        return self.services.index(service)

    def within(self, starts_at: np.datetime64, ends_at: np.datetime64) -> TrafficPaths:
        """The same paths over the intervals that begin in [starts_at, ends_at)."""
        keep = (self.starts_at_utc >= starts_at) & (self.starts_at_utc < ends_at)
        return TrafficPaths(
            self.requests_per_second[:, :, keep], self.services, self.starts_at_utc[keep], self.seconds[keep]
        )

    def save(self, path: Path) -> None:
        write_bytes(
            path,
            lambda file: np.savez(
                file,
                requests_per_second=self.requests_per_second.astype(np.float32),
                services=np.array(self.services),
                starts_at_utc=self.starts_at_utc.astype("datetime64[s]"),
                seconds=self.seconds.astype(np.int64),
            ),
        )

    @classmethod
    def load(cls, path: Path) -> TrafficPaths:
        with np.load(path, allow_pickle=False) as stored:
            return cls(
                stored["requests_per_second"],
                tuple(str(name) for name in stored["services"]),
                stored["starts_at_utc"],
                stored["seconds"],
            )
