"""The segment language: what it refuses, what it finds, and that SQL and the plain evaluator agree."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import conditions, extend, segment_editor, segments
from accounts.conditions import Kind, Known, Now
from accounts.models import Account, Contact, LifecycleStage
from accounts.services import fields as field_services
from accounts.services import segments as services
from core.errors import Invalid, Refused
from team.models import User
from tests import factories

TODAY = dt.date(2026, 3, 17)


def names(tree: Any, user: User | None = None) -> list[str]:
    found = segments.narrow(Account.objects.all(), tree, target="account", user=user)
    return sorted(found.values_list("name", flat=True))


@pytest.fixture
def customers(frozen: Any, lead: User) -> None:
    factories.an_account(
        "Ärzte & Söhne", plan="Enterprise", arr=Decimal("120000"), seats=200, renewal_on=TODAY + dt.timedelta(days=90),
        owner=lead, custom={"tier": "gold", "nodes": 7, "signed": "2026-01-31", "beta": True},
    )  # fmt: skip
    factories.an_account(
        "Brandt 100%_Tools", plan="Scale", arr=Decimal("120.50"), seats=10, renewal_on=TODAY + dt.timedelta(days=91),
        custom={"tier": "silver", "nodes": 7.5, "beta": False},
    )  # fmt: skip
    factories.an_account(
        "Cobalt", plan="", renewal_on=TODAY - dt.timedelta(days=31), custom={"nodes": "seven"}
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"field": "name", "op": "contains", "value": "ÄRZTE"}, ["Ä"]),
        ({"field": "name", "op": "contains", "value": "%_"}, ["B"]),
        ({"field": "name", "op": "not_contains", "value": "o"}, ["Ä"]),
        ({"field": "name", "op": "starts_with", "value": "cob"}, ["C"]),
        ({"field": "name", "op": "is", "value": "COBALT"}, ["C"]),
        ({"field": "name", "op": "is_not", "value": "cobalt"}, ["B", "Ä"]),
        ({"field": "plan", "op": "in", "value": ["Enterprise", "Scale"]}, ["B", "Ä"]),
        ({"field": "plan", "op": "not_in", "value": ["Enterprise"]}, ["B", "C"]),
        ({"field": "plan", "op": "empty"}, ["C"]),
        ({"field": "arr", "op": "gt", "value": 120.5}, ["Ä"]),
        ({"field": "arr", "op": "gte", "value": "120.50"}, ["B", "Ä"]),
        ({"field": "arr", "op": "ne", "value": 120000}, ["B", "C"]),
        ({"field": "arr", "op": "between", "value": [100, 130]}, ["B"]),
        ({"field": "arr", "op": "empty"}, ["C"]),
        ({"field": "seats", "op": "eq", "value": 10.5}, []),
        ({"field": "renewal_on", "op": "within_next", "value": 90}, ["Ä"]),
        ({"field": "renewal_on", "op": "more_than_ahead", "value": 90}, ["B"]),
        ({"field": "renewal_on", "op": "more_than_ago", "value": 30}, ["C"]),
        ({"field": "renewal_on", "op": "within_last", "value": 31}, ["C"]),
        ({"field": "renewal_on", "op": "on", "value": "2026-06-15"}, ["Ä"]),
        ({"field": "created_at", "op": "not_empty"}, ["B", "C", "Ä"]),
        ({"field": "custom.tier", "op": "in", "value": ["gold"]}, ["Ä"]),
        ({"field": "custom.nodes", "op": "gt", "value": 7}, ["B"]),
        ({"field": "custom.nodes", "op": "empty"}, ["C"]),
        ({"field": "custom.signed", "op": "before", "value": "2026-02-01"}, ["Ä"]),
        ({"field": "custom.beta", "op": "false"}, ["B"]),
        ({"field": "custom.beta", "op": "empty"}, ["C"]),
        ({"field": "owner", "op": "in", "value": ["me"]}, ["Ä"]),
        ({"field": "owner", "op": "not_in", "value": ["me"]}, ["B", "C"]),
    ],
)
def test_a_condition_finds_its_rows(
    customers: None, lead: User, condition: dict[str, Any], expected: list[str]
) -> None:
    make_fields()

    found = names({"all": [condition]}, lead)

    assert [name[0] for name in found] == expected


def make_fields() -> None:
    for label, type_ in (("Tier", "choice"), ("Nodes", "number"), ("Signed", "date"), ("Beta", "boolean")):
        field_services.create_custom_field(
            target="account", label=label, type=type_, choices=["gold", "silver"], actor=None
        )


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"all": [{"field": "password", "op": "is", "value": "x"}]}, "no field “password”"),
        ({"all": [{"field": "owner__password", "op": "starts_with", "value": "p"}]}, "no field"),
        ({"all": [{"field": "name", "op": "regex", "value": "(.*a){30}"}]}, "cannot be compared by “regex”"),
        ({"all": [{"field": "name", "op": "contains", "value": 5}]}, "needs a text"),
        ({"all": [{"field": "name", "op": "contains", "value": "a\x00b"}]}, "null character"),
        ({"all": [{"field": "name", "op": "contains", "value": "\ud800"}]}, "not valid Unicode"),
        ({"all": [{"field": "name", "op": "contains", "value": "x" * 201}]}, "longer than 200"),
        ({"all": [{"field": "arr", "op": "gt", "value": "NaN"}]}, "needs a number"),
        ({"all": [{"field": "arr", "op": "gt", "value": True}]}, "needs a number"),
        ({"all": [{"field": "arr", "op": "gt", "value": 1e20}]}, "too large"),
        ({"all": [{"field": "arr", "op": "between", "value": [5, 1]}]}, "larger than the second"),
        ({"all": [{"field": "arr", "op": "between", "value": [5]}]}, "two values"),
        ({"all": [{"field": "renewal_on", "op": "on", "value": "2026-02-30"}]}, "needs a date"),
        ({"all": [{"field": "renewal_on", "op": "within_next", "value": 10**9}]}, "number of days"),
        ({"all": [{"field": "owner", "op": "in", "value": [2**63]}]}, "needs people"),
        ({"all": [{"field": "plan", "op": "in", "value": []}]}, "at least one value"),
        (
            {"all": [{"field": "plan", "op": "in", "value": "x", "_connector": "OR 1=1"}]},
            "“_connector” is not known",
        ),
        ({"all": [], "any": []}, "exactly one of"),
        ({"or": []}, "exactly one of"),
        ({"all": {"field": "x"}}, "holds a list"),
        ([1], "object with field"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {}}}}}}}, "deeper than 5"),
        ({"all": [{"field": "plan", "op": "empty"}] * 51}, "more than 50"),
        ({"all": [{"any": [{"field": "plan", "op": "empty"}] * 30}] * 2}, "more than 50"),
    ],
)
def test_a_tree_that_cannot_be_run_is_refused_by_name(db: None, tree: Any, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        segments.parse(tree, "account")

    assert words in refusal.value.message


def test_groups_join_and_negate(customers: None) -> None:
    scale, cobalt = (
        {"field": "plan", "op": "in", "value": ["Scale"]},
        {"field": "name", "op": "is", "value": "cobalt"},
    )

    assert [name[0] for name in names({"any": [scale, cobalt]})] == ["B", "C"]
    assert [name[0] for name in names({"not": {"any": [scale, cobalt]}})] == ["Ä"]
    assert names({"all": [scale, cobalt]}) == []
    assert len(names({"all": []})) == len(names({})) == 3
    assert names({"not": {"all": []}}) == []


def test_contacts_are_found_by_their_own_fields_and_those_of_their_account(customers: None) -> None:
    rich, poor = Account.objects.get(plan="Enterprise"), Account.objects.get(plan="Scale")
    factories.a_contact("a@x.example", account=rich, role="champion")
    factories.a_contact("b@x.example", account=poor, role="champion")
    factories.a_contact("c@x.example", account=None, role="champion")
    tree = {
        "all": [
            {"field": "role", "op": "in", "value": ["champion"]},
            {"not": {"field": "account.plan", "op": "in", "value": ["Scale"]}},
        ]
    }

    found = segments.narrow(Contact.objects.all(), tree, target="contact")

    assert sorted(found.values_list("email", flat=True)) == ["a@x.example", "c@x.example"]


def test_a_segment_yields_only_rows_that_the_person_may_see(lead: User, csm: User, stranger: User) -> None:
    factories.an_account("Mine", owner=csm, plan="Scale")
    factories.an_account("Theirs", owner=stranger, plan="Scale")
    segment = services.create_segment(
        name="Scale", target="account", conditions={"all": [{"field": "plan", "op": "in", "value": ["Scale"]}]},
        sharing="everybody", owner=lead, actor=lead,
    )  # fmt: skip

    assert segments.accounts_of(segment, lead).count() == 2
    assert [a.name for a in segments.accounts_of(segment, csm)] == ["Mine"]
    assert segments.contacts_of(segment, csm).count() == 0


def test_a_registered_field_of_a_higher_app_can_be_filtered_by(customers: None, monkeypatch: Any) -> None:
    field = extend.SegmentField("initial", "Initial", "account", "initial", "text", annotate=_with_initial)
    monkeypatch.setitem(extend.registered.segment_fields, ("account", "initial"), field)

    assert names({"all": [{"field": "initial", "op": "is", "value": "C"}]}) == ["Cobalt"]


def _with_initial(queryset: Any) -> Any:
    from django.db.models.functions import Left

    return queryset.alias(initial=Left("name", 1))


def test_a_segment_in_use_is_not_deleted(db: None, lead: User, monkeypatch: Any) -> None:
    segment = services.create_segment(
        name="Asked", target="contact", conditions={}, sharing="everybody", owner=lead, actor=lead
    )
    monkeypatch.setitem(extend.registered.segment_users, "campaigns", lambda pk: ["the campaign “Spring”"])

    with pytest.raises(Refused, match="used by the campaign “Spring”"):
        services.delete_segment(segment=segment, actor=lead)


def test_the_sentence_of_a_segment_names_people_stages_and_days(db: None, lead: User) -> None:
    stage = LifecycleStage.objects.create(name="Adoption")
    tree = {
        "all": [
            {"field": "stage", "op": "in", "value": [str(stage.pk)]},
            {"any": [
                {"field": "owner", "op": "in", "value": [lead.pk]},
                {"field": "renewal_on", "op": "within_next", "value": 90},
            ]},
        ]
    }  # fmt: skip

    words = segments.describe(tree, "account")

    assert words == (
        "Stage is one of Adoption and (Owner is one of Lea Lead or Renewal is within the next 90 days)"
    )


# --- SQL and the plain evaluator agree -----------------------------------------------------------------------
WORDS = st.text(alphabet="abAB%_\\'\"{} é", min_size=1, max_size=4).filter(lambda t: t.strip() == t)
NUMBERS = st.decimals(min_value=-5, max_value=2000, places=2)
DAYS = st.dates(TODAY - dt.timedelta(days=40), TODAY + dt.timedelta(days=40))
FIELDS = {
    "name": (Kind.TEXT, WORDS),
    "city": (Kind.TEXT, st.one_of(st.just(""), WORDS)),
    "plan": (Kind.CHOICE, st.sampled_from(["", "Scale", "scale", "Free"])),
    "arr": (
        Kind.NUMBER,
        st.one_of(st.none(), st.sampled_from([Decimal("0"), Decimal("1.10"), Decimal("1999.99")])),
    ),
    "seats": (Kind.NUMBER, st.one_of(st.none(), st.integers(0, 3))),
    "renewal_on": (Kind.DATE, st.one_of(st.none(), DAYS)),
    "custom.nodes": (Kind.NUMBER, st.one_of(st.none(), st.integers(0, 2), st.just(0.5))),
    "custom.beta": (Kind.BOOLEAN, st.one_of(st.none(), st.booleans())),
    "custom.signed": (Kind.DATE, st.one_of(st.none(), DAYS.map(dt.date.isoformat))),
}


@st.composite
def leaf(draw: Any) -> dict[str, Any]:
    key = draw(st.sampled_from(sorted(FIELDS)))
    kind = FIELDS[key][0]
    op, operator = draw(st.sampled_from(sorted(conditions.OPERATORS[kind].items(), key=lambda one: one[0])))
    one = {
        Kind.TEXT: WORDS,
        Kind.CHOICE: st.sampled_from(["Scale", "Free", "Other"]),
        Kind.NUMBER: st.one_of(st.sampled_from([0, 1, "1.10", 1.5, 2000]), NUMBERS.map(str)),
        Kind.DATE: DAYS.map(dt.date.isoformat),
        Kind.BOOLEAN: st.none(),
    }[kind]
    tree: dict[str, Any] = {"field": key, "op": op}
    if operator.shape is conditions.Shape.ONE:
        tree["value"] = draw(one)
    elif operator.shape is conditions.Shape.DAYS:
        tree["value"] = draw(st.integers(0, 40))
    elif operator.shape is conditions.Shape.MANY:
        tree["value"] = draw(st.lists(one, min_size=1, max_size=3))
    elif operator.shape is conditions.Shape.TWO:
        low, high = draw(one), draw(one)
        if kind is Kind.NUMBER:
            low, high = sorted((Decimal(str(low)), Decimal(str(high))))
            low, high = str(low), str(high)
        tree["value"] = sorted((low, high)) if kind is Kind.DATE else [low, high]
    return tree


TREES = st.recursive(
    leaf(),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)
FACTS = st.fixed_dictionaries({key: values for key, (_, values) in FIELDS.items()})


def _depth(tree: Any) -> int:
    if "field" in tree:
        return 1
    inner = next(iter(tree.values()))
    return 1 + max((_depth(t) for t in (inner if isinstance(inner, list) else [inner])), default=0)


@pytest.mark.django_db
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES.filter(lambda t: _depth(t) <= 4), rows=st.lists(FACTS, min_size=1, max_size=4))
def test_sql_and_the_plain_evaluator_agree(frozen: Any, tree: Any, rows: list[dict[str, Any]]) -> None:
    from django.db import transaction

    with transaction.atomic():
        for label, type_ in (("Nodes", "number"), ("Signed", "date"), ("Beta", "boolean")):
            field_services.create_custom_field(target="account", label=label, type=type_, actor=None)
        expected = set()
        for facts in rows:
            plain = {k: v for k, v in facts.items() if "." not in k}
            custom = {
                k.removeprefix("custom."): v
                for k, v in facts.items()
                if k.startswith("custom.") and v is not None
            }
            account = Account.objects.create(**plain, custom=custom)
            known = {key: Known(key, key, kind) for key, (kind, _) in FIELDS.items()}
            now = Now(today=TODAY)
            if conditions.matches(conditions.parse(tree, known), facts, now):
                expected.add(account.pk)

        found = set(
            segments.narrow(Account.objects.all(), tree, target="account").values_list("pk", flat=True)
        )
        transaction.set_rollback(True)

    assert found == expected


# --- The editor ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "tree",
    [
        {
            "all": [
                {"field": "name", "op": "contains", "value": "a"},
                {"field": "plan", "op": "in", "value": ["x"]},
            ]
        },
        {"not": {"any": [{"field": "arr", "op": "between", "value": ["1", "2"]}]}},
        {
            "any": [
                {"all": [{"field": "plan", "op": "empty"}]},
                {"not": {"any": [{"field": "city", "op": "empty"}]}},
            ]
        },
    ],
)
def test_the_editor_shows_a_tree_and_gives_it_back(db: None, tree: Any) -> None:
    editor = segment_editor.from_tree(tree)
    assert editor is not None

    assert segment_editor.to_tree(editor, segments.fields_for("account")) == tree


def test_a_tree_too_deep_for_rows_is_not_flattened(db: None) -> None:
    assert segment_editor.from_tree({"all": [{"any": [{"all": [{"field": "plan", "op": "empty"}]}]}]}) is None
