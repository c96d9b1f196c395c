"""Which stretches of time a pull asks a source for: what is new, what may still change, and another look at the rest.

Tables, folders and posts are read whole whatever is asked for, so all of them is compared at every pull. Databases and
Prometheus are asked for one earlier day more at each pull, in turn, so that a late correction is noticed some day; a
pull with `--recheck` asks for all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.workspace import Workspace
from metrics.sources.databases import chunks
from metrics.sources.kept import SourceState, end_of_other_history
from metrics.sources.prometheus import pieces
from metrics.sources.records import AnySource, PrometheusSource, SqlSource, peers_of

FIRST_PULL_DAYS = 28
EVERYTHING = timedelta.max
ANOTHER_LOOK = timedelta(hours=24)

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Asking:
    """What one pull asks for, in order.

    regular_from: where new and preliminary rows begin; what changed before it is a correction, not lateness.
    looked_until: how far this pull's other look at earlier rows gets, None where there is none.
    """

    stretches: tuple[Stretch, ...]
    regular_from: datetime
    looked_until: datetime | None = None


def recheck_span(text: str) -> timedelta:
    """`all`, or days.

    Raises:
        UserError: it is neither.
    """
    if text.strip().lower() == "all":
        return EVERYTHING
    try:
        days = float(text)
        if 0 < days < 36_500:
            return timedelta(days=days)
    except ValueError:
        pass
    what = say("{given} is neither a number of days nor all", given=text)
    raise UserError(Problem(what, say("write --recheck 90 or --recheck all"), key="--recheck"))


def asking(
    workspace: Workspace,
    source: AnySource,
    state: SourceState,
    now: datetime,
    since: datetime | None,
    recheck: timedelta | None,
) -> Asking:
    """The stretches that this pull asks for."""
    regular = _regular_begin(workspace, source, state, now)
    earliest = state.asked_from_utc or regular
    begin = since or regular
    if recheck is not None:
        begin = min(begin, earliest if recheck == EVERYTHING else max(earliest, now - recheck))
    if not isinstance(source, PrometheusSource | SqlSource):
        begin = min(begin, earliest)
        return Asking(((begin, now),) if begin < now else (), regular)
    stretches = list(_pieces(source, begin, now))
    if not earliest < begin:
        return Asking(tuple(stretches), regular)
    looked = state.looked_until_utc or earliest
    first = looked if earliest <= looked < begin else earliest
    until = min(first + ANOTHER_LOOK, begin)
    return Asking((*stretches, *_pieces(source, first, until)), regular, until)


def _regular_begin(workspace: Workspace, source: AnySource, state: SourceState, now: datetime) -> datetime:
    """One lateness before what is final, so that a change of rows just made final is seen; at the first pull where
    other files of history end."""
    if state.final_until_utc is not None:
        return state.final_until_utc - timedelta(seconds=state.lateness_seconds)
    first = source.since or now - timedelta(days=FIRST_PULL_DAYS)
    other = end_of_other_history(workspace.folder, peers_of(source, workspace.settings), source.measure)
    return max(first, other) if other else first


def _pieces(source: PrometheusSource | SqlSource, since: datetime, until: datetime) -> Iterable[Stretch]:
    if isinstance(source, SqlSource):
        return chunks(source, since, until)
    return (
        (datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(end, UTC))
        for first, end in pieces(source, since, until)
    )
