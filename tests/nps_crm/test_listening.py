"""What the demo hears from other systems: made by the product's own services, and history to all rules."""

import random
from typing import Any

import pytest

from accounts.domain import Origin
from accounts.models import Event, Merge
from core import clock
from integrations.models import Connection, SyncRun
from nps_crm.demo import listening, story
from surveys.choices import Identity
from surveys.models import Response
from team.models import User
from tests import factories


@pytest.fixture
def heard(administrator: User, lead: User, frozen: Any) -> Connection:
    contacts, moods = [], {}
    for number in range(12):
        account = factories.an_account(f"Customer {number}", domain=f"customer{number}.example")
        moods[account.pk] = story.Mood(base=8.0, segment=story.MID_MARKET, churned_on=None)
        contacts.append(
            factories.a_contact(
                f"kim@customer{number}.example", account=account, first_name="Kim", last_name=f"No {number}"
            )
        )
    listening.fill(
        rng=random.Random(7),
        now=clock.now(),
        contacts=contacts,
        moods=moods,
        people={"admin": administrator, "lead": lead},
        relationship=factories.a_survey(),
    )
    return Connection.objects.get(system="webhook")


def test_the_log_tells_of_days_on_which_not_everything_went_well(heard: Connection) -> None:
    runs = list(SyncRun.objects.filter(connection=heard))

    assert (heard.state, heard.hook_state) == ("active", "listening")
    assert len({run.day for run in runs}) == len(runs) == listening.DAYS
    for what in ("created", "updated", "unmatched", "refused", "skipped"):
        assert sum(getattr(run, what) for run in runs) > 0, what
    assert any(run.unmatched and run.refused for run in runs)


def test_people_wait_in_the_inbox_and_some_were_dealt_with(heard: Connection) -> None:
    answers = Response.objects.filter(source=heard.source)

    assert answers.filter(identity=Identity.INBOX).exists()
    assert answers.filter(identity=Identity.IGNORED).exists()
    assert Merge.objects.count() == 1


def test_no_rule_acts_on_it(heard: Connection) -> None:
    assert not Event.objects.filter(origin=Origin.LIVE).exclude(kind="contact.created").exists()
    assert not Response.objects.filter(source=heard.source, origin=Origin.LIVE).exists()


def test_the_second_connection_waits_for_its_key(heard: Connection) -> None:
    assert Connection.objects.exclude(pk=heard.pk).get().state == "draft"
