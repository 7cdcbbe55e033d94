"""What is decided about answers reaches the health of every account whose figures it moves, also of those it leaves."""

import datetime as dt
from collections.abc import Callable

import pytest

from accounts.domain import Origin
from accounts.models import Account
from accounts.services import contacts, merge
from core import clock
from surveys.models import IdentityAction
from surveys.queries import figures
from surveys.services import inbox, responses
from team.models import User
from tests import factories
from tests.workflows.health.builders import component, config, in_force, profile
from workflows.health import compute
from workflows.models import AccountHealth

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]
DAY = dt.timedelta(days=1)


@pytest.fixture
def acme() -> Account:
    figures.definition("account").save()
    transform = {"kind": "linear", "worst": 0, "best": 10}
    in_force(
        config(profile(component("nps", "score", settings={"definition": "account"}, transform=transform)))
    )
    return factories.an_account("Acme")


@pytest.fixture
def beta(acme: Account) -> Account:
    found = factories.an_account("Beta")
    compute.recompute()
    return found


def healths() -> list[float | None]:
    return list(AccountHealth.objects.order_by("account").values_list("score", flat=True))


def test_the_account_an_answer_leaves_is_computed_too(
    acme: Account, beta: Account, lead: User, drain: Callable[[], object]
) -> None:
    ann, bob = (factories.a_contact(f"x{a.pk}@x.example", account=a) for a in (acme, beta))
    answer = factories.respond(factories.a_survey(), 2, email=ann.email)
    drain()
    assert healths() == [20, None]

    inbox.link_response(response=answer, contact=bob, actor=lead)
    drain()
    assert healths() == [None, 20]

    inbox.undo(action=IdentityAction.objects.get(), actor=lead)
    drain()
    assert healths() == [20, None]


def test_an_answer_of_another_time_and_one_of_the_past_that_is_linked_count(
    acme: Account, beta: Account, lead: User, drain: Callable[[], object]
) -> None:
    ann, bob = (factories.a_contact(f"x{a.pk}@x.example", account=a) for a in (acme, beta))
    answer = factories.respond(factories.a_survey(), 2, email=ann.email)
    old = factories.respond(answer.survey, 7, email="who@else.example", origin=Origin.IMPORT)
    drain()

    responses.correct_times(times={answer.pk: clock.now() - 400 * DAY})
    inbox.link_response(response=old, contact=bob, actor=lead)
    drain()

    assert healths() == [None, 70]


def test_who_changed_company_no_longer_speaks_for_the_former_one_once_they_answer_anew(
    acme: Account, beta: Account, lead: User, drain: Callable[[], object]
) -> None:
    ann = factories.a_contact("ann@x.example", account=acme)
    answer = factories.respond(factories.a_survey(), 2, email=ann.email, responded_at=clock.now() - DAY)
    contacts.update_contact(contact=ann, values={"account": beta}, actor=lead)
    factories.respond(answer.survey, 8, email=ann.email)
    drain()
    assert healths() == [None, 80]


def test_merging_people_computes_every_account_they_answered_at(
    acme: Account, beta: Account, lead: User, drain: Callable[[], object]
) -> None:
    ann = factories.a_contact("ann@x.example", account=acme)
    answer = factories.respond(factories.a_survey(), 2, email=ann.email, responded_at=clock.now() - DAY)
    contacts.update_contact(contact=ann, values={"account": beta}, actor=lead)
    again = factories.a_contact("ann@y.example", account=beta)
    factories.respond(answer.survey, 8, email=again.email)
    drain()
    assert healths() == [20, 80]

    merged = merge.merge_contacts(survivor=again, loser=ann, actor=lead)
    drain()
    assert healths() == [None, 80]

    merge.undo_merge(merge=merged, actor=lead)
    drain()
    assert healths() == [20, 80]
