"""Brings a store to the schema this version of surgeplan writes."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from campaign.errors import Problem, UserError
from campaign.language import say

HEAD = "0002"
REVISIONS = ("0001", "0002")
SCRIPTS = Path(__file__).parent / "migrations"


def bring_up_to_date(connection: Connection, place: str) -> None:
    """Run the missing migrations inside the connection's transaction. `place` names the store in problems.

    Raises:
        UserError: the store was written by a newer surgeplan.
    """
    at = revision_of(connection)
    if at == HEAD:
        return
    if at is not None and at not in REVISIONS:
        raise UserError(
            Problem(
                say("was written by a newer surgeplan (schema {at}, known up to {head})", at=at, head=HEAD),
                say("update surgeplan on this machine; the store is untouched"),
                file=place,
            )
        )
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """The store's schema, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None
