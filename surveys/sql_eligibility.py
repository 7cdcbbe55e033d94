"""The one statement that says who may be asked: for a whole audience, for a slice of it, or for one contact.

Written by hand because every rule must be judged in the database: a slice of 20,000 people is decided and planned by
one statement (surveys/planning.py), and the same text decides about one. Measured in bench/planning.py; compared with
a plain Python reference over random histories in tests/surveys/test_eligibility.py. PostgreSQL and SQLite differ only
in the few expressions at the top.

Order of the rules: the first that applies names the reason. `WHEN` lines below are that order.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from surveys.choices import Channel, InvitationState

# What the audience's query has to select, in this order (see `audience_columns`).
_AUDIENCE = (
    "contact_id, account_id, address_key, email, language, created_at, merged_into_id, erased_at, churned_on,"
    " customer_since, own_id"
)
_RESERVED = f"('{InvitationState.PLANNED}', '{InvitationState.SENDING}')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long people are left alone after what; 0 switches a rule off."""

    quiet_days_answered: int
    quiet_days_declined: int
    quiet_days_ignored: int
    account_ask_limit: int
    account_ask_days: int
    minimum_tenure_days: int
    channel: Channel = Channel.EMAIL


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of SQL with its parameters; `own` where its rows are invitations about to be sent."""

    sql: str
    params: tuple[Any, ...]
    own: bool = False


def _is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def _plus_days(moment: str, days: int) -> str:
    if _is_postgresql():
        return f"({moment} + interval '{int(days)} days')"
    return f"django_format_dtdelta('+', {moment}, {int(days) * 86_400_000_000})"


def _start_of(day: str) -> str:
    """The first moment (UTC) of a date column."""
    return f"({day}::timestamp AT TIME ZONE 'UTC')" if _is_postgresql() else f"({day} || ' 00:00:00')"


def _latest(*moments: str) -> str:
    """The latest of some moments of which any may be missing."""
    if _is_postgresql():
        return f"GREATEST({', '.join(moments)})"
    never = "'0001-01-01 00:00:00'"
    return f"NULLIF(MAX({', '.join(f'COALESCE({m}, {never})' for m in moments)}), {never})"


def _no_moment() -> str:
    return "NULL::timestamptz" if _is_postgresql() else "NULL"


def settle_in() -> None:
    """Room and a plan for judging many at once, until the transaction ends: sorts in memory, and no compiling of
    expressions, which takes longer than the whole statement for a slice."""
    if _is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")


def moment(value: dt.datetime) -> Any:
    """A moment as this database compares it with its columns."""
    return connection.ops.adapt_datetimefield_value(value)


def contacts_text(contacts: QuerySet[Any]) -> Text:
    """The audience's columns of a queryset of contacts."""
    rows = contacts.order_by().values_list(
        "pk", "account_id", "address_key", "email", "language", "created_at", "merged_into_id", "erased_at",
        "account__churned_on", "account__customer_since",
    )  # fmt: skip
    sql, params = rows.query.sql_with_params()
    # A queryset may be DISTINCT, so its own column of nothing would be part of that: it is added outside.
    return Text(f"SELECT people.*, CAST(NULL AS bigint) FROM ({sql}) AS people", tuple(params))


def verdicts(audience: Text, rules: Rules, *, now: dt.datetime, wave_id: int = 0) -> Text:
    """`WITH … verdict(contact_id, account_id, address_key, language, own_id, place, reason, next_eligible_at)`.

    To be followed by a statement that reads `verdict`: a row for everybody in the audience, `reason` NULL when the
    person may be asked. With `wave_id`, people whom this wave asks or leaves out already are not judged again.
    """
    present = moment(now)
    today = now.astimezone(dt.UTC).date().isoformat()
    already = ""
    already_params: tuple[int, ...] = ()
    if wave_id:
        already = (
            " WHERE NOT EXISTS (SELECT 1 FROM surveys_invitation w WHERE w.contact_id = who.contact_id AND w.wave_id = %s)"
            " AND NOT EXISTS (SELECT 1 FROM surveys_exclusion x WHERE x.contact_id = who.contact_id AND x.wave_id = %s)"
        )
        already_params = (wave_id, wave_id)
    parts: list[str] = []
    params: list[Any] = []

    def part(sql: str, *values: Any) -> None:
        parts.append(sql)
        params.extend(values)

    part(
        f"WITH who({_AUDIENCE}) AS ({audience.sql}), audience AS (SELECT * FROM who{already})",
        *audience.params,
        *already_params,
    )
    # What each person was asked, found by address and by person: somebody who changes address stays the same person,
    # and two people who share one are one mailbox.
    not_own = "NOT i.is_test" + (" AND i.id <> au.own_id" if audience.own else "")
    asked = "i.id, i.wave_id, i.state, i.asked_at, i.scored_at, i.declined_at"
    part(
        f", entry AS (SELECT au.contact_id, {asked} FROM audience au"
        f" JOIN surveys_invitation i ON i.recipient_key = au.address_key WHERE {not_own}"
        f" UNION ALL SELECT au.contact_id, {asked} FROM audience au"
        f" JOIN surveys_invitation i ON i.contact_id = au.contact_id WHERE {not_own}"
        " AND (au.address_key IS NULL OR i.recipient_key <> au.address_key))"
    )
    part(
        ", ledger AS (SELECT contact_id, MAX(scored_at) AS answered_at, MAX(declined_at) AS declined_at,"
        " MAX(CASE WHEN scored_at IS NULL AND declined_at IS NULL THEN asked_at END) AS ignored_at,"
        " MAX(asked_at) AS asked_at, MAX(CASE WHEN wave_id = %s THEN 1 ELSE 0 END) AS in_wave,"
        f" MAX(CASE WHEN asked_at IS NULL AND state IN {_RESERVED} THEN 1 ELSE 0 END) AS reserved"
        " FROM entry GROUP BY contact_id)",
        wave_id,
    )
    # Answers that came another way (another tool, an import, the API) are answers too.
    part(
        ", answer AS (SELECT r.contact_id, MAX(r.responded_at) AS answered_at FROM audience au"
        " JOIN surveys_response r ON r.contact_id = au.contact_id WHERE r.responded_at > %s GROUP BY r.contact_id)",
        moment(now - dt.timedelta(days=rules.quiet_days_answered)),
    )
    part(*_account_use(rules, now, own=audience.own))
    tenure = (
        _plus_days(f"COALESCE({_start_of('au.customer_since')}, au.created_at)", rules.minimum_tenure_days)
        if rules.minimum_tenure_days
        else _no_moment()
    )
    part(
        ", clock AS (SELECT au.contact_id, au.account_id, au.address_key, au.email, au.language, au.own_id,"
        " CASE WHEN au.contact_id IS NULL OR au.merged_into_id IS NOT NULL OR au.erased_at IS NOT NULL"
        " THEN 1 ELSE 0 END AS gone, CASE WHEN au.churned_on <= %s THEN 1 ELSE 0 END AS churned,"
        " l.asked_at AS last_asked, COALESCE(l.in_wave, 0) AS in_wave, COALESCE(l.reserved, 0) AS reserved,"
        f" {tenure} AS tenure_until,"
        f" {_plus_days(_latest('l.answered_at', 'answer.answered_at'), rules.quiet_days_answered)} AS answered_until,"
        f" {_plus_days('l.declined_at', rules.quiet_days_declined)} AS declined_until,"
        f" {_plus_days('l.ignored_at', rules.quiet_days_ignored)} AS ignored_until, s.reason AS suppression"
        " FROM audience au LEFT JOIN ledger l ON l.contact_id = au.contact_id"
        " LEFT JOIN answer ON answer.contact_id = au.contact_id"
        " LEFT JOIN surveys_suppression s ON s.address_key = au.address_key AND s.channel = %s AND s.lifted_at IS NULL)",
        today,
        rules.channel.value,
    )
    part(
        ", judged AS (SELECT clock.*, CASE WHEN gone = 1 THEN 'contact_gone'"
        " WHEN COALESCE(email, '') = '' THEN 'no_address'"
        " WHEN address_key IS NULL THEN 'invalid_address'"
        " WHEN suppression IN ('unsubscribed', 'bounced', 'complained') THEN suppression"
        " WHEN suppression IS NOT NULL THEN 'suppressed'"
        " WHEN churned = 1 THEN 'account_churned'"
        " WHEN in_wave = 1 THEN 'duplicate_address'"
        " WHEN reserved = 1 THEN 'already_planned'"
        " WHEN tenure_until > %s THEN 'tenure'"
        " WHEN answered_until > %s THEN 'recently_answered'"
        " WHEN declined_until > %s THEN 'recently_declined'"
        " WHEN ignored_until > %s THEN 'recently_asked' END AS own_reason FROM clock)",
        *[present] * 4,
    )
    # Of several people with one address the first is asked; of an account, those who were not asked for longest.
    # Addresses are rarely shared, so only those that are get sorted.
    part(
        ", shared AS (SELECT address_key FROM judged WHERE own_reason IS NULL GROUP BY address_key HAVING COUNT(*) > 1)"
        ", placed AS (SELECT judged.*, CASE WHEN own_reason IS NULL THEN 1 END AS same_address FROM judged"
        " WHERE own_reason IS NOT NULL OR address_key NOT IN (SELECT address_key FROM shared)"
        " UNION ALL SELECT judged.*, ROW_NUMBER() OVER (PARTITION BY address_key"
        " ORDER BY account_id IS NULL, account_id, contact_id) FROM judged"
        " WHERE own_reason IS NULL AND address_key IN (SELECT address_key FROM shared))"
        ", ranked AS (SELECT placed.*, CASE WHEN same_address = 1 THEN ROW_NUMBER() OVER (PARTITION BY account_id,"
        " same_address = 1 ORDER BY last_asked IS NOT NULL, last_asked, contact_id) END AS place FROM placed)"
    )
    limit = rules.account_ask_limit or 1_000_000_000
    # Rows about to be sent hold their place already: each is judged against the others only.
    place = "1" if audience.own else "place"
    full = f"ranked.account_id IS NOT NULL AND COALESCE(u.used, 0) + {place} > {limit}"
    waiting = "('tenure', 'recently_answered', 'recently_declined', 'recently_asked')"
    part(
        ", verdict AS (SELECT ranked.contact_id, ranked.account_id, ranked.address_key, ranked.language, ranked.own_id,"
        " ranked.place, CASE WHEN own_reason IS NOT NULL THEN own_reason"
        " WHEN same_address > 1 THEN 'duplicate_address'"
        f" WHEN {full} THEN 'account_limit' END AS reason,"
        f" CASE WHEN own_reason IN {waiting} THEN"
        f" {_latest('tenure_until', 'answered_until', 'declined_until', 'ignored_until')}"
        f" WHEN own_reason IS NULL AND same_address = 1 AND {full} THEN"
        f" {_plus_days('u.frees_from', rules.account_ask_days)} END AS next_eligible_at"
        f" FROM ranked LEFT JOIN account_use u ON u.owner_id = ranked.{'own_id' if audience.own else 'account_id'})"
    )
    return Text("".join(parts), tuple(params))


def _account_use(rules: Rules, now: dt.datetime, *, own: bool) -> Sequence[Any]:
    """How many of an account's people were asked in its window or are planned, and when a place becomes free again.

    For people who are to be chosen this is by account. For invitations about to be sent it is by invitation: what was
    asked, and of the planned ones those before it, so that a lowered limit keeps the first and drops the others.
    """
    since = moment(now - dt.timedelta(days=rules.account_ask_days))
    if own:
        owner, before = "au.own_id", " AND i.id < au.own_id"
        source = "audience au JOIN surveys_invitation i ON i.account_id = au.account_id AND i.id <> au.own_id WHERE"
    else:
        owner, before = "i.account_id", ""
        source = "surveys_invitation i WHERE i.account_id IN (SELECT account_id FROM audience) AND"
    # Planned asks count as the newest: when they will be sent is not known yet.
    return (
        f", recent AS (SELECT {owner} AS owner_id, i.asked_at, ROW_NUMBER() OVER (PARTITION BY {owner}"
        f" ORDER BY i.asked_at IS NOT NULL, i.asked_at DESC) AS nth FROM {source} NOT i.is_test"
        f" AND (i.asked_at > %s OR (i.asked_at IS NULL AND i.state IN {_RESERVED}{before})))"
        ", account_use AS (SELECT owner_id, COUNT(*) AS used,"
        f" MAX(CASE WHEN nth = {int(rules.account_ask_limit)} THEN asked_at END) AS frees_from"
        " FROM recent GROUP BY owner_id)",
        since,
    )
