"""The checklist as people carry it: text for the terminal, Markdown, a printable page, a workbook."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from campaign.console import table
from campaign.language import Text, _, say
from campaign.numbers import local_minute, percent
from campaign.pages import render
from campaign.plan import Plan
from campaign.readiness import Checklist, GateState, Item, Reopened, Signature
from campaign.spreadsheets import Sheet, Value
from playbooks.readiness.labels import ROLE_LABELS, STATE_LABELS

Section = tuple[GateState | None, tuple[Item, ...]]
MARKS = {"pass": "x", "waived": "x"}


def sections(checklist: Checklist) -> list[Section]:
    """The gates in order with their items, and last the items of no gate."""
    found: list[Section] = [(gate, checklist.of_gate(gate.gate)) for gate in checklist.gates]
    free = checklist.of_gate(None)
    return [*found, (None, free)] if free else found


def tier_sentence(checklist: Checklist) -> Text:
    if checklist.tier_ratio is None:
        return say("tier {tier}", tier=checklist.tier)
    share = percent(checklist.tier_ratio)
    return say("tier {tier}: the p90 peak is {share} of known capacity", tier=checklist.tier, share=share)


def gate_sentence(gate: GateState) -> Text:
    if gate.open:
        return say("gate open")
    if gate.missing:
        return say("{missing} of {items} items missing", missing=len(gate.missing), items=gate.items)
    return say("signatures missing")


def state_label(item: Item) -> Text:
    return say("overdue") if item.overdue and item.state == "pending" else STATE_LABELS[item.state]


def state_sentence(item: Item) -> str:
    """`pending`, `overdue`, and why."""
    return f"{state_label(item)} · {item.note}" if item.note else str(state_label(item))


def as_text(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> str:
    parts = [f"{plan.title} · {tier_sentence(checklist)}"]
    parts += [f"  {assumption}" for assumption in checklist.assumptions]
    headings = [_("item"), "", _("owner"), _("due"), "", _("state")]
    for gate, items in sections(checklist):
        rows = [
            [
                *(i.id, str(i.title), str(ROLE_LABELS[i.owner])),
                *(local_minute(i.due_at_utc, zone), i.due, state_sentence(i)),
            ]
            for i in sorted(items, key=lambda item: (item.owner, item.due_at_utc))
        ]
        parts += ["", _heading(gate, zone), table(headings, rows, left=6)]
    return "\n".join(parts)


def _heading(gate: GateState | None, zone: ZoneInfo) -> str:
    if gate is None:
        return _("no gate: while it runs")
    return f"{gate.gate} {gate.title} · {local_minute(gate.due_at_utc, zone)} · {gate_sentence(gate)}"


def gate_as_text(gate: GateState, items: tuple[Item, ...], zone: ZoneInfo) -> str:
    """Yes or no, then every item that holds the gate shut or was waived, and every signature."""
    shown = [item for item in items if item.state != "pass"]
    rows = [[i.id, str(i.title), str(ROLE_LABELS[i.owner]), state_sentence(i)] for i in shown]
    rows += [[s.role, str(say("signature")), str(ROLE_LABELS[s.role]), signature_sentence(s)] for s in gate.signatures]
    body = [table([_("item"), "", _("owner"), _("state")], rows, left=4)] if rows else []
    return "\n".join([_heading(gate, zone), *body])


def signature_sentence(signature: Signature) -> str:
    if signature.by is None:
        return str(say("not signed"))
    if signature.note:
        return f"{STATE_LABELS['stale']} · {signature.note}"
    return str(say("signed by {name}", name=signature.by))


def reopened_sentence(one: Reopened) -> str:
    """`support: bot-trained is stale again · the plan's wording changed since wu signed`."""
    words = say("{owner}: {title} is {state} again", owner=ROLE_LABELS[one.owner], title=str(one.title),
                state=STATE_LABELS[one.state])  # fmt: skip
    return f"{words} · {one.note}" if one.note else str(words)


def as_markdown(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> str:
    """A list that can be ticked in any editor; names are escaped so that they cannot be markup."""
    lines = [f"# {_('Checklist')}: {_escaped(plan.title)}", "", f"{tier_sentence(checklist)}. {_times_in(zone)}"]
    lines += [f"- {assumption}" for assumption in checklist.assumptions]
    if checklist.reopened:
        lines += ["", f"## {_('Re-opened since the last time')}", ""]
        lines += [f"- {_escaped(reopened_sentence(one))}" for one in checklist.reopened]
    for gate, items in sections(checklist):
        lines += ["", f"## {_heading(gate, zone)}", ""]
        if gate and gate.signatures:
            signed = [f"{ROLE_LABELS[s.role]}: {_escaped(signature_sentence(s))}" for s in gate.signatures]
            lines += [" · ".join(signed), ""]
        for item in items:
            due = f"{item.due} ({local_minute(item.due_at_utc, zone)})"
            lines.append(f"- [{MARKS.get(item.state, ' ')}] **{item.title}** · {ROLE_LABELS[item.owner]} · {due}")
            lines.append(f"  - {item.evidence}")
            lines.append(f"  - `{item.id}`: {_escaped(state_sentence(item))}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\`*_[]<>#|" else c for c in text)


def _times_in(zone: ZoneInfo) -> Text:
    return say("Times are {zone}.", zone=zone.key)


def as_page(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> str:
    """`checklist.html`: a card per item, one column, readable at 390 px and on paper."""
    return render(
        "playbooks",
        "checklist.html",
        title=plan.title,
        tier=tier_sentence(checklist),
        times=_times_in(zone),
        assumptions=checklist.assumptions,
        reopened=[reopened_sentence(one) for one in checklist.reopened],
        historical=checklist.historical,
        sections=[(gate, _heading(gate, zone), items) for gate, items in sections(checklist)],
        owners=ROLE_LABELS,
        signed={(g.gate, s.role): signature_sentence(s) for g in checklist.gates for s in g.signatures},
        bundle=checklist.bundle,
        states={item.id: state_label(item) for item in checklist.items},
        due={item.id: local_minute(item.due_at_utc, zone) for item in checklist.items},
    )


def as_sheets(checklist: Checklist, zone: ZoneInfo) -> list[Sheet]:
    """One row per item, with room to write who did it."""
    headings = [
        *(_("gate"), _("due"), _("due at ({zone})").format(zone=zone.key), _("owner"), _("item"), _("evidence")),
        *(_("state"), _("why"), _("done by"), _("item id")),
    ]
    rows: list[list[Value]] = [
        [
            *(item.gate or "", item.due, item.due_at_utc.astimezone(zone).replace(tzinfo=None)),
            *(str(ROLE_LABELS[item.owner]), str(item.title), str(item.evidence)),
            *(str(STATE_LABELS[item.state]), str(item.note) if item.note else "", "", item.id),
        ]
        for _gate, items in sections(checklist)
        for item in items
    ]
    return [Sheet(_("Checklist"), headings, rows)]
