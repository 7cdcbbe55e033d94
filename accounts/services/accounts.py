"""Writing accounts: the company itself, who looks after it, and to which company it belongs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from django.db import IntegrityError, transaction

from accounts import cleaning, custom, history, timeline, versions
from accounts.domain import Origin, OwnerRole
from accounts.models import Account, AccountOwner, LifecycleStage
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team import queries as team_queries
from team.models import User

PARENTS = 10


class AccountValues(TypedDict, total=False):
    """What can be written of an account. Values may come as typed or as text; each is checked and named if refused."""

    name: str
    external_id: str | None
    domain: str
    parent: Account | None
    stage: LifecycleStage | None
    owner: User | None
    plan: str
    segment: str
    industry: str
    country: str
    city: str
    seats: Any
    currency: str
    arr: Any
    lifetime_value: Any
    customer_since: Any
    renewal_on: Any
    churned_on: Any
    tags: Sequence[str]
    custom: Mapping[str, Any]


EDITABLE: tuple[str, ...] = tuple(AccountValues.__annotations__)


def _text(label: str, limit: int, *, is_required: bool = False) -> Callable[[Any, str], Any]:
    return lambda value, field: cleaning.text(
        value, field=field, label=label, limit=limit, is_required=is_required
    )


MAX_TAGS = 30


def _tags(value: Any, field: str) -> list[str]:
    """Names of tags, each once whatever its case, in the order in which they were put on."""
    value = [] if value is None else value
    if not isinstance(value, list | tuple):
        raise Invalid("Tags are a list of words.", field=field)
    found: dict[str, str] = {}
    for one in value:
        name = cleaning.text(one, field=field, label="Tag", limit=40)
        if name:
            found.setdefault(name.casefold(), name)
    if len(found) > MAX_TAGS:
        raise Invalid(f"An account has at most {MAX_TAGS} tags.", field=field)
    return list(found.values())


def _money(label: str) -> Callable[[Any, str], Any]:
    return lambda value, field: cleaning.number(value, field=field, label=label)


def _day(label: str) -> Callable[[Any, str], Any]:
    return lambda value, field: cleaning.date(value, field=field, label=label)


_CLEANERS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text("Name", 200, is_required=True),
    "external_id": lambda value, field: cleaning.external_id(value, field=field),
    "domain": lambda value, field: cleaning.domain(value, field=field),
    "plan": _text("Plan", 60),
    "segment": _text("Segment", 60),
    "industry": _text("Industry", 80),
    "country": lambda value, field: cleaning.country(value, field=field),
    "city": _text("City", 80),
    "seats": lambda value, field: cleaning.whole(value, field=field, label="Seats"),
    "currency": lambda value, field: cleaning.currency(value, field=field),
    "arr": _money("ARR"),
    "lifetime_value": _money("Lifetime value"),
    "tags": _tags,
    "customer_since": _day("Customer since"),
    "renewal_on": _day("Renewal"),
    "churned_on": _day("Churned on"),
}


def clean(values: Mapping[str, Any], *, stored_custom: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`values` checked and in their own types; raises `Invalid` naming the field."""
    cleaning.unknown_keys(values, EDITABLE, what="An account")
    found = {key: _CLEANERS[key](value, key) if key in _CLEANERS else value for key, value in values.items()}
    if "custom" in found:
        found["custom"] = custom.clean(found["custom"], custom.definitions("account"), stored=stored_custom)
    owner = found.get("owner")
    if owner is not None and (not owner.is_active or owner.role == "viewer"):
        raise Refused(
            f"{owner} cannot own accounts. Choose an active person who is not a viewer.", field="owner"
        )
    return found


@transaction.atomic
def create_account(*, values: AccountValues, actor: User | None, origin: Origin = Origin.LIVE) -> Account:
    """Create an account with its history, audit entry and event. Refuses an external id that is taken."""
    found = clean({"name": "", **values})
    account = Account(**found)
    account.custom = found.get("custom", {})
    if "currency" not in found:
        account.currency = team_queries.workspace().currency
    if account.stage_id is not None:
        account.stage_since = team_queries.today()
    account.created_at = account.updated_at = clock.now()
    history.sign(account, actor)
    _write(account.save)
    audit.record(action="account.created", actor=actor, obj=account)
    timeline.record(
        kind="account.created",
        cause_key=f"account:{account.pk}:created",
        account=account,
        actor=actor,
        subject=("account", account.pk),
        origin=origin,
    )
    return account


@transaction.atomic
def update_account(
    *,
    account: Account,
    values: AccountValues,
    actor: User | None,
    version: str = "",
    version_fields: Sequence[str] = EDITABLE,
    origin: Origin = Origin.LIVE,
) -> Account:
    """Write what differs; nothing happens when nothing does.

    `version` (versions.version_of over `version_fields`) refuses a save over somebody else's change. A new stage sets
    `stage_since`; changes of owner and stage are events of their own.
    """
    # The new parent is locked too, so that two companies cannot become each other's parent at the same moment.
    parent = values.get("parent")
    locked = Account.objects.select_for_update(of=("self",)).order_by("pk")
    rows = {row.pk: row for row in locked.filter(pk__in={account.pk, parent.pk if parent else account.pk})}
    account = rows[account.pk]
    versions.check(account, version_fields, version, what="account")
    found = clean(values, stored_custom=account.custom)
    if found.get("parent") is not None:
        _refuse_cycle(account, found["parent"])
    differing = versions.changed(account, found)
    if not differing:
        return account
    before = {"owner": account.owner_id, "stage": account.stage_id}
    for name, value in differing.items():
        setattr(account, name, value)
    written = [*differing]
    if "stage" in differing:
        account.stage_since = team_queries.today() if account.stage_id else None
        written.append("stage_since")
    account.updated_at = clock.now()
    history.sign(account, actor)
    _write(lambda: account.save(update_fields=[*written, "updated_at"]))
    audit.record(action="account.updated", actor=actor, obj=account, fields=sorted(differing))
    _announce(account, differing, before, actor, origin)
    return account


def _announce(
    account: Account,
    differing: Mapping[str, Any],
    before: Mapping[str, Any],
    actor: User | None,
    origin: Origin,
) -> None:
    """One event for each change that has a meaning of its own, one for all others together."""
    stamp = f"{account.updated_at:%Y%m%d%H%M%S%f}"

    def tell(kind: str, data: dict[str, Any]) -> None:
        timeline.record(
            kind=kind,
            cause_key=f"account:{account.pk}:{kind.rpartition('.')[2]}:{stamp}",
            account=account,
            actor=actor,
            subject=("account", account.pk),
            origin=origin,
            data=data,
        )

    if "owner" in differing:
        tell("account.owner_changed", {"from": before["owner"], "to": account.owner_id})
    if "stage" in differing:
        tell("account.stage_changed", {"from": before["stage"], "to": account.stage_id})
    if others := sorted(set(differing) - {"owner", "stage"}):
        tell("account.updated", {"fields": others})


def _write(save: Callable[[], object]) -> None:
    try:
        with transaction.atomic():
            save()
    except IntegrityError as error:
        if "external_id" in str(error):
            raise Refused(
                "Another account already has this external id. Correct it, or update that account instead.",
                field="external_id",
                code="external_id_taken",
            ) from None
        raise


def _refuse_cycle(account: Account, parent: Account) -> None:
    """A company cannot belong to itself, nor to one of its own daughters."""
    above: Account | None = parent
    for _ in range(PARENTS):
        if above is None:
            return
        if above.pk == account.pk:
            raise Refused(
                f"{parent.name} belongs to {account.name}, or is the same account. Choose another parent.",
                field="parent",
                code="parent_cycle",
            )
        above = above.parent
    raise Refused(f"Parents can be nested {PARENTS} deep at most. Choose a parent higher up.", field="parent")


@transaction.atomic
def add_owner(*, account: Account, user: User, role: str, actor: User | None) -> AccountOwner:
    """Give a person a role at an account, beside the primary owner. Twice is once."""
    role = cleaning.choice(role, [r.value for r in OwnerRole], field="role", label="Role")
    if not user.is_active:
        raise Refused(f"{user} is no longer active. Choose somebody else.", field="user")
    existing = AccountOwner.objects.filter(account=account, user=user, role=role).first()
    if existing is not None:
        return existing
    row = AccountOwner(account=account, user=user, role=role)
    history.sign(row, actor)
    row.save()
    audit.record(action="account.owner_added", actor=actor, obj=account, user=user.pk, role=role)
    return row


@transaction.atomic
def remove_owner(*, row: AccountOwner, actor: User | None) -> None:
    """Take a person's role at an account away. The primary owner is changed, not removed."""
    audit.record(
        action="account.owner_removed", actor=actor, obj=row.account, user=row.user_id, role=row.role
    )
    history.sign(row, actor)
    row.delete()
