"""Alerts, tasks, rules and the first page, over HTTP."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import Contact, Event, Interaction
from core import clock
from surveys.models import Response
from team.models import AuditEntry, User
from tests import factories
from workflows.models import Alert, Rule, Run, Task
from workflows.services import alerts

pytestmark = pytest.mark.django_db
COMMENT = "Reports are slow <script>alert(1)</script> {{ 7*7 }} 🐌"


@pytest.fixture
def ann(csm: User) -> Contact:
    account = factories.an_account(owner=csm)
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


@pytest.fixture
def alert(ann: Contact, drain: Any) -> Alert:
    factories.respond(factories.a_survey(), 3, email=ann.email, comment=COMMENT)
    drain()
    mail.outbox.clear()
    return Alert.objects.get()


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


PAGES = ["workflows:alert_list", "workflows:task_list", "workflows:rule_list", "reports:today"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_ask_who_you_are(client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code == 302


@pytest.mark.parametrize("name", ["alert_detail", "task_detail", "run_detail"])
def test_what_belongs_to_another_team_is_not_there(
    alert: Alert, as_csm: Client, as_stranger: Client, name: str
) -> None:
    pk = {"alert_detail": alert.pk, "task_detail": Task.objects.get().pk, "run_detail": Run.objects.get().pk}[
        name
    ]
    address = reverse(f"workflows:{name}", args=[pk])

    assert as_csm.get(address).status_code == 200
    assert as_stranger.get(address).status_code == 404


@pytest.mark.parametrize("name", [p for p in PAGES if p != "workflows:rule_list"])
def test_lists_hold_only_what_one_may_see(
    alert: Alert, as_csm: Client, as_stranger: Client, name: str
) -> None:
    address = f"{reverse(name)}?whose=all"

    assert "Ann Vogt" in as_csm.get(address).content.decode()
    assert "Ann Vogt" not in as_stranger.get(address).content.decode()


def test_the_alert_shows_the_comment_as_it_was_written(alert: Alert, as_csm: Client) -> None:
    html = page(as_csm, "workflows:alert_detail", alert.pk)

    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }} 🐌" in html
    assert "<script>alert" not in html


def test_opening_it_is_noted_once_and_only_for_the_assignee(
    alert: Alert, as_csm: Client, as_lead: Client
) -> None:
    address = reverse("workflows:alert_seen", args=[alert.pk])
    assert address not in page(as_lead, "workflows:alert_detail", alert.pk)
    as_lead.post(address)
    assert Alert.objects.get().seen_at is None

    # Looking alone changes nothing; the page tells when a browser shows it.
    assert address in page(as_csm, "workflows:alert_detail", alert.pk)
    assert ">new<" in page(as_csm, "workflows:alert_list")
    assert Alert.objects.get().seen_at is None
    assert as_csm.get(address).status_code == 405
    assert as_csm.post(address).status_code == 204
    seen = Alert.objects.get().seen_at
    as_csm.post(address)

    assert seen is not None
    assert Alert.objects.get().seen_at == seen
    assert address not in page(as_csm, "workflows:alert_detail", alert.pk)
    assert ">new<" not in page(as_csm, "workflows:alert_list")


def test_who_acts_has_seen_it_and_who_is_given_it_has_not(
    alert: Alert, as_csm: Client, csm: User, lead: User
) -> None:
    as_csm.post(
        reverse("workflows:alert_log", args=[alert.pk]), {"kind": "call", "body": "Rang", "outcome": "Fine"}
    )
    assert Alert.objects.get().seen_at is not None

    alerts.assign_alert(alert=Alert.objects.get(), assignee=lead, actor=csm)
    assert Alert.objects.get().seen_at is None


def test_a_reply_is_mailed_logged_and_counts_as_contact(
    alert: Alert, as_csm: Client, csm: User, drain: Any
) -> None:
    response = as_csm.post(
        reverse("workflows:alert_reply", args=[alert.pk]), {"subject": "Your feedback", "body": "I call you."}
    )
    drain()

    assert response.status_code == 302
    (message,) = mail.outbox
    assert "ann@acme.example" in message.to[0]
    assert message.reply_to == [csm.email] or csm.email in str(message.reply_to)
    assert Interaction.objects.get().kind == "mail"
    assert Response.objects.get().loop_status == "contacted"
    assert Alert.objects.get().state == "open"


def test_logging_with_an_outcome_closes_alert_answer_and_task(
    alert: Alert, as_csm: Client, csm: User
) -> None:
    as_csm.post(
        reverse("workflows:alert_log", args=[alert.pk]),
        {"kind": "call", "body": "They export to Excel.", "outcome": "Update by Friday", "close": "on"},
    )

    alert.refresh_from_db()
    assert (alert.state, alert.outcome, alert.closed_by) == ("closed", "Update by Friday", csm)
    assert Response.objects.get().loop_status == "closed"
    assert Task.objects.get().state == "done"
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert {"interaction.logged", "loop.contacted", "loop.closed", "alert.closed", "task.completed"} <= kinds


def test_closing_needs_an_outcome(alert: Alert, as_csm: Client) -> None:
    response = as_csm.post(
        reverse("workflows:alert_log", args=[alert.pk]), {"kind": "call", "body": "Talked.", "close": "on"}
    )

    assert response.status_code == 422
    assert "Write the outcome in a line before you close the loop." in response.content.decode()
    assert not Interaction.objects.exists()
    assert Alert.objects.get().state == "open"


def test_closing_twice_changes_nothing_and_says_so(alert: Alert, as_csm: Client, as_lead: Client) -> None:
    address = reverse("workflows:alert_close", args=[alert.pk])
    as_csm.post(address, {"outcome": "Solved"})

    second = as_lead.post(address, {"outcome": "Something else"}, follow=True)

    assert "closed already" in second.content.decode()
    assert Alert.objects.get().outcome == "Solved"


def test_closing_the_loop_from_the_answer_closes_the_alert(alert: Alert, as_csm: Client, drain: Any) -> None:
    as_csm.post(reverse("surveys:response_status", args=[alert.response_id]), {"status": "closed"})
    drain()

    assert Alert.objects.get().state == "closed"
    assert Task.objects.get().state == "done"


def test_a_viewer_reads_and_cannot_act(alert: Alert, as_viewer: Client) -> None:
    html = page(as_viewer, "workflows:alert_detail", alert.pk)

    assert "Send reply" not in html
    assert (
        as_viewer.post(reverse("workflows:alert_close", args=[alert.pk]), {"outcome": "x"}).status_code == 403
    )
    assert Alert.objects.get().state == "open"


def test_handing_over_tells_the_new_person(alert: Alert, as_csm: Client, lead: User, drain: Any) -> None:
    as_csm.post(reverse("workflows:alert_assign", args=[alert.pk]), {"assignee": lead.pk})
    drain()

    assert Alert.objects.get().assignee == lead
    assert [m.to for m in mail.outbox] == [[lead.email]]


def test_a_task_is_created_changed_and_finished_once(ann: Contact, as_csm: Client, csm: User) -> None:
    fields = {"title": "Send the roadmap", "assignee": csm.pk, "priority": "normal", "due_on": "2026-12-01"}
    as_csm.post(f"{reverse('workflows:task_new')}?contact={ann.pk}", fields)
    task = Task.objects.get()
    assert (task.account, task.contact, task.due_at is not None) == (ann.account, ann, True)

    as_csm.post(
        reverse("workflows:task_detail", args=[task.pk]), {**fields, "title": "Send roadmap and prices"}
    )
    as_csm.post(reverse("workflows:task_finish", args=[task.pk]), {"outcome": "Sent", "state": "done"})
    as_csm.post(reverse("workflows:task_finish", args=[task.pk]), {"outcome": "Again", "state": "done"})

    task.refresh_from_db()
    assert (task.title, task.state, task.outcome) == ("Send roadmap and prices", "done", "Sent")


def test_a_task_without_a_title_is_refused_by_name(ann: Contact, as_csm: Client, csm: User) -> None:
    response = as_csm.post(
        reverse("workflows:task_new"), {"title": " ", "assignee": csm.pk, "priority": "normal"}
    )

    assert response.status_code == 422
    assert not Task.objects.exists()


def test_a_lead_switches_a_rule_and_it_is_audited(as_lead: Client, lead: User) -> None:
    rule = Rule.objects.get(key="detractor-recovery")

    as_lead.post(reverse("workflows:rule_switch", args=[rule.pk]), {"is_active": "0"})

    rule.refresh_from_db()
    assert rule.is_active is False
    assert AuditEntry.objects.filter(action="rule.switch", actor=lead).exists()


def test_a_csm_cannot_switch_rules(as_csm: Client) -> None:
    rule = Rule.objects.get(key="detractor-recovery")

    assert (
        as_csm.post(reverse("workflows:rule_switch", args=[rule.pk]), {"is_active": "0"}).status_code == 403
    )
    assert Rule.objects.get(pk=rule.pk).is_active


def test_rules_read_like_sentences(as_csm: Client) -> None:
    html = page(as_csm, "workflows:rule_list")

    assert "the category is Detractor (0–6)" in html
    assert "category before is not Promoter (9–10)" in html


def test_today_shows_what_waits(alert: Alert, as_csm: Client, csm: User) -> None:
    account = alert.account
    assert account is not None
    account.contracts.create(
        starts_on=clock.now().date() - dt.timedelta(days=300),
        ends_on=clock.now().date() + dt.timedelta(days=40),
        arr=12_000,
        currency="EUR",
    )

    html = page(as_csm, "reports:today")

    assert "1 open alert, 1 task" in " ".join(html.split())
    assert "Call Ann Vogt" in html
    assert "in 40 days" in html or "Acme" in html


@pytest.mark.parametrize("name", PAGES)
def test_lists_ask_the_same_number_of_questions_for_one_row_and_for_ten(
    ann: Contact, as_csm: Client, drain: Any, name: str
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    survey = factories.a_survey()
    counts = []
    as_csm.get(reverse(name))  # the first request of a session asks more
    for size in (1, 9):
        for number in range(size):
            contact = factories.a_contact(f"p{size}{number}@acme.example", account=ann.account)
            factories.respond(survey, 2, email=contact.email)
        drain()
        with CaptureQueriesContext(connection) as captured:
            as_csm.get(reverse(name))
        counts.append(len(captured))

    assert counts[0] == counts[1]
