"""From an answer to an alert and a task."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail

from accounts.domain import Origin
from accounts.models import Event
from core import clock, outbox
from surveys.choices import Channel, MessageKind
from surveys.models import Survey
from surveys.services import messages
from team.models import NotificationPreference, User, Workspace
from tests import factories
from workflows.models import Alert, Notice, Rule, Run, RunStep, Task
from workflows.rules import catalogue
from workflows.rules.catalogue import StepType
from workflows.services import loop

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey() -> Survey:
    return factories.a_survey()


@pytest.fixture
def ann(csm: User) -> Any:
    account = factories.an_account(owner=csm)
    return factories.a_contact(account=account, first_name="Ann", last_name="Vogt")


def test_a_detractor_alerts_the_owner_and_makes_a_call_due_in_one_business_day(
    survey: Survey, ann: Any, csm: User, drain: Any, frozen: Any
) -> None:
    factories.respond(survey, 3, email=ann.email)

    drain()

    alert = Alert.objects.get()
    assert (alert.assignee, alert.contact, alert.state) == (csm, ann, "open")
    task = Task.objects.get()
    assert (task.title, task.assignee, task.priority) == ("Call Ann Vogt", csm, "high")
    assert task.due_at == dt.datetime(2026, 3, 18, 10, 0, tzinfo=dt.UTC)


def test_the_owner_gets_a_mail_that_links_to_the_alert(
    survey: Survey, ann: Any, csm: User, drain: Any
) -> None:
    factories.respond(survey, 3, email=ann.email, comment="Reports are slow <b>")

    drain()

    (message,) = mail.outbox
    assert message.to == [csm.email]
    assert "Ann Vogt at Acme answered 3" in message.subject
    assert f"/alerts/{Alert.objects.get().pk}/" in message.body
    assert "Reports are slow <b>" in message.body
    assert "Reports are slow &lt;b&gt;" in message.alternatives[0][0]


def test_who_declined_alert_mails_gets_none(survey: Survey, ann: Any, csm: User, drain: Any) -> None:
    NotificationPreference.objects.update_or_create(user=csm, defaults={"choices": {"alert": ["app"]}})
    factories.respond(survey, 3, email=ann.email)

    drain()

    assert Alert.objects.get().assignee == csm
    assert mail.outbox == []


def test_without_an_active_owner_the_fall_back_person_gets_the_work(
    survey: Survey, ann: Any, csm: User, lead: User, administrator: User, drain: Any
) -> None:
    csm.is_active = False
    csm.save(update_fields=["is_active"])
    Workspace.objects.update_or_create(pk=1, defaults={"fallback_owner": administrator})
    factories.respond(survey, 3, email=ann.email)

    drain()

    assert Alert.objects.get().assignee == administrator
    assert Task.objects.get().assignee == administrator


def test_a_new_promoter_makes_a_referral_task_and_no_alert(survey: Survey, ann: Any, drain: Any) -> None:
    factories.respond(survey, 10, email=ann.email)

    drain()

    assert not Alert.objects.exists()
    assert Task.objects.get().title == "Ask Ann Vogt for a referral"


def test_somebody_who_was_a_promoter_before_is_not_asked_again(survey: Survey, ann: Any, drain: Any) -> None:
    for number in (1, 2):
        factories.respond(survey, 10, email=ann.email, external_id=f"answer-{number}")
        drain()

    assert Task.objects.count() == 1


def test_a_passive_answer_triggers_nothing(survey: Survey, ann: Any, drain: Any) -> None:
    factories.respond(survey, 8, email=ann.email)

    drain()

    assert not Run.objects.exists()


@pytest.mark.parametrize("origin", [Origin.IMPORT, Origin.BACKFILL, Origin.CORRECTION, Origin.DEMO])
def test_history_alerts_nobody(survey: Survey, ann: Any, drain: Any, origin: Origin) -> None:
    factories.respond(survey, 0, email=ann.email, origin=origin)

    drain()

    assert not Run.objects.exists()


def test_an_answer_given_more_than_a_week_ago_alerts_nobody(survey: Survey, ann: Any, drain: Any) -> None:
    factories.respond(survey, 0, email=ann.email, responded_at=clock.now() - dt.timedelta(days=8))

    drain()

    assert not Run.objects.exists()


def test_one_answer_makes_one_alert_however_often_its_event_is_delivered(
    survey: Survey, ann: Any, drain: Any
) -> None:
    factories.respond(survey, 3, email=ann.email)
    drain()
    scored = Event.objects.get(kind="response.scored")

    from workflows.rules import engine

    engine.on_event(scored)
    drain()

    assert (Run.objects.count(), Alert.objects.count(), Task.objects.count()) == (1, 1, 1)


def test_a_score_corrected_to_a_detractor_alerts_once(survey: Survey, ann: Any, drain: Any) -> None:
    for score in (9, 2, 8, 1):
        factories.respond(survey, score, email=ann.email, external_id="one-answer")
        drain()

    assert Alert.objects.count() == 1


def test_a_rule_that_is_switched_off_does_nothing(survey: Survey, ann: Any, drain: Any) -> None:
    Rule.objects.filter(key="detractor-recovery").update(is_active=False)
    factories.respond(survey, 3, email=ann.email)

    drain()

    assert not Run.objects.exists()


def test_a_step_that_fails_is_retried_by_itself_and_then_shows_as_failed(
    survey: Survey, ann: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(row: RunStep) -> Any:
        raise ConnectionError("away")

    monkeypatch.setitem(catalogue.step_types, "create_task", StepType("create_task", "T", "W", str, do=away))
    Rule.objects.filter(key="detractor-recovery").update(steps=[{"kind": "create_task"}])
    factories.respond(survey, 3, email=ann.email)

    drain()

    step = RunStep.objects.get()
    assert (step.state, step.attempts) == ("pending", 1)
    for _ in range(5):
        RunStep.objects.filter(state="pending").update(next_at=clock.now() - dt.timedelta(seconds=1))
        outbox.work(outbox.kind_named("workflow_step"))
    assert RunStep.objects.get().state == "dead"
    assert Run.objects.get().state == "failed"


def test_a_step_that_misses_a_setting_fails_with_a_clear_note(survey: Survey, ann: Any, drain: Any) -> None:
    Rule.objects.filter(key="detractor-recovery").update(
        steps=[{"kind": "create_task", "due_business_days": 1}]
    )
    factories.respond(survey, 3, email=ann.email)

    drain()

    step, run = RunStep.objects.get(), Run.objects.get()
    assert (step.state, step.outcome, run.state) == ("failed", "failed", "failed")
    assert run.reason.startswith("Step 1: “Title” is missing.")


def test_a_stopped_run_does_no_further_step(survey: Survey, ann: Any, lead: User, drain: Any) -> None:
    factories.respond(survey, 3, email=ann.email)
    drain("timeline_relay", "timeline_deliver")
    from workflows.services import rules

    rules.stop_run(run=Run.objects.get(), actor=lead)
    drain()

    assert not Alert.objects.exists()
    assert Run.objects.get().state == "stopped"


def test_a_step_that_can_never_work_fails_its_run(survey: Survey, ann: Any, drain: Any) -> None:
    factories.respond(survey, 3, email=ann.email)
    drain("timeline_relay", "timeline_deliver")
    ann.account = factories.an_account("Another company")
    ann.save(update_fields=["account"])

    drain()

    assert [step.state for step in RunStep.objects.order_by("pk")] == ["done", "failed"]
    assert Run.objects.get().state == "failed"


def test_a_mail_server_that_is_away_costs_an_alert_mail_no_attempt(
    survey: Survey, ann: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.mail.backends.locmem import EmailBackend

    def away(self: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "open", away)
    factories.respond(survey, 3, email=ann.email)

    drain()

    notice = Notice.objects.get()
    assert (notice.state, notice.attempts) == ("pending", 0)
    assert notice.next_at > clock.now() + dt.timedelta(seconds=30)


# --- Replies ---------------------------------------------------------------------------------------------------
def write_back(contact: Any, body: str = "Please call me <b>", kind: MessageKind = MessageKind.REPLY) -> Any:
    return messages.receive(
        channel=Channel.EMAIL,
        provider="test",
        provider_id=f"{kind}-{body}",
        kind=kind,
        from_address=contact.email,
        from_key="k",
        received_at=clock.now(),
        subject="Your survey",
        body=body,
        contact=contact,
    ).message


def test_a_reply_to_a_survey_alerts_the_owner_in_the_app_and_by_mail_once(
    ann: Any, csm: User, as_csm: Any, drain: Any
) -> None:
    write_back(ann)
    write_back(ann)
    drain()

    alert = Alert.objects.get()
    assert (alert.kind, alert.assignee, alert.contact) == ("reply", csm, ann)
    (sent,) = mail.outbox
    assert sent.subject == "Ann Vogt at Acme wrote back"
    assert "Please call me <b>" in sent.body
    assert "Please call me &lt;b&gt;" in sent.alternatives[0][0]
    page = as_csm.get(f"/alerts/{alert.pk}/").content.decode()
    assert "Please call me &lt;b&gt;" in page
    assert "Re: Your survey" in page
    assert "wrote back" in as_csm.get("/alerts/").content.decode().lower()
    assert not Task.objects.exists()


def test_closing_the_alert_of_a_reply_settles_the_message(ann: Any, csm: User, drain: Any) -> None:
    message = write_back(ann)
    drain()

    loop.close_loop(alert=Alert.objects.get(), outcome="Called", actor=csm)

    message.refresh_from_db()
    assert message.handled_by == csm


@pytest.mark.parametrize("kind", [MessageKind.AUTO_REPLY, MessageKind.STOP, MessageKind.SCORE])
def test_what_needs_no_reply_alerts_nobody(ann: Any, kind: MessageKind, drain: Any) -> None:
    write_back(ann, kind=kind)
    drain()

    assert not Alert.objects.exists()


def test_the_rule_for_replies_can_be_switched_off(ann: Any, drain: Any) -> None:
    Rule.objects.filter(key="reply-received").update(is_active=False)
    write_back(ann)
    drain()

    assert not Alert.objects.exists()
