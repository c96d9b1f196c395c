"""What to teach the bot first: the questions that would save most agents at the peak half-hour."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from campaign.files import write_text
from campaign.language import Text, _, say
from campaign.plan import Offer, Plan
from campaign.spreadsheets import Sheet, Value, write_workbook
from playbooks.staffing.planning import DeskFigures
from playbooks.staffing.policy import Intent, StaffingPolicy
from playbooks.staffing.requirement import required_seats


@dataclass(frozen=True)
class TrainingRow:
    """One question to train, for one offer or for the whole campaign.

    contacts_at_peak: people asking it at the peak half-hour of all desks, after the bot; agents_saved_at_peak: if the
    trained bot took over gain_ratio of them.
    """

    intent: str
    offer: str
    question: Text
    answer_from: str
    contacts_at_peak: float
    handle_seconds: float
    unresolved_ratio: float
    gain_ratio: float
    agents_saved_at_peak: float
    effort_days: float


def training_rows(figures: Sequence[DeskFigures], plan: Plan, policy: StaffingPolicy) -> list[TrainingRow]:
    """Questions ranked by agents saved at the peak per day of effort, best first."""
    rows = [row for intent in policy.intents for row in _of_intent(intent, figures, plan)]
    return sorted(rows, key=lambda row: (-row.agents_saved_at_peak / row.effort_days, row.intent, row.offer))


def _of_intent(intent: Intent, figures: Sequence[DeskFigures], plan: Plan) -> Iterator[TrainingRow]:
    offers: Sequence[Offer | None] = plan.offers if intent.per_offer else [None]
    if intent.per_offer and not plan.offers:
        return
    share = intent.share_ratio / len(offers)
    asked = sum(_extra_share(one) * one.human_p90[one.peak] * share for one in figures)
    handle = [one.ready.desk.handle_seconds for one in figures]
    weight = [max(1e-9, float(one.human_p90[one.peak])) for one in figures]
    for offer in offers:
        yield TrainingRow(
            intent=intent.id,
            offer=offer.id if offer else "",
            question=question(intent.id, offer),
            answer_from=offer.rules if offer else "",
            contacts_at_peak=asked,
            handle_seconds=float(np.average(handle, weights=weight)),
            unresolved_ratio=float(np.average([_unresolved(one) for one in figures], weights=weight)),
            gain_ratio=intent.gain_ratio,
            agents_saved_at_peak=sum(_agents_saved(one, share * intent.gain_ratio) for one in figures),
            effort_days=intent.effort_days,
        )


def _unresolved(figures: DeskFigures) -> float:
    bot = figures.ready.desk.bot
    return 1.0 if bot is None else 1 - bot.resolved_ratio.mid


def _extra_share(figures: DeskFigures) -> float:
    """Share of the peak's contacts that the campaign brings: what is above the usual half-hour at that time of day."""
    minute = figures.clock.minute_of_day
    usual = float(np.median(figures.human_p50[minute == minute[figures.peak]]))
    peak = float(figures.human_p90[figures.peak])
    return max(0.0, 1 - usual / peak) if peak > 0 else 0.0


def _agents_saved(figures: DeskFigures, taken_ratio: float) -> float:
    """People fewer at the desk's peak if the bot took that share of the campaign's contacts; not rounded."""
    ready, at = figures.ready, figures.peak
    left = 1 - taken_ratio * _extra_share(figures)
    if ready.rules is None:
        return float(figures.seats[at] * (1 - left)) / ready.at_work_ratio
    load = np.array([figures.load_p90[at], figures.load_p90[at] * left])
    before, after = required_seats(ready.rules, load).seats
    return float(before - after) / ready.at_work_ratio


def question(intent: str, offer: Offer | None) -> Text:
    """How customers ask it."""
    title = (offer.title or offer.id) if offer else ""
    words = {
        "offer-rules": say("How does {offer} work, and is it already taken off the price?", offer=title),
        "stack-discounts": say("Can I use {offer} together with other coupons?", offer=title),
        "deposit-balance": say("When do I pay the balance, and what if I miss it?"),
        "coupon-failed": say("Why can I not get or use the coupon?"),
        "price-protection": say("It got cheaper after I bought it: can I have the difference back?"),
        "payment-failed": say("My payment failed or was taken twice: what now?"),
        "hurry-shipping": say("When will my order be shipped?"),
        "change-address": say("Can I still change the address?"),
        "refund": say("How do I get a refund, and when does the money come?"),
    }
    return words.get(intent, say("{intent}", intent=intent))


COLUMNS = (
    "rank", "intent", "offer", "question", "answer_from", "contacts_at_peak", "handle_seconds", "unresolved_ratio",
    "gain_ratio", "agents_saved_at_peak", "effort_days",
)  # fmt: skip


def write_training(folder: Path, rows: Sequence[TrainingRow]) -> None:
    """`bot_training.csv` (with a BOM, for spreadsheets) and the same as `bot_training.xlsx` for people."""
    cells = [_cells(rank, row) for rank, row in enumerate(rows, start=1)]
    write_text(folder / "bot_training.csv", as_text(COLUMNS, cells), bom=True)
    headings = [
        _("rank"), _("intent"), _("offer"), _("question"), _("answer from these rules"),
        _("asked at the peak half-hour"), _("handling, seconds"), _("not resolved by the bot today"),
        _("share a trained bot takes over"), _("agents saved at the peak"), _("effort, days"),
    ]  # fmt: skip
    write_workbook(folder / "bot_training.xlsx", [Sheet(_("bot training"), headings, cells)])


def _cells(rank: int, row: TrainingRow) -> list[Value]:
    return [
        rank, row.intent, row.offer, str(row.question), row.answer_from, round(row.contacts_at_peak, 1),
        round(row.handle_seconds), round(row.unresolved_ratio, 3), row.gain_ratio, round(row.agents_saved_at_peak, 2),
        row.effort_days,
    ]  # fmt: skip


def as_text(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """CSV that spreadsheets can open safely."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return text.getvalue()


def _safe(value: object) -> object:
    """Text that a spreadsheet would take for a formula is given an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
