"""One alert for what happens for the same reason, what makes it sleep and wake, and what is done with many."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account, Contact, Event
from accounts.services import merge
from core import clock
from core.errors import Refused
from surveys.models import Response, Survey
from surveys.services import responses
from team.models import User
from tests import factories
from workflows import bulk
from workflows.alerting.domain import Gravity, Severity, is_clearly_worse, worst
from workflows.models import Alert, AlertCause, Notification, Task
from workflows.services import alerts, gathering, loop

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


@pytest.fixture
def acme(csm: User) -> Account:
    return factories.an_account(owner=csm)


def person(account: Account, name: str) -> Contact:
    return factories.a_contact(
        f"{name.lower()}@acme.example", account=account, first_name=name, last_name="X"
    )


@pytest.fixture
def answer(survey: Survey, acme: Account, drain: Any) -> Any:
    """`answer("Ann", 3)`: somebody of Acme answers, and the rules have done their work."""
    known: dict[str, Contact] = {}

    def say(name: str, score: int, **options: Any) -> Contact:
        contact = known.setdefault(name, person(acme, name)) if name not in known else known[name]
        factories.respond(survey, score, email=contact.email, **options)
        drain()
        return contact

    return say


# --- Identity ----------------------------------------------------------------------------------------------------
def test_what_fires_for_the_same_reason_is_one_alert_that_counts(answer: Any, csm: User) -> None:
    answer("Ann", 5)
    bob = answer("Bob", 1, comment="It is slow")

    alert = Alert.objects.get()
    assert (alert.count, alert.contact, alert.severity) == (2, bob, "high")
    assert alert.response.score == 1
    assert alert.causes.count() == 2
    assert Task.objects.count() == 2
    updated = Event.objects.get(kind="alert.updated")
    assert (updated.data["count"], updated.data["severity"]) == (2, "high")


def test_a_second_cause_within_the_hour_is_not_mailed_again_and_later_it_is(answer: Any, frozen: Any) -> None:
    answer("Ann", 5)
    frozen.shift(dt.timedelta(minutes=30))
    answer("Bob", 4)
    assert len(mail.outbox) == 1
    assert Notification.objects.filter(alert__isnull=False, read_at__isnull=True).count() == 1

    frozen.shift(dt.timedelta(minutes=31))
    answer("Cat", 4)

    assert len(mail.outbox) == 2
    assert "fired 3 times" in mail.outbox[1].body
    assert Notification.objects.filter(alert__isnull=False, read_at__isnull=True).count() == 1


def test_a_closed_alert_is_not_opened_again_but_a_new_one_is(answer: Any, csm: User) -> None:
    answer("Ann", 5)
    first = Alert.objects.get()
    loop.close_loop(alert=first, outcome="Called", actor=csm)

    answer("Bob", 4)

    assert list(Alert.objects.order_by("pk").values_list("state", "count")) == [("closed", 1), ("open", 1)]


def test_the_same_cause_fires_once_even_after_its_alert_was_closed(acme: Account, csm: User) -> None:
    first = alerts.raise_alert(kind="detractor", account=acme, dedupe_key="answer-1")
    alerts.close_alert(alert=first, outcome="Called", actor=csm)

    again = alerts.raise_alert(kind="detractor", account=acme, dedupe_key="answer-1")

    assert again == first
    assert Alert.objects.count() == AlertCause.objects.count() == 1


def test_other_accounts_kinds_and_reasons_are_other_alerts(acme: Account) -> None:
    other = factories.an_account("Other")
    for account, kind, reason in (
        (acme, "a", ""), (other, "a", ""), (acme, "b", ""), (acme, "a", "x"), (None, "a", ""), (None, "a", "x"),
    ):  # fmt: skip
        for _ in range(2):
            alerts.raise_alert(kind=kind, account=account, reason=reason)

    assert sorted(Alert.objects.values_list("count", flat=True)) == [2] * 6


@pytest.mark.parametrize("account", [True, False])
def test_the_database_keeps_a_second_live_one_out(acme: Account, account: bool) -> None:
    place = acme if account else None
    alerts.raise_alert(kind="a", account=place)

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(kind="a", account=place, opened_at=clock.now(), state="snoozed")


def test_the_person_who_left_is_replaced_by_who_is_responsible_now(
    acme: Account, csm: User, lead: User
) -> None:
    alerts.raise_alert(kind="a", account=acme, assignee=csm)
    csm.is_active = False
    csm.save(update_fields=["is_active"])

    alerts.raise_alert(kind="a", account=acme, assignee=lead)

    assert Alert.objects.get().assignee == lead


# --- Closing what several answers made ---------------------------------------------------------------------------
def test_closing_settles_all_answers_and_tasks_behind_it(answer: Any, csm: User) -> None:
    answer("Ann", 5)
    answer("Bob", 4)

    loop.close_loop(alert=Alert.objects.get(), outcome="Both called", actor=csm)

    assert set(Response.objects.values_list("loop_status", flat=True)) == {"closed"}
    assert set(Task.objects.values_list("state", flat=True)) == {"done"}


def test_an_answer_closed_by_itself_leaves_the_alert_to_the_others(
    answer: Any, csm: User, drain: Any
) -> None:
    answer("Ann", 5)
    answer("Bob", 4)
    for number, state in ((0, "open"), (1, "closed")):
        one = Response.objects.order_by("pk")[number]
        responses.set_loop_status(responses=Response.objects.filter(pk=one.pk), status="closed", actor=csm)
        drain()
        assert Alert.objects.get().state == state


def test_only_the_person_who_was_called_counts_as_contacted(answer: Any, csm: User, as_csm: Client) -> None:
    ann = answer("Ann", 5)
    answer("Bob", 4)
    alert = Alert.objects.get()

    as_csm.post(
        reverse("workflows:alert_log", args=[alert.pk]), {"kind": "call", "body": "Rang", "contact": ann.pk}
    )

    assert dict(Response.objects.values_list("contact__first_name", "loop_status")) == {
        "Ann": "contacted",
        "Bob": "open",
    }


def test_somebody_the_alert_is_not_about_is_refused(answer: Any, acme: Account, csm: User) -> None:
    answer("Ann", 5)

    with pytest.raises(Refused, match="not about that person"):
        loop.reply(alert=Alert.objects.get(), subject="s", body="b", actor=csm, contact=person(acme, "Zoe"))


# --- When things change places -----------------------------------------------------------------------------------
def test_an_answer_that_turns_out_to_be_anothers_takes_its_cause_along(answer: Any, csm: User) -> None:
    answer("Ann", 5)
    answer("Bob", 4)
    other = factories.an_account("Other", owner=csm)
    moved = Response.objects.get(contact__first_name="Bob")
    zoe = factories.a_contact("zoe@other.example", account=other)
    Response.objects.filter(pk=moved.pk).update(contact=zoe, account=other)
    moved.refresh_from_db()

    for _ in range(2):
        gathering.follow(moved)

    shown = {
        a.account.name: (a.count, a.contact.email) for a in Alert.objects.select_related("account", "contact")
    }
    assert shown == {"Acme": (1, "ann@acme.example"), "Other": (1, "zoe@other.example")}


def test_merging_accounts_makes_one_of_their_alerts(acme: Account, administrator: User, drain: Any) -> None:
    loser = factories.an_account("Acme Ltd")
    stays = alerts.raise_alert(kind="detractor", account=acme)
    goes = alerts.raise_alert(kind="detractor", account=loser)
    moves = alerts.raise_alert(kind="reply", account=loser)

    merge.merge_accounts(survivor=acme, loser=loser, actor=administrator)
    drain()

    for alert in (stays, goes, moves):
        alert.refresh_from_db()
    assert (stays.count, goes.state, goes.data["gathered_in"]) == (2, "closed", stays.pk)
    assert (moves.account, moves.state) == (acme, "open")


# --- Sleeping ----------------------------------------------------------------------------------------------------
def snoozed(csm: User, days: int = 3) -> Alert:
    alert = Alert.objects.get()
    alerts.snooze_alert(
        alert=alert, until=clock.now() + dt.timedelta(days=days), reason="They are on holiday", actor=csm
    )
    mail.outbox.clear()
    return alert


def test_a_sleeping_alert_counts_what_fires_and_tells_nobody(answer: Any, csm: User, frozen: Any) -> None:
    answer("Ann", 5)
    alert = snoozed(csm)
    for number in range(4):
        frozen.shift(dt.timedelta(hours=2))
        answer(f"P{number}", 4)

    alert.refresh_from_db()
    assert (alert.state, alert.count, alert.muted_count) == ("snoozed", 5, 4)
    assert mail.outbox == []
    assert not Notification.objects.filter(alert__isnull=False, read_at__isnull=True).exists()
    assert alerts.wake_due() == 0


def test_it_wakes_when_its_time_has_come_and_says_what_fired(
    answer: Any, csm: User, frozen: Any, drain: Any
) -> None:
    answer("Ann", 5)
    alert = snoozed(csm)
    answer("Bob", 4)
    frozen.shift(dt.timedelta(days=3))

    assert (alerts.wake_due(), alerts.wake_due()) == (1, 0)
    drain()

    alert.refresh_from_db()
    assert (alert.state, alert.woken_why, alert.muted_count) == ("open", "time", 1)
    assert "Back from its sleep" in mail.outbox[0].subject
    assert "fired once while asleep" in mail.outbox[0].body
    assert Event.objects.get(kind="alert.woken").data["fired"] == 1


@pytest.mark.parametrize(
    ("first", "then", "state"), [(5, 2, "open"), (6, 3, "open"), (6, 4, "snoozed"), (2, 0, "snoozed")]
)
def test_something_clearly_worse_wakes_it_at_once(
    answer: Any, csm: User, first: int, then: int, state: str
) -> None:
    answer("Ann", first)
    snoozed(csm)

    answer("Bob", then)

    assert Alert.objects.get().state == state
    assert len(mail.outbox) == (1 if state == "open" else 0)


def test_a_slow_slide_while_asleep_is_measured_from_the_beginning(answer: Any, csm: User) -> None:
    answer("Ann", 6)
    snoozed(csm)

    states = []
    for name, score in (("B", 5), ("C", 4), ("D", 3)):
        answer(name, score)
        states.append(Alert.objects.get().state)

    assert states == ["snoozed", "snoozed", "open"]


@pytest.mark.parametrize(
    ("days", "reason", "said"),
    [
        (-1, "x", "still to come"),
        (0, "x", "still to come"),
        (400, "x", "within a year"),
        (1, "  ", "why it can wait"),
    ],
)
def test_a_snooze_that_makes_no_sense_is_refused(
    acme: Account, csm: User, days: int, reason: str, said: str
) -> None:
    alert = alerts.raise_alert(kind="a", account=acme)

    with pytest.raises(Refused, match=said):
        alerts.snooze_alert(
            alert=alert, until=clock.now() + dt.timedelta(days=days), reason=reason, actor=csm
        )


def test_the_date_is_read_in_the_persons_zone(answer: Any, csm: User, browser_of: Any, frozen: Any) -> None:
    answer("Ann", 5)
    csm.time_zone = "America/New_York"
    csm.save(update_fields=["time_zone"])
    alert = Alert.objects.get()

    browser_of(csm).post(
        reverse("workflows:alert_snooze", args=[alert.pk]), {"until": "2026-03-20T09:00", "reason": "Holiday"}
    )

    alert.refresh_from_db()
    assert alert.snoozed_until == dt.datetime(2026, 3, 20, 13, 0, tzinfo=dt.UTC)


def test_sleeping_ones_have_a_list_of_their_own_and_are_woken_by_hand(
    answer: Any, csm: User, as_csm: Client
) -> None:
    answer("Ann", 5)
    alert = snoozed(csm)

    assert "Ann X" not in as_csm.get(reverse("workflows:alert_list")).content.decode()
    html = as_csm.get(reverse("workflows:alert_list"), {"state": "snoozed"}).content.decode()
    assert "Ann X" in html
    assert "They are on holiday" in html
    as_csm.post(reverse("workflows:alert_wake", args=[alert.pk]))
    assert "Ann X" in as_csm.get(reverse("workflows:alert_list")).content.decode()
    again = as_csm.post(reverse("workflows:alert_wake", args=[alert.pk]), follow=True)
    assert "does not sleep" in again.content.decode()


def test_a_sleeping_alert_can_be_closed(answer: Any, csm: User) -> None:
    answer("Ann", 5)
    alert = snoozed(csm)

    loop.close_loop(alert=alert, outcome="Solved", actor=csm)

    assert Alert.objects.get().state == "closed"


# --- Pages -------------------------------------------------------------------------------------------------------
def test_the_page_shows_all_that_fired_it_with_links(answer: Any, as_csm: Client) -> None:
    answer("Ann", 5, comment="Slow <b>")
    answer("Bob", 1)
    html = as_csm.get(reverse("workflows:alert_detail", args=[Alert.objects.get().pk])).content.decode()

    for response in Response.objects.all():
        assert reverse("surveys:response_detail", args=[response.pk]) in html
    assert "Slow &lt;b&gt;" in html
    assert "fired 2 times" in html


@pytest.fixture
def many(csm: User) -> list[Alert]:
    """Sixty alerts: more than a page."""
    return [
        alerts.raise_alert(
            kind="detractor" if n % 2 else "reply",
            account=factories.an_account(f"A{n}", owner=csm),
            assignee=csm,
        )
        for n in range(60)
    ]


def test_a_change_to_the_whole_filter_reaches_other_pages_and_nothing_else(
    many: list[Alert], as_csm: Client, csm: User, lead: User
) -> None:
    address = reverse("workflows:alert_bulk")
    page = as_csm.post(
        f"{address}?kind=reply", {"action": "assign", "assignee": lead.pk, "all_matching": "1"}, follow=True
    )

    assert "30 alerts changed" in page.content.decode()
    assert set(Alert.objects.filter(kind="reply").values_list("assignee", flat=True)) == {lead.pk}
    assert set(Alert.objects.filter(kind="detractor").values_list("assignee", flat=True)) == {csm.pk}


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({"action": "snooze", "until": "2099-01-01T09:00", "reason": "x"}, "open"),
        ({"action": "snooze", "until": "2026-03-20T09:00", "reason": "Quiet week"}, "snoozed"),
        ({"action": "close", "outcome": ""}, "open"),
        ({"action": "close", "outcome": "All settled"}, "closed"),
        ({"action": "nonsense"}, "open"),
    ],
)
def test_many_are_put_to_sleep_and_closed_with_the_same_care(
    many: list[Alert], as_csm: Client, frozen: Any, data: dict[str, str], state: str
) -> None:
    as_csm.post(reverse("workflows:alert_bulk"), {**data, "ids": [many[0].pk, many[1].pk, "x"]})

    assert Alert.objects.filter(pk__in=[many[0].pk, many[1].pk], state=state).count() == 2
    assert Alert.objects.filter(state="open").count() >= 58


def test_more_than_fit_at_once_are_refused_and_none_is_left_out_unsaid(
    many: list[Alert], as_csm: Client, lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_BULK", 59)
    sent = {"action": "assign", "assignee": lead.pk, "all_matching": "1"}

    page = as_csm.post(reverse("workflows:alert_bulk"), sent, follow=True).content.decode()

    assert "These are more than 59 alerts. Nothing was changed" in page
    assert not Alert.objects.filter(assignee=lead).exists()


def test_bulk_reaches_no_alert_out_of_sight(many: list[Alert], as_stranger: Client, stranger: User) -> None:
    as_stranger.post(
        reverse("workflows:alert_bulk"), {"action": "close", "outcome": "x", "ids": [many[0].pk]}
    )
    as_stranger.post(
        f"{reverse('workflows:alert_bulk')}?whose=all",
        {"action": "close", "outcome": "x", "all_matching": "1"},
    )

    assert Alert.objects.filter(state="open").count() == 60


def test_viewers_change_nothing(many: list[Alert], as_viewer: Client) -> None:
    for name in ("alert_snooze", "alert_wake"):
        assert as_viewer.post(reverse(f"workflows:{name}", args=[many[0].pk])).status_code == 403
    assert as_viewer.post(reverse("workflows:alert_bulk"), {"action": "wake"}).status_code == 403


# --- How grave ---------------------------------------------------------------------------------------------------
SEVERITIES = st.sampled_from([s.value for s in Severity])
GRAVITIES = st.builds(Gravity, SEVERITIES, st.none() | st.integers(0, 10))


@given(GRAVITIES)
def test_nothing_is_worse_than_itself(one: Gravity) -> None:
    assert not is_clearly_worse(one, one)


@given(GRAVITIES, GRAVITIES)
def test_what_is_worse_is_not_also_better(one: Gravity, other: Gravity) -> None:
    if one.severity == other.severity:
        assert not (is_clearly_worse(one, other) and is_clearly_worse(other, one))


@given(SEVERITIES, SEVERITIES)
def test_the_graver_of_two_is_one_of_them_whichever_comes_first(one: str, other: str) -> None:
    assert worst(one, other) == worst(other, one)
    assert worst(one, other) in {one, other}
