"""Values of custom fields: checked by the type of their field, stored as JSON of that type."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts import cleaning
from accounts.domain import FieldType
from accounts.models import CustomField
from core.errors import Invalid


def definitions(target: str) -> list[CustomField]:
    return list(CustomField.objects.filter(target=target).order_by("position", "label", "pk"))


def clean(
    values: object, fields: Sequence[CustomField], *, stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`stored` with `values` laid over it. An empty value takes a field away; an unknown key is refused.

    What is stored under a field that has been removed since stays as it is.
    """
    if not isinstance(values, Mapping):
        raise Invalid("custom must be an object of field keys and values.", field="custom")
    by_key = {field.key: field for field in fields}
    merged = dict(stored or {})
    for key, raw in values.items():
        field = by_key.get(str(key))
        if field is None:
            raise Invalid(
                f"There is no custom field “{str(key)[:40]}”. An administrator can add it.", field="custom"
            )
        value = clean_one(raw, field)
        if value is None:
            merged.pop(field.key, None)
        else:
            merged[field.key] = value
    return merged


def clean_one(raw: object, field: CustomField) -> Any:
    """One value as it is stored, None when empty."""
    name = f"custom.{field.key}"
    if raw is None or raw == "":
        return None
    match FieldType(field.type):
        case FieldType.TEXT:
            return cleaning.text(raw, field=name, label=field.label, limit=500) or None
        case FieldType.NUMBER:
            found = cleaning.number(raw, field=name, label=field.label, digits=15, places=6, is_signed=True)
            if found is None:
                return None
            return int(found) if found == int(found) else float(found)
        case FieldType.DATE:
            day = cleaning.date(raw, field=name, label=field.label)
            return None if day is None else day.isoformat()
        case FieldType.BOOLEAN:
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            found_bool = raw if isinstance(raw, bool) else words.get(str(raw).strip().lower())
            if found_bool is None:
                raise Invalid(f"{field.label} must be yes or no.", field=name)
            return found_bool
        case _:
            return cleaning.choice(raw, [str(one) for one in field.choices], field=name, label=field.label)
