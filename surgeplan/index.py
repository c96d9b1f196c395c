"""`out/<id>/index.html`: one page, readable on a phone, that opens with the answer and leads to everything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from markupsafe import Markup

from campaign.files import write_text
from campaign.language import _
from campaign.numbers import local_minute, percent, spoken
from campaign.pages import render
from campaign.workspace import Workspace
from forecast.explain.words import driver_name
from playbooks.rehearsal.settling import settled_in_words
from playbooks.rehearsal.verdict import IN_WORDS
from playbooks.rehearsal.war_room_words import told_of_war_room
from surgeplan.run import Pack
from surgeplan.summary import SERVICES_MOST, gates_in_words, largest_fleets, largest_peaks

INDEX = "index.html"


def publish_index(workspace: Workspace, pack: Pack) -> Path:
    """Write the page over what the steps wrote, and return where it is."""
    folder = workspace.out(pack.plan.id)
    zone = ZoneInfo(pack.plan.time_zone or workspace.settings.time_zone)
    rehearsal = pack.playbook.rehearsal
    page = render(
        "surgeplan",
        "index.html",
        pack=pack,
        files=[File.of(path) for path in files_of(folder)],
        pictures={name: picture(folder / path) for name, path in PICTURES.items()},
        gates=gates_in_words(pack),
        knowledge=knowledge_in_words(pack.traffic.knowledge),
        verdicts=verdicts_in_words(),
        effects=largest_effects(pack),
        peaks=largest_peaks(pack),
        fleets=largest_fleets(pack),
        shown=SERVICES_MOST,
        verdict=IN_WORDS[rehearsal.verdict] if rehearsal else None,
        settled=settled_in_words(rehearsal) if rehearsal else None,
        war_room=told_of_war_room(rehearsal) if rehearsal else None,
        spoken=spoken,
        percent=percent,
        at=lambda instant: local_minute(instant, zone),
        day=lambda instant: local_minute(instant, zone, year=True),
        zone=zone.key,
    )
    write_text(folder / INDEX, page)
    return folder / INDEX


@dataclass(frozen=True)
class File:
    """A file as the page lists it: below its folder."""

    path: str
    folder: str
    name: str

    @classmethod
    def of(cls, path: str) -> File:
        folder, _slash, name = path.rpartition("/")
        return cls(path, folder, name)


PICTURES = {
    "rehearsal": "rehearsal.svg",
    "traffic": "traffic.svg",
    "autoscaling": "playbook/autoscaling.svg",
    "staffing": "playbook/staffing.svg",
}


def picture(path: Path) -> Markup | None:
    """An SVG file ready to stand in the page, sized by it; None where a step drew none."""
    if not path.is_file():
        return None
    svg = path.read_text("utf-8")
    svg = svg[svg.index("<svg") :]
    name = path.stem
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    return Markup(
        re.sub(r'(<svg[^>]*?) width="[^"]*" height="[^"]*"|(<svg[^>]*?) height="[^"]*"', r"\1\2", svg, count=1)
    )


def files_of(folder: Path) -> list[str]:
    """Every file below the campaign's folder, by its path in it; hidden ones and this page left out."""
    paths = (p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file())
    return [str(p) for p in paths if str(p) != INDEX and not any(part.startswith(".") for part in p.parts)]


def largest_effects(pack: Pack) -> list[tuple[str, str, float, float, float]]:
    """Driver, service and p10, p50, p90 of what it adds at its largest, most first, at most eight."""
    rows = [
        (driver_name(e.driver), e.service, q.p10, q.p50, q.p90)
        for e in pack.traffic.effects
        for q in (e.added_requests_per_second,)
    ]
    return sorted(rows, key=lambda row: -row[3])[:8]


def knowledge_in_words(knowledge: str) -> str:
    """What the badge beside the forecast says."""
    return {
        "none": _("no past campaign of this kind"),
        "little": _("few past campaigns of this kind"),
        "some": _("some past campaigns of this kind"),
        "good": _("many past campaigns of this kind"),
    }[knowledge]


def verdicts_in_words() -> dict[str, str]:
    return {
        "reactive-suffices": _("today's HPA suffices"),
        "scheduled": _("scale ahead"),
        "limited": _("a limit ends it"),
    }
