"""The commands of `metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    NowOption,
    WorkspaceOption,
    actor,
    clock,
    open_workspace,
    table,
)
from campaign.errors import ExitCode, Problem
from campaign.language import Text, _, say
from metrics.analysis import cli as analysis

if TYPE_CHECKING:
    from metrics.archive import Archived
    from metrics.compute import Computed, Value
    from metrics.dictionary import Dictionary
    from metrics.differences import Change
    from metrics.faults import Fault

MetricArgument = Annotated[str, typer.Argument(help=_("A metric's name."), metavar="METRIC")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help=_("Folder of event tables: ads, events, orders … as CSV or Parquet."),
        show_default=_("data in the workspace"),
    ),
]
ByOption = Annotated[list[str] | None, typer.Option("--by", help=_("Split by this column; may be repeated."))]
SqlOption = Annotated[bool, typer.Option("--sql", help=_("Print the query instead of running it."))]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--for",
        help=_("Print it for postgres, clickhouse, spark, trino, bigquery, or as a prometheus recording rule."),
        metavar="ENGINE",
    ),
]
MetricsArgument = Annotated[list[str], typer.Argument(help=_("Names of metrics, or name@id."), metavar="METRIC…")]
OldArgument = Annotated[
    Path | None,
    typer.Argument(help=_("A folder or metrics.yaml; what was last agreed on where left out."), metavar="OLD"),
]
NewArgument = Annotated[
    Path | None, typer.Argument(help=_("A folder or metrics.yaml; this workspace where left out."), metavar="NEW")
]
ActorOption = Annotated[
    str | None, typer.Option("--as", help=_("Who agrees; SURGEPLAN_USER where left out."), metavar="NAME")
]
RoleOption = Annotated[str | None, typer.Option("--role", help=_("marketing, ops or data."))]
FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help=_("Files to check, with a manifest beside each; all bound files where left out.")),
]
NameArgument = Annotated[str | None, typer.Argument(help=_("A metric's name; all of them where left out."))]


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    metrics = typer.Typer(no_args_is_help=True, help=_("The metric dictionary: what every number means."))
    metrics.command("show", help=_("The definitions and their ids."))(show)
    metrics.command("check", help=_("Check the dictionary and every plan that uses it."))(check)
    metrics.command("compute", help=_("Values of a metric, computed from event tables."))(compute)
    metrics.command("diff", help=_("What changed between two dictionaries: meanings, ids through parts, words."))(diff)
    metrics.command("approve", help=_("Agree on definitions in your role, and keep them readable."))(approve)
    analysis.mount(metrics)
    app.add_typer(metrics, name="metrics")


def show(
    name: NameArgument = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.dictionary import open_dictionary, require_metric

    console = Console.open(workspace, lang, as_json)
    dictionary = open_dictionary(open_workspace(workspace))
    old = _archived(name, dictionary, workspace)
    if old is not None:
        console.result(_old(old, dictionary), {"archived": old.model_dump(mode="json")})
        return
    names = [require_metric(dictionary, name)] if name else list(dictionary.ids)
    text = _one(dictionary, names[0]) if name else _all(dictionary)
    console.result(text, {"metrics": {n: dictionary.as_json(n) for n in names}})
    console.next("surgeplan metrics check")


def _archived(name: str | None, dictionary: Dictionary, workspace: Path) -> Archived | None:
    """The definition of an id that is no longer the dictionary's, as `name@id` or the id alone."""
    from metrics.archive import read_archive

    wanted = (name or "").rpartition("@")[2]
    if not wanted or wanted in dictionary.ids or wanted in dictionary.ids.values():
        return None
    return read_archive(workspace).get(wanted)


def _old(old: Archived, dictionary: Dictionary) -> str:
    now = dictionary.ids.get(old.name)
    lines = [f"{old.name}@{old.id}  {old.title}"]
    lines.append(_("an earlier definition; {name} is now {id}").format(name=old.name, id=now or _("gone")))
    lines += [f"  {key}: {old.parts.get(str(value), value)}" for key, value in old.meaning.items()]
    return "\n".join(lines)


def _all(dictionary: Dictionary) -> str:
    from metrics.approvals import STATES, state_of

    rows = [
        [name, dictionary.ids[name], definition.kind, definition.unit, str(STATES[state_of(name, dictionary)]),
         str(definition.title)]
        for name, definition in dictionary.definitions.items()
    ]  # fmt: skip
    return table([_("metric"), _("definition id"), _("kind"), _("unit"), _("agreed?"), _("title")], rows, left=6)


def _one(dictionary: Dictionary, name: str) -> str:
    from metrics.sentences import sentences

    lines = [f"{name}@{dictionary.ids[name]}  {dictionary.definitions[name].title}"]
    lines += [f"  {sentence}" for sentence in sentences(name, dictionary)]
    lines += [f"  {key}: {value}" for key, value in dictionary.as_json(name)["fields"].items()]
    users = dictionary.users_of(name)
    if users:
        lines.append(_("changing its meaning also changes: {names}").format(names=", ".join(users)))
    return "\n".join(lines)


def check(
    files: FilesArgument = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from campaign.errors import UserError
    from metrics.bound_values import bound_files
    from metrics.dictionary import check_plan_metrics, open_dictionary

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    dictionary = open_dictionary(opened)
    problems = check_plan_metrics(opened, dictionary)
    checked = files or [file for _, file in bound_files(workspace, dictionary)]
    faults = [(file, fault) for file in checked for fault in _faults_of(file, dictionary, workspace)]
    problems += [fault.problem(str(file)) for file, fault in faults if fault.refused]
    problems += [] if problems else _disagreements(checked, dictionary, workspace)
    if problems:
        raise UserError(problems)
    own = len(dictionary.ids) - len(dictionary.inherited)
    text = _("{count} metrics ({own} of the workspace's own), {plans} plans, {files} files: no problems").format(
        count=len(dictionary.ids), own=own, plans=len(opened.plans), files=len(checked)
    )
    warnings = [*_edited(dictionary, workspace), *(fault.problem(str(file)) for file, fault in faults)]
    document = {"ids": dictionary.ids, "own": own, "problems": [], "warnings": [w.as_json() for w in warnings]}
    console.result("\n".join([*map(str, warnings), text]), document)
    console.next("surgeplan metrics show")


def compute(
    name: MetricArgument,
    data: DataOption = None,
    by: ByOption = None,
    sql: SqlOption = False,
    engine: EngineOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.compute import Split, compute_all, key, sample_of, too_small
    from metrics.daily_values import campaign_starts, families_of, hashes_of
    from metrics.dictionary import open_dictionary, require_metric

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    dictionary = open_dictionary(opened)
    metric, split = require_metric(dictionary, name), tuple(by or [])
    reference = f"{metric}@{dictionary.ids[metric]}"
    if sql or engine:
        text = _query(metric, dictionary, split, engine)
        console.result(text, {"metric": reference, "engine": engine or "duckdb", "sql": text})
        return
    asked = Split(split, families_of(opened, dictionary), campaign_starts(opened))
    folder = data or workspace / "data"
    computed = compute_all([metric, *sample_of(dictionary.definitions[metric])], dictionary, folder, asked)
    for told in _notes(computed):
        console.note(told)
    small = too_small(metric, computed, dictionary)
    values = computed.values[metric]
    rows = [_row(value, key(value) in small) for value in values]
    headings = [_("from"), *split, f"{reference} ({dictionary.definitions[metric].unit})", ""]
    document = {
        "metric": reference,
        "values": [value.as_json() | {"small": key(value) in small} for value in values],
        "warnings": [fault.problem(file).as_json() for file, fault in computed.warnings],
        "credited": list(computed.credited),
        "inputs": hashes_of(folder),
    }
    console.result(table(headings, rows, left=1 + len(split)), document)
    console.next(f"surgeplan metrics show {metric}")


def _notes(computed: Computed) -> list[Text]:
    notes = [say("{problem}", problem=fault.problem(file)) for file, fault in computed.warnings]
    if computed.credited:
        notes.insert(0, say("channels are those of touches: {metrics}", metrics=", ".join(computed.credited)))
    return notes


def _row(value: Value, small: bool) -> list[str]:
    marks = ["" if value.final else _("preliminary"), _("small sample") if small else ""]
    start = f"{value.starts_at:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return [start, *value.by, _spoken(value.value), ", ".join(filter(None, marks))]


def _query(metric: str, dictionary: Dictionary, by: tuple[str, ...], engine: str | None) -> str:
    from metrics.engines import known_engine, query_for
    from metrics.recording_rules import recording_rule

    if engine == "prometheus":
        return recording_rule(metric, dictionary, by)
    return query_for(known_engine(engine or "duckdb"), metric, dictionary.definitions, by)


def diff(
    old: OldArgument = None,
    new: NewArgument = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.dictionary import open_dictionary
    from metrics.differences import compare, compare_with_archive, read_version

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    now = read_version(new, opened.settings) if new else open_dictionary(opened)
    before = read_version(old, opened.settings) if old else None
    changes = compare(before, now) if before else compare_with_archive(workspace, now)
    semantic = [change for change in changes if change.semantic]
    lines = [line for change in changes for line in _change(change)]
    lines.append(
        _("{semantic} changes of meaning, {words} of words").format(
            semantic=len(semantic), words=len(changes) - len(semantic)
        )
    )
    console.result("\n".join(lines), {"changes": [change.as_json() for change in changes]})
    console.next("surgeplan metrics approve METRIC --as NAME")
    if semantic:
        raise typer.Exit(ExitCode.NO)


def _change(change: Change) -> list[str]:
    kinds = {
        "added": _("new"),
        "removed": _("gone"),
        "meaning": _("another meaning"),
        "parts": _("same formula, other parts"),
        "words": _("same meaning, other words"),
    }
    ids = " → ".join(dict.fromkeys(i for i in (change.old_id, change.new_id) if i))
    lines = [f"{change.name}  {ids}  {kinds[change.kind]}"]
    lines += [f"  {key}: {old} → {new}" for key, (old, new) in change.fields.items()]
    if change.because:
        lines.append("  " + _("through {parts}").format(parts=", ".join(change.because)))
    return lines


def approve(
    names: MetricsArgument,
    by: ActorOption = None,
    role: RoleOption = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.approvals import STATES, role_of, state_of
    from metrics.approvals import approve as consent
    from metrics.dictionary import open_dictionary, require_metric

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    dictionary = open_dictionary(opened)
    metrics = [require_metric(dictionary, name) for name in names]
    who = actor(by)
    chosen = role_of(who, role, opened.settings)
    consent(workspace, metrics, dictionary, who, chosen, clock(now).astimezone(opened.settings.zone).date())
    after = open_dictionary(opened)
    states = {name: state_of(name, after) for name in metrics}
    text = "\n".join(f"{name}@{after.ids[name]}: {STATES[state]}" for name, state in states.items())
    document = {name: {"id": after.ids[name], "state": state} for name, state in states.items()}
    console.result(text, {"role": chosen, "metrics": document})
    console.next("surgeplan metrics check")


def _spoken(value: float | None) -> str:
    from campaign.numbers import spoken

    return "-" if value is None else spoken(value)


def _faults_of(file: Path, dictionary: Dictionary, workspace: Path) -> list[Fault]:
    from metrics.file_checks import check_file
    from metrics.manifests import manifest_of

    return check_file(file, manifest_of(file, dictionary.bindings.sources, workspace), dictionary)


def _disagreements(files: list[Path], dictionary: Dictionary, workspace: Path) -> list[Problem]:
    from metrics.manifests import manifest_of
    from metrics.reconcile import disagreements

    bound = [(file, manifest_of(file, dictionary.bindings.sources, workspace)) for file in files]
    return disagreements(bound, dictionary)


def _edited(dictionary: Dictionary, workspace: Path) -> list[Problem]:
    from campaign.documents import read_yaml
    from metrics.approvals import edited_after_approval
    from metrics.dictionary import DICTIONARY

    names = edited_after_approval(dictionary)
    lines = read_yaml(workspace / DICTIONARY, DICTIONARY).lines if names else {}
    return [
        Problem(
            say("{name}@{id} was edited after it was agreed on", name=name, id=dictionary.ids[name]),
            say("agree on it again: surgeplan metrics approve {name}", name=name),
            file=DICTIONARY,
            line=lines.get(("metrics", name)),
            key=f"W_EDITED metrics.{name}",
        )
        for name in names
    ]
