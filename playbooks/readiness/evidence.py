"""Facts that checks decide by, already read: no check touches a file, a clock or a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaign.bundle import FrozenBundle
from campaign.capacity import Capacity
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import TrafficModel
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.readiness.binding import Binding
from playbooks.readiness.brought import Drill, Seat
from playbooks.readiness.live_evidence import LiveEvidence
from playbooks.readiness.rates import Rates
from playbooks.readiness.readings import Readings
from playbooks.readiness.standing import Standing
from playbooks.rehearsal.record import Rehearsal


@dataclass(frozen=True)
class LoadTestRun:
    """What a load test showed; `tested` is each service's highest rate in requests per second.

    `counts` is false for practice targets and scaled curves. image_digest: what was tested, None where nobody said.
    steepest_requests: requests on all services in its steepest ten seconds, None where the run does not say.
    model_hash: of the traffic.json it replayed.
    """

    outcome: str
    counts: bool
    ended_at_utc: datetime | None
    tested: dict[str, float]
    image_digest: str | None = None
    steepest_requests: float | None = None
    model_hash: str | None = None


@dataclass(frozen=True)
class Watermark:
    """How far a source was pulled, how late its rows come, and up to when its figures are final."""

    pulled_until: datetime
    lateness: timedelta
    final_until: datetime | None = None


@dataclass(frozen=True)
class StaffedSlot:
    """One half-hour of one desk; `rostered` is None before anybody was put on a shift.

    service_level_ratio: what the rostered agents deliver at the staffed-to quantile, None where it is not known.
    """

    starts_at_utc: datetime
    desk: str
    required: float
    rostered: float | None
    service_level_ratio: float | None = None


@dataclass(frozen=True)
class Replay:
    """How the bot answered the questions of one offer; outdated: those of them asked about other rules than today's.

    untried: those for which nobody has written whether it passed.
    """

    questions: int
    passed: int
    outdated: int = 0
    untried: int = 0


@dataclass(frozen=True)
class Evidence:
    """All there is about one campaign. Missing files are None.

    image_digest: of what will run on the day. watermarks: by source.
    plan_hashes: SHA-256 of the plan's file as it is, and without what a retrospective wrote into it.
    rates: p90 just after announced instants, read where the autoscaling plan is of another model.
    bot_replay_hash: SHA-256 of the replay's file. bundle_damage: files of the frozen bundle that are not as they were
    frozen. attachments: SHA-256 of the files that signed notes brought, as they are now, by path; those that are gone
    are left out. demands: as the checklist was written last (see `Checklist.demands`). inputs: SHA-256 of every
    file that this was read from, by its path in the workspace; `state` is the log's head.
    """

    plan: Plan
    settings: Settings
    plan_hashes: frozenset[str]
    capacities: dict[str, Capacity] = field(default_factory=dict)
    traffic: TrafficModel | None = None
    traffic_hash: str | None = None
    autoscaling: AutoscalingPlan | None = None
    rehearsal: Rehearsal | None = None
    load_test: LoadTestRun | None = None
    image_digest: str | None = None
    readings: Readings | None = None
    seats: tuple[Seat, ...] | None = None
    drills: tuple[Drill, ...] = ()
    watermarks: dict[str, Watermark] = field(default_factory=dict)
    staffing: tuple[StaffedSlot, ...] | None = None
    bot_training: frozenset[str] | None = None
    bot_replay: dict[str, Replay] | None = None
    bot_replay_hash: str | None = None
    unapproved_metrics: tuple[str, ...] = ()
    history_ends_at_utc: datetime | None = None
    retro: bool = False
    learned: bool = False
    standing: Standing = field(default_factory=Standing)
    binding: Binding = field(default_factory=Binding)
    bundle: FrozenBundle | None = None
    bundle_damage: tuple[str, ...] = ()
    rates: Rates | None = None
    attachments: dict[str, str] = field(default_factory=dict)
    demands: dict[str, str] = field(default_factory=dict)
    live: LiveEvidence = field(default_factory=LiveEvidence)
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def plan_file(self) -> str:
        """The plan's path in the workspace, as `inputs` name it."""
        return f"campaigns/{self.plan.id}.yaml"
