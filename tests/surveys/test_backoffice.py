"""Surveys and campaigns in the back office: what is saved there goes the way of the pages."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from surveys.choices import CampaignState
from surveys.models import Campaign, Survey
from team.models import AuditEntry
from tests.surveys.asking import make_campaign, make_survey

pytestmark = pytest.mark.django_db


def address(thing: Any) -> str:
    return reverse(f"admin:surveys_{thing._meta.model_name}_change", args=[thing.pk])


def act(client: Client, name: str, *things: Any) -> str:
    chosen = {"action": name, "_selected_action": [thing.pk for thing in things]}
    model = things[0]._meta.model_name
    return client.post(reverse(f"admin:surveys_{model}_changelist"), chosen, follow=True).content.decode()


def campaign_form(campaign: Campaign, **values: Any) -> dict[str, Any]:
    sent = {
        "name": campaign.name, "reminders": "0", "reminder_gap_days": "5", "in_contact_zone": "on",
        "variants-TOTAL_FORMS": "0", "variants-INITIAL_FORMS": "0",
    }  # fmt: skip
    return sent | values


@pytest.fixture
def campaign() -> Campaign:
    return make_campaign(make_survey(), name="Spring", state=CampaignState.RUNNING)


def test_a_survey_is_renamed_through_its_service(as_administrator: Client) -> None:
    survey = make_survey()

    sent = as_administrator.post(address(survey), {"name": " New  name ", "kind": "transactional"})

    assert sent.status_code == 302
    survey.refresh_from_db()
    assert (survey.name, survey.kind, survey.current.number) == ("New name", "transactional", 1)
    assert AuditEntry.objects.filter(action="survey.renamed").exists()


def test_a_survey_name_that_is_taken_is_refused_at_the_field(as_administrator: Client) -> None:
    make_survey("First")
    second = make_survey("Second")

    page = as_administrator.post(address(second), {"name": "First", "kind": "relationship"})

    assert page.status_code == 200
    assert (
        "Another survey has this name" in page.content.decode() or "already exists" in page.content.decode()
    )
    assert Survey.objects.get(pk=second.pk).name == "Second"


def test_surveys_are_archived_unless_a_campaign_asks_them(
    as_administrator: Client, campaign: Campaign
) -> None:
    free = make_survey("Free")

    page = act(as_administrator, "archive", free, campaign.survey)

    assert "1 archived." in page
    assert "“Spring” still asks this survey" in page
    assert {row.name: row.state for row in Survey.objects.all()} == {
        "Free": "archived", "Relationship NPS": "active",
    }  # fmt: skip
    assert "1 activated." in act(as_administrator, "activate", free)


def test_the_limits_of_a_running_campaign_change_and_what_it_asks_does_not(
    as_administrator: Client, campaign: Campaign
) -> None:
    other = make_survey("Other")

    sent = as_administrator.post(
        address(campaign), campaign_form(campaign, name="Summer", daily_limit="50", survey=other.pk)
    )

    assert sent.status_code == 302
    before = campaign.survey_id
    campaign.refresh_from_db()
    assert (campaign.name, campaign.daily_limit, campaign.survey_id) == ("Summer", 50, before)
    assert campaign.state == CampaignState.RUNNING
    assert AuditEntry.objects.filter(action="campaign.updated").exists()


def test_a_limit_that_cannot_be_is_refused_with_the_input_kept(
    as_administrator: Client, campaign: Campaign
) -> None:
    page = as_administrator.post(address(campaign), campaign_form(campaign, reminders="9", name="Kept"))

    assert page.status_code == 200
    assert 'value="Kept"' in page.content.decode()
    assert "errorlist" in page.content.decode()
    assert Campaign.objects.get().name == "Spring"


def test_campaigns_are_paused_resumed_and_stopped(as_administrator: Client, campaign: Campaign) -> None:
    assert "1 paused." in act(as_administrator, "pause", campaign)
    assert "Only a running campaign can be paused" in act(as_administrator, "pause", campaign)
    assert "1 resumed." in act(as_administrator, "resume", campaign)
    assert "1 stopped." in act(as_administrator, "stop", campaign)

    assert Campaign.objects.get().state == CampaignState.STOPPED
    # What is over is only read.
    assert as_administrator.post(address(campaign), campaign_form(campaign)).status_code == 403
    assert as_administrator.get(address(campaign)).status_code == 200


def test_only_administrators_work_in_the_back_office(as_lead: Client, campaign: Campaign) -> None:
    assert as_lead.get(address(campaign)).status_code in {302, 403}
    as_lead.post(address(campaign), campaign_form(campaign, name="Taken over"))

    assert Campaign.objects.get().name == "Spring"
