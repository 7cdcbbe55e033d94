"""What people were asked before, by us and by other tools, as the statement of eligibility reads it.

Everything counts that went to the person's present address or to the person: somebody who changes address stays the same
person, and what went to an address was read by whoever has it.

There are two ways of reading. For few people (`entries`) the ledger is looked up for each. For everybody (`whole`) it is
summed up from its own side, by person and by address, and only what can still bear on today is read.
"""

from typing import Any, Protocol

from surveys import sql_dialect as dialect
from surveys.ask_rules import Asking, Purse, Rules, cost_of
from surveys.choices import InvitationState, SurveyKind
from surveys.sql_dialect import Ago

RESERVED = f"('{InvitationState.PLANNED}', '{InvitationState.SENDING}')"
WHOLE_JOINS = (
    " LEFT JOIN by_contact l ON l.subject = {subject} LEFT JOIN by_key k ON k.recipient_key = {key}"
    " LEFT JOIN answer ON answer.subject = {subject}"
)
_RELATIONSHIP, _TRANSACTIONAL = SurveyKind.RELATIONSHIP, SurveyKind.TRANSACTIONAL
# The asking kind of a row about to be sent, where it is not the same for all.
_OWN_KIND = "asking_kind"


class Statement(Protocol):
    def add(self, sql: str, *params: Any) -> None: ...


def kind_of(column: str, table: str = "surveys_surveyversion") -> str:
    """The kind of survey a version (or, for `surveys_survey`, a survey) is of."""
    if table == "surveys_survey":
        those = f"SELECT y.id FROM surveys_survey y WHERE y.kind = '{_TRANSACTIONAL}'"
    else:
        those = (
            "SELECT v.id FROM surveys_surveyversion v JOIN surveys_survey y ON y.id = v.survey_id"
            f" WHERE y.kind = '{_TRANSACTIONAL}'"
        )
    return f"CASE WHEN {column} IN ({those}) THEN '{_TRANSACTIONAL}' ELSE '{_RELATIONSHIP}' END"


# --- For few -------------------------------------------------------------------------------------------------
def entries(statement: Statement, rules: Rules, asking: Asking | None, *, key: str, wave_id: int) -> None:
    """`entry`: each ask of each person of `audience`; `ledger`: what they come to, by person (or invitation)."""
    own = asking is None
    subject = "au.own_id" if own else "au.contact_id"
    head = f"{subject} AS subject" + (f", au.kind AS {_OWN_KIND}" if own else "")
    ours, theirs = _fields(rules)
    real = "NOT i.is_test" + (" AND i.id <> au.own_id" if own else "")
    moved = f"({key} IS NULL OR i.recipient_key <> {key})"
    # A slice of a wave is a small part of everybody, but PostgreSQL takes it for enough to read the whole ledger twice.
    beside = dialect.beside_each if wave_id else dialect.beside

    def asks(table: str, condition: str, where: str = "TRUE") -> str:
        return f"audience au {beside(f'{table} i', condition)} WHERE {where}"

    by_key, by_contact = f"i.recipient_key = {key}", "i.contact_id = au.contact_id"
    branches = [
        f"SELECT {head}, {ours} FROM {asks('surveys_invitation', by_key, real)}",
        f"SELECT {head}, {ours} FROM {asks('surveys_invitation', by_contact, f'{real} AND {moved}')}",
    ]
    if rules.has_external:
        branches += [
            f"SELECT {head}, {theirs} FROM {asks('surveys_externalask', by_key)}",
            f"SELECT {head}, {theirs} FROM {asks('surveys_externalask', by_contact, moved)}",
        ]
    statement.add(f", entry AS ({' UNION ALL '.join(branches)})")
    sums, params = _sums(rules, asking)
    in_wave = "MAX(CASE WHEN wave_id = %s THEN 1 ELSE 0 END)" if wave_id else "0"
    statement.add(
        f", ledger AS (SELECT subject, MAX(asked_at) AS asked_at, {in_wave} AS in_wave, {sums} FROM entry GROUP BY subject)",
        *([wave_id] if wave_id else []),
        *params,
    )
    if asking is not None and not asking.here:
        _frees(statement, rules, asking)


def _fields(rules: Rules) -> tuple[str, str]:
    """The columns of an entry, from our asks and from those of other tools."""
    ours = "i.wave_id, i.state, i.asked_at, i.scored_at, i.declined_at, i.cost"
    theirs = f"NULL, 'external', i.asked_at, {dialect.no_moment()}, {dialect.no_moment()}, i.cost"
    if rules.mixed:
        ours, theirs = f"{ours}, {kind_of('i.version_id')} AS kind", f"{theirs}, i.kind"
    return ours, theirs


def _sums(rules: Rules, asking: Asking | None) -> tuple[str, list[Any]]:
    ignored = "CASE WHEN scored_at IS NULL AND declined_at IS NULL THEN asked_at END"
    columns = [
        f"{_until(rules, asking, 'answered', 'scored_at')} AS answered_until",
        f"{_until(rules, asking, 'declined', 'declined_at')} AS declined_until",
        f"{_until(rules, asking, 'ignored', ignored)} AS ignored_until",
    ]
    planned = f"asked_at IS NULL AND state IN {RESERVED}"
    about = f"WHEN {planned} AND kind = '{_RELATIONSHIP}' THEN 2 " if rules.mixed else ""
    columns.append(f"MAX(CASE {about}WHEN {planned} THEN 1 ELSE 0 END) AS reserved")
    params: list[Any] = []
    for number, purse in enumerate(rules.purses(asking.kind if asking else None)):
        if (counted := _counted(rules, purse)) is None:
            columns.append(f"0 AS used_{number}")
        else:
            columns.append(f"SUM(CASE WHEN asked_at > %s{counted} THEN cost ELSE 0 END) AS used_{number}")
            params.append(Ago(purse.days))
    return ", ".join(columns), params


def _counted(rules: Rules, purse: Purse) -> str | None:
    """The condition that an ask counts in a budget; None when none can."""
    if purse.counts is None:
        return ""
    if not rules.mixed:
        return "" if purse.counts is _RELATIONSHIP else None
    return f" AND kind = '{purse.counts}'"


def _until(rules: Rules, asking: Asking | None, outcome: str, column: str) -> str:
    """Until when the latest such outcome asks for quiet."""

    def about(asking_kind: SurveyKind) -> dict[SurveyKind, int]:
        kinds = SurveyKind if rules.mixed else (_RELATIONSHIP,)
        return {kind: rules.quiet_days(outcome, asking=asking_kind, about=kind) for kind in kinds}

    if asking is not None:
        return _latest_plus(column, about(asking.kind))
    found = [(kind, about(kind)) for kind in (SurveyKind if rules.mixed else (_RELATIONSHIP,))]
    if all(days == found[0][1] for _, days in found):
        return _latest_plus(column, found[0][1])
    whens = " ".join(f"WHEN '{kind}' THEN {_plus(column, days)}" for kind, days in found)
    return f"MAX(CASE {_OWN_KIND} {whens} END)"


def _latest_plus(column: str, days: dict[SurveyKind, int]) -> str:
    if len(set(days.values())) > 1:
        return f"MAX({_plus(column, days)})"
    (same,) = set(days.values())
    return dialect.plus_days(f"MAX({column})", same)


def _plus(column: str, days: dict[SurveyKind, int]) -> str:
    if len(set(days.values())) == 1:
        return dialect.plus_days(f"({column})", days[_RELATIONSHIP])
    whens = " ".join(f"WHEN '{kind}' THEN {dialect.plus_days(f'({column})', n)}" for kind, n in days.items())
    return f"CASE kind {whens} END"


def _frees(statement: Statement, rules: Rules, asking: Asking) -> None:
    """`free_n`: when the newest ask that has to leave the window for a budget to have room again was made.

    Only of those whose budget is overdrawn, who are few.
    """
    costs = _costs(asking)
    for number, purse in enumerate(rules.purses(asking.kind)):
        if (counted := _counted(rules, purse)) is None:
            continue
        since = Ago(purse.days)
        newest = ", ".join(
            f"MAX(CASE WHEN total > {purse.limit - cost} THEN asked_at END) AS at_{cost}" for cost in costs
        )
        statement.add(
            f", spent_{number} AS (SELECT subject, asked_at, SUM(cost) OVER (PARTITION BY subject"
            " ORDER BY asked_at DESC ROWS UNBOUNDED PRECEDING) AS total"
            f" FROM entry WHERE asked_at > %s{counted} AND subject IN"
            f" (SELECT subject FROM ledger WHERE used_{number} > {purse.limit - max(costs)}))"
            f", free_{number} AS (SELECT subject, {newest} FROM spent_{number} GROUP BY subject)",
            since,
        )


def _costs(asking: Asking) -> list[int]:
    return sorted({cost_of(channel) for channel in asking.channels})


def frees(number: int, purse: Purse, rules: Rules, asking: Asking, cost: str) -> str:
    """The column of `clock` that holds that moment, for what the ask to be made costs."""
    if _counted(rules, purse) is None:
        return dialect.no_moment()
    costs = _costs(asking)
    if len(costs) == 1:
        return f"frees_{number}_{costs[0]}"
    return f"CASE {cost} " + " ".join(f"WHEN {c} THEN frees_{number}_{c}" for c in costs) + " END"


def answers(statement: Statement, rules: Rules, asking: Asking | None, *, everywhere: bool = False) -> None:
    """`answer`: until when answers ask for quiet, also those that came another way (another tool, an import, the API)."""
    own = asking is None
    kinds = SurveyKind if asking is None else (asking.kind,)
    days = max(rules.quiet_days("answered", asking=kind, about=kind) for kind in kinds)
    subject = "au.own_id" if own else "r.contact_id"
    columns = f"{subject} AS subject, r.responded_at" + (f", au.kind AS {_OWN_KIND}" if own else "")
    if rules.mixed:
        columns += f", {kind_of('r.survey_id', 'surveys_survey')} AS kind"
    source = (
        "surveys_response r WHERE r.contact_id IS NOT NULL AND"
        if everywhere
        else "audience au JOIN surveys_response r ON r.contact_id = au.contact_id WHERE"
    )
    until = _until(rules, asking, "answered", "responded_at")
    statement.add(
        f", answer AS (SELECT subject, {until} AS answered_until FROM"
        f" (SELECT {columns} FROM {source} r.responded_at > %s) given GROUP BY subject)",
        Ago(days),
    )


# --- For everybody -------------------------------------------------------------------------------------------
def whole(statement: Statement, rules: Rules, asking: Asking) -> None:
    """`by_contact` and `by_key`: what the asks that still matter come to, by person and by address."""
    purses = rules.purses(asking.kind)
    days = [
        rules.quiet_days(outcome, asking=asking.kind, about=asking.kind)
        for outcome in ("answered", "declined", "ignored")
    ]
    since = Ago(max([*days, *(purse.days for purse in purses)]))
    ours, theirs = _fields(rules)
    who = "i.contact_id AS subject, i.recipient_key"
    source = (
        f"SELECT {who}, {ours} FROM surveys_invitation i WHERE NOT i.is_test AND (i.asked_at > %s OR i.scored_at > %s"
        f" OR i.declined_at > %s OR (i.asked_at IS NULL AND i.state IN {RESERVED}))"
    )
    params = [since, since, since]
    if rules.has_external:
        source += f" UNION ALL SELECT {who}, {theirs} FROM surveys_externalask i WHERE i.asked_at > %s"
        params.append(since)
    sums, sum_params = _sums(rules, asking)
    statement.add(
        f", by_contact AS (SELECT subject, {sums} FROM ({source}) asked WHERE subject IS NOT NULL GROUP BY subject)"
        f", by_key AS (SELECT recipient_key, MIN(COALESCE(subject, 0)) AS low, MAX(subject) AS high, {sums}"
        f" FROM ({source}) asked GROUP BY recipient_key)",
        *sum_params, *params, *sum_params, *params,
    )  # fmt: skip
    answers(statement, rules, asking, everywhere=True)


# --- What `clock` takes from them ----------------------------------------------------------------------------
def columns(rules: Rules, asking: Asking | None, *, key: str, everywhere: bool) -> tuple[str, list[Any]]:
    names = ("answered_until", "declined_until", "ignored_until")
    sides = ("l", "k") if everywhere else ("l",)
    found = []
    for name in names:
        sources = [f"{side}.{name}" for side in sides]
        if name == "answered_until":
            sources.append("answer.answered_until")
        found.append(f"{dialect.latest(*sources)} AS {name}")
    params: list[Any] = []
    if not everywhere:
        found.append(
            "l.asked_at AS last_asked, COALESCE(l.in_wave, 0) AS in_wave, COALESCE(l.reserved, 0) AS reserved"
        )
    else:
        found.append(
            "0 AS in_wave, CASE WHEN COALESCE(l.reserved, 0) > COALESCE(k.reserved, 0) THEN l.reserved"
            " ELSE COALESCE(k.reserved, 0) END AS reserved"
        )
    for number, purse in enumerate(rules.purses(asking.kind if asking else None)):
        counted = _counted(rules, purse)
        if not everywhere or counted is None:
            found.append(f"COALESCE(l.used_{number}, 0) AS used_{number}")
        else:
            # Both sides name the same asks unless somebody's address changed hands; then they are added up one by one.
            exact, exact_params = _exact(rules, purse, counted, key=key)
            found.append(
                "CASE WHEN k.recipient_key IS NULL OR (k.low = au.contact_id AND k.high = au.contact_id)"
                f" THEN COALESCE(l.used_{number}, 0) ELSE ({exact}) END AS used_{number}"
            )
            params += exact_params
        if asking is not None and not asking.here and not everywhere and counted is not None:
            found += [f"free_{number}.at_{cost} AS frees_{number}_{cost}" for cost in _costs(asking)]
    return ", ".join(found), params


def free_joins(rules: Rules, asking: Asking) -> str:
    return "".join(
        f" LEFT JOIN free_{number} ON free_{number}.subject = au.contact_id"
        for number, purse in enumerate(rules.purses(asking.kind))
        if _counted(rules, purse) is not None
    )


def _exact(rules: Rules, purse: Purse, counted: str, *, key: str) -> tuple[str, list[Any]]:
    ours, theirs = _fields(rules)
    whose = f"(i.recipient_key = {key} OR i.contact_id = au.contact_id)"
    source = f"SELECT {ours} FROM surveys_invitation i WHERE NOT i.is_test AND {whose}"
    if rules.has_external:
        source += f" UNION ALL SELECT {theirs} FROM surveys_externalask i WHERE {whose}"
    since = Ago(purse.days)
    return (
        f"SELECT COALESCE(SUM(cost), 0) FROM ({source}) asked WHERE asked_at > %s{counted}",
        [since],
    )
