"""The files the demo company brought in: one gone through with its refused rows, one that waits to be confirmed."""

import random
from typing import Any

import pytest

from accounts.models import Contact, Import, ImportRow
from core import clock
from nps_crm.demo import files
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


def test_one_file_is_gone_through_and_names_why_rows_were_refused(brought_in: None) -> None:
    done = Import.objects.get(state="done")

    assert done.created_count == len(files.PEOPLE)
    assert done.refused_count == ImportRow.objects.filter(run=done).count() == 4
    assert Contact.objects.filter(first_name="Aino", last_name="Laine").exists()


def test_the_other_waits_and_has_changed_nobody(brought_in: None) -> None:
    waiting = Import.objects.get(state="checked")

    assert waiting.refused_count == 1
    assert not Contact.objects.filter(role="champion").exists()
