"""The step that shows the customer a message in the product: from the event to the widget and back into the journey."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Contact, Interaction
from core import clock
from surveys.choices import InAppState
from surveys.models import InAppMessage
from surveys.widget import config
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.surveys import asking
from tests.surveys.in_app import Browser, Shop
from tests.workflows.rules.conftest import TASK, WAIT, MakeRule, PassTime, scored
from tests.workflows.test_api import Api
from workflows.models import Run, RunStep, Task
from workflows.queries import dry_runs as dry_run_queries
from workflows.rules import checking
from workflows.rules.sentences import Speaker
from workflows.services import dry_runs

pytestmark = pytest.mark.django_db
SHOW: dict[str, Any] = {
    "kind": "in_app_message", "title": "Hello {{ first_name|there }}", "text": "We read your answer.", "days": 7,
    "has_button": True, "button_label": "Book a call", "button_url": "https://app.shop.example/call",
}  # fmt: skip


@pytest.fixture
def shop(lead: User) -> Shop:
    return Shop(lead)


@pytest.fixture
def ann(account: Account) -> Contact:
    return someone(account, "ann@acme.example", first_name="Ann", external_id="u-1")


def someone(account: Account | None, email: str, **values: Any) -> Contact:
    return factories.a_contact(email, account=account, address_key=asking.key_of(email), **values)


def shown(browser: Browser) -> dict[str, Any]:
    config.forget()
    message: dict[str, Any] = browser.decide()["message"]
    assert browser.send("answer", {"kind": "view", "ticket": message["ticket"]}).json()["shown"]
    return message


def test_from_the_answer_to_the_product_and_back(
    shop: Shop, ann: Contact, make_rule: MakeRule, drain: Drain, as_lead: Client
) -> None:
    follow = {
        "kind": "wait",
        "until": "event",
        "event": "in_app_message.clicked",
        "amount": 5,
        "unit": "days",
    }
    rule = make_rule(steps=[SHOW, follow, TASK])
    scored(ann)
    drain()
    drain()
    browser = Browser(shop).sign_in("u-1")

    message = shown(browser)

    assert (message["title"], message["text"]) == ("Hello Ann", "We read your answer.")
    run = Run.objects.get(rule=rule)
    assert (run.state, run.waiting_for) == ("waiting", "in_app_message.clicked")
    browser.send("answer", {"kind": "click", "ticket": message["ticket"]})
    drain()
    assert Task.objects.count() == 1, "the wait ended with the click"
    assert Run.objects.get(rule=rule).state == "done"
    page = as_lead.get(f"/runs/{run.pk}/").content.decode()
    assert f"/in-product/messages/{InAppMessage.objects.get().pk}/" in page


def test_a_wait_is_for_a_message_of_its_own_run(
    shop: Shop, ann: Contact, make_rule: MakeRule, drain: Drain
) -> None:
    make_rule(steps=[SHOW])
    wait = {"kind": "wait", "until": "event", "event": "in_app_message.clicked", "amount": 5, "unit": "days"}
    other = make_rule(name="Another", steps=[wait, TASK])
    scored(ann)
    drain()
    browser = Browser(shop).sign_in("u-1")
    browser.send("answer", {"kind": "click", "ticket": shown(browser)["ticket"]})
    drain()
    assert Run.objects.get(rule=other).state == "waiting"


def test_a_rule_can_begin_with_a_click(shop: Shop, ann: Contact, make_rule: MakeRule, drain: Drain) -> None:
    make_rule(steps=[SHOW])
    make_rule(name="Followed", trigger="in_app_message.clicked", steps=[TASK])
    scored(ann)
    drain()
    browser = Browser(shop).sign_in("u-1")
    browser.send("answer", {"kind": "click", "ticket": shown(browser)["ticket"]})
    drain()
    assert Task.objects.get().contact == ann


def test_done_twice_it_is_one_message(shop: Shop, ann: Contact, make_rule: MakeRule, drain: Drain) -> None:
    make_rule(steps=[SHOW, SHOW])
    scored(ann)
    drain()
    RunStep.objects.filter(path="0").update(state="pending", outcome="", result={})
    drain()
    assert InAppMessage.objects.count() == 2, "one for each step of the run"


def test_it_is_left_out_where_a_colleague_was_in_touch(
    shop: Shop, ann: Contact, csm: User, make_rule: MakeRule, drain: Drain, time_passes: PassTime
) -> None:
    make_rule(steps=[WAIT, SHOW, TASK], reply_suppresses=True)
    scored(ann)
    drain()
    Interaction.objects.create(
        account=ann.account, contact=ann, user=csm, kind="call", happened_at=clock.now()
    )
    time_passes()
    assert (InAppMessage.objects.count(), Task.objects.count()) == (0, 1)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("no_widget", "no active widget"),
        ("unsubscribed", "suppression list"),
        ("missing_field", "Nothing is known for"),
        ("nobody", "about no contact"),
    ],
)
def test_what_stands_in_the_way_is_said_in_the_run(
    lead: User, account: Account, ann: Contact, make_rule: MakeRule, drain: Drain, trouble: str, said: str
) -> None:
    if trouble != "no_widget":
        Shop(lead)
    if trouble == "unsubscribed":
        asking.suppress(ann.email, "unsubscribed")
    if trouble == "missing_field":
        Contact.objects.update(first_name="")
    make_rule(steps=[{**SHOW, "title": "Hello {{ first_name }}"} if trouble == "missing_field" else SHOW])
    if trouble == "nobody":
        scored(None, account=account)
    else:
        scored(ann)
    drain()
    assert said in RunStep.objects.get().error
    assert not InAppMessage.objects.exists()


def test_the_dry_run_counts_whom_the_product_could_know(
    shop: Shop, ann: Contact, lead: User, make_rule: MakeRule
) -> None:
    at = clock.now() - dt.timedelta(days=3)
    nameless = factories.a_contact("", account=ann.account, first_name="Bo")
    known = factories.a_contact("", account=ann.account, first_name="Cy", external_id="u-3")
    bounced = someone(ann.account, "di@fjord.example", first_name="Di")
    asking.suppress("di@fjord.example", "bounced")
    unwilling = someone(ann.account, "ed@fjord.example", first_name="Ed")
    asking.suppress("ed@fjord.example", "unsubscribed")
    for contact in (ann, nameless, known, bounced, unwilling):
        scored(contact, occurred_at=at)

    made = dry_runs.start(rule=make_rule(steps=[SHOW], is_active=False), actor=lead)

    found = dry_run_queries.summary(made, lead)
    assert (found.fires, found.mails, found.left_out_count) == (5, 3, 2)
    assert {reason for reason, _, _ in found.reasons} == {"not_recognised", "unsubscribed"}


def test_the_sentence_and_the_form_say_what_it_does(lead: User) -> None:
    checked = checking.check({"name": "Tried", "trigger": "response.scored", "steps": [SHOW]})
    assert not checked.problems
    assert checked.values["steps"] == [SHOW]
    said = Speaker(lead).step(SHOW, "response.scored")
    assert "show the contact in the product: “Hello [the contact's first name, or ‘there’]”" in said
    assert "with the button “Book a call”, for 7 days at most" in said


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"title": ""}, "title"),
        ({"title": "{{ nonsense }}"}, "title"),
        ({"days": 0}, "days"),
        ({"button_url": "http://app.shop.example/"}, "button_url"),
        ({"button_url": "javascript:alert(1)"}, "button_url"),
        ({"button_label": ""}, "button_label"),
    ],
)
def test_what_could_not_be_shown_is_refused_in_the_form(change: dict[str, Any], setting: str) -> None:
    checked = checking.check({"name": "Tried", "trigger": "response.scored", "steps": [{**SHOW, **change}]})
    assert [problem.field for problem in checked.problems] == [setting]


# --- The pages and the API ---------------------------------------------------------------------------------------
@pytest.fixture
def message(shop: Shop, ann: Contact, make_rule: MakeRule, drain: Drain) -> InAppMessage:
    make_rule(steps=[SHOW])
    scored(ann)
    drain()
    return InAppMessage.objects.get()


def test_the_list_counts_by_state_and_leads_to_the_rows(
    message: InAppMessage, as_csm: Client, as_stranger: Client
) -> None:
    page = as_csm.get("/in-product/messages/").content.decode()
    assert "Hello Ann" in page
    assert "?state=waiting" in page
    assert "Hello Ann" not in as_csm.get("/in-product/messages/?state=clicked").content.decode()
    assert "Hello Ann" not in as_stranger.get("/in-product/messages/").content.decode()
    assert as_stranger.get(f"/in-product/messages/{message.pk}/").status_code == 404


def test_a_colleague_withdraws_it_and_a_viewer_may_not(
    message: InAppMessage, as_csm: Client, as_viewer: Client
) -> None:
    where = f"/in-product/messages/{message.pk}/"
    assert "Withdraw" not in as_viewer.get(where).content.decode()
    assert as_viewer.post(f"{where}withdraw/").status_code in (403, 404)
    assert "Withdraw" in as_csm.get(where).content.decode()

    as_csm.post(f"{where}withdraw/")

    message.refresh_from_db()
    assert message.state == InAppState.WITHDRAWN
    assert "Withdraw</button>" not in as_csm.get(where).content.decode()
    assert "is over" in as_csm.post(f"{where}withdraw/", follow=True).content.decode()


def test_the_timeline_of_the_person_and_the_account_tells_of_it(
    message: InAppMessage, shop: Shop, as_csm: Client, ann: Contact
) -> None:
    browser = Browser(shop).sign_in("u-1")
    browser.send("answer", {"kind": "dismiss", "ticket": shown(browser)["ticket"]})
    for where in (f"/contacts/{ann.pk}/", f"/accounts/{ann.account_id}/"):
        page = as_csm.get(where).content.decode()
        for said in ("Left a message in the product", "Saw a message in the product", "Closed a message"):
            assert said in page


def test_the_api_lists_reads_and_withdraws(message: InAppMessage, lead: User, stranger: User) -> None:
    assert Api(stranger, "surveys:write")("get", "/in-app-messages/").json()["results"] == []
    api = Api(lead, "surveys:write")
    (found,) = api("get", f"/in-app-messages/?state=waiting&contact={message.contact_id}").json()["results"]
    assert (found["title"], found["key"], found["state"]) == ("Hello Ann", message.key, "waiting")
    assert api("post", f"/in-app-messages/{message.pk}/withdraw/").json()["state"] == "withdrawn"
    again = api("post", f"/in-app-messages/{message.pk}/withdraw/")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "over")
