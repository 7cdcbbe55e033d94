"""Visitors who are looked up together are told what each would be told alone."""

import datetime as dt

import pytest
from django.db import connection

from core import clock
from core.together import Together
from surveys.models import Visitor
from surveys.widget import lane, queries
from surveys.widget.config import Config, config_of
from surveys.widget.identity import Person
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import Shop, person

pytestmark = pytest.mark.django_db
needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="needs PostgreSQL (DATABASE_URL)"
)


@pytest.fixture
def config(lead: User) -> Config:
    shop = Shop(lead)
    shop.place()
    found = config_of(shop.widget.key)
    assert found is not None
    return found


def visit(config: Config, who: Person, **due: int) -> lane.Visit:
    keys = (who.key, f"b:{who.external_id}")
    buckets = {f"{who.key}:v:": 60, **due}
    return lane.Visit(config=config, keys=keys, person=who, due=buckets, now=clock.now())


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_each_of_a_group_is_told_what_it_would_be_told_alone(config: Config) -> None:
    now = clock.now()
    asked = person("u-asked", "asked@fjord.example")
    asking.make_invitation(asked, state="sent", asked_at=now - dt.timedelta(days=1))
    asking.suppress(person("u-no", "no@fjord.example").email, "unsubscribed")
    free = person("u-free", "free@fjord.example", first_name="Ida")
    person("u-other", "old@fjord.example")
    Visitor.objects.create(
        widget_id=config.widget_id, key="b:u-free", session="s-1", first_seen_at=now, last_seen_at=now
    )
    people = [
        Person(external_id="u-asked"),
        Person(external_id="u-no"),
        Person(external_id="u-free"),
        Person(external_id="nobody"),
        Person(external_id="unknown", email="Free@fjord.example"),
    ]
    alone = [
        queries.standing(config=config, keys=(one.key, f"b:{one.external_id}"), person=one, now=now)
        for one in people
    ]

    together = lane._together([visit(config, one) for one in people])

    assert [standing for standing, _ in together] == alone
    assert [s.contact_id for s, _ in together][2:] == [free.pk, None, free.pk]
    assert [s.reasons for s, _ in together[:3]] == [
        {"relationship": "recently_asked"}, {"relationship": "unsubscribed"}, {"relationship": None}
    ]  # fmt: skip
    assert together[2][0].sessions == {"s-1"}
    assert all(verdict.allowed for _, counted in together for verdict in counted.values())


def test_nobody_is_counted_twice_by_one_statement(config: Config) -> None:
    first, second = visit(config, Person(external_id="a")), visit(config, Person(external_id="b"))
    assert lane._goes_with([first], second)
    assert not lane._goes_with([first], visit(config, Person(external_id="a")))
    shared = visit(config, Person(external_id="b"), widget=60)
    assert not lane._goes_with([visit(config, Person(external_id="a"), widget=60)], shared)


def test_what_goes_wrong_is_told_to_all_who_waited_and_to_nobody_after() -> None:
    def work(asked: object) -> list[str]:
        if asked == ["bad"]:
            raise ValueError("bad")
        return [str(one).upper() for one in asked]  # type: ignore[attr-defined]

    together: Together[str, str] = Together(work, at_most=3, goes_with=lambda _others, _one: True)
    with pytest.raises(ValueError, match="bad"):
        together.submit("bad")
    assert together.submit("good") == "GOOD"
