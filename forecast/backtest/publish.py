"""`surgeplan backtest`: reads the workspace, tests past campaigns, writes `out/backtest.json` and its picture."""

from __future__ import annotations

from datetime import UTC, datetime

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError, nearest
from campaign.files import write_json
from campaign.language import say
from campaign.workspace import LEAD_DAYS, Workspace
from forecast.backtest.again import testable
from forecast.backtest.cache import campaigns_again
from forecast.backtest.judged import judged_in_order
from forecast.backtest.peers import LAST_WEEK, PeerForecast, peers_of
from forecast.backtest.picture import draw_backtest
from forecast.backtest.scores_file import BackTestFile, backtest_file
from forecast.history.reading import open_history
from forecast.publish import CACHE, evidence_of
from forecast.retrospectives import read_reach, retrospective_hashes
from forecast.threads import one_thread
from forecast.uplift.promised import as_first_planned, as_promised, known_by

STEP = say("Asking the peers")


def publish_backtest(
    workspace: Workspace,
    now: datetime,
    kind: str | None = None,
    lead_days: float = LEAD_DAYS,
    with_prophet: bool = True,
    progress: Progress = no_progress,
) -> BackTestFile:
    """Forecast every past campaign (of a kind) as of its own lead, beside the peers, and write what came of it.

    Raises:
        UserError: an unknown kind, no campaign that can be tested, or history that cannot be used.
    """
    kinds = {plan.kind for plan in workspace.plans}
    if kind is not None and kind not in kinds:
        raise UserError(
            Problem(say("there is no campaign of kind {kind}", kind=kind), nearest(kind, kinds), key="--kind")
        )
    moment = now.astimezone(UTC).replace(microsecond=0)
    history = open_history(workspace, before=moment)
    evidence = evidence_of(history, workspace, moment)
    reached = known_by(read_reach(workspace), workspace.plans, moment)
    plans = as_promised(workspace.plans, reached, moment)
    chosen = [
        as_first_planned(plan, workspace.plans, reached, lead_days)
        for plan in testable(evidence, plans, lead_days, moment)
        if kind in (None, plan.kind)
    ]
    if not chosen:
        what = say("no past campaign has two weeks of history before its own lead")
        raise UserError(Problem(what, say("add older traffic, or plans of past campaigns"), file="campaigns/"))
    with one_thread():
        tested = judged_in_order(
            campaigns_again(evidence, chosen, plans, workspace.settings, lead_days, workspace.folder / CACHE, progress)
        )
        by_id = {plan.id: plan for plan in chosen}
        peers: dict[str, tuple[PeerForecast, ...]] = {}
        for i, one in enumerate(tested):
            progress(STEP, i, len(tested))
            plan = by_id[one.score.campaign]
            peers[plan.id] = (
                peers_of(evidence, one, plan, plans, workspace.settings)
                if with_prophet
                else (PeerForecast(LAST_WEEK, one.last_week, None),)
            )
        progress(STEP, len(tested), len(tested))
    hashes = workspace.input_hashes() | retrospective_hashes(workspace)
    made = backtest_file(tested, peers, lead_days, hashes)
    out = workspace.folder / "out"
    draw_backtest(out / "backtest.png", made)
    write_json(out / "backtest.json", made.model_dump(mode="json"))
    return made
