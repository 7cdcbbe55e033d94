"""The replay: what health would have said on past days from what was known then, and what became of the contracts.

For each evaluation day the accounts with a running contract are scored by `compute.at`, which sees nothing that was
recorded later. An account that was not known then (it was brought in afterwards) is not evaluated. "Left" is a contract
that ended as churned (or downgraded, where that is asked for) within the horizon after the day, or an account that churned
then. The outcome is the only thing that is looked up from after the day.

`evaluate` gives one day; `results` and `suggestion` are made of all of them, without the database.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from accounts.domain import ContractOutcome
from accounts.models import Account, Contract
from surveys.insight import rollups
from workflows.health import compute, queries
from workflows.health import config as configuration
from workflows.health.backtest_domain import Against
from workflows.health.discrimination import (
    LEAST_OUTCOMES,
    Estimate,
    Lift,
    auc,
    coin,
    expected_half_width,
    gain,
    lift,
    suggested_weights,
)
from workflows.health.domain import Config, Profile
from workflows.health.sources import Frame, past_accounts

TYPICAL_AUC = 0.7
BASELINES = {"arr": "ARR alone", "tenure": "Tenure alone", "nps": "NPS alone", "coin": "A coin"}
_NPS_ALONE: Mapping[str, Any] = {
    "profiles": [
        {
            "key": "nps",
            "name": "NPS alone",
            "conditions": {},
            "is_active": True,
            "roll_up": "own",
            "components": [
                {
                    "key": "nps",
                    "group": "Relationship",
                    "label": "NPS alone",
                    "weight": 1,
                    "source": "score",
                    "settings": {"definition": "account", "figure": "mean", "min_people": 1},
                    "transform": {"kind": "linear", "worst": 0, "best": 10, "outside": "hold"},
                    "missing": "exclude",
                    "expires_after_days": None,
                    "stale_after_days": None,
                }
            ],
        }
    ],
    "bands": [{"key": "all", "label": "All", "from": 0}],
    "min_confidence": 0,
    "hysteresis": 0,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One account on one day. `parts` are the scores of its profile's components, None where there was no data."""

    account: int
    left: bool
    profile: str
    score: float | None
    own_score: float | None
    parts: tuple[float | None, ...]
    arr: float | None
    tenure: float | None
    nps: float | None

    def key(self, day: dt.date) -> str:
        return f"{self.account}:{day.isoformat()}"


Days = Sequence[tuple[dt.date, Sequence[Row]]]


# --- One day -------------------------------------------------------------------------------------------------
def evaluate(config: Config, day: dt.date, *, horizon: int, against: Against) -> list[Row]:
    """The accounts with a running contract at the end of `day`, as they were scored then, and whether they left after."""
    population = _population(day)
    if not population:
        return []
    left = _left(day, horizon, against)
    when = rollups.start_of(day + dt.timedelta(days=1), rollups.zone())
    known = _known(when, day, population)
    nps = {
        one.account: one.score
        for one in compute.at(configuration.read(_NPS_ALONE), when, accounts=population)
    }
    rows = []
    for one in compute.at(config, when, accounts=population):
        if one.account not in known:
            continue
        arr, tenure = known[one.account]
        rows.append(
            Row(
                account=one.account,
                left=one.account in left,
                profile=one.profile,
                score=one.score,
                own_score=one.own_score,
                parts=_scores(config, one, when),
                arr=arr,
                tenure=tenure,
                nps=nps.get(one.account),
            )
        )
    return rows


def _scores(config: Config, past: compute.Computed, when: dt.datetime) -> tuple[float | None, ...]:
    """The scores of an account's components at a moment, in the order of its profile."""
    profile = config.profile(past.profile)
    if profile is None:
        return ()
    return tuple(one.score for one in queries.readings_of(profile, json.loads(past.parts), when))


def _population(day: dt.date) -> set[int]:
    running = Contract.objects.filter(starts_on__lte=day).filter(
        Q(outcome=ContractOutcome.OPEN) | Q(outcome_on__gt=day)
    )
    here = Account.objects.live().filter(Q(churned_on__isnull=True) | Q(churned_on__gt=day))
    return set(here.filter(pk__in=running.values("account")).values_list("pk", flat=True))


def _left(day: dt.date, horizon: int, against: Against) -> set[int]:
    end = day + dt.timedelta(days=horizon)
    bad = [ContractOutcome.CHURNED]
    if against is Against.CHURN_OR_DOWNGRADE:
        bad.append(ContractOutcome.DOWNGRADED)
    ended = Contract.objects.filter(outcome__in=bad, outcome_on__gt=day, outcome_on__lte=end)
    gone = Account.objects.filter(churned_on__gt=day, churned_on__lte=end)
    return {*ended.values_list("account_id", flat=True), *gone.values_list("pk", flat=True)}


def _known(
    when: dt.datetime, day: dt.date, accounts: set[int]
) -> dict[int, tuple[float | None, float | None]]:
    """ARR and days as a customer, by the account's history at the moment; without those not known then."""
    text, params = past_accounts(
        Frame(when, is_past=True, accounts=accounts), ("id", "arr", "customer_since")
    )
    found: dict[int, tuple[float | None, float | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, arr, customer_since FROM {text} a", params)
        for pk, arr, since in cursor.fetchall():
            began = dt.date.fromisoformat(since) if isinstance(since, str) else since
            found[pk] = (
                None if arr is None else float(arr),
                None if began is None else float((day - began).days),
            )
    return found


def packed(rows: Iterable[Row]) -> str:
    return json.dumps(
        [[r.account, r.left, r.profile, r.score, r.own_score, r.parts, r.arr, r.tenure, r.nps] for r in rows]
    )


def unpacked(text: str) -> list[Row]:
    return [
        Row(account, left, profile, score, own, tuple(parts), arr, tenure, nps)
        for account, left, profile, score, own, parts, arr, tenure, nps in json.loads(text)
    ]


# --- All days ------------------------------------------------------------------------------------------------
class _Table:
    """All evaluations as columns."""

    def __init__(self, config: Config, days: Days) -> None:
        self.config = config
        pairs = [(day, row) for day, rows in days for row in rows]
        self.rows = [row for _, row in pairs]
        self.keys = [row.key(day) for day, row in pairs]
        self.left = [row.left for row in self.rows]
        self.accounts = [row.account for row in self.rows]

    def component(self, profile: Profile, place: int) -> list[float | None]:
        return [
            row.parts[place] if row.profile == profile.key and place < len(row.parts) else None
            for row in self.rows
        ]

    def baseline(self, key: str) -> list[float | None]:
        if key == "coin":
            return [coin(one) for one in self.keys]
        return [getattr(row, key) for row in self.rows]

    def estimate(self, values: Sequence[float | None]) -> Estimate | None:
        return auc(values, self.left, self.accounts)


def results(config: Config, days: Days) -> dict[str, Any]:
    """What came out, for pages and the API; `is_refused` below 20 who left, with how little could have been said."""
    table = _Table(config, days)
    scores = [row.score for row in table.rows]
    scored = [row for row in table.rows if row.score is not None]
    left = sum(row.left for row in scored)
    found: dict[str, Any] = {
        "evaluations": len(table.rows),
        "scored": len(scored),
        "accounts": len(set(table.accounts)),
        "left": left,
        "left_unscored": sum(row.left for row in table.rows if row.score is None),
        "half_width": round(expected_half_width(TYPICAL_AUC, left, len(scored) - left), 4),
        "is_refused": left < LEAST_OUTCOMES,
        "days": [
            {"day": day.isoformat(), "evaluations": len(rows), "left": sum(row.left for row in rows)}
            for day, rows in days
        ],
        "predictors": [],
    }
    if found["is_refused"]:
        return found
    told: list[tuple[str, str, str, Sequence[float | None]]] = [("score", "score", "Health score", scores)]
    for profile in config.active:
        for place, component in enumerate(profile.components):
            label = component.label if len(config.active) == 1 else f"{component.label} ({profile.name})"
            told.append(
                ("component", f"{profile.key}.{component.key}", label, table.component(profile, place))
            )
    told += [("baseline", key, label, table.baseline(key)) for key, label in BASELINES.items()]
    for kind, key, label, values in told:
        better = None if kind == "score" else gain(scores, values, table.left, table.accounts)
        found["predictors"].append(
            {
                "kind": kind,
                "key": key,
                "label": label,
                "rows": sum(value is not None for value in values),
                "auc": _ends(table.estimate(values)),
                "gain": _ends(better),
                "lift": _lift(lift(values, table.left, table.keys)),
            }
        )
    return found


def _ends(found: Estimate | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4), "left": found.left,
        "stayed": found.stayed,
    }  # fmt: skip


def _lift(found: Lift | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": round(found.value, 3), "low": round(found.low, 3), "high": round(found.high, 3),
        "inside": found.inside, "left": found.left,
    }  # fmt: skip


# --- Suggesting ----------------------------------------------------------------------------------------------
def suggestion(config: Config, days: Days) -> dict[str, Any]:
    """Other weights, found on the earlier days and tried on the later ones; `reason` says why there are none.

    Never more than a difference to review: whoever wants it opens it as a draft in the editor of profiles.
    """
    cut = _cut(days)
    if cut is None:
        return {
            "reason": f"Weights are found on the earlier half and tried on the later: at least {LEAST_OUTCOMES} must"
            " have left in each.",
        }
    earlier, later = _Table(config, days[:cut]), _Table(config, days[cut:])
    weights: dict[str, dict[str, float]] = {}
    changes = []
    for profile in config.active:
        now = {one.key: float(one.weight) for one in profile.components}
        worth = {
            one.key: earlier.estimate(earlier.component(profile, place))
            for place, one in enumerate(profile.components)
        }
        weights[profile.key] = suggested_weights(now, worth)
        for one in profile.components:
            after = weights[profile.key][one.key]
            if after != one.weight:
                changes.append(
                    {
                        "profile": profile.key,
                        "component": one.key,
                        "label": one.label,
                        "before": float(one.weight),
                        "after": after,
                    }
                )
    if not changes:
        return {"reason": "No component told the two apart well enough on the earlier days to move a weight."}
    present = [row.own_score for row in later.rows]
    other = [_weighed(config, row, weights) for row in later.rows]
    written = configuration.write(config)
    for profile in written["profiles"]:
        for component in profile["components"]:
            component["weight"] = weights.get(profile["key"], {}).get(component["key"], component["weight"])
    return {
        "reason": "",
        "changes": changes,
        "config": written,
        "found_until": days[cut - 1][0].isoformat(),
        "present": _ends(later.estimate(present)),
        "suggested": _ends(later.estimate(other)),
        "gain": _ends(gain(other, present, later.left, later.accounts)),
    }


def _cut(days: Days) -> int | None:
    """The place that divides those who left most evenly, with enough on both sides."""
    numbers = [sum(row.left for row in rows if row.score is not None) for _, rows in days]
    whole = sum(numbers)
    fair = [
        (abs(2 * before - whole), place)
        for place in range(1, len(numbers))
        if (before := sum(numbers[:place])) >= LEAST_OUTCOMES and whole - before >= LEAST_OUTCOMES
    ]
    return min(fair)[1] if fair else None


def _weighed(config: Config, row: Row, weights: Mapping[str, Mapping[str, float]]) -> float | None:
    profile = config.profile(row.profile)
    if profile is None or row.own_score is None:
        return None
    points = whole = 0.0
    for component, score in zip(profile.components, row.parts, strict=True):
        used = component.stand_in if score is None else score
        if used is not None:
            weight = weights[profile.key][component.key]
            points += weight * used
            whole += weight
    return points / whole if whole else None
