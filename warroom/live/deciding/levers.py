"""What can be done now, in the order in which it helps: every action with the effect that the models expect of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from campaign.capacity import capacity_file, known_capacity
from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from playbooks.autoscaling.known import facts_of
from playbooks.autoscaling.orders import ready_at
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.policy import read_policy
from playbooks.readiness.gather import read_all_drills
from warroom.handed import campaign_events
from warroom.live.actions.ahead import Ahead, ahead_of
from warroom.live.actions.desks import desks_of, lift_of
from warroom.live.actions.log import acts_of, as_they_stand
from warroom.live.actions.now import Fleet, Now
from warroom.live.actions.people import agents, calling_in, questions
from warroom.live.actions.questions import QUESTIONS, of_document
from warroom.live.actions.records import Lever
from warroom.live.actions.scaling import scaling_to, scalings
from warroom.live.actions.sends import Unlearned, planned_sends, sends, spreading, unlearned
from warroom.live.actions.switches import switches
from warroom.live.actions.worth import in_order
from warroom.live.expected.yardstick import Expected, expected_of
from warroom.live.policy import rules_of
from warroom.live.records import LiveState
from warroom.live.state import live_store
from warroom.push.carried import autoscaling_plan


def levers(workspace: Workspace, state: LiveState) -> tuple[Lever, ...]:
    """Every action that is possible at `state.now`, in response order; none before a forecast or after the end.

    Raises:
        UserError: no such campaign, or a file of the plan, rules or log that cannot be read.
    """
    plan = workspace.plan(state.campaign)
    if state.now >= plan.ends_at:
        return ()
    now = now_of(workspace, plan, state)
    found = [*scalings(now), *switches(now), *sends(now), *agents(now), *questions(now)]
    acts = acts_of(campaign_events(workspace, plan.id), plan.id)
    return in_order(as_they_stand(found, acts, state.now), rules_of(workspace).response)


def unlearned_sends(workspace: Workspace, campaign: str, now: datetime) -> tuple[Unlearned, ...]:
    """Sends still to come of which the forecast holds no effect, and what to do; none where there is no forecast."""
    plan = workspace.plan(campaign)
    expected = _expected(workspace, plan)
    return tuple(unlearned(plan, expected.handed.model, now)) if expected and now < plan.ends_at else ()


def lever_named(workspace: Workspace, state: LiveState, name: str) -> Lever:
    """One action by its id; replicas, people and minutes may be others than are offered.

    Raises:
        UserError: it is not possible now, or there is none of that name.
    """
    offered = levers(workspace, state)
    found = next((lever for lever in offered if lever.id == name), None)
    if found is None and offered:
        found = next(_with_amount(now_of(workspace, workspace.plan(state.campaign), state), name), None)
    if found is None:
        what = say("{lever} is not possible now", lever=name)
        raise UserError(Problem(what, nearest(name, [lever.id for lever in offered])))
    return found


def _with_amount(now: Now, name: str) -> Iterator[Lever]:
    """`scale:SERVICE:N`, `agents:DESK:N` or `stagger:SEND:MINUTES` with another number."""
    kind, _, rest = name.partition(":")
    subject, _, amount = rest.rpartition(":")
    if not amount.isascii() or not amount.isdigit():
        return
    if kind == "scale" and subject in now.fleets:
        yield from scaling_to(now, subject, int(amount))
    if kind == "agents" and subject in now.desks:
        yield from calling_in(now, subject, int(amount))
    if kind == "stagger":
        for planned in (planned for planned in planned_sends(now.plan) if planned.id == subject):
            yield from spreading(now, planned, int(amount))


def now_of(workspace: Workspace, plan: Plan, state: LiveState) -> Now:
    """Everything that actions are worked out from, read."""
    ahead = ahead_of(workspace, state)
    scaling = autoscaling_plan(workspace.out(plan.id) / "playbook" / "autoscaling.json")
    expected, desks = _expected(workspace, plan), desks_of(workspace, plan.id)
    return Now(
        plan=plan,
        settings=workspace.settings,
        rules=rules_of(workspace).live.levers,
        at=state.now,
        ahead=ahead,
        fleets=fleets_of(workspace, plan, ahead, scaling, state),
        autoscaling=scaling,
        drills=read_all_drills(workspace, plan),
        effects=expected.handed.model.effects if expected else (),
        desks=desks,
        lift=lift_of(state.metrics, state.now),
        counted=of_document(live_store(workspace).document(plan.id, QUESTIONS)) if desks else None,
    )


def _expected(workspace: Workspace, plan: Plan) -> Expected | None:
    """The yardstick; what is wrong with it is said by the live state."""
    try:
        return expected_of(workspace, plan, campaign_events(workspace, plan.id))
    except UserError:
        return None


def fleets_of(
    workspace: Workspace,
    plan: Plan,
    ahead: Mapping[str, Ahead],
    scaling: AutoscalingPlan | None,
    state: LiveState,
) -> dict[str, Fleet]:
    """Services whose replicas and capacity are known."""
    policy = read_policy(workspace.folder)
    manifests = (workspace.out(plan.id) / "playbook" / "kubernetes" / "10-hpa.yaml").is_file()
    found = {}
    for name in ahead:
        service = workspace.settings.service(name)
        capacity = known_capacity(service, capacity_file(workspace.folder, name))
        planned = scaling.services.get(name) if scaling else None
        there = ready_at(planned, state.now) if planned else service.replicas.today
        running = state.capacities[name].ready_replicas if name in state.capacities else None
        running = there if running is None else running
        if capacity is None or running is None:
            continue
        facts = facts_of(service, capacity, plan, policy)
        found[name] = Fleet(
            capacity=capacity,
            running=running,
            most=planned.replicas.most if planned else None,
            multiple=facts.multiple,
            lead_hours=facts.lead_minutes / 60,
            namespace=policy.namespace if manifests and planned is not None else None,
        )
    return found
