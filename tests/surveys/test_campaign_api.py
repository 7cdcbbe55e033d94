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


WHOLE_PLAN: dict[str, object] = {
    "channels": ["in_app", "email"], "fallback_days": 5, "send_as_owner": True, "cadence": "account_date",
    "anchor": "renewal_on", "offsets": ["-90d", "-30d"], "grace_days": 7, "daily_limit": 100, "hourly_limit": 20,
    "account_week_limit": 2, "sample_percent": 50, "send_weekdays": "12345", "send_from": "09:00:00",
    "send_until": "17:00:00", "in_contact_zone": True, "skip_holidays": True, "reminders": 1, "reminder_gap_days": 4,
}  # fmt: skip


def test_everything_about_a_campaign_can_be_settled(api: Client) -> None:
    made = post(api, "campaigns/", name="Before renewal", survey_id=make_survey().pk, **WHOLE_PLAN)

    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in WHOLE_PLAN} == WHOLE_PLAN


def test_a_part_of_the_plan_can_be_changed(api: Client) -> None:
    pk = post(api, "campaigns/", name="Renewal", survey_id=make_survey().pk, **WHOLE_PLAN).json()["id"]

    changed = api.patch(f"/api/v1/campaigns/{pk}/", {"reminders": 2}, content_type="application/json")

    assert changed.json()["reminders"] == 2
    assert changed.json()["offsets"] == ["-90d", "-30d"]


@pytest.mark.parametrize(
    ("wrong", "attr"),
    [
        ({"channels": ["fax"]}, "channels"),
        ({"channels": ["email", "email"]}, "channels"),
        ({"cadence": "hourly"}, "cadence"),
        ({"cadence": "recurring"}, "every_days"),
        ({"cadence": "account_date", "anchor": "birthday", "offsets": ["1d"]}, "anchor"),
        ({"cadence": "account_date", "anchor": "renewal_on", "offsets": ["soon"]}, "offsets"),
        ({"cadence": "event"}, "trigger_event"),
        ({"cadence": "event", "trigger_event": "x", "trigger_conditions": {"any": 3}}, "trigger_conditions"),
        ({"send_weekdays": "89"}, "send_weekdays"),
        ({"send_from": "09:00"}, "send_until"),
        ({"target_answers": 250}, "target_days"),
        ({"reminders": 9}, "reminders"),
        ({"sample_percent": 0}, "sample_percent"),
        ({"daily_limit": True}, "daily_limit"),
    ],
)
def test_a_plan_that_makes_no_sense_names_its_field(api: Client, wrong: dict[str, object], attr: str) -> None:
    refused = post(api, "campaigns/", name="Spring", survey_id=make_survey().pk, **wrong)

    assert refused.status_code == 400, refused.content
    assert refused.json()["errors"][0]["attr"].split(".")[0] == attr
    assert not Campaign.objects.exists()
