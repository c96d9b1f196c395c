"""Rules of Sentinel's FlowRule and DegradeRule lists (alibaba/Sentinel, RuleConstant)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.values import out_of_range

WARM_UP = (1, 3)


def is_sentinel(document: Document) -> bool:
    """Whether a JSON file is a list of Sentinel rules."""
    content = document.content
    return isinstance(content, list) and all(isinstance(rule, dict) and "resource" in rule for rule in content)


def lint_sentinel(document: Document) -> Iterator[Problem]:
    """Every rule's enums and ranges; one rule for a resource."""
    seen: set[str] = set()
    for i, rule in enumerate(document.content):
        yield from _rule(document, i, rule)
        resource = str(rule.get("resource"))
        if not resource.strip():
            yield document.problem((i, "resource"), say("a rule without a resource"), say("name the endpoint"))
        if resource in seen:
            yield document.problem((i, "resource"), say("{name} stands twice", name=resource), say("keep one of them"))
        seen.add(resource)


def _rule(document: Document, i: int, rule: dict[str, Any]) -> Iterator[Problem]:
    degrade = "timeWindow" in rule
    yield from out_of_range(document, (i, "grade"), 0, 2 if degrade else 1)
    yield from out_of_range(document, (i, "count"), 0, 1e9)
    yield from out_of_range(document, (i, "controlBehavior"), 0, 3)
    yield from out_of_range(document, (i, "slowRatioThreshold"), 0, 1)
    yield from out_of_range(document, (i, "timeWindow"), 1, 86_400)
    if "count" not in rule:
        yield document.problem((i,), say("a rule without a count"), say("add it"))
    if rule.get("controlBehavior") in WARM_UP and not rule.get("warmUpPeriodSec"):
        yield document.problem((i, "controlBehavior"), say("warm-up without warmUpPeriodSec"), say("add it"))
