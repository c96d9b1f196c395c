"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

METADATA = MetaData()

# at_utc is text in ISO 8601 with +00:00: it sorts as time, and reads back the same from either database.
EVENTS = Table(
    "event",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at_utc", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("campaign", String(100), nullable=False, index=True),
    Column("subject", String(200), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("role", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
)
