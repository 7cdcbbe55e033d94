"""Everything known about a person, as they may ask for it: for machines as JSON, for people as a page.

What other apps know comes through `Relation.export` (accounts/extend.py); of models without one, the rows that point at the
person are given field by field. Keys of the machinery (leases, attempts) say nothing about anybody and are left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts import extend
from accounts.models import Contact
from core import clock
from core.outbox import OUTBOX_FIELDS, OutboxRow
from team import audit
from team import queries as team_queries
from team.models import User

_HISTORY = frozenset({"history_user", "history_id", "history_change_reason"})
_PERSON = (
    "id", "external_id", "first_name", "last_name", "email", "phone", "job_title", "role", "language", "time_zone", "custom",
    "created_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """What one part of the product knows: a heading and its rows."""

    key: str
    title: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PersonExport:
    """`sections` in a fixed order, the person first."""

    contact_id: int
    made_at: Any
    company: str
    sections: list[Section]

    def as_plain(self) -> dict[str, Any]:
        """The same as one mapping, rows by section."""
        return {
            "contact": self.contact_id,
            "made_at": self.made_at,
            "company": self.company,
            "data": {section.key: section.rows for section in self.sections},
        }

    def as_json(self) -> str:
        """The same as text, times in ISO 8601."""
        return json.dumps(self.as_plain(), cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def export_person(*, contact: Contact, actor: User) -> PersonExport:
    """Gather what is known about `contact`, which `actor` may see, and note in the audit log that it was taken away."""
    audit.record(action="contact.exported", actor=actor, obj=contact)
    people = [contact, *Contact.objects.filter(merged_into=contact).order_by("pk")]
    sections = [Section("person", "The person", [_person(one) for one in people])]
    past = Contact.history.filter(id__in=[one.pk for one in people]).order_by("history_date", "history_id")
    sections.append(
        Section(
            "person_before", "How the record was before", [_person(row, row.history_date) for row in past]
        )
    )
    for relation in sorted(extend.registered.relations.values(), key=lambda one: one.model):
        rows = [dict(row) for person in people for row in _rows(relation, person)]
        if rows:
            model = apps.get_model(relation.model)
            sections.append(
                Section(relation.model, str(model._meta.verbose_name_plural).capitalize(), _plain(rows))
            )
    return PersonExport(contact.pk, clock.now(), team_queries.workspace().name, sections)


def _person(contact: Any, at: Any = None) -> dict[str, Any]:
    found = {name: getattr(contact, name) for name in _PERSON if hasattr(contact, name)}
    found["account"] = contact.account.name if contact.account_id and contact.account else None
    return found if at is None else {"changed_at": at, **found}


def _rows(relation: extend.Relation, person: Contact) -> Iterable[Mapping[str, Any]]:
    if relation.export is not None:
        return relation.export(person)
    model = apps.get_model(relation.model)
    return [row for field in _pointing(model) for row in _by_field(model, field, person)]


def _pointing(model: type[models.Model]) -> Iterator[str]:
    if model is Contact:
        return
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey) and field.related_model is Contact:
            yield field.attname


def _by_field(model: type[models.Model], pointer: str, person: Contact) -> list[dict[str, Any]]:
    hidden = _HISTORY | (frozenset(OUTBOX_FIELDS.split()) if issubclass(model, OutboxRow) else frozenset())
    names = [f.attname for f in model._meta.concrete_fields if f.name not in hidden and f.attname != pointer]
    rows = model._base_manager.filter(**{pointer: person.pk}).order_by("pk").values(*names)
    return [{name.removesuffix("_id"): value for name, value in row.items()} for row in rows]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what is empty in every row, which a reader would only have to skip."""
    used = {name for row in rows for name, value in row.items() if value not in (None, "", {}, [])}
    return [{name: value for name, value in row.items() if name in used} for row in rows]
