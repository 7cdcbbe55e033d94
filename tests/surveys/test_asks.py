"""Asks outside campaigns, the ledger that holds them all, and the rules that bound them."""

import datetime as dt

import pytest
from django.test import Client

from accounts.models import Contact
from core import clock
from core.errors import Refused
from surveys import eligibility
from surveys.ask_rules import Asking
from surveys.choices import AskScope, SurveyKind
from surveys.models import AskRule, Delivery, ExternalAsk, Invitation, Survey
from surveys.services import asks, campaigns
from surveys.tokens import answer_token
from team.models import AuditEntry, User
from tests import factories
from tests.conftest import Drain
from tests.surveys.asking import (
    make_account,
    make_campaign,
    make_contact,
    make_invitation,
    make_survey,
    make_wave,
    suppress,
)

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def survey() -> Survey:
    return make_survey()


@pytest.fixture
def contact(survey: Survey) -> Contact:
    return make_contact(make_account())


@pytest.fixture
def api(lead: User) -> Client:
    return Client(
        headers={
            "authorization": factories.an_api_key(lead, "surveys:read", "surveys:write", rate_limit=1000)
        }
    )


def asked_lately(contact: Contact, days: float = 3) -> Invitation:
    return make_invitation(contact, state="sent", asked_at=clock.now() - days * DAY)


# --- By hand -------------------------------------------------------------------------------------------------
def test_one_person_is_asked_by_hand_and_can_answer(
    contact: Contact, survey: Survey, as_lead: Client, client: Client, drain: Drain
) -> None:
    page = as_lead.post(f"/contacts/{contact.pk}/ask/", {"survey": survey.pk, "channel": "email"})
    assert page["Location"] == f"/contacts/{contact.pk}/asks/"
    drain()

    ask = Invitation.objects.get()
    assert (ask.wave, ask.state, ask.cost, ask.override_reason) == (None, "sent", 10, "")
    assert ask.expires_at is not None
    assert abs(ask.expires_at - clock.now() - 30 * DAY) < DAY / 24
    assert Delivery.objects.get().state == "done"
    assert client.get(f"/r/{answer_token(ask)}/").status_code == 200
    shown = as_lead.get(f"/contacts/{contact.pk}/asks/").content.decode()
    assert "By hand" in shown

    Invitation.objects.update(expires_at=clock.now() - DAY)
    campaigns.expire_invitations()
    assert Invitation.objects.get().state == "expired"


def test_what_only_time_forbids_needs_a_written_reason(
    contact: Contact, survey: Survey, as_lead: Client, drain: Drain
) -> None:
    asked_lately(contact)
    form = {"survey": survey.pk, "channel": "email"}

    refused = as_lead.post(f"/contacts/{contact.pk}/ask/", form)
    assert refused.status_code == 422
    assert "write down why" in refused.content.decode()
    assert not Delivery.objects.exists()

    as_lead.post(f"/contacts/{contact.pk}/ask/", form | {"reason": "Asked for it on the phone"})
    drain()

    ask = Invitation.objects.order_by("-pk")[0]
    assert (ask.state, ask.override_reason) == ("sent", "Asked for it on the phone")
    entry = AuditEntry.objects.get(action="contact.asked_by_hand")
    assert (entry.detail["overrode"], entry.detail["why"]) == ("recently_asked", "Asked for it on the phone")


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "complained", "manual"])
def test_no_reason_helps_against_what_a_person_said(
    contact: Contact, survey: Survey, api: Client, reason: str
) -> None:
    suppress(contact.email, reason)

    answer = api.post(
        f"/api/v1/contacts/{contact.pk}/asks/", {"survey_id": survey.pk, "reason": "But I want to"},
        content_type="application/json",
    )  # fmt: skip

    assert answer.status_code == 409
    assert not Invitation.objects.exists()


def test_suppressed_between_asking_and_sending_it_stays(
    contact: Contact, survey: Survey, lead: User, drain: Drain
) -> None:
    asked_lately(contact)
    ask = asks.ask_now(contact=contact, survey=survey, actor=lead, reason="On request")
    suppress(contact.email)

    drain()

    ask.refresh_from_db()
    assert (ask.state, ask.outcome_reason) == ("withdrawn", "unsubscribed")


def test_asked_by_hand_twice_at_once_is_asked_once(contact: Contact, survey: Survey, lead: User) -> None:
    asks.ask_now(contact=contact, survey=survey, actor=lead, reason="")

    with pytest.raises(Refused) as refusal:
        asks.ask_now(contact=contact, survey=survey, actor=lead, reason="Again")
    assert refusal.value.code == "already_planned"


def test_asking_by_hand_is_for_leads(
    contact: Contact, survey: Survey, as_csm: Client, as_viewer: Client, csm: User
) -> None:
    contact.account.owner = csm
    contact.account.save()
    for client in (as_csm, as_viewer):
        assert client.post(f"/contacts/{contact.pk}/ask/", {"survey": survey.pk}).status_code == 403
    assert not Invitation.objects.exists()


# --- By other tools ------------------------------------------------------------------------------------------
def test_a_reported_ask_counts_and_is_the_same_when_sent_again(
    contact: Contact, survey: Survey, api: Client
) -> None:
    row = {"external_id": "t-1", "source": "helpdesk", "email": contact.email, "kind": "relationship"}

    first = api.post("/api/v1/asks/", row, content_type="application/json")
    again = api.post("/api/v1/asks/", row, content_type="application/json")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert ExternalAsk.objects.count() == 1
    assert eligibility.judge_contact(contact).reason == "recently_asked"
    assert api.get(f"/api/v1/asks/?contact={contact.pk}").json()["results"][0]["source"] == "helpdesk"


def test_many_reported_asks_are_taken_or_refused_one_by_one(
    contact: Contact, survey: Survey, api: Client
) -> None:
    ahead = (clock.now() + DAY).isoformat()
    rows = [
        {"external_id": "1", "contact_id": contact.pk},
        {"external_id": "1", "contact_id": contact.pk},
        {"external_id": "2", "email": "nobody@example.com"},
        {"external_id": "3", "contact_id": contact.pk, "asked_at": ahead},
        {"external_id": "4"},
        {"external_id": "5", "contact_id": contact.pk, "channel": "pigeon"},
    ]

    answer = api.post("/api/v1/asks/bulk/", rows, content_type="application/json").json()

    assert [r["status"] for r in answer["results"]] == ["created", "unchanged", *["refused"] * 4]
    assert ExternalAsk.objects.count() == 1


def test_a_key_reports_and_reads_only_what_its_person_sees(
    contact: Contact, survey: Survey, stranger: User
) -> None:
    api = Client(headers={"authorization": factories.an_api_key(stranger, "surveys:read", "surveys:write")})

    told = api.post(
        "/api/v1/asks/", {"external_id": "1", "contact_id": contact.pk}, content_type="application/json"
    )

    assert told.status_code == 400
    assert api.get(f"/api/v1/contacts/{contact.pk}/asks/").status_code == 404


# --- The ledger ----------------------------------------------------------------------------------------------
def test_the_ledger_says_what_was_asked_and_what_is_left(
    contact: Contact, survey: Survey, api: Client, lead: User
) -> None:
    wave = make_wave(make_campaign(survey, name="Spring NPS", launched_by=lead), state="finished")
    make_invitation(contact, wave, state="expired", asked_at=clock.now() - 40 * DAY, cost=15)
    ExternalAsk.objects.create(
        source="helpdesk", external_id="1", contact=contact, account=contact.account, kind="transactional",
        recipient_key=contact.address_key, asked_at=clock.now() - 3 * DAY,
    )  # fmt: skip

    told = api.get(f"/api/v1/contacts/{contact.pk}/asks/").json()

    assert [(e["source"], e["campaign_id"], e["cost"]) for e in told["asks"]] == [
        ("helpdesk", None, 10), ("", wave.campaign_id, 15),
    ]  # fmt: skip
    assert told["budgets"] == [{"scope": "all", "used": 25, "left": 15, "budget": 40, "days": 90}]
    assert [(n["kind"], n["reason"]) for n in told["next"]] == [
        ("relationship", "recently_asked"), ("transactional", "recently_asked"),
    ]  # fmt: skip


def test_the_pages_show_it_to_who_may_see_the_customer(
    contact: Contact, survey: Survey, as_lead: Client, as_stranger: Client
) -> None:
    asked_lately(contact)

    person = as_lead.get(f"/contacts/{contact.pk}/asks/").content.decode()
    assert "Asked recently" in person
    assert "<b>1</b> of 4 used in the last 90 days, 3 left" in person
    assert contact.display_name in as_lead.get(f"/accounts/{contact.account_id}/asks/").content.decode()
    assert as_stranger.get(f"/contacts/{contact.pk}/asks/").status_code == 404
    assert as_stranger.get(f"/accounts/{contact.account_id}/asks/").status_code == 404


# --- The rules -----------------------------------------------------------------------------------------------
def rule_form(**changes: object) -> dict[str, object]:
    found: dict[str, object] = {}
    for scope, rule in eligibility.scopes().items():
        for name in ("quiet_days_answered", "quiet_days_declined", "quiet_days_ignored", "budget_days"):
            found[f"{scope}-{name}"] = getattr(rule, name)
        found[f"{scope}-budget"] = rule.budget / 10
    return found | changes


def test_the_rules_are_set_on_their_page_and_audited(as_administrator: Client) -> None:
    page = as_administrator.post(
        "/settings/asking/", rule_form(**{"relationship-quiet_days_answered": 120, "all-budget": "2.5"})
    )

    assert page["Location"] == "/settings/asking/"
    held = eligibility.scopes()
    assert held[AskScope.RELATIONSHIP].quiet_days_answered == 120
    assert held[AskScope.ALL].budget == 25
    entry = AuditEntry.objects.filter(action="ask_rule.updated").order_by("pk")[0]
    assert (entry.detail["scope"], entry.detail["budget"]) == ("all", [40, 25])
    assert AskRule.history.count() >= 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("all-budget", "-1"),
        ("all-budget_days", "0"),
        ("relationship-quiet_days_ignored", "9999"),
        ("all-budget", "x"),
    ],
)
def test_rules_that_make_no_sense_are_refused(as_administrator: Client, field: str, value: str) -> None:
    before = eligibility.scopes()

    assert as_administrator.post("/settings/asking/", rule_form(**{field: value})).status_code == 422
    assert eligibility.scopes() == before


def test_the_rules_are_for_administrators(as_lead: Client) -> None:
    assert as_lead.get("/settings/asking/").status_code == 403


# --- Starvation ----------------------------------------------------------------------------------------------
def test_a_quarterly_relationship_survey_reaches_its_people_under_a_weekly_support_survey() -> None:
    """A year in which support asks everybody every week, whenever it may, and the quarter's NPS tries daily until it may."""
    relationship, support = make_survey("NPS"), make_survey("Support")
    support.kind = SurveyKind.TRANSACTIONAL
    support.save()
    account = make_account()
    people = [make_contact(account, f"p{n}@fjord.example") for n in range(3)]
    start = dt.datetime(2026, 1, 1, 9, tzinfo=dt.UTC)
    asked: dict[str, list[tuple[int, int]]] = {"relationship": [], "transactional": []}

    def ask(contact: Contact, survey: Survey, day: int) -> bool:
        now = start + day * DAY
        asking = Asking(kind=SurveyKind(survey.kind), survey_id=survey.pk)
        if not eligibility.judge_contact(contact, asking, now=now).allowed:
            return False
        Invitation.objects.create(
            version=survey.current, contact=contact, account=account, recipient_key=contact.address_key, cost=10,
            state="expired", asked_at=now,
        )  # fmt: skip
        asked[survey.kind].append((contact.pk, day))
        return True

    for day in range(360):
        if day % 90 < 14:
            for contact in people:
                if not any(pk == contact.pk and when >= day - day % 90 for pk, when in asked["relationship"]):
                    ask(contact, relationship, day)
        if day % 7 == 3:
            for contact in people:
                ask(contact, support, day)

    quarters = {(pk, day // 90) for pk, day in asked["relationship"]}
    assert quarters == {(contact.pk, quarter) for contact in people for quarter in range(4)}
    # And the other way round: support is not silenced either.
    assert len(asked["transactional"]) >= 3 * 4
