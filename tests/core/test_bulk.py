"""Many rows in few statements, with every kind of value, on both databases."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account, CustomField, Event, EventRelay
from core import bulk, clock

pytestmark = pytest.mark.django_db

ODD = ["\\N", "a\tb", "line\nbreak", "back\\slash", "quote ' \" ;", "Größe 🎉", "{}", "\\."]


def test_insert_keeps_every_value_and_gives_keys() -> None:
    made = [
        Account(
            name=f"n{text}", plan=text, arr=Decimal("12.50"), seats=None, renewal_on=dt.date(2026, 2, 28),
            custom={"a": text, "b": [1, None, True]}, created_at=clock.now(), updated_at=clock.now(),
        )
        for text in ODD
    ]  # fmt: skip

    bulk.insert(Account, made)

    stored = {account.pk: account for account in Account.objects.all()}
    assert len(stored) == len(ODD)
    for text, account in zip(ODD, made, strict=True):
        found = stored[account.pk]
        assert (found.plan, found.arr, found.seats, found.renewal_on) == (
            text,
            Decimal("12.50"),
            None,
            dt.date(2026, 2, 28),
        )
        assert found.custom == {"a": text, "b": [1, None, True]}
        assert found.created_at == account.created_at


def test_insert_leaves_to_the_database_what_it_fills_in() -> None:
    (account,) = bulk.insert(Account, [Account(name="Acme")])

    account.refresh_from_db()
    assert account.created_at is not None


def test_update_writes_only_the_named_fields_of_the_given_rows() -> None:
    rows = [Account.objects.create(name=f"n{i}", plan="old", seats=i) for i in range(len(ODD) + 1)]
    for account, text in zip(rows, ODD, strict=False):
        account.plan, account.seats, account.custom, account.arr = text, None, {"t": text}, Decimal("-1.25")
        account.name = "not written"

    bulk.update(Account, rows[:-1], ["plan", "seats", "custom", "arr"])

    for account, text in zip(rows, ODD, strict=False):
        account.refresh_from_db()
        assert (account.plan, account.seats, account.custom, account.arr) == (
            text,
            None,
            {"t": text},
            Decimal("-1.25"),
        )
        assert account.name.startswith("n")
        assert account.name != "not written"
    rows[-1].refresh_from_db()
    assert rows[-1].plan == "old"


@pytest.mark.parametrize("number", [7, 10**30])
def test_upsert_inserts_and_changes_only_the_named_fields_of_known_rows(number: int) -> None:
    def fields(label: str, position: int) -> list[CustomField]:
        return [
            CustomField(
                target="account", key=f"k{n}", label=f"{label}{odd}", type="text", choices=[odd, number, None],
                position=position,
            )
            for n, odd in enumerate(ODD)
        ]  # fmt: skip

    bulk.upsert(CustomField, fields("", 1)[1:], unique=["target", "key"], update=["label"])
    bulk.upsert(CustomField, fields("new ", 2), unique=["target", "key"], update=["label"])

    found = {field.key: field for field in CustomField.objects.all()}
    assert [found[f"k{n}"].label for n in range(len(ODD))] == [f"new {odd}" for odd in ODD]
    assert [found[f"k{n}"].choices for n in range(len(ODD))] == [[odd, number, None] for odd in ODD]
    assert [found[f"k{n}"].position for n in range(3)] == [2, 1, 1]


def test_among_finds_by_any_of_many() -> None:
    for text in ODD:
        Account.objects.create(name=text, external_id=text)

    found = bulk.among(Account.objects.order_by("pk"), "external_id", [*ODD[:3], "no such thing"])

    assert [account.external_id for account in found] == ODD[:3]


def test_insert_keys_fills_a_table_of_keys() -> None:
    events = [Event.objects.create(kind="x", cause_key=f"c{i}", occurred_at=clock.now()) for i in range(3)]

    bulk.insert_keys(EventRelay, [event.pk for event in events])

    assert sorted(EventRelay.objects.values_list("event_id", flat=True)) == [event.pk for event in events]


def test_insert_that_breaks_a_constraint_inserts_nothing() -> None:
    Account.objects.create(name="Acme", external_id="A1")

    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert(Account, [Account(name="New", external_id="A2"), Account(name="Other", external_id="A1")])

    assert Account.objects.count() == 1


def test_a_draft_is_what_the_constructor_makes(db):
    values = {"name": "Example", "external_id": "A1"}
    first, second = bulk.draft(Account, values), bulk.draft(Account, values)
    built = Account(**values)

    for field in Account._meta.concrete_fields:
        if not field.has_db_default():
            assert getattr(first, field.attname) == getattr(built, field.attname), field.name
    assert first._state.adding
    assert first.custom is not second.custom
    first.save()
    assert Account.objects.get().name == "Example"
