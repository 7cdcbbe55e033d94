"""The pages of an import of answers, as a browser without scripts sees them."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.imports.mapping import Columns
from accounts.models import Import
from surveys.models import Response, Survey
from team.models import RoleScope, User
from tests import factories
from tests.accounts.importing import work
from tests.surveys.answer_files import PLAIN, bring_in

FILE = PLAIN + "ann@acme.example,1,Bad,2025-03-01,1\nwho@else.example,5,Fine,2025-03-02,2\n"


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey("Relationship")


def posted(run: Import, **more: str) -> dict[str, str]:
    """What the browser sends back of the columns page."""
    columns = Columns.of(run.mapping)
    fields = {f"column_{number}": key for number, key in columns.columns.items()}
    return {
        **fields,
        **{f"option_{key}": value for key, value in columns.options.items()},
        "delimiter": ",",
        "encoding": "utf-8",
        "do": "check",
        **more,
    }


def text(response: Any) -> str:
    return str(response.content.decode())


def test_answers_go_from_upload_to_done(as_lead: Client, survey: Survey) -> None:
    factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))
    form = text(as_lead.get(reverse("accounts:import_create") + "?target=answer"))
    assert 'value="answer"' in form

    sent = {"target": "answer", "file": SimpleUploadedFile("stars.csv", FILE.encode())}
    as_lead.post(reverse("accounts:import_create"), sent)
    run = Import.objects.get()
    url = reverse("accounts:import_columns", args=[run.pk])
    page = text(as_lead.get(url))
    assert "A new NPS survey" in page
    assert "none is 0" in page
    assert "1 becomes 0, 2 becomes 3" in page

    # Nothing is chosen for anybody.
    asked = as_lead.post(url, posted(run, option_survey=str(survey.pk)))
    assert asked.status_code == 422
    assert "Choose below which scale they are on" in text(asked)

    chosen = {
        "option_survey": str(survey.pk),
        "option_scale": "stretch:1:5",
        "option_scale_for": f"1|{survey.pk}",
    }
    as_lead.post(url, posted(run, **chosen))
    work()
    detail = reverse("accounts:import_detail", args=[run.pk])
    page = text(as_lead.get(detail))
    assert "would create an answer" in page
    assert "They are on a scale of 1–5" in page
    assert "waits in the inbox" in page
    assert not Response.objects.exists()

    as_lead.post(reverse("accounts:import_start", args=[run.pk]))
    work()
    page = text(as_lead.get(detail))
    assert "See these answers" in page
    assert f"?imported={run.pk}" in page
    listed = text(as_lead.get(reverse("surveys:response_list") + f"?imported={run.pk}"))
    assert "Bad" in listed
    assert "answer" in text(as_lead.get(reverse("accounts:import_list")))


def test_choice_made_for_another_survey_is_asked_again(as_lead: Client, survey: Survey) -> None:
    sent = {"target": "answer", "file": SimpleUploadedFile("stars.csv", FILE.encode())}
    as_lead.post(reverse("accounts:import_create"), sent)
    run = Import.objects.get()
    url = reverse("accounts:import_columns", args=[run.pk])

    stale = {"option_survey": str(survey.pk), "option_scale": "stretch:1:5", "option_scale_for": "1|new:nps"}
    response = as_lead.post(url, posted(run, **stale))

    assert response.status_code == 422
    run.refresh_from_db()
    assert run.state == "uploaded"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("option_survey", "999999"),
        ("option_survey", "new:stars"),
        ("option_zone", "Mars/Base"),
        ("option_zone", "../../etc/passwd"),
    ],
)
def test_choices_that_do_not_exist_are_refused(
    as_lead: Client, survey: Survey, field: str, value: str
) -> None:
    sent = {"target": "answer", "file": SimpleUploadedFile("stars.csv", FILE.encode())}
    as_lead.post(reverse("accounts:import_create"), sent)
    run = Import.objects.get()

    response = as_lead.post(reverse("accounts:import_columns", args=[run.pk]), posted(run, **{field: value}))

    assert response.status_code == 422


def test_taking_back_leaves_the_answers_listed_and_uncounted(
    as_lead: Client, lead: User, survey: Survey
) -> None:
    run = bring_in(FILE, actor=lead, survey=survey, scale="as_is")
    url = reverse("accounts:import_detail", args=[run.pk])
    assert "Take back 2 answers" in text(as_lead.get(url))

    as_lead.post(reverse("accounts:import_take_back", args=[run.pk]))
    assert "0 of 2 are taken back so far" in text(as_lead.get(url))
    work()

    assert "All 2 were taken back or excluded." in text(as_lead.get(url))
    assert Response.objects.filter(excluded_reason__startswith="Import taken back").count() == 2


def test_import_of_contacts_cannot_be_taken_back(as_lead: Client, lead: User) -> None:
    from tests.accounts import importing

    run = importing.bring_in("E-mail,Last name\na@x.example,A\n", actor=lead)

    as_lead.post(reverse("accounts:import_take_back", args=[run.pk]))

    assert "cannot be taken back in one step" in text(
        as_lead.get(reverse("accounts:import_detail", args=[run.pk]))
    )


def test_answers_out_of_sight_are_not_listed_by_their_import(
    as_csm: Client, lead: User, survey: Survey
) -> None:
    RoleScope.objects.update_or_create(role="csm", defaults={"scope": "own"})
    factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))
    run = bring_in(FILE, actor=lead, survey=survey, scale="as_is")

    listed = text(as_csm.get(reverse("surveys:response_list") + f"?imported={run.pk}"))

    assert "Bad" not in listed
