"""Saved filters as SQL: which fields there are, and one queryset filter for a tree of conditions.

`narrow` is the way in. The language itself (reading, refusing, judging plain values) is accounts/conditions.py. Nothing
that a person typed becomes a lookup: fields come from the registry below, and each comparison is written out here.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DecimalField,
    F,
    FloatField,
    Func,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce

from accounts import conditions, extend
from accounts.conditions import Condition, Group, Kind, Known, Node, Now
from accounts.domain import ContactRole, Sharing
from accounts.extend import SegmentField
from accounts.folding import Folded
from accounts.models import Account, Contact, CustomField, LifecycleStage, Segment
from core import clock
from team import queries as team_queries
from team.models import User

M = TypeVar("M", bound=Model)
ACCOUNT, CONTACT = "account", "contact"


# --- Fields --------------------------------------------------------------------------------------------------
def _distinct(model: type[Account] | type[Contact], column: str, user: User | None) -> list[tuple[str, str]]:
    """The values that occur, for a person only those in rows they may see."""
    rows: QuerySet[Any] = model.objects.all() if user is None else model.objects.visible_to(user)
    found = rows.exclude(**{column: ""}).order_by(column).values_list(column, flat=True).distinct()
    return [(value, value) for value in found[: conditions.MAX_VALUES]]


def _stages() -> list[tuple[str, str]]:
    return [
        (str(stage.pk), stage.name) for stage in LifecycleStage.objects.order_by("position", "name", "pk")
    ]


def _roles() -> list[tuple[str, str]]:
    return [(role.value, role.value.replace("_", " ").capitalize()) for role in ContactRole]


def _people() -> list[tuple[str, str]]:
    people = team_queries.list_assignable()
    return [(conditions.ME, "Me"), *((str(user.pk), str(user)) for user in people)]


def _account_fields(target: str, prefix: str, key: str, group: str, user: User | None) -> list[SegmentField]:
    def field(name: str, label: str, kind: Kind, *, path: str = "", **more: Any) -> SegmentField:
        return SegmentField(
            f"{key}{name}", label, target, f"{prefix}{path or name}", kind, group=group, **more
        )

    def listed(column: str) -> Any:
        return lambda: _distinct(Account, column, user)

    return [
        field("name", "Account name", Kind.TEXT),
        field("owner", "Owner", Kind.USER, path="owner_id", choices=_people),
        field("stage", "Stage", Kind.CHOICE, path="stage_id", choices=_stages),
        field("is_customer", "Is a customer", Kind.BOOLEAN, path="stage__is_customer"),
        field("stage_since", "In its stage since", Kind.DATE),
        field("plan", "Plan", Kind.CHOICE, choices=listed("plan")),
        field("segment", "Account segment", Kind.CHOICE, choices=listed("segment")),
        field("industry", "Industry", Kind.CHOICE, choices=listed("industry")),
        field("country", "Country", Kind.CHOICE, choices=listed("country")),
        field("city", "City", Kind.TEXT),
        field("domain", "Domain", Kind.TEXT),
        field("seats", "Seats", Kind.NUMBER),
        field("arr", "ARR", Kind.NUMBER),
        field("currency", "Currency", Kind.CHOICE, choices=listed("currency")),
        field("lifetime_value", "Lifetime value", Kind.NUMBER),
        field("customer_since", "Customer since", Kind.DATE),
        field("renewal_on", "Renewal", Kind.DATE),
        field("churned_on", "Churned", Kind.DATE),
        field("external_id", "Account external id", Kind.TEXT),
        field("created_at", "Account added", Kind.DATE, moment=True),
    ]


def _contact_fields(user: User | None) -> list[SegmentField]:
    def field(name: str, label: str, kind: Kind, **more: Any) -> SegmentField:
        return SegmentField(name, label, CONTACT, name, kind, group="Contact", **more)

    return [
        field("first_name", "First name", Kind.TEXT),
        field("last_name", "Last name", Kind.TEXT),
        field("email", "E-mail", Kind.TEXT),
        field("phone", "Phone", Kind.TEXT),
        field("job_title", "Job title", Kind.TEXT),
        field("role", "Role", Kind.CHOICE, choices=_roles),
        field("language", "Language", Kind.CHOICE, choices=lambda: _distinct(Contact, "language", user)),
        field("time_zone", "Time zone", Kind.TEXT),
        field("external_id", "External id", Kind.TEXT),
        field("created_at", "Contact added", Kind.DATE, moment=True),
    ]


class CustomValue(Func):
    """The value of a custom field as its own type; a value of another type counts as empty."""

    def __init__(self, expression: Any, *, key: str = "", kind: Kind = Kind.TEXT) -> None:
        super().__init__(expression, output_field=_custom_output(kind))
        self.key, self.kind = key, kind

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        path = f'$."{self.key}"'
        kinds = {Kind.NUMBER: "'integer', 'real'", Kind.BOOLEAN: "'true', 'false'"}.get(self.kind, "'text'")
        text = f"CASE WHEN JSON_TYPE({column}, %s) IN ({kinds}) THEN JSON_EXTRACT({column}, %s) END"
        return text, [*params, path, *params, path]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        kind = {Kind.NUMBER: "number", Kind.BOOLEAN: "boolean"}.get(self.kind, "string")
        cast = {Kind.NUMBER: "::double precision", Kind.BOOLEAN: "::boolean"}.get(self.kind, "")
        text = (
            f"CASE WHEN jsonb_typeof({column} -> %s::text) = '{kind}' THEN ({column} ->> %s::text){cast} END"
        )
        return text, [*params, self.key, *params, self.key]


def _custom_output(kind: Kind) -> Any:
    return {Kind.NUMBER: FloatField, Kind.BOOLEAN: BooleanField}.get(kind, CharField)()


def _custom_field(definition: CustomField, target: str, prefix: str, key: str, group: str) -> SegmentField:
    kind, alias = Kind(definition.type), f"custom_{prefix.strip('_')}_{definition.pk}"
    allowed = [(str(value), str(value)) for value in definition.choices]

    def annotate(queryset: QuerySet[Any]) -> QuerySet[Any]:
        found: QuerySet[Any] = queryset.alias(
            **{alias: CustomValue(F(f"{prefix}custom"), key=definition.key, kind=kind)}
        )
        return found

    return SegmentField(
        f"{key}custom.{definition.key}",
        definition.label,
        target,
        alias,
        kind,
        choices=(lambda: allowed) if kind is Kind.CHOICE else None,
        annotate=annotate,
        group=group,
    )


def fields_for(target: str, user: User | None = None) -> dict[str, SegmentField]:
    """Every field of `target` by key, in the order of the editor: its own, custom ones, those of higher apps.

    Contacts can also be chosen by the fields of their account, as `account.<key>`. With `user` the values offered are
    those of rows this person may see.
    """
    custom = list(CustomField.objects.order_by("position", "label", "pk"))
    found: list[SegmentField] = []
    if target == CONTACT:
        found += _contact_fields(user)
        found += [_custom_field(c, CONTACT, "", "", "Contact") for c in custom if c.target == CONTACT]
        found += [f for f in extend.registered.segment_fields.values() if f.target == CONTACT]
        found += _account_fields(CONTACT, "account__", "account.", "Account", user)
        found += [
            _custom_field(c, CONTACT, "account__", "account.", "Account")
            for c in custom
            if c.target == ACCOUNT
        ]
    else:
        found += _account_fields(ACCOUNT, "", "", "Account", user)
        found += [_custom_field(c, ACCOUNT, "", "", "Account") for c in custom if c.target == ACCOUNT]
        found += [f for f in extend.registered.segment_fields.values() if f.target == ACCOUNT]
    return {field.key: field for field in found}


def known(fields: Mapping[str, SegmentField]) -> dict[str, Known]:
    return {key: Known(key, field.label, Kind(field.type)) for key, field in fields.items()}


def parse(tree: object, target: str, fields: Mapping[str, SegmentField] | None = None) -> Group:
    """The tree as checked nodes; raises `Invalid` naming the field, comparison or value at fault."""
    return conditions.parse(tree, known(fields_for(target) if fields is None else fields))


def matches(tree: object, facts: Mapping[str, Any], *, target: str, me: int | None = None) -> bool:
    """Judge plain values by a tree, with the fields as they are defined now and today in the workspace's zone."""
    return conditions.matches(parse(tree, target), facts, now_for(me))


def now_for(me: int | None) -> Now:
    zone = team_queries.zone()
    return Now(today=clock.now().astimezone(zone).date(), zone=zone, me=me)


# --- Compiling -----------------------------------------------------------------------------------------------
def narrow(
    queryset: QuerySet[M],
    tree: object,
    *,
    target: str,
    user: User | None = None,
    fields: Mapping[str, SegmentField] | None = None,
    now: Now | None = None,
) -> QuerySet[M]:
    """The rows of `queryset` (accounts or contacts) that fulfil `tree`; "me" is `user`. One filter, no loops.

    Raises `Invalid` for a tree that cannot be read, also one that was right before a field was taken away. `now` is
    given where the rows are of another day than today.
    """
    fields = fields_for(target) if fields is None else fields
    root = parse(tree, target, fields)
    names: dict[str, str] = {}
    for condition in conditions.leaves(root):
        if condition.field not in names:
            names[condition.field] = f"segment_{len(names)}"
            field = fields[condition.field]
            if field.annotate is not None:
                queryset = field.annotate(queryset)
            queryset = queryset.alias(**{names[condition.field]: _operand(field)})
    seen_from = now or now_for(None if user is None else user.pk)
    return queryset.filter(_compile(root, names, fields, seen_from))


def _operand(field: SegmentField) -> Any:
    """What is compared: an expression in which nothing hides a second meaning (case, type, NULL beside empty)."""
    kind = Kind(field.type)
    if kind is Kind.TEXT:
        return Folded(F(field.path))
    if kind is Kind.CHOICE:
        return Coalesce(Cast(F(field.path), CharField()), Value(""), output_field=CharField())
    if kind is Kind.NUMBER:
        # One type for all numbers: the column's own would round the value that it is compared with.
        return Cast(F(field.path), DecimalField(max_digits=30, decimal_places=6))
    if kind is Kind.BOOLEAN:
        return Case(
            When(Q(**{field.path: True}), then=Value(1)),
            When(Q(**{field.path: False}), then=Value(0)),
            default=None,
        )
    return F(field.path)


def _compile(node: Node, names: Mapping[str, str], fields: Mapping[str, SegmentField], now: Now) -> Q:
    if isinstance(node, Condition):
        return _condition(node, names[node.field], fields[node.field], now)
    if node.mode == "not":
        inner = node.children[0]
        return _nothing() if _asks_nothing(inner) else ~_compile(inner, names, fields, now)
    parts = [_compile(child, names, fields, now) for child in node.children if not _asks_nothing(child)]
    if node.mode == "any" and len(parts) < len(node.children):
        return Q()
    return Q(*parts, _connector=Q.AND if node.mode == "all" else Q.OR)


def _asks_nothing(node: Node) -> bool:
    """Whether every row fulfils the node because it holds no condition."""
    if isinstance(node, Condition) or node.mode == "not":
        return False
    if node.mode == "any" and node.children:
        return any(_asks_nothing(child) for child in node.children)
    return all(_asks_nothing(child) for child in node.children)


def _nothing() -> Q:
    return Q(pk__in=[])


def _condition(condition: Condition, name: str, field: SegmentField, now: Now) -> Q:
    """One comparison that is either true or false for every row, so that it can be negated."""
    kind, op, values = condition.kind, condition.op, condition.values

    def compare(lookup: str, value: object) -> Q:
        return Q(**{f"{name}__{lookup}": value})

    is_empty = compare("exact", "") if kind in {Kind.TEXT, Kind.CHOICE} else compare("isnull", True)
    if op == "empty":
        return is_empty
    if op == "not_empty":
        return ~is_empty
    has_value = compare("isnull", False)
    match kind:
        case Kind.TEXT:
            wanted = conditions.fold(values[0])
            lookup = {"contains": "contains", "not_contains": "contains", "starts_with": "startswith"}.get(
                op, "exact"
            )
            found = compare(lookup, wanted)
            return ~found if op in {"is_not", "not_contains"} else found
        case Kind.CHOICE:
            found = compare("in", list(values))
            return ~found if op == "not_in" else found
        case Kind.USER:
            people = [now.me if one == conditions.ME else one for one in values]
            found = has_value & compare("in", [one for one in people if one is not None])
            return ~found if op == "not_in" else found
        case Kind.BOOLEAN:
            return has_value & compare("exact", 1 if op == "true" else 0)
        case Kind.NUMBER if op == "between":
            return has_value & compare("gte", values[0]) & compare("lte", values[1])
        case Kind.NUMBER if op in {"eq", "ne"}:
            found = has_value & compare("exact", values[0])
            return ~found if op == "ne" else found
        case Kind.NUMBER:
            return has_value & compare(op, values[0])
    low, high = conditions.day_bounds(condition, now.today)
    return has_value & _days(name, low, high, field, now)


def _days(name: str, low: dt.date | None, high: dt.date | None, field: SegmentField, now: Now) -> Q:
    found = Q()
    if not field.moment:
        # Custom dates are ISO texts, which sort as the dates do.
        shown: Any = (lambda day: day.isoformat()) if ".custom." in f".{field.key}" else (lambda day: day)
        if low is not None:
            found &= Q(**{f"{name}__gte": shown(low)})
        if high is not None:
            found &= Q(**{f"{name}__lte": shown(high)})
        return found
    if low is not None:
        found &= Q(**{f"{name}__gte": dt.datetime.combine(low, dt.time(), now.zone)})
    if high is not None:
        found &= Q(**{f"{name}__lt": dt.datetime.combine(high + dt.timedelta(days=1), dt.time(), now.zone)})
    return found


def named_fields(tree: object) -> set[str]:
    """The keys of the fields a tree asks for, whether they exist or not."""
    if not isinstance(tree, Mapping):
        return set()
    if "field" in tree:
        return {str(tree["field"])}
    inner = [one for value in tree.values() for one in (value if isinstance(value, list) else [value])]
    return {key for one in inner for key in named_fields(one)}


# --- Segments ------------------------------------------------------------------------------------------------
def accounts_of(segment: Segment, user: User) -> QuerySet[Account]:
    """The accounts of a segment that `user` may see; "me" is `user`."""
    return narrow(Account.objects.visible_to(user), segment.conditions, target=ACCOUNT, user=user)


def contacts_of(segment: Segment, user: User) -> QuerySet[Contact]:
    """The live contacts of a segment that `user` may see; of a segment of accounts, all contacts of those accounts."""
    contacts: QuerySet[Contact] = Contact.objects.visible_to(user).live()
    if segment.target == ACCOUNT:
        return contacts.filter(account__in=accounts_of(segment, user).values("pk"))
    return narrow(contacts, segment.conditions, target=CONTACT, user=user)


def is_visible(segment: Segment, user: User) -> bool:
    """`Segment.objects.visible_to`, of a segment in hand."""
    if segment.sharing == Sharing.EVERYBODY or segment.owner_id == user.pk:
        return True
    of_team = segment.sharing == Sharing.TEAM and segment.owner is not None and user.team_id is not None
    return of_team and segment.owner.team_id == user.team_id  # type: ignore[union-attr]  # of_team says so


def rows_of(segment: Segment, user: User) -> "QuerySet[Account] | QuerySet[Contact]":
    return accounts_of(segment, user) if segment.target == ACCOUNT else contacts_of(segment, user)


# --- In words ------------------------------------------------------------------------------------------------
def describe(tree: object, target: str, fields: Mapping[str, SegmentField] | None = None) -> str:
    """A tree as a sentence: "Plan is one of Enterprise, Scale and Renewal is within the next 90 days"."""
    fields = fields_for(target) if fields is None else fields
    root = parse(tree, target, fields)
    if _asks_nothing(root):
        return "Everything"
    labels: dict[str, dict[str, str]] = {}
    for condition in conditions.leaves(root):
        field = fields[condition.field]
        if field.choices is not None and condition.field not in labels:
            labels[condition.field] = dict(field.choices())
    return _words(root, fields, labels, top=True)


def _words(
    node: Node, fields: Mapping[str, SegmentField], labels: dict[str, dict[str, str]], *, top: bool
) -> str:
    if isinstance(node, Condition):
        return _condition_words(node, fields[node.field], labels.get(node.field, {}))
    if node.mode == "not":
        return f"not ({_words(node.children[0], fields, labels, top=True)})"
    parts = [_words(child, fields, labels, top=False) for child in node.children if not _asks_nothing(child)]
    text = (" and " if node.mode == "all" else " or ").join(parts)
    return text if top or len(parts) < 2 else f"({text})"


def _condition_words(condition: Condition, field: SegmentField, labels: Mapping[str, str]) -> str:
    operator = conditions.OPERATORS[condition.kind][condition.op]
    shown = [labels.get(str(value), _shown(value)) for value in condition.values]
    if operator.shape is conditions.Shape.DAYS:
        return f"{field.label} {operator.label.replace('…', shown[0])}"
    if operator.shape is conditions.Shape.TWO:
        return f"{field.label} {operator.label} {shown[0]} and {shown[1]}"
    return f"{field.label} {operator.label} {_list(shown)}".rstrip()


def _shown(value: object) -> str:
    if isinstance(value, dt.date):
        return f"{value.day} {value:%b %Y}"
    return f"{value:,f}" if hasattr(value, "as_tuple") else str(value)


def _list(words: Iterable[str]) -> str:
    every = list(words)
    return f"{', '.join(every[:5])} and {len(every) - 5} more" if len(every) > 6 else ", ".join(every)
