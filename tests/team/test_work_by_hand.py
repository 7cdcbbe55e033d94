"""Deciding about failed work in the back office does what the work's own page does, not only to the row."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.imports import running, services
from accounts.models import Import, Interaction, InteractionMail
from core import clock
from core.models import Job
from core.outbox import State
from surveys.choices import CampaignState, InvitationState
from surveys.models import Campaign, Delivery, Invitation
from team.models import AuditEntry, User
from tests import factories
from tests.accounts import importing
from tests.surveys.asking import make_account, make_campaign, make_contact, make_wave
from workflows.models import Rule, Run, RunStep

pytestmark = pytest.mark.django_db


def act(client: Client, row: Any, action: str) -> str:
    """Choose a row in its list, take the action, and return the page that says what became of it."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
    response = client.post(url, {"action": action, "_selected_action": [row.pk]}, follow=True)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


@pytest.fixture
def doubtful() -> Delivery:
    """A message of a running campaign whose fate nobody knows."""
    contact = make_contact(make_account("Fjord"), "ida@fjord.example")
    wave = make_wave(make_campaign(launched_at=clock.now()))
    now = clock.now()
    ask = Invitation.objects.create(
        wave=wave, version=wave.version, contact=contact, account=contact.account, state=InvitationState.SENDING,
        recipient_key=contact.address_key, language="en", asked_at=now, expires_at=now,
    )  # fmt: skip
    return Delivery.objects.create(
        key=f"delivery:{ask.pk}", invitation=ask, state=State.IN_DOUBT, attempts=1, finished_at=now
    )


def test_a_doubtful_survey_mail_is_sent_again_as_its_page_would(
    as_administrator: Client, doubtful: Delivery
) -> None:
    act(as_administrator, doubtful, "try_again")

    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.attempts, doubtful.invitation.asked_at) == (State.PENDING, 0, None)
    assert AuditEntry.objects.filter(action="delivery.sent_again").exists()


def test_what_cannot_be_sent_again_is_said_and_left(as_administrator: Client, doubtful: Delivery) -> None:
    Campaign.objects.update(state=CampaignState.STOPPED)

    page = act(as_administrator, doubtful, "try_again")

    doubtful.refresh_from_db()
    assert "The campaign is not running" in page
    assert doubtful.state == State.IN_DOUBT
    assert not AuditEntry.objects.filter(action="work.retried").exists()


def test_a_survey_mail_that_arrived_counts_as_sent(as_administrator: Client, doubtful: Delivery) -> None:
    act(as_administrator, doubtful, "mark_done")

    doubtful.refresh_from_db()
    assert (doubtful.state, doubtful.invitation.state) == (State.DONE, InvitationState.SENT)


def test_who_was_not_asked_does_not_count_as_asked(as_administrator: Client, doubtful: Delivery) -> None:
    act(as_administrator, doubtful, "give_up")

    doubtful.refresh_from_db()
    ask = doubtful.invitation
    assert (doubtful.state, ask.state, ask.asked_at) == (State.CANCELLED, InvitationState.FAILED, None)
    assert ask.outcome_reason == "called_off"


def test_a_failed_step_goes_on_with_its_run(as_administrator: Client) -> None:
    rule = Rule.objects.create(name="R", trigger="response.scored")
    run = Run.objects.create(
        rule=rule,
        rule_version=1,
        cause_key="x",
        state="failed",
        started_at=clock.now(),
        finished_at=clock.now(),
    )
    step = RunStep.objects.create(key="run:1:0", run=run, path="0", kind="create_task", state=State.FAILED)

    act(as_administrator, step, "try_again")

    step.refresh_from_db()
    run.refresh_from_db()
    assert (step.state, run.state, run.finished_at) == (State.PENDING, "running", None)


def test_a_mail_to_a_contact_is_sent_again(as_administrator: Client, csm: User) -> None:
    account = factories.an_account(owner=csm)
    interaction = Interaction.objects.create(account=account, kind="mail", happened_at=clock.now(), user=csm)
    row = InteractionMail.objects.create(key="interaction:1", interaction=interaction, state=State.IN_DOUBT)

    act(as_administrator, row, "try_again")

    row.refresh_from_db()
    assert row.state == State.PENDING
    assert AuditEntry.objects.filter(action="interaction.resent").exists()


def test_a_failed_import_is_carried_on(
    as_administrator: Client, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = importing.check(importing.upload("E-mail\na@a.example\n", actor=administrator), actor=administrator)
    services.start_import(run=run, actor=administrator)
    failed = Job.objects.get(key=Import.objects.get().job_key)
    Job.objects.filter(pk=failed.pk).update(state=State.DEAD)
    running._failed(failed)

    act(as_administrator, failed, "try_again")
    importing.work()

    failed.refresh_from_db()
    run.refresh_from_db()
    assert (run.state, importing.counts(run)) == ("done", (1, 0, 0, 0))
    assert failed.state == State.CANCELLED


def test_a_job_whose_import_has_moved_on_is_left_alone(as_administrator: Client, administrator: User) -> None:
    run = importing.check(importing.upload("E-mail\na@a.example\n", actor=administrator), actor=administrator)
    job = Job.objects.get()
    Job.objects.update(state=State.DEAD)

    page = act(as_administrator, job, "try_again")

    run.refresh_from_db()
    job.refresh_from_db()
    assert "moved on" in page
    assert (run.state, job.state) == ("checked", State.DEAD)
