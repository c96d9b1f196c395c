"""Models are learned in a process of their own and of low priority: pages stay quick meanwhile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.learning import Learned
from forecast.preview import learned_for

CONTEXT = get_context("spawn")
NICE = 5


class LearningApart:
    """Learns in a process that is started for it, which takes two seconds, and ended with the service."""

    def __init__(self) -> None:
        self._running: set[BaseProcess] = set()
        self._stopped = False

    def __call__(self, workspace: Workspace, plan: Plan, now: datetime) -> Learned:
        """What `learned_for` gives.

        Raises:
            UserError: no history, or too little; or the process was ended.
        """
        receives, sends = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_learn, args=(sends, workspace, plan, now), name="learning", daemon=True)
        process.start()
        sends.close()
        self._running.add(process)
        if self._stopped:
            process.terminate()
        try:
            told: Learned | Sequence[Problem] = receives.recv()
        except EOFError:
            told = (Problem(say("what the past teaches was not learned to the end"), say("try again")),)
        finally:
            process.join()
            self._running.discard(process)
        if isinstance(told, Learned):
            return told
        raise UserError(told)

    def stop(self) -> None:
        """Whoever waits is refused."""
        self._stopped = True
        for process in tuple(self._running):
            process.terminate()


def _learn(sends: Connection, workspace: Workspace, plan: Plan, now: datetime) -> None:
    os.nice(NICE)
    try:
        sends.send(learned_for(workspace, plan, now))
    except UserError as error:
        sends.send(error.problems)
