"""The locustfile: about twenty lines, one method for each stage, written once and then the SRE's own."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Sequence

from campaign.errors import Problem, UserError
from campaign.language import say
from loadtest.har import Draft, draft_call
from loadtest.scenario import ScenarioStage

LOCUSTFILE = "locustfile.py"

# Names that locust's user class has for itself.
TAKEN = frozenset(
    ("client", "tasks", "host", "wait", "wait_time", "environment", "context", "start", "stop", "pump", "rest")
)

HEAD = '''"""What visitors of {campaign} do, one method for each stage. This file is yours: change it freely.

`surgeplan loadtest build` keeps it and only adds methods for new stages; when visitors come is in scenario.json.
A visit has get, post, put, patch, delete and request (as locust's own client), pick("sku") for a value of
data/sku.csv, take("users") for a row that no other visitor gets, rng for its own random numbers.
"""

from loadtest.engine import Surge, Visit, stage


class Visitor(Surge):
'''

METHOD = """    @stage("{stage}")
    def {name}(self, visit: Visit) -> None:
"""


def new_locustfile(campaign: str, stages: Sequence[ScenarioStage], draft: Draft | None = None) -> str:
    """A locustfile with one method for each stage, its calls from a recording where there is one."""
    recorded = {name: [draft_call(r) for r in requests] for name, requests in draft.requests.items()} if draft else {}
    return HEAD.format(campaign=campaign) + "\n".join(_method(stage, recorded.get(stage.stage)) for stage in stages)


def extended_locustfile(text: str, stages: Sequence[ScenarioStage]) -> str:
    """The same locustfile with methods for the stages it does not have yet, at the end of its class.

    Raises:
        UserError: it is not Python, or has no class with stages.
    """
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        what = say("is not Python: {reason}", reason=error.msg)
        raise UserError(
            Problem(what, say("correct it, or move it away to get a new one"), file=LOCUSTFILE, line=error.lineno)
        ) from error
    known = stages_in(tree)
    missing = [stage for stage in stages if stage.stage not in known]
    if not missing:
        return text
    visitor = next((node for node in tree.body if isinstance(node, ast.ClassDef) and _stages_of(node)), None)
    if visitor is None or visitor.end_lineno is None:
        raise UserError(
            Problem(
                say("has no class with a method marked @stage"),
                say("move it away to get a new one"),
                file=LOCUSTFILE,
                line=1,
            )
        )
    lines = text.splitlines(keepends=True)
    head, tail = lines[: visitor.end_lineno], lines[visitor.end_lineno :]
    if not head[-1].endswith("\n"):
        head[-1] += "\n"
    return "".join([*head, *(f"\n{_method(stage)}" for stage in missing), *tail])


def stages_in(tree: ast.Module) -> set[str]:
    """Names of the stages that a locustfile has methods for."""
    return {name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for name in _stages_of(node)}


def _stages_of(node: ast.ClassDef) -> list[str]:
    calls = [
        d for f in node.body if isinstance(f, ast.FunctionDef) for d in f.decorator_list if isinstance(d, ast.Call)
    ]
    return [
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "stage"
        if call.args and isinstance(call.args[0], ast.Constant)
    ]


def _method(stage: ScenarioStage, calls: Sequence[str] | None = None) -> str:
    lines = "".join(f"        visit.{call}\n" for call in calls or [_call(stage)])
    return METHOD.format(stage=stage.stage, name=_identifier(stage.stage)) + lines


def _call(stage: ScenarioStage) -> str:
    verb = stage.method.lower()
    filled = re.sub(r"{(\w+)}", r"{visit.pick('\1')}", stage.path)
    path = f'"{stage.path}"' if filled == stage.path else f'f"{filled}"'
    known = ("get", "post", "put", "patch", "delete", "head", "options")
    start = f"{verb}({path}" if verb in known else f'request("{stage.method}", {path}'
    body = ", json={}" if verb in ("post", "put", "patch") else ""
    return f'{start}, name="{stage.path}"{body})'


def _identifier(stage: str) -> str:
    name = re.sub(r"\W", "_", stage)
    return f"stage_{name}" if not name[0].isalpha() or name in TAKEN or keyword.iskeyword(name) else name
