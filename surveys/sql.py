"""The statements of the hot path: what one answer, a batch and an import all run. Measured in bench/ingest.py.

Written as text because the ORM needs some twelve statements where these need three, and because Python's share of a
statement, not the database's, is what an answer costs. Every statement takes any number of rows as one JSON text, so
one answer, a batch of 1,000 and a group of requests that wait together (surveys/api/door.py) share one path.

1. `look_up` finds survey, invitation, contact, account and an earlier copy of each answer, and locks the contacts.
   All writers of answers lock contacts first, in key order: that is what makes chains exact and deadlocks rare.
2. `insert` and `update` write the answers with all that belongs to them: revision, event, relay row, figure marks.
3. `rechain` sets right, for some contacts, which answer supersedes which, and their latest and previous score.

PostgreSQL runs 2 and 3 as one statement each; SQLite, which has no data-modifying CTEs, as a few. On SQLite the
transaction is IMMEDIATE, so nothing needs a lock.
"""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import connection

from accounts import timeline
from core import bulk, hotline, jobs
from surveys.sql_dialect import beside_each

Row = dict[str, Any]
COUNTED = (
    "({0}excluded_reason = '' AND {0}deleted_upstream_at IS NULL AND {0}identity IN ('matched', 'anonymous'))"
)

_LOOK_UP_COLUMNS = {
    "n": "integer",
    "survey_id": "bigint",
    "invitation_id": "bigint",
    "contact_id": "bigint",
    "contact_external_id": "text",
    "email_key": "text",
    "phone_key": "text",
    "source": "text",
    "external_id": "text",
}
_RESPONSE_COLUMNS = {
    "survey_id": "bigint",
    "version_id": "bigint",
    "invitation_id": "bigint",
    "contact_id": "bigint",
    "account_id": "bigint",
    "source": "text",
    "external_id": "text",
    "channel": "text",
    "metric": "text",
    "scale_min": "smallint",
    "scale_max": "smallint",
    "score": "smallint",
    "comment": "text",
    "language": "text",
    "state": "text",
    "answers": "jsonb",
    "may_contact": "boolean",
    "may_quote": "boolean",
    "responded_at": "timestamptz",
    "received_at": "timestamptz",
    "source_updated_at": "timestamptz",
    "finalised_at": "timestamptz",
    "locked_at": "timestamptz",
    "excluded_reason": "text",
    "superseded_at": "timestamptz",
    "identity": "text",
    "identity_hint": "jsonb",
    "attributes": "jsonb",
    "origin": "text",
    "loop_status": "text",
}
# What an update may change; the rest of an answer stays what it was when it came.
_UPDATED = [
    "version_id",
    "invitation_id",
    "contact_id",
    "account_id",
    "score",
    "comment",
    "language",
    "state",
    "answers",
    "may_contact",
    "may_quote",
    "responded_at",
    "source_updated_at",
    "finalised_at",
    "superseded_at",
    "identity",
    "identity_hint",
    "attributes",
]
_BESIDE_COLUMNS = {
    "known_at": "timestamptz",
    "is_deleted": "boolean",
    "event_id": "bigint",
    "event_kind": "text",
    "is_awaited": "boolean",
    "cause_key": "text",
    "actor_id": "bigint",
    "facts": "jsonb",
    "data": "jsonb",
    "counted": "boolean",
    "was_counted": "boolean",
    "was_score": "smallint",
    "was_responded_at": "timestamptz",
    "was_superseded_at": "timestamptz",
    "was_attributes": "jsonb",
}
_WRITE_COLUMNS = {"id": "bigint", **_RESPONSE_COLUMNS, **_BESIDE_COLUMNS}
# Of an answer that is new for certain: it was nothing before.
_NEW_COLUMNS = {name: kind for name, kind in _WRITE_COLUMNS.items() if not name.startswith("was_")}


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def moment(value: dt.datetime | None) -> str | None:
    """A point in time as this database reads it from JSON; SQLite compares the text Django writes."""
    if value is None:
        return None
    if is_postgresql():
        return value.isoformat()
    return str(value.astimezone(dt.UTC).replace(tzinfo=None))


def rows_json(rows: Iterable[Mapping[str, Any]]) -> str:
    return bulk.json_text(list(rows))


def relation(columns: Mapping[str, str], *, postgresql: bool) -> str:
    """A SELECT that turns one JSON parameter into rows of `columns`."""
    if postgresql:
        names = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"SELECT * FROM jsonb_to_recordset(%s::jsonb) AS x({names})"
    names = ", ".join(f"value ->> '$.{name}' AS {name}" for name in columns)
    return f"SELECT {names} FROM json_each(%s)"


def _run(statement: str, params: Sequence[Any], *, fetch: bool = False) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        # Without `fetch` nothing looks at the result: looking would wait for it, which `_together` is there to avoid.
        return cursor.fetchall() if fetch else []


@contextmanager
def _together() -> Iterator[None]:
    """On PostgreSQL, send the statements of this block without waiting for each: one round trip instead of several.

    A busy machine lets every waiting process wait for its turn, so round trips are what an answer costs there. Results
    are fetched behind the block: fetching inside it would be a round trip more.
    """
    connection.ensure_connection()
    raw = connection.connection
    if is_postgresql() and hasattr(raw, "pipeline"):
        with connection.wrap_database_errors, raw.pipeline():
            yield
    else:
        yield


# --- 1. Finding ----------------------------------------------------------------------------------------------
_FOUND = [
    "n",
    "survey_id",
    "metric",
    "current_version_id",
    "edit_hours",
    "invitation_id",
    "invitation_survey_id",
    "invitation_version_id",
    "invitation_contact_id",
    "invitation_account_id",
    "is_test",
    "response_id",
    "contact_id",
    "merged_into_id",
    "erased_at",
    "contact_custom",
    *timeline.CONTACT_FACTS.values(),
    "account_id",
    "account_custom",
    *timeline.ACCOUNT_FACTS.values(),
    "public_fields",
    "score_before",
    "new_id",
    "new_event_id",
]


def _beside_each(table: str, condition: str, postgresql: bool) -> str:
    """A left join to at most one row, found by an index for each row.

    PostgreSQL may plan a plain join as a hash join, which reads the whole table for a single answer.
    """
    if not postgresql:
        return f"LEFT JOIN {table} ON {condition}"
    return f"LEFT JOIN LATERAL (SELECT * FROM {table} WHERE {condition} LIMIT 1) {table.split()[1]} ON TRUE"


@cache
def _look_up_sql(postgresql: bool) -> str:
    lock = " FOR NO KEY UPDATE" if postgresql else ""
    wanted = "= ANY(ARRAY(SELECT wanted_id FROM w))" if postgresql else "IN (SELECT wanted_id FROM w)"
    new_id = "nextval('surveys_response_id_seq')" if postgresql else "NULL"
    new_event_id = "nextval('accounts_event_id_seq')" if postgresql else "NULL"
    contact_columns = ", ".join(timeline.CONTACT_FACTS.values())
    contact_facts = ", ".join(f"c.{column}" for column in timeline.CONTACT_FACTS.values())
    account_facts = ", ".join(f"a.{column}" for column in timeline.ACCOUNT_FACTS.values())
    as_list = (
        "jsonb_agg(jsonb_build_array(target, key))::text"
        if postgresql
        else "json_group_array(json_array(target, key))"
    )
    text = "::text" if postgresql else ""
    return f"""
WITH i AS MATERIALIZED ({relation(_LOOK_UP_COLUMNS, postgresql=postgresql)}),
f AS MATERIALIZED (
  SELECT i.n, i.survey_id, v.id AS invitation_id, sv.survey_id AS invitation_survey_id,
    v.version_id AS invitation_version_id, v.contact_id AS invitation_contact_id,
    v.account_id AS invitation_account_id, v.is_test,
    COALESCE(
      (SELECT r.id FROM surveys_response r WHERE r.invitation_id = i.invitation_id),
      (SELECT r.id FROM surveys_response r WHERE r.source = i.source AND r.external_id = i.external_id)
    ) AS response_id,
    COALESCE(
      v.contact_id,
      (SELECT COALESCE(c.merged_into_id, c.id) FROM accounts_contact c
        WHERE c.id = i.contact_id AND c.erased_at IS NULL),
      (SELECT COALESCE(c.merged_into_id, c.id) FROM accounts_contact c
        WHERE c.external_id = i.contact_external_id AND c.erased_at IS NULL),
      (SELECT c.id FROM accounts_contact c
        WHERE c.email_key = i.email_key AND c.merged_into_id IS NULL AND c.erased_at IS NULL),
      (SELECT MAX(c.merged_into_id) FROM accounts_contact c
        WHERE c.email_key = i.email_key AND c.merged_into_id IS NOT NULL AND c.erased_at IS NULL),
      (SELECT MIN(c.id) FROM accounts_contact c
        WHERE c.phone_key = i.phone_key AND c.merged_into_id IS NULL AND c.erased_at IS NULL HAVING COUNT(*) = 1)
    ) AS contact_id
  FROM i
  {_beside_each("surveys_invitation v", "v.id = i.invitation_id", postgresql)}
  LEFT JOIN surveys_surveyversion sv ON sv.id = v.version_id),
w AS MATERIALIZED (
  SELECT f.*, COALESCE(r.contact_id, f.contact_id) AS wanted_id
  FROM f {_beside_each("surveys_response r", "r.id = f.response_id", postgresql)}),
c AS MATERIALIZED (
  SELECT id, merged_into_id, erased_at, custom, {contact_columns}, account_id FROM accounts_contact
  WHERE id {wanted} ORDER BY id{lock})
SELECT w.n, s.id, s.metric, s.current_id, (SELECT edit_hours FROM team_workspace WHERE id = 1), w.invitation_id,
  w.invitation_survey_id, w.invitation_version_id, w.invitation_contact_id, w.invitation_account_id, w.is_test,
  w.response_id, c.id, c.merged_into_id, c.erased_at, c.custom{text}, {contact_facts}, a.id, a.custom{text}, {account_facts},
  (SELECT {as_list} FROM accounts_customfield WHERE NOT is_personal), CASE WHEN b.latest_id = w.response_id THEN b.previous_score ELSE b.latest_score END,
  {new_id}, {new_event_id}
FROM w
LEFT JOIN surveys_survey s ON s.id = w.survey_id
LEFT JOIN c ON c.id = w.wanted_id
{_beside_each("accounts_account a", "a.id = c.account_id", postgresql)}
{_beside_each("surveys_contactscore b", "b.contact_id = c.id AND b.metric = s.metric", postgresql)}"""


def look_up(rows: Sequence[Row]) -> dict[int, Row]:
    """What is known about each answer, by its `n`; the contacts found are locked until the transaction ends."""
    statement, text = _look_up_sql(is_postgresql()), rows_json(rows)
    if hotline.is_held():
        (known,) = hotline.trip(_hot(statement, text))
    else:
        cursor = connection.cursor()
        with _together():  # with the BEGIN before it
            if is_postgresql():
                # Left to itself PostgreSQL plans these statements anew each time, which costs as much as an answer does.
                _run("SET LOCAL plan_cache_mode = force_generic_plan", [])
            cursor.execute(statement, [text])
        with cursor:
            known = cursor.fetchall()
    found = {row[0]: dict(zip(_FOUND, row, strict=True)) for row in known}
    if not is_postgresql():
        _give_ids(found, "new_id", "surveys_response")
        _give_ids(found, "new_event_id", "accounts_event")
    return found


def _give_ids(found: dict[int, Row], column: str, table: str) -> None:
    (last,) = (_run("SELECT seq FROM sqlite_sequence WHERE name = %s", [table], fetch=True) or [(0,)])[0]
    for position, n in enumerate(sorted(found), start=1):
        found[n][column] = last + position


# --- 2. Writing ----------------------------------------------------------------------------------------------
_EVENT = "kind account_id contact_id actor_id subject_type subject_id cause_key origin occurred_at recorded_at facts data"
_MARK = "delta metric account_key survey_key channel score responded_at superseded_at plan segment country owner_key"


def _mark_values(prefix: str, attributes: str) -> str:
    owner = f"COALESCE({attributes} ->> 'owner', '')"
    return (
        f"i.metric, i.account_id, i.survey_id, i.channel, i.{prefix}score, i.{prefix}responded_at,"
        f" i.{prefix}superseded_at, COALESCE({attributes} ->> 'plan', ''), COALESCE({attributes} ->> 'segment', ''),"
        f" COALESCE({attributes} ->> 'country', ''), {owner}"
    )


def _beside(source: str) -> list[tuple[str, str]]:
    """The inserts that go with written answers, each reading `source` (rows named i)."""
    return [
        (
            "revision",
            "INSERT INTO surveys_responserevision (response_id, known_at, responded_at, score, contact_key, account_key,"
            " survey_key, is_excluded, is_deleted, is_waiting, attributes) SELECT i.id, i.known_at, i.responded_at,"
            " i.score, i.contact_id, i.account_id, i.survey_id, i.excluded_reason <> '', i.is_deleted,"
            " i.identity IN ('inbox', 'ignored'), i.attributes"
            f" FROM {source}",
        ),
        (
            "event",
            f"INSERT INTO accounts_event (id, {', '.join(_EVENT.split())}) SELECT i.event_id, i.event_kind, i.account_id,"
            " i.contact_id, i.actor_id, 'response', i.id, i.cause_key, i.origin, i.responded_at, i.known_at, i.facts,"
            f" i.data FROM {source} WHERE i.event_kind IS NOT NULL",
        ),
        (
            "relay",
            f"INSERT INTO accounts_eventrelay (event_id) SELECT i.event_id FROM {source} WHERE i.is_awaited",
        ),
        (
            "mark",
            f"INSERT INTO surveys_figuremark ({', '.join(_MARK.split())})"
            f" SELECT -1, {_mark_values('was_', 'i.was_attributes')} FROM {source} WHERE i.was_counted"
            f" UNION ALL SELECT 1, {_mark_values('', 'i.attributes')} FROM {source} WHERE i.counted",
        ),
    ]


@cache
def _insert_sql(postgresql: bool) -> list[str]:
    names = ", ".join(["id", *_RESPONSE_COLUMNS])
    rows = relation(_WRITE_COLUMNS, postgresql=postgresql)
    if not postgresql:
        head = f"INSERT INTO surveys_response ({names}) SELECT {names} FROM ({rows}) i"
        return [head, *(text for _, text in _beside(f"({rows}) i"))]
    beside = ",\n".join(f"{name} AS ({text})" for name, text in _beside("i JOIN done USING (id)"))
    return [
        f"WITH i AS MATERIALIZED ({rows}),\n"
        f"done AS (INSERT INTO surveys_response ({names}) SELECT {names} FROM i"
        f" ON CONFLICT DO NOTHING RETURNING id),\n{beside}\nSELECT id FROM done"
    ]


@cache
def _update_sql(postgresql: bool) -> list[str]:
    rows = relation(_WRITE_COLUMNS, postgresql=postgresql)
    assignments = ", ".join(f"{name} = i.{name}" for name in _UPDATED)
    if not postgresql:
        head = f"UPDATE surveys_response SET {assignments} FROM ({rows}) i WHERE surveys_response.id = i.id"
        return [head, *(text for _, text in _beside(f"({rows}) i"))]
    beside = ",\n".join(f"{name} AS ({text})" for name, text in _beside("i JOIN done USING (id)"))
    return [
        f"WITH i AS MATERIALIZED ({rows}),\n"
        f"done AS (UPDATE surveys_response SET {assignments} FROM i WHERE surveys_response.id = i.id"
        f" RETURNING surveys_response.id),\n{beside}\nSELECT id FROM done"
    ]


@cache
def _insert_in_chain_sql(wake: tuple[str, ...]) -> str:
    """`_insert_sql` and `_rechain_postgresql` of answers that are all new, as one statement: they take their places in
    the chains before they are written, so nothing is written twice and no row is looked for again."""
    columns = ["id", *_RESPONSE_COLUMNS]
    values = ", ".join("c.next_at" if name == "superseded_at" else f"i.{name}" for name in columns)
    beside = ",\n".join(f"{name} AS ({text})" for name, text in _beside("i") if name != "mark")
    waking = "".join(f",\nwake{k} AS ({jobs.wake_sql(kind)})" for k, kind in enumerate(wake))
    own = "id, contact_id, account_id, survey_id, channel, metric, score, responded_at, superseded_at, attributes"
    return f"""
WITH i AS MATERIALIZED ({relation(_NEW_COLUMNS, postgresql=True)}),
c AS MATERIALIZED (
  SELECT q.*, CASE WHEN is_in_chain THEN LEAD(responded_at) OVER w END AS next_at,
    LAG(id) OVER w AS previous_id, LAG(score) OVER w AS previous_score, LAG(responded_at) OVER w AS previous_at,
    is_in_chain AND LEAD(id) OVER w IS NULL AS is_latest
  FROM (
    SELECT {own}, {COUNTED.format("")} AS counted, {COUNTED.format("")} AS is_in_chain, FALSE AS is_new
    FROM {_answers_of_each("SELECT DISTINCT contact_id AS key FROM i WHERE contact_id IS NOT NULL")}
    UNION ALL SELECT {own}, counted, counted AND contact_id IS NOT NULL, TRUE FROM i) q
  WINDOW w AS (PARTITION BY contact_id, metric, is_in_chain ORDER BY responded_at, id)),
link AS (UPDATE surveys_response r SET superseded_at = c.next_at FROM c
  WHERE r.id = c.id AND NOT c.is_new AND c.superseded_at IS DISTINCT FROM c.next_at
  AND r.id = ANY(ARRAY(SELECT id FROM c WHERE NOT is_new AND superseded_at IS DISTINCT FROM next_at))),
mark AS (INSERT INTO surveys_figuremark ({", ".join(_MARK.split())})
  SELECT d.delta, metric, account_id, survey_id, channel, score, responded_at,
    CASE d.delta WHEN 1 THEN next_at ELSE superseded_at END, COALESCE(attributes ->> 'plan', ''),
    COALESCE(attributes ->> 'segment', ''), COALESCE(attributes ->> 'country', ''), COALESCE(attributes ->> 'owner', '')
  FROM c JOIN (VALUES (1), (-1)) AS d(delta)
    ON CASE WHEN is_new THEN d.delta = 1 ELSE superseded_at IS DISTINCT FROM next_at END
  WHERE counted),
latest AS ({_SCORE_UPSERT.replace("FROM chain WHERE counted AND place = 1", "FROM c WHERE is_latest")}),
{beside}{waking}
INSERT INTO surveys_response ({", ".join(columns)}) SELECT {values} FROM i JOIN c ON c.id = i.id AND c.is_new"""


def write(
    *,
    inserts: Sequence[Row],
    updates: Sequence[Row],
    answered: Sequence[Row],
    contacts: Iterable[int],
    wake: Sequence[str] = (),
    ends: bool = False,
    may_fail: bool = False,
) -> set[int]:
    """Write new and changed answers, tell their invitations, and set right the chains of `contacts`.

    Returns the ids that were written. One is missing when another transaction wrote the same answer first: look it up
    again. Changed answers are held locked by the caller; `was_…` is how they entered the figures until now.
    `ends`: nothing else belongs to this transaction, so it is committed here if it is the caller's own. What runs after
    that in the same `atomic` block begins another.
    `may_fail`: where another transaction wrote one of them first, IntegrityError may be raised instead (new answers are
    then written with a third less work), and the caller does all of it again.
    """
    ends = ends and is_postgresql() and len(connection.atomic_blocks) == 1
    if may_fail and is_postgresql() and inserts and not updates:
        in_chain: list[tuple[str, str | None]] = [(_insert_in_chain_sql(tuple(wake)), rows_json(inserts))]
        if answered:
            in_chain.append((_tell_sql(True), rows_json(answered)))
        _send([*in_chain, *_COMMIT] if ends else in_chain)
        return {row["id"] for row in inserts}
    written: set[int] = set()
    if hotline.is_held():
        texts: list[tuple[str, str | None]] = [
            (statements(True)[0], rows_json(rows))
            for statements, rows in ((_insert_sql, inserts), (_update_sql, updates))
            if rows
        ]
        count = len(texts)
        if answered:
            texts.append((_tell_sql(True), rows_json(answered)))
        ids = sorted(set(contacts))
        if ids or wake:
            texts.append((_rechain_postgresql(tuple(wake)), f"{{{','.join(map(str, ids))}}}"))
        results = _send([*texts, *_COMMIT] if ends else texts)
        return {row[0] for rows in results[:count] for row in rows}
    with _together():
        waiting = []
        for statements, rows in ((_insert_sql, inserts), (_update_sql, updates)):
            if not rows:
                continue
            text = rows_json(rows)
            if not is_postgresql():
                for statement in statements(False):
                    _run(statement, [text] * statement.count("%s"))
                written.update(row["id"] for row in rows)
                continue
            cursor = connection.cursor()
            cursor.execute(statements(True)[0], [text])
            waiting.append(cursor)
        tell(answered)
        rechain(contacts, wake=wake)
        if ends:
            _run("COMMIT", [])
    for cursor in waiting:
        written.update(row[0] for row in cursor.fetchall())
        cursor.close()
    return written


# Beside the last statement: the driver sees by itself that nothing is left for Django to commit.
_COMMIT: list[tuple[str, str | None]] = [("COMMIT", None)]


def _send(texts: Sequence[tuple[str, str | None]]) -> list[list[tuple[Any, ...]]]:
    """Statements with one parameter each, or none, in one round trip; what they return, on the hotline only."""
    if hotline.is_held():
        return hotline.trip(*(_hot(statement, text) for statement, text in texts))
    with _together():
        for statement, text in texts:
            _run(statement, [] if text is None else [text])
    return []


def _hot(statement: str, text: str | None) -> hotline.Statement:
    """A statement of ours with its one parameter as the hotline takes it."""
    return _numbered(statement), [] if text is None else [text.encode()]


@cache
def _numbered(statement: str) -> str:
    return statement.replace("%s", "$1")


def tell(rows: Sequence[Row]) -> None:
    """Tell the invitations that they were answered, keeping the first moments."""
    if rows:
        _run(_tell_sql(is_postgresql()), [rows_json(rows)])


@cache
def _tell_sql(postgresql: bool) -> str:
    columns = {"invitation_id": "bigint", "scored_at": "timestamptz", "commented_at": "timestamptz"}
    return (
        "UPDATE surveys_invitation SET state = 'answered',"
        " scored_at = COALESCE(surveys_invitation.scored_at, i.scored_at),"
        " commented_at = COALESCE(surveys_invitation.commented_at, i.commented_at)"
        f" FROM ({relation(columns, postgresql=postgresql)}) i WHERE surveys_invitation.id = i.invitation_id"
    )


# --- 3. Chains -----------------------------------------------------------------------------------------------
def _answers_of_each(keys: str) -> str:
    """Their answers, found by an index for each key: joined plainly, PostgreSQL reads all answers there are for a few people
    while it takes the table for small, and keeps that plan while the table grows."""
    return f"({keys}) those {beside_each('surveys_response answers', 'answers.contact_id = those.key')}"


_CHAIN = """
  SELECT q.*, CASE WHEN counted THEN LEAD(responded_at) OVER w END AS next_at,
    LAG(id) OVER w AS previous_id, LAG(score) OVER w AS previous_score, LAG(responded_at) OVER w AS previous_at,
    ROW_NUMBER() OVER (PARTITION BY contact_id, metric, counted ORDER BY responded_at DESC, id DESC) AS place
  FROM (SELECT id, contact_id, account_id, survey_id, channel, metric, score, responded_at, superseded_at, attributes,
      {counted} AS counted
    FROM {answers}) q
  WINDOW w AS (PARTITION BY contact_id, metric, counted ORDER BY responded_at, id)"""
_SCORE = [
    "contact_id",
    "metric",
    "latest_id",
    "latest_score",
    "latest_at",
    "previous_id",
    "previous_score",
    "previous_at",
]
_SCORE_UPSERT = (
    "INSERT INTO surveys_contactscore ({names}) SELECT contact_id, metric, id, score, responded_at, previous_id,"
    " previous_score, previous_at FROM chain WHERE counted AND place = 1"
    " ON CONFLICT (contact_id, metric) DO UPDATE SET {assignments} WHERE {differs}"
).format(
    names=", ".join(_SCORE),
    assignments=", ".join(f"{name} = excluded.{name}" for name in _SCORE[2:]),
    differs=" OR ".join(
        f"surveys_contactscore.{name} IS DISTINCT FROM excluded.{name}" for name in _SCORE[2:]
    ),
)
_SCORE_GONE = (
    "DELETE FROM surveys_contactscore WHERE contact_id {chosen} AND NOT EXISTS (SELECT 1 FROM chain"
    " WHERE counted AND chain.contact_id = surveys_contactscore.contact_id AND chain.metric = surveys_contactscore.metric)"
)


def _moved_marks(source: str) -> str:
    values = (
        "{delta}, metric, account_id, survey_id, channel, score, responded_at, {superseded},"
        " COALESCE(attributes ->> 'plan', ''), COALESCE(attributes ->> 'segment', ''),"
        " COALESCE(attributes ->> 'country', ''), COALESCE(attributes ->> 'owner', '')"
    )
    return (
        f"INSERT INTO surveys_figuremark ({', '.join(_MARK.split())})"
        f" SELECT {values.format(delta=-1, superseded='superseded_at')} FROM {source} WHERE counted"
        f" UNION ALL SELECT {values.format(delta=1, superseded='next_at')} FROM {source} WHERE counted"
    )


_MOVED = "SELECT * FROM chain WHERE superseded_at IS DISTINCT FROM next_at"


@cache
def _rechain_postgresql(wake: tuple[str, ...]) -> str:
    waking = "".join(f",\nwake{k} AS ({jobs.wake_sql(kind)})" for k, kind in enumerate(wake))
    chain = _CHAIN.format(
        counted=COUNTED.format(""), answers=_answers_of_each("SELECT DISTINCT key FROM keys")
    )
    return f"""
WITH keys AS MATERIALIZED (SELECT unnest(%s::bigint[]) AS key),
chain AS MATERIALIZED ({chain}),
moved AS MATERIALIZED ({_MOVED}),
link AS (UPDATE surveys_response r SET superseded_at = m.next_at FROM moved m
  WHERE r.id = m.id AND r.id = ANY(ARRAY(SELECT id FROM moved))),
mark AS ({_moved_marks("moved")}),
latest AS ({_SCORE_UPSERT}){waking}
{_SCORE_GONE.format(chosen="= ANY(ARRAY(SELECT key FROM keys))")}"""


_SQLITE_CHAIN = _CHAIN.format(
    counted=COUNTED.format(""), answers="surveys_response WHERE contact_id IN (SELECT key FROM keys)"
)
_SQLITE_HEAD = (
    f"WITH keys AS (SELECT value AS key FROM json_each(%s)), chain AS MATERIALIZED ({_SQLITE_CHAIN})"
)
_RECHAIN_SQLITE = (
    # The marks read the old links, so they come before the links are changed.
    f"{_SQLITE_HEAD}, moved AS MATERIALIZED ({_MOVED}) {_moved_marks('moved')}",
    f"{_SQLITE_HEAD} UPDATE surveys_response SET superseded_at = m.next_at FROM ({_MOVED}) m"
    " WHERE surveys_response.id = m.id",
    f"{_SQLITE_HEAD} {_SCORE_UPSERT}",
    f"{_SQLITE_HEAD} {_SCORE_GONE.format(chosen='IN (SELECT key FROM keys)')}",
)


def rechain(contact_ids: Iterable[int], *, wake: Sequence[str] = ()) -> None:
    """Recompute, for these contacts, which answer supersedes which and their latest and previous score.

    Idempotent and set-based; every writer of answers ends with it. The caller holds the contacts locked. The kinds of
    work in `wake` are looked for after the commit (core.jobs.wake, in the same statement on PostgreSQL).
    """
    ids = sorted(set(contact_ids))
    if not ids and not wake:
        return
    if is_postgresql():
        _run(_rechain_postgresql(tuple(wake)), [ids])
        return
    if ids:
        for statement in _RECHAIN_SQLITE:
            _run(statement, [json.dumps(ids)])
    for kind in wake:
        jobs.wake(kind)


def lock_contacts(contact_ids: Iterable[int]) -> None:
    """Hold these contacts until the transaction ends, in key order."""
    ids = sorted(set(contact_ids))
    if ids and is_postgresql():
        _run(
            "SELECT id FROM accounts_contact WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
            [ids],
        )


# --- Marks of any other change -------------------------------------------------------------------------------
def mark(response_ids: Iterable[int], delta: int) -> None:
    """Note how these answers enter the figures as they stand: −1 before a change, +1 after it."""
    ids = sorted(set(response_ids))
    if not ids:
        return
    chosen = "= ANY(%s::bigint[])" if is_postgresql() else "IN (SELECT value FROM json_each(%s))"
    _run(
        f"INSERT INTO surveys_figuremark ({', '.join(_MARK.split())}) SELECT {int(delta)}, metric, account_id, survey_id,"
        " channel, score, responded_at, superseded_at, COALESCE(attributes ->> 'plan', ''),"
        " COALESCE(attributes ->> 'segment', ''), COALESCE(attributes ->> 'country', ''),"
        f" COALESCE(attributes ->> 'owner', '') FROM surveys_response WHERE id {chosen} AND {COUNTED.format('')}",
        [ids if is_postgresql() else json.dumps(ids)],
    )


def revise(response_ids: Iterable[int], known_at: dt.datetime) -> None:
    """Append what is known of these answers from `known_at` on."""
    ids = sorted(set(response_ids))
    if not ids:
        return
    chosen = "= ANY(%s::bigint[])" if is_postgresql() else "IN (SELECT value FROM json_each(%s))"
    _run(
        "INSERT INTO surveys_responserevision (response_id, known_at, responded_at, score, contact_key, account_key,"
        " survey_key, is_excluded, is_deleted, is_waiting, attributes) SELECT id, %s, responded_at, score, contact_id,"
        " account_id, survey_id, excluded_reason <> '', deleted_upstream_at IS NOT NULL,"
        " identity IN ('inbox', 'ignored'), attributes"
        f" FROM surveys_response WHERE id {chosen}",
        [known_at if is_postgresql() else moment(known_at), ids if is_postgresql() else json.dumps(ids)],
    )
