"""What an administrator lays down: custom fields and lifecycle stages."""

import re
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError

from accounts import cleaning, conditions, history, segments
from accounts.domain import FieldType
from accounts.models import Account, CustomField, LifecycleStage, Segment
from core.errors import Invalid, Refused
from team import audit
from team.models import User

TARGETS = ("account", "contact")
MAX_FIELDS = 100
MAX_CHOICES = 100
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")


def key_from(label: str) -> str:
    """A key proposed from a label: "Contract type" → contract_type."""
    words = re.sub(r"[^a-z0-9]+", "_", label.lower().translate(str.maketrans("äöüß", "aous"))).strip("_")
    return words[:40].strip("_") if words[:1].isalpha() else f"field_{words}"[:40].strip("_")


def _clean_choices(type_: str, values: object) -> list[str]:
    if type_ != FieldType.CHOICE:
        return []
    if not isinstance(values, list):
        raise Invalid("The choices must be a list of texts.", field="choices")
    words = [cleaning.text(value, field="choices", label="A choice", limit=80) for value in values]
    words = list(dict.fromkeys(word for word in words if word))
    if not words:
        raise Invalid("A choice field needs at least one choice.", field="choices")
    if len(words) > MAX_CHOICES:
        raise Invalid(f"A choice field takes at most {MAX_CHOICES} choices.", field="choices")
    return words


@transaction.atomic
def create_custom_field(
    *,
    target: str,
    label: str,
    type: str,
    actor: User | None,
    key: str = "",
    choices: list[str] | None = None,
    is_personal: bool | None = None,
) -> CustomField:
    """Add a field to accounts or contacts. Its key and type are for good; label and choices can change."""
    target = cleaning.choice(target, TARGETS, field="target", label="Belongs to")
    type_ = cleaning.choice(type, [t.value for t in FieldType], field="type", label="Type")
    label = cleaning.text(label, field="label", label="Label", limit=80, is_required=True)
    key = key.strip() or key_from(label)
    if not _KEY.fullmatch(key):
        raise Invalid(
            "The key is small letters, digits and underscores, and begins with a letter.", field="key"
        )
    fields = CustomField.objects.filter(target=target)
    if fields.count() >= MAX_FIELDS:
        raise Refused(
            f"There are {MAX_FIELDS} custom fields already. Remove one that nobody uses.", field="label"
        )
    position = (fields.aggregate(last=Max("position"))["last"] or 0) + 1
    field = CustomField(
        target=target,
        key=key,
        label=label,
        type=type_,
        choices=_clean_choices(type_, choices or []),
        is_personal=target == "contact" if is_personal is None else is_personal,
        position=position,
    )
    history.sign(field, actor)
    try:
        with transaction.atomic():
            field.save()
    except IntegrityError:
        raise Refused(
            f"There is a field with the key “{key}” already.", field="key", code="key_taken"
        ) from None
    audit.record(action="custom_field.created", actor=actor, obj=field, target=target, key=key, type=type_)
    return field


@transaction.atomic
def update_custom_field(
    *,
    field: CustomField,
    label: str,
    choices: list[str],
    is_personal: bool,
    position: int | None,
    actor: User | None,
) -> CustomField:
    """Change what can change. Values already stored under a choice that goes away stay until they are edited."""
    field.label = cleaning.text(label, field="label", label="Label", limit=80, is_required=True)
    field.choices = _clean_choices(field.type, choices)
    field.is_personal = is_personal
    if position is not None:
        field.position = position
    history.sign(field, actor)
    field.save(update_fields=["label", "choices", "is_personal", "position"])
    audit.record(action="custom_field.updated", actor=actor, obj=field)
    return field


@transaction.atomic
def delete_custom_field(*, field: CustomField, actor: User | None) -> None:
    """Take a field away. Refused while a segment uses it; the values stay stored, out of sight."""
    keys = {f"custom.{field.key}"} if field.target == "account" else set()
    for segment in Segment.objects.order_by("name", "pk"):
        prefix = "account." if field.target == "account" and segment.target == "contact" else ""
        wanted = {f"{prefix}{key}" for key in keys or {f"custom.{field.key}"}}
        if (field.target == segment.target or prefix) and _uses(segment.conditions, wanted):
            raise Refused(
                f"The segment “{segment.name}” filters by this field. Change the segment first.",
                code="in_use",
            )
    audit.record(action="custom_field.deleted", actor=actor, obj=field, target=field.target, key=field.key)
    history.sign(field, actor)
    field.delete()


def _uses(tree: Any, keys: set[str]) -> bool:
    if isinstance(tree, dict):
        return tree.get("field") in keys or any(_uses(inner, keys) for inner in tree.values())
    return isinstance(tree, list) and any(_uses(inner, keys) for inner in tree)


@transaction.atomic
def save_stage(
    *,
    name: str,
    is_customer: bool,
    position: int | None,
    actor: User | None,
    stage: LifecycleStage | None = None,
) -> LifecycleStage:
    """Add a lifecycle stage, or change one. Two stages never share a name."""
    is_new = stage is None
    stage = stage or LifecycleStage()
    stage.name = cleaning.text(name, field="name", label="Name", limit=60, is_required=True)
    stage.is_customer = is_customer
    if position is not None:
        stage.position = position
    elif is_new:
        last = LifecycleStage.objects.aggregate(last=Max("position"))["last"]
        stage.position = (last or 0) + 1
    history.sign(stage, actor)
    try:
        with transaction.atomic():
            stage.save()
    except IntegrityError:
        raise Refused(f"There is a stage “{stage.name}” already.", field="name", code="name_taken") from None
    audit.record(action="stage.created" if is_new else "stage.updated", actor=actor, obj=stage)
    return stage


@transaction.atomic
def delete_stage(*, stage: LifecycleStage, actor: User | None) -> None:
    """Take a stage away that no account is in and no segment asks for."""
    count = Account.objects.filter(stage=stage).count()
    if count:
        raise Refused(
            f"{count:,} account{'s are' if count > 1 else ' is'} in this stage. Move them to another stage first.",
            code="in_use",
        )
    for segment in Segment.objects.order_by("name", "pk"):
        try:
            found = list(conditions.leaves(segments.parse(segment.conditions, segment.target)))
        except Invalid:
            continue
        if any(one.field in {"stage", "account.stage"} and str(stage.pk) in one.values for one in found):
            raise Refused(
                f"The segment “{segment.name}” asks for this stage. Change the segment first.", code="in_use"
            )
    audit.record(action="stage.deleted", actor=actor, obj=stage)
    history.sign(stage, actor)
    try:
        stage.delete()
    except ProtectedError:
        raise Refused("An account is in this stage. Move it to another stage first.", code="in_use") from None
