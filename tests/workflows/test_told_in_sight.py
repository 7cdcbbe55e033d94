"""What somebody was told stays told only as long as they may see what it is about."""

import pytest
from django.test import Client

from accounts.services import erase
from team.models import User
from tests import factories
from workflows.models import RewardCode
from workflows.queries import notifications
from workflows.services import alerts, rewards, tasks

pytestmark = pytest.mark.django_db


def test_what_was_handed_on_out_of_sight_is_told_no_more(csm: User, stranger: User, lead: User) -> None:
    account = factories.an_account("Theirs alone", owner=stranger)
    alert = alerts.raise_alert(kind="detractor", account=account, assignee=csm)
    task = tasks.create_task(title="Call Ann of Theirs", account=account, assignee=csm, actor=lead)
    browser = Client()
    browser.force_login(csm)
    told = browser.get("/notifications/").content.decode()
    assert "Theirs alone" in told
    assert "Call Ann of Theirs" in told
    assert notifications.count_unread(csm) == 2
    row = notifications.list_notifications(user=csm)[0]

    alerts.assign_alert(alert=alert, assignee=stranger, actor=lead)
    tasks.assign_tasks(chosen=type(task).objects.filter(pk=task.pk), assignee=stranger, actor=lead)

    told = browser.get("/notifications/").content.decode()
    assert "Theirs alone" not in told
    assert "Call Ann of Theirs" not in told
    assert notifications.count_unread(csm) == 0
    assert browser.post(f"/notifications/{row.pk}/open/").status_code == 404
    assert notifications.count_unread(stranger) == 2
    assert notifications.list_notifications(user=lead).count() == 0


def test_an_erased_person_had_no_code(csm: User, lead: User) -> None:
    ann = factories.a_contact(account=factories.an_account("Acme", owner=csm))
    codes = rewards.create_list(name="Vouchers", description="", actor=lead)
    rewards.add_codes(list=codes, codes=["AAA-1", "BBB-2"], actor=lead)
    given = rewards.give(list=codes, contact=ann, run=None)

    erase.erase_contact(contact=ann, actor=lead)

    given = RewardCode.objects.get(pk=given.pk)
    assert given.contact is None
    assert given.given_at is not None
    other = factories.a_contact("bob@acme.example", account=ann.account)
    assert rewards.give(list=codes, contact=other, run=None).pk != given.pk
