"""Who is told of what in which way: preferences, quiet hours, storms, the bell."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from team import queries as team_queries
from team.domain import Role
from team.models import AuditEntry, NotificationPreference, User, Workspace
from team.services import people
from tests import factories
from workflows.models import Alert, Notice, Notification, Rule, Run, RunStep, Task
from workflows.notifying import topics
from workflows.notifying.domain import HOUR, Way, quiet_end, room_at
from workflows.notifying.preferences import wishes_of
from workflows.services import alerts, notifications, tasks

pytestmark = pytest.mark.django_db


def raise_many(number: int, assignee: User, start: int = 0) -> None:
    for n in range(start, start + number):
        alerts.raise_alert(kind="detractor", account=factories.an_account(f"A{n}"), assignee=assignee)


# --- Storms ------------------------------------------------------------------------------------------------------
def test_of_many_alerts_in_an_hour_a_few_are_mailed_and_the_rest_gathered(
    csm: User, drain: Any, frozen: Any
) -> None:
    raise_many(33, csm)
    drain()
    assert len(mail.outbox) == 10

    frozen.shift(dt.timedelta(hours=1))
    drain()

    assert len(mail.outbox) == 11
    last = mail.outbox[-1]
    assert last.subject == "23 more alerts"
    for number in range(10, 33):
        assert f"at A{number}\n" in last.body or f"at A{number} " in last.body
    assert Notification.objects.filter(user=csm, in_app=True).count() == 33


@pytest.mark.fault  # a storm: half a thousand answers go through everything that listens
def test_five_hundred_answers_make_eleven_mails_and_lose_nothing(
    csm: User, as_csm: Client, drain: Any, frozen: Any
) -> None:
    from surveys import ingest

    survey = factories.a_survey()
    answers = []
    for n in range(500):
        contact = factories.a_contact(f"p{n}@x{n}.example", account=factories.an_account(f"A{n}", owner=csm))
        answers.append(factories.answer_to(survey, 4, email=contact.email, external_id=str(n)))
    for start in range(0, 500, 50):
        ingest.ingest(answers[start : start + 50])
    drain()
    frozen.shift(dt.timedelta(hours=1))
    drain()

    assert Alert.objects.filter(assignee=csm, state="open").count() == 500
    assert len(mail.outbox) == 11
    assert mail.outbox[-1].subject == "490 more alerts"
    assert "and 440 more, all in the app" in mail.outbox[-1].body
    assert team_unread(csm) == 500  # the call that each asks for stands on its page
    assert "500" in as_csm.get(reverse("workflows:alert_list")).content.decode()


def team_unread(user: User) -> int:
    return Notification.objects.filter(user=user, in_app=True, read_at__isnull=True).count()


def test_the_share_is_the_workspaces_and_each_person_has_their_own(
    csm: User, lead: User, drain: Any, frozen: Any
) -> None:
    team_queries.workspace()
    Workspace.objects.update(notices_per_hour=2)
    raise_many(4, csm)
    raise_many(2, lead, start=4)
    drain()

    assert sorted(m.to[0] for m in mail.outbox) == [csm.email] * 2 + [lead.email] * 2


def test_what_comes_while_a_gathered_mail_waits_joins_it(csm: User, drain: Any, frozen: Any) -> None:
    Workspace.objects.update_or_create(pk=1, defaults={"notices_per_hour": 1})
    raise_many(2, csm)
    frozen.shift(dt.timedelta(minutes=59))
    raise_many(1, csm, start=2)
    frozen.shift(dt.timedelta(minutes=1))
    drain()

    assert [m.subject for m in mail.outbox] == ["A detractor answered at A0", "2 more alerts"]


def test_somebody_deactivated_while_a_mail_waited_gets_none(csm: User, drain: Any, frozen: Any) -> None:
    Workspace.objects.update_or_create(pk=1, defaults={"notices_per_hour": 1})
    raise_many(3, csm)
    csm.is_active = False
    csm.save(update_fields=["is_active"])
    frozen.shift(dt.timedelta(hours=1))
    drain()

    assert mail.outbox == []
    assert set(Notice.objects.values_list("state", flat=True)) == {"cancelled"}


MINUTES = st.lists(st.integers(0, 300), min_size=1, max_size=60).map(sorted)


@given(MINUTES, st.integers(1, 5))
def test_no_hour_holds_more_mails_than_the_cap(minutes: list[int], cap: int) -> None:
    start = dt.datetime(2026, 3, 17, tzinfo=dt.UTC)
    sent: list[dt.datetime] = []
    waiting: dt.datetime | None = None
    for minute in minutes:
        now = start + dt.timedelta(minutes=minute)
        if waiting is not None and waiting <= now:
            waiting = None
        if waiting is not None:
            continue
        at = room_at(now, [one for one in sent if one <= now], cap)
        sent.append(at)
        waiting = at if at > now else None

    for one in sent:
        assert sum(1 for other in sent if one <= other < one + HOUR) <= cap


# --- Quiet hours -------------------------------------------------------------------------------------------------
BERLIN = ZoneInfo("Europe/Berlin")


def ends(
    local: str, zone: ZoneInfo = BERLIN, start: str = "20:00", end: str = "07:00", weekends: bool = False
) -> str:
    now = dt.datetime.fromisoformat(local).replace(tzinfo=zone)
    found = quiet_end(
        now, zone=zone, quiet_from=dt.time.fromisoformat(start) if start else None,
        quiet_until=dt.time.fromisoformat(end) if end else None, at_weekends=weekends,
    )  # fmt: skip
    return found.astimezone(zone).isoformat()[:16] if found else ""


@pytest.mark.parametrize(
    ("local", "options", "end"),
    [
        ("2026-03-17 12:00", {}, ""),
        ("2026-03-17 20:00", {}, "2026-03-18T07:00"),
        ("2026-03-18 06:59", {}, "2026-03-18T07:00"),
        ("2026-03-18 07:00", {}, ""),
        ("2026-03-18 12:30", {"start": "12:00", "end": "13:00"}, "2026-03-18T13:00"),
        ("2026-03-21 12:00", {"weekends": True, "start": "", "end": ""}, "2026-03-23T00:00"),
        ("2026-03-20 21:00", {"weekends": True}, "2026-03-23T07:00"),
        ("2026-03-22 12:00", {"weekends": False}, ""),
        ("2026-03-28 21:00", {}, "2026-03-29T07:00"),  # the night in which the clocks go forward
        ("2026-03-28 21:00", {"end": "02:30"}, "2026-03-29T03:30"),  # an end that does not exist that night
        ("2026-10-24 21:00", {"end": "02:30"}, "2026-10-25T02:30"),  # an end that comes twice
    ],
)
def test_quiet_time_ends(local: str, options: Any, end: str) -> None:
    assert ends(local, **options) == end


@given(
    st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 31)),
    st.times(),
    st.times(),
    st.booleans(),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
)
def test_after_quiet_time_it_is_not_quiet(
    at: dt.datetime, start: dt.time, end: dt.time, weekends: bool, zone: str
) -> None:
    now = at.replace(tzinfo=dt.UTC)
    options = {"zone": ZoneInfo(zone), "quiet_from": start, "quiet_until": end, "at_weekends": weekends}

    found = quiet_end(now, **options)

    assert found is None or (now < found <= now + dt.timedelta(days=5))


def test_mails_of_the_night_come_in_the_morning_as_one(csm: User, drain: Any, frozen: Any) -> None:
    people.set_notifications(
        person=csm, actor=csm, quiet_from=dt.time(20), quiet_until=dt.time(7), digest=False
    )
    csm.refresh_from_db()
    frozen.move_to(dt.datetime(2026, 3, 17, 23, 0, tzinfo=dt.UTC))
    raise_many(3, csm)
    drain()
    assert mail.outbox == []
    assert team_unread(csm) == 3

    frozen.move_to(dt.datetime(2026, 3, 18, 6, 0, tzinfo=dt.UTC))
    drain()

    assert [m.subject for m in mail.outbox] == ["3 more alerts"]


# --- Preferences -------------------------------------------------------------------------------------------------
def test_defaults_depend_on_the_role(csm: User, lead: User, viewer: User, administrator: User) -> None:
    alert, task = topics.topic_named("alert.detractor"), topics.topic_named(topics.TASK_GIVEN)

    assert wishes_of(csm).ways_of(alert) == {Way.APP, Way.MAIL}
    assert wishes_of(csm).ways_of(task) == {Way.APP}
    assert wishes_of(viewer).ways_of(alert) == {Way.APP}
    assert [wishes_of(user).wants_digest for user in (csm, lead, administrator, viewer)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_kind_is_chosen_by_itself_and_the_group_for_the_rest(csm: User) -> None:
    people.set_notifications(person=csm, actor=csm, choices={"alert": ["app"], "alert.reply": ["mail"]})

    wishes = wishes_of(User.objects.get(pk=csm.pk))
    assert wishes.ways_of(topics.topic_named("alert.detractor")) == {Way.APP}
    assert wishes.ways_of(topics.topic_named("alert.reply")) == {Way.MAIL}


def preferences(client: Client, **data: str) -> Any:
    return client.post(reverse("workflows:notification_preferences"), data)


def test_the_page_saves_what_is_ticked(as_csm: Client, csm: User, drain: Any) -> None:
    page = preferences(as_csm, **{"alert.detractor:app": "on", "task_given:mail": "on", "digest_at": "08:30"})
    assert page.status_code == 302

    wishes = wishes_of(User.objects.get(pk=csm.pk))
    assert wishes.ways_of(topics.topic_named("alert.detractor")) == {Way.APP}
    assert wishes.ways_of(topics.topic_named("alert.reply")) == set()
    assert wishes.ways_of(topics.topic_named(topics.TASK_GIVEN)) == {Way.MAIL}
    assert (wishes.wants_digest, wishes.digest_at) == (False, dt.time(8, 30))
    assert AuditEntry.objects.filter(action="person.notifications_updated").exists()
    alerts.raise_alert(kind="detractor", account=factories.an_account(), assignee=User.objects.get(pk=csm.pk))
    tasks.create_task(title="Call", account=None, assignee=User.objects.get(pk=csm.pk), actor=None)
    drain()
    assert [m.subject for m in mail.outbox] == ["Call"]


def test_what_is_saved_unchanged_stays_the_default_of_the_role(as_csm: Client, csm: User) -> None:
    form = as_csm.get(reverse("workflows:notification_preferences")).context["form"]
    ticked = {
        name: "on" for name, field in form.fields.items() if form.get_initial_for_field(field, name) is True
    }
    preferences(as_csm, **ticked)

    stored = NotificationPreference.objects.get(user=csm)
    assert (stored.choices, stored.digest) == ({}, None)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"quiet_from": "20:00"}, "both ends"),
        ({"quiet_from": "20:00", "quiet_until": "20:00"}, "Choose another time"),
    ],
)
def test_quiet_hours_need_two_ends(as_csm: Client, data: dict[str, str], said: str) -> None:
    page = preferences(as_csm, **data)

    assert page.status_code == 422
    assert said in page.content.decode()


def test_a_person_without_any_way_is_told_nothing(csm: User, drain: Any) -> None:
    people.set_notifications(person=csm, actor=csm, choices={"alert": []})
    raise_many(1, User.objects.get(pk=csm.pk))
    drain()

    assert mail.outbox == []
    assert not Notification.objects.exists()


@pytest.mark.parametrize("role", Role)
def test_everybody_has_the_page(browser_of: Any, role: Role) -> None:
    user = factories.user("x@example.com", role=role)
    page = browser_of(user).get(reverse("workflows:notification_preferences"))
    assert page.status_code == 200
    assert "A detractor answered" in page.content.decode()
    assert (
        reverse("workflows:notification_preferences") in browser_of(user).get("/settings/").content.decode()
    )


# --- The bell ----------------------------------------------------------------------------------------------------
def test_the_bell_answers_shortly_when_nothing_is_new(as_csm: Client, csm: User) -> None:
    address = reverse("workflows:bell")
    raise_many(2, csm)

    first = as_csm.get(address)
    again = as_csm.get(address, headers={"If-None-Match": first["ETag"]})
    raise_many(1, csm, start=2)
    third = as_csm.get(address, headers={"If-None-Match": first["ETag"]})

    assert (first.json(), again.status_code, again.content, third.json()) == (
        {"unread": 2},
        304,
        b"",
        {"unread": 3},
    )
    assert "private" in first["Cache-Control"]


def test_every_page_shows_the_count_without_script(as_csm: Client, csm: User) -> None:
    raise_many(7, csm)

    html = as_csm.get("/").content.decode()

    assert f'data-live-count="{reverse("workflows:bell")}"' in html
    assert "<span data-number>7</span>" in html


def test_opening_one_takes_it_off_the_bell_and_leads_there(
    as_csm: Client, csm: User, as_stranger: Client
) -> None:
    raise_many(2, csm)
    told = Notification.objects.first()
    assert told is not None
    address = reverse("workflows:notification_open", args=[told.pk])
    assert as_stranger.post(address).status_code == 404
    assert as_csm.get(address).status_code == 405

    page = as_csm.post(address)

    assert page["Location"] == reverse("workflows:alert_detail", args=[told.alert_id])
    assert team_unread(csm) == 1
    as_csm.post(reverse("workflows:notifications_read"))
    assert team_unread(csm) == 0


def test_the_list_shows_what_was_told_and_nobody_elses(
    as_csm: Client, as_stranger: Client, csm: User
) -> None:
    raise_many(1, csm)
    tasks.create_task(title="Call <b>Ann</b>", account=None, assignee=csm, actor=None)
    address = reverse("workflows:notification_list")

    html = as_csm.get(address).content.decode()
    assert "A detractor answered at A0" in html
    assert "Call &lt;b&gt;Ann&lt;/b&gt;" in html
    assert "A0" not in as_stranger.get(address).content.decode()


def test_the_list_asks_the_same_for_one_and_for_many(
    as_csm: Client, csm: User, django_assert_max_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    as_csm.get(reverse("workflows:notification_list"))
    for start, number in ((0, 1), (1, 9)):
        raise_many(number, csm, start=start)
        with CaptureQueriesContext(connection) as captured:
            as_csm.get(reverse("workflows:notification_list"))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_seeing_and_closing_an_alert_takes_it_off_the_bell(as_csm: Client, csm: User) -> None:
    raise_many(2, csm)
    first, second = Alert.objects.order_by("pk")

    as_csm.post(reverse("workflows:alert_seen", args=[first.pk]))
    assert team_unread(csm) == 1
    alerts.close_alert(alert=second, outcome="x", actor=None)
    assert team_unread(csm) == 0


def test_told_is_what_it_says_also_of_an_unknown_topic(csm: User) -> None:
    told = notifications.notify(user=csm, topic="something_new")
    assert told is not None
    assert (told.in_app, told.notice, told.at <= clock.now()) == (True, None, True)


def test_what_a_rule_tells_is_put_into_words_when_it_is_read(csm: User, as_csm: Client, drain: Any) -> None:
    acme = factories.an_account("Acme", owner=csm)
    ann = factories.a_contact(account=acme, first_name="Ann", last_name="Vogt")
    rule = Rule.objects.create(name="Tell", trigger="response.scored", is_active=False)
    run = Run.objects.create(
        rule=rule, rule_version=1, cause_key="c", account=acme, contact=ann, started_at=clock.now()
    )
    step = RunStep.objects.create(
        key="s", run=run, path="0", kind="notify", state="done",
        settings={"text": "{{ full_name }} of {{ account_name }} needs you\nSoon, {{ score|with no score }}"},
    )  # fmt: skip

    notifications.notify(user=csm, topic=topics.RULE_NOTICE, step=step)
    drain()

    assert mail.outbox[0].subject == "Ann Vogt of Acme needs you"
    assert "Soon, with no score" in mail.outbox[0].body
    ann.first_name, ann.last_name = "", "erased"
    ann.save()
    html = as_csm.get(reverse("workflows:notification_list")).content.decode()
    assert "Ann Vogt" not in html


# --- Told once ---------------------------------------------------------------------------------------------------
def test_the_call_that_an_alert_asks_for_is_not_told_beside_it(csm: User, drain: Any) -> None:
    from surveys import ingest

    ann = factories.a_contact("ann@acme.example", account=factories.an_account("Acme", owner=csm))
    ingest.ingest([factories.answer_to(factories.a_survey(), 2, email=ann.email, external_id="a")])
    drain()

    assert Task.objects.filter(assignee=csm).count() == 1
    assert [n.topic for n in Notification.objects.filter(user=csm)] == ["alert.detractor"]
    assert len(mail.outbox) == 1


def told_of_both(csm: User, *, task_first: bool) -> list[str]:
    acme = factories.an_account("Acme", owner=csm)
    run = Run.objects.create(
        rule=Rule.objects.create(name="Both", trigger="response.scored", is_active=False), rule_version=1,
        cause_key="c", account=acme, started_at=clock.now(),
    )  # fmt: skip

    def task() -> None:
        tasks.create_task(title="Call", account=acme, assignee=csm, actor=None, run=run)

    if task_first:
        task()
    alerts.raise_alert(kind="detractor", account=acme, assignee=csm, run=run)
    if not task_first:
        task()
    return sorted(Notification.objects.filter(user=csm, read_at__isnull=True).values_list("topic", flat=True))


@pytest.mark.parametrize("task_first", [True, False])
def test_a_task_and_an_alert_of_one_run_are_told_as_the_alert(
    task_first: bool, csm: User, drain: Any
) -> None:
    people.set_notifications(person=csm, actor=csm, choices={"task": ["app", "mail"]})

    assert told_of_both(csm, task_first=task_first) == ["alert.detractor"]
    drain()
    assert len(mail.outbox) == 1


def test_where_alerts_are_not_wanted_the_task_is_told(csm: User) -> None:
    people.set_notifications(person=csm, actor=csm, choices={"alert": []})

    assert told_of_both(csm, task_first=False) == ["task_given"]


def test_a_task_that_comes_days_after_the_alert_is_told(csm: User, frozen: Any) -> None:
    assert told_of_both(csm, task_first=False) == ["alert.detractor"]
    frozen.shift(dt.timedelta(days=3))
    run = Run.objects.get()

    tasks.create_task(title="Ask again", account=run.account, assignee=csm, actor=None, run=run)

    assert Notification.objects.filter(user=csm, topic="task_given").count() == 1
