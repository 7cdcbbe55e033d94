"""What is typed on the steps of a draft becomes its plan, is shown again, and is said in sentences on the review."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, CustomField
from core import clock
from surveys import campaign_words
from surveys.campaign_plan import Plan
from surveys.choices import CampaignState
from surveys.models import Campaign
from tests.surveys.asking import make_account, make_campaign, make_contact, make_survey

pytestmark = pytest.mark.django_db

NO_CONDITION = {f"condition_{row}_{part}": "" for row in range(3) for part in ("key", "value")}


@pytest.fixture
def campaign(db: None) -> Campaign:
    make_contact(make_account(), "p@fjord.example")
    return make_campaign(make_survey(), state=CampaignState.DRAFT)


def save(client: Client, campaign: Campaign, step: str, **values: object) -> str:
    """The page after posting a step, which is the next one unless it was refused."""
    url = reverse(f"surveys:campaign_{step}", args=[campaign.pk])
    response = client.post(url, values, follow=True)
    campaign.refresh_from_db()
    return response.content.decode()


def when(client: Client, campaign: Campaign, cadence: str, **values: object) -> str:
    return save(client, campaign, "when", cadence=cadence, start="now", **{**NO_CONDITION, **values})


def limits(client: Client, campaign: Campaign, **values: object) -> str:
    usual = {"reminders": "0", "reminder_gap_days": "5", "expires_after_days": "30"}
    return save(client, campaign, "limits", **{**usual, **values})


def how_often(campaign: Campaign) -> str:
    return campaign_words.how_often(Plan.of(campaign))


def test_each_person_in_their_own_rhythm(as_lead: Client, campaign: Campaign) -> None:
    when(as_lead, campaign, "recurring", every_days="90")

    assert (campaign.cadence, campaign.every_days) == ("recurring", 90)
    assert how_often(campaign) == "Each person 90 days after their last ask"


def test_waves_by_the_calendar(as_lead: Client, campaign: Campaign) -> None:
    when(as_lead, campaign, "calendar", period_months="3", spread_days="30")

    assert (campaign.cadence, campaign.period_months, campaign.spread_days) == ("calendar", 3, 30)
    assert how_often(campaign) == "In waves, every quarter, spread over 30 days"


def test_around_a_date_of_the_account(as_lead: Client, campaign: Campaign) -> None:
    CustomField.objects.create(target="account", key="live_on", label="Live since", type="date")

    when(
        as_lead, campaign, "account_date", anchor="custom.live_on", offset_presets=["6m", "12m"],
        offsets_text="45d", grace_days="7",
    )  # fmt: skip

    assert campaign.offsets == ["6m", "12m", "45d"]
    assert campaign.grace_days == 7
    assert how_often(campaign) == "6 months after, 12 months after and 45 days after the account's live_on"


def test_when_something_happens(as_lead: Client, campaign: Campaign) -> None:
    when(
        as_lead, campaign, "event", trigger_event="ticket_solved", delay_number="2", delay_unit="60",
        condition_0_key="priority", condition_0_op="is", condition_0_value="high",
    )  # fmt: skip

    assert campaign.trigger_conditions == {"all": [{"field": "priority", "op": "is", "value": "high"}]}
    assert how_often(campaign) == "At events “ticket_solved” that meet the conditions, 2 hours later"
    shown = as_lead.get(reverse("surveys:campaign_when", args=[campaign.pk])).content.decode()
    assert 'value="priority"' in shown


def test_a_change_of_mind_leaves_nothing_behind(as_lead: Client, campaign: Campaign) -> None:
    when(as_lead, campaign, "event", trigger_event="purchase", delay_number="1", delay_unit="1440")

    when(as_lead, campaign, "once", trigger_event="purchase", delay_number="1", delay_unit="1440")

    assert (campaign.trigger_event, campaign.delay_minutes) == ("", 0)


@pytest.mark.parametrize(
    ("cadence", "values", "said"),
    [
        ("recurring", {}, "Every how many days"),
        ("account_date", {"anchor": "renewal_on"}, "How long before or after"),
        ("account_date", {"anchor": "renewal_on", "offsets_text": "soon"}, "“soon” is no distance"),
        ("account_date", {"offset_presets": ["6m"]}, "Which date of the account"),
        ("event", {}, "Which event leads to the ask"),
        (
            "event",
            {"trigger_event": "x", "condition_0_key": "amount", "condition_0_op": "gte", "condition_0_value": "many"},
            "number",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_and_nothing_saved(
    as_lead: Client, campaign: Campaign, cadence: str, values: dict[str, object], said: str
) -> None:
    page = when(as_lead, campaign, cadence, **values)

    assert said in page
    assert campaign.cadence == "once"


def test_channels_keep_their_order(as_lead: Client, campaign: Campaign) -> None:
    save(as_lead, campaign, "channels", first="in_app", second="email", fallback_days="5", send_as_owner="on")

    assert campaign.channels == ["in_app", "email"]
    assert campaign_words.channels(Plan.of(campaign)) == (
        "In your product, else e-mail; after 5 days without an answer the next one; from the account's owner"
    )


def test_personal_links_are_chosen_alone_and_without_reminders(as_lead: Client, campaign: Campaign) -> None:
    beside = save(as_lead, campaign, "channels", first="email", second="link")
    assert "Choose them alone" in beside
    assert campaign.channels == ["email"]

    save(as_lead, campaign, "channels", first="link")
    assert campaign.channels == ["link"]

    assert "so are their reminders" in limits(as_lead, campaign, reminders="1")
    assert Plan.of(campaign).reminders == 0


def test_a_channel_named_twice_is_refused(as_lead: Client, campaign: Campaign) -> None:
    page = save(as_lead, campaign, "channels", first="email", second="email")

    assert "Choose each channel once" in page
    assert campaign.channels == ["email"]


def test_hours_pace_and_reminders(as_lead: Client, campaign: Campaign) -> None:
    page = limits(
        as_lead, campaign, weekdays=["1", "2", "3", "4", "5"], send_from="09:00", send_until="17:00",
        in_contact_zone="on", skip_holidays="on", hourly_limit="50", account_week_limit="2", reminders="2",
        reminder_gap_days="4",
    )  # fmt: skip

    plan = Plan.of(campaign)
    assert plan.send_from == dt.time(9)
    for sentence in (
        "Monday to Friday, 09:00 to 17:00, not on public holidays, where the person is",
        "At most 50 an hour, at most 2 people of one account a week",
        "2 reminders, 4 days apart",
    ):
        assert sentence in page


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"send_from": "09:00"}, "both a beginning and an end"),
        ({"target_answers": "250"}, "Give both or neither"),
        ({"reminders": "3", "reminder_gap_days": "20"}, "The last reminder would come"),
        ({"daily_limit": "0"}, "greater than or equal to 1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    as_lead: Client, campaign: Campaign, values: dict[str, object], said: str
) -> None:
    page = limits(as_lead, campaign, **values)

    assert said in page
    assert Plan.of(campaign).reminders == 0


def test_only_leads_write_campaigns(as_csm: Client, campaign: Campaign) -> None:
    for step in ("basics", "audience", "when", "channels", "limits", "review"):
        assert as_csm.get(reverse(f"surveys:campaign_{step}", args=[campaign.pk])).status_code == 403


def test_the_review_says_who_is_due_today(as_lead: Client, campaign: Campaign) -> None:
    asked, other = make_account("Due Ltd"), make_account("Later Ltd")
    today = clock.now().date()
    Account.objects.filter(pk=asked.pk).update(customer_since=today - dt.timedelta(days=60))
    Account.objects.filter(pk=other.pk).update(customer_since=today - dt.timedelta(days=59))
    make_contact(asked, "due@due.example")
    make_contact(other, "later@later.example")
    when(as_lead, campaign, "account_date", anchor="customer_since", offsets_text="60d", grace_days="14")

    review = as_lead.get(reverse("surveys:campaign_review", args=[campaign.pk])).content.decode()
    people = as_lead.get(reverse("surveys:campaign_people", args=[campaign.pk]), {"due": 1}).content.decode()

    assert "today that is 1 of the 3, and 1 of them may be asked" in " ".join(review.split())
    assert "due@due.example" in people
    assert "later@later.example" not in people


def test_the_review_says_that_an_event_asks_nobody_at_the_launch(as_lead: Client, campaign: Campaign) -> None:
    when(as_lead, campaign, "event", trigger_event="ticket_solved", delay_number="2", delay_unit="60")

    review = as_lead.get(reverse("surveys:campaign_review", args=[campaign.pk])).content.decode()

    assert "The launch asks nobody yet" in review
    assert "Asked if launched now" not in review
