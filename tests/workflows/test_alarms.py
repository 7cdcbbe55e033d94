"""Alarms on the NPS from answers to alerts: counting, looking, telling once, pages and API."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts import segments
from accounts.models import Event, Segment
from accounts.services import segments as segment_services
from core import schedules
from core.errors import Refused
from surveys.domain import Counts
from surveys.insight import rollups
from surveys.models import Response, Survey
from team.models import User
from tests import factories
from workflows.alarms import counting
from workflows.models import Alarm, AlarmLook, Alert
from workflows.queries import alarms as queries
from workflows.rules import catalogue
from workflows.services import alarms

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 17, 10, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


def answers(survey: Survey, scores: dict[int, int], *, days_ago: int, **fields: Any) -> None:
    """So many answers of each score by strangers, all on one day."""
    at = NOW - dt.timedelta(days=days_ago)
    Response.objects.bulk_create(
        Response(
            survey=survey, source="api", channel=fields.get("channel", "email"), metric="nps", score=score,
            responded_at=at, account=fields.get("account"),
        )
        for score, number in scores.items() for _ in range(number)
    )  # fmt: skip


@pytest.fixture
def fallen(survey: Survey) -> None:
    answers(survey, {10: 80, 8: 20, 3: 20}, days_ago=120)
    answers(survey, {10: 30, 8: 30, 3: 60}, days_ago=20)


def an_alarm(lead: User, **values: Any) -> Alarm:
    return alarms.create_alarm(actor=lead, name=values.pop("name", "Everybody"), **values)


def looks(alarm: Alarm) -> list[AlarmLook]:
    return list(AlarmLook.objects.filter(alarm=alarm).order_by("day"))


# --- Counting ------------------------------------------------------------------------------------------------
def test_windows_count_the_latest_answer_of_each_person_as_the_figures_do(survey: Survey, lead: User) -> None:
    people = [factories.a_contact(f"p{i}@x.example", account=factories.an_account(f"A{i}")) for i in range(4)]
    told = [
        (0, 9, 150), (0, 3, 130), (0, 8, 10),  # superseded within the window before; there a detractor
        (1, 9, 120), (1, 2, 50), (1, 10, 5),  # superseded within the present window; there a promoter
        (2, 7, 100),  # only before
        (3, 0, 3),  # only now
    ]  # fmt: skip
    for who, score, ago in told:
        factories.respond(survey, score, email=people[who].email, responded_at=NOW - dt.timedelta(days=ago))
    answers(survey, {10: 2}, days_ago=40)  # anonymous: each a person of its own
    alarm = an_alarm(lead, min_n=20)
    until = NOW.date() + dt.timedelta(days=1)
    cut = until - dt.timedelta(days=90)

    found = counting.windows_of(alarm, before_from=cut - dt.timedelta(days=90), now_from=cut, until=until)

    assert found.before == Counts(1, 1, 1)
    assert found.now == Counts(3, 1, 1)
    assert found.shared == {(-1, 0): 1, (1, 1): 1}


def test_a_segment_a_survey_and_a_channel_cut_the_answers(survey: Survey, lead: User) -> None:
    big, small = factories.an_account("Big", plan="Scale"), factories.an_account("Small", plan="Basic")
    segment = Segment.objects.create(
        name="Scale", target="account", conditions={"field": "plan", "op": "in", "value": ["Scale"]}
    )
    answers(survey, {10: 3}, days_ago=5, account=big)
    answers(survey, {0: 4}, days_ago=5, account=small)
    answers(survey, {8: 5}, days_ago=5, account=big, channel="sms")
    answers(factories.a_survey("Other"), {8: 7}, days_ago=5, account=big)

    alarm = an_alarm(lead, segment=segment, survey=survey, channel="email")

    assert looks(alarm)[0].now == Counts(3, 0, 0)


def test_a_segment_of_people_counts_their_answers(survey: Survey, lead: User) -> None:
    ann = factories.a_contact("ann@x.example", account=factories.an_account(), role="champion")
    bob = factories.a_contact("bob@x.example", account=ann.account)
    for who, score in ((ann, 9), (bob, 2)):
        factories.respond(survey, score, email=who.email, responded_at=NOW - dt.timedelta(days=2))
    segment = Segment.objects.create(
        name="Champions", target="contact", conditions={"field": "role", "op": "in", "value": ["champion"]}
    )

    assert looks(an_alarm(lead, segment=segment))[0].now == Counts(1, 0, 0)


def test_a_look_is_a_handful_of_statements_however_many_answers(
    fallen: None, lead: User, django_assert_max_num_queries: Any
) -> None:
    alarm = an_alarm(lead)

    with django_assert_max_num_queries(8):
        alarms.look(alarm=alarm, day=rollups.today() - dt.timedelta(days=8))


# --- Telling -------------------------------------------------------------------------------------------------
def test_a_fall_is_told_to_the_lead_and_to_rules(fallen: None, lead: User) -> None:
    alarm = an_alarm(lead)

    (look,) = looks(alarm)
    event, alert = Event.objects.get(kind="nps.moved"), Alert.objects.get()
    assert look.verdict == "moved"
    assert (event.account, event.subject_type, event.subject_id) == (None, "alarm", alarm.pk)
    assert (event.data["direction"], event.data["n_before"], event.data["n_after"]) == ("fall", 120, 120)
    assert event.data["low"] < event.data["change"] < event.data["high"] < 0
    assert alert.assignee == lead
    assert alert.matter is not None
    assert alert.matter.words == "Everybody: the NPS fell 75"


def test_noise_is_looked_at_and_told_to_nobody(survey: Survey, lead: User) -> None:
    answers(survey, {10: 30, 8: 15, 3: 15}, days_ago=120)
    answers(survey, {10: 27, 8: 15, 3: 18}, days_ago=20)

    (look,) = looks(an_alarm(lead, threshold=5))

    assert look.verdict == "within_noise"
    assert look.sentence.startswith("fell 10, within noise (−")
    assert not Alert.objects.exists()
    assert not Event.objects.filter(kind="nps.moved").exists()


def test_the_same_fall_is_told_once_and_a_further_one_again(
    fallen: None, survey: Survey, lead: User, clock: Any
) -> None:
    alarm = an_alarm(lead)
    for week in range(1, 40):
        clock.move_to(NOW + dt.timedelta(weeks=week))
        answers(survey, {10: 3, 8: 3, 3: 6}, days_ago=-7 * week)  # as low as it has become
        alarms.look(alarm=alarm)
    assert [look.day for look in looks(alarm) if look.has_moved] == [NOW.date() - dt.timedelta(days=1)]

    for week in range(40, 53):
        clock.move_to(NOW + dt.timedelta(weeks=week))
        answers(survey, {3: 12}, days_ago=-7 * week)
        alarms.look(alarm=alarm)

    assert sum(look.has_moved for look in looks(alarm)) == 2
    assert Event.objects.filter(kind="nps.moved").count() == 2


def test_a_change_of_whom_is_watched_begins_anew(
    fallen: None, survey: Survey, lead: User, clock: Any
) -> None:
    alarm = an_alarm(lead)

    changed = alarms.update_alarm(alarm=alarm, actor=lead, survey=survey)

    assert changed.fired_on is None


def test_looks_are_taken_when_they_are_due_and_once(fallen: None, lead: User, drain: Any, clock: Any) -> None:
    weekly = an_alarm(lead, name="Weekly")
    rare = an_alarm(lead, name="Rare", every_weeks=4)
    off = an_alarm(lead, name="Off", is_active=False)

    for day in range(1, 22):
        clock.move_to(NOW + dt.timedelta(days=day))
        schedules.run_due()
        schedules.run_due()
        drain("long_job")

    assert [len(looks(one)) for one in (weekly, rare, off)] == [4, 1, 1]


def test_a_segment_that_cannot_be_read_any_more_hinders_no_other_alarm(
    fallen: None, lead: User, browser_of: Any, drain: Any, clock: Any
) -> None:
    segment = Segment.objects.create(
        name="Scale", target="account", conditions={"field": "plan", "op": "in", "value": ["Scale"]}
    )
    broken, sound = an_alarm(lead, name="Broken", segment=segment), an_alarm(lead, name="Sound")
    Segment.objects.update(conditions={"field": "custom.gone", "op": "in", "value": ["x"]})
    clock.move_to(NOW + dt.timedelta(days=8))

    schedules.run_due()
    drain("long_job")

    assert (len(looks(broken)), len(looks(sound))) == (1, 2)
    html = browser_of(lead).get(reverse("workflows:alarm_detail", args=[broken.pk])).content.decode()
    assert "There is no field “custom.gone” to filter by." in html


# --- Refusals ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"min_n": 5}, "min_n"),
        ({"window_days": 7}, "window_days"),
        ({"threshold": 0}, "threshold"),
        ({"every_weeks": 3}, "every_weeks"),
        ({"direction": "sideways"}, "direction"),
        ({"name": "  "}, "name"),
    ],
)
def test_what_cannot_be_an_alarm_is_refused_by_its_field(
    lead: User, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        alarms.create_alarm(actor=lead, **{"name": "One", **values})

    assert refused.value.field == field
    assert not Alarm.objects.exists()


def test_segments_that_are_private_or_speak_of_me_are_refused(lead: User) -> None:
    mine = Segment.objects.create(
        name="Mine",
        target="account",
        conditions={"field": "owner", "op": "in", "value": [segments.conditions.ME]},
    )
    secret = Segment.objects.create(name="Secret", target="account", sharing="private", owner=lead)

    for segment in (mine, secret):
        with pytest.raises(Refused) as refused:
            an_alarm(lead, segment=segment)
        assert refused.value.field == "segment"
    csat = factories.a_survey("CSAT", metric="csat")
    with pytest.raises(Refused):
        an_alarm(lead, survey=csat)


def test_a_segment_that_an_alarm_watches_is_not_deleted(lead: User) -> None:
    segment = Segment.objects.create(name="Scale", target="account", conditions={})
    an_alarm(lead, segment=segment)

    with pytest.raises(Refused, match="alarm “Everybody”"):
        segment_services.delete_segment(segment=segment, actor=lead)


def test_the_trigger_is_offered_to_rules_with_a_sentence(lead: User) -> None:
    alarm = an_alarm(lead)
    trigger = catalogue.triggers["nps.moved"]

    assert trigger.words({}) == "When any alarm finds that an NPS moved"
    assert "Everybody" in trigger.words({"alarm": str(alarm.pk)})


# --- Pages and API -------------------------------------------------------------------------------------------
def test_the_pages_say_what_was_found(fallen: None, lead: User, as_lead: Client) -> None:
    alarm = an_alarm(lead)

    listed = as_lead.get(reverse("workflows:alarm_list")).content.decode()
    html = as_lead.get(reverse("workflows:alarm_detail", args=[alarm.pk])).content.decode()

    assert "Fell 75: more than noise (−" in listed
    assert "52 looks a year share 5 %" in html
    assert "Told already." in html
    assert queries.may_see(lead)


def test_an_alarm_is_set_changed_and_deleted_on_pages(lead: User, as_lead: Client) -> None:
    sent = {
        "name": "All of us", "direction": "both", "window_days": "90", "threshold": "8", "min_n": "40",
        "every_weeks": "4", "assignee": lead.pk, "is_active": "on",
    }  # fmt: skip
    made = as_lead.post(reverse("workflows:alarm_create"), sent)
    alarm = Alarm.objects.get()
    assert made.status_code == 302

    again = as_lead.post(reverse("workflows:alarm_create"), sent)
    assert again.status_code == 422
    assert "There is an alarm “All of us” already" in again.content.decode()

    edit = reverse("workflows:alarm_edit", args=[alarm.pk])
    assert "All of us" in as_lead.get(edit).content.decode()
    as_lead.post(edit, {**sent, "threshold": "12", "is_active": ""})
    alarm.refresh_from_db()
    assert (alarm.threshold, alarm.is_active) == (12, False)

    as_lead.post(reverse("workflows:alarm_delete", args=[alarm.pk]))
    assert not Alarm.objects.exists()


def test_alarms_are_for_those_who_see_all_rows(lead: User, as_csm: Client) -> None:
    alarm = an_alarm(lead)

    for name, args in (("alarm_list", []), ("alarm_detail", [alarm.pk]), ("alarm_create", [])):
        assert as_csm.get(reverse(f"workflows:{name}", args=args)).status_code == 403


def test_the_api_sets_an_alarm_and_tells_its_looks(fallen: None, lead: User, csm: User) -> None:
    def call(method: str, path: str, user: User = lead, data: Any = None) -> Any:
        key = factories.an_api_key(user, "work:write")
        sent = {"data": data, "content_type": "application/json"} if data is not None else {}
        return getattr(Client(), method)(f"/api/v1{path}", headers={"Authorization": key}, **sent)

    made = call("post", "/alarms/", data={"name": "All", "min_n": 100})
    pk = made.json()["id"]
    (look,) = call("get", f"/alarms/{pk}/looks/").json()

    assert made.status_code == 201
    assert (look["nps_before"], look["nps_now"], look["verdict"]) == (50, -25, "moved")
    assert call("patch", f"/alarms/{pk}/", data={"is_active": False}).json()["is_active"] is False
    assert call("post", "/alarms/", data={"name": "Bad", "segment": 999}).status_code == 400
    assert call("get", "/alarms/", csm).status_code == 403
    assert call("delete", f"/alarms/{pk}/").status_code == 204


def test_figures_of_the_page_and_of_the_look_agree(fallen: None, lead: User, drain: Any) -> None:
    rollups.rebuild()
    alarm = an_alarm(lead)

    page = queries.alarm_page(Alarm.objects.get(pk=alarm.pk), lead)

    assert page.series[-1].value == looks(alarm)[0].now.score
