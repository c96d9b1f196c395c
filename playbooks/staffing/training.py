"""What to teach the bot first: the questions that would save most agents at the peak half-hour."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from campaign.files import write_text
from campaign.language import Text, _, say
from campaign.plan import Offer, Plan
from campaign.spreadsheets import Sheet, Value, write_workbook
from playbooks.staffing.counted import Mix
from playbooks.staffing.erlang import Floats
from playbooks.staffing.planning import DeskFigures
from playbooks.staffing.policy import Intent
from playbooks.staffing.requirement import required_seats


@dataclass(frozen=True)
class TrainingRow:
    """One question to train, for one offer or for the whole campaign, over all desks that have a bot.

    contacts_at_peak: people asking it at each desk's peak half-hour, after the bot; saved_by_desk: agents fewer there
    if the trained bot took over gain_ratio of them.
    """

    intent: str
    offer: str
    question: Text
    answer_from: str
    contacts_at_peak: float
    handle_seconds: float
    unresolved_ratio: float
    gain_ratio: float
    saved_by_desk: dict[str, float]
    effort_days: float

    @property
    def agents_saved_at_peak(self) -> float:
        return sum(self.saved_by_desk.values())


@dataclass(frozen=True)
class _Asked:
    """One question on one desk at its peak."""

    desk: str
    intent: Intent
    offer: Offer | None
    contacts: float
    saved: float
    unresolved_ratio: float
    handle_seconds: float


def training_rows(figures: Sequence[DeskFigures], plan: Plan, mixes: Mapping[str, Mix]) -> list[TrainingRow]:
    """Questions ranked by agents saved at the peak per day of effort, best first; mixes: of every desk's questions."""
    questions: dict[tuple[str, str], list[_Asked]] = {}
    for one in trained_desks(figures):
        for asked in _on_desk(one, mixes[one.ready.name], plan.offers):
            questions.setdefault((asked.intent.id, asked.offer.id if asked.offer else ""), []).append(asked)
    rows = [_row(asked) for asked in questions.values()]
    return sorted(rows, key=lambda row: (-row.agents_saved_at_peak / row.effort_days, row.intent, row.offer))


def trained_desks(figures: Sequence[DeskFigures]) -> Sequence[DeskFigures]:
    """The desks whose bot is to be trained; where there is none yet, all, as if one answered there."""
    return [one for one in figures if one.ready.desk.bot] or figures


def _on_desk(figures: DeskFigures, mix: Mix, offers: Sequence[Offer]) -> list[_Asked]:
    questions: list[tuple[Intent, Offer | None, float]] = []
    for intent in mix.intents:
        about: Sequence[Offer | None] = offers if intent.per_offer else [None]
        questions += [(intent, offer, intent.share_ratio / len(about)) for offer in about]
    extra = _extra_share(figures)
    saved = _agents_saved(figures, extra * np.array([share * intent.gain_ratio for intent, _, share in questions]))
    at_peak = extra * float(figures.human_p90[figures.peak])
    desk = figures.ready.desk
    usual = 1.0 if desk.bot is None else 1 - desk.bot.resolved_ratio.mid
    return [
        _Asked(desk.name, intent, offer, at_peak * share, float(fewer), mix.unresolved_ratio.get(intent.id, usual),
               desk.handle_seconds)
        for (intent, offer, share), fewer in zip(questions, saved, strict=True)
    ]  # fmt: skip


def _row(asked: Sequence[_Asked]) -> TrainingRow:
    intent, offer = asked[0].intent, asked[0].offer
    weight = [max(1e-9, one.contacts) for one in asked]
    return TrainingRow(
        intent=intent.id,
        offer=offer.id if offer else "",
        question=question(intent.id, offer),
        answer_from=offer.rules if offer else "",
        contacts_at_peak=sum(one.contacts for one in asked),
        handle_seconds=float(np.average([one.handle_seconds for one in asked], weights=weight)),
        unresolved_ratio=float(np.average([one.unresolved_ratio for one in asked], weights=weight)),
        gain_ratio=intent.gain_ratio,
        saved_by_desk={one.desk: one.saved for one in asked},
        effort_days=intent.effort_days,
    )


def _extra_share(figures: DeskFigures) -> float:
    """Share of the peak's contacts that the campaign brings: what is above the usual half-hour at that time of day."""
    minute = figures.clock.minute_of_day
    usual = float(np.median(figures.human_p50[minute == minute[figures.peak]]))
    peak = float(figures.human_p90[figures.peak])
    return max(0.0, 1 - usual / peak) if peak > 0 else 0.0


def _agents_saved(figures: DeskFigures, taken_ratio: Floats) -> Floats:
    """People fewer at the desk's peak if the bot took those shares of its contacts, each on its own; not rounded."""
    ready, at = figures.ready, figures.peak
    left = np.concatenate([[1.0], 1 - taken_ratio])
    seats: Floats = left * float(figures.seats[at])
    if ready.rules is not None:
        seats = required_seats(ready.rules, left * figures.load_p90[at]).seats
    fewer: Floats = (seats[0] - seats[1:]) / ready.at_work_ratio
    return fewer


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
    "gain_ratio", "agents_saved_at_peak", "saved_by_desk", "effort_days",
)  # fmt: skip


def write_training(folder: Path, rows: Sequence[TrainingRow]) -> None:
    """`bot_training.csv` (with a BOM, for spreadsheets) and the same as `bot_training.xlsx` for people."""
    cells = [_cells(rank, row) for rank, row in enumerate(rows, start=1)]
    write_text(folder / "bot_training.csv", as_text(COLUMNS, cells), bom=True)
    headings = [
        _("rank"), _("intent"), _("offer"), _("question"), _("answer from these rules"),
        _("asked at the peak half-hour"), _("handling, seconds"), _("not resolved by the bot today"),
        _("share a trained bot takes over"), _("agents saved at the peak"), _("agents saved by desk"),
        _("effort, days"),
    ]  # fmt: skip
    write_workbook(folder / "bot_training.xlsx", [Sheet(_("bot training"), headings, cells)])


def _cells(rank: int, row: TrainingRow) -> list[Value]:
    return [
        rank, row.intent, row.offer, str(row.question), row.answer_from, round(row.contacts_at_peak, 1),
        round(row.handle_seconds), round(row.unresolved_ratio, 3), row.gain_ratio, round(row.agents_saved_at_peak, 2),
        "; ".join(f"{desk} {saved:.2f}" for desk, saved in row.saved_by_desk.items()), row.effort_days,
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
