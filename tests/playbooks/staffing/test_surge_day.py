"""The promise of the lane: through an eightfold surge no quarter-hour falls far, at no more cost than Erlang C."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from campaign.language import ROOT


def surge_day() -> ModuleType:
    spec = importlib.util.spec_from_file_location("surge_day", ROOT / "benchmarks" / "staffing" / "surge_day.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["surge_day"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_every_quarter_hour_of_an_eightfold_surge_is_served_with_fewer_agent_hours_than_erlang_c() -> None:
    module = surge_day()
    contacts = module.quarter_means()
    for rules in module.DESKS.values():
        usual = module.simulated(module.erlang_c(contacts, rules), rules, 1)
        exact = module.simulated(module.exact_chain(contacts, rules), rules, 25)
        assert exact.worst >= 0.74
        assert exact.hours <= usual.hours
