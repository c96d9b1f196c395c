"""A definition in sentences, for whoever agrees on it without reading YAML."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.language import Text, say
from campaign.words import Words
from metrics.definitions import Definition
from metrics.dictionary import Dictionary

DEDUPES = {
    "none": say("Each row counts."),
    "per_day": say("The same one counts once a day."),
    "first_ever": say("The same one counts once, the first time ever."),
}
EVENT_TIMES = {
    "client": say("The time is that of the visitor's device."),
    "server": say("The time is that of the server."),
    "payment": say("The time is that of the payment."),
}
READINGS = {"max": say("highest"), "mean": say("mean"), "last": say("last")}
EMPTY = {
    "missing": say("Where the second is zero there is no value."),
    "zero": say("Where the second is zero the value is zero."),
}
RETURNS = {
    "calendar": say("Days after are calendar days."),
    "rolling": say("Days after are 24 hours each, from the first time on."),
}
TAXES = {"included": say("Tax is included."), "excluded": say("Tax is left out.")}
REFUNDS = {"net": say("Refunds are taken off."), "gross": say("Refunds are not taken off.")}
TOUCHES = {
    "first": say("Credit goes to the first touch within {hours} h."),
    "last": say("Credit goes to the last touch within {hours} h."),
    "linear": say("Credit is shared evenly by all touches within {hours} h."),
    "position": say("Most of the credit goes to the first and the last touch within {hours} h."),
}


def sentences(name: str, dictionary: Dictionary) -> tuple[Text, ...]:
    """What the metric of that name counts, what it leaves out, and when its figures are final."""
    definition = dictionary.definitions[name]
    titles = {key: dictionary.definitions[part].title for key, part in definition.references.items()}
    return (_counted(definition, titles), *_restricted(definition), *_timed(definition), *_money(definition))


def _counted(one: Definition, titles: dict[str, Words]) -> Text:
    """The kind's own sentence; `titles` are those of the metrics it is made of."""
    match one.kind:
        case "sum":
            return say("The sum of {value} in {table}.", value=one.value, table=one.table)
        case "count":
            return say("How many rows {table} has.", table=one.table)
        case "count_distinct":
            return say("How many different {identity} are in {table}.", identity=one.identity, table=one.table)
        case "ratio" if one.scale:
            return say("{scale} times {numerator}, divided by {denominator}.", scale=f"{one.scale:g}", **titles)
        case "ratio":
            return say("{numerator} divided by {denominator}.", **titles)
        case "cohort_ratio":
            assert one.return_days
            first, last = one.return_days.first, one.return_days.last
            if first == last:
                return say("Of {cohort}: the share with {returns} on day {day} after.", day=first, **titles)
            days = {"first": first, "last": last}
            return say("Of {cohort}: the share with {returns} on days {first} to {last} after.", **days, **titles)
        case "cohort_value":
            return say("{returns} of {cohort} in {days} days, for each of them.", days=one.horizon_days, **titles)
        case "quantile":
            words = {"quantile": f"{one.quantile:g}", "value": one.value, "table": one.table}
            return say("The {quantile} quantile of {value} in {table}.", **words)
        case "gauge":
            reading = READINGS[one.reading or ""]
            return say("The {reading} {value} in {table}.", reading=reading, value=one.value, table=one.table)


def _restricted(definition: Definition) -> Iterator[Text]:
    if definition.filter:
        yield say("Only rows where: {filter}.", filter=definition.filter)
    if definition.dedupe == "per_window":
        yield say("The same one counts again after {minutes} minutes.", minutes=f"{definition.window_minutes:g}")
    elif definition.dedupe:
        yield DEDUPES[definition.dedupe]
    if definition.zero_denominator:
        yield EMPTY[definition.zero_denominator]
    if definition.return_window:
        yield RETURNS[definition.return_window]
    if definition.attribution:
        hours = f"{definition.attribution.window_hours:g}"
        yield Text(TOUCHES[definition.attribution.model].message, {"hours": hours})


def _timed(definition: Definition) -> Iterator[Text]:
    if definition.event_time:
        yield EVENT_TIMES[definition.event_time]
    if definition.grain == "day" and definition.time_zone:
        yield say("A day begins at {at} ({zone}).", at=definition.day_starts, zone=definition.time_zone)
    if definition.settles_after_hours:
        yield say("Figures are final after {hours} h.", hours=f"{definition.settles_after_hours:g}")


def _money(definition: Definition) -> Iterator[Text]:
    if definition.currency:
        yield say("In {currency}.", currency=definition.currency)
    if definition.tax:
        yield TAXES[definition.tax]
    if definition.refunds:
        yield REFUNDS[definition.refunds]
