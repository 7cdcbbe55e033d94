"""Changing whose answers are whose, for many at once: one statement for the answers, one for what the timeline says."""

from collections.abc import Sequence

from django.db import connection

from surveys.sql import Row, is_postgresql, relation, rows_json

_OWNERSHIP = {
    "id": "bigint",
    "contact_id": "bigint",
    "account_id": "bigint",
    "identity": "text",
    "identity_hint": "jsonb",
    "attributes": "jsonb",
}


def set_owners(rows: Sequence[Row]) -> None:
    """Write contact, account, identity, hint and attributes of these answers (by `id`), which the caller holds locked."""
    if not rows:
        return
    assignments = ", ".join(f"{name} = i.{name}" for name in _OWNERSHIP if name != "id")
    _run(
        f"UPDATE surveys_response SET {assignments}"
        f" FROM ({relation(_OWNERSHIP, postgresql=is_postgresql())}) i WHERE surveys_response.id = i.id",
        rows,
    )


_EVENTS = {
    "id": "bigint",
    "from_contact": "bigint",
    "contact_id": "bigint",
    "account_id": "bigint",
}


def follow_events(rows: Sequence[Row]) -> None:
    """Let the events about these answers go where the answers went: from the timeline of `from_contact` to that of
    `contact_id`. Without `from_contact` they come back from where they were put when the answer was taken away; name only
    answers of which there are such, as nobody's events are many."""
    theirs = [row for row in rows if row["from_contact"] is not None]
    nobodys = [row for row in rows if row["from_contact"] is None]
    for some, at in ((theirs, "= i.from_contact"), (nobodys, "IS NULL")):
        if some:
            _run(
                "UPDATE accounts_event SET contact_id = i.contact_id, account_id = i.account_id"
                f" FROM ({relation(_EVENTS, postgresql=is_postgresql())}) i WHERE accounts_event.contact_id {at}"
                " AND accounts_event.subject_type = 'response' AND accounts_event.subject_id = i.id",
                some,
            )


def _run(statement: str, rows: Sequence[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [rows_json(rows)])
