"""Campaigns, invitations and suppressions over the API: same rules, same sight as the pages."""

import pytest
from django.test import Client

from surveys.models import Campaign, Invitation, Suppression
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.surveys.asking import make_account, make_contact, make_survey, suppress

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(lead: User) -> Client:
    key = factories.an_api_key(lead, "surveys:read", "surveys:write", rate_limit=1000)
    return Client(headers={"authorization": key})


def post(api: Client, path: str, **body: object) -> object:
    return api.post(f"/api/v1/{path}", body, content_type="application/json")


def test_a_campaign_is_drafted_previewed_and_launched(api: Client, drain: Drain) -> None:
    survey = make_survey()
    make_contact(make_account(), "ida@fjord.example")
    make_contact(make_account("Other"), "ole@fjord.example")
    suppress("ole@fjord.example")

    made = post(api, "campaigns/", name="Spring", survey_id=survey.pk)
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    preview = api.get(f"/api/v1/campaigns/{pk}/preview/").json()
    assert (preview["audience"], preview["asked"]) == (2, 1)
    assert preview["excluded"] == [{"reason": "unsubscribed", "title": "Unsubscribed", "count": 1}]
    assert post(api, f"campaigns/{pk}/launch/").json()["state"] == "running"

    drain()

    assert api.get(f"/api/v1/campaigns/{pk}/").json()["state"] == "finished"
    assert api.get(f"/api/v1/campaigns/{pk}/progress/").json()["sent"] == 1
    (listed,) = api.get("/api/v1/invitations/", {"campaign": pk}).json()["results"]
    assert listed["state"] == "sent"


def test_what_cannot_be_done_is_refused_with_the_remedy(api: Client) -> None:
    survey = make_survey()
    pk = post(api, "campaigns/", name="Spring", survey_id=survey.pk).json()["id"]

    empty = post(api, f"campaigns/{pk}/launch/")
    unknown = post(api, "campaigns/", name="Other", survey_id=999_999)
    paused = post(api, f"campaigns/{pk}/pause/")

    assert (empty.status_code, empty.json()["errors"][0]["code"]) == (409, "empty_audience")
    assert (unknown.status_code, unknown.json()["errors"][0]["attr"]) == (400, "survey_id")
    assert paused.status_code == 409
    assert Campaign.objects.get().state == "draft"


def test_a_csm_key_sees_its_invitations_only_and_launches_nothing(csm: User, stranger: User) -> None:
    survey = make_survey()
    mine = make_contact(make_account("Mine", owner=csm), "mine@fjord.example")
    other = make_contact(make_account("Theirs", owner=stranger), "theirs@fjord.example")
    for contact in (mine, other):
        Invitation.objects.create(
            version=survey.current,
            contact=contact,
            account=contact.account,
            recipient_key=contact.address_key,
        )
    api = Client(
        headers={"authorization": factories.an_api_key(csm, "surveys:read", "surveys:write", rate_limit=1000)}
    )

    listed = api.get("/api/v1/invitations/").json()["results"]

    assert [row["contact_id"] for row in listed] == [mine.pk]
    assert post(api, "campaigns/", name="Spring", survey_id=survey.pk).status_code == 403


def test_an_address_is_suppressed_found_and_lifted(api: Client) -> None:
    made = post(api, "suppressions/", email="Ida@fjord.example", detail="by phone")
    assert made.status_code == 201
    assert post(api, "suppressions/", email="ida@fjord.example").status_code == 409
    assert post(api, "suppressions/", email="ida").status_code == 400

    (found,) = api.get("/api/v1/suppressions/", {"email": "IDA@fjord.example"}).json()["results"]
    lifted = post(api, f"suppressions/{found['id']}/lift/", why="she asked")

    assert lifted.status_code == 204
    assert Suppression.objects.get().lifted_at is not None
