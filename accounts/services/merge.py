"""Making one customer record of two, and two of it again.

A merge keeps all history. Every row that points at the loser (accounts/extend.py knows them) is pointed at the survivor and
written down in a journal; the loser stays as a tombstone with `merged_into`, so that whatever still names it (an external
id, an address, a link) leads to the survivor. Fields are chosen one by one; what both records are found by (external id,
e-mail address) is never lost: a value that the survivor does not take stays with the tombstone.

Rows that already say at which account something happened keep it: an answer given while somebody worked elsewhere remains
that account's. Rows of the loser without an account get the survivor's.

Undoing points back exactly the rows of the journal that nobody has moved since, and gives the fields back that nobody
has changed since. What came after the merge stays with the survivor. Figures follow both ways.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q

from accounts import cleaning, custom, extend, history, timeline
from accounts.domain import Origin
from accounts.extend import Relation
from accounts.models import Account, Contact, Merge, MergedRows
from accounts.services import accounts as account_services
from accounts.services import contacts as contact_services
from core import clock
from core.errors import Invalid, Refused
from team import audit
from team.models import User

SLICE = 1_000
CONTACT, ACCOUNT = "contact", "account"
SURVIVOR, LOSER = "survivor", "loser"
# What a record is found by: the survivor and the tombstone exchange it, so that both values keep leading here.
_EXCHANGED = {CONTACT: ("external_id", "email"), ACCOUNT: ("external_id",)}
_EDITABLE: Mapping[str, tuple[str, ...]] = {
    CONTACT: contact_services.EDITABLE,
    ACCOUNT: account_services.EDITABLE,
}
_MODELS: Mapping[str, type[models.Model]] = {CONTACT: Contact, ACCOUNT: Account}
Customer = TypeVar("Customer", Contact, Account)


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """One field of both records. `suggested` is the survivor's value unless only the loser has one."""

    name: str
    survivor: Any
    loser: Any
    suggested: str

    @property
    def differs(self) -> bool:
        return bool(self.survivor != self.loser)

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose: both have a value, and not the same."""
        return self.differs and not _is_empty(self.loser)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do: fields to choose from, and the number of rows that would move, by model."""

    target: str
    survivor: Contact | Account
    loser: Contact | Account
    fields: Sequence[FieldChoice]
    rows: Sequence[tuple[str, int]]

    @property
    def number(self) -> int:
        return sum(number for _, number in self.rows)


# --- Looking first -------------------------------------------------------------------------------------------
def preview(*, survivor: Customer, loser: Customer) -> Preview:
    """What merging would do. Raises `Refused` when these two cannot be merged."""
    target = _target(survivor)
    _refuse(target, survivor, loser)
    found: dict[str, int] = {}
    for relation, field in _fields(target):
        model = field.model
        number = model._base_manager.filter(**{field.attname: loser.pk}).count()
        if number and relation.merge == "move":
            name = str(model._meta.verbose_name_plural)
            found[name] = found.get(name, 0) + number
    return Preview(
        target, survivor, loser, _choices(target, survivor, loser), sorted(found.items(), key=lambda x: -x[1])
    )


def _choices(target: str, survivor: Any, loser: Any) -> list[FieldChoice]:
    found = []
    for name in _EDITABLE[target]:
        if name == "custom":
            keys = dict.fromkeys([*survivor.custom, *loser.custom])
            pairs = [
                (f"custom.{key}", survivor.custom.get(key), loser.custom.get(key))
                for key in keys
                if not _is_empty(survivor.custom.get(key)) or not _is_empty(loser.custom.get(key))
            ]
        else:
            pairs = [(name, getattr(survivor, name), getattr(loser, name))]
        for key, ours, theirs in pairs:
            if key == "parent" and theirs is not None and theirs.pk == survivor.pk:
                theirs = None
            if key == "parent" and ours is not None and ours.pk == loser.pk:
                ours = None
            takes = LOSER if _is_empty(ours) and not _is_empty(theirs) else SURVIVOR
            found.append(FieldChoice(key, ours, theirs, takes))
    return found


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _target(thing: Contact | Account) -> str:
    return CONTACT if isinstance(thing, Contact) else ACCOUNT


def _refuse(target: str, survivor: Any, loser: Any) -> None:
    if survivor.pk == loser.pk:
        raise Refused(f"These are the same {target}. Choose another one.", field="loser", code="same")
    for role, thing in ((SURVIVOR, survivor), (LOSER, loser)):
        if thing.merged_into_id is not None:
            raise Refused(
                f"{thing} was merged into another {target} already. Choose that one.",
                field=role, code="merged",
            )  # fmt: skip
        if getattr(thing, "erased_at", None) is not None:
            raise Refused("An erased person cannot be merged.", field=role, code="erased")


# --- Merging -------------------------------------------------------------------------------------------------
def merge_contacts(
    *, survivor: Contact, loser: Contact, actor: User, choices: Mapping[str, str] | None = None
) -> Merge:
    """Make `loser` part of `survivor`. `choices` says for fields whose value stays: "survivor" or "loser" (the default is
    the survivor's, or the loser's where the survivor has none). Raises `Refused` when these two cannot be merged."""
    return _merge(CONTACT, survivor.pk, loser.pk, actor, choices or {})


def merge_accounts(
    *, survivor: Account, loser: Account, actor: User, choices: Mapping[str, str] | None = None
) -> Merge:
    """Make the account `loser` part of `survivor`, with all its people and its whole history. `choices` as for contacts."""
    return _merge(ACCOUNT, survivor.pk, loser.pk, actor, choices or {})


@transaction.atomic
def _merge(target: str, survivor_id: int, loser_id: int, actor: User, choices: Mapping[str, str]) -> Merge:
    survivor, loser = _hold(target, survivor_id, loser_id)
    _refuse(target, survivor, loser)
    fields = _choices(target, survivor, loser)
    _check(choices, fields)
    touched = _touched(target, survivor, loser)
    before = extend.read_standings(*touched, actor)
    merge = Merge.objects.create(
        target=target, survivor_key=survivor_id, loser_key=loser_id, done_at=clock.now(), done_by=actor
    )
    if target == ACCOUNT:
        _leave_family(merge, survivor, loser, actor)
    loser.merged_into = survivor
    loser.updated_at = clock.now()
    _save(loser, ["merged_into", "updated_at"], actor)
    merge.fields = _settle(target, survivor, loser, fields, choices, actor)
    survivor.refresh_from_db()
    for relation, field in _fields(target):
        if relation.merge == "move":
            merge.moved_count += _move(merge, relation, field, loser, survivor)
    merge.effect = {"before": before, "after": extend.read_standings(*touched, actor)}
    merge.save(update_fields=["fields", "moved_count", "effect"])
    _announce(merge, "merged", survivor, actor)
    return merge


def _hold(target: str, survivor_id: int, loser_id: int) -> tuple[Any, Any]:
    """Both records, locked in the order of their keys."""
    manager = _MODELS[target]._base_manager
    locked = manager.select_for_update(of=("self",)).filter(pk__in=[survivor_id, loser_id]).order_by("pk")
    rows = {row.pk: row for row in locked}
    if len(rows) != len({survivor_id, loser_id}):
        raise Refused(f"One of these {target}s no longer exists.", code="gone")
    return rows[survivor_id], rows[loser_id]


def _check(choices: Mapping[str, str], fields: Sequence[FieldChoice]) -> None:
    known = {field.name for field in fields}
    for name, value in choices.items():
        if name not in known:
            raise Invalid(f"There is no field “{name[:40]}” to choose.", field="fields")
        if value not in {SURVIVOR, LOSER}:
            raise Invalid(f"Choose “survivor” or “loser” for {name}.", field="fields")


def _touched(target: str, survivor: Any, loser: Any) -> tuple[list[int], list[int]]:
    """The contacts and accounts whose figures a merge may change."""
    if target == ACCOUNT:
        return [], [survivor.pk, loser.pk]
    return [survivor.pk, loser.pk], sorted(
        {pk for pk in (survivor.account_id, loser.account_id) if pk is not None}
    )


def _settle(
    target: str,
    survivor: Any,
    loser: Any,
    fields: Sequence[FieldChoice],
    choices: Mapping[str, str],
    actor: User,
) -> dict[str, Any]:
    """Write the chosen values; returns what was written over, by record and field."""
    taken = [f for f in fields if choices.get(f.name, f.suggested) == LOSER and f.differs]
    values: dict[str, Any] = {f.name: f.loser for f in taken if not f.name.startswith("custom.")}
    more = {f.name.removeprefix("custom."): f.loser for f in taken if f.name.startswith("custom.")}
    if more:
        defined = {one.key for one in custom.definitions(target)}
        values["custom"] = {key: value for key, value in more.items() if key in defined}
    before = {role: _plain(target, thing) for role, thing in ((SURVIVOR, survivor), (LOSER, loser))}
    given_up = {name: getattr(survivor, name) for name in _EXCHANGED[target] if name in values}
    _hand_over(target, loser, dict.fromkeys(given_up, None), actor)
    if values:
        _update(target, survivor, values, actor)
    _hand_over(target, loser, {name: value for name, value in given_up.items() if value}, actor)
    found = {}
    for role, thing in ((SURVIVOR, survivor), (LOSER, loser)):
        thing.refresh_from_db()
        after = _plain(target, thing)
        found[role] = {
            name: [before[role][name], after[name]] for name in after if after[name] != before[role][name]
        }
    return found


def _plain(target: str, thing: Any) -> dict[str, Any]:
    """The fields as values of JSON, foreign keys by their ids."""
    found = {}
    for name in _EDITABLE[target]:
        field = cast(Any, thing._meta.get_field(name))
        found[name] = cleaning.as_plain(getattr(thing, field.attname))
    return found


def _update(target: str, thing: Any, values: Mapping[str, Any], actor: User) -> None:
    if target == CONTACT:
        contact_services.update_contact(
            contact=thing, values=cast(Any, values), actor=actor, origin=Origin.CORRECTION
        )
    else:
        account_services.update_account(
            account=thing, values=cast(Any, values), actor=actor, origin=Origin.CORRECTION
        )


def _hand_over(target: str, loser: Any, values: Mapping[str, Any], actor: User) -> None:
    """Write what a record is found by into a tombstone, which no other service does."""
    if not values:
        return
    written = dict(values)
    if "email" in written:
        written |= contact_services.clean({"email": written["email"] or ""})
    for name, value in written.items():
        setattr(loser, name, value)
    _save(loser, list(written), actor)


def _save(thing: Any, names: list[str], actor: User) -> None:
    history.sign(thing, actor)
    thing.save(update_fields=names)


def _leave_family(merge: Merge, survivor: Account, loser: Account, actor: User) -> None:
    """When the survivor stands below the loser, it takes the loser's place first, or it would become its own parent."""
    above, seen = survivor.parent_id, 0
    while above is not None and above != loser.pk and seen < account_services.PARENTS:
        above = Account.objects.filter(pk=above).values_list("parent_id", flat=True).first()
        seen += 1
    if above == loser.pk:
        _note(merge, Account, "parent", survivor.parent_id, loser.parent_id, [survivor.pk])
        survivor.parent_id = loser.parent_id
        _save(survivor, ["parent"], actor)


# --- Moving rows ---------------------------------------------------------------------------------------------
def _fields(target: str) -> Iterator[tuple[Relation, "models.ForeignKey[Any, Any]"]]:
    """The foreign keys of registered models that point at a contact or an account."""
    for relation in extend.registered.relations.values():
        model = apps.get_model(relation.model)
        for field in model._meta.local_fields:
            if isinstance(field, models.ForeignKey) and field.related_model is _MODELS[target]:
                yield relation, field


def _slices(rows: "models.QuerySet[Any]") -> Iterator[list[int]]:
    last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:SLICE]):
        yield ids
        last = ids[-1]


def _move(
    merge: Merge, relation: Relation, field: "models.ForeignKey[Any, Any]", loser: Any, survivor: Any
) -> int:
    """Point the loser's rows at the survivor, in slices; returns how many."""
    manager = field.model._base_manager
    rows = manager.filter(**{field.attname: loser.pk})
    if field.model is type(loser):
        rows = rows.exclude(pk__in=[loser.pk, survivor.pk])
    number = 0
    for slice_ids in _slices(rows):
        ids = _free(field, slice_ids, survivor.pk)
        if not ids:
            continue
        homeless = _homeless(field, ids, survivor)
        with _around(relation, ids, [survivor.pk] if isinstance(survivor, Contact) else []):
            manager.filter(pk__in=ids).update(**{field.attname: survivor.pk})
            _note(merge, field.model, field.attname, loser.pk, survivor.pk, ids)
            if homeless:
                manager.filter(pk__in=homeless).update(account_id=survivor.account_id)
                _note(merge, field.model, "account_id", None, survivor.account_id, homeless)
        number += len(ids)
    return number


def _around(relation: Relation, ids: Sequence[int], contacts: Sequence[int]) -> Any:
    return nullcontext() if relation.moving is None else relation.moving(ids, contacts)


def _homeless(field: "models.ForeignKey[Any, Any]", ids: Sequence[int], survivor: Any) -> list[int]:
    """Rows of a person that name no account, although the model could and the survivor has one."""
    names = {f.name for f in field.model._meta.local_fields}
    if not isinstance(survivor, Contact) or "account" not in names or survivor.account_id is None:
        return []
    rows = field.model._base_manager.filter(pk__in=ids, account__isnull=True)
    return list(rows.values_list("pk", flat=True))


def _free(field: "models.ForeignKey[Any, Any]", ids: Sequence[int], survivor_id: int) -> list[int]:
    """Of these rows those whose like the survivor has not got yet; the others stay where they are."""
    model = field.model
    sets = [
        (c.fields, c.condition)
        for c in model._meta.constraints
        if isinstance(c, models.UniqueConstraint) and field.name in c.fields
    ]
    taken: set[int] = set()
    for names, condition in sets:
        others = [name for name in names if name != field.name]
        like = model._base_manager.filter(
            condition or Q(), **{field.attname: survivor_id}, **{name: OuterRef(name) for name in others}
        )
        rows = model._base_manager.filter(Exists(like), condition or Q(), pk__in=ids)
        taken |= set(rows.values_list("pk", flat=True))
    return [pk for pk in ids if pk not in taken]


def _note(
    merge: Merge, model: Any, field: str, value: int | None, target: int | None, ids: Sequence[int]
) -> None:
    MergedRows.objects.create(
        merge=merge, model=model._meta.label, field=field, value=value, target=target, ids=list(ids)
    )


def _announce(merge: Merge, what: str, survivor: Any, actor: User) -> None:
    is_contact = merge.target == CONTACT
    timeline.record(
        kind=f"{merge.target}.{what}",
        cause_key=f"merge:{merge.pk}:{what}",
        account=survivor.account if is_contact else survivor,
        contact=survivor if is_contact else None,
        actor=actor,
        subject=("merge", merge.pk),
        data={"loser": merge.loser_key, "moved": merge.moved_count},
    )
    audit.record(
        action=f"{merge.target}.{what}", actor=actor, obj=survivor, loser=merge.loser_key, merge=merge.pk,
        moved=merge.moved_count,
    )  # fmt: skip


# --- Undoing -------------------------------------------------------------------------------------------------
@transaction.atomic
def undo_merge(*, merge: Merge, actor: User) -> Merge:
    """Make two records of one again, as far as nobody has changed things since. Raises `Refused` when it cannot be done."""
    merge = Merge.objects.select_for_update(of=("self",)).get(pk=merge.pk)
    if merge.undone_at is not None:
        raise Refused("This merge was undone already.", code="undone")
    if merge.sealed_at is not None:
        raise Refused(
            "The person was erased since. What was merged cannot be told apart again.", code="sealed"
        )
    survivor, loser = _hold(merge.target, merge.survivor_key, merge.loser_key)
    if survivor.merged_into_id is not None:
        raise Refused(
            f"{survivor} was itself merged into another {merge.target} since. Undo that merge first.",
            code="merged_again",
        )
    touched = _touched(merge.target, survivor, loser)
    before = extend.read_standings(*touched, actor)
    moved = sum(_move_back(rows) for rows in merge.journal.order_by("-pk"))
    try:
        with transaction.atomic():
            _give_back(merge, survivor, loser, actor)
    except IntegrityError as error:
        raise _not_free(merge, loser, error, actor) from None
    merge.undone_at, merge.undone_by = clock.now(), actor
    after = extend.read_standings(*touched, actor)
    merge.effect = {**merge.effect, "undone": {"before": before, "after": after, "moved": moved}}
    merge.save(update_fields=["undone_at", "undone_by", "effect"])
    survivor.refresh_from_db()
    _announce(merge, "unmerged", survivor, actor)
    return merge


def _move_back(rows: MergedRows) -> int:
    model = apps.get_model(rows.model)
    manager = model._base_manager
    ids = list(
        manager.filter(pk__in=rows.ids, **{rows.field: rows.target})
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not ids:
        return 0
    relation = extend.registered.relations[rows.model]
    contacts = [rows.value] if rows.field == "contact_id" and rows.value is not None else []
    with _around(relation, ids, contacts):
        manager.filter(pk__in=ids).update(**{rows.field: rows.value})
    return len(ids)


def _give_back(merge: Merge, survivor: Any, loser: Any, actor: User) -> None:
    """The fields as they were, where they still are as the merge left them; then the tombstone lives again."""
    target = merge.target
    survivor.refresh_from_db()
    ours = _unchanged(target, survivor, merge.fields.get(SURVIVOR, {}))
    theirs = _unchanged(target, loser, merge.fields.get(LOSER, {}))
    _hand_over(target, loser, {name: None for name in theirs if name in _EXCHANGED[target]}, actor)
    if ours:
        _update(target, survivor, _as_values(target, survivor, ours), actor)
    _hand_over(target, loser, {name: value for name, value in theirs.items() if value}, actor)
    loser.merged_into, loser.updated_at = None, clock.now()
    _save(loser, ["merged_into", "updated_at"], actor)


def _unchanged(target: str, thing: Any, changes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    now = _plain(target, thing)
    return {name: before for name, (before, after) in changes.items() if now[name] == after}


def _as_values(target: str, thing: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    """Stored values in the form that services take: foreign keys as objects, custom fields with those to be emptied."""
    values: dict[str, Any] = {}
    for name, value in plain.items():
        field = thing._meta.get_field(name)
        if isinstance(field, models.ForeignKey):
            values[name] = field.related_model._base_manager.filter(pk=value).first()
        elif name == "custom":
            defined = {one.key for one in custom.definitions(target)}
            keys = {*thing.custom, *value} & defined
            values[name] = {key: value.get(key) for key in keys}
        else:
            values[name] = value
    return values


def _not_free(merge: Merge, loser: Any, error: IntegrityError, actor: User) -> Exception:
    if merge.target == CONTACT and "email_key" in str(error):
        return contact_services.email_taken(loser.email_key, actor)
    if "external_id" in str(error):
        return Refused(
            "What was an external id of one of them is another record’s by now. Change it there, then undo.",
            code="external_id_taken", field="external_id",
        )  # fmt: skip
    return error
