"""A plan as a workbook and back: every part of a plan, whatever it says."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from campaign.documents import Document, validate
from campaign.language import use_language
from campaign.plan import Channel, Family, Moment, Observed, Offer, Owner, Plan, Send, Slot
from campaign.plan_text import dumped
from metrics.intake.headings import is_total
from warroom.plans.differences import differences
from warroom.plans.form import entries_of, submitted
from warroom.sheet.joining import joined
from warroom.sheet.reading import About, read_sheet
from warroom.sheet.writing import write_plan_sheet

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 11, 10, 12, tzinfo=UTC)

# What a person may type: blanks at the ends of a text and lines ended in the manner of other machines say nothing.
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20).map(str.strip),
    st.sampled_from(
        [
            "=1+1",
            "+86 400",
            "-",
            "12",
            "1e5",
            "2026-11-10",
            "20:00",
            "50万",
            "TRUE",
            "合计",
            "渠道",
            "#N/A",
            "两行\n文字",
        ]
    ),
)
AMOUNTS = st.one_of(st.integers(0, 10**12).map(float), st.floats(0, 1e12, allow_nan=False, allow_subnormal=False))
POSITIVE = st.floats(1e-6, 1e9)
RATIOS = st.floats(0, 1, allow_subnormal=False)
TIMES = st.integers(-2_000_000, 2_000_000).map(lambda s: START + timedelta(seconds=s))
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,12}", fullmatch=True).filter(lambda name: not is_total(name))
NAMES = IDS | st.text("直播短信App-._", min_size=1, max_size=8).filter(lambda name: name[0].isalnum())
LANDINGS = st.none() | IDS


def stretches(**others: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    made = st.fixed_dictionaries({"starts_at": TIMES, **others})
    lasting = st.integers(1, 500_000).map(lambda seconds: timedelta(seconds=seconds))
    return st.builds(lambda told, lasts: {**told, "ends_at": told["starts_at"] + lasts}, made, lasting)


SENDS = st.builds(
    Send, at=TIMES, reach=AMOUNTS, per_second=st.none() | POSITIVE, open_ratio=st.none() | RATIOS, lands_on=LANDINGS
)
SLOTS = stretches(expected_viewers=st.none() | AMOUNTS, lands_on=LANDINGS).map(lambda d: Slot.model_validate(d))
SPENDS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"spend": st.none() | AMOUNTS, "family": st.none() | st.sampled_from(Family.__args__)}),
    stretches(spend=st.none() | AMOUNTS, lands_on=LANDINGS),
)
CHANNELS = st.builds(
    lambda name, sends, slots, spend: Channel(name=name, sends=tuple(sends), slots=tuple(slots), **spend),
    NAMES,
    st.lists(SENDS, max_size=3),
    st.lists(SLOTS, max_size=3),
    SPENDS,
)
OBSERVED = st.builds(
    Observed, peak_requests_per_second=st.none() | POSITIVE, peak_at=st.none() | TIMES, orders=AMOUNTS, source=TEXTS
)
PLANS = st.builds(
    Plan,
    id=IDS,
    name=TEXTS,
    kind=IDS,
    part_of=st.none() | IDS,
    time_zone=st.none() | st.sampled_from(["Asia/Shanghai", "America/New_York"]),
    starts_at=st.just(START),
    ends_at=TIMES.filter(lambda end: end > START),
    owner=st.builds(Owner, team=TEXTS, name=TEXTS, contact=TEXTS),
    services=st.lists(IDS, max_size=3).map(tuple),
    drivers=st.dictionaries(IDS, st.floats(-1e12, 1e12, allow_subnormal=False), max_size=4).map(
        lambda told: {name: value for name, value in told.items() if not name.endswith(("_ratio", "_percent"))}
    ),
    channels=st.lists(CHANNELS, max_size=4, unique_by=lambda c: c.name.lower()).map(tuple),
    moments=st.lists(
        st.builds(Moment, at=TIMES, kind=IDS, quantity=st.none() | AMOUNTS, lands_on=LANDINGS), max_size=3
    ).map(tuple),
    offers=st.lists(
        st.builds(Offer, id=IDS, title=TEXTS, rules=TEXTS, announced_at=st.none() | TIMES, ends_at=st.none() | TIMES),
        max_size=3,
    ).map(tuple),
    metrics=st.lists(IDS, max_size=3).map(tuple),
    expected=st.dictionaries(st.sampled_from(["sessions", "orders", "gmv", "cac"]), AMOUNTS, max_size=4),
    observed=st.none() | OBSERVED,
)


def taken_and_brought(plan: Plan, before: dict[str, object]) -> tuple[Plan, dict[str, object]]:
    """The plan written as a sheet and read into the form of `before`."""
    zone = ZoneInfo(plan.time_zone) if plan.time_zone else ZONE
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.xlsx"
        write_plan_sheet(path, plan, zone)
        sheet = read_sheet(path.read_bytes(), "plan.xlsx", About(ZONE, before))
    read = submitted(joined(entries_of(before, ZONE), sheet), before, ZONE)
    assert read.complaints == {}
    return validate(Document("plan", read.content, {}), Plan), read.content


def in_any_order(plan: Plan) -> Plan:
    """Which channel is named first says nothing."""
    channels = tuple(sorted(plan.channels, key=lambda channel: channel.name))
    return plan.model_copy(update={"channels": channels})


@pytest.mark.parametrize("language", ["en", "zh"])
@settings(deadline=None, max_examples=40, phases=(Phase.generate,))
@given(plan=PLANS)
def test_a_plan_taken_out_begins_the_same_plan(language: str, plan: Plan) -> None:
    use_language(language)  # type: ignore[arg-type]
    back, _ = taken_and_brought(plan, {"id": plan.id, "starts_at": START.isoformat()})
    assert in_any_order(back) == in_any_order(plan)


@settings(deadline=None, max_examples=40, phases=(Phase.generate,))
@given(plan=PLANS)
def test_a_plan_brought_back_to_itself_changes_nothing(plan: Plan) -> None:
    use_language("en")
    before = json.loads(json.dumps(dumped(plan), default=str))
    _, content = taken_and_brought(plan, before)
    assert differences(before, content, ZONE) == ()
