"""Reward lists: pages, REST, back office, and the alert that one ran out. Codes go in and never come out."""

import logging
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.services import erase
from core.errors import Invalid, Refused
from team.domain import Role, RowScope
from team.models import AuditEntry, RoleScope, Team, User
from tests import factories
from tests.workflows.test_api import Api
from workflows import alert_kinds
from workflows.domain import AlertState
from workflows.models import Alert, RewardCode, RewardList
from workflows.services import rewards

pytestmark = pytest.mark.django_db

PAGE = "/settings/reward-codes/"


@pytest.fixture
def vouchers(lead: User) -> RewardList:
    return rewards.create_list(
        name="Coffee vouchers", description="Thanks", codes=["AAA-1", "BBB-2"], actor=lead
    )


@pytest.fixture
def people(csm: User) -> list[Any]:
    account = factories.an_account(owner=csm)
    return [
        factories.a_contact(f"p{n}@example.com", account=account, first_name=f"Person{n}") for n in range(4)
    ]


def text(response: Any) -> str:
    return str(response.content.decode())


def file(body: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("codes.csv", body, content_type="text/csv")


# --- Pages -------------------------------------------------------------------------------------------------------
def test_a_list_is_made_with_pasted_and_uploaded_codes_and_they_are_only_counted(as_lead: Client) -> None:
    body = file(b'\xef\xbb\xbfCode\r\n"CSV-1"\r\nCSV-2\r\n\r\n')

    done = as_lead.post(
        PAGE, {"name": "Vouchers", "description": "", "codes": "TXT-1\nTXT-2\n", "file": body}, follow=True
    )

    made = RewardList.objects.get()
    assert {rewards.read(code) for code in made.codes.all()} == {"CSV-1", "CSV-2", "TXT-1", "TXT-2"}
    for page in (done, as_lead.get(PAGE), as_lead.get(f"{PAGE}{made.pk}/")):
        assert ("TXT-" in text(page), "CSV-" in text(page)) == (False, False)
    assert as_lead.get(PAGE).context["lists"][0].left == 4


def test_more_codes_are_added_and_doubles_are_told(as_lead: Client, vouchers: RewardList) -> None:
    done = as_lead.post(f"{PAGE}{vouchers.pk}/codes/", {"codes": "BBB-2\nCCC-3\nCCC-3"}, follow=True)

    assert "1 code added. 2 were on it already or came twice." in text(done)
    assert vouchers.codes.count() == 3


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"codes": " \n"}, "Paste at least one code"),
        ({"codes": "GOOD-1\nBAD-1;BAD-2"}, "Line 2 holds more than one code"),
        ({"codes": "x" * 101}, "at most 100 characters"),
        ({"codes": "", "file": b"\xff\xfeA\x00B\x00"}, "not a text in UTF-8"),
    ],
)
def test_what_is_no_list_of_codes_is_refused_beside_the_field(
    as_lead: Client, vouchers: RewardList, posted: dict[str, Any], said: str
) -> None:
    if "file" in posted:
        posted = {**posted, "file": file(posted["file"])}

    refused = as_lead.post(f"{PAGE}{vouchers.pk}/codes/", posted)

    assert (refused.status_code, said in text(refused)) == (422, True)
    assert vouchers.codes.count() == 2


def test_a_name_that_is_taken_is_refused_and_a_list_can_be_renamed(
    as_lead: Client, vouchers: RewardList
) -> None:
    taken = as_lead.post(PAGE, {"name": "coffee VOUCHERS", "codes": ""})
    renamed = as_lead.post(f"{PAGE}{vouchers.pk}/", {"name": "Tea vouchers", "description": ""})

    assert (taken.status_code, "a list with this name already" in text(taken)) == (422, True)
    assert (renamed.status_code, RewardList.objects.get().name) == (302, "Tea vouchers")


def test_to_whom_codes_went_follows_the_row_scope(
    browser_of: Any, lead: User, vouchers: RewardList, people: list[Any], north: Team, south: Team
) -> None:
    rewards.give(list=vouchers, contact=people[0], run=None)
    RoleScope.objects.update_or_create(role=Role.LEAD, defaults={"scope": RowScope.TEAM})
    User.objects.filter(pk=lead.pk).update(team=north)
    far = factories.user("far@example.com", role=Role.LEAD, team=south)

    near_sees = text(browser_of(User.objects.get(pk=lead.pk)).get(f"{PAGE}{vouchers.pk}/"))
    far_sees = text(browser_of(far).get(f"{PAGE}{vouchers.pk}/"))

    assert ("Person0" in near_sees, "Person0" in far_sees) == (True, False)
    assert ("1 more went" in near_sees, "1 more went" in far_sees) == (False, True)


def test_reward_lists_are_for_leads(as_csm: Client, vouchers: RewardList) -> None:
    assert as_csm.get(PAGE).status_code == 403
    assert as_csm.get(f"{PAGE}{vouchers.pk}/").status_code == 403
    assert as_csm.post(f"{PAGE}{vouchers.pk}/codes/", {"codes": "X-1"}).status_code == 403
    assert "Reward codes" not in text(as_csm.get("/settings/"))


def test_codes_are_in_no_log_and_no_audit_entry(
    as_lead: Client, vouchers: RewardList, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        as_lead.post(f"{PAGE}{vouchers.pk}/codes/", {"codes": "SECRET-7"})
        as_lead.post(f"{PAGE}{vouchers.pk}/codes/", {"codes": "SECRET-8;"})

    assert "SECRET-" not in caplog.text
    assert not any("SECRET-" in str(entry.__dict__) for entry in AuditEntry.objects.all())


def test_the_back_office_shows_no_code(as_administrator: Client, vouchers: RewardList) -> None:
    code = vouchers.codes.first()
    assert code is not None

    page = text(as_administrator.get(f"/admin/workflows/rewardcode/{code.pk}/change/"))

    assert "Coffee vouchers" in page
    assert not any(word in page for word in ("AAA-1", code.sealed, code.digest))


# --- Running out ---------------------------------------------------------------------------------------------------
def test_the_last_code_alerts_a_lead_once_and_new_codes_close_the_alert(
    lead: User, as_lead: Client, vouchers: RewardList, people: list[Any]
) -> None:
    rewards.give(list=vouchers, contact=people[0], run=None)
    assert not Alert.objects.exists()
    rewards.give(list=vouchers, contact=people[1], run=None)
    with pytest.raises(Refused, match="no codes left"):
        rewards.give(list=vouchers, contact=people[2], run=None)
    rewards.give(list=vouchers, contact=people[1], run=None)  # who has one gets the same

    alert = Alert.objects.get()
    matter = alert_kinds.matter_of(alert)
    assert (alert.assignee, alert.count) == (lead, 1)
    assert matter is not None
    assert matter.words.startswith("“Coffee vouchers” has no codes left")
    assert as_lead.get(matter.url).status_code == 200
    assert "Coffee vouchers" in text(as_lead.get(f"/alerts/{alert.pk}/"))

    rewards.add_codes(list=vouchers, codes=["CCC-3"], actor=lead)
    alert.refresh_from_db()
    assert (alert.state, alert.outcome) == (AlertState.CLOSED, "1 code added")

    rewards.give(list=vouchers, contact=people[2], run=None)
    assert Alert.objects.exclude(pk=alert.pk).get().state == AlertState.OPEN


def test_two_lists_that_run_out_are_two_alerts(lead: User, people: list[Any]) -> None:
    for name in ("One", "Two"):
        made = rewards.create_list(name=name, description="", codes=[f"{name}-1"], actor=lead)
        rewards.give(list=made, contact=people[0], run=None)

    assert Alert.objects.filter(kind="reward_list_empty", state=AlertState.OPEN).count() == 2


# --- People --------------------------------------------------------------------------------------------------------
def test_erasing_somebody_forgets_that_they_had_a_code_and_it_is_not_given_again(
    administrator: User, vouchers: RewardList, people: list[Any]
) -> None:
    given = rewards.give(list=vouchers, contact=people[0], run=None)

    erase.erase_contact(contact=people[0], actor=administrator)

    given.refresh_from_db()
    assert (given.contact, given.given_at is None) == (None, False)
    assert rewards.give(list=vouchers, contact=people[1], run=None).pk != given.pk


# --- Many ----------------------------------------------------------------------------------------------------------
def test_a_long_list_is_compared_in_parts(lead: User, vouchers: RewardList) -> None:
    codes = [f"C-{n}" for n in range(1_200)]

    assert rewards.add_codes(list=vouchers, codes=codes, actor=lead) == (1_200, 0)
    assert rewards.add_codes(list=vouchers, codes=[*codes, "C-new"], actor=lead) == (1, 1_200)


def test_too_many_codes_at_a_time_are_refused(lead: User, vouchers: RewardList) -> None:
    with pytest.raises(Invalid, match="At most 50,000 codes"):
        rewards.add_codes(list=vouchers, codes=["X"] * (rewards.MAX_CODES + 1), actor=lead)


# --- REST ----------------------------------------------------------------------------------------------------------
def test_lists_over_rest(lead: User, people: list[Any]) -> None:
    api = Api(lead)

    made = api("post", "/reward-lists/", {"name": "Vouchers", "codes": ["A-1", "B-2"]})
    url = f"/reward-lists/{made.json()['id']}/"
    added = api("post", f"{url}codes/", {"codes": ["B-2", "C-3"]})
    rewards.give(list=RewardList.objects.get(), contact=people[0], run=None)
    renamed = api("patch", url, {"description": "For promoters"})

    assert (made.status_code, made.json()["codes_left"]) == (201, 2)
    assert added.json() == {"added": 1, "known": 1, "codes_left": 3, "codes_given": 0}
    assert renamed.json()["description"] == "For promoters"
    read = api("get", url)
    assert (read.json()["codes_left"], read.json()["codes_given"]) == (2, 1)
    assert not any(code in text(read) + text(made) + text(added) for code in ("A-1", "B-2", "C-3"))


def test_refusals_over_rest_name_the_field_and_no_code(lead: User, csm: User, vouchers: RewardList) -> None:
    url = f"/reward-lists/{vouchers.pk}/codes/"
    long = Api(lead)("post", url, {"codes": ["SECRET" * 20]})
    double = Api(lead)("post", "/reward-lists/", {"name": "Coffee vouchers"})

    assert (long.status_code, "SECRET" in text(long)) == (400, False)
    assert (double.status_code, double.json()["errors"][0]["attr"]) == (400, "name")
    assert Api(csm)("get", "/reward-lists/").status_code == 403
    assert Api(lead, "work:read")("post", url, {"codes": ["X"]}).status_code == 403
    assert RewardCode.objects.count() == 2
