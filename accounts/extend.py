"""What higher apps add to the customer tables without being known here.

A higher app registers, in `AppConfig.ready`: segment fields with the join that reaches them, panels for the
account and contact pages, facts that events remember, and a handler for merge, erase and export for each of its
models that points at an account or a contact (an architecture test fails for a foreign key without one).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.imports.targets import ImportTarget
    from accounts.models import Contact, Event
    from team.models import User

    ReadFacts = Callable[[Sequence[tuple[int | None, int | None]]], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class SegmentField:
    """A field the segment language can filter on.

    `path` is the ORM lookup from the target model; it must lead to one value (reach many rows by an `annotate` that
    puts a subquery under the name in `path`). `type` is one of accounts.domain.FieldType's values or "user".
    `choices` gives the values offered in the editor. `moment` says that a "date" is stored with its time of day.
    `group` is the heading under which the editor lists it.
    """

    key: str
    label: str
    target: str
    path: str
    type: str
    choices: Callable[[], list[tuple[str, str]]] | None = None
    annotate: "Callable[[QuerySet[Any]], QuerySet[Any]] | None" = None
    moment: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the account or contact page: a template and the context it needs.

    `target` is "account" or "contact". `position` orders panels; `tab` is "overview" or the key of a tab of its own,
    with `label` as its title and `count` for the number beside it. The template is rendered with the page's own
    context (`account`, `contact`, `user`, `request`) and what `context(object, user)` returns.

    `column` places it on the overview: "main" in the column of panels, "wide" above the timeline, "top" under the
    head over the whole width (an open alert), "actions" among the buttons of the head (with its dialog, if any), "menu" among the
    entries of its menu.
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

    `model` is "app.Model". `merge` is "move" (the rows are pointed at the survivor, and back when the merge is undone; a
    row that a unique constraint forbids there stays with the tombstone) or "stay" (what is derived, or belongs to something
    else). `moving(ids, contacts)` is entered around each change of rows of the model, also around undoing it: what
    depends on them is set right there. `contacts` are the ids of the contacts the rows may come to.

    `erase` is called with the contact, once for it and once for each tombstone merged into it; without one the rows are
    taken to hold nothing personal. `export` yields what is known about the person as plain mappings; without one the
    rows that point at the contact are exported field by field.
    """

    model: str
    merge: Literal["move", "stay"] = "move"
    moving: "Callable[[Sequence[int], Sequence[int]], AbstractContextManager[Any]] | None" = None
    erase: "Callable[[Contact], None] | None" = None
    export: "Callable[[Contact], Iterable[Mapping[str, Any]]] | None" = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Figures that a merge may change, shown as they were before and as they are after.

    `read(contacts, accounts, user)` returns neutral values that fit into JSON. `words(before, after, user)` says what
    changed between two of them, one sentence each: "Account Acme: 8.2 → 7.9, 5 → 6 people".
    """

    key: str
    read: "Callable[[Sequence[int], Sequence[int], User | None], Mapping[str, Any]]"
    words: "Callable[[Mapping[str, Any], Mapping[str, Any], User], Sequence[str]]"


@dataclass(frozen=True, slots=True)
class EventRenderer:
    """How one kind of event looks on the timeline.

    The template draws one `<li>` (use `{% tl_item %}`) and gets `event` (with `contact`, `actor` and `account`
    loaded), `subject` (what `prefetch` found for it, or None) and `place` ("account" or "contact": whose page it is).
    `prefetch(events)` is called once for all events of the kind on a page and returns things by event id: names and
    texts are joined here, when read. `group` is the filter it belongs to: answers, mails, tasks, people or changes.
    """

    kind: str
    template: str
    prefetch: "Callable[[Sequence[Event]], Mapping[int, Any]] | None" = None
    group: str = "changes"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a higher app adds to the list of accounts or contacts and to its export.

    `annotate` prepares the query; `sort` is what to order by (empty: not sortable, nulls always come last); the
    template draws the content of the cell and gets `row`; `export` gives the plain value for a download.
    """

    key: str
    target: str
    label: str
    template: str
    export: Callable[[Any], Any]
    annotate: "Callable[[QuerySet[Any]], QuerySet[Any]] | None" = None
    sort: str = ""
    css: str = ""
    position: int = 100


@dataclass(frozen=True, slots=True)
class ReadyList:
    """A list worth having, offered beside the saved segments: opened as it is, or saved to be changed and used.

    `conditions` are in the segment language; a list whose fields are not known here is not offered. `sort` orders the
    rows ("-arr"). `words` say in a line what it is good for.
    """

    key: str
    name: str
    target: str
    words: str
    conditions: Mapping[str, Any]
    sort: str = ""
    position: int = 100


@dataclass(slots=True)
class Extensions:
    segment_fields: dict[tuple[str, str], SegmentField] = field(default_factory=dict)
    panels: dict[str, Panel] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    facts: "dict[str, ReadFacts]" = field(default_factory=dict)
    renderers: dict[str, EventRenderer] = field(default_factory=dict)
    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    segment_users: "dict[str, Callable[[int], Iterable[str]]]" = field(default_factory=dict)
    import_targets: "dict[str, ImportTarget]" = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    ready_lists: dict[str, ReadyList] = field(default_factory=dict)
    points: "dict[str, Callable[[Sequence[int]], None]]" = field(default_factory=dict)


registered = Extensions()


def segment_field(new: SegmentField) -> None:
    registered.segment_fields[new.target, new.key] = new


def panel(new: Panel) -> None:
    registered.panels[new.key] = new


def relation(new: Relation) -> None:
    """Register how a model takes part. Twice is refused: the second would take the first one's handlers away unseen."""
    if new.model in registered.relations:
        raise ValueError(f"{new.model}: registered twice")
    registered.relations[new.model] = new


def facts(key: str, read: "ReadFacts") -> None:
    """Register non-personal values that every event remembers as they were when it was recorded.

    `read` is given the ids of many pairs of account and contact at once, and answers for each in their order.
    """
    registered.facts[key] = read


def panels_for(target: str, tab: str) -> list[Panel]:
    found = [p for p in registered.panels.values() if p.target == target and p.tab == tab]
    return sorted(found, key=lambda p: (p.position, p.key))


def panels_of(target: str) -> list[Panel]:
    found = [p for p in registered.panels.values() if p.target == target]
    return sorted(found, key=lambda p: (p.position, p.key))


def event_renderer(
    kind: str,
    template: str,
    prefetch: "Callable[[Sequence[Event]], Mapping[int, Any]] | None" = None,
    *,
    group: str = "changes",
) -> None:
    registered.renderers[kind] = EventRenderer(kind, template, prefetch, group)


def column(new: Column) -> None:
    registered.columns[new.target, new.key] = new


def columns_for(target: str) -> list[Column]:
    found = [c for c in registered.columns.values() if c.target == target]
    return sorted(found, key=lambda c: (c.position, c.key))


def segment_user(key: str, used_by: "Callable[[int], Iterable[str]]") -> None:
    """Say who uses a segment: `used_by(segment_id)` names the things; a segment in use is not deleted."""
    registered.segment_users[key] = used_by


def import_target(new: "ImportTarget") -> None:
    """Let files be brought in as something of another app (accounts/imports/targets.py)."""
    registered.import_targets[new.key] = new


def import_choices() -> list[tuple[str, str]]:
    found = sorted(registered.import_targets.values(), key=lambda target: target.position)
    return [(target.key, target.label) for target in found]


def ready_list(new: ReadyList) -> None:
    registered.ready_lists[new.key] = new


def ready_lists() -> list[ReadyList]:
    return sorted(registered.ready_lists.values(), key=lambda one: (one.position, one.key))


def on_points(key: str, tell: "Callable[[Sequence[int]], None]") -> None:
    """Be told which accounts got new metric points, in the transaction that stores them; points make no events."""
    registered.points[key] = tell


def points_stored(account_ids: Iterable[int]) -> None:
    """Tell who wants to know of new points; whoever stores points calls this in the same transaction."""
    found = list(dict.fromkeys(account_ids))
    for tell in registered.points.values() if found else ():
        tell(found)


def standing(new: Standing) -> None:
    registered.standings[new.key] = new


def read_standings(
    contacts: Sequence[int], accounts: Sequence[int], user: "User | None"
) -> dict[str, Mapping[str, Any]]:
    """The registered figures of these contacts and accounts, as they are now."""
    return {key: one.read(contacts, accounts, user) for key, one in registered.standings.items()}


def words_of_change(before: Mapping[str, Any], after: Mapping[str, Any], user: "User") -> list[str]:
    """What changed between two readings, in sentences."""
    return [
        text
        for key, one in registered.standings.items()
        if key in before and key in after
        for text in one.words(before[key], after[key], user)
    ]
