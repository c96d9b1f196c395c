"""`retro.html` and the words of the command: the answer first, then every part with its evidence."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from markupsafe import Markup

from campaign.console import table
from campaign.language import Text, _, say
from campaign.numbers import Change, local_minute, percent, spoken
from campaign.pages import render
from campaign.plan import Plan
from warroom.live.actions.records import Measure, Range
from warroom.live.actions.words import change_words
from warroom.retrospective.labels import MEASURE_LABELS, METHOD_LABELS, named
from warroom.retrospective.records import OURS, Decision, Lasting, Retrospective


def signed(ratio: float) -> str:
    """`+12 %`, `-3.4 %`."""
    return ("+" if ratio > 0 else "-" if ratio < 0 else "") + percent(abs(ratio))


def verdict(retro: Retrospective) -> list[Text]:
    """What a person wants to know first, in at most four sentences."""
    total, score = retro.forecast.total, retro.forecast
    high = total.peak_error_ratio >= 0
    words = {"peak": spoken(total.peak_requests_per_second), "share": percent(abs(total.peak_error_ratio))}
    said = [
        say("The peak was {peak} requests/s; the forecast's middle was {share} too high.", **words)
        if high
        else say("The peak was {peak} requests/s; the forecast's middle was {share} too low.", **words)
    ]
    p90 = spoken(total.peak_p90)
    said.append(
        say("It stayed below the p90 of {p90}.", p90=p90)
        if total.within_p90
        else say("It went above the p90 of {p90}.", p90=p90)
    )
    peer = score.best_peer
    if peer and OURS in score.methods:
        mine, theirs = score.methods[OURS].wape_ratio, score.methods[peer].wape_ratio
        said.append(
            say(
                "By hour it was {mine} off; the best plain peer ({peer}) {theirs}.",
                mine=percent(mine),
                peer=METHOD_LABELS.get(peer, peer),
                theirs=percent(theirs),
            )
        )
    if retro.lasting:
        said.append(lasting_sentence(retro.lasting))
    return said


def lasting_sentence(lasting: Lasting) -> Text:
    last = lasting.days[-1]
    measure = MEASURE_LABELS[lasting.measure]
    share = percent(last.to_first_day_ratio)
    if last.to_usual_ratio is None:
        return say("On D+{day} {measure} were {share} of the first day's.", day=last.day, measure=measure, share=share)
    usual = percent(last.to_usual_ratio)
    return say("On D+{day} {measure} were {share} of the first day's and {usual} of an ordinary same weekday's.",
               day=last.day, measure=measure, share=share, usual=usual)  # fmt: skip


def effect_sentence(decision: Decision) -> str:
    """`expected -1,900, came -1,750 requests/s`, as far as it is known."""
    if decision.measure is not None:
        return str(_measured_sentence(decision, decision.measure))
    expected, real = decision.expected_requests_per_second, decision.real_requests_per_second
    if real is None:
        return str(say("effect not known"))
    if expected is None:
        return str(say("{real} requests/s in the hour after", real=Change(real)))
    return str(say("expected {expected}, came {real} requests/s", expected=Change(expected),
                   real=Change(real)))  # fmt: skip


def _measured_sentence(decision: Decision, measure: Measure) -> Text:
    """The same of an action while the campaign ran, with its ranges."""
    expected, real = (change_words(measure, Range(**c.model_dump())) if c else None
                      for c in (decision.expected, decision.real))  # fmt: skip
    if real is None:
        return say("expected {expected}; effect not known: {why}", expected=expected, why=decision.why or "-")
    words = say("expected {expected}, came {real}")
    if decision.effect == "not-told-apart":
        words = say("expected {expected}, came {real}: it may have done nothing")
    said = Text(words.message, {"expected": expected, "real": real})
    return say("{what} ({how})", what=said, how=decision.why) if decision.why else said


def as_text(retro: Retrospective, plan: Plan, *, observed_written: bool) -> str:
    """The command's answer."""
    score = retro.forecast
    rows = [
        [
            named(METHOD_LABELS, name),
            percent(m.wape_ratio),
            percent(m.peak_error_ratio),
            minutes(m.peak_time_error_minutes),
        ]
        for name, m in score.methods.items()
    ]
    parts = [plan.title, *(str(sentence) for sentence in verdict(retro)), ""]
    parts.append(table([_("forecast by"), _("error by hour"), _("peak hour"), _("peak hour, min off")], rows))
    if retro.capacity:
        headings = [
            _("service"),
            _("replicas bought"),
            _("needed"),
            _("hours bought"),
            _("hours needed"),
            _("short, min"),
        ]
        rows = [
            [n, str(c.peak_bought), str(c.peak_needed), spoken(c.replica_hours_bought), spoken(c.replica_hours_needed),
             spoken(c.short_minutes)]
            for n, c in retro.capacity.items()
        ]  # fmt: skip
        parts += ["", table(headings, rows)]
    if retro.bias:
        headings = [_("channel"), _("planner"), _("real of planned"), _("pushes")]
        rows = [[b.channel, b.planner, percent(b.real_to_planned_ratio), str(b.pushes)] for b in retro.bias]
        parts += ["", table(headings, rows, left=2)]
    kept = retro.discipline
    parts += ["", discipline_sentence(retro)] if kept.items else []
    parts += [f"  {note}" for note in retro.assumptions]
    parts.append(
        str(say("observed: written into campaigns/{id}.yaml", id=plan.id))
        if observed_written
        else str(say("campaigns/{id}.yaml says what came already", id=plan.id))
    )
    return "\n".join(parts)


def minutes(value: float | None) -> str:
    return "-" if value is None else f"{value:+.0f}" if value else "0"


def discipline_sentence(retro: Retrospective) -> str:
    kept = retro.discipline
    return str(
        say(
            "checklist: {on_time} of {items} in time, {late} late, {never} never; {waived} waived, {again} re-signed",
            on_time=kept.on_time,
            items=kept.items,
            late=len(kept.late),
            never=len(kept.never),
            waived=len(kept.waivers),
            again=kept.signed_again,
        )
    )


def as_page(retro: Retrospective, plan: Plan, zone: ZoneInfo, picture: Path) -> str:
    """One column, readable at 390 px and on paper."""
    return render(
        "warroom",
        "retro.html",
        retro=retro,
        title=plan.title,
        verdict=verdict(retro),
        picture=inline(picture),
        method=lambda name: named(METHOD_LABELS, name),
        measure=lambda name: named(MEASURE_LABELS, name),
        effect=effect_sentence,
        kept=discipline_sentence(retro),
        spoken=spoken,
        percent=percent,
        signed=signed,
        minutes=minutes,
        at=lambda instant: local_minute(instant, zone),
        on=lambda instant: local_minute(instant, zone, year=True),
        zone=zone.key,
        ours=OURS,
    )


def inline(path: Path) -> Markup:
    """Our own SVG, ready to stand in the page."""
    svg = path.read_text("utf-8")
    return Markup(svg[svg.index("<svg") :])
