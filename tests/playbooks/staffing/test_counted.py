"""Shares of questions counted in history, on the playbook's intents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaign.console import no_progress
from campaign.workspace import open_workspace
from playbooks.staffing.counted import Counted, counted_shares, mix_of, read_counts
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.publish import publish_staffing
from playbooks.staffing.recheck import read_plan

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
INTENTS = shipped_policy().intents


def test_what_history_counts_as_one_is_divided_by_the_policys_shares() -> None:
    shares = counted_shares({"where-is-my-order": 60.0, "refund": 30.0, "weather": 10.0}, INTENTS)
    assert shares["hurry-shipping"] == pytest.approx(0.6 * 0.18 / 0.25)
    assert shares["refund"] == pytest.approx(0.3 * 0.16 / 0.24)
    assert sum(shares.values()) == pytest.approx(0.9)


def test_questions_not_counted_divide_what_nothing_claims() -> None:
    counts = {"mail": {"refund": 90.0, "weather": 10.0}}
    found = {i.id: i.share_ratio for i in mix_of("mail", Counted(counts, counts, False), INTENTS).intents}
    assert found["hurry-shipping"] == pytest.approx(0.1 * 0.18)
    assert sum(found.values()) <= 1 + 1e-9


def test_every_desk_has_its_own_questions_and_the_bot_its_own_success_with_each() -> None:
    contacts = {"chat": {"refund": 50.0, "change-address": 50.0}, "mail": {"refund": 9.0}}
    unresolved = {"chat": {"refund": 40.0, "change-address": 10.0}, "mail": {"refund": 9.0}}
    counted = Counted(contacts, unresolved, True)
    chat, mail = (mix_of(desk, counted, INTENTS) for desk in ("chat", "mail"))
    assert chat.unresolved_ratio == {"price-protection": 0.8, "refund": 0.8, "change-address": 0.2}
    shares = {one.id: one.share_ratio for one in chat.intents}
    assert shares["change-address"] == pytest.approx(0.2)
    assert shares["refund"] + shares["price-protection"] == pytest.approx(0.8)
    assert mail.unresolved_ratio == {}
    assert mix_of("hotline", counted, INTENTS).intents == INTENTS


LINES = ["starts_at,desk,contacts,intent", "2026-10-01T10:00+08:00,chat,100,change-address",
         "2026-10-01T10:30+08:00,chat,5,\u5929\u6c14", "2026-11-11T10:00+08:00,chat,9000,refund"]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_counts_are_read_in_any_encoding_and_later_contacts_do_not_count(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "contacts.csv").write_bytes("\n".join(LINES).encode(encoding))
    found = read_counts([tmp_path / "contacts.csv"], ZoneInfo("Asia/Shanghai"), NOW, [])
    assert found is not None
    assert found.contacts == {"chat": {"change-address": 100.0, "\u5929\u6c14": 5.0}}
    assert not found.in_campaigns


def test_counts_rank_the_training(make_workspace: Callable[..., Path], settings_text: str) -> None:
    folder = make_workspace(settings_text.partition("  - name: hotline")[0], {"chat": 120.0})
    (folder / "history").mkdir()
    (folder / "history" / "contacts.csv").write_text("\n".join(LINES), "utf-8")
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert plan.assumptions[-1].en == (
        "chat: shares of questions for the bot's training are those of all its 105 contacts in history"
    )
    assert "history/contacts.csv" in plan.inputs
    first = (folder / "out" / "d11" / "playbook" / "bot_training.csv").read_text("utf-8-sig").splitlines()[1]
    assert first.startswith("1,change-address,")


def test_without_intents_the_shares_are_said_to_be_assumed(planned: Path) -> None:
    plan = read_plan(open_workspace(planned), "d11")
    assert plan.assumptions[-1].en.endswith("published mixes: history counts no intents")
