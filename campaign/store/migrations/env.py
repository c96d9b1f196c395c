"""Run by Alembic: the migrations use the connection that `campaign.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from campaign.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
