"""What higher apps add to the customer tables without being known here.

A higher app registers, in `AppConfig.ready`: segment fields with the join that reaches them, panels for the
account and contact pages, facts that events remember, and a handler for merge, erase and export for each of its
models that points at an account or a contact (an architecture test fails for a foreign key without one).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import Account, Contact
    from team.models import User


@dataclass(frozen=True, slots=True)
class SegmentField:
    """A field the segment language can filter on.

    `path` is the ORM lookup from the target model. `type` is one of accounts.domain.FieldType's values or
    "user". `choices` gives the values offered in the editor. `annotate`, if given, prepares the query first.
    """

    key: str
    label: str
    target: str
    path: str
    type: str
    choices: Callable[[], list[tuple[str, str]]] | None = None
    annotate: "Callable[[QuerySet[Any]], QuerySet[Any]] | None" = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the account or contact page: a template and the context it needs.

    `position` orders panels; `tab` is "overview" or the key of a tab of its own, with `label` as its title and
    `count` for the number beside it.
    """

    key: str
    target: str
    tab: str
    label: str
    template: str
    context: "Callable[[Any, User], Mapping[str, Any]]"
    position: int = 100
    column: str = "main"
    count: "Callable[[Any, User], int | None] | None" = None


@dataclass(frozen=True, slots=True)
class Relation:
    """How a model that points at an account or contact takes part in merge, erase and export.

    `model` is "app.Model". `merge`: "move" (re-point the rows to the survivor) or a function. `erase` is called
    with the contact; `export` yields what is known about the person as plain mappings.
    """

    model: str
    merge: "str | Callable[[Contact, Contact], None]" = "move"
    erase: "Callable[[Contact], None] | None" = None
    export: "Callable[[Contact], Iterable[Mapping[str, Any]]] | None" = None
    reason: str = ""


@dataclass(slots=True)
class Extensions:
    segment_fields: dict[tuple[str, str], SegmentField] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    facts: "dict[str, Callable[[Account | None, Contact | None], Mapping[str, Any]]]" = field(default_factory=dict)


registered = Extensions()


def segment_field(new: SegmentField) -> None:
    registered.segment_fields[new.target, new.key] = new


def panel(new: Panel) -> None:
    registered.panels[new.key] = new


def relation(new: Relation) -> None:
    registered.relations[new.model] = new


def facts(key: str, read: "Callable[[Account | None, Contact | None], Mapping[str, Any]]") -> None:
    """Register non-personal values that every event remembers as they were when it was recorded."""
    registered.facts[key] = read


def panels_for(target: str, tab: str) -> list[Panel]:
    found = [p for p in registered.panels.values() if p.target == target and p.tab == tab]
    return sorted(found, key=lambda p: (p.position, p.key))
