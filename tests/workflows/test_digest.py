"""The digest of the morning: when it goes, to whom, and what it says."""

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Contract
from core import clock
from team.models import User
from team.services import people
from tests import factories
from workflows import digest
from workflows.domain import TaskState
from workflows.models import Alert, Digest, Task
from workflows.services import alerts, digests, tasks

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(csm: User) -> Account:
    return factories.an_account("Acme", owner=csm)


def something(account: Account, user: User) -> None:
    alerts.raise_alert(kind="detractor", account=account, assignee=user)


def at(moment: str) -> dt.datetime:
    return dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)


def run(drain: Any) -> list[Any]:
    """Plan and send, twice; returns the digests that went out."""
    for _ in range(2):
        digests.plan()
        drain()
    found = [m for m in mail.outbox if "attention today" in m.subject]
    mail.outbox.clear()
    return found


def test_it_goes_once_on_the_morning_of_the_persons_own_zone(
    acme: Account, csm: User, drain: Any, frozen: Any
) -> None:
    csm.time_zone = "America/New_York"
    csm.save(update_fields=["time_zone"])
    something(acme, csm)
    went = []
    frozen.move_to(at("2026-03-17T00:00"))
    for hour in range(48):
        frozen.move_to(at("2026-03-17T00:00") + dt.timedelta(hours=hour))
        went += [(hour, m.to[0]) for m in run(drain)]

    # 9:00 in New York is 13:00 UTC in March, after their clocks went forward.
    assert went == [(13, csm.email), (37, csm.email)]


@pytest.mark.parametrize(
    ("zone", "time", "days", "expected"),
    [
        # The clocks go forward on 29 March at 2:00: half past two does not exist and becomes half past three.
        ("Europe/Berlin", dt.time(2, 30), ("2026-03-28", "2026-03-30"), ["01:30", "01:30", "00:30"]),
        # They go back on 25 October at 3:00: half past two comes twice, the first one counts.
        ("Europe/Berlin", dt.time(2, 30), ("2026-10-24", "2026-10-26"), ["00:30", "00:30", "01:30"]),
    ],
)
def test_it_is_once_a_day_also_when_the_clocks_change(
    acme: Account,
    csm: User,
    drain: Any,
    frozen: Any,
    zone: str,
    time: dt.time,
    days: Any,
    expected: list[str],
) -> None:
    csm.time_zone = zone
    csm.save(update_fields=["time_zone"])
    people.set_notifications(
        person=csm, actor=csm, digest=True, digest_at=time, digest_on_workdays_only=False
    )
    something(acme, csm)
    moment, end, went = at(f"{days[0]}T00:00"), at(f"{days[1]}T12:00"), []
    while moment < end:
        frozen.move_to(moment)
        went += [f"{moment:%H:%M}" for _ in run(drain)]
        moment += dt.timedelta(minutes=30)

    assert went == expected


def test_weekends_are_left_out_unless_wanted(acme: Account, csm: User, drain: Any, frozen: Any) -> None:
    frozen.move_to(at("2026-03-21T09:00"))
    something(acme, csm)
    assert run(drain) == []

    people.set_notifications(person=csm, actor=csm, digest_on_workdays_only=False)

    assert len(run(drain)) == 1


def test_a_morning_that_was_missed_is_not_made_up_for_in_the_evening(
    acme: Account, csm: User, drain: Any, frozen: Any
) -> None:
    something(acme, csm)
    frozen.move_to(at("2026-03-17T16:00"))
    assert run(drain) == []
    frozen.move_to(at("2026-03-18T12:00"))
    assert len(run(drain)) == 1


def test_a_day_with_nothing_sends_nothing_and_says_so_in_its_row(csm: User, drain: Any, frozen: Any) -> None:
    assert run(drain) == []
    assert Digest.objects.get(user=csm).state == "cancelled"


def test_nobody_gets_it_who_left_or_does_not_want_it(
    acme: Account, csm: User, lead: User, drain: Any, frozen: Any
) -> None:
    something(acme, csm)
    people.set_notifications(person=lead, actor=lead, digest=False)
    digests.plan()
    csm.is_active = False
    csm.save(update_fields=["is_active"])
    assert run(drain) == []


def test_it_says_what_waits_with_links(acme: Account, csm: User, drain: Any, frozen: Any) -> None:
    ann = factories.a_contact("ann@acme.example", account=acme, first_name="Ann", last_name="<Vogt>")
    factories.respond(factories.a_survey(), 1, email=ann.email)
    drain()
    mail.outbox.clear()
    now = clock.now()
    for title, due in (("Late", -2), ("Today", 0.1), ("Next week", 7)):
        tasks.create_task(
            title=title, account=acme, assignee=csm, actor=None, due_at=now + dt.timedelta(days=due)
        )
    for days in (10, 60):
        Contract.objects.create(
            account=acme,
            starts_on=now.date(),
            ends_on=now.date() + dt.timedelta(days=days),
            arr=12_000,
            currency="EUR",
        )

    (message,) = run(drain)

    text, html = message.body, message.alternatives[0][0]
    # An alert, two tasks, a renewal.
    assert message.subject == "4 things need attention today"
    for said in ("Ann <Vogt> at Acme answered 1", "Late", "Today", "2 days overdue", "ends in 10 days"):
        assert said in text
    for said in ("Next week", "60 days", "Call Ann"):
        assert said not in text
    assert "Ann &lt;Vogt&gt; at Acme answered 1" in html
    assert f"{reverse('workflows:notification_preferences')}" in text
    assert f"{reverse('workflows:notification_preferences')}" in html
    assert "/alerts/" in html


def test_a_detractor_without_a_reply_is_named_once(acme: Account, csm: User, drain: Any, frozen: Any) -> None:
    survey = factories.a_survey()
    for name, score in (("Ann", 1), ("Bob", 2)):
        email = f"{name.lower()}@acme.example"
        factories.a_contact(
            email, account=factories.an_account(name, owner=csm), first_name=name, last_name=""
        )
        factories.respond(survey, score, email=email)
    drain()
    # Somebody closed Bob's alert and left him without a word.
    alerts.close_alert(alert=Alert.objects.get(account__name="Bob"), outcome="", actor=None)
    tasks.finish_tasks(chosen=Task.objects.all(), state=TaskState.DONE, outcome="", actor=csm)

    (message,) = run(drain)

    assert message.subject == "2 things need attention today"
    assert "Open alerts (1)\n\n- Ann" in message.body
    assert "Nobody has replied to (1)\n\n- Bob" in message.body


def test_more_than_a_screenful_of_renewals_leads_to_all_of_them(csm: User, drain: Any, frozen: Any) -> None:
    today = clock.now().date()
    for n in range(13):
        account = factories.an_account(f"A{n}", owner=csm)
        Contract.objects.create(
            account=account, starts_on=today, ends_on=today + dt.timedelta(days=9), arr=1, currency="EUR"
        )

    (message,) = run(drain)

    assert (
        f"All 13: {settings.BASE_URL}{reverse('accounts:account_list')}?renewal=30&owner=me" in message.body
    )


def test_it_holds_only_what_the_person_may_see(
    acme: Account, csm: User, stranger: User, lead: User, drain: Any, frozen: Any
) -> None:
    ann = factories.a_contact("ann@acme.example", account=acme)
    factories.respond(factories.a_survey(), 1, email=ann.email)
    drain()
    mail.outbox.clear()

    assert sorted(m.to[0] for m in run(drain)) == sorted([csm.email, lead.email])


def test_a_section_of_another_app_stands_in_it_and_one_that_fails_is_left_out(
    acme: Account, csm: User, drain: Any, frozen: Any
) -> None:
    def fails(today: digest.Today) -> digest.Found:
        raise RuntimeError("broken")

    def finds(today: digest.Today) -> digest.Found:
        return digest.Found([digest.Line("Acme is red", "/x/", "was green")], 1)

    digest.register(digest.Section("fails", "Fails", fails, 1))
    digest.register(digest.Section("finds", "Health turned red", finds, 2))
    try:
        (message,) = run(drain)
    finally:
        digest.unregister("fails")
        digest.unregister("finds")

    assert message.subject == "One thing needs attention today"
    assert "Health turned red (1)" in message.body
    assert "Acme is red (was green)" in message.body


def test_the_page_sends_one_now_also_when_there_is_nothing_in_it(
    as_viewer: Client, viewer: User, drain: Any
) -> None:
    as_viewer.post(reverse("workflows:digest_now"))
    drain()

    (message,) = mail.outbox
    assert (message.to, message.subject) == ([viewer.email], "Nothing needs attention today")
    assert "this one you asked for" in message.body


def test_a_mail_server_that_is_away_delays_it(
    acme: Account, csm: User, drain: Any, frozen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.mail.backends.locmem import EmailBackend

    def away(self: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "open", away)
    something(acme, csm)
    assert run(drain) == []
    row = Digest.objects.get(user=csm)
    assert (row.state, row.attempts) == ("pending", 0)
