"""The one statement that computes health: from sources to scores, bands and reasons, for all accounts or some.

Nothing is written here. `computed` gives a SELECT with the columns of `COLUMNS`; compute.py writes what differs from
what is stored, the what-if only compares it. The arithmetic is that of workflows/health/domain.py, in the same order.
"""

import math
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from accounts import conditions as language
from accounts import segments
from accounts.models import Account
from team import queries as team_queries
from workflows.health import sources
from workflows.health.dialect import is_postgresql, text_of
from workflows.health.domain import (
    DAY_SECONDS,
    HIGHEST,
    LOWEST,
    UNCLEAR,
    Component,
    Config,
    Outside,
    Profile,
    Reason,
    RollUp,
    Scaling,
    Transform,
    category_of,
)
from workflows.health.sources import Frame, Piece

COLUMNS = (
    "account_id", "profile", "version", "score", "own_score", "shown", "confidence", "band", "reason", "parts", "below",
)  # fmt: skip
Sql = tuple[str, list[Any]]


def computed(config: Config, version: int, frame: Frame) -> Sql:
    """The health of the accounts of `frame` by `config`, as a SELECT of `COLUMNS`."""
    fences: list[Sql] = []
    parts: list[Sql] = []
    accounts, params = _accounts(frame)
    left = f"(a.churned_on IS NOT NULL AND a.churned_on <= {_date(frame)})"
    for profile in config.active:
        fence = _membership(profile, frame)
        others = "".join(f" AND NOT {text}" for text, _ in fences)
        where = f"NOT {left} AND {fence[0]}{others}"
        where_params = [*fence[1], *(value for _, values in fences for value in values)]
        parts.append(_own(profile, frame, (accounts, params), (where, where_params)))
        fences.append(fence)
    rest = "".join(f" AND NOT {text}" for text, _ in fences)
    rest_params = [value for _, values in fences for value in values]
    parts.append(
        (
            f"SELECT a.id AS account_id, '' AS profile, {_no_number()} AS own_score, {lit(0)} AS confidence,"
            f" CASE WHEN {left} THEN '{Reason.LEFT}' ELSE '{Reason.NO_PROFILE}' END AS reason, '[]' AS parts"
            f" FROM {accounts} a WHERE {left} OR (1 = 1{rest})",
            [*params, *rest_params],
        )
    )
    own = " UNION ALL ".join(text for text, _ in parts)
    values = [value for _, more in parts for value in more]
    rolling = [one for one in config.active if one.roll_up is not RollUp.OWN]
    if not rolling:
        body = (
            "SELECT account_id, profile, own_score AS score, own_score, confidence, reason, parts, '' AS below"
            f" FROM ({own}) own"
        )
        return _banded(body, config, version), values
    tree, tree_params = _accounts(frame)
    prefix, body = _rolled(own, rolling, tree)
    return f"{prefix}{_banded(body, config, version)}", [*values, *tree_params, *tree_params, *tree_params]


def lit(number: float) -> str:
    """A double as it is, for the text of a statement."""
    return f"'{float(number)!r}'::float8" if is_postgresql() else repr(float(number))


def _no_number() -> str:
    return "NULL::float8" if is_postgresql() else "NULL"


def _no_text() -> str:
    return "NULL::text" if is_postgresql() else "NULL"


def _fence() -> str:
    """Keeps PostgreSQL from merging two levels, which would write each expression out again wherever it is used."""
    return " OFFSET 0" if is_postgresql() else ""


def _date(frame: Frame) -> str:
    return f"DATE '{frame.day.isoformat()}'" if is_postgresql() else f"'{frame.day.isoformat()}'"


def quoted(text: str) -> str:
    """A word for the text of a statement."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


# --- Who belongs to a profile --------------------------------------------------------------------------------
def _accounts(frame: Frame) -> Sql:
    if not frame.is_past:
        return sources.accounts_relation(frame)
    return sources.past_accounts(frame, (*sources.OWN_COLUMNS, "history_id"))


def _membership(profile: Profile, frame: Frame) -> Sql:
    """That account `a` fulfils the conditions of a profile, by what was known at the moment."""
    if not profile.conditions:
        return "(1 = 1)", []
    now = language.Now(today=frame.day, zone=team_queries.zone())
    rows: QuerySet[Any] = Account.history.all() if frame.is_past else Account.objects.all()
    key = "history_id" if frame.is_past else "id"
    chosen = segments.narrow(rows, profile.conditions, target=segments.ACCOUNT, now=now)
    try:
        text, params = chosen.order_by().values(key).query.sql_with_params()
    except EmptyResultSet:
        return "(1 = 0)", []
    return f"(a.{key} IN ({text}))", list(params)


# --- One profile ---------------------------------------------------------------------------------------------
def _own(profile: Profile, frame: Frame, accounts: Sql, where: Sql) -> Sql:
    """Own score, confidence and parts of the accounts of one profile."""
    pieces = [_piece(one, frame, f"s{place}") for place, one in enumerate(profile.components)]
    kinds = [_is_text(one) for one in profile.components]
    # What is joined as a whole comes before what is looked up account by account, and both after it is known whose they are.
    joined = sorted(pieces, key=lambda piece: piece.is_looked_up)
    values = [value for piece in pieces for value in piece.value_params]
    values += [*accounts[1], *where[1], *(value for piece in joined for value in piece.params)]
    empty = [_no_text() if is_text else _no_number() for is_text in kinds]
    read = ", ".join(
        f"{piece.value if piece is not sources.NOTHING else nothing} AS v{place},"
        f" {piece.observed if piece.observed != 'NULL' else _no_number()} AS o{place}, {piece.ref} AS r{place}"
        for place, (piece, nothing) in enumerate(zip(pieces, empty, strict=True))
    )
    members = f"(SELECT a.* FROM {accounts[0]} a WHERE {where[0]}{_fence()}) a"
    said = (
        f"SELECT a.id AS account_id, {read} FROM {members}{''.join(piece.join for piece in joined)}{_fence()}"
    )
    scored = ", ".join(
        f"v{place}, o{place}, r{place}, {_scored(one, place, kinds[place], frame)} AS c{place}"
        for place, one in enumerate(profile.components)
    )
    scored = f"SELECT account_id, {scored} FROM ({said}) said{_fence()}"
    weighed = f"SELECT account_id, {_sums(profile)}, {_parts(profile, kinds)} AS parts FROM ({scored}) scored{_fence()}"
    total = 0.0
    for component in profile.components:
        total += component.weight
    if total == 0:
        score, share, reason = _no_number(), lit(0), f"'{Reason.NO_WEIGHT}'"
    else:
        score = "CASE WHEN heard > 0 THEN points / counted END"
        share = f"heard / {lit(total)}"
        reason = f"CASE WHEN heard > 0 THEN '' ELSE '{Reason.NO_DATA}' END"
    return (
        f"SELECT account_id, {quoted(profile.key)} AS profile, {score} AS own_score, {share} AS confidence,"
        f" {reason} AS reason, parts FROM ({weighed}) weighed",
        values,
    )


def _piece(component: Component, frame: Frame, name: str) -> Piece:
    source = sources.sources.get(component.source)
    # A source whose app is gone says nothing.
    return sources.NOTHING if source is None else source.build(component.settings, frame, name)


def _is_text(component: Component) -> bool:
    source = sources.sources.get(component.source)
    return source is not None and source.is_text(component.settings)


def _older(place: int, days: int, frame: Frame) -> str:
    return f"{frame.now} - o{place} > {days * DAY_SECONDS}"


def _scored(component: Component, place: int, is_text: bool, frame: Frame) -> str:
    """The score of a component that has data, else NULL."""
    expired = ""
    if component.expires_after_days is not None:
        expired = f" WHEN {_older(place, component.expires_after_days, frame)} THEN {_no_number()}"
    return f"CASE WHEN v{place} IS NULL THEN {_no_number()}{expired} ELSE {_scaled(component.scaling, f'v{place}', is_text)} END"


def _scaled(scaling: Scaling, value: str, is_text: bool) -> str:
    if scaling.kind is Transform.CATEGORIES:
        return _categories(scaling, value, is_text)
    if is_text:
        return _no_number()
    if scaling.kind is Transform.THRESHOLDS:
        steps = "".join(
            f" WHEN {value} >= {lit(step.start)} THEN {lit(step.score)}" for step in reversed(scaling.steps)
        )
        return f"CASE{steps} ELSE {_maybe(scaling.below)} END"
    low, high = min(scaling.worst, scaling.best), max(scaling.worst, scaling.best)
    above, under = (HIGHEST, LOWEST) if scaling.best > scaling.worst else (LOWEST, HIGHEST)
    ends = (lit(above), lit(under)) if scaling.outside is Outside.HOLD else (_no_number(), _no_number())
    return (
        f"CASE WHEN {value} > {lit(high)} THEN {ends[0]} WHEN {value} < {lit(low)} THEN {ends[1]}"
        f" ELSE ({value} - {lit(scaling.worst)}) / {lit(scaling.best - scaling.worst)} * {lit(HIGHEST)} END"
    )


def _categories(scaling: Scaling, value: str, is_text: bool) -> str:
    cases = []
    for word, score in scaling.scores.items():
        if is_text:
            cases.append(f" WHEN {value} = {quoted(word)} THEN {lit(score)}")
        elif (number := _as_number(word)) is not None:
            cases.append(f" WHEN {value} = {lit(number)} THEN {lit(score)}")
    return f"CASE{''.join(cases)} ELSE {_maybe(scaling.other)} END" if cases else _maybe(scaling.other)


def _as_number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) and category_of(number) == word else None


def _maybe(score: float | None) -> str:
    return _no_number() if score is None else lit(score)


def _sums(profile: Profile) -> str:
    """heard (weight with data), counted (weight that counts) and points, each summed in the order of the components."""
    heard, counted, points = [], [], []
    for place, one in enumerate(profile.components):
        has = f"CASE WHEN c{place} IS NULL THEN {lit(0)} ELSE {lit(one.weight)} END"
        heard.append(has)
        stand_in = one.stand_in
        counted.append(lit(one.weight) if stand_in is not None else has)
        points.append(f"{lit(one.weight)} * COALESCE(c{place}, {lit(stand_in or 0.0)})")
    return f"{' + '.join(heard)} AS heard, {' + '.join(counted)} AS counted, {' + '.join(points)} AS points"


def _parts(profile: Profile, kinds: Sequence[bool]) -> str:
    """The JSON of what each component said: [value, observed, row, value, observed, row, …]. Scores follow from these by
    the version's own scaling, which the tests hold to the same bits."""
    if not is_postgresql():
        found = [_part(place, is_text) for place, is_text in enumerate(kinds)]
        return "'[' || " + " || ',' || ".join(found) + " || ']'"
    # One call for each run of numbers: joining texts one by one took longer than all the arithmetic.
    runs: list[str] = []
    numbers: list[str] = []
    for place, is_text in enumerate(kinds):
        if is_text:
            if numbers:
                runs.append(_numbers(numbers))
            runs.append(f"COALESCE(to_json(v{place})::text, 'null')")
            numbers = [f"o{place}", f"r{place}"]
        else:
            numbers += [f"v{place}", f"o{place}", f"r{place}"]
    runs.append(_numbers(numbers))
    return "'[' || " + " || ',' || ".join(runs) + " || ']'"


def _numbers(names: Sequence[str]) -> str:
    return f"array_to_string(ARRAY[{', '.join(names)}]::float8[], ',', 'null')"


def _part(place: int, is_text: bool) -> str:
    # PRINTF writes a missing number as 0.0.
    number = f"CASE WHEN v{place} IS NULL THEN 'null' ELSE {text_of(f'v{place}')} END"
    value = f"JSON_QUOTE(v{place})" if is_text else number
    return f"{value} || ',' || COALESCE(o{place}, 'null') || ',' || COALESCE(r{place}, 'null')"


# --- Accounts below ------------------------------------------------------------------------------------------
def _rolled(own: str, rolling: Sequence[Profile], accounts: str) -> tuple[str, str]:
    """The WITH clause and the SELECT that put the scores of the accounts below in place of an account's own."""
    keys = ", ".join(quoted(one.key) for one in rolling)
    worst = [quoted(one.key) for one in rolling if one.roll_up is RollUp.WORST]
    is_worst = f"o.profile IN ({', '.join(worst)})" if worst else "1 = 0"
    materialized = " MATERIALIZED" if is_postgresql() else ""
    ordered = " ORDER BY account_id" if is_postgresql() else ""
    joined = (
        f"STRING_AGG('[' || account_id || ',' || {text_of('score')} || ',' || {text_of('weight')} || ']', ','{ordered})"
        if is_postgresql()
        else f"GROUP_CONCAT('[' || account_id || ',' || {text_of('score')} || ',' || {text_of('weight')} || ']')"
    )
    arr = f"COALESCE({'x.arr::float8' if is_postgresql() else 'CAST(x.arr AS REAL)'}, 0)"
    least = "LEAST(o.own_score, w.score)" if is_postgresql() else "MIN(COALESCE(o.own_score, 101.0), w.score)"
    prefix = (
        f"WITH RECURSIVE own AS{materialized} ({own}),"
        f" tree (root, id) AS (SELECT p.account_id, x.id FROM own p JOIN {accounts} x ON x.parent_id = p.account_id"
        f" WHERE p.profile IN ({keys}) UNION SELECT t.root, x.id FROM tree t JOIN {accounts} x ON x.parent_id = t.id),"
        f" kids AS{materialized} (SELECT t.root, k.account_id, k.own_score AS score, k.confidence, {arr} AS arr,"
        f" SUM({arr}) OVER (PARTITION BY t.root) AS all_arr,"
        " ROW_NUMBER() OVER (PARTITION BY t.root ORDER BY k.own_score, k.account_id) AS place"
        f" FROM tree t JOIN own k ON k.account_id = t.id JOIN {accounts} x ON x.id = t.id"
        " WHERE k.own_score IS NOT NULL AND t.id <> t.root),"
        " weighed AS (SELECT root, account_id, score, confidence, CASE WHEN all_arr > 0 THEN arr ELSE 1.0 END AS weight"
        " FROM kids ORDER BY root, account_id),"
        f" mean AS (SELECT root, SUM(weight * score{ordered}) / SUM(weight{ordered}) AS score,"
        f" SUM(weight * confidence{ordered}) / SUM(weight{ordered}) AS confidence, {joined} AS below"
        " FROM weighed GROUP BY root),"
        " least AS (SELECT root, account_id, score, confidence FROM kids WHERE place = 1)"
    )
    takes = f"(CASE WHEN {is_worst} THEN w.score IS NOT NULL AND (o.own_score IS NULL OR w.score < o.own_score) ELSE m.score IS NOT NULL END)"
    only = f"'[[' || w.account_id || ',' || {text_of('w.score')} || ',1.0]]'"
    body = (
        f"SELECT o.account_id, o.profile, CASE WHEN {takes} THEN CASE WHEN {is_worst} THEN {least} ELSE m.score END"
        f" ELSE o.own_score END AS score, o.own_score,"
        f" CASE WHEN {takes} THEN CASE WHEN {is_worst} THEN w.confidence ELSE m.confidence END ELSE o.confidence END"
        f" AS confidence, CASE WHEN {takes} THEN '' ELSE o.reason END AS reason, o.parts,"
        f" CASE WHEN {takes} THEN CASE WHEN {is_worst} THEN {only} ELSE '[' || m.below || ']' END ELSE '' END AS below"
        f" FROM own o LEFT JOIN mean m ON m.root = o.account_id AND o.profile IN ({keys})"
        f" LEFT JOIN least w ON w.root = o.account_id AND o.profile IN ({keys})"
    )
    return f"{prefix} ", body


# --- Bands ---------------------------------------------------------------------------------------------------
def band_case(config: Config, score: str) -> str:
    """The band of a score, whatever the confidence."""
    cases = "".join(
        f" WHEN {score} >= {lit(band.start)} THEN {quoted(band.key)}" for band in reversed(config.bands)
    )
    return f"CASE{cases} ELSE {quoted(config.bands[0].key)} END"


def _banded(body: str, config: Config, version: int) -> str:
    near = "FLOOR(score + 0.5)" if is_postgresql() else "CAST(score + 0.5 AS INTEGER)"
    down = "FLOOR(score)" if is_postgresql() else "CAST(score AS INTEGER)"
    small = "::smallint" if is_postgresql() else ""
    return (
        f"SELECT account_id, profile, {int(version)} AS version, score, own_score,"
        f" (CASE WHEN {band_case(config, near)} = {band_case(config, 'score')} THEN {near} ELSE {down} END){small} AS shown,"
        f" confidence, CASE WHEN score IS NULL THEN '' WHEN confidence < {lit(config.min_confidence)} THEN '{UNCLEAR}'"
        f" ELSE {band_case(config, 'score')} END AS band, reason, parts, below FROM ({body}{_fence()}) body"
    )
