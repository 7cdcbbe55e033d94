"""Importing accounts: owners, stages, money and dates as other systems export them."""

import datetime as dt
from decimal import Decimal

import pytest

from accounts.domain import Origin
from accounts.models import Account, Event, LifecycleStage
from team.models import RoleScope, User
from tests import factories
from tests.accounts.importing import bring_in, counts, reasons, upload

HUBSPOT = "Record ID,Company name,Company Domain Name,Company owner,Lifecycle Stage,Annual Contract Value,Country/Region,City\n"


def test_export_of_another_crm_is_understood(lead: User, csm: User) -> None:
    stage = LifecycleStage.objects.create(name="Adoption")

    run = bring_in(
        HUBSPOT
        + '901,Nordwind GmbH,www.nordwind.example,csm@example.com,adoption,"$184,000.50",Germany,Hamburg\n',
        actor=lead,
        target="account",
        dialect={"decimal": "point"},
    )

    assert counts(run) == (1, 0, 0, 0)
    account = Account.objects.get()
    assert (account.external_id, account.name, account.domain) == ("901", "Nordwind GmbH", "nordwind.example")
    assert (account.owner, account.stage, account.arr, account.country) == (
        csm,
        stage,
        Decimal("184000.50"),
        "DE",
    )
    assert account.stage_since is not None
    assert account.currency == "EUR"
    assert account.history.get().history_user == lead
    assert Event.objects.get().origin == Origin.IMPORT


def test_german_export_with_comma_and_dots(lead: User) -> None:
    run = bring_in(
        "Kundennummer;Firma;Jahresumsatz;Vertragsende;Land;Lizenzen\nK1;Möwe & Söhne;1.234,50 €;31.12.2026;Österreich;1'200\n".encode(
            "cp1252"
        ),
        actor=lead,
        target="account",
    )

    account = Account.objects.get()
    assert counts(run) == (1, 0, 0, 0)
    assert (account.arr, account.renewal_on, account.country, account.seats) == (
        Decimal("1234.50"),
        dt.date(2026, 12, 31),
        "AT",
        1200,
    )


def test_changes_of_owner_and_stage_are_events_of_their_own(lead: User, csm: User) -> None:
    old, new = (
        LifecycleStage.objects.create(name="Onboarding"),
        LifecycleStage.objects.create(name="Adoption"),
    )
    account = factories.an_account("Acme", external_id="A1", stage=old, plan="Basic")

    run = bring_in(
        "External id,Name,Owner,Stage,Plan\nA1,Acme,csm@example.com,Adoption,Pro\n",
        actor=lead,
        target="account",
    )

    account.refresh_from_db()
    assert counts(run) == (0, 1, 0, 0)
    assert (account.owner, account.stage, account.plan) == (csm, new, "Pro")
    assert {event.kind: event.data for event in Event.objects.all()} == {
        "account.owner_changed": {"from": None, "to": csm.pk},
        "account.stage_changed": {"from": old.pk, "to": new.pk},
        "account.updated": {"fields": ["plan"]},
    }
    assert account.history.first().history_type == "~"


@pytest.mark.parametrize(
    ("header", "cell", "option"),
    [("Owner", "nobody@example.com", "unknown_owner"), ("Stage", "Nirvana", "unknown_stage")],
)
def test_unknown_owner_or_stage_is_refused_or_left_as_chosen(
    lead: User, header: str, cell: str, option: str
) -> None:
    content = f"External id,Name,{header}\nA1,Acme,{cell}\n"

    refused = bring_in(content, actor=lead, target="account")
    left = bring_in(content, actor=lead, target="account", **{option: "leave"})

    assert header in reasons(refused)[2]
    assert counts(left) == (1, 0, 0, 0)


def test_owner_who_cannot_own_is_refused(lead: User, viewer: User) -> None:
    run = bring_in("External id,Name,Owner\nA1,Acme,viewer@example.com\n", actor=lead, target="account")

    assert "cannot own accounts" in reasons(run)[2]


@pytest.mark.parametrize(("key", "line"), [("name", "Acme,,x"), ("domain", ",acme.example,x")])
def test_accounts_are_matched_by_name_or_domain(lead: User, key: str, line: str) -> None:
    account = factories.an_account("ACME", domain="acme.example")
    line = line if key == "name" else "Other name,acme.example,x"

    run = bring_in(f"Name,Domain,Plan\n{line}\n", actor=lead, target="account", key=key)

    account.refresh_from_db()
    assert counts(run) == (0, 1, 0, 0)
    assert account.plan == "x"


def test_external_id_of_another_account_is_refused(lead: User) -> None:
    factories.an_account("Acme")
    factories.an_account("Other", external_id="A1")

    run = bring_in("Name,External id\nAcme,A1\n", actor=lead, target="account", key="name")

    assert "Another account already has this external id" in reasons(run)[2]


def test_account_outside_sight_is_refused_and_a_new_one_stays_in_sight(lead: User) -> None:
    RoleScope.objects.update_or_create(role="lead", defaults={"scope": "own"})
    lead = User.objects.get(pk=lead.pk)
    factories.an_account("Acme", external_id="A1")

    run = bring_in("External id,Name\nA1,Renamed\nA2,New\n", actor=lead, target="account")

    assert counts(run) == (1, 0, 0, 1)
    assert "outside your view" in reasons(run)[2]
    assert Account.objects.get(external_id="A2").owner == lead


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("ARR", "-5", "cannot be negative"),
        ("ARR", "1234567890123456", "too large"),
        ("ARR", "ten", "is not a number"),
        ("Renewal", "2026-02-30", "not a day of the calendar"),
        ("Renewal", "46000", "day number"),
        ("Country", "Atlantis", "two letters"),
        ("Currency", "Euro", "three letters"),
        ("Domain", "not a domain", "must be a name such as"),
        ("Name", "x" * 201, "longer than 200"),
    ],
)
def test_value_that_a_form_would_refuse_is_refused(lead: User, header: str, cell: str, reason: str) -> None:
    columns = {"Name": "External id,Name,Plan"}.get(header, f"External id,Name,{header}")
    line = f"A1,{cell},x" if header == "Name" else f"A1,Acme,{cell}"

    run = bring_in(f"{columns}\n{line}\n", actor=lead, target="account")

    assert reason in reasons(run)[2]
    assert not Account.objects.exists()


def test_domain_that_passes_for_another_is_refused(lead: User) -> None:
    run = bring_in(
        "Name,Domain\nPay,https://www.pаypal.com/de\nMuster,exämple.de\nPrimer,пример.рф\n",
        actor=lead, target="account", key="domain",
    )  # fmt: skip

    assert counts(run) == (2, 0, 0, 1)
    assert "“Domain”: The domain “pаypal.com” mixes Cyrillic (а) and Latin letters" in reasons(run)[2]


def test_duplicate_and_blank_headers_are_offered_and_not_guessed(lead: User) -> None:
    run = upload("Name,Name,,Plan\nAcme,Acme 2,x,Pro\n", actor=lead, target="account")

    assert run.headers == ["Name", "Name", "", "Plan"]
    assert run.mapping["columns"] == {"0": "name", "3": "plan"}
