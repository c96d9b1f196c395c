"""A moment of a plan is called in the reader's language wherever a page shows it; what people invent stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.language import use_language
from campaign.plan import Moment, Plan
from warroom.live.room.happened import happened
from warroom.plans.differences import differences
from warroom.plans.timeline import timeline

SHANGHAI = ZoneInfo("Asia/Shanghai")
STARTS = datetime(2026, 11, 10, 12, tzinfo=UTC)
SHARED = Moment(at=STARTS, kind="coupon-drop")
INVENTED = Moment(at=STARTS + timedelta(hours=2), kind="red-rain")
PLAN = Plan(id="sale", kind="flash", starts_at=STARTS, ends_at=STARTS + timedelta(hours=4), moments=(SHARED, INVENTED))


def test_the_war_rooms_log_names_moments_as_people_do() -> None:
    told = [each.what.speak("zh") for each in happened([], PLAN, PLAN.ends_at)]
    assert {"时刻：发券", "时刻：red-rain"} <= set(told)


def test_the_timeline_names_moments_as_people_do() -> None:
    use_language("zh")
    drawn = timeline(PLAN, SHANGHAI)
    assert ">发券<" in drawn
    assert ">red-rain<" in drawn
    assert "coupon-drop" not in drawn


def test_a_change_of_the_plan_names_moments_as_people_do() -> None:
    use_language("zh")
    content = PLAN.model_dump(mode="json", include={"id", "kind", "starts_at", "ends_at"})
    new = content | {"moments": [{"at": SHARED.at.isoformat(), "kind": SHARED.kind}]}
    (said,) = differences(content, new, SHANGHAI)
    assert "发券" in said.speak("zh")
