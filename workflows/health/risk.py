"""What may be lost: ARR times the share that customers of a band are taken to lose.

    expected loss = ARR × share of the band

The shares are assumptions, said beside every figure made of them: of ARR in the lowest band 30 % is taken to be lost at
the next renewal, in bands between 10 %, in the highest 3 %. The portfolio page lets one put in others. Without a band that
counts (no score, or too little data behind it) the risk is unknown and so is the loss: it is never nought.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.db.models import Case, CharField, DecimalField, ExpressionWrapper, F, QuerySet, Value, When

from workflows.health import versions
from workflows.health.domain import DEFAULT_BANDS, Config
from workflows.health.queries import effective_band, effective_score


class Risk(StrEnum):
    HIGH = "high"
    SOME = "some"
    LOW = "low"
    UNKNOWN = "unknown"


SHARES: Mapping[Risk, int] = {Risk.HIGH: 30, Risk.SOME: 10, Risk.LOW: 3}
"""Per hundred of the ARR."""
RISK_LABELS = {Risk.HIGH: "High", Risk.SOME: "Some", Risk.LOW: "Low", Risk.UNKNOWN: "Unknown"}
_MONEY: Any = DecimalField(max_digits=18, decimal_places=2)


def config_in_force() -> Config:
    version = versions.in_force()
    return versions.config_of(version) if version is not None else Config((), DEFAULT_BANDS)


def risks_of(config: Config) -> dict[str, Risk]:
    """The risk of each band: the lowest is high, the highest low, those between some."""
    found = {band.key: Risk.SOME for band in config.bands}
    if config.bands:
        found[config.bands[-1].key] = Risk.LOW
        found[config.bands[0].key] = Risk.HIGH
    return found


def with_risk(
    rows: QuerySet[Any], *, shares: Mapping[Risk, int] = SHARES, prefix: str = "health__"
) -> QuerySet[Any]:
    """Accounts with `health_score`, `health_band`, `risk` and `expected_loss` (in the account's currency), as they count:
    a person's override, whose id is `health_override`, goes before what was computed. One join; `expected_loss` is NULL
    where risk or ARR is unknown."""
    risks = risks_of(config_in_force())
    known = rows.annotate(
        health_score=effective_score(prefix),
        health_band=effective_band(prefix),
        health_override=F(f"{prefix}override_id"),
    )
    of_risk = Case(
        *(When(health_band=band, then=Value(risk.value)) for band, risk in risks.items()),
        default=Value(Risk.UNKNOWN.value),
        output_field=CharField(),
    )
    # By band and not by `risk`: a case within a case would be worked out anew for each of its branches.
    share = Case(
        *(When(health_band=band, then=Value(shares[risk])) for band, risk in risks.items() if risk in shares),
        default=Value(None),
        output_field=_MONEY,
    )
    loss = ExpressionWrapper(F("arr") * share / Value(100), output_field=_MONEY)
    found: QuerySet[Any] = known.annotate(risk=of_risk).annotate(expected_loss=loss)
    return found
