"""The widget's endpoints: who may call, what is shown to whom, what is recorded. The hostile list is in test_widget_hostile."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Contact, Event, TrackedEvent
from core import clock
from surveys.choices import CampaignState, Channel, InvitationState
from surveys.models import (
    Campaign,
    Delivery,
    Invitation,
    PageVisit,
    Response,
    Visitor,
    Wave,
)
from surveys.services import campaigns as campaign_services
from surveys.widget import config, manage
from team.models import User
from tests.surveys import asking
from tests.surveys.in_app import ORIGIN, Browser, Shop, milliseconds, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(lead: User) -> Shop:
    return Shop(lead)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return Browser(shop)


@pytest.fixture
def ida(shop: Shop) -> Contact:
    return person()


# --- Who is shown what -------------------------------------------------------------------------------------------
def test_a_signed_contact_is_offered_the_survey(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place(delay_seconds=4, mode="modal")

    told = browser.sign_in().decide()

    survey = told["survey"]
    assert (survey["mode"], survey["delay"], survey["theme"]) == ("modal", 4, "auto")
    assert "Nordlicht" in survey["question"]
    assert [point["score"] for point in survey["scores"]] == list(range(11))
    assert told["identity"] == {"ok": True}
    assert not Invitation.objects.exists(), "deciding asks nobody"


def test_a_stranger_is_offered_it_only_where_the_placement_says_so(shop: Shop, browser: Browser) -> None:
    campaign = shop.place()
    assert browser.decide()["reason"] == "nothing_for_you"

    manage.save_placement(campaign=campaign, widget=shop.widget, actor=shop.actor, asks_strangers=True)

    assert browser.decide()["survey"]


def test_without_a_running_campaign_there_is_nothing(shop: Shop, browser: Browser, ida: Contact) -> None:
    campaign = shop.place()
    for state in (CampaignState.DRAFT, CampaignState.PAUSED, CampaignState.STOPPED, CampaignState.FINISHED):
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        config.forget()
        assert browser.sign_in().decide()["survey"] is None


def test_a_contact_outside_the_audience_is_not_asked(
    shop: Shop, browser: Browser, ida: Contact, lead: User
) -> None:
    from accounts.models import Segment

    campaign = shop.place()
    segment = Segment.objects.create(
        name="Champions", target="contact", conditions={"all": [{"field": "role", "op": "in", "value": ["champion"]}]},
        owner=lead,
    )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(segment=segment)
    config.forget()
    assert browser.sign_in().decide()["reason"] == "nothing_for_you"

    Contact.objects.filter(pk=ida.pk).update(role="champion")

    assert browser.decide()["survey"]


@pytest.mark.parametrize(
    ("placement", "visit", "is_shown"),
    [
        ({"url_pattern": "/reports/*"}, {"url": f"{ORIGIN}/reports/7?x=1"}, True),
        ({"url_pattern": "/reports/*"}, {"url": f"{ORIGIN}/home"}, False),
        ({"devices": ["phone"]}, {"device": "phone"}, True),
        ({"devices": ["phone"]}, {"device": "desktop"}, False),
        ({"devices": ["phone"]}, {"device": "toaster"}, False),
        ({"event": "checkout"}, {"events": ["home", "checkout"]}, True),
        ({"event": "checkout"}, {"events": []}, False),
        ({"event": "checkout"}, {"events": "checkout"}, False),
        ({"trait_conditions": [{"trait": "plan", "op": "is", "value": "pro"}]}, {"traits": {"plan": "pro"}}, True),
        ({"trait_conditions": [{"trait": "plan", "op": "is", "value": "pro"}]}, {"traits": {"plan": "free"}}, False),
    ],
)  # fmt: skip
def test_a_placement_is_for_some_visits(
    shop: Shop, browser: Browser, ida: Contact, placement: Any, visit: Any, is_shown: bool
) -> None:
    shop.place(**placement)

    told = browser.sign_in().decide(**visit)

    assert bool(told["survey"]) is is_shown
    if not is_shown:
        assert (told["reason"], told["scope"]) == ("not_here", "page")
        assert "nothing" not in told, "another page may have something"


def test_a_contact_asked_elsewhere_is_left_alone(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    wave = asking.make_wave(asking.make_campaign(name="By mail"))
    asking.make_invitation(ida, wave, state=InvitationState.SENT, asked_at=clock.now() - dt.timedelta(days=3))

    told = browser.sign_in().decide()

    assert (told["reason"], told["scope"]) == ("recently_asked", "visitor")
    assert 0 < told["max_age"] <= 600


def test_an_address_that_bounced_can_still_be_asked_in_the_product(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    asking.suppress("ida@fjord.example", "bounced")
    assert browser.sign_in().decide()["survey"]


def test_whoever_unsubscribed_is_not_asked_in_the_product_either(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    asking.suppress("ida@fjord.example", "unsubscribed")
    assert browser.sign_in().decide()["reason"] == "unsubscribed"


def test_a_contact_without_an_address_can_be_asked(shop: Shop, browser: Browser) -> None:
    person("u-9", "")
    shop.place()
    assert browser.sign_in("u-9").shown()
    assert Invitation.objects.get().recipient_key


def test_the_contact_is_found_by_the_signed_address_where_the_id_is_new(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    browser.token(sub="another-id", email="IDA@fjord.example").shown()

    assert Invitation.objects.get().contact == ida
    ida.refresh_from_db()
    assert ida.external_id == "u-1", "a signed address finds a contact and changes nothing of it"


def test_the_language_is_the_contacts_else_the_browsers(shop: Shop, browser: Browser, ida: Contact) -> None:
    survey = asking.make_survey("Two languages", languages={})
    version = survey.current
    assert version is not None
    version.content = {**version.content, "languages": {"en": {}, "de": {}}, "default_language": "en"}
    version.save(update_fields=["content"])
    config.forget()
    shop.place(survey=survey, asks_strangers=True)

    assert browser.decide(language="de-AT")["survey"]["language"] == "de"
    Contact.objects.filter(pk=ida.pk).update(language="de")
    assert browser.sign_in().decide(language="en")["survey"]["language"] == "de"


# --- Speed -------------------------------------------------------------------------------------------------------
def test_a_decision_costs_two_statements(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    browser.sign_in().decide()  # the process now knows the widget

    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert browser.decide()["survey"]

    assert len(queries) == 2, [q["sql"][:80] for q in queries]


def test_a_strangers_decision_costs_two_statements(shop: Shop, browser: Browser) -> None:
    shop.place(asks_strangers=True)
    browser.decide()

    with CaptureQueriesContext(connection) as queries:
        assert browser.decide()["survey"]

    assert len(queries) == 2


def test_nothing_for_you_is_honoured_without_the_database(
    shop: Shop, browser: Browser, ida: Contact, django_assert_num_queries: Any
) -> None:
    shop.place()
    asking.suppress("ida@fjord.example")
    told = browser.sign_in().decide()

    with django_assert_num_queries(0):
        again = browser.decide(nothing=told["nothing"])

    assert (again["survey"], again["reason"]) == (None, "unsubscribed")


@pytest.mark.parametrize("change", ["person", "session", "campaign", "forged", "time"])
def test_nothing_for_you_is_not_honoured_for_anything_else(
    shop: Shop, browser: Browser, ida: Contact, change: str, django_assert_max_num_queries: Any
) -> None:
    person("u-2", "bo@fjord.example")
    shop.place()
    browser.sign_in().shown()
    told = browser.decide()
    assert told["reason"] == "seen_this_session"
    ticket = told["nothing"]
    with time_machine.travel(clock.now() + dt.timedelta(hours=2 if change == "time" else 0), tick=False):
        if change == "person":
            browser.sign_in("u-2")
        elif change == "session":
            browser.session = "session-0000000002"
        elif change == "campaign":
            shop.place(name="Another", survey=asking.make_survey("Another"))
        elif change == "forged":
            ticket = ticket[:-2] + ("xx" if not ticket.endswith("xx") else "yy")
        with CaptureQueriesContext(connection) as queries:
            browser.decide(nothing=ticket)

    assert len(queries) >= 2


def test_strangers_cost_nothing_where_none_are_asked(
    shop: Shop, browser: Browser, django_assert_num_queries: Any
) -> None:
    shop.place()
    browser.decide()
    with django_assert_num_queries(0):
        browser.decide()


# --- Seen, once a session ------------------------------------------------------------------------------------------
def test_seeing_it_asks_the_contact(shop: Shop, browser: Browser, ida: Contact) -> None:
    campaign = shop.place()
    browser.sign_in().shown()

    ask = Invitation.objects.get()
    assert (ask.contact, ask.account, ask.channel, ask.state) == (ida, ida.account, Channel.IN_APP, "sent")
    assert (ask.cost, ask.wave.campaign, ask.recipient_key) == (3, campaign, ida.address_key)
    assert ask.context == {"page": f"{ORIGIN}/home"}
    assert ask.expires_at > clock.now() + dt.timedelta(days=29)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.channel, delivery.cost) == ("done", Channel.IN_APP, 3)
    event = Event.objects.get(kind="survey.sent")
    assert (event.contact, event.data["channel"]) == (ida, "in_app")
    assert Wave.objects.get().starts_on.day == 1


def test_at_most_one_survey_a_session_whatever_is_shown(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    shop.place(name="Second", survey=asking.make_survey("Second"))
    first = browser.sign_in().decide()
    second = browser.decide()  # another tab, at the same moment
    assert browser.view(first)["shown"]

    assert browser.view(second) == {"shown": False, "reason": "seen_this_session"}
    assert browser.decide()["reason"] == "seen_this_session"
    assert Invitation.objects.count() == 1


def test_a_session_may_have_the_longest_name_the_door_takes(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    browser.session = "s" * 60
    browser.sign_in().shown()

    assert browser.decide()["reason"] == "seen_this_session"


def test_a_new_session_does_not_get_round_the_quiet_time(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    browser.sign_in().shown()
    browser.session = "session-0000000002"
    assert browser.decide()["reason"] == "recently_asked"
    browser.visitor = "visitor-0000000002"
    assert browser.decide()["reason"] == "recently_asked", "nor does another browser"


def test_a_stranger_who_was_asked_is_left_alone_too(shop: Shop, browser: Browser) -> None:
    shop.place(asks_strangers=True)
    browser.shown()
    for number in range(2, 30):
        browser.session = f"session-00000000{number:02d}"
        assert browser.decide()["reason"] == "recently_asked"
    assert Visitor.objects.count() == 1
    assert not Invitation.objects.exists()


def test_once_somebody_says_who_they_are_the_session_still_counts(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place(asks_strangers=True)
    browser.shown()
    assert browser.sign_in().decide()["reason"] == "seen_this_session"


def test_a_campaign_paused_between_offer_and_view_is_not_shown(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    campaign = shop.place()
    offered = browser.sign_in().decide()
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.PAUSED)

    assert browser.view(offered) == {"shown": False, "reason": "not_running"}
    assert not Invitation.objects.exists()


def test_whoever_was_asked_meanwhile_is_not_shown_it(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    offered = browser.sign_in().decide()
    asking.make_invitation(
        ida, asking.make_wave(asking.make_campaign(name="By mail")), state="sent", asked_at=clock.now()
    )
    assert browser.view(offered) == {"shown": False, "reason": "recently_asked"}


def test_the_account_limit_holds_for_asks_on_sight(shop: Shop, ida: Contact) -> None:
    from team.models import Workspace

    Workspace.objects.update_or_create(pk=1, defaults={"account_ask_limit": 2})
    shop.place()
    people = [person(f"c-{n}", f"c{n}@fjord.example", account=ida.account) for n in range(4)]
    shown = [
        Browser(shop, visitor=f"visitor-00000001{n:02d}").sign_in(str(one.external_id)).decide()
        for n, one in enumerate(people)
    ]
    browsers = [
        Browser(shop, visitor=f"visitor-00000001{n:02d}").sign_in(str(one.external_id))
        for n, one in enumerate(people)
    ]
    seen = [one.view(offer) for one, offer in zip(browsers, shown, strict=True)]

    assert [one["shown"] for one in seen] == [True, True, False, False]
    assert seen[2]["reason"] == "account_limit"


def test_an_offer_serves_nobody_else(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place(asks_strangers=True)
    offered = browser.sign_in().decide()
    thief = Browser(shop, visitor="visitor-0000000666")

    answer = thief.send("answer", {"kind": "view", "ticket": offered["survey"]["ticket"]})

    assert answer.status_code == 410
    assert not Invitation.objects.exists()


# --- Planned invitations -----------------------------------------------------------------------------------------
def planned(ida: Contact, **campaign: Any) -> Invitation:
    wave = asking.make_wave(
        asking.make_campaign(name="Planned", channels=["in_app", "email"], **campaign), state="sending"
    )
    ask = asking.make_invitation(ida, wave, channel=Channel.IN_APP, state=InvitationState.SENDING, cost=3)
    Delivery.objects.create(key=f"delivery:{ask.pk}:first:in_app", invitation=ask, channel=Channel.IN_APP)
    return ask


def test_a_planned_invitation_waits_for_its_contact(shop: Shop, browser: Browser, ida: Contact) -> None:
    ask = planned(ida)
    person("u-2", "bo@fjord.example")
    assert Browser(shop, visitor="visitor-0000000002").sign_in("u-2").decide()["survey"] is None

    browser.sign_in().shown()

    ask.refresh_from_db()
    assert (ask.state, ask.cost) == ("sent", 3)
    assert ask.asked_at
    assert ask.expires_at
    assert Delivery.objects.get().state == "done"
    assert Event.objects.filter(kind="survey.sent", contact=ida).count() == 1
    assert Invitation.objects.count() == 1


def test_a_planned_invitation_of_a_paused_campaign_waits_on(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    ask = planned(ida)
    Campaign.objects.filter(pk=ask.wave.campaign_id).update(state=CampaignState.PAUSED)
    assert browser.sign_in().decide()["survey"] is None


def test_a_planned_invitation_is_judged_again_before_it_is_shown(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    ask = planned(ida)
    offered = browser.sign_in().decide()
    asking.suppress(ida.email)

    said = browser.view(offered)

    ask.refresh_from_db()
    assert said["shown"] is False
    assert (ask.state, ask.asked_at) == ("sending", None)


# --- Answered ------------------------------------------------------------------------------------------------------
def test_a_score_counts_at_once_and_the_comment_completes_it(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    shop.place()
    ticket = browser.sign_in().shown()

    assert browser.answer(ticket, 3).json() == {"saved": True, "state": "saved"}
    answer = Response.objects.get()
    assert (answer.score, answer.state, answer.contact, answer.channel) == (3, "scored", ida, Channel.IN_APP)
    assert (answer.identity, answer.source) == ("matched", "widget")

    browser.answer(ticket, 3, comment="Reports are slow", may_contact=True, completed=True)
    answer.refresh_from_db()
    assert (answer.comment, answer.state, answer.may_contact) == ("Reports are slow", "completed", True)
    assert Invitation.objects.get().state == "answered"
    assert Response.objects.count() == 1
    assert Visitor.objects.get(contact=ida).answered_at or Visitor.objects.exclude(answered_at=None).exists()


def test_a_strangers_answer_is_anonymous_and_counts(shop: Shop, browser: Browser) -> None:
    shop.place(asks_strangers=True)
    ticket = browser.shown()
    browser.answer(ticket, 8, url=f"{ORIGIN}/reset?token=abc")
    browser.answer(ticket, 9, comment="Good")

    answer = Response.objects.get()
    assert (answer.score, answer.identity, answer.contact, answer.channel) == (9, "anonymous", None, "in_app")
    assert answer.attributes["page"] == f"{ORIGIN}/reset"
    browser.session = "session-0000000002"
    assert browser.decide()["reason"] == "recently_asked"


def test_an_answer_sent_twice_is_one(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    ticket = browser.sign_in().shown()
    at = milliseconds(clock.now())
    for _ in range(3):
        browser.answer(ticket, 9, at=at)
    assert Response.objects.count() == 1
    assert Event.objects.filter(kind="response.scored").count() == 1


def test_an_older_answer_that_comes_late_does_not_undo_a_newer_one(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    with time_machine.travel("2026-03-17T10:00:00Z", tick=False) as time:
        shop.place()
        ticket = browser.sign_in().shown()
        time.shift(60)
        early = milliseconds(clock.now())
        time.shift(60)
        browser.answer(ticket, 9, at=milliseconds(clock.now()))
        browser.answer(ticket, 2, at=early)
    assert Response.objects.get().score == 9


def test_an_answer_kept_offline_counts_within_a_week_and_not_after(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    with time_machine.travel("2026-03-17T10:00:00Z", tick=False) as time:
        shop.place()
        ticket = browser.sign_in().shown()
        said_at = clock.now()
        time.shift(dt.timedelta(days=6))
        assert browser.answer(ticket, 9, at=milliseconds(said_at)).status_code == 200
        assert Response.objects.get().responded_at == said_at
        time.shift(dt.timedelta(days=24))
        assert browser.answer(ticket, 1, at=milliseconds(said_at)).status_code == 410
    assert Response.objects.get().score == 9


def test_declining_is_an_outcome_and_a_dismissal_is_not(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    ticket = browser.sign_in().shown()
    assert browser.send("answer", {"kind": "dismiss", "ticket": ticket}).status_code == 200
    ask = Invitation.objects.get()
    assert (ask.state, ask.declined_at) == ("sent", None)
    assert PageVisit.objects.get().kind == "dismissed"

    for _ in range(2):
        browser.send("answer", {"kind": "decline", "ticket": ticket})
    ask.refresh_from_db()
    assert ask.state == "declined"
    assert ask.declined_at
    assert Event.objects.filter(kind="survey.declined").count() == 1


def test_declining_does_not_take_an_answer_back(shop: Shop, browser: Browser, ida: Contact) -> None:
    shop.place()
    ticket = browser.sign_in().shown()
    browser.answer(ticket, 9)
    browser.send("answer", {"kind": "decline", "ticket": ticket})
    assert Invitation.objects.get().state == "answered"


def test_an_answer_after_the_edit_window_is_told_apart(shop: Shop, browser: Browser, ida: Contact) -> None:
    with time_machine.travel("2026-03-17T10:00:00Z", tick=False) as time:
        shop.place()
        ticket = browser.sign_in().shown()
        browser.answer(ticket, 9)
        time.shift(dt.timedelta(hours=25))
        late = browser.answer(ticket, 2)
    assert (late.status_code, late.json()["state"]) == (409, "locked")
    assert Response.objects.get().score == 9


def test_a_stopped_campaign_still_takes_nothing_new_in(
    shop: Shop, browser: Browser, ida: Contact, lead: User
) -> None:
    campaign = shop.place()
    ticket = browser.sign_in().shown()
    campaign_services.stop(campaign=campaign, actor=lead)
    assert browser.answer(ticket, 9).json() == {"saved": False, "state": "closed"}


# --- Knowing people, and what happened to them ---------------------------------------------------------------------
def test_identifying_notes_the_visit_and_its_traits_and_nothing_else(
    shop: Shop, browser: Browser, ida: Contact
) -> None:
    browser.more = {"traits": {"plan": "pro", "email": "new@evil.example", "is_admin": True, "account_id": 1}}
    assert browser.sign_in().send("identify").json() == {"identity": {"ok": True}}

    row = Visitor.objects.get(contact=ida)
    assert row.traits["plan"] == "pro"
    assert Visitor.objects.get(key=f"b:{browser.visitor}").contact is None, "a browser may be shared"
    before = Contact.objects.values().get(pk=ida.pk)
    browser.send("identify")
    assert Contact.objects.values().get(pk=ida.pk) == before
    assert before["email"] == "ida@fjord.example"


def test_events_of_known_people_are_recorded_once(shop: Shop, browser: Browser, ida: Contact) -> None:
    event = {"id": "event-00000000001", "name": "report_exported", "data": {"format": "pdf"}}
    browser.sign_in()
    for _ in range(2):
        assert browser.send("track", {"events": [event]}).json()["accepted"] == 1

    tracked = TrackedEvent.objects.get()
    assert (tracked.name, tracked.contact, tracked.source) == ("report_exported", ida, "widget")
    assert tracked.data == {"format": "pdf"}


def test_events_of_strangers_are_forgotten(shop: Shop, browser: Browser) -> None:
    event = {"id": "event-00000000001", "name": "report_exported"}
    assert browser.send("track", {"events": [event]}).json()["accepted"] == 0
    assert not TrackedEvent.objects.exists()


def test_an_event_of_a_month_ago_is_refused_by_itself(shop: Shop, browser: Browser, ida: Contact) -> None:
    old = milliseconds(clock.now() - dt.timedelta(days=30))
    told = browser.sign_in().send(
        "track",
        {
            "events": [
                {"id": "event-00000000001", "name": "old", "at": old},
                {"id": "event-00000000002", "name": "new"},
                {"id": "event-00000000003", "name": "odd", "data": {"list": [1]}},
            ]
        },
    ).json()  # fmt: skip
    assert told["accepted"] == 1
    assert [(one["id"][-1], one["code"]) for one in told["refused"]] == [("1", "too_old"), ("3", "invalid")]
    assert TrackedEvent.objects.get().name == "new"


# --- Contacts made of signed people --------------------------------------------------------------------------------
def test_somebody_new_becomes_a_contact_when_asked_where_the_account_is_certain(lead: User) -> None:
    shop = Shop(lead, creates_contacts=True)
    account = asking.make_account(external_id="A-1")
    shop.place()
    browser = Browser(shop).token(sub="n-1", email="new@fjord.example", name="Nora Holm", account="A-1")
    offered = browser.decide()
    assert not Contact.objects.exists(), "deciding makes nobody"

    browser.view(offered)

    made = Contact.objects.get()
    assert (made.external_id, made.email, made.full_name, made.account) == (
        "n-1", "new@fjord.example", "Nora Holm", account,
    )  # fmt: skip
    assert Invitation.objects.get().contact == made


@pytest.mark.parametrize("account", ["", "A-2"])
def test_nobody_is_made_without_a_certain_account(lead: User, account: str) -> None:
    shop = Shop(lead, creates_contacts=True)
    asking.make_account(external_id="A-1")
    shop.place(asks_strangers=True)
    Browser(shop).token(sub="n-1", account=account).shown()
    assert not Contact.objects.exists()
    assert not Invitation.objects.exists()


def test_nobody_is_made_where_the_widget_does_not_say_so(shop: Shop, browser: Browser) -> None:
    asking.make_account(external_id="A-1")
    shop.place()
    told = browser.token(sub="n-1", email="new@fjord.example", account="A-1").decide()
    assert told["survey"] is None
    assert not Contact.objects.exists()


def test_somebody_new_whose_address_is_suppressed_is_made_but_not_asked(lead: User) -> None:
    shop = Shop(lead, creates_contacts=True)
    asking.make_account(external_id="A-1")
    asking.suppress("new@fjord.example")
    shop.place()
    seen = Browser(shop).token(sub="n-1", email="new@fjord.example", account="A-1").view()
    assert seen == {"shown": False, "reason": "unsubscribed"}
    assert not Invitation.objects.exists()


# --- Campaigns in the product ----------------------------------------------------------------------------------------
def test_a_campaign_that_asks_on_sight_plans_nobody_and_runs_until_it_is_stopped(
    shop: Shop, browser: Browser, ida: Contact, lead: User, drain: Any
) -> None:
    campaign = asking.make_campaign(name="New", channels=["in_app"], state=CampaignState.DRAFT)
    manage.save_placement(campaign=campaign, widget=shop.widget, actor=lead)
    campaign_services.launch(campaign=campaign, actor=lead)
    drain()
    campaign_services.finish_done()
    assert not Invitation.objects.exists()
    config.forget()

    browser.sign_in().shown()
    campaign_services.finish_done()

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING
    assert Wave.objects.get(campaign=campaign).planned_count == 1
