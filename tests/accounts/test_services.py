"""Writing customers: what is written with it, what is refused, and by which words."""

import datetime as dt
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from accounts import versions
from accounts.models import (
    Account,
    AccountOwner,
    Contact,
    Event,
    InteractionMail,
    LifecycleStage,
    MetricPoint,
)
from accounts.services import accounts, bulk, contacts, contracts, fields, interactions, metrics
from core import clock
from core.errors import Invalid, Refused
from core.models import Job
from team.models import AuditEntry, User
from tests import factories


def kinds(**of: Any) -> list[str]:
    return list(Event.objects.filter(**of).order_by("pk").values_list("kind", flat=True))


# --- Accounts ------------------------------------------------------------------------------------------------
def test_a_new_account_has_history_an_audit_entry_and_an_event(lead: User) -> None:
    account = accounts.create_account(values={"name": "Acme"}, actor=lead)

    assert [row.history_user for row in account.history.all()] == [lead]
    assert AuditEntry.objects.filter(action="account.created", object_id=account.pk, actor=lead).exists()
    assert kinds(account=account) == ["account.created"]


def test_a_change_of_stage_and_owner_are_events_of_their_own(frozen: Any, lead: User, csm: User) -> None:
    adoption = LifecycleStage.objects.create(name="Adoption")
    account = factories.an_account(stage_since=dt.date(2020, 1, 1))

    accounts.update_account(
        account=account, values={"stage": adoption, "owner": csm, "plan": "Scale", "city": "Köln"}, actor=lead
    )

    account.refresh_from_db()
    assert account.stage_since == dt.date(2026, 3, 17)
    assert kinds(account=account) == ["account.owner_changed", "account.stage_changed", "account.updated"]
    assert Event.objects.get(kind="account.updated").data == {"fields": ["city", "plan"]}
    assert Event.objects.get(kind="account.owner_changed").facts["owner"] == csm.pk


def test_saving_the_same_again_writes_nothing(lead: User) -> None:
    account = factories.an_account("Acme", arr=Decimal("10.00"))

    accounts.update_account(account=account, values={"name": " Acme ", "arr": "10"}, actor=lead)

    assert not AuditEntry.objects.exists()
    assert kinds() == []


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": "  \x00 "}, "name", "missing"),
        ({"name": "x" * 201}, "name", "longer than 200"),
        ({"name": "\ud800"}, "name", "not valid Unicode"),
        ({"arr": "NaN"}, "arr", "must be a number"),
        ({"arr": "1e309"}, "arr", "must be a number"),
        ({"arr": "-1"}, "arr", "negative"),
        ({"arr": 10**13}, "arr", "too large"),
        ({"arr": "1.005"}, "arr", "more than 2 decimals"),
        ({"seats": True}, "seats", "must be a number"),
        ({"country": "Germany"}, "country", "two letters"),
        ({"currency": "€"}, "currency", "three letters"),
        ({"renewal_on": "30.02.2026"}, "renewal_on", "must be a date"),
        ({"renewal_on": "9999-12-31"}, "renewal_on", "between 1900 and 2200"),
        ({"domain": "not a domain"}, "domain", "such as example.com"),
        ({"custom": {"unknown": 1}}, "custom", "no custom field “unknown”"),
        ({"custom": []}, "custom", "must be an object"),
        ({"is_staff": True}, "is_staff", "no field"),
    ],
)
def test_bad_values_are_refused_by_field_and_nothing_is_written(
    lead: User, values: Any, field: str, words: str
) -> None:
    account = factories.an_account()

    with pytest.raises(Refused, match=words) as refusal:
        accounts.update_account(account=account, values={"plan": "Scale", **values}, actor=lead)

    account.refresh_from_db()
    assert (refusal.value.field, account.plan) == (field, "")


def test_names_with_markup_templates_emoji_and_bidi_are_kept_as_they_are(lead: User) -> None:
    name = "<script>alert(1)</script> {{ 7|add:7 }} 🚀 \u202eevil ${7*7}"

    assert accounts.create_account(values={"name": name + "\x00"}, actor=lead).name == name


def test_an_account_cannot_belong_to_its_own_daughter(lead: User) -> None:
    mother = factories.an_account("Mother")
    daughter = factories.an_account("Daughter", parent=mother)
    grandchild = factories.an_account("Grandchild", parent=daughter)

    for parent in (mother, daughter, grandchild):
        with pytest.raises(Refused, match="Choose another parent"):
            accounts.update_account(account=mother, values={"parent": parent}, actor=lead)


def test_an_external_id_is_given_once(lead: User) -> None:
    factories.an_account("First", external_id="A-1")

    with pytest.raises(Refused) as refusal:
        accounts.create_account(values={"name": "Second", "external_id": " A-1 "}, actor=lead)

    assert refusal.value.field == "external_id"
    assert Account.objects.count() == 1


def test_a_stale_save_is_refused_and_the_first_one_stays(lead: User) -> None:
    account = factories.an_account("Acme")
    seen = versions.version_of(account, accounts.EDITABLE)
    accounts.update_account(account=account, values={"plan": "Scale"}, actor=lead, version=seen)

    with pytest.raises(versions.Stale):
        accounts.update_account(account=account, values={"plan": "Free"}, actor=lead, version=seen)

    account.refresh_from_db()
    assert account.plan == "Scale"


def test_owners_by_role_are_given_once_and_see_the_account(lead: User, stranger: User) -> None:
    account = factories.an_account()

    for _ in range(2):
        accounts.add_owner(account=account, user=stranger, role="support", actor=lead)
    row = AccountOwner.objects.get()

    assert Account.objects.visible_to(stranger).count() == 1
    accounts.remove_owner(row=row, actor=lead)
    assert Account.objects.visible_to(stranger).count() == 0


def test_a_viewer_or_somebody_who_left_cannot_own_an_account(lead: User, viewer: User) -> None:
    gone = factories.user("gone@example.com", is_active=False)

    for person in (viewer, gone):
        with pytest.raises(Refused, match="cannot own accounts"):
            accounts.create_account(values={"name": "Acme", "owner": person}, actor=lead)


# --- Owners in bulk ------------------------------------------------------------------------------------------
def test_many_accounts_change_owner_with_history_and_events(lead: User, csm: User) -> None:
    mine = factories.an_account("Mine", owner=csm)
    for n in range(3):
        factories.an_account(f"Account {n}")

    changed = bulk.change_owner(accounts=Account.objects.all(), owner=csm, actor=lead)

    assert changed == 3
    assert kinds() == ["account.owner_changed"] * 3
    assert mine.history.count() == 1
    other = Account.objects.get(name="Account 0")
    newest = other.history.latest()
    assert (newest.history_type, newest.owner_id, newest.history_user) == ("~", csm.pk, lead)


def test_a_change_of_more_than_200_owners_is_a_job_over_what_matched_when_it_was_asked(
    lead: User, csm: User, drain: Any
) -> None:
    Account.objects.bulk_create([Account(name=f"Account {n:03}") for n in range(201)])

    job = bulk.change_owner(accounts=Account.objects.filter(owner=None), owner=csm, actor=lead)
    late = factories.an_account("Late")
    drain("long_job")

    assert isinstance(job, Job)
    job.refresh_from_db()
    assert (job.state, job.progress_done, job.progress_total) == ("done", 201, 201)
    assert Account.objects.filter(owner=csm).count() == 201
    late.refresh_from_db()
    assert late.owner is None


# --- Contacts ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Ann@Acme.Example", "ann@acme.example"),
        ("ann+nps@acme.example", "ann+nps@acme.example"),
        ("Änn@Exämple.de", "änn@xn--exmple-cua.de"),
        ("\uff21nn@acme.example", "ann@acme.example"),
    ],
)
def test_an_address_is_kept_as_written_and_compared_in_one_form(lead: User, written: str, key: str) -> None:
    contact = contacts.create_contact(values={"email": f" {written} "}, actor=lead)

    assert contact.email_key == key
    assert contact.address_key is not None
    assert len(contact.address_key) == 64
    assert kinds(contact=contact) == ["contact.created"]


@pytest.mark.parametrize(
    "written", ["ann", "@x.de", "a@b", "a b@c.de", "<a@b.de>", "a@b.de\nBcc: x@y.de", "a@-b.de"]
)
def test_what_is_no_address_is_refused(lead: User, written: str) -> None:
    with pytest.raises(Invalid) as refusal:
        contacts.create_contact(values={"email": written}, actor=lead)

    assert refusal.value.field == "email"
    assert not Contact.objects.exists()


def test_a_second_contact_with_the_address_is_refused_naming_the_first_only_in_sight(
    lead: User, csm: User, stranger: User
) -> None:
    account = factories.an_account("Nordwind", owner=csm)
    factories.a_contact("ann@acme.example", account=account, first_name="Ann", last_name="Lee")

    with pytest.raises(Refused, match="Ann Lee at Nordwind already has"):
        contacts.create_contact(values={"email": "ANN@acme.example"}, actor=csm)
    with pytest.raises(Refused, match="outside your view") as refusal:
        contacts.create_contact(values={"email": "ann@acme.example"}, actor=stranger)

    assert "Ann" not in refusal.value.message
    assert Contact.objects.count() == 1


def test_a_contact_needs_a_name_or_an_address(lead: User) -> None:
    with pytest.raises(Refused, match="name or an e-mail"):
        contacts.create_contact(values={"job_title": "COO"}, actor=lead)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_contact_of_an_address() -> None:
    barrier, outcomes = threading.Barrier(2), []

    def create(email: str) -> None:
        barrier.wait(10)
        try:
            contacts.create_contact(values={"email": email}, actor=None)
            outcomes.append("created")
        except Refused as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=create, args=[email]) for email in ("Ann@acme.example", "ann@ACME.example")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["created", "email_taken"]
    assert Contact.objects.count() == 1


# --- Contacts in bulk ----------------------------------------------------------------------------------------
def upsert(actor: User, *rows: dict[str, Any]) -> list[tuple[str, str]]:
    results = bulk.upsert_contacts(rows=[bulk.Row(n, row) for n, row in enumerate(rows)], actor=actor)
    return [(r.state, r.refusal.code if r.refusal else "") for r in results]


def test_each_row_of_a_bulk_call_is_done_or_refused_by_itself(csm: User, stranger: User) -> None:
    mine = factories.an_account("Mine", owner=csm, external_id="M")
    theirs = factories.an_account("Theirs", owner=stranger, external_id="T")
    known = factories.a_contact("known@x.example", account=mine, external_id="K", last_name="Old")
    factories.a_contact("hidden@x.example", account=theirs)

    outcome = upsert(
        csm,
        {"external_id": "K", "last_name": "New", "email": "known@x.example"},
        {"email": "KNOWN@x.example", "last_name": "Twice"},
        {"email": "new@x.example", "account_external_id": "M"},
        {"email": "foreign@x.example", "account_external_id": "T"},
        {"email": "foreign2@x.example", "account_id": theirs.pk},
        {"email": "Hidden@x.example"},
        {"email": "no address"},
        {"last_name": "Nobody"},
    )

    assert outcome == [
        ("updated", ""),
        ("refused", "repeated"),
        ("created", ""),
        ("refused", "not_found"),
        ("refused", "not_found"),
        ("refused", "email_taken"),
        ("refused", "invalid"),
        ("refused", "invalid"),
    ]
    known.refresh_from_db()
    assert known.last_name == "New"
    assert known.history.first().history_type == "~"
    assert Contact.objects.get(email="new@x.example").account == mine
    assert sorted(kinds()) == ["contact.created", "contact.updated"]


def test_the_same_bulk_call_again_changes_nothing(csm: User) -> None:
    account = factories.an_account("Mine", owner=csm, external_id="M")
    fields.create_custom_field(target="contact", label="Level", type="number", actor=None)
    rows = [{"email": f"p{n}@x.example", "account_id": account.pk, "custom": {"level": n}} for n in range(5)]
    assert upsert(csm, *rows) == [("created", "")] * 5

    assert upsert(csm, *rows) == [("unchanged", "")] * 5
    assert Event.objects.count() == 5


def test_a_bulk_call_costs_the_same_number_of_statements_however_long(
    csm: User, django_assert_max_num_queries: Any
) -> None:
    account = factories.an_account("Mine", owner=csm, external_id="M")

    with django_assert_max_num_queries(25):
        upsert(csm, *[{"email": f"p{n}@x.example", "account_id": account.pk} for n in range(200)])


# --- Contracts -----------------------------------------------------------------------------------------------
def test_the_account_follows_its_open_contracts(frozen: Any, lead: User) -> None:
    account = factories.an_account(currency="EUR")
    first = contracts.create_contract(
        account=account,
        values={"starts_on": "2025-04-01", "ends_on": "2026-03-31", "arr": "1000"},
        actor=lead,
    )
    contracts.create_contract(
        account=account, values={"starts_on": "2026-01-01", "ends_on": "2026-12-31", "arr": "500"}, actor=lead
    )
    account.refresh_from_db()
    assert (account.arr, account.renewal_on) == (Decimal("1500.00"), dt.date(2026, 3, 31))

    contracts.set_outcome(contract=first, outcome="churned", outcome_on=None, actor=lead)

    account.refresh_from_db()
    assert (account.arr, account.renewal_on, account.churned_on) == (
        Decimal("500.00"),
        dt.date(2026, 12, 31),
        None,
    )
    event = Event.objects.get(kind="contract.outcome_set")
    assert event.data == {"outcome": "churned", "arr": "1000.00", "currency": "EUR"}


def test_a_corrected_contract_stands_in_the_story_with_what_it_was(
    frozen: Any, lead: User, as_lead: Client
) -> None:
    account = factories.an_account(currency="EUR")
    contract = contracts.create_contract(
        account=account,
        values={"starts_on": "2026-01-01", "ends_on": "2026-12-31", "arr": "9600", "currency": "EUR"},
        actor=lead,
    )

    contracts.update_contract(contract=contract, values={"arr": "12000", "ends_on": "2027-03-31"}, actor=lead)
    contracts.update_contract(contract=contract, values={"arr": "12000"}, actor=lead)

    (event,) = Event.objects.filter(kind="contract.updated")
    assert event.data["fields"] == ["arr", "ends_on"]
    assert (event.data["arr_before"], event.data["ends_on_before"]) == ("9600.00", "2026-12-31")
    page = as_lead.get(f"/accounts/{account.pk}/").content.decode()
    assert "Contract changed (ARR and end)" in page
    assert "9,600" in page


def test_the_last_contract_that_churns_marks_the_account(frozen: Any, lead: User) -> None:
    account = factories.an_account(currency="EUR")
    contract = contracts.create_contract(
        account=account,
        values={"starts_on": "2025-04-01", "ends_on": "2026-03-31", "arr": "1000"},
        actor=lead,
    )

    contracts.set_outcome(contract=contract, outcome="churned", outcome_on="2026-03-10", actor=lead)

    account.refresh_from_db()
    assert (account.churned_on, account.renewal_on) == (dt.date(2026, 3, 10), None)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"starts_on": "2026-01-01", "ends_on": "2025-01-01", "arr": 1}, "ends_on"),
        ({"starts_on": "2026-01-01", "ends_on": "2026-12-31"}, "arr"),
        ({"ends_on": "2026-12-31", "arr": 1}, "starts_on"),
    ],
)
def test_a_contract_without_sense_is_refused(lead: User, values: Any, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        contracts.create_contract(account=factories.an_account(), values=values, actor=lead)

    assert refusal.value.field == field


# --- Interactions and mail -----------------------------------------------------------------------------------
def test_an_interaction_stands_on_the_timeline_at_its_time_without_its_text(frozen: Any, csm: User) -> None:
    account = factories.an_account(owner=csm)
    contact = factories.a_contact(account=account)
    then = clock.now() - dt.timedelta(days=2)

    interactions.log_interaction(
        account=account, contact=contact, kind="call", body="They are unhappy", happened_at=then, actor=csm
    )

    event = Event.objects.get(kind="interaction.logged")
    assert (event.occurred_at, event.contact, event.actor) == (then, contact, csm)
    assert "unhappy" not in str(event.data) + str(event.facts)


def test_an_interaction_with_a_foreign_contact_or_in_the_future_is_refused(frozen: Any, csm: User) -> None:
    account, other = factories.an_account(owner=csm), factories.an_account("Other")
    contact = factories.a_contact(account=other)

    with pytest.raises(Refused, match="does not belong to Acme"):
        interactions.log_interaction(account=account, contact=contact, kind="note", body="x", actor=csm)
    with pytest.raises(Refused, match="in the future"):
        interactions.log_interaction(
            account=account, kind="note", body="x", happened_at=clock.now() + dt.timedelta(days=1), actor=csm
        )
    with pytest.raises(Refused, match="Write down"):
        interactions.log_interaction(account=account, kind="note", body=" \x00", actor=csm)


def test_a_mail_to_a_contact_is_logged_sent_once_and_answers_go_to_its_writer(
    csm: User, drain: Any, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    contact = factories.a_contact(
        "Ann@Acme.example",
        account=factories.an_account(owner=csm),
        first_name="Ann \u202e",
        last_name="\r\nBcc: x@y.de",
    )

    interaction = interactions.send_mail(
        contact=contact, subject="Your feedback\r\nBcc: victim@x.de", body="Hello {{ 7*7 }}", actor=csm
    )
    drain()
    drain()

    (message,) = mail.outbox
    raw = message.message()
    assert "Bcc" not in raw
    assert message.to[0].endswith("<Ann@Acme.example>")
    assert message.reply_to == ["Carla Csm <csm@example.com>"]
    assert "Carla Csm" in message.from_email
    assert message.body == "Hello {{ 7*7 }}"
    assert raw["Message-ID"].startswith(f"<interaction-{interaction.pk}.")
    assert InteractionMail.objects.get().state == "done"


class Unsure:
    """A mail backend that breaks after it was given the mail."""

    calls = 0

    def __init__(self, **_: Any) -> None: ...
    def __enter__(self) -> "Unsure":
        return self

    def __exit__(self, *_: Any) -> None: ...
    def send_messages(self, messages: Any) -> int:
        Unsure.calls += 1
        raise TimeoutError("no answer")


def test_a_mail_of_unknown_fate_is_sent_once_more_and_then_left_to_a_person(
    csm: User, drain: Any, settings: Any
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Unsure"
    Unsure.calls = 0
    contact = factories.a_contact(account=factories.an_account(owner=csm))
    interaction = interactions.send_mail(contact=contact, subject="Hello", body="Hello", actor=csm)

    for _ in range(4):
        drain("accounts.interaction_mail")
        InteractionMail.objects.filter(state="pending").update(next_at=clock.now() - dt.timedelta(days=1))

    assert Unsure.calls == 2
    assert InteractionMail.objects.get().state == "in_doubt"
    interactions.resend_mail(interaction=interaction, actor=csm)
    assert InteractionMail.objects.get().state == "pending"


def test_nothing_is_sent_where_sending_is_switched_off(csm: User, drain: Any, settings: Any) -> None:
    settings.SENDING_ENABLED = False
    contact = factories.a_contact(account=factories.an_account(owner=csm))
    interactions.send_mail(contact=contact, subject="Hello", body="Hello", actor=csm)

    drain()

    assert mail.outbox == []
    assert "switched off" in InteractionMail.objects.get().error


def test_a_mail_that_was_sent_cannot_be_rewritten(csm: User) -> None:
    contact = factories.a_contact(account=factories.an_account(owner=csm))
    interaction = interactions.send_mail(contact=contact, subject="Hello", body="Hello", actor=csm)
    values = {
        "interaction": interaction,
        "actor": csm,
        "subject": "Hello",
        "happened_at": interaction.happened_at,
    }

    with pytest.raises(Refused, match="cannot be changed"):
        interactions.update_interaction(**values, body="Other", outcome="")

    assert interactions.update_interaction(**values, body="Hello", outcome="Solved").outcome == "Solved"


# --- Fields, stages, metrics ---------------------------------------------------------------------------------
def test_a_custom_field_checks_the_values_put_into_it(lead: User) -> None:
    fields.create_custom_field(
        target="account", label="Tier", type="choice", choices=["gold", "gold", ""], actor=lead
    )
    fields.create_custom_field(target="account", label="Nodes", type="number", actor=lead)
    account = accounts.create_account(
        values={"name": "A", "custom": {"tier": "gold", "nodes": "7"}}, actor=lead
    )

    assert account.custom == {"tier": "gold", "nodes": 7}
    with pytest.raises(Invalid, match="must be one of: gold"):
        accounts.update_account(account=account, values={"custom": {"tier": "lead"}}, actor=lead)
    updated = accounts.update_account(account=account, values={"custom": {"tier": None}}, actor=lead)
    assert updated.custom == {"nodes": 7}


@pytest.mark.parametrize("key", ["__proto__", "a-b", "1a", "a b", "x'; DROP", "{{x}}"])
def test_a_key_of_a_custom_field_is_a_plain_word(lead: User, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        fields.create_custom_field(target="account", label="X", key=key, type="text", actor=lead)

    assert refusal.value.field == "key"


def test_a_stage_with_accounts_is_not_deleted(lead: User) -> None:
    stage = fields.save_stage(name="Adoption", is_customer=True, position=None, actor=lead)
    factories.an_account(stage=stage)

    with pytest.raises(Refused, match="1 account is in this stage"):
        fields.delete_stage(stage=stage, actor=lead)


def test_points_of_a_metric_are_kept_with_their_corrections(frozen: Any, lead: User) -> None:
    account = factories.an_account()
    metric = metrics.define_metric(key="seats_used", label="Seats in use", unit="", actor=lead)
    then = clock.now() - dt.timedelta(days=1)

    def put(value: str) -> list[str]:
        return metrics.put_points(points=[metrics.Point(metric, account, Decimal(value), then)], actor=lead)

    assert [put("5"), put("5"), put("6")] == [["created"], ["unchanged"], ["updated"]]
    assert list(MetricPoint.objects.order_by("pk").values_list("value", flat=True)) == [
        Decimal(5),
        Decimal(6),
    ]
    with pytest.raises(Invalid, match="future"):
        metrics.put_points(
            points=[metrics.Point(metric, account, Decimal(1), clock.now() + dt.timedelta(days=1))],
            actor=lead,
        )
