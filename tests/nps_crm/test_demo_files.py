"""The files the demo company brought in: gone through with their refused rows, and one that waits to be confirmed."""

import random
from typing import Any

import pytest

from accounts.models import Contact, Import, ImportRow
from core import clock
from nps_crm.demo import files
from surveys.models import Response
from team.models import User
from tests import factories


@pytest.fixture
def brought_in(administrator: User, lead: User, frozen: Any) -> None:
    contacts = [
        factories.a_contact(
            f"kim@customer{number}.example",
            account=factories.an_account(f"Customer {number}", domain=f"customer{number}.example"),
        )
        for number in range(16)
    ]
    files.fill(
        rng=random.Random(7),
        now=clock.now(),
        contacts=contacts,
        people={"admin": administrator, "lead": lead},
    )


def test_people_are_gone_through_and_it_is_named_why_rows_were_refused(brought_in: None) -> None:
    done = Import.objects.get(state="done", target="contact")

    assert done.created_count == len(files.PEOPLE)
    assert done.refused_count == ImportRow.objects.filter(run=done).count() == 4
    assert Contact.objects.filter(first_name="Aino", last_name="Laine").exists()


def test_values_of_accounts_are_brought_in_but_the_one_that_is_no_number(brought_in: None) -> None:
    done = Import.objects.get(state="done", target="account")

    assert (done.updated_count, done.created_count, done.refused_count) == (12, 0, 1)
    assert "about 40k" in ImportRow.objects.get(run=done).cells


def test_past_answers_become_a_survey_of_their_own(brought_in: None) -> None:
    done = Import.objects.get(state="done", target="answer")
    reasons = list(ImportRow.objects.filter(run=done).order_by("line").values_list("reason", flat=True))

    assert (done.created_count, done.unmatched_count, done.refused_count) == (16, 0, 2)
    assert "no score" in reasons[0]
    assert "in spring" not in reasons[0]
    assert set(Response.objects.values_list("survey__name", "metric", "origin")) == {
        ("Training feedback", "csat", "import")
    }


def test_the_other_waits_and_has_changed_nobody(brought_in: None) -> None:
    waiting = Import.objects.get(state="checked")

    assert waiting.refused_count == 1
    assert not Contact.objects.filter(role="champion").exists()
