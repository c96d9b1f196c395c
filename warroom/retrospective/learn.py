"""What the next campaign learns from: `observed:` in the plan's file, and a line in `history/retrospectives.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from campaign.documents import read_utf8, read_yaml, validate
from campaign.errors import Problem, UserError
from campaign.files import rounded, write_text
from campaign.language import say
from campaign.observed import KEY, cut_observed
from campaign.plan import Plan
from warroom.retrospective.records import Retrospective

SOURCE = "surgeplan retro"
MINUTES_KNOWN_SECONDS = 300  # longer buckets hide the peak that the next forecast would learn


def observed_of(retro: Retrospective, zone: ZoneInfo) -> dict[str, Any]:
    """What came, as the keys of a plan's `observed`."""
    total = retro.forecast.total
    known: dict[str, Any] = {}
    if total.bucket_seconds <= MINUTES_KNOWN_SECONDS:
        known["peak_requests_per_second"] = _short(total.peak_requests_per_second)
        known["peak_at"] = total.peak_at_utc.astimezone(zone).isoformat(timespec="minutes")
    known |= {f.measure: _short(f.real) for f in retro.figures if f.measure in COUNTS and f.real is not None}
    for measure, key in (("reach", "reach"), ("spend", "spend")):
        rows = [row.real for row in retro.reach if row.measure == measure]
        known |= {key: _short(sum(rows))} if rows else {}
    return known | {"source": SOURCE}


COUNTS = ("sessions", "orders", "contacts")


def _short(value: float) -> float | int:
    short = float(rounded(value))
    return int(short) if short == int(short) else short


def with_observed(text: str, found: Mapping[str, Any]) -> str:
    """The plan's text with `observed` written; every other byte of it stays.

    Keys that a person wrote there stay as they are; those of an earlier retrospective are replaced.
    """
    head, block, tail = cut_observed(text)
    own = _loaded(block)
    if own.get("source") == SOURCE:
        del own["source"]  # it stands last again
    else:
        found = {key: value for key, value in found.items() if key not in own}
    ending = "\r\n" if "\r\n" in text else "\n"
    for key, value in found.items():
        own[key] = value
    written = _dumped(own).replace("\n", ending)
    if head and not head.endswith("\n"):
        head += ending
    return head + written + tail


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.allow_unicode = True
    return yaml


def _loaded(block: str) -> CommentedMap:
    content = _yaml().load(block)[KEY] if block else None
    return content if isinstance(content, CommentedMap) else CommentedMap()


def _dumped(observed: CommentedMap) -> str:
    stream = StringIO()
    _yaml().dump({KEY: observed}, stream)
    return stream.getvalue()


def write_observed(file: Path, name: str, found: Mapping[str, Any]) -> bool:
    """Write `observed` into a plan's file; False where it says so already.

    Raises:
        UserError: the file changed meanwhile, or would not be the same plan afterwards.
    """
    with open(file, encoding="utf-8", newline="") as stream:
        before = stream.read()
    after = with_observed(before, found)
    if after == before:
        return False
    _refuse_another_plan(file, name, after)
    with open(file, encoding="utf-8", newline="") as stream:
        if stream.read() != before:
            todo = say("run `surgeplan retro` again")
            raise UserError(Problem(say("was changed while this ran"), todo, file=name))
    write_text(file, after)
    return True


def _refuse_another_plan(file: Path, name: str, after: str) -> None:
    """The new text must read as the same plan but for `observed`."""
    if _read_as_plan(file, after) != validate(read_yaml(file, name), Plan).model_copy(update={KEY: None}):
        todo = say("write observed: by hand, as a key of its own at the end of the file")
        raise UserError(Problem(say("observed cannot be written into it"), todo, file=name))


def _read_as_plan(file: Path, text: str) -> Plan | None:
    """What a text would be read as, `observed` left out; None where it is no plan."""
    draft = file.with_name(f".{file.name}.observed")
    draft.write_text(text, "utf-8")
    try:
        return validate(read_yaml(draft, file.name), Plan).model_copy(update={KEY: None})
    except UserError:
        return None
    finally:
        draft.unlink()


def learned_line(retro: Retrospective) -> dict[str, Any]:
    """What history keeps of a campaign once its files are gone."""
    mine = retro.forecast.methods
    return {
        "schema_version": 1,
        "campaign": retro.campaign,
        "kind": retro.kind,
        "planner": retro.planner,
        "starts_at_utc": _utc(retro.starts_at_utc),
        "as_of_utc": _utc(retro.forecast.as_of_utc),
        "peak_requests_per_second": retro.forecast.total.peak_requests_per_second,
        "peak_error_ratio": retro.forecast.total.peak_error_ratio,
        "within_p90": retro.forecast.total.within_p90,
        "wape_ratio": {name: score.wape_ratio for name, score in mine.items()},
        "reach": [row.model_dump(mode="json") for row in retro.reach],
        "bias": [row.model_dump(mode="json") for row in retro.bias],
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(ZoneInfo("UTC")).isoformat().replace("+00:00", "Z")


def with_line(lines: Sequence[str], line: Mapping[str, Any]) -> list[str]:
    """The lines with this campaign's in place of an earlier one, or at the end."""
    kept = [old for old in lines if old.strip() and json.loads(old).get("campaign") != line["campaign"]]
    return [*kept, json.dumps(rounded(dict(line)), ensure_ascii=False, sort_keys=True)]


def remember(file: Path, retro: Retrospective) -> None:
    """Write the campaign's line into `history/retrospectives.jsonl`.

    Raises:
        UserError: the file is no JSON lines, or cannot be written.
    """
    name = f"history/{file.name}"
    lines = read_utf8(file, name).splitlines() if file.is_file() else []
    try:
        after = with_line(lines, learned_line(retro))
    except json.JSONDecodeError as error:
        todo = say("repair or remove the line that is no JSON")
        raise UserError(Problem(say("is not valid JSON: {reason}", reason=error.msg), todo, file=name)) from error
    write_text(file, "\n".join(after) + "\n")
