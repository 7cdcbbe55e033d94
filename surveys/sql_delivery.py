"""The statements of sending: what a batch needs to know, and what is written when its mails have left.

Written by hand because they run once for every twenty mails, where building a query costs more than running it; measured
in bench/mailing_campaign.py. PostgreSQL records in one statement, elsewhere the same is done step by step
(surveys/services/delivery.py).
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Model, Q
from django.db.models.expressions import RawSQL

from accounts import timeline
from accounts.models import Account, Contact
from surveys import sql_eligibility, sql_ledger
from surveys.ask_rules import Rules
from surveys.choices import CampaignState, Channel, InvitationState
from surveys.sql_eligibility import Text

# A campaign that has sent everything may still send one mail again by hand.
SENDING_STATES = (CampaignState.RUNNING, CampaignState.FINISHED)
_STATES = f"('{CampaignState.RUNNING}', '{CampaignState.FINISHED}')"


def _columns(model: type[Model], *names: str) -> tuple[str, ...]:
    """These columns in the order in which `from_db` wants them."""
    return tuple(field.attname for field in model._meta.local_concrete_fields if field.attname in names)


# What events remember of a customer (accounts.timeline) and what mails say of them; other columns load when asked for.
ACCOUNT_FIELDS = _columns(Account, "id", "name", *timeline.ACCOUNT_FACTS.values(), "custom")
CONTACT_FIELDS = _columns(
    Contact,
    "id",
    "account_id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "phone_key",
    *timeline.CONTACT_FACTS.values(),
    "custom",
)
# How long the answer to an ask by hand is welcome.
BY_HAND_DAYS = 30
_OWN = (
    "i.id, i.state, i.is_test, i.language, i.version_id, i.wave_id, i.account_id, i.contact_id,"
    f" CASE WHEN i.wave_id IS NULL AND NOT i.is_test THEN {BY_HAND_DAYS} ELSE p.expires_after_days END,"
    " o.name, o.email, o.is_active AND COALESCE(p.send_as_owner, FALSE), t.name, t.email, t.phone, v.reason, i.context"
)
OWN_COLUMNS = 17


def _condition(text: str) -> Q:
    return Q(RawSQL(text, (), output_field=BooleanField()))  # noqa: S611 - constant text, no values


# What a message goes to: for an SMS the number the person has now, else the address the ask was made for.
_ADDRESSED = (
    f"CASE WHEN surveys_delivery.channel = '{Channel.SMS}' THEN (SELECT c.phone_key FROM accounts_contact c"
    " WHERE c.id = i.contact_id) ELSE i.recipient_key END"
)


def leaves_the_house() -> Q:
    """Deliveries that somebody has to send; what is shown in the product waits for the widget."""
    return _condition(f"surveys_delivery.channel <> '{Channel.IN_APP}'")


def claimable() -> Q:
    """Deliveries that may be taken in hand: tests, and those of campaigns that are running.

    As a value, not as EXISTS: PostgreSQL makes a join of that and reads all invitations there are to claim twenty.
    """
    return _condition(
        f"(SELECT i.wave_id IS NULL OR p.state IN {_STATES} FROM surveys_invitation i"
        " LEFT JOIN surveys_wave w ON w.id = i.wave_id LEFT JOIN surveys_campaign p ON p.id = w.campaign_id"
        " WHERE i.id = surveys_delivery.invitation_id)"
    )


def still_wanted() -> Q:
    """What has to hold in the very statement that lets a message go: not paused, not answered, not suppressed."""
    return _condition(
        "EXISTS (SELECT 1 FROM surveys_invitation i LEFT JOIN surveys_wave w ON w.id = i.wave_id"
        " LEFT JOIN surveys_campaign p ON p.id = w.campaign_id WHERE i.id = surveys_delivery.invitation_id"
        f" AND (i.is_test OR ((i.state = '{InvitationState.SENDING}' OR (i.state = '{InvitationState.SENT}'"
        f" AND surveys_delivery.step <> 'first')) AND (i.wave_id IS NULL OR p.state IN {_STATES})"
        f" AND NOT EXISTS (SELECT 1 FROM surveys_suppression s WHERE s.address_key = {_ADDRESSED}"
        " AND s.channel = surveys_delivery.channel AND s.lifted_at IS NULL))))"
    )


def _ids(column: str, ids: Sequence[int]) -> tuple[str, list[Any]]:
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", [list(ids)]
    return f"{column} IN ({', '.join(['%s'] * len(ids))})", list(ids)


def audience(ids: Sequence[int]) -> Text:
    """These invitations as `sql_eligibility.verdicts` judges them: their own ask does not count against them.

    A message of somebody who was asked already is a reminder; an ask by hand with a reason stands above what time heals.
    """
    which, params = _ids("i.id", ids)
    return Text(
        "SELECT i.contact_id, c.account_id, i.recipient_key, c.email, c.phone_key, c.language, c.created_at,"
        " c.merged_into_id, c.erased_at, a.churned_on, a.customer_since, i.id,"
        f" {sql_ledger.kind_of('i.version_id')}, i.channel, i.cost,"
        " CASE WHEN i.override_reason <> '' THEN 2 WHEN i.asked_at IS NOT NULL THEN 1 ELSE 0 END"
        " FROM surveys_invitation i LEFT JOIN accounts_contact c ON c.id = i.contact_id"
        f" LEFT JOIN accounts_account a ON a.id = c.account_id WHERE {which} AND NOT i.is_test",
        tuple(params),
        own=True,
    )


def read_batch(ids: Sequence[int], rules: Rules, *, now: dt.datetime) -> list[tuple[Any, ...]]:
    """Each invitation with its verdict, its account and its contact: `_OWN`, ACCOUNT_FIELDS, CONTACT_FIELDS."""
    judged = sql_eligibility.verdicts(audience(ids), rules, None, now=now)
    which, params = _ids("i.id", ids)
    account = ", ".join(f"a.{name}" for name in ACCOUNT_FIELDS)
    contact = ", ".join(f"c.{name}" for name in CONTACT_FIELDS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{judged.sql} SELECT {_OWN}, {account}, {contact} FROM surveys_invitation i"
            " LEFT JOIN verdict v ON v.own_id = i.id"
            " LEFT JOIN accounts_contact c ON c.id = i.contact_id LEFT JOIN accounts_account a ON a.id = i.account_id"
            " LEFT JOIN team_user o ON o.id = a.owner_id LEFT JOIN team_user t ON t.id = i.tester_id"
            " LEFT JOIN surveys_wave w ON w.id = i.wave_id LEFT JOIN surveys_campaign p ON p.id = w.campaign_id"
            f" WHERE {which}",
            [*judged.params, *params],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def account_of(values: Sequence[Any]) -> Account | None:
    return (
        None
        if values[0] is None
        else Account.from_db("default", ACCOUNT_FIELDS, _read(ACCOUNT_FIELDS, values))
    )


def contact_of(values: Sequence[Any]) -> Contact | None:
    return (
        None
        if values[0] is None
        else Contact.from_db("default", CONTACT_FIELDS, _read(CONTACT_FIELDS, values))
    )


def _read(names: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """The values with `custom` as the object it holds: here the driver gives its text."""
    return [
        json.loads(value) if name == "custom" else value for name, value in zip(names, values, strict=True)
    ]


_NOTE_SENT = (
    "WITH r AS (SELECT * FROM jsonb_to_recordset(%s::jsonb)"
    " AS r(id bigint, account bigint, contact bigint, days int, is_test boolean, facts jsonb, data jsonb)),"
    " asked AS (UPDATE surveys_invitation i SET asked_at = %s, delivered_at = %s,"
    " expires_at = %s + make_interval(days => r.days),"
    f" state = CASE WHEN i.state = '{InvitationState.SENDING}' THEN '{InvitationState.SENT}' ELSE i.state END"
    " FROM r WHERE i.id = r.id),"
    " said AS (INSERT INTO accounts_event (kind, account_id, contact_id, subject_type, subject_id, cause_key, origin,"
    " occurred_at, facts, data) SELECT 'survey.sent', r.account, r.contact, 'invitation', r.id,"
    " 'invitation:' || r.id || ':sent', 'live', %s, r.facts, r.data FROM r WHERE NOT r.is_test RETURNING id)"
    " INSERT INTO accounts_eventrelay (event_id) SELECT id FROM said"
)


def note_sent(rows: Sequence[Mapping[str, Any]], *, now: dt.datetime) -> None:
    """PostgreSQL only: these people were asked; invitations, timeline events and their relay rows at once.

    A row is {"id", "account", "contact", "days", "is_test", "facts", "data"}.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_SENT, [json.dumps(rows, separators=(",", ":")), now, now, now, now])
