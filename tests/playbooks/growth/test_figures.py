"""Values of metrics as the growth meeting reads them: every one with its unit, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from shops import SETTINGS

from metrics.dictionary import read_dictionary
from playbooks.growth.figures import figure

OWN = """metrics:
  claims: {title: {zh: 领券, en: Claims}, kind: count, unit: coupons, grain: day, table: events}
  retention_d7: {kind: ratio, numerator: active_users, denominator: new_users, zero_denominator: missing,
    cohort: null, returns: null, return_days: null, return_window: null}
"""


@pytest.mark.parametrize(
    ("metric", "value", "english", "chinese"),
    [
        ("cac", 71.43, "71.4 CNY/user", "71.4 CNY/人"),
        ("gmv_paid", 51_800, "51,800 CNY", "5.18 万 CNY"),
        ("roi", 1.357, "1.36", "1.36"),
        ("ltv_cac", 3.08, "3.08", "3.08"),
        ("retention_d1", 0.31, "31 %", "31 %"),
        ("retention_d7", 0.279, "28 %", "28 %"),
        ("bot_containment", 0.054, "5.4 %", "5.4 %"),
        ("nps", 38, "38 points", "38 分"),
        ("active_users", 96_000, "96,000 users", "9.6 万 人"),
        ("orders", 0, "0 orders", "0 单"),
        ("claims", 12, "12 coupons", "12 coupons"),
    ],
)
def test_a_value_has_the_unit_of_its_metric(
    tmp_path: Path, metric: str, value: float, english: str, chinese: str
) -> None:
    (tmp_path / "metrics.yaml").write_text(OWN, "utf-8")
    said = figure(value, metric, read_dictionary(tmp_path, SETTINGS).definitions)
    assert said.speak("en") == english
    assert said.speak("zh") == chinese
