"""The tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table, Text

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

# One value of a stretch of time: starts_at and seconds in seconds of UTC; a value that is not final may be replaced.
MEASURED = Table(
    "measured",
    METADATA,
    Column("campaign", String(100), primary_key=True),
    Column("measure", String(40), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("starts_at", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Float, nullable=False),
    Column("final", Boolean, nullable=False),
)

# The newest of each kind, such as the re-forecast; made anew from what was measured, so never signed.
DOCUMENTS = Table(
    "document",
    METADATA,
    Column("campaign", String(100), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("at_utc", String(40), nullable=False),
    Column("body", Text, nullable=False),
)

# key is unique: whoever writes the message of an hour second finds it there.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("key", String(300), primary_key=True),
    Column("campaign", String(100), nullable=False),
    Column("target", String(40), nullable=False),
    Column("made_at_utc", String(40), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("changed_at_utc", String(40), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("body", Text, nullable=False),
)
