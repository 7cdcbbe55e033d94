"""Noticing that somebody else has changed a thing since it was read."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.db import models

from accounts.cleaning import as_plain
from core.errors import Refused


class Stale(Refused):
    """The thing was changed in the meantime; the sender's values are kept on the page, nothing was written."""

    code = "stale"
    status = 412


def version_of(thing: models.Model, fields: Sequence[str]) -> str:
    """A short digest of the stored values of `fields`: it changes when one of them does, whoever wrote it."""
    values = {name: as_plain(getattr(thing, _column(thing, name))) for name in sorted(fields)}
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _column(thing: models.Model, name: str) -> str:
    """The attribute that holds the plain value: of a foreign key its id."""
    field = thing._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field.attname


def check(thing: models.Model, fields: Sequence[str], version: str, *, what: str) -> None:
    """Refuse unless `thing` (locked by the caller) still has the version that the sender saw. "" asks nothing."""
    if version and version != version_of(thing, fields):
        raise Stale(
            f"Somebody changed this {what} while you were editing it. Nothing has been saved; your values are still"
            " here. Compare them with what is stored now, and save again to keep yours."
        )


def changed(thing: models.Model, values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` (by field name, foreign keys as objects) that differ from what `thing` holds."""
    found = {}
    for name, value in values.items():
        held = getattr(thing, _column(thing, name))
        new = value.pk if isinstance(value, models.Model) else value
        if held != new:
            found[name] = value
    return found
