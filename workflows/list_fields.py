"""What lists can ask of risk: fields of segments, and ready lists made of them."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from accounts import extend
from accounts.extend import ReadyList, SegmentField
from accounts.models import Account
from workflows.health.risk import RISK_LABELS, SHARES, Risk, with_risk

_GROUP = "Risk"


def _of_account(column: str, name: str) -> Any:
    def annotate(rows: QuerySet[Any]) -> QuerySet[Any]:
        risky = with_risk(Account.objects.filter(pk=OuterRef("pk"))).values(column)
        found: QuerySet[Any] = rows.alias(**{name: Subquery(risky[:1])})
        return found

    return annotate


FIELDS = (
    SegmentField("risk", "Risk", "account", "_f_risk", "choice",
                 lambda: [(risk.value, label) for risk, label in RISK_LABELS.items()],
                 _of_account("risk", "_f_risk"), group=_GROUP),
    SegmentField(
        "arr_at_risk",
        f"ARR at risk (ARR × {SHARES[Risk.HIGH]} / {SHARES[Risk.SOME]} / {SHARES[Risk.LOW]} % by risk)",
        "account", "_f_arr_at_risk", "number", None, _of_account("expected_loss", "_f_arr_at_risk"),
        group=_GROUP,
    ),
)  # fmt: skip

READY = (
    ReadyList(
        "red_with_renewal", "Red with renewal in 120 days", "account",
        "In the lowest band of health, with the renewal near enough that acting still helps.",
        {"all": [
            {"field": "risk", "op": "in", "value": [Risk.HIGH.value]},
            {"field": "renewal_on", "op": "within_next", "value": 120},
            {"field": "churned_on", "op": "empty"},
        ]},
        "renewal", 60,
    ),
    ReadyList(
        "dearest_at_risk", "Dearest at risk", "account",
        "High risk and not gone yet, by ARR.",
        {"all": [
            {"field": "risk", "op": "in", "value": [Risk.HIGH.value]},
            {"field": "churned_on", "op": "empty"},
        ]},
        "-arr", 70,
    ),
)  # fmt: skip


def register() -> None:
    for field in FIELDS:
        extend.segment_field(field)
    for one in READY:
        extend.ready_list(one)
