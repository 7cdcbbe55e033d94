"""Telephone numbers: read by their country, stored in one form, kept as they were written where nobody could call them."""

from importlib import import_module

import pytest
from django.apps import apps

from accounts import cleaning
from accounts.models import Account, Contact
from accounts.services import bulk, contacts
from core.secrets import address_key
from team.models import User, Workspace

migration = import_module("accounts.migrations.0006_phone_keys")


@pytest.mark.parametrize(
    ("written", "country", "stored", "is_number"),
    [
        ("040 555 1234", "DE", "+49405551234", True),
        ("0049 40 5551234", "DE", "+49405551234", True),
        ("+49 (0)40 555-1234", "US", "+49405551234", True),
        ("０４０ ５５５ １２３４", "DE", "+49405551234", True),
        ("(650) 253-0000", "us", "+16502530000", True),
        ("040 555 1234", "", "040 555 1234", False),
        ("040 555 1234 ext. 5", "DE", "040 555 1234 ext. 5", False),
        ("1e10", "DE", "1e10", False),
        ("9" * 40, "DE", "9" * 40, False),
        ("call the office", "DE", "call the office", False),
        ("+49…", "DE", "+49…", False),
        ("110", "DE", "110", False),
        ("", "DE", "", False),
    ],
)
def test_a_number_is_read_by_its_country(written: str, country: str, stored: str, is_number: bool) -> None:
    assert cleaning.phone(written, country=country) == (stored, stored if is_number else None)


@pytest.mark.parametrize(
    ("zone", "country"), [("Europe/Berlin", "DE"), ("America/New_York", "US"), ("UTC", "")]
)
def test_a_zone_tells_the_country(zone: str, country: str) -> None:
    assert cleaning.country_of_zone(zone) == country


def test_the_account_tells_the_country_and_else_the_workspace(administrator: User) -> None:
    american = Account.objects.create(name="Fjord Inc.", country="US")
    Workspace.objects.update_or_create(pk=1, defaults={"time_zone": "Europe/Vienna"})

    there = contacts.create_contact(
        values={"last_name": "Ahn", "phone": "650 253 0000", "account": american}, actor=administrator
    )
    here = contacts.create_contact(values={"last_name": "Berg", "phone": "01 5551234"}, actor=administrator)

    assert (there.phone, there.phone_key) == ("+16502530000", address_key("+16502530000"))
    assert here.phone == "+4315551234"


def test_a_number_that_is_taken_away_leaves_no_key(administrator: User) -> None:
    contact = contacts.create_contact(
        values={"last_name": "Ahn", "phone": "+49405551234"}, actor=administrator
    )

    contacts.update_contact(contact=contact, values={"phone": ""}, actor=administrator)

    contact.refresh_from_db()
    assert (contact.phone, contact.phone_key) == ("", None)


def test_many_contacts_written_at_once_get_their_keys(administrator: User) -> None:
    Account.objects.create(name="Fjord", external_id="A-1", country="DE")
    row = {"external_id": "C-1", "last_name": "Ahn", "phone": "040 5551234", "account_external_id": "A-1"}

    (made,) = bulk.upsert_contacts(rows=[bulk.Row(0, row)], actor=administrator)
    (again,) = bulk.upsert_contacts(rows=[bulk.Row(0, {**row, "phone": "040-555-1234"})], actor=administrator)

    contact = Contact.objects.get()
    assert (made.state, again.state) == ("created", "unchanged")
    assert (contact.phone, contact.phone_key) == ("+49405551234", address_key("+49405551234"))


def test_contacts_of_earlier_get_their_keys_by_the_migration(db: None) -> None:
    account = Account.objects.create(name="Fjord", country="DE")
    Contact.objects.create(last_name="A", phone="040 5551234", account=account)
    Contact.objects.create(last_name="B", phone="nobody knows")

    migration.fill(apps, None)

    assert list(Contact.objects.order_by("pk").values_list("phone", "phone_key")) == [
        ("040 5551234", address_key("+49405551234")),
        ("nobody knows", None),
    ]
