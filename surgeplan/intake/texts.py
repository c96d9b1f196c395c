"""What `init --from` writes for people: settings with comments, stubs to be named, the report of what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from campaign.language import Language, _, say
from campaign.numbers import local_minute
from campaign.plan_text import text_scalar
from metrics.intake.records import Place, Recognised, ServiceFigures

if TYPE_CHECKING:
    from surgeplan.intake.make import Imported

FINDINGS_SHOWN = 12


def settings_text(
    services: Sequence[str],
    figures: Mapping[str, ServiceFigures],
    zone: ZoneInfo,
    language: Language,
    desks: Sequence[str],
    sources: Iterable[dict[str, object]],
) -> str:
    """surgeplan.yaml with what is known, and a comment where a figure is missing."""
    lines = ["schema_version: 1", f"time_zone: {zone.key}", f"language: {language}", "services:"]
    for service in services:
        lines += _service_lines(service, figures.get(service), language)
    lines += _desk_lines(desks, language)
    lines.append(
        "# "
        + say("how each export was read; later ones go into exports/, then: surgeplan history pull").speak(language)
    )
    lines.append("sources:")
    lines += [f"  - {json.dumps(source, ensure_ascii=False)}" for source in sources]
    return "\n".join(lines) + "\n"


def _service_lines(name: str, figures: ServiceFigures | None, language: Language) -> Iterator[str]:
    yield f"  - name: {text_scalar(name)}"
    if figures is None:
        missing = "capacity_requests_per_second_per_replica, replicas, cpu_cores, memory_gib"
        yield "    # " + say("still to say: {keys}", keys=missing).speak(language)
        return
    known = {"today": figures.replicas, "min": figures.min_replicas, "max": figures.max_replicas}
    replicas = ", ".join(f"{key}: {value}" for key, value in known.items() if value is not None)
    if replicas:
        yield f"    replicas: {{{replicas}}}"
    if figures.cpu_cores:
        yield f"    cpu_cores: {figures.cpu_cores:g}"
    if figures.memory_gib:
        yield f"    memory_gib: {figures.memory_gib:g}"
    missing = "capacity_requests_per_second_per_replica"
    yield "    # " + say("still to say: {keys}", keys=missing).speak(language)


def _desk_lines(desks: Sequence[str], language: Language) -> Iterator[str]:
    """Desks whose contacts were found, as a comment: how long a contact takes and what is promised only people know."""
    if not desks:
        return
    head = say("desks whose contacts were found; to staff them, fill in what is promised (docs/support/staffing.md)")
    yield f"# {head.speak(language)}"
    yield "# desks:"
    for name in desks:
        promised = "channel: chat, handle_seconds: ?, service_level: {ratio: ?, seconds: ?}"
        yield f"#   - {{name: {text_scalar(name)}, {promised}}}"


def stub_head(ratio: float, language: Language) -> tuple[str, ...]:
    """The comment on top of a stub plan."""
    lines = (
        say("Traffic reached {ratio} times the usual here and no plan says why.", ratio=f"{ratio:.1f}"),
        say("Give it a name, its kind, drivers, channels and moments, or delete this file."),
    )
    return tuple(line.speak(language) for line in lines)


def report(imported: Imported) -> str:
    """What every file and column was taken for, and what the history looks like."""
    return "\n".join([*_file_lines(imported), "", *_history_lines(imported)])


def _file_lines(imported: Imported) -> Iterator[str]:
    for found in imported.intake.recognised:
        yield f"{_place(found)}: {_kind(found)}"
        yield from (f"  {column.heading}: {column.meaning}" for column in found.columns)
        yield from (f"  - {note}" for note in found.notes)
    for place in imported.intake.unknown:
        yield f"{_named(place)}: " + _("not recognised, not used")
    yield from (f"- {note}" for note in imported.notes)


def _place(found: Recognised) -> str:
    return _named(found.place)


def _named(place: Place) -> str:
    sheet = f" [{place.sheet}]" if place.sheet else ""
    return place.file + (f":{place.row}" if place.row else "") + sheet


def _kind(found: Recognised) -> str:
    return {
        "grafana": _("a Grafana panel"),
        "report": _("a business report"),
        "support": _("a support report"),
        "schedule": _("a campaign schedule"),
        "access-log": _("an access log"),
        "kubectl": _("objects of a Kubernetes cluster"),
    }[found.reader]


def _history_lines(imported: Imported) -> Iterator[str]:
    for service in imported.services:
        lengths = ", ".join(_("{minutes} min").format(minutes=n // 60) for n in imported.bucket_lengths[service])
        yield _("{service}: buckets of {lengths}").format(service=service, lengths=lengths)
    hours = ", ".join(f"{hour:02d}:00" for hour in imported.busiest_hours)
    yield _("busiest hours: {hours}").format(hours=hours)
    shown = [f for f in imported.findings if f.kind != "surge"]
    words = {
        "gap": _("gap"),
        "outage": _("probable outage"),
        "bot": _("probable bots"),
        "test-window": _("load test"),
    }
    for finding in shown[:FINDINGS_SHOWN]:
        start, end = (local_minute(t, imported.zone, year=True) for t in (finding.starts_at_utc, finding.ends_at_utc))
        yield f"{words[finding.kind]}: {finding.service} {start} - {end}"
    if len(shown) > FINDINGS_SHOWN:
        yield _("and {count} more: surgeplan history show").format(count=len(shown) - FINDINGS_SHOWN)
    if imported.stubs:
        names = ", ".join(plan.id for plan in imported.stubs)
        yield _("surges without a plan, to be named by a person: {names}").format(names=names)


def next_command(imported: Imported, folder: Path) -> str:
    """Name the stubs first, else forecast the campaign that starts last."""
    plans = [plan for found in imported.intake.recognised for plan in found.plans]
    if imported.stubs or not plans:
        return f"surgeplan check --workspace {folder}"
    return f"surgeplan forecast {max(plans, key=lambda plan: plan.starts_at).id} --workspace {folder}"


def report_json(imported: Imported) -> dict[str, object]:
    """The same as a document."""
    files = [
        {
            "file": found.place.file,
            "sheet": found.place.sheet or None,
            "reader": found.reader,
            "kind": found.kind,
            "columns": {column.heading: column.meaning.speak("en") for column in found.columns},
            "notes": [note.speak("en") for note in found.notes],
        }
        for found in imported.intake.recognised
    ]
    return {
        "files": files,
        "unknown": [place.file for place in imported.intake.unknown],
        "services": list(imported.services),
        "bucket_seconds": {service: list(lengths) for service, lengths in imported.bucket_lengths.items()},
        "busiest_hours": list(imported.busiest_hours),
        "findings": [
            {
                "kind": f.kind,
                "service": f.service,
                "starts_at_utc": f.starts_at_utc.isoformat(),
                "ends_at_utc": f.ends_at_utc.isoformat(),
            }
            for f in imported.findings
        ],
        "stubs": [plan.id for plan in imported.stubs],
    }
