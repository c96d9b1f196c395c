"""What the live side keeps between two looks: what was measured, what was computed, what is still to be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from campaign.store.database import Database
from campaign.store.tables import DOCUMENTS, MEASURED, OUTBOX

LetterState = Literal["waiting", "sending", "sent", "refused", "unknown"]


@dataclass(frozen=True)
class Measured:
    """One value of the stretch that begins at `starts_at` (seconds of UTC) and lasts `seconds`.

    name: the service, desk or `total` it is of. final: it will not be told otherwise any more.
    """

    measure: str
    name: str
    seconds: int
    starts_at: int
    value: float
    final: bool


@dataclass(frozen=True)
class Letter:
    """A message for one target. key: unique; body: what is sent, in words.

    state: `sending` from just before the request until its answer; `unknown` where no answer was ever written down, so
    that nobody can say whether it arrived (it is never sent again); `refused` for good.
    """

    key: str
    campaign: str
    target: str
    made_at: datetime
    body: dict[str, Any]
    state: LetterState = "waiting"
    changed_at: datetime | None = None
    tries: int = 0

    def is_due(self, now: datetime, pause: timedelta) -> bool:
        """Whether it may be tried now; a clock that was set back keeps nothing waiting for longer than its pause."""
        if not self.tries or self.changed_at is None:
            return True
        waited: bool = abs(now - self.changed_at) >= pause * 2 ** (self.tries - 1)
        return waited


class LiveStore:
    """Raises (all methods): UserError where the database cannot be reached, read or written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, campaign: str, values: Iterable[Measured]) -> None:
        """Lay values over those kept: a newer one takes the place of one that was not final, a final one of any."""
        rows = [{"campaign": campaign, **vars(value)} for value in values]
        if not rows:
            return
        asked = self._insert(MEASURED)
        laid = asked.on_conflict_do_update(
            index_elements=list(MEASURED.primary_key),
            set_={"value": asked.excluded.value, "final": asked.excluded.final},
            where=or_(MEASURED.c.final.is_(False), asked.excluded.final.is_(True)),
        )
        with self._database.writing() as connection:
            connection.execute(laid, rows)

    def measured(
        self, campaign: str, seconds: int, since: datetime, until: datetime, measures: Sequence[str] = ()
    ) -> list[Measured]:
        """Values of stretches of that length that begin in [since, until), in time order; of all measures where none
        is named."""
        table = MEASURED.c
        query = (
            select(table.measure, table.name, table.seconds, table.starts_at, table.value, table.final)
            .where(table.campaign == campaign, table.seconds == seconds)
            .where(table.starts_at >= int(since.timestamp()), table.starts_at < int(until.timestamp()))
            .order_by(table.starts_at, table.measure, table.name)
        )
        if measures:
            query = query.where(table.measure.in_(measures))
        return [Measured(*row) for row in self._rows(query)]

    def newest(self, campaign: str, seconds: int, measure: str) -> datetime | None:
        """When the newest stretch of that length begins of which there is a value."""
        table = MEASURED.c
        query = select(func.max(table.starts_at)).where(
            table.campaign == campaign, table.seconds == seconds, table.measure == measure
        )
        found = next(iter(self._rows(query)), None)
        return None if found is None or found[0] is None else datetime.fromtimestamp(found[0], UTC)

    def write(self, campaign: str, kind: str, at: datetime, body: dict[str, Any]) -> None:
        """Keep a document in place of the one of its kind."""
        row = {"campaign": campaign, "kind": kind, "at_utc": _text(at), "body": json.dumps(body, ensure_ascii=False)}
        asked = self._insert(DOCUMENTS).values(row)
        with self._database.writing() as connection:
            connection.execute(
                asked.on_conflict_do_update(
                    index_elements=list(DOCUMENTS.primary_key),
                    set_={"at_utc": asked.excluded.at_utc, "body": asked.excluded.body},
                )
            )

    def document(self, campaign: str, kind: str) -> tuple[datetime, dict[str, Any]] | None:
        """The newest document of a kind and when it was made; None before the first."""
        query = select(DOCUMENTS.c.at_utc, DOCUMENTS.c.body).where(
            DOCUMENTS.c.campaign == campaign, DOCUMENTS.c.kind == kind
        )
        found = next(iter(self._rows(query)), None)
        return None if found is None else (datetime.fromisoformat(found[0]), json.loads(found[1]))

    def post(self, letters: Sequence[Letter]) -> int:
        """Put letters into the outbox; those whose key is there already stay as they are. Returns how many are new."""
        if not letters:
            return 0
        with self._database.writing() as connection:
            asked = self._insert(OUTBOX).values([_outgoing(letter) for letter in letters])
            return len(connection.execute(asked.on_conflict_do_nothing().returning(OUTBOX.c.key)).all())

    def claim(self, now: datetime, lease: timedelta, pause: timedelta) -> Letter | None:
        """The oldest letter that is to be sent now, from here on under way; None where there is none.

        One that was tried waits for `pause`, twice as long after each try. One that has been under way for longer than
        `lease` was lost with whoever sent it, and becomes unknown.
        """
        waiting = select(OUTBOX).where(OUTBOX.c.state == "waiting").order_by(OUTBOX.c.made_at_utc, OUTBOX.c.key)
        with self._database.writing() as connection:
            lost = and_(OUTBOX.c.state == "sending", OUTBOX.c.changed_at_utc < _text(now - lease))
            connection.execute(update(OUTBOX).where(lost).values(state="unknown", changed_at_utc=_text(now)))
            letters = map(_letter, connection.execute(waiting))
            letter = next((each for each in letters if each.is_due(now, pause)), None)
            if letter is not None:
                self._set(connection, letter.key, "sending", now, letter.tries + 1)
            return letter

    def mark(self, key: str, state: LetterState, now: datetime) -> None:
        """What became of a letter that was being sent."""
        with self._database.writing() as connection:
            self._set(connection, key, state, now)

    def letters(self, campaign: str) -> list[Letter]:
        """Every letter of a campaign, oldest first."""
        query = select(OUTBOX).where(OUTBOX.c.campaign == campaign).order_by(OUTBOX.c.made_at_utc, OUTBOX.c.key)
        return [_letter(row) for row in self._rows(query)]

    def _set(
        self, connection: Connection, key: str, state: LetterState, now: datetime, tries: int | None = None
    ) -> None:
        values: dict[str, Any] = {"state": state, "changed_at_utc": _text(now)}
        values |= {} if tries is None else {"tries": tries}
        connection.execute(update(OUTBOX).where(OUTBOX.c.key == key).values(**values))

    def _rows(self, query: Any) -> list[Any]:
        with self._database.reading() as connection:
            return [] if connection is None else list(connection.execute(query))

    def _insert(self, table: Table) -> Any:
        return sqlite.insert(table) if self._database.sqlite else postgresql.insert(table)


def _outgoing(letter: Letter) -> dict[str, Any]:
    return {
        "key": letter.key,
        "campaign": letter.campaign,
        "target": letter.target,
        "made_at_utc": _text(letter.made_at),
        "state": letter.state,
        "changed_at_utc": _text(letter.changed_at or letter.made_at),
        "tries": letter.tries,
        "body": json.dumps(letter.body, ensure_ascii=False),
    }


def _letter(row: Row[Any]) -> Letter:
    told = row._mapping
    return Letter(
        key=told["key"],
        campaign=told["campaign"],
        target=told["target"],
        made_at=datetime.fromisoformat(told["made_at_utc"]),
        body=json.loads(told["body"]),
        state=told["state"],
        changed_at=datetime.fromisoformat(told["changed_at_utc"]),
        tries=told["tries"],
    )


def _text(moment: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond, so that it sorts as time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
