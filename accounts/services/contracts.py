"""Writing contracts, and keeping the account's ARR and renewal in step with them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from django.db import IntegrityError, transaction

from accounts import cleaning, history, timeline, versions
from accounts.domain import ContractOutcome, Origin
from accounts.models import Account, Contract
from core import clock
from core.errors import Refused
from team import audit
from team import queries as team_queries
from team.models import User


class ContractValues(TypedDict, total=False):
    external_id: str | None
    starts_on: Any
    ends_on: Any
    arr: Any
    currency: str
    note: str


EDITABLE: tuple[str, ...] = tuple(ContractValues.__annotations__)


def clean(values: Mapping[str, Any]) -> dict[str, Any]:
    cleaning.unknown_keys(values, EDITABLE, what="A contract")
    found: dict[str, Any] = {}
    for key, value in values.items():
        match key:
            case "external_id":
                found[key] = cleaning.external_id(value)
            case "starts_on" | "ends_on":
                label = "Start" if key == "starts_on" else "End"
                found[key] = _needed(cleaning.date(value, field=key, label=label), key, label)
            case "arr":
                found[key] = _needed(cleaning.number(value, field=key, label="ARR"), key, "ARR")
            case "currency":
                found[key] = cleaning.currency(value)
            case _:
                found[key] = cleaning.text(value, field=key, label="Note", limit=500)
    return found


def _needed(value: Any, field: str, label: str) -> Any:
    if value is None:
        raise Refused(f"{label} is missing.", field=field, code="required", status=400)
    return value


def _check_period(contract: Contract) -> None:
    if contract.ends_on < contract.starts_on:
        raise Refused(
            "The contract ends before it starts. Correct one of the two dates.", field="ends_on", status=400
        )


def _terms(contract: Contract, suffix: str = "") -> dict[str, str]:
    """What a contract is about, as events tell it."""
    terms = {"arr": str(contract.arr), "currency": contract.currency, "ends_on": contract.ends_on.isoformat()}
    return {f"{name}{suffix}": value for name, value in terms.items()}


@transaction.atomic
def create_contract(
    *, account: Account, values: ContractValues, actor: User | None, origin: Origin = Origin.LIVE
) -> Contract:
    """Add an open contract to an account; the account's ARR and renewal follow its open contracts."""
    found = clean({"starts_on": None, "ends_on": None, "arr": None, "currency": account.currency, **values})
    contract = Contract(account=account, **found)
    _check_period(contract)
    _save(contract, actor)
    audit.record(action="contract.created", actor=actor, obj=contract, account=account.pk)
    timeline.record(
        kind="contract.created",
        cause_key=f"contract:{contract.pk}:created",
        account=account,
        actor=actor,
        subject=("contract", contract.pk),
        origin=origin,
        data=_terms(contract),
    )
    follow_contracts(account=account, actor=actor)
    return contract


@transaction.atomic
def update_contract(
    *, contract: Contract, values: ContractValues, actor: User | None, version: str = ""
) -> Contract:
    """Correct a contract and tell what was changed of it. Refuses a stale `version`."""
    contract = Contract.objects.select_for_update(of=("self",)).select_related("account").get(pk=contract.pk)
    versions.check(contract, EDITABLE, version, what="contract")
    differing = versions.changed(contract, clean(values))
    if not differing:
        return contract
    before = _terms(contract, "_before")
    for name, value in differing.items():
        setattr(contract, name, value)
    _check_period(contract)
    _save(contract, actor, fields=[*differing])
    audit.record(action="contract.updated", actor=actor, obj=contract, fields=sorted(differing))
    timeline.record(
        kind="contract.updated",
        cause_key=f"contract:{contract.pk}:updated:{clock.now():%Y%m%d%H%M%S%f}",
        account=contract.account,
        actor=actor,
        subject=("contract", contract.pk),
        data={"fields": sorted(differing), **before, **_terms(contract)},
    )
    follow_contracts(account=contract.account, actor=actor)
    return contract


@transaction.atomic
def set_outcome(
    *,
    contract: Contract,
    outcome: str,
    outcome_on: dt.date | str | None,
    actor: User | None,
    origin: Origin = Origin.LIVE,
) -> Contract:
    """Say how a contract ended and on which day; "open" takes the outcome back.

    An account whose last open contract churned is marked as churned on that day.
    """
    contract = Contract.objects.select_for_update(of=("self",)).select_related("account").get(pk=contract.pk)
    outcome = cleaning.choice(outcome, [o.value for o in ContractOutcome], field="outcome", label="Outcome")
    day = None
    if outcome != ContractOutcome.OPEN:
        day = (
            cleaning.date(outcome_on, field="outcome_on", label="Date of the outcome") or team_queries.today()
        )
        if day > team_queries.today():
            raise Refused(
                "The outcome lies in the future. Record it on the day it is known.", field="outcome_on"
            )
        if day < contract.starts_on:
            raise Refused("The outcome lies before the start of the contract.", field="outcome_on")
    if (contract.outcome, contract.outcome_on) == (outcome, day):
        return contract
    contract.outcome, contract.outcome_on = outcome, day
    _save(contract, actor, fields=["outcome", "outcome_on"])
    audit.record(action="contract.outcome_set", actor=actor, obj=contract, outcome=outcome)
    timeline.record(
        kind="contract.outcome_set",
        cause_key=f"contract:{contract.pk}:outcome:{outcome}:{day or 'none'}",
        account=contract.account,
        actor=actor,
        subject=("contract", contract.pk),
        origin=origin,
        data={"outcome": outcome, "arr": str(contract.arr), "currency": contract.currency},
    )
    follow_contracts(account=contract.account, actor=actor, churned_on=day if outcome == "churned" else None)
    return contract


def follow_contracts(*, account: Account, actor: User | None, churned_on: dt.date | None = None) -> None:
    """Set an account's ARR and renewal from its open contracts; without any they stay as they were.

    Contracts in another currency than the account's are not added up: their sum would mean nothing.
    """
    account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
    still_open = list(Contract.objects.filter(account=account, outcome=ContractOutcome.OPEN))
    values: dict[str, Any] = {}
    if still_open:
        values["renewal_on"] = min(contract.ends_on for contract in still_open)
        if all(contract.currency == account.currency for contract in still_open):
            values["arr"] = sum(contract.arr for contract in still_open)
        values["churned_on"] = None
    elif churned_on is not None:
        values = {"renewal_on": None, "churned_on": churned_on}
    differing = versions.changed(account, values)
    if not differing:
        return
    for name, value in differing.items():
        setattr(account, name, value)
    account.updated_at = clock.now()
    history.sign(account, actor)
    account.save(update_fields=[*differing, "updated_at"])


def _save(contract: Contract, actor: User | None, *, fields: Sequence[str] | None = None) -> None:
    history.sign(contract, actor)
    try:
        with transaction.atomic():
            if fields is None:
                contract.save()
            else:
                contract.save(update_fields=fields)
    except IntegrityError as error:
        if "external_id" in str(error):
            raise Refused("Another contract already has this external id.", field="external_id") from None
        raise
