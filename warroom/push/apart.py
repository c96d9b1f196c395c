"""Models are learned in a process of their own and of low priority: pages stay quick meanwhile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

from campaign.errors import Problem, UserError
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.learning import Learned
from forecast.preview import learned_for

NICE = 10


def learned_apart(workspace: Workspace, plan: Plan, now: datetime) -> Learned:
    """What `learned_for` gives, with two seconds for the process to start.

    Raises:
        UserError: no history, or too little. RuntimeError: the process was killed.
    """
    context = get_context("spawn")
    receives, sends = context.Pipe(duplex=False)
    process = context.Process(target=_learn, args=(sends, workspace, plan, now), name="learning", daemon=True)
    process.start()
    sends.close()
    try:
        told: Learned | Sequence[Problem] = receives.recv()
    except EOFError as error:
        process.join()
        raise RuntimeError(f"learning for {plan.id} ended with {process.exitcode}") from error
    process.join()
    if isinstance(told, Learned):
        return told
    raise UserError(told)


def _learn(sends: Connection, workspace: Workspace, plan: Plan, now: datetime) -> None:
    os.nice(NICE)
    try:
        sends.send(learned_for(workspace, plan, now))
    except UserError as error:
        sends.send(error.problems)
