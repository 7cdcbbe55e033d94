"""Experiments from the draft to the verdict: defined, drawn, worded, compared."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core import clock
from core.errors import Invalid, Refused
from surveys import experiments, planning
from surveys.choices import InvitationState
from surveys.content import Content, Words
from surveys.experiments import Outcome
from surveys.models import Campaign, Invitation, Response, SurveyVersion, Variant, Wave
from surveys.queries import experiments as queries
from surveys.services import experiments as services
from surveys.services.experiments import ArmPlan
from team.models import AuditEntry, User
from tests import factories
from tests.conftest import Browser, Drain
from tests.surveys.asking import (
    make_account,
    make_campaign,
    make_contact,
    make_invitation,
    make_survey,
    make_wave,
)

pytestmark = pytest.mark.django_db

PLAIN = ArmPlan(name="As it is")
SHORT = ArmPlan(name="Short", texts={"en": {"subject": "Ten seconds?"}})


def draft(**fields: Any) -> Campaign:
    survey = make_survey(languages={"en": Words(subject="A question"), "de": Words()})
    return make_campaign(survey, state="draft", **fields)


def define(campaign: Campaign, lead: User, *arms: ArmPlan, horizon: int = 100) -> list[Variant]:
    return services.define(campaign=campaign, arms=arms or (PLAIN, SHORT), horizon=horizon, actor=lead)


# --- Before the launch ---------------------------------------------------------------------------------------
def test_arms_are_defined_replaced_and_taken_away_again(lead: User) -> None:
    campaign = draft()
    define(campaign, lead)
    assert [(v.key, v.name, v.texts) for v in campaign.variants.order_by("key")] == [
        ("a", "As it is", {}),
        ("b", "Short", {"en": {"subject": "Ten seconds?"}}),
    ]
    define(campaign, lead, PLAIN, SHORT, ArmPlan(name="Late", send_hour=18), horizon=500)
    campaign.refresh_from_db()
    assert (campaign.variants.count(), campaign.experiment_horizon) == (3, 500)

    services.remove(campaign=campaign, actor=lead)
    campaign.refresh_from_db()
    assert (campaign.variants.count(), campaign.experiment_horizon) == (0, None)
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "experiment.defined", "experiment.defined", "experiment.removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arms", "field"),
    [
        ([PLAIN], "arms"),
        ([PLAIN] * 5, "arms"),
        ([PLAIN, ArmPlan(name=" ", texts=SHORT.texts)], "arms.b.name"),
        ([PLAIN, ArmPlan(name="as IT is", texts=SHORT.texts)], "arms.b.name"),
        ([PLAIN, ArmPlan(name="The same")], "arms.b.name"),
        ([PLAIN, ArmPlan(name="B", weight=0, send_hour=9)], "arms.b.weight"),
        ([PLAIN, ArmPlan(name="B", send_hour=24)], "arms.b.send_hour"),
        ([PLAIN, ArmPlan(name="B", channel="sms")], "arms.b.channel"),
        ([PLAIN, ArmPlan(name="B", texts={"fr": {"subject": "Oui"}})], "arms.b.texts.fr"),
        ([PLAIN, ArmPlan(name="B", texts={"en": {"question": "Are you happy?"}})], "arms.b.texts.en"),
        ([PLAIN, ArmPlan(name="B", texts={"en": {"subject": "x" * 201}})], "arms.b.texts.en.subject"),
        ([PLAIN, ArmPlan(name="B", texts={"en": {"intro": "Hello {{ account.mrr }}"}})], "arms.b.texts.en.intro"),
        ([PLAIN, ArmPlan(name="B", texts={"de": {"subject": "Two\nlines"}})], "arms.b.texts.de.subject"),
    ],
)  # fmt: skip
def test_what_is_no_experiment_is_refused_at_its_field(lead: User, arms: list[ArmPlan], field: str) -> None:
    campaign = draft()
    with pytest.raises(Invalid) as refusal:
        define(campaign, lead, *arms)
    assert refusal.value.field == field
    assert not Variant.objects.exists()


def test_a_horizon_that_says_nothing_is_refused(lead: User) -> None:
    with pytest.raises(Invalid) as refusal:
        define(draft(), lead, horizon=99)
    assert refusal.value.field == "horizon"


def test_once_launched_an_experiment_is_fixed(lead: User) -> None:
    campaign = make_campaign(state="running")
    with pytest.raises(Refused, match="fixed once"):
        define(campaign, lead)
    with pytest.raises(Refused, match="fixed once"):
        services.remove(campaign=campaign, actor=lead)


def test_a_lead_defines_arms_on_the_page(as_lead: Client, as_csm: Client, lead: User) -> None:
    campaign = draft()
    for n in range(30):
        make_contact(make_account(f"Account {n}"), f"p{n}@fjord.example")
    url = reverse("surveys:campaign_experiment", args=[campaign.pk])
    page = as_lead.get(url).content.decode()
    assert "20" in page
    assert "to see 5 points more" in page
    assert as_csm.get(url).status_code == 403

    data = {"horizon": 250, "a_name": "As it is", "a_weight": 1, "b_name": "Short", "b_weight": 3}
    refused = as_lead.post(url, data)
    assert refused.status_code == 422
    assert "does exactly what" in refused.content.decode()
    wrong = as_lead.post(url, data | {"b_intro_de": "{{ nothing }}"})
    assert "b_intro_de" in wrong.context["form"].errors
    # Slots left empty close up: the third becomes arm b, and its refusals are shown where they were typed.
    gap = as_lead.post(
        url, {"horizon": 250, "a_name": "A", "c_name": "C", "c_weight": 1, "c_intro_en": "{{ nothing }}"}
    )
    assert "c_intro_en" in gap.context["form"].errors

    saved = as_lead.post(url, data | {"b_subject_en": "Ten seconds?", "b_send_hour": "9"})
    assert saved.status_code == 302
    arm = campaign.variants.get(key="b")
    assert (arm.weight, arm.send_hour, arm.texts) == (3, 9, {"en": {"subject": "Ten seconds?"}})
    again = as_lead.get(url).content.decode()
    assert 'value="Ten seconds?"' in again
    assert 'value="250"' in again
    as_lead.post(reverse("surveys:campaign_experiment_remove", args=[campaign.pk]))
    assert not Variant.objects.exists()


# --- The wording of arms -------------------------------------------------------------------------------------
def test_arms_are_worded_from_the_survey_as_it_is_when_the_round_begins(lead: User) -> None:
    campaign = draft()
    define(campaign, lead)
    survey = campaign.survey
    edited = Content(
        sender_name="Nordlicht", languages={"en": Words(subject="Edited", intro="New intro"), "de": Words()}
    )
    SurveyVersion.objects.filter(pk=survey.current_id).update(content=edited.to_json())
    survey.refresh_from_db()

    services.settle(
        campaign=campaign, version=SurveyVersion.objects.get(pk=survey.current_id), now=clock.now()
    )

    plain, short = campaign.variants.select_related("version").order_by("key")
    assert plain.version is None
    assert short.version is not None
    assert short.version.used_at is not None
    words = Content.from_json(short.version.content).languages["en"]
    assert (words.subject, words.intro) == ("Ten seconds?", "New intro")
    survey.refresh_from_db()
    assert survey.current_id != short.version_id

    # A second round of the same wording makes no further version; another wording does.
    before = SurveyVersion.objects.count()
    base = SurveyVersion.objects.get(pk=survey.current_id)
    services.settle(campaign=campaign, version=base, now=clock.now())
    assert SurveyVersion.objects.count() == before
    base.content = Content(languages={"en": Words(intro="Third"), "de": Words()}).to_json()
    services.settle(campaign=campaign, version=base, now=clock.now())
    assert SurveyVersion.objects.count() == before + 1


def test_a_launch_draws_every_account_into_one_arm_and_sends_its_words(
    lead: User, drain: Drain, mailoutbox: Any
) -> None:
    from surveys.services import campaigns as campaign_services

    campaign = draft()
    for n in range(40):
        account = make_account(f"Account {n}")
        for person in range(2):
            make_contact(account, f"p{n}-{person}@fjord.example")
    define(campaign, lead)
    campaign_services.launch(campaign=campaign, actor=lead)
    drain()

    asked = list(Invitation.objects.select_related("variant", "version"))
    assert asked
    assert all(ask.variant is not None for ask in asked)
    for ask in asked:
        assert ask.contact_id is not None
        assert ask.variant is not None
        drawn = experiments.arm_of(
            campaign.pk, account_id=ask.account_id, contact_id=ask.contact_id, weights=[1, 1]
        )
        assert ask.variant.key == "ab"[drawn]
        assert ask.version_id == (ask.variant.version_id or campaign.survey.current_id)
    assert {ask.variant.key for ask in asked if ask.variant} == {"a", "b"}


def test_one_planned_by_planning_carries_its_arm(lead: User) -> None:
    campaign = draft()
    define(campaign, lead)
    Campaign.objects.update(state="running", launched_by=lead)
    campaign.refresh_from_db()
    wave = make_wave(campaign)
    contact = make_contact(make_account(), "ida@fjord.example")
    services.settle(campaign=campaign, version=wave.version, now=clock.now())
    planning.plan_wave(wave.pk)

    ask = Invitation.objects.get(contact=contact)
    drawn = experiments.arm_of(
        campaign.pk, account_id=contact.account_id, contact_id=contact.pk, weights=[1, 1]
    )
    assert ask.variant is not None
    assert ask.variant.key == "ab"[drawn]


# --- Comparing -----------------------------------------------------------------------------------------------
def people(
    campaign: Campaign,
    key: str,
    *,
    asked: int,
    answered: int,
    at: dt.datetime,
    owner: User | None = None,
    score: int = 9,
) -> None:
    """Contacts of accounts of their own, asked in an arm at a moment; the first of them answered an hour later."""
    wave = Wave.objects.filter(campaign=campaign).first() or make_wave(campaign)
    variant = campaign.variants.get(key=key)
    for n in range(asked):
        contact = make_contact(
            make_account(f"{key} {n} {at}", owner=owner), f"{key}{n}-{at:%j}@fjord.example"
        )
        has_answered = n < answered
        ask = make_invitation(
            contact, wave, variant=variant, state=InvitationState.ANSWERED if has_answered else InvitationState.SENT,
            asked_at=at, delivered_at=at, scored_at=at + dt.timedelta(hours=1) if has_answered else None,
        )  # fmt: skip
        if has_answered:
            Response.objects.create(
                survey=campaign.survey, contact=contact, account=contact.account, invitation=ask, source="hosted",
                channel="email", score=score, responded_at=at + dt.timedelta(hours=1),
            )  # fmt: skip


@pytest.fixture
def running(lead: User) -> Campaign:
    campaign = draft()
    define(campaign, lead)
    Campaign.objects.update(state="running")
    campaign.refresh_from_db()
    return campaign


def test_an_experiment_waits_for_its_horizon_and_for_the_answers(running: Campaign, lead: User) -> None:
    now = clock.now()
    people(running, "a", asked=100, answered=10, at=now - dt.timedelta(days=8))
    people(running, "b", asked=60, answered=30, at=now - dt.timedelta(days=8))
    early = queries.compare(running, lead)
    assert early is not None
    assert early.verdict is not None
    assert early.verdict.outcome is Outcome.WAITING
    assert "“Short” stands at 60" in early.verdict.sentence

    people(running, "b", asked=40, answered=20, at=now - dt.timedelta(days=3))
    settling = queries.compare(running, lead)
    assert settling is not None
    assert settling.verdict is not None
    assert settling.verdict.outcome is Outcome.SETTLING

    Invitation.objects.filter(asked_at__gt=now - dt.timedelta(days=4)).update(
        asked_at=now - dt.timedelta(days=7, minutes=1), scored_at=None
    )
    done = queries.compare(running, lead)
    assert done is not None
    assert done.verdict is not None
    assert (done.verdict.outcome, done.winner) == (Outcome.WINNER, "b")


def test_what_comes_after_the_horizon_does_not_move_the_verdict(running: Campaign, lead: User) -> None:
    old = clock.now() - dt.timedelta(days=30)
    people(running, "a", asked=100, answered=20, at=old)
    people(running, "b", asked=100, answered=22, at=old)
    first = queries.compare(running, lead)
    people(running, "a", asked=100, answered=0, at=old + dt.timedelta(days=1))
    people(running, "b", asked=100, answered=100, at=old + dt.timedelta(days=1))
    # Somebody of the first hundred answers only now, long after the time that was given.
    late = Invitation.objects.filter(variant__key="a", scored_at=None).first()
    assert late is not None
    Invitation.objects.filter(pk=late.pk).update(scored_at=clock.now())
    second = queries.compare(running, lead)

    assert first is not None
    assert second is not None
    assert first.verdict == second.verdict
    assert first.verdict is not None
    assert first.verdict.outcome is Outcome.NOISE
    assert second.arms[1].answered.part == 122


def test_the_page_shows_arms_with_their_intervals_and_leads_to_their_people(
    running: Campaign, as_lead: Client
) -> None:
    old = clock.now() - dt.timedelta(days=30)
    people(running, "a", asked=100, answered=20, at=old, score=3)
    people(running, "b", asked=100, answered=60, at=old, score=10)
    url = reverse("surveys:campaign_experiment", args=[running.pk])
    page = as_lead.get(url)
    html = page.content.decode()

    arms = page.context["comparison"].arms
    assert [(arm.asked, arm.delivered, arm.opened, arm.answered.part) for arm in arms] == [
        (100, 100, 20, 20), (100, 100, 60, 60),
    ]  # fmt: skip
    assert [arm.counts.score for arm in arms] == [-100, 100]
    assert "A winner." in html
    assert "“Short”" in html
    assert "40.0 points" in html
    people_page = as_lead.get(arms[1].url)
    assert people_page.context["page"].paginator.count == 100


def test_nobody_learns_of_people_out_of_sight(
    running: Campaign, csm: User, browser_of: Browser, lead: User
) -> None:
    old = clock.now() - dt.timedelta(days=30)
    people(running, "a", asked=100, answered=20, at=old, owner=csm)
    people(running, "b", asked=100, answered=60, at=old)

    seen = queries.compare(running, csm)
    assert seen is not None
    assert [arm.asked for arm in seen.arms] == [100, 0]
    assert (seen.verdict, seen.split) == (None, None)
    html = browser_of(csm).get(reverse("surveys:campaign_experiment", args=[running.pk])).content.decode()
    assert "Part of the picture." in html
    assert "A winner." not in html


def test_a_skewed_split_is_told_before_anything_else(running: Campaign, lead: User) -> None:
    old = clock.now() - dt.timedelta(days=30)
    people(running, "a", asked=100, answered=10, at=old)
    people(running, "b", asked=190, answered=150, at=old)

    found = queries.compare(running, lead)
    assert found is not None
    assert found.verdict is not None
    assert (found.verdict.outcome, found.winner) == (Outcome.SKEWED, "")


def test_the_api_tells_the_same(running: Campaign, lead: User) -> None:
    api = Client(headers={"authorization": factories.an_api_key(lead, "surveys:read")})
    old = clock.now() - dt.timedelta(days=30)
    people(running, "a", asked=100, answered=20, at=old)
    people(running, "b", asked=100, answered=60, at=old)
    found = api.get(f"/api/v1/campaigns/{running.pk}/experiment/").json()

    assert found["verdict"]["winner"] == "b"
    assert [(arm["key"], arm["asked"], arm["answered"], arm["response_rate"]) for arm in found["arms"]] == [
        ("a", 100, 20, 0.2), ("b", 100, 60, 0.6),
    ]  # fmt: skip
    assert found["arms"][0]["difference"] is None
    assert found["arms"][1]["difference"]["points"] == pytest.approx(40)
    other = make_campaign(name="Without")
    assert api.get(f"/api/v1/campaigns/{other.pk}/experiment/").status_code == 404


def test_the_back_office_shows_arms_and_changes_none(running: Campaign, as_administrator: Client) -> None:
    page = as_administrator.get(reverse("admin:surveys_campaign_change", args=[running.pk]))

    assert page.status_code == 200
    html = page.content.decode()
    assert "Short" in html
    assert 'name="variants-0-name"' not in html
