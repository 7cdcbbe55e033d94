"""Looks at answer pages are forgotten when they are of no use any more."""

import datetime as dt

import pytest
from pytest_django import Settings as SettingsWrapper

from core import clock
from surveys.models import PageVisit, ScoreIntent, Survey
from surveys.services import visits
from tests.surveys import hosted

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey() -> Survey:
    return hosted.survey()


def looked(survey: Survey, days_ago: float, *, waiting: bool = False) -> PageVisit:
    person = hosted.contact(email=f"p{PageVisit.objects.count()}@fjord.example")
    invitation = hosted.invitation(person=person, asked=survey)
    at = clock.now() - dt.timedelta(days=days_ago)
    if waiting:
        ScoreIntent.objects.create(invitation=invitation, score=3, first_seen_at=at, last_seen_at=at)
    return PageVisit.objects.create(invitation=invitation, kind="page", at=at)


def test_old_looks_are_forgotten_in_batches(
    settings: SettingsWrapper, survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "AT_ONCE", 2)
    settings.VISIT_KEEP_DAYS = 60
    for days in (400, 100, 61, 60.1, 90):
        looked(survey, days)
    kept = looked(survey, 59.9)

    assert visits.prune(clock.now().date()) == 5
    assert PageVisit.objects.get() == kept


def test_the_evidence_of_a_click_that_waits_is_kept(settings: SettingsWrapper, survey: Survey) -> None:
    settings.VISIT_KEEP_DAYS = 60
    waiting = looked(survey, 100, waiting=True)

    assert visits.prune(clock.now().date()) == 0
    waiting.invitation.intent.state = "dismissed"
    waiting.invitation.intent.save()
    assert visits.prune(clock.now().date()) == 1
