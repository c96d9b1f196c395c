"""What people answer where exports leave something open: as options, or typed at the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.intake.names import identifier
from metrics.intake.quantities import read_quantity
from metrics.intake.records import Answers, Question, Values


def refuse_other_origins(example: str | None, data: Path | None) -> None:
    """Raises UserError where `--from` stands beside options that belong to examples."""
    for option, given in (("--example", example), ("--data", data)):
        if given is not None:
            what = say("{option} does not go with --from", option=option)
            raise UserError(Problem(what, say("leave one of the two out"), key=option))


def given_answers(
    time_zone: str | None, rates: bool | None, requests_per_session: float | None, service: str | None,
    day_first: bool | None,
) -> Answers:  # fmt: skip
    """Options as answers.

    Raises:
        UserError: the zone or the service's name is none.
    """
    if service is not None and identifier(service) != service:
        what = say("{name} is no name for a service", name=service)
        raise UserError(Problem(what, say("use letters, digits, dots and dashes"), key="--service"))
    values: Values | None = None if rates is None else "rates" if rates else "counts"
    return Answers(zone_named(time_zone) if time_zone else None, values, requests_per_session, service, day_first)


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        what = say("{name} is not a time zone", name=name)
        todo = say("use a name such as Asia/Shanghai or Europe/Berlin")
        raise UserError(Problem(what, todo, key="--time-zone")) from error


def answered(answers: Answers, question: Question, reply: str) -> Answers:
    """The answers with one more, as typed at the terminal.

    Raises:
        UserError: the reply is no answer to the question.
    """
    reply = reply.strip()
    if question.option == "--time-zone":
        return replace(answers, time_zone=zone_named(reply))
    if question.option == "--service" and identifier(reply) == reply and reply:
        return replace(answers, service=reply)
    if question.option == "--requests-per-session":
        quantity = read_quantity(reply)
        if quantity and quantity.value:
            return replace(answers, requests_per_session=quantity.value)
    if question.option == "--rates|--counts" and reply.lstrip("-") in ("rates", "counts"):
        return replace(answers, values="rates" if reply.endswith("rates") else "counts")
    if question.option == "--day-first|--month-first" and reply.lstrip("-") in ("day-first", "month-first"):
        return replace(answers, day_first=reply.endswith("day-first"))
    what = say("{reply} does not answer it", reply=reply or "-")
    raise UserError(Problem(what, say("answer with {option}", option=question.option), key=question.option))
