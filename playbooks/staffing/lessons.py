"""What the bot imports and is examined with: questions and answers by offer, and a replay file a gate reads later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.files import write_text
from campaign.language import LANGUAGES, Language, Text, say
from campaign.plan import Offer, Plan
from playbooks.staffing.training import TrainingRow, as_text

FAQ_COLUMNS = ("id", "offer", "question", "also_asked_as", "answer", "valid_from", "valid_until", "hand_over")
REPLAY_COLUMNS = ("offer", "question", "answer_from", "passed")


def offer_questions(offer: Offer) -> tuple[Text, ...]:
    """How customers ask about one offer; at least five, because a gate asks for five answered rightly."""
    title = offer.title or offer.id
    return (
        say("How does {offer} work, and is it already taken off the price?", offer=title),
        say("Can I use {offer} together with other coupons?", offer=title),
        say("From when until when does {offer} apply?", offer=title),
        say("Why was {offer} not taken off at the checkout?", offer=title),
        say("If I return one item, do I keep {offer}?", offer=title),
        say("Which items does {offer} apply to?", offer=title),
    )


def write_lessons(folder: Path, plan: Plan, rows: Sequence[TrainingRow], zone: ZoneInfo) -> None:
    """`bot_faq.zh.csv`, `bot_faq.en.csv` to import, and `bot_replay.csv`: fill `passed`, keep it in evidence/<id>/."""
    for language in LANGUAGES:
        write_text(folder / f"bot_faq.{language}.csv", _faq(plan, rows, zone, language), bom=True)
    asked = [[offer.id, str(question), offer.rules, ""] for offer in plan.offers for question in offer_questions(offer)]
    write_text(folder / "bot_replay.csv", as_text(REPLAY_COLUMNS, asked), bom=True)


def _faq(plan: Plan, rows: Sequence[TrainingRow], zone: ZoneInfo, language: Language) -> str:
    lines: list[list[object]] = []
    for offer in plan.offers:
        first, *others = (question.speak(language) for question in offer_questions(offer))
        valid = [_local(offer.announced_at or plan.starts_at, zone), _local(offer.ends_at or plan.ends_at, zone)]
        lines.append([f"{offer.id}-rules", offer.id, first, " | ".join(others), offer.rules, *valid, "no"])
    until = [_local(plan.starts_at, zone), _local(plan.ends_at, zone)]
    for row in rows:
        if not row.offer:
            answer = say("(write the shop's own rule here)").speak(language)
            lines.append([row.intent, "", row.question.speak(language), "", answer, *until, "yes"])
    return as_text(FAQ_COLUMNS, lines)


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")
