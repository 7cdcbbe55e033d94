"""What pages and endpoints read about customers. Everything starts from what the person may see."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Max, Model, OuterRef, Prefetch, Q, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber, TruncDate
from django.utils import timezone

from accounts import extend, metric_values, segments
from accounts.domain import OWNER_CHANGE, ContractOutcome, OwnerRole
from accounts.models import (
    Account,
    AccountOwner,
    Contact,
    Contract,
    CustomField,
    Event,
    Interaction,
    LifecycleStage,
    Merge,
    Metric,
    MetricPoint,
    Segment,
)
from core import clock, outbox
from core.models import Job
from team.models import User


# --- Lists ---------------------------------------------------------------------------------------------------
def list_accounts(user: User) -> QuerySet[Account]:
    found: QuerySet[Account] = Account.objects.visible_to(user).select_related("owner", "stage")
    return found


def list_contacts(user: User) -> QuerySet[Contact]:
    found: QuerySet[Contact] = (
        Contact.objects.visible_to(user).live().select_related("account", "account__owner")
    )
    return found


def list_contracts(user: User) -> QuerySet[Contract]:
    found: QuerySet[Contract] = Contract.objects.visible_to(user).select_related("account")
    return found


def list_interactions(user: User) -> QuerySet[Interaction]:
    found: QuerySet[Interaction] = Interaction.objects.visible_to(user).select_related(
        "account", "contact", "user"
    )
    return found


def list_events(user: User) -> QuerySet[Event]:
    found: QuerySet[Event] = Event.objects.visible_to(user)
    return found


def list_segments(user: User) -> QuerySet[Segment]:
    found: QuerySet[Segment] = Segment.objects.visible_to(user).select_related("owner__team")
    return found.order_by("target", "name", "pk")


def offered_lists(user: User) -> list[extend.ReadyList]:
    """The ready lists that can be run here and that nobody in sight has saved under their name."""
    taken = {(s.name, s.target) for s in list_segments(user)}
    fields = {target: set(segments.fields_for(target, user)) for target in ("account", "contact")}
    return [
        one
        for one in extend.ready_lists()
        if (one.name, one.target) not in taken and segments.named_fields(one.conditions) <= fields[one.target]
    ]


def find_offered(key: str, user: User) -> extend.ReadyList | None:
    return next((one for one in offered_lists(user) if one.key == key), None)


def list_metrics() -> QuerySet[Metric]:
    return Metric.objects.order_by("label", "pk")


def list_points(user: User) -> QuerySet[MetricPoint]:
    visible = Account.objects.visible_to(user).values("pk")
    return MetricPoint.objects.filter(account__in=visible).select_related("metric", "account")


def list_stages() -> QuerySet[LifecycleStage]:
    return LifecycleStage.objects.order_by("position", "name", "pk")


def list_stages_with_counts(user: User) -> QuerySet[LifecycleStage]:
    visible = Account.objects.visible_to(user).values("pk")
    return list_stages().annotate(accounts=Count("account", filter=Q(account__in=visible)))


def list_custom_fields() -> QuerySet[CustomField]:
    return CustomField.objects.order_by("target", "position", "label", "pk")


def with_columns(queryset: QuerySet[Any], target: str) -> QuerySet[Any]:
    """The query with what registered columns need, so that a list costs the same however long it is."""
    for column in extend.columns_for(target):
        if column.annotate is not None:
            queryset = column.annotate(queryset)
    return queryset


ACCOUNT_SORTS: dict[str, tuple[Any, ...]] = {
    "name": ("name",),
    "arr": ("arr",),
    "renewal": ("renewal_on",),
    "owner": ("owner__name", "name"),
    "stage": ("stage__position", "stage__name", "name"),
    "plan": ("plan", "name"),
    "segment": ("segment", "name"),
    "added": ("created_at",),
}
CONTACT_SORTS: dict[str, tuple[Any, ...]] = {
    "name": ("last_name", "first_name"),
    "account": ("account__name", "last_name"),
    "owner": ("account__owner__name", "last_name"),
    "role": ("role", "last_name"),
    "added": ("created_at",),
}


def sorted_by(
    queryset: QuerySet[Any], asked: str, sorts: Mapping[str, tuple[str, ...]], target: str
) -> QuerySet[Any]:
    """In the order asked for (`name`, `-arr`, a registered column's key), empty values last, then by key."""
    name, is_down = asked.removeprefix("-"), asked.startswith("-")
    columns = {c.key: (c.sort,) for c in extend.columns_for(target) if c.sort}
    chosen = {**columns, **sorts}.get(name, ("name",) if target == "account" else ("last_name", "first_name"))
    first, *others = chosen
    head = F(first).desc(nulls_last=True) if is_down else F(first).asc(nulls_last=True)
    return queryset.order_by(head, *others, "pk")


# --- One account ---------------------------------------------------------------------------------------------
def owners_of(account: Account) -> list[AccountOwner]:
    return list(
        AccountOwner.objects.filter(account=account)
        .select_related("user")
        .order_by("role", "user__name", "pk")
    )


def others_of(account: Account) -> list[AccountOwner]:
    """Who looks after an account besides its primary owner; that one as CSM would say the same twice."""
    return [row for row in owners_of(account) if (row.user_id, row.role) != (account.owner_id, OwnerRole.CSM)]


def get_owner_row(account: Account, pk: int) -> AccountOwner | None:
    return AccountOwner.objects.filter(account=account, pk=pk).select_related("account", "user").first()


def children_of(account: Account, user: User) -> QuerySet[Account]:
    return list_accounts(user).filter(parent=account).order_by("name", "pk")


def visible_parent(account: Account, user: User) -> Account | None:
    """The parent, if `user` may see it."""
    return list_accounts(user).filter(pk=account.parent_id).first() if account.parent_id else None


def contracts_of(account: Account) -> QuerySet[Contract]:
    return Contract.objects.filter(account=account).order_by("-ends_on", "-pk")


def open_contracts_of(account: Account) -> QuerySet[Contract]:
    return Contract.objects.filter(account=account, outcome=ContractOutcome.OPEN).order_by("ends_on", "pk")


def contacts_of(account: Account) -> QuerySet[Contact]:
    contacts: QuerySet[Contact] = Contact.objects.filter(account=account).live()
    return contacts


@dataclass(frozen=True, slots=True)
class MetricNow:
    """A metric of an account: the newest value and, for the line beside it, the last value of each day of the last
    180 days as (moment, value)."""

    metric: Metric
    value: Decimal
    observed_at: dt.datetime
    days: list[tuple[dt.datetime, Decimal]]

    @property
    def text(self) -> str:
        metric = self.metric
        return metric_values.shown(metric.type, metric.choices, metric.unit, self.value)


METRIC_LINE = dt.timedelta(days=180)


def metrics_of(account: Account) -> list[MetricNow]:
    """The newest point of each metric that has one; of several for one moment the one recorded last."""
    points = MetricPoint.objects.filter(account=account, metric=OuterRef("pk")).order_by(
        "-observed_at", "-recorded_at", "-pk"
    )
    metrics: QuerySet[Any] = Metric.objects.annotate(
        last_value=Subquery(points.values("value")[:1]), last_at=Subquery(points.values("observed_at")[:1])
    )
    found = list(metrics.filter(last_at__isnull=False).order_by("label", "pk"))
    days: dict[int, list[tuple[dt.datetime, Decimal]]] = {metric.pk: [] for metric in found}
    if found:
        rank = Window(
            RowNumber(),
            partition_by=[F("metric_id"), TruncDate("observed_at", tzinfo=dt.UTC)],
            order_by=[F("observed_at").desc(), F("recorded_at").desc(), F("pk").desc()],
        )
        lately = MetricPoint.objects.filter(account=account, observed_at__gte=clock.now() - METRIC_LINE)
        rows = lately.annotate(rank=rank).filter(rank=1).order_by("observed_at")
        for metric, at, value in rows.values_list("metric_id", "observed_at", "value"):
            days[metric].append((at, value))
    return [MetricNow(one, one.last_value, one.last_at, days[one.pk]) for one in found]


def points_of(account: Account, metric: Metric) -> QuerySet[MetricPoint]:
    """All points of one metric of an account, newest first; corrections stand above what they correct."""
    points = MetricPoint.objects.filter(account=account, metric=metric)
    return points.order_by("-observed_at", "-recorded_at", "-pk")


def weeks_of_metric(
    account: Account, metric: Metric, *, since: dt.date
) -> dict[dt.date, tuple[Decimal, int]]:
    """The last value of each week, by its Monday in the zone of the company, and how many points the week has."""
    start = dt.datetime.combine(since, dt.time(), tzinfo=timezone.get_current_timezone())
    rows = points_of(account, metric).filter(observed_at__gte=start).values_list("observed_at", "value")
    weeks: dict[dt.date, tuple[Decimal, int]] = {}
    for at, value in rows:
        day = timezone.localtime(at).date()
        monday = day - dt.timedelta(days=day.weekday())
        newest, count = weeks.get(monday, (value, 0))
        weeks[monday] = (newest, count + 1)
    return weeks


def list_metrics_with_counts() -> QuerySet[Any]:
    """Metrics with the number of accounts that have a point, and the time of the newest point."""
    points = MetricPoint.objects.filter(metric=OuterRef("pk")).values("metric").order_by()
    return list_metrics().annotate(
        accounts=Subquery(points.annotate(n=Count("account", distinct=True)).values("n")),
        newest=Subquery(points.annotate(at=Max("recorded_at")).values("at")),
    )


@dataclass(frozen=True, slots=True)
class Custom:
    label: str
    value: Any
    type: str


def custom_values(thing: Account | Contact, target: str) -> list[Custom]:
    """The custom fields that have a value, in their order."""
    fields = CustomField.objects.filter(target=target).order_by("position", "label", "pk")
    found = []
    for field in fields:
        value = thing.custom.get(field.key)
        if value is None:
            continue
        if field.type == "date":
            value = dt.date.fromisoformat(value)
        found.append(Custom(field.label, value, field.type))
    return found


# --- Timeline ------------------------------------------------------------------------------------------------
PAGE = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as the page draws it."""

    event: Event
    template: str
    subject: Any


@dataclass(frozen=True, slots=True)
class TimelinePage:
    entries: list[Entry]
    older: str


GROUPS = {
    "answers": "answers",
    "mails": "surveys sent",
    "people": "calls, mails and notes",
    "tasks": "tasks",
    "changes": "changes",
}
PLAIN = "accounts/events/plain.html"


def timeline_of(
    events: QuerySet[Event], *, group: str = "", before: str = "", size: int = PAGE
) -> TimelinePage:
    """A page of the timeline, newest first. Each kind of event fetches what it shows in one go."""
    if group in GROUPS:
        kinds = [r.kind for r in extend.registered.renderers.values() if r.group == group]
        events = events.filter(kind__in=kinds)
    if (position := _position(before)) is not None:
        moment, pk = position
        events = events.filter(Q(occurred_at__lt=moment) | Q(occurred_at=moment, pk__lt=pk))
    ordered = events.select_related("contact", "account", "actor").order_by("-occurred_at", "-pk")
    rows = list(ordered[: size + 1])
    older = ""
    if len(rows) > size:
        rows = rows[:size]
        older = f"{rows[-1].occurred_at.isoformat()}_{rows[-1].pk}"
    subjects: dict[int, Any] = {}
    by_kind: dict[str, list[Event]] = {}
    for event in rows:
        by_kind.setdefault(event.kind, []).append(event)
    # Kinds that share a way of fetching are fetched together.
    by_fetch: dict[Callable[[Sequence[Event]], Mapping[int, Any]], list[Event]] = {}
    for kind, same in by_kind.items():
        renderer = extend.registered.renderers.get(kind)
        if renderer is not None and renderer.prefetch is not None:
            by_fetch.setdefault(renderer.prefetch, []).extend(same)
    for fetch, same in by_fetch.items():
        subjects |= fetch(same)
    entries = []
    for event in rows:
        renderer = extend.registered.renderers.get(event.kind)
        entries.append(Entry(event, renderer.template if renderer else PLAIN, subjects.get(event.pk)))
    return TimelinePage(entries, older)


def _position(before: str) -> tuple[dt.datetime, int] | None:
    moment, _, pk = before.partition("_")
    try:
        found = dt.datetime.fromisoformat(moment)
        number = int(pk) if pk.isascii() and len(pk) < 19 else -1
    except ValueError:
        return None
    return (found, number) if found.tzinfo is not None and number > 0 else None


def account_events(account: Account, user: User) -> QuerySet[Event]:
    return list_events(user).filter(account=account)


def contact_events(contact: Contact, user: User) -> QuerySet[Event]:
    return list_events(user).filter(contact=contact)


# --- What the timeline shows of our own things ---------------------------------------------------------------
def by_subject(model: type[Model], *related: str) -> Callable[[Sequence[Event]], Mapping[int, Any]]:
    """A prefetch for events whose subject is a row of `model`."""

    def fetch(events: Sequence[Event]) -> Mapping[int, Any]:
        rows = model._default_manager.select_related(*related).in_bulk(
            [e.subject_id for e in events if e.subject_id]
        )
        return {e.pk: rows.get(e.subject_id) for e in events}

    return fetch


def named_in(model: type[Model]) -> Callable[[Sequence[Event]], Mapping[int, Any]]:
    """A prefetch for changes from one row of `model` to another, whose ids are `from` and `to` in the data."""

    def fetch(events: Sequence[Event]) -> Mapping[int, Any]:
        ids = {e.data.get(side) for e in events for side in ("from", "to")} - {None}
        rows = model._default_manager.in_bulk(ids)
        return {
            e.pk: {"old": rows.get(e.data.get("from")), "new": rows.get(e.data.get("to"))} for e in events
        }

    return fetch


def sent_interactions(events: Sequence[Event]) -> Mapping[int, Any]:
    """Interactions with the mail that went out for them, if any."""
    found = Interaction.objects.select_related("user").prefetch_related(Prefetch("outgoing"))
    rows = found.in_bulk([e.subject_id for e in events if e.subject_id])
    return {e.pk: rows.get(e.subject_id) for e in events}


def metric_events(events: Sequence[Event]) -> Mapping[int, Any]:
    """Events of crossed thresholds with their metric and their values in words."""
    found = Metric.objects.in_bulk({e.data.get("metric") for e in events}, field_name="key")
    subjects: dict[int, Any] = {}
    for event in events:
        metric = found.get(event.data.get("metric", ""))
        if metric is not None:
            subjects[event.pk] = {"metric": metric} | {
                name: metric_values.shown(metric.type, metric.choices, metric.unit, Decimal(event.data[name]))
                for name in ("threshold", "value", "before")
            }
    return subjects


# --- Jobs ----------------------------------------------------------------------------------------------------
def owner_changes_under_way(user: User) -> list[Job]:
    """This person's bulk changes that are not done yet, or were given up within the last day."""
    since = clock.now() - dt.timedelta(days=1)
    mine = Job.objects.filter(kind=OWNER_CHANGE, requested_by=user.pk, created_at__gte=since)
    return list(mine.exclude(state__in=[outbox.State.DONE, outbox.State.CANCELLED]).order_by("-pk")[:3])


# --- Merges --------------------------------------------------------------------------------------------------
def list_merges(user: User) -> QuerySet[Merge]:
    """Merges whose survivor a person may see, newest first. A survivor that was merged since is seen with what it became."""
    contacts = Contact.objects.visible_to(user).values("pk")
    accounts = Account.objects.visible_to(user).values("pk")
    later = Merge.objects.filter(undone_at__isnull=True, target="account", survivor_key__in=accounts)
    seen = Q(target="contact", survivor_key__in=contacts) | Q(target="account", survivor_key__in=accounts)
    seen |= Q(target="account", survivor_key__in=later.values("loser_key"))
    return Merge.objects.filter(seen).select_related("done_by", "undone_by").order_by("-done_at", "-pk")


def merge_events(events: Sequence[Event]) -> dict[int, Merge | None]:
    """The merges that events tell of, by event."""
    found = Merge.objects.in_bulk([event.subject_id for event in events if event.subject_type == "merge"])
    return {event.pk: found.get(event.subject_id or 0) for event in events}


def find_survivor(target: str, pk: int, user: User) -> int | None:
    """Where an old link leads: the visible survivor of a record that was merged away; None when there is none."""
    model: Any = {"contact": Contact, "account": Account}[target]
    into = (
        model._base_manager.filter(pk=pk, merged_into__isnull=False)
        .values_list("merged_into_id", flat=True)
        .first()
    )
    rows = list_contacts(user) if target == "contact" else list_accounts(user)
    return into if into is not None and rows.filter(pk=into).exists() else None


def survivor_by_external_id(target: str, external_id: str) -> int | None:
    """Where the external id of a record that was merged away leads; the caller looks whether it is in sight."""
    model: Any = {"contact": Contact, "account": Account}[target]
    found: int | None = (
        model._base_manager.filter(external_id=external_id, merged_into__isnull=False)
        .values_list("merged_into_id", flat=True)
        .first()
    )
    return found


def record(target: str, pk: int) -> Contact | Account | None:
    """A contact or account by its key, tombstones included: for those who may see what it became."""
    model: Any = {"contact": Contact, "account": Account}[target]
    found: Contact | Account | None = model._base_manager.filter(pk=pk).first()
    return found


def alike(thing: Contact | Account, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of `rows` that may be the same customer: the same name, address or number; domain or beginning of the name."""
    wanted = Q(pk__in=[])
    if isinstance(thing, Contact):
        if thing.last_name:
            wanted |= Q(last_name__iexact=thing.last_name, first_name__iexact=thing.first_name)
            wanted |= Q(last_name__iexact=thing.last_name, account=thing.account_id)
        if thing.phone_key:
            wanted |= Q(phone_key=thing.phone_key)
        return rows.filter(wanted).order_by("last_name", "first_name", "pk")
    if thing.domain:
        wanted |= Q(domain=thing.domain)
    first = thing.name.split(" ")[0]
    if len(first) > 2:
        wanted |= Q(name__istartswith=first)
    return rows.filter(wanted).order_by("name", "pk")
