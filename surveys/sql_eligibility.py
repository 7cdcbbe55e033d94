"""The one statement that says who may be asked: for a whole audience, for a slice of it, or for one contact.

Written by hand because every rule must be judged in the database: a slice of 20,000 people is decided and planned by
one statement (surveys/planning.py), and the same text decides about one. Measured in bench/planning.py; compared with
a plain Python reference over random histories in tests/surveys/test_eligibility.py. What the rules mean is
surveys/ask_rules.py, what people were asked before is surveys/sql_ledger.py.

Order of the rules: the first that applies names the reason. `WHEN` lines below are that order. Parts that cannot apply
(a channel not used, a rule that is off, a table without rows) are left out of the text.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from surveys import sql_dialect as dialect
from surveys import sql_ledger
from surveys.ask_rules import Asking, Purse, Rules, cost_of, sampling_key, threshold
from surveys.choices import Channel, Reason, SurveyKind
from surveys.sql_dialect import Ago, bound

# What the audience's query has to select, in this order (see `contacts_text`); one of invitations about to be sent
# goes on with OWN_COLUMNS.
_AUDIENCE = (
    "contact_id, account_id, address_key, email, phone_key, language, created_at, merged_into_id, erased_at,"
    " churned_on, customer_since"
)
# The invitation, what it is about, where it goes, what it costs in all, and how much it is exempt from: 0 nothing,
# 1 (a reminder) the quiet times and limits but not the budget, 2 (asked by hand, with a reason) all that time heals.
OWN_COLUMNS = "own_id, kind, channel, cost, exempt"
SEEN_DAYS = 30
# A round tries again daily; whoever waits in it for longer than this after they could be asked waits for nothing.
STALE_WAIT_DAYS = 7
_WAITING = (
    Reason.PAUSED, Reason.TENURE, Reason.RECENTLY_ANSWERED, Reason.RECENTLY_DECLINED, Reason.RECENTLY_ASKED,
    Reason.BUDGET_SPENT, Reason.RESERVED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of SQL with its parameters; `own` where its rows are invitations about to be sent."""

    sql: str
    params: tuple[Any, ...]
    own: bool = False


@dataclass(slots=True)
class _Statement:
    parts: list[str] = field(default_factory=list)
    params: list[Any] = field(default_factory=list)

    def add(self, sql: str, *params: Any) -> None:
        self.parts.append(sql)
        self.params.extend(params)

    def text(self) -> Text:
        return Text("".join(self.parts), tuple(self.params))


def settle_in(*, counting: bool = False) -> None:
    """Room and a plan for judging many at once, until the transaction ends: sorts in memory, and no compiling of
    expressions, which takes longer than the whole statement for a slice.

    Nothing of `counts` needs an order, but PostgreSQL takes reasons for more numerous than they are and would sort.
    """
    if dialect.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true),"
                f" set_config('enable_sort', '{'off' if counting else 'on'}', true)"
            )


@contextmanager
def planned_anew() -> Iterator[None]:
    """Statements within have a plan of their own each time. A plan that is kept was made when the wave was empty: it compares
    each person of a slice with all that are planned already.

    Only within: what is checked at the end of a transaction, for each row that was written, does well with kept plans.
    """
    if not dialect.is_postgresql():
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
        yield
        cursor.execute("SELECT set_config('plan_cache_mode', 'auto', true)")


def contacts_text(contacts: QuerySet[Any]) -> Text:
    """The audience's columns of a queryset of contacts."""
    rows = contacts.order_by().values_list(
        "pk", "account_id", "address_key", "email", "phone_key", "language", "created_at", "merged_into_id", "erased_at",
        "account__churned_on", "account__customer_since",
    )  # fmt: skip
    sql, params = rows.query.sql_with_params()
    return Text(sql, tuple(params))


def verdicts(
    audience: Text,
    rules: Rules,
    asking: Asking | None,
    *,
    now: dt.datetime,
    wave_id: int = 0,
    again: bool = False,
) -> Text:
    """`text_of` at a moment."""
    text = text_of(audience, rules, asking, wave_id=wave_id, again=again)
    return replace(text, params=tuple(bound(text.params, now)))


def text_of(
    audience: Text, rules: Rules, asking: Asking | None, *, wave_id: int = 0, again: bool = False
) -> Text:
    """`WITH … verdict(contact_id, account_id, recipient_key, language, own_id, place, channel, cost, reason,
    next_eligible_at)`.

    To be followed by a statement that reads `verdict`: a row for everybody in the audience, `reason` NULL when the
    person may be asked, on `channel`, at `cost` in tenths of an ask. With `wave_id`, people whom this wave asks or
    leaves out already are not judged again; with `again`, those it leaves out are, unless a later time is known.
    `asking` is None where the audience says of each row what it is about (`Text.own`); then no `next_eligible_at` is found
    out, and nobody is chosen among others. The text may be kept: its parameters are bound to a moment when it is used.
    """
    assert audience.own == (asking is None), "Invitations about to be sent say themselves what they ask."
    statement = _Statement()
    _audience(statement, audience, wave_id, again=again)
    sql_ledger.entries(statement, rules, asking, key=_key(asking), wave_id=wave_id)
    sql_ledger.answers(statement, rules, asking)
    _account_use(statement, rules, asking, slicewise=bool(wave_id))
    _clocks(statement, rules, asking)
    _judged(statement, rules, asking)
    _chosen(statement, rules, asking)
    return statement.text()


def counts(audience: Text, rules: Rules, asking: Asking, *, now: dt.datetime) -> Text:
    """`SELECT reason, number` over a whole audience, the same numbers as of `verdicts`.

    Who of an account is asked does not matter for counting, so nothing is sorted; and the ledger is read from its own
    side, once, instead of for each person.
    """
    statement = _Statement()
    statement.add(f"WITH audience({_AUDIENCE}) AS ({audience.sql})", *audience.params)
    sql_ledger.whole(statement, rules, asking)
    _account_use(statement, rules, asking, everywhere=True)
    _clocks(statement, rules, asking, everywhere=True)
    _judged(statement, rules, asking)
    if _may_share(asking):
        _placed(statement)
    people = "placed" if _may_share(asking) else "judged"
    reason = "CASE WHEN own_reason IS NULL AND same_address > 1 THEN 'duplicate_address' ELSE own_reason END"
    statement.add(
        f", by_account AS (SELECT account_id, {reason if _may_share(asking) else 'own_reason'} AS reason,"
        f" COUNT(*) AS number FROM {people} GROUP BY 1, 2)"
    )
    room = f"{_account_limit(rules)} - COALESCE(u.used, 0)"
    statement.add(
        ", limited AS (SELECT b.reason, b.number, CASE WHEN b.reason IS NOT NULL OR b.account_id IS NULL OR"
        f" b.number <= {room} THEN 0 WHEN {room} < 0 THEN b.number ELSE b.number - ({room}) END AS too_many"
        " FROM by_account b LEFT JOIN account_use u ON u.owner_id = b.account_id)"
        " SELECT reason, SUM(number - too_many) FROM limited GROUP BY reason"
        " UNION ALL SELECT 'account_limit', COALESCE(SUM(too_many), 0) FROM limited"
    )
    text = statement.text()
    return replace(text, params=tuple(bound(text.params, now)))


# --- The audience --------------------------------------------------------------------------------------------
def _audience(statement: _Statement, audience: Text, wave_id: int, *, again: bool) -> None:
    columns = f"{_AUDIENCE}, {OWN_COLUMNS}" if audience.own else _AUDIENCE
    already = ""
    params: tuple[Any, ...] = ()
    if wave_id:
        # Judged again are those of whom it is not known that they must wait.
        waits = " AND x.next_eligible_at > %s" if again else ""
        # Looked up for each: what the planner knows of the wave is that it was empty, so it would compare each person of
        # a slice with everybody that was planned since.
        asked = dialect.beside_each("surveys_invitation w", "w.contact_id = who.contact_id")
        left_out = dialect.beside_each("surveys_exclusion x", "x.contact_id = who.contact_id")
        already = (
            f" WHERE NOT EXISTS (SELECT 1 FROM (SELECT 1 AS one) o {asked} WHERE w.wave_id = %s)"
            f" AND NOT EXISTS (SELECT 1 FROM (SELECT 1 AS one) o {left_out} WHERE x.wave_id = %s{waits})"
        )
        params = (wave_id, wave_id, *([Ago()] if again else []))
    statement.add(
        f"WITH who({columns}) AS ({audience.sql}), audience AS (SELECT * FROM who{already})",
        *audience.params,
        *params,
    )


def _may_share(asking: Asking | None) -> bool:
    """Whether two people of the audience may have one address. E-mail addresses are unique among contacts
    (accounts_contact_email_key), telephone numbers are not."""
    return asking is not None and Channel.SMS in asking.channels


# --- Clocks --------------------------------------------------------------------------------------------------
_LEDGER_JOINS = " LEFT JOIN ledger l ON l.subject = {subject} LEFT JOIN answer ON answer.subject = {subject}"


def _key(asking: Asking | None) -> str:
    """What the person's asks are filed under: the e-mail address, or without one the telephone number."""
    if asking is None or asking.here or Channel.SMS in asking.channels:
        return "COALESCE(au.address_key, au.phone_key)"
    return "au.address_key"


def _clocks(statement: _Statement, rules: Rules, asking: Asking | None, *, everywhere: bool = False) -> None:
    """What holds for each person as columns, and until when."""
    own = asking is None
    key = _key(asking)
    tenure = (
        dialect.plus_days(
            f"COALESCE({dialect.start_of('au.customer_since')}, au.created_at)", rules.minimum_tenure_days
        )
        if rules.minimum_tenure_days
        else dialect.no_moment()
    )
    channel, unreached = _reach(asking)
    waited = (
        "CASE WHEN waits.contact_id IS NOT NULL THEN 1 ELSE 0 END" if _minds_waiting(rules, asking) else "0"
    )
    ledger, ledger_params = sql_ledger.columns(rules, asking, key=key, everywhere=everywhere)
    columns = [
        f"au.contact_id, au.account_id, {_filed_under(asking)} AS recipient_key, au.language",
        "CASE WHEN au.contact_id IS NULL OR au.merged_into_id IS NOT NULL OR au.erased_at IS NOT NULL"
        " THEN 1 ELSE 0 END AS gone",
        "CASE WHEN au.churned_on <= %s THEN 1 ELSE 0 END AS churned",
        f"{channel} AS channel, {unreached} AS unreached, {tenure} AS tenure_until, {waited} AS waited",
        ledger,
    ]
    params: list[Any] = [Ago(as_day=True), *ledger_params]
    if own:
        columns.append("au.own_id, au.exempt, au.kind, au.cost AS own_cost")
    if rules.has_preferences:
        columns.append(f"pr.paused_until, {_unwanted(asking)} AS unwanted")
    if asking is not None and asking.sample_percent < 100:
        # Drawn by lot, but always the same way: raising the share only adds people.
        lot = dialect.draw("%s", "CAST(au.contact_id AS varchar(20))", "%s")
        columns.append(f"CASE WHEN {lot} < %s THEN 0 ELSE 1 END AS unsampled")
        params += [
            f"{sampling_key()}|{asking.survey_id}|", f"|{asking.period}", threshold(asking.sample_percent)
        ]  # fmt: skip
    statement.add(f", clock AS (SELECT {', '.join(columns)} FROM audience au", *params)
    joins = sql_ledger.WHOLE_JOINS if everywhere else _LEDGER_JOINS
    statement.add(joins.format(subject="au.own_id" if own else "au.contact_id", key=key))
    if asking is not None and not asking.here and not everywhere:
        statement.add(sql_ledger.free_joins(rules, asking))
    statement.add(
        " LEFT JOIN surveys_suppression s ON s.address_key = au.address_key AND s.channel = 'email'"
        " AND s.lifted_at IS NULL"
    )
    if asking is None or Channel.SMS in asking.channels:
        statement.add(
            " LEFT JOIN surveys_suppression t ON t.address_key = au.phone_key AND t.channel = 'sms'"
            " AND t.lifted_at IS NULL"
        )
    if asking is not None and Channel.IN_APP in asking.channels and not asking.here:
        statement.add(
            " LEFT JOIN (SELECT contact_id FROM surveys_visitor WHERE last_seen_at > %s AND contact_id IS NOT NULL"
            " GROUP BY contact_id) seen ON seen.contact_id = au.contact_id",
            Ago(SEEN_DAYS),
        )
    if rules.has_preferences:
        statement.add(f" LEFT JOIN surveys_preference pr ON pr.address_key = {key}")
    if _minds_waiting(rules, asking):
        statement.add(
            f" LEFT JOIN ({_waits(rules)}) waits ON waits.contact_id = au.contact_id",
            *_waits_params(rules),
        )
    statement.add(")")


def _filed_under(asking: Asking | None) -> str:
    """The recipient key of the ask to be made. Whoever is asked in the product or by a link that somebody carries to
    them needs neither address nor number."""
    if asking is not None and {Channel.IN_APP, Channel.LINK} & set(asking.channels):
        return f"COALESCE(au.address_key, au.phone_key, {dialect.contact_key('au.contact_id')})"
    return _key(asking)


def _cost(asking: Asking) -> str:
    """What an ask costs by channel; one number where it cannot differ."""
    costs = {cost_of(channel) for channel in asking.channels}
    return str(costs.pop()) if len(costs) == 1 else "NULL"


# Everything but a bounce says that the person wants no surveys, on whatever channel.
_BARRED = "s.reason <> 'bounced'"


def _named(column: str) -> str:
    return (
        f"CASE WHEN {column} IN ('unsubscribed', 'bounced', 'complained') THEN {column}"
        f" WHEN {column} IS NOT NULL THEN 'suppressed' END"
    )


_NO_EMAIL = (
    f"CASE WHEN COALESCE(au.email, '') = '' THEN 'no_address' WHEN au.address_key IS NULL THEN 'invalid_address'"
    f" ELSE {_named('s.reason')} END"
)
_NO_SMS = (
    f"CASE WHEN {_BARRED} THEN {_named('s.reason')} WHEN au.phone_key IS NULL THEN 'no_address'"
    f" ELSE {_named('t.reason')} END"
)


def _reach(asking: Asking | None) -> tuple[str, str]:
    """The channel that reaches the person, and if none does, why not: as the first of them would say it."""
    # Whoever is asked in the product or by a link is there already.
    there = f"CASE WHEN {_BARRED} THEN {_named('s.reason')} END"
    if asking is None:
        return (
            "au.channel",
            f"CASE au.channel WHEN 'email' THEN {_NO_EMAIL} WHEN 'sms' THEN {_NO_SMS} ELSE {there} END",
        )
    missing = {
        Channel.EMAIL: _NO_EMAIL,
        Channel.SMS: _NO_SMS,
        Channel.IN_APP: there
        if asking.here
        else f"CASE WHEN {_BARRED} THEN {_named('s.reason')} WHEN seen.contact_id IS NULL THEN 'no_address' END",
        # Somebody carries the link to them, so no address of ours is needed.
        Channel.LINK: there,
    }
    usable = [channel for channel in asking.channels if channel in missing]
    if not usable:
        return "NULL", "'no_address'"
    if len(usable) == 1:
        return f"'{usable[0]}'", missing[usable[0]]
    reached = "".join(f" WHEN ({missing[channel]}) IS NULL THEN '{channel}'" for channel in usable)
    none_reaches = " AND ".join(f"({missing[channel]}) IS NOT NULL" for channel in usable)
    return f"CASE{reached} END", f"CASE WHEN {none_reaches} THEN {missing[usable[0]]} END"


def _unwanted(asking: Asking | None) -> str:
    kinds = list(SurveyKind) if asking is None else [asking.kind]
    about = "".join(
        f" WHEN {_about(kind) if asking is None else ''}{dialect.holds('pr.unwanted', kind.value)} THEN 1"
        for kind in kinds
    )
    return f"CASE{about} ELSE 0 END"


def _about(kind: SurveyKind) -> str:
    return f"au.kind = '{kind}' AND "


def _minds_waiting(rules: Rules, asking: Asking | None) -> bool:
    """Whether people whom a relationship survey waits for are to be left to it."""
    return bool(rules.waiting_waves) and (asking is None or asking.kind is SurveyKind.TRANSACTIONAL)


def _waits(rules: Rules) -> str:
    """People whom an open round waits for, soon enough that an ask now would stand in its way."""
    marks = ", ".join(["%s"] * len(rules.waiting_waves))
    return (
        f"SELECT x.contact_id FROM surveys_exclusion x WHERE x.wave_id IN ({marks})"
        " AND x.next_eligible_at > %s AND x.next_eligible_at <= %s GROUP BY x.contact_id"
    )


def _waits_params(rules: Rules) -> Sequence[Any]:
    return (
        *rules.waiting_waves,
        Ago(STALE_WAIT_DAYS),
        Ago(-rules.longest_gap),
    )


# --- The rules, in their order -------------------------------------------------------------------------------
def _judged(statement: _Statement, rules: Rules, asking: Asking | None) -> None:
    present = Ago()
    whens: list[str] = []
    params: list[Any] = []

    def rule(condition: str, reason: str, *values: Any, spared_by: int = 9) -> None:
        spared = f" AND exempt < {spared_by}" if asking is None and spared_by < 9 else ""
        whens.append(f"WHEN {condition}{spared} THEN {reason}")
        params.extend(values)

    rule("gone = 1", "'contact_gone'")
    rule("unreached IS NOT NULL", "unreached")
    if rules.has_preferences:
        rule("unwanted = 1", "'unwanted_kind'")
    rule("churned = 1", "'account_churned'")
    if asking is not None and asking.sample_percent < 100:
        rule("unsampled = 1", "'not_sampled'")
    rule("in_wave = 1", "'duplicate_address'", spared_by=1)
    transactional = "kind = 'transactional' AND " if asking is None else ""
    if rules.mixed and (asking is None or asking.kind is SurveyKind.TRANSACTIONAL):
        rule(f"{transactional}reserved = 2", "'reserved'", spared_by=1)
    rule("reserved > 0", "'already_planned'", spared_by=1)
    if rules.has_preferences:
        rule("paused_until > %s", "'paused'", present, spared_by=2)
    if rules.minimum_tenure_days:
        rule("tenure_until > %s", "'tenure'", present, spared_by=1)
    rule("answered_until > %s", "'recently_answered'", present, spared_by=1)
    rule("declined_until > %s", "'recently_declined'", present, spared_by=1)
    rule("ignored_until > %s", "'recently_asked'", present, spared_by=1)
    for number, purse in enumerate(rules.purses(asking.kind if asking else None)):
        rule(over(number, purse, asking), f"'{purse.reason}'", spared_by=2)
    if _minds_waiting(rules, asking):
        rule(f"{transactional}waited = 1", "'reserved'", spared_by=1)
    statement.add(
        f", judged AS (SELECT clock.*, CASE {' '.join(whens)} END AS own_reason FROM clock)", *params
    )


def over(number: int, purse: Purse, asking: Asking | None) -> str:
    """Whether the ask to be made would overdraw a budget."""
    binds = f"kind = '{purse.binds}' AND " if asking is None and purse.binds else ""
    return f"{binds}used_{number} + {ask_cost(asking)} > {purse.limit}"


def ask_cost(asking: Asking | None) -> str:
    if asking is None:
        return "own_cost"
    if (cost := _cost(asking)) != "NULL":
        return cost
    return (
        "CASE channel " + " ".join(f"WHEN '{c}' THEN {cost_of(c)}" for c in asking.channels) + " ELSE 0 END"
    )


# --- Who of an account, and who of those with one number ------------------------------------------------------
def _account_limit(rules: Rules) -> int:
    return rules.account_ask_limit or 1_000_000_000


def _placed(statement: _Statement) -> None:
    """Of several people with one telephone number the first is asked. Only those are sorted."""
    statement.add(
        ", shared AS (SELECT recipient_key FROM judged WHERE own_reason IS NULL GROUP BY recipient_key"
        " HAVING COUNT(*) > 1)"
        ", placed AS (SELECT judged.*, CASE WHEN own_reason IS NULL THEN 1 END AS same_address FROM judged"
        " WHERE own_reason IS NOT NULL OR recipient_key NOT IN (SELECT recipient_key FROM shared)"
        " UNION ALL SELECT judged.*, ROW_NUMBER() OVER (PARTITION BY recipient_key"
        " ORDER BY account_id IS NULL, account_id, contact_id) FROM judged"
        " WHERE own_reason IS NULL AND recipient_key IN (SELECT recipient_key FROM shared))"
    )


def _chosen(statement: _Statement, rules: Rules, asking: Asking | None) -> None:
    """The verdict: of an account, those who were not asked for longest."""
    limit = _account_limit(rules)
    if asking is None:
        # Rows about to be sent hold their place already: each is judged against the others only.
        full = f"judged.account_id IS NOT NULL AND exempt = 0 AND COALESCE(u.used, 0) + 1 > {limit}"
        statement.add(
            ", verdict AS (SELECT judged.contact_id, judged.account_id, judged.recipient_key, judged.language,"
            " judged.own_id, 1 AS place, judged.channel, judged.own_cost AS cost,"
            f" CASE WHEN own_reason IS NOT NULL THEN own_reason WHEN {full} THEN 'account_limit' END AS reason,"
            f" {dialect.no_moment()} AS next_eligible_at"
            " FROM judged LEFT JOIN account_use u ON u.owner_id = judged.own_id)"
        )
        return
    if asking.here:
        full = f"judged.account_id IS NOT NULL AND COALESCE(u.used, 0) + 1 > {limit}"
        statement.add(
            ", verdict AS (SELECT judged.contact_id, judged.account_id, judged.recipient_key, judged.language,"
            f" NULL AS own_id, 1 AS place, judged.channel, {ask_cost(asking)} AS cost,"
            f" CASE WHEN own_reason IS NOT NULL THEN own_reason WHEN {full} THEN 'account_limit' END AS reason,"
            f" {dialect.no_moment()} AS next_eligible_at"
            " FROM judged LEFT JOIN account_use u ON u.owner_id = judged.account_id)"
        )
        return
    shares = _may_share(asking)
    if shares:
        _placed(statement)
    people, first = ("placed", "same_address = 1") if shares else ("judged", "own_reason IS NULL")
    statement.add(
        f", ranked AS (SELECT {people}.*, CASE WHEN {first} THEN ROW_NUMBER() OVER (PARTITION BY account_id,"
        f" {first} ORDER BY last_asked IS NOT NULL, last_asked, contact_id) END AS place FROM {people})"
    )
    full = f"ranked.account_id IS NOT NULL AND COALESCE(u.used, 0) + place > {limit}"
    twice = " WHEN same_address > 1 THEN 'duplicate_address'" if shares else ""
    waiting = ", ".join(f"'{reason}'" for reason in _WAITING)
    until = dialect.latest(
        "tenure_until", "answered_until", "declined_until", "ignored_until",
        *(["paused_until"] if rules.has_preferences else []),
        *(_free_again(n, purse, rules, asking) for n, purse in enumerate(rules.purses(asking.kind))),
    )  # fmt: skip
    unknown = (
        "WHEN own_reason = 'reserved' AND (waited = 1 OR reserved > 0) THEN NULL "
        if _knows_not(rules, asking)
        else ""
    )
    statement.add(
        ", verdict AS (SELECT ranked.contact_id, ranked.account_id, ranked.recipient_key, ranked.language,"
        f" NULL AS own_id, ranked.place, ranked.channel, {ask_cost(asking)} AS cost,"
        f" CASE WHEN own_reason IS NOT NULL THEN own_reason{twice}"
        f" WHEN {full} THEN 'account_limit' END AS reason,"
        f" CASE {unknown}WHEN own_reason IN ({waiting}) THEN NULLIF({until}, {dialect.never()})"
        f" WHEN own_reason IS NULL AND {first} AND {full} THEN"
        f" {dialect.plus_days('u.frees_from', rules.account_ask_days)} END AS next_eligible_at"
        " FROM ranked LEFT JOIN account_use u ON u.owner_id = ranked.account_id)"
    )


def _knows_not(rules: Rules, asking: Asking) -> bool:
    return asking.kind is SurveyKind.TRANSACTIONAL and (rules.mixed or bool(rules.waiting_waves))


def _free_again(number: int, purse: Purse, rules: Rules, asking: Asking) -> str:
    """From when on a budget that is overdrawn has room again; never, where it is smaller than the ask."""
    cost = ask_cost(asking)
    return (
        f"CASE WHEN NOT ({over(number, purse, asking)}) THEN NULL WHEN {cost} > {purse.limit} THEN {dialect.never()}"
        f" ELSE {dialect.plus_days(sql_ledger.frees(number, purse, rules, asking, cost), purse.days)} END"
    )


# --- Accounts ------------------------------------------------------------------------------------------------
def _each_account(table: str) -> str:
    each = dialect.beside_each(f"{table} i", "i.account_id = those.account_id")
    return f"(SELECT DISTINCT account_id FROM audience WHERE account_id IS NOT NULL) those {each}"


def _account_use(
    statement: _Statement,
    rules: Rules,
    asking: Asking | None,
    *,
    everywhere: bool = False,
    slicewise: bool = False,
) -> None:
    """How many of an account's people were asked in its window or are planned, and when a place becomes free again.

    For people who are to be chosen this is by account. For invitations about to be sent it is by invitation: what was
    asked, and of the planned ones those before it, so that a lowered limit keeps the first and drops the others. To
    surveys of the transactional kind, people whom a relationship survey waits for hold a place too.

    `slicewise`: the accounts are a small part of all, and the ledger is looked up for each of them.
    """
    if not rules.account_ask_limit:
        owner = "CAST(NULL AS bigint)"
        statement.add(
            f", account_use AS (SELECT {owner} AS owner_id, 0 AS used, {dialect.no_moment()} AS frees_from)"
        )
        return
    since = Ago(rules.account_ask_days)
    reserved = sql_ledger.RESERVED
    if asking is None:
        owner, before = "au.own_id", " AND i.id < au.own_id"
        source = "audience au JOIN surveys_invitation i ON i.account_id = au.account_id AND i.id <> au.own_id WHERE"
    else:
        owner, before = "i.account_id", ""
        where = (
            "i.account_id IS NOT NULL" if everywhere else "i.account_id IN (SELECT account_id FROM audience)"
        )
        source = (
            f"{_each_account('surveys_invitation')} WHERE"
            if slicewise
            else f"surveys_invitation i WHERE {where} AND"
        )
    branches = [
        f"SELECT {owner} AS owner_id, i.asked_at FROM {source} NOT i.is_test"
        f" AND (i.asked_at > %s OR (i.asked_at IS NULL AND i.state IN {reserved}{before}))"
    ]
    params = [since]
    if rules.has_external:
        if asking is None:
            external = "audience au JOIN surveys_externalask i ON i.account_id = au.account_id WHERE"
        elif slicewise:
            external = f"{_each_account('surveys_externalask')} WHERE"
        else:
            external = f"surveys_externalask i WHERE {where} AND"
        branches.append(f"SELECT {owner}, i.asked_at FROM {external} i.asked_at > %s")
        params.append(since)
    if _minds_waiting(rules, asking):
        # Also within the statement that plans: whoever waits is judged `reserved` and takes no further place.
        waits = f"({_waits(rules)}) x JOIN accounts_contact c ON c.id = x.contact_id"
        branches.append(
            f"SELECT au.own_id, {dialect.no_moment()} FROM {waits} JOIN audience au ON au.account_id = c.account_id"
            " WHERE au.kind = 'transactional' AND au.contact_id <> x.contact_id"
            if asking is None
            else f"SELECT c.account_id, {dialect.no_moment()} FROM {waits} WHERE"
            f" {'c.account_id IN (SELECT account_id FROM audience)' if asking.here else 'c.account_id IS NOT NULL'}"
        )
        params.extend(_waits_params(rules))
    statement.add(f", recent AS ({' UNION ALL '.join(branches)})", *params)
    if asking is None or asking.here or everywhere:
        statement.add(", account_use AS (SELECT owner_id, COUNT(*) AS used FROM recent GROUP BY owner_id)")
        return
    # Planned asks count as the newest: when they will be sent is not known yet. Only full accounts are sorted.
    limit = int(rules.account_ask_limit)
    statement.add(
        ", used AS (SELECT owner_id, COUNT(*) AS used FROM recent GROUP BY owner_id)"
        ", freed AS (SELECT owner_id, asked_at, ROW_NUMBER() OVER (PARTITION BY owner_id"
        " ORDER BY asked_at IS NOT NULL, asked_at DESC) AS nth FROM recent"
        f" WHERE owner_id IN (SELECT owner_id FROM used WHERE used >= {limit}))"
        ", account_use AS (SELECT used.owner_id, used.used, freed.asked_at AS frees_from FROM used"
        f" LEFT JOIN freed ON freed.owner_id = used.owner_id AND freed.nth = {limit})"
    )
