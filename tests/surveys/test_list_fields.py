"""Lists by category, change and silence, and the ready ones made of them."""

import datetime as dt
from typing import Any

import pytest
import time_machine

from accounts import extend, segments
from accounts.models import Account, Contact
from surveys.models import Invitation, Response, Survey, SurveyVersion
from team.models import User
from tests import factories

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


def answered(survey: Survey, who: Contact, score: int, days_ago: int) -> Response:
    return factories.respond(survey, score, email=who.email, responded_at=NOW - dt.timedelta(days=days_ago))


def asked(survey: Survey, who: Contact, *days_ago: int, **fields: Any) -> None:
    version, _ = SurveyVersion.objects.get_or_create(survey=survey, number=1)
    for days in days_ago:
        Invitation.objects.create(
            version=version, contact=who, account=who.account, recipient_key=f"key-{who.pk}",
            asked_at=NOW - dt.timedelta(days=days), **fields,
        )  # fmt: skip


def found(target: str, *conditions: tuple[Any, ...]) -> set[str]:
    names = ("field", "op", "value")
    tree = {"all": [dict(zip(names, one, strict=False)) for one in conditions]}
    rows: Any = Account.objects.all() if target == "account" else Contact.objects.all()
    return {str(row) for row in segments.narrow(rows, tree, target=target)}


def people(*names: str, **fields: Any) -> list[Contact]:
    return [
        factories.a_contact(
            f"{name}@x.example", first_name=name, account=factories.an_account(f"{name} Ltd"), **fields
        )
        for name in names
    ]


def test_contacts_by_category_follow_up_and_change(survey: Survey) -> None:
    ann, bob, cid, dan = people("Ann", "Bob", "Cid", "Dan")
    answered(survey, ann, 6, 40)
    answered(survey, ann, 9, 10)
    answered(survey, bob, 9, 40)
    answered(survey, bob, 3, 10)
    done = answered(survey, cid, 0, 10)
    Response.objects.filter(pk=done.pk).update(loop_status="contacted")

    assert found("contact", ("category", "in", ["promoter"])) == {"Ann"}
    assert found("contact", ("category", "in", ["detractor"]), ("loop", "in", ["open"])) == {"Bob"}
    assert found("contact", ("category", "empty")) == {"Dan"}
    assert found("contact", ("score_change", "lte", -2)) == {"Bob"}
    assert dan.pk


def test_an_account_is_what_the_median_of_its_people_is(survey: Survey, drain: Any) -> None:
    account = factories.an_account("Mixed")
    for number, score in enumerate((9, 9, 0)):
        who = factories.a_contact(f"m{number}@x.example", account=account)
        answered(survey, who, score, 20)
    (lone,) = people("Lone")
    answered(survey, lone, 8, 20)
    drain()

    assert found("account", ("category", "in", ["promoter"])) == {"Mixed"}
    assert found("account", ("category", "in", ["passive"])) == {"Lone Ltd"}
    assert found("account", ("detractors", "gte", 1)) == {"Mixed"}
    assert found("account", ("detractors_waiting", "eq", 1)) == {"Mixed"}


def test_the_mean_of_an_account_is_compared_with_the_same_figure_of_ninety_days_ago(
    survey: Survey, drain: Any
) -> None:
    ann, bob, cid = people("Ann", "Bob", "Cid")
    answered(survey, ann, 9, 200)
    answered(survey, ann, 5, 10)
    answered(survey, bob, 5, 200)
    answered(survey, bob, 6, 100)
    answered(survey, bob, 9, 10)
    answered(survey, cid, 9, 10)  # nothing then: no change is known
    drain()

    assert found("account", ("mean_change", "eq", -4)) == {"Ann Ltd"}
    assert found("account", ("mean_change", "eq", 3)) == {"Bob Ltd"}
    assert found("account", ("mean_change", "empty")) == {"Cid Ltd"}


def test_silence_counts_asks_after_the_last_answer_of_anybody(survey: Survey) -> None:
    quiet, spoke, never = people("Quiet", "Spoke", "Never")
    answered(survey, quiet, 8, 300)
    asked(survey, quiet, 320, 200, 100)
    asked(survey, spoke, 200, 100)
    colleague = factories.a_contact("c@x.example", account=spoke.account)
    answered(survey, colleague, 8, 50)
    asked(survey, never, 30, is_test=True)

    assert found("account", ("asks_unanswered", "eq", 2)) == {"Quiet Ltd"}
    assert found("account", ("asks_unanswered", "eq", 0)) == {"Spoke Ltd", "Never Ltd"}
    assert found("contact", ("asks_unanswered", "eq", 2)) == {"Quiet", "Spoke"}
    assert found("contact", ("asked_at", "empty")) == {"Never", "c@x.example"}
    assert found("account", ("asked_at", "within_last", 120)) == {"Quiet Ltd", "Spoke Ltd"}


@pytest.mark.parametrize("key", list(extend.registered.ready_lists))
def test_every_ready_list_can_be_run_and_said(
    key: str, lead: User, django_assert_max_num_queries: Any
) -> None:
    one = extend.registered.ready_lists[key]
    fields = segments.fields_for(one.target)
    rows: Any = (
        Account.objects.visible_to(lead) if one.target == "account" else Contact.objects.visible_to(lead)
    )

    assert segments.describe(one.conditions, one.target, fields)
    with django_assert_max_num_queries(8):
        segments.narrow(rows, one.conditions, target=one.target, fields=fields, user=lead).count()


def test_the_ready_lists_hold_whom_they_name(survey: Survey, drain: Any) -> None:
    happy, angry, silent = people("Happy", "Angry", "Silent")
    answered(survey, happy, 10, 5)
    answered(survey, angry, 9, 50)
    answered(survey, angry, 2, 5)
    asked(survey, silent, 200, 100)
    drain()

    def rows(key: str) -> set[str]:
        one = extend.registered.ready_lists[key]
        every: Any = Account.objects.all() if one.target == "account" else Contact.objects.all()
        return {str(row) for row in segments.narrow(every, one.conditions, target=one.target)}

    assert rows("promoters") == {"Happy"}
    assert rows("detractors_without_contact") == {"Angry"}
    assert rows("fell_since_last_answer") == {"Angry"}
    assert rows("quiet_accounts") == {"Silent Ltd"}
