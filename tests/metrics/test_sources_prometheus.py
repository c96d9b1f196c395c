"""A real Prometheus: pieces under its limit, counter resets, services it has and we do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campaign.errors import UserError
from campaign.language import use_language
from metrics.sources.prometheus import POINTS_MOST, fetch_prometheus, pieces
from metrics.sources.records import PrometheusSource
from tests.prometheus_server import needs_prometheus, prometheus_with

START = datetime(2026, 10, 1, tzinfo=UTC)
HOURS = 220
KNOWN = frozenset({"storefront", "checkout"})
QUERY = "sum by (service) (increase(http_requests_total[2m])) / 2"

pytestmark = needs_prometheus


def exposition() -> str:
    """Counters every minute: storefront grows by 120 and starts over after 100 hours, checkout by 60."""
    lines = ["# TYPE http_requests counter"]
    for service, step, reset in (("storefront", 120, 100 * 60), ("checkout", 60, None), ("legacy", 6, None)):
        for minute in range(HOURS * 60):
            count = step * (minute - reset if reset and minute >= reset else minute)
            at = int(START.timestamp()) + 60 * minute
            lines.append(f'http_requests_total{{service="{service}",pod="a"}} {count} {at}')
    return "\n".join(lines) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_with(tmp_path_factory.mktemp("prometheus"), exposition()) as address:
        yield address


def source(url: str, **more: object) -> PrometheusSource:
    given = {"name": "prom", "kind": "prometheus", "url": url, "query": QUERY} | more
    return PrometheusSource.model_validate(given)


def test_more_minutes_than_one_answer_may_hold(prometheus: str) -> None:
    since, until = START + timedelta(hours=1), START + timedelta(hours=HOURS - 1)
    batch = fetch_prometheus(source(prometheus), KNOWN, since, until)
    assert len(list(pieces(source(prometheus), since, until))) == 2
    assert (until - since).total_seconds() / 60 > POINTS_MOST
    rates = [figures[0] for key, figures in batch.rows.items() if key[1] == "checkout"]
    assert len(rates) == (HOURS - 2) * 60
    assert rates == pytest.approx([1.0] * len(rates))
    assert batch.watermark == until.timestamp()


def test_a_counter_that_starts_over_is_no_surge(prometheus: str) -> None:
    around = START + timedelta(hours=100)
    batch = fetch_prometheus(source(prometheus), KNOWN, around - timedelta(minutes=30), around + timedelta(minutes=30))
    rates = [figures[0] for key, figures in batch.rows.items() if key[1] == "storefront"]
    assert max(rates) == pytest.approx(2.0)
    assert min(rates) > 0.9


def test_services_that_are_not_ours_are_left_out_and_said(prometheus: str) -> None:
    use_language("en")
    batch = fetch_prometheus(source(prometheus), KNOWN, START + timedelta(hours=1), START + timedelta(hours=2))
    assert {key[1] for key in batch.rows} == {"storefront", "checkout"}
    assert [str(note) for note in batch.notes] == ["prom: not in surgeplan.yaml, left out: legacy"]


def test_one_series_takes_the_name_that_it_is_given(prometheus: str) -> None:
    one = source(prometheus, query="sum(rate(http_requests_total[5m]))", service="storefront")
    batch = fetch_prometheus(one, KNOWN, START + timedelta(hours=1), START + timedelta(hours=2))
    assert [figures[0] for figures in batch.rows.values()] == pytest.approx([3.1] * 60)


def test_a_query_that_prometheus_refuses_is_our_refusal(prometheus: str) -> None:
    use_language("en")
    wrong = source(prometheus, query="sum by (service) (increase(http_requests_total[1m])")
    with pytest.raises(UserError, match=r"answers HTTP 400: .*parse error"):
        fetch_prometheus(wrong, KNOWN, START, START + timedelta(hours=1))
    unnamed = source(prometheus, query="sum(increase(http_requests_total[1m]))")
    with pytest.raises(UserError, match="a series has no label service"):
        fetch_prometheus(unnamed, KNOWN, START, START + timedelta(hours=1))
