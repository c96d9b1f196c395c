"""The locust user: one per worker, one task, which is the pump. Locust itself is unchanged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from locust import FastHttpUser, events, task

from loadtest.engine.conduct import Conductor
from loadtest.engine.pump import Step

Method = TypeVar("Method", bound=Callable[..., Any])


def stage(name: str) -> Callable[[Method], Method]:
    """Mark a method as what a visitor does at that stage of the scenario."""

    def mark(method: Method) -> Method:
        method.surge_stage = name  # type: ignore[attr-defined]
        return method

    return mark


class Surge(FastHttpUser):  # type: ignore[misc]
    """Base of a locustfile's visitor class."""

    abstract = True

    @classmethod
    def steps(cls) -> dict[str, Step]:
        methods = [getattr(cls, name) for name in dir(cls) if name not in ("client_pool",)]
        return {m.surge_stage: m for m in methods if hasattr(m, "surge_stage")}

    @task  # type: ignore[untyped-decorator]
    def pump(self) -> None:
        self.environment.surge.conduct(self)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Any, runner: Any, **_kwargs: Any) -> None:
    folder = Path(os.environ.get("SURGEPLAN_SCENARIO_FOLDER", "."))
    environment.surge = Conductor(environment, runner, folder)
