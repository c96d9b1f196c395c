"""The files of history/ as `init --from` first writes them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from campaign.files import write_text, writing
from metrics.intake.contacts import MEASURES, SERVED, desk_and_intent
from metrics.intake.markers import MEASURE as LOAD_TEST
from metrics.intake.records import Recognised
from surgeplan.intake.joined import Traffic, merged, minutes_of


def write_history(folder: Path, traffic: Traffic, orders: Traffic, recognised: Sequence[Recognised]) -> None:
    """traffic.csv.gz, orders.csv, contacts.csv and desks.csv, as far as there are any."""
    with writing(folder / "traffic.csv.gz") as temporary:
        temporary.write_bytes(gzip.compress(traffic_text(traffic, recognised).encode(), compresslevel=6, mtime=0))
    if orders.rates:
        ordered = sorted(orders.rates.items(), key=lambda item: item[0][1])
        lines = [f"{_utc(at)},{value:.10g}" for (_, at), value in ordered]
        write_text(folder / "orders.csv", "\n".join(["starts_at,orders", *lines]) + "\n")
    for name, rows in (("contacts", contact_rows(recognised)), ("desks", desk_rows(recognised))):
        table = list(rows)
        if len(table) > 1:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(table)
            write_text(folder / f"{name}.csv", text.getvalue())


def contact_rows(recognised: Sequence[Recognised]) -> Iterator[list[str]]:
    """The headings, then contacts by time, desk and intent; columns that nothing fills are left out.

    Raises:
        UserError: two files give different figures for the same times.
    """
    asked = {measure: merged(recognised, measure).rates for measure in MEASURES}
    keys = sorted(asked["contacts"], key=lambda key: (key[1], key[0]))
    kept = [measure for measure in MEASURES if asked[measure]]
    with_intents = any(desk_and_intent(key)[1] for key, _ in keys)
    yield ["starts_at", "desk", *(["intent"] if with_intents else []), *kept]
    for key, at in keys:
        names = desk_and_intent(key)[: 1 + with_intents]
        yield [_utc(at), *names, *(_figure(asked[measure].get((key, at))) for measure in kept)]


def desk_rows(recognised: Sequence[Recognised]) -> Iterator[list[str]]:
    """The headings, then how desks served by time and desk; columns that nothing fills are left out.

    Raises:
        UserError: two files give different figures for the same times.
    """
    told = {measure: merged(recognised, measure).rates for measure in SERVED}
    kept = [measure for measure in SERVED if told[measure]]
    yield ["starts_at", "desk", *kept]
    for desk, at in sorted(told[SERVED[0]], key=lambda key: (key[1], key[0])):
        yield [_utc(at), desk, *(_figure(told[measure].get((desk, at))) for measure in kept)]


def traffic_text(traffic: Traffic, recognised: Sequence[Recognised]) -> str:
    """Traffic as CSV; with a column of load tests where any export marks them."""
    tests = {
        (service, minute)
        for found in recognised
        for buckets in found.buckets
        if buckets.measure == LOAD_TEST
        for service, at in buckets.values
        for minute in minutes_of(at, buckets.seconds)
    }
    columns = ["starts_at", "service", "requests_per_second", *(["load_test"] if tests else [])]
    lines = [",".join(columns)]
    for (service, at), value in sorted(traffic.rates.items()):
        marked = tests and not tests.isdisjoint((service, m) for m in minutes_of(at, traffic.lengths[service, at]))
        lines.append(f"{_utc(at)},{service},{value:.6g}" + (f",{'yes' if marked else ''}" if tests else ""))
    return "\n".join(lines) + "\n"


def _utc(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.10g}"
