"""In which of the workspace's roles a person at the door acts."""

from __future__ import annotations

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.readiness import Role
from campaign.workspace import Workspace
from playbooks.readiness.acts import Actor, who
from playbooks.readiness.labels import ROLE_LABELS
from warroom.service.access import Person


def roles_of(person: Person, workspace: Workspace) -> tuple[Role, ...]:
    """The roles that a page may offer something to; none for who can only look."""
    try:
        return actor_of(person, workspace).roles
    except UserError:
        return ()


def actor_of(person: Person, workspace: Workspace) -> Actor:
    """Roles of surgeplan.yaml where it gives this name any, else the role the door gave.

    Raises:
        UserError: a role that signs nothing.
    """
    if person.name in workspace.settings.roles:
        return who(person.name, workspace.settings)
    role = next((role for role in ROLE_LABELS if role == person.role), None)
    if role is None:
        raise UserError(Problem(say("{name} has no role in this workspace", name=person.name)))
    return Actor(person.name, (role,))
