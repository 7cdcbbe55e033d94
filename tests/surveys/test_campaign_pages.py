"""The campaign pages: the steps of a draft, the people behind every number, and the life of a campaign."""

import datetime as dt
import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Segment
from core.secrets import address_key
from surveys import pacing, planning
from surveys.choices import CampaignState
from surveys.content import Words
from surveys.models import Campaign, Delivery, Invitation, Survey
from surveys.services import campaigns
from team.models import AuditEntry, Team, User
from tests.conftest import Drain
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey, make_wave, suppress

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey(db: None) -> Survey:
    return make_survey()


def people(number: int = 3, **account: object) -> list[Contact]:
    return [
        make_contact(make_account(f"Company {n}", **account), f"p{n}@fjord.example") for n in range(number)
    ]


def text(response: object) -> str:
    """The page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())  # type: ignore[attr-defined]


def go(client: Client, name: str, campaign: Campaign, **query: str) -> str:
    return text(client.get(reverse(f"surveys:{name}", args=[campaign.pk]), query))


def test_a_lead_goes_from_survey_to_launch(as_lead: Client, survey: Survey, drain: Drain) -> None:
    people(3)
    suppress("p0@fjord.example")

    made = as_lead.post(
        reverse("surveys:campaign_create"), {"survey": survey.pk, "name": "Spring"}, follow=True
    )
    campaign = Campaign.objects.get()
    assert made.redirect_chain[-1][0] == reverse("surveys:campaign_audience", args=[campaign.pk])
    pages = (
        ("audience", {"segment": "everyone", "sample_percent": "100"}),
        ("when", {"cadence": "once", "start": "now"}),
        ("channels", {"first": "email"}),
        (
            "limits",
            {"daily_limit": "100", "reminders": "0", "reminder_gap_days": "5", "expires_after_days": "14"},
        ),
    )
    for page, values in pages:
        reviewed = as_lead.post(reverse(f"surveys:campaign_{page}", args=[campaign.pk]), values, follow=True)
    assert "Unsubscribed" in text(reviewed)
    launched = as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]), follow=True)

    assert "Planning" in text(launched)
    drain()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.daily_limit, campaign.expires_after_days) == (
        CampaignState.FINISHED,
        100,
        14,
    )
    assert Delivery.objects.filter(state="done").count() == 2
    assert AuditEntry.objects.filter(action="campaign.launched").exists()


def test_the_review_lists_the_people_behind_each_number(as_lead: Client, survey: Survey) -> None:
    first, second, third = people(3)
    suppress("p0@fjord.example", "bounced")
    campaign = make_campaign(survey, state=CampaignState.DRAFT)

    asked = go(as_lead, "campaign_people", campaign)
    bounced = go(as_lead, "campaign_people", campaign, reason="bounced")

    assert second.email in asked
    assert third.email in asked
    assert first.email not in asked
    assert first.email in bounced
    assert "Correct the address" in bounced


def nameless(survey_content: dict[str, object], *, channels: list[str]) -> Campaign:
    """A campaign to Ada, who has a name and an owner, and to Bo and Cy, who have neither; Cy speaks German."""
    owned = make_account("Owned", owner=User.objects.create_user("owner@x.example", name="Olga Owner"))
    free = make_account("Free")
    for account, address, fields in (
        (owned, "ada@fjord.example", {"first_name": "Ada"}),
        (free, "bo@fjord.example", {"first_name": " "}),
        (free, "cy@fjord.example", {"first_name": "", "language": "de_AT"}),
    ):
        make_contact(account, address, phone="", **{"last_name": "", **fields})
    return make_campaign(make_survey(**survey_content), state=CampaignState.DRAFT, channels=channels)


@pytest.mark.parametrize(
    ("english", "german", "left_out"),
    [
        ({"intro": "Hi {{ first_name }}"}, {}, ["bo"]),
        ({"intro": "Hi {{ first_name }}"}, {"intro": "Hallo {{ first_name }}"}, ["bo", "cy"]),
        ({"subject": "From {{ owner_name }}"}, {"closing": "{{ account_name }}"}, ["bo"]),
        ({"intro": "Hi {{ first_name|there }}, {{ brand }}"}, {"intro": "Hallo{{ first_name| }}"}, []),
        ({"sms": "Hi {{ first_name }}"}, {}, []),
    ],
)
def test_the_review_sets_apart_who_lacks_what_the_text_names(
    as_lead: Client, english: dict[str, str], german: dict[str, str], left_out: list[str]
) -> None:
    campaign = nameless({"languages": {"en": Words(**english), "de": Words(**german)}}, channels=["email"])

    review = go(as_lead, "campaign_review", campaign)
    asked = go(as_lead, "campaign_people", campaign)
    lacking = go(as_lead, "campaign_people", campaign, reason="empty_field")

    assert f"Asked if launched now {3 - len(left_out)}" in review
    assert ("A name in the text is empty" in review) == bool(left_out)
    for name in ("ada", "bo", "cy"):
        assert (f"{name}@fjord.example" in lacking) == (name in left_out)
        assert (f"{name}@fjord.example" in asked) == (name not in left_out)


def test_an_sms_lacks_only_what_the_sms_names(as_lead: Client) -> None:
    words = {"languages": {"en": Words(intro="Hi {{ last_name }}", sms="Hi {{ first_name }}, {link}")}}
    campaign = nameless(words, channels=["sms", "email"])
    for number, contact in enumerate(Contact.objects.order_by("pk")):
        Contact.objects.filter(pk=contact.pk).update(
            phone=f"+49170123456{number}", phone_key=address_key(f"+49170123456{number}")
        )

    review = go(as_lead, "campaign_review", campaign)

    assert "Asked if launched now 1" in review
    assert "2" in review.partition("complete the contact.")[2][:4]


def test_an_empty_segment_is_refused_with_the_remedy(as_lead: Client, survey: Survey, lead: User) -> None:
    people(2)
    segment = Segment.objects.create(
        name="Nobody", target="contact", owner=lead,
        conditions={"all": [{"field": "last_name", "op": "is", "value": "Nemo"}]},
    )  # fmt: skip
    campaign = make_campaign(survey, state=CampaignState.DRAFT, segment=segment)

    assert "Nobody is in this audience" in go(as_lead, "campaign_review", campaign)
    refused = as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]), follow=True)

    assert "Nobody is in its segment at present" in text(refused)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_an_audience_of_which_nobody_can_be_asked_is_refused(as_lead: Client, survey: Survey) -> None:
    people(2, churned_on="2026-01-01")
    campaign = make_campaign(survey, state=CampaignState.DRAFT)

    refused = as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]), follow=True)

    assert "Nobody in this audience can be asked now" in text(refused)
    assert "Account has left" in text(refused)


def test_a_time_is_one_of_the_workspace_zone(
    as_lead: Client, survey: Survey, frozen: time_machine.Traveller
) -> None:
    people(1)
    campaign = make_campaign(survey, state=CampaignState.DRAFT)
    when = reverse("surveys:campaign_when", args=[campaign.pk])
    values = {"cadence": "once", "start": "at", "starts_at": "2026-04-01T09:30"}

    as_lead.post(when, values)
    as_lead.post(reverse("surveys:campaign_launch", args=[campaign.pk]))

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED
    assert campaign.starts_at == dt.datetime(2026, 4, 1, 7, 30, tzinfo=dt.UTC)
    assert "09:30" in as_lead.get(when).content.decode()


def test_a_time_that_the_clocks_skip_is_refused(as_lead: Client, survey: Survey) -> None:
    campaign = make_campaign(survey, state=CampaignState.DRAFT)
    values = {"start": "at", "starts_at": "2026-03-29T02:30", "expires_after_days": "30"}

    response = as_lead.post(reverse("surveys:campaign_when", args=[campaign.pk]), values)

    assert response.status_code == 422
    assert "2026-03-29" in text(response)


def test_a_scheduled_campaign_starts_when_its_time_has_come(
    lead: User, survey: Survey, frozen: time_machine.Traveller, drain: Drain
) -> None:
    people(2)
    campaign = make_campaign(survey, state=CampaignState.DRAFT)
    campaigns.launch(campaign=campaign, actor=lead, at=dt.datetime(2026, 3, 18, 8, 0, tzinfo=dt.UTC))
    assert campaigns.start_due() == 0

    frozen.move_to(dt.datetime(2026, 3, 18, 8, 0, tzinfo=dt.UTC))
    assert campaigns.start_due() == 1
    assert campaigns.start_due() == 0
    drain()

    assert Invitation.objects.filter(state="sent").count() == 2


def test_a_scheduled_campaign_whose_segment_became_empty_says_why_it_did_not_start(
    as_lead: Client, lead: User, survey: Survey, frozen: time_machine.Traveller
) -> None:
    people(1)
    campaign = make_campaign(survey, state=CampaignState.DRAFT)
    campaigns.launch(campaign=campaign, actor=lead, at=dt.datetime(2026, 3, 18, 8, 0, tzinfo=dt.UTC))
    Contact.objects.update(erased_at=dt.datetime(2026, 3, 17, tzinfo=dt.UTC))

    frozen.move_to(dt.datetime(2026, 3, 18, 8, 0, tzinfo=dt.UTC))
    campaigns.start_due()

    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert "It did not start" in go(as_lead, "campaign_review", campaign)


def running(lead: User, number: int = 3) -> Campaign:
    people(number)
    campaign = make_campaign(launched_by=lead, launched_at=dt.datetime(2026, 3, 17, tzinfo=dt.UTC))
    planning.plan_wave(make_wave(campaign).pk)
    return campaign


def test_pause_resume_and_stop(as_lead: Client, lead: User) -> None:
    campaign = running(lead)
    pacing.release(campaign.waves.get().pk)

    def press(name: str) -> str:
        page = as_lead.post(reverse(f"surveys:{name}", args=[campaign.pk]), follow=True)
        campaign.refresh_from_db()
        return text(page)

    assert "Nothing more is sent" in press("campaign_pause")
    assert campaign.state == CampaignState.PAUSED
    assert "Only a running campaign can be paused" in press("campaign_pause")
    press("campaign_resume")
    assert campaign.state == CampaignState.RUNNING
    press("campaign_stop")
    assert campaign.state == CampaignState.STOPPED
    assert set(Delivery.objects.values_list("state", flat=True)) == {"cancelled"}
    assert set(Invitation.objects.values_list("state", "outcome_reason")) == {("withdrawn", "stopped")}
    assert "Only a paused campaign" in press("campaign_resume")


def test_the_page_shows_where_everybody_stands(as_lead: Client, lead: User) -> None:
    campaign = running(lead, 5)
    now = dt.datetime(2026, 3, 17, 12, tzinfo=dt.UTC)
    ids = list(Invitation.objects.order_by("pk").values_list("pk", flat=True))
    Invitation.objects.filter(pk__in=ids[:3]).update(state="sent", asked_at=now, delivered_at=now)
    Invitation.objects.filter(pk__in=ids[:2]).update(opened_at=now)
    Invitation.objects.filter(pk=ids[0]).update(state="answered", scored_at=now)
    Invitation.objects.filter(pk=ids[3]).update(state="failed", outcome_reason="bounced")

    page = go(as_lead, "campaign_detail", campaign)

    for part in (
        "Sent 3",
        "Delivered 3",
        "Opened 2",
        "Scored 1",
        "Commented 0",
        "Waiting 1",
        "Address does not exist 1",
    ):
        assert part in page, (part, page)
    assert "Ask somebody" not in page
    assert "1 person" in go(as_lead, "campaign_invitations", campaign, stage="scored")
    assert "1 person" in go(as_lead, "campaign_invitations", campaign, stage="failed", reason="bounced")


def test_the_running_page_asks_for_its_live_part_again(as_lead: Client, lead: User) -> None:
    campaign = running(lead)
    url = reverse("surveys:campaign_detail", args=[campaign.pk])

    part = as_lead.get(url, headers={"HX-Request": "true", "HX-Target": "campaign-state"}).content.decode()

    assert part.strip().startswith('<div id="campaign-state"')
    assert "every 4s" in part
    Campaign.objects.update(state=CampaignState.FINISHED)
    assert "every 4s" not in as_lead.get(url).content.decode()


def test_people_outside_ones_sight_are_neither_counted_nor_listed(
    as_csm: Client, csm: User, lead: User, south: Team
) -> None:
    campaign = running(lead)
    mine = Contact.objects.order_by("pk").first()
    assert mine is not None
    assert mine.account is not None
    mine.account.owner = csm
    mine.account.save(update_fields=["owner"])

    page = go(as_csm, "campaign_detail", campaign)
    listed = go(as_csm, "campaign_invitations", campaign)

    assert "Planned 1" in page
    assert "1 person" in listed
    assert as_csm.post(reverse("surveys:campaign_pause", args=[campaign.pk])).status_code == 403


def test_a_doubtful_message_is_decided_by_a_person(as_lead: Client, lead: User) -> None:
    campaign = running(lead, 1)
    pacing.release(campaign.waves.get().pk)
    Delivery.objects.update(state="in_doubt", error="The connection broke.")
    row = Delivery.objects.get()
    assert "The connection broke." in go(as_lead, "campaign_detail", campaign)

    as_lead.post(reverse("surveys:delivery_mark_as_sent", args=[row.pk]))

    assert Invitation.objects.get().state == "sent"
    assert "Mark as sent" not in go(as_lead, "campaign_detail", campaign)


def test_sending_switched_off_is_said(as_lead: Client, lead: User, settings: object) -> None:
    settings.SENDING_ENABLED = False  # type: ignore[attr-defined]
    campaign = running(lead, 1)

    assert "Sending is switched off" in go(as_lead, "campaign_detail", campaign)
    assert pacing.release_due() == 0


def test_two_campaigns_cannot_have_one_name(as_lead: Client, survey: Survey) -> None:
    make_campaign(survey, name="Spring", state=CampaignState.DRAFT)

    response = as_lead.post(reverse("surveys:campaign_create"), {"survey": survey.pk, "name": "Spring"})

    assert response.status_code == 422
    assert "There is a campaign “Spring” already" in text(response)


def test_the_list_costs_the_same_for_one_campaign_as_for_ten(
    as_lead: Client, survey: Survey, django_assert_max_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            as_lead.get(reverse("surveys:campaign_list"))
        return len(seen)

    make_campaign(survey, name="First")
    as_lead.get(reverse("surveys:campaign_list"))
    one = cost()
    for number in range(9):
        make_campaign(survey, name=f"Further {number}")

    assert cost() == one


def test_the_contact_page_says_when_the_next_ask_is_possible(as_lead: Client, lead: User) -> None:
    campaign = running(lead, 1)
    contact = Contact.objects.get()
    page = text(as_lead.get(reverse("accounts:contact_detail", args=[contact.pk])))
    assert "Planned elsewhere" in page
    Invitation.objects.update(state="sent", asked_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=5))

    page = text(as_lead.get(reverse("accounts:contact_detail", args=[contact.pk])))

    assert "Next ask possible" in page
    assert campaign.name in page
