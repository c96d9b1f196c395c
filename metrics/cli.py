"""The commands of `metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, WorkspaceOption, open_workspace, table
from campaign.language import _

if TYPE_CHECKING:
    from metrics.dictionary import Dictionary
    from metrics.faults import Fault

MetricArgument = Annotated[str, typer.Argument(help=_("A metric's name."), metavar="METRIC")]
DataOption = Annotated[
    Path, typer.Option("--data", help=_("Folder of event tables: ads, events, orders … as CSV or Parquet."))
]
ByOption = Annotated[list[str] | None, typer.Option("--by", help=_("Split by this column; may be repeated."))]
SqlOption = Annotated[bool, typer.Option("--sql", help=_("Print the query instead of running it."))]
FilesArgument = Annotated[
    list[Path] | None, typer.Argument(help=_("Files to check too, each with its .manifest.json beside it."))
]
NameArgument = Annotated[str | None, typer.Argument(help=_("A metric's name; all of them where left out."))]


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    metrics = typer.Typer(no_args_is_help=True, help=_("The metric dictionary: what every number means."))
    metrics.command("show", help=_("The definitions and their ids."))(show)
    metrics.command("check", help=_("Check the dictionary and every plan that uses it."))(check)
    metrics.command("compute", help=_("Values of a metric, computed from event tables."))(compute)
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
    names = [require_metric(dictionary, name)] if name else list(dictionary.ids)
    text = _one(dictionary, names[0]) if name else _all(dictionary)
    console.result(text, {"metrics": {n: dictionary.as_json(n) for n in names}})
    console.next("surgeplan metrics check")


def _all(dictionary: Dictionary) -> str:
    rows = [
        [name, dictionary.ids[name], definition.kind, definition.unit, str(definition.title)]
        for name, definition in dictionary.definitions.items()
    ]
    return table([_("metric"), _("definition id"), _("kind"), _("unit"), _("title")], rows, left=5)


def _one(dictionary: Dictionary, name: str) -> str:
    lines = [f"{name}@{dictionary.ids[name]}  {dictionary.definitions[name].title}"]
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
    from metrics.dictionary import check_plan_metrics, open_dictionary

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    dictionary = open_dictionary(opened)
    problems = check_plan_metrics(opened, dictionary)
    faults = [(file, fault) for file in files or [] for fault in _faults_of(file, dictionary)]
    problems += [fault.problem(str(file)) for file, fault in faults if fault.refused]
    if problems:
        raise UserError(problems)
    own = len(dictionary.ids) - len(dictionary.inherited)
    text = _("{count} metrics ({own} of the workspace's own), {plans} plans, {files} files: no problems").format(
        count=len(dictionary.ids), own=own, plans=len(opened.plans), files=len(files or [])
    )
    warnings = [fault.problem(str(file)) for file, fault in faults]
    document = {"ids": dictionary.ids, "own": own, "problems": [], "warnings": [w.as_json() for w in warnings]}
    console.result("\n".join([*map(str, warnings), text]), document)
    console.next("surgeplan metrics show")


def compute(
    name: MetricArgument,
    data: DataOption = Path("data"),
    by: ByOption = None,
    sql: SqlOption = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.compute import compute as compute_values
    from metrics.dictionary import open_dictionary, require_metric
    from metrics.sql import Asked, query

    console = Console.open(workspace, lang, as_json)
    dictionary = open_dictionary(open_workspace(workspace))
    metric, split = require_metric(dictionary, name), by or []
    reference = f"{metric}@{dictionary.ids[metric]}"
    if sql:
        text = query(metric, Asked(dictionary.definitions, tuple(split)))
        console.result(text, {"metric": reference, "sql": text})
        return
    values = compute_values(metric, dictionary, data, split)
    rows = [
        [
            f"{v.starts_at:%Y-%m-%d %H:%M}".removesuffix(" 00:00"),
            *v.by,
            _spoken(v.value),
            "" if v.final else _("preliminary"),
        ]
        for v in values
    ]
    headings = [_("from"), *split, f"{reference} ({dictionary.definitions[metric].unit})", ""]
    document = [
        {"starts_at": v.starts_at.isoformat(), "by": list(v.by), "value": v.value, "final": v.final} for v in values
    ]
    console.result(table(headings, rows, left=1 + len(split)), {"metric": reference, "values": document})
    console.next(f"surgeplan metrics show {metric}")


def _spoken(value: float | None) -> str:
    from campaign.numbers import spoken

    return "-" if value is None else spoken(value)


def _faults_of(file: Path, dictionary: Dictionary) -> list[Fault]:
    from metrics.file_checks import check_file
    from metrics.manifests import manifest_of

    return check_file(file, manifest_of(file), dictionary)
