"""A plan as a workbook and back: every part of a plan, whatever it says."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.documents import Document, validate
from campaign.errors import UserError
from campaign.language import use_language
from campaign.plan import Channel, Family, Moment, Observed, Offer, Owner, Plan, Send, Slot
from campaign.plan_text import dumped
from campaign.workspace import open_workspace
from metrics.intake.headings import is_total
from tests.warroom.conftest import PLAN, fields_of, form_token
from warroom.plans.differences import differences
from warroom.plans.form import entries_of, submitted
from warroom.sheet.joining import joined
from warroom.sheet.reading import About, read_sheet
from warroom.sheet.writing import write_plan_sheet

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 11, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)

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
@settings(deadline=None, max_examples=60)
@given(plan=PLANS)
def test_a_plan_taken_out_begins_the_same_plan(language: str, plan: Plan) -> None:
    use_language(language)  # type: ignore[arg-type]
    back, _ = taken_and_brought(plan, {"id": plan.id, "starts_at": START.isoformat()})
    assert in_any_order(back) == in_any_order(plan)


@settings(deadline=None, max_examples=60)
@given(plan=PLANS)
def test_a_plan_brought_back_to_itself_changes_nothing(plan: Plan) -> None:
    use_language("en")
    before = json.loads(json.dumps(dumped(plan), default=str))
    _, content = taken_and_brought(plan, before)
    assert differences(before, content, ZONE) == ()


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"offers": [{"id": "a", "rules": "one\x0btwo"}]}, r"one\?two holds a character that no spreadsheet can hold"),
        ({"offers": [{"id": "a", "rules": "x" * 40_000}]}, r"x{40}… is longer than a cell can hold"),
        ({"channels": [{"name": "合计", "spend": 5}]}, "合计 would be read as a total"),
    ],
)
def test_what_no_sheet_can_carry_is_refused_before_it_is_lost(
    tmp_path: Path, plan: dict[str, object], told: str
) -> None:
    use_language("en")
    made = Plan.model_validate({"id": "x", "kind": "flagship", "starts_at": START, "ends_at": START + DAY, **plan})
    with pytest.raises(UserError, match=told):
        write_plan_sheet(tmp_path / "plan.xlsx", made, ZONE)
    assert not (tmp_path / "plan.xlsx").exists()


def test_a_new_plan_keeps_what_the_form_has_no_field_for(browser: TestClient, folder: Path) -> None:
    more = "metrics: [sessions]\nexpected: {sessions: 5, gmv: 7}\n"
    (folder / "campaigns" / "d11.yaml").write_text(PLAN + more, "utf-8")
    page = browser.get("/campaigns/new/plan?id=d12&starts_at=2026-12-11T20:00&copy=d11")
    assert "Saved and submitted" in browser.post("/campaigns/d12", data=fields_of(page.text) | {"action": "save"}).text
    saved = open_workspace(folder).plan("d12")
    assert saved.metrics == ("sessions",)
    assert saved.expected == {"sessions": 5, "gmv": 7}


def test_a_sheet_decides_only_for_what_it_names(browser: TestClient, folder: Path) -> None:
    slots = "  - {name: live, slots: [{starts_at: 2026-11-10T20:00+08:00, ends_at: 2026-11-10T22:00+08:00}]}\nmoments"
    (folder / "campaigns" / "d11.yaml").write_text(PLAN.replace("moments", slots), "utf-8")
    pasted = "渠道,推送时间,触达人数\nlive,2026-11-10 19:00,5000\n"
    token = form_token(browser, "/campaigns/d11")
    page = browser.post("/campaigns/d11/sheet", data={"form_token": token, "pasted": pasted})
    browser.post("/campaigns/d11", data=fields_of(page.text) | {"action": "save"})
    push, live = open_workspace(folder).plan("d11").channels
    assert push.sends[0].open_ratio == 0.04
    assert (len(live.sends), len(live.slots)) == (1, 1)
