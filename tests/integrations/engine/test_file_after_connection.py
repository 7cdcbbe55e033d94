"""A file of a tool that is connected already: what the connection brought is not brought in twice."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Contact
from integrations.models import Connection
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from tests.accounts import importing
from tests.accounts.importing import counts
from tests.surveys.answer_files import PLAIN, bring_in, check, upload

DELIGHTED = "ID,Person Email,Survey Type,Score,Comment,Permalink,Created At,Tags,Delighted Source\n"
MOMENT = dt.datetime.fromtimestamp(1741000000, tz=dt.UTC)


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey("Relationship")


@pytest.fixture
def ann(db: None) -> Contact:
    return factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))


@pytest.fixture
def brought(db: None, ann: Contact, survey: Survey) -> Callable[..., Response]:
    """An answer of Ann's as a connection to Delighted brought it."""
    connection = Connection.objects.create(system="delighted", name="Delighted", state="active")

    def bring(external_id: str, score: int, at: dt.datetime = MOMENT) -> Response:
        return factories.respond(
            survey, score, source=connection.source, external_id=external_id, contact_id=ann.pk, responded_at=at,
            origin="backfill",
        )  # fmt: skip

    return bring


def test_rows_with_known_ids_are_already_there_in_the_check_and_in_the_import(
    brought: Callable[..., Response], lead: User, as_lead: Client, survey: Survey
) -> None:
    known = brought("901", 3)
    content = DELIGHTED + (
        "901,ann@acme.example,nps,3,Slow,https://d.example/r/1,1741000000,,Email\n"
        "902,ann@acme.example,nps,9,Fine,https://d.example/r/2,1741086400,,Email\n"
    )

    run = check(upload(content, actor=lead), actor=lead, survey=survey, scale="as_is")
    assert run.checked["already_here"] == 1
    page = as_lead.get(f"/imports/{run.pk}/").content.decode()
    assert "came in through a connection already" in page
    run = importing.start(run, actor=lead)

    assert counts(run) == (1, 0, 1, 0)
    assert Response.objects.count() == 2
    known.refresh_from_db()
    assert known.source.startswith("delighted:")
    again = bring_in(content, actor=lead, survey=survey, scale="as_is")
    assert counts(again) == (0, 0, 2, 0)


def test_rows_without_ids_are_known_by_person_score_and_day_each_once(
    brought: Callable[..., Response], lead: User, survey: Survey
) -> None:
    brought("901", 3, dt.datetime(2025, 3, 3, 9, 0, tzinfo=dt.UTC))
    content = PLAIN + (
        "ann@acme.example,3,Slow,2025-03-03 10:30,\n"
        "ann@acme.example,3,Slow again,2025-03-03 14:00,\n"
        "ann@acme.example,4,Another score,2025-03-03 15:00,\n"
        "ann@acme.example,3,Another day,2025-03-05 10:00,\n"
        "bob@acme.example,3,Another person,2025-03-03 10:00,\n"
    )

    run = bring_in(content, actor=lead, survey=survey, zone="UTC", scale="as_is")

    assert counts(run) == (4, 0, 1, 0)


def test_an_export_whose_ids_are_those_of_the_connection_is_known_by_them_alone(
    brought: Callable[..., Response], lead: User, survey: Survey
) -> None:
    """Somebody answered twice on a day with the same score: the second is another answer."""
    brought("901", 3)
    content = DELIGHTED + "902,ann@acme.example,nps,3,Still slow,https://d.example/r/2,1741003600,,Email\n"

    run = bring_in(content, actor=lead, survey=survey, scale="as_is")

    assert counts(run) == (1, 0, 0, 0)
    assert set(Response.objects.values_list("external_id", flat=True)) == {"901", "902"}


def test_an_export_with_ids_of_another_kind_is_known_by_person_score_and_day(
    brought: Callable[..., Response], lead: User, survey: Survey
) -> None:
    brought("a7f3-22", 3)
    content = DELIGHTED + "901,ann@acme.example,nps,3,Slow,https://d.example/r/1,1741000000,,Email\n"

    assert counts(bring_in(content, actor=lead, survey=survey, scale="as_is")) == (0, 0, 1, 0)


def test_another_survey_of_a_plain_list_and_another_tool_are_other_answers(
    brought: Callable[..., Response], lead: User, survey: Survey
) -> None:
    brought("901", 3, dt.datetime(2025, 3, 3, 9, 0, tzinfo=dt.UTC))
    other = factories.a_survey("Another")

    run = bring_in(
        PLAIN + "ann@acme.example,3,Slow,2025-03-03 10:30,901\n", actor=lead, survey=other, scale="as_is"
    )

    assert counts(run) == (1, 0, 0, 0)
