"""A plan written as YAML is the same plan when it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaign.documents import read_yaml, validate
from campaign.plan import Channel, Moment, Offer, Owner, Plan, Send
from campaign.plan_text import plan_text, text_scalar

ZONE = ZoneInfo("Asia/Shanghai")
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20),
    st.sampled_from(
        ["true", "NO", "1e5", "0x1F", "2026-11-10", "22:30", "null", "~", "a: b", "- x", "#", "满300减50", ""]
    ),
)
NUMBERS = st.floats(min_value=0, max_value=1e12, allow_nan=False)
START = datetime(2026, 11, 10, 12, tzinfo=UTC)


@given(name=TEXTS, owner=TEXTS, rules=TEXTS, audience=NUMBERS, reach=NUMBERS, seconds=st.integers(0, 3_599))
def test_a_plan_survives_being_written(
    name: str, owner: str, rules: str, audience: float, reach: float, seconds: int
) -> None:
    at = START + timedelta(seconds=seconds)
    plan = Plan(
        id="x",
        name=name,
        kind="flagship",
        starts_at=START,
        ends_at=START + timedelta(hours=4),
        owner=Owner(name=owner),
        drivers={"audience": audience},
        channels=(Channel(name="push", sends=(Send(at=at, reach=reach),)),),
        moments=(Moment(at=at, kind="opening"),),
        offers=(Offer(id="o", title=name, rules=rules),),
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(plan_text(plan, ZONE, ("a comment",), {"kind": "what for"}), "utf-8")
        assert validate(read_yaml(path, "x.yaml"), Plan) == plan


def test_texts_stay_bare_where_they_can() -> None:
    assert text_scalar("618-2026-opening") == "618-2026-opening"
    assert text_scalar("双11 开门红") == "双11 开门红"
    assert text_scalar("1e5") == '"1e5"'
