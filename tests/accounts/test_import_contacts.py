"""Importing contacts: what a row does, and why it is refused."""

import datetime as dt

import pytest
from django.test import TestCase
from django.utils import timezone

from accounts.domain import Origin
from accounts.imports import services, writing
from accounts.models import Account, Contact, CustomField, Event, Import, ImportRow
from core.errors import Invalid, Refused
from team.models import RoleScope, User
from tests import factories
from tests.accounts.importing import bring_in, check, counts, reasons, start, upload, work

HEADER = "E-mail,First name,Last name,Company\n"


@pytest.fixture
def acme(db: None) -> Account:
    return factories.an_account("Acme", external_id="A1", domain="acme.example")


def test_check_shows_what_would_happen_and_writes_nothing(lead: User, acme: Account) -> None:
    factories.a_contact("bob@acme.example", account=acme, first_name="Bob", last_name="B")

    run = check(
        upload(
            HEADER + "ann@acme.example,Ann,A,Acme\nbob@acme.example,Bob,Bee,Acme\nno address,X,Y,Acme\n",
            actor=lead,
        ),
        actor=lead,
    )

    assert run.state == "checked"
    assert run.checked["counts"] == {
        "rows": 3, "created": 1, "updated": 1, "unchanged": 0, "refused": 1, "accounts_created": 0,
    }  # fmt: skip
    assert run.checked["samples"]["updated"][0]["changes"] == [["Last name", "B", "Bee"]]
    assert "“E-mail”" in run.checked["samples"]["refused"][0]["reason"]
    assert Contact.objects.count() == 1
    assert not Event.objects.exists()


def test_import_does_what_the_check_said(lead: User, acme: Account) -> None:
    bob = factories.a_contact("bob@acme.example", account=acme, first_name="Bob", last_name="B")
    content = HEADER + "ann@acme.example,Ann,A,acme\nBOB@acme.example,Bob,Bee,Acme\nno address,X,Y,Acme\n"

    run = bring_in(content, actor=lead)

    assert run.state == "done"
    assert (
        counts(run)
        == tuple(run.checked["counts"][k] for k in ("created", "updated", "unchanged", "refused"))
        == (1, 1, 0, 1)
    )
    ann = Contact.objects.get(email_key="ann@acme.example")
    assert (ann.full_name, ann.account, ann.address_key is not None) == ("Ann A", acme, True)
    bob.refresh_from_db()
    assert (bob.last_name, bob.email) == ("Bee", "BOB@acme.example")


def test_import_keeps_history_and_records_events_that_alert_nobody(lead: User, acme: Account) -> None:
    bring_in(HEADER + "ann@acme.example,Ann,A,Acme\n", actor=lead)
    bring_in(HEADER + "ann@acme.example,Anna,A,Acme\n", actor=lead)

    ann = Contact.objects.get()
    assert [(h.history_type, h.first_name, h.history_user) for h in ann.history.order_by("history_id")] == [
        ("+", "Ann", lead),
        ("~", "Anna", lead),
    ]
    events = list(Event.objects.order_by("pk"))
    assert [(e.kind, e.origin, e.account, e.contact, e.actor) for e in events] == [
        ("contact.created", Origin.IMPORT, acme, ann, lead),
        ("contact.updated", Origin.IMPORT, acme, ann, lead),
    ]
    assert events[1].data == {"fields": ["first_name"]}
    assert events[0].facts["role"] == "user"


def test_same_file_twice_changes_nothing(lead: User, acme: Account) -> None:
    content = HEADER + "ann@acme.example,Ann,A,Acme\nbob@acme.example,Bob,B,Acme\n"
    bring_in(content, actor=lead)
    before = Contact.history.count()

    again = bring_in(content, actor=lead)

    assert counts(again) == (0, 0, 2, 0)
    assert Contact.history.count() == before


def test_address_in_another_case_repeats_the_first_row(lead: User, acme: Account) -> None:
    run = bring_in(
        HEADER + "ann@acme.example,Ann,A,Acme\n\nANN@ACME.example,Other,A,Acme\nＡnn@acme.example,X,A,Acme\n",
        actor=lead,
    )

    assert counts(run) == (1, 0, 0, 2)
    assert "line 2" in reasons(run)[4]
    assert "line 2" in reasons(run)[5]
    assert Contact.objects.get().first_name == "Ann"


def test_address_of_another_contact_is_refused_by_name(lead: User, acme: Account) -> None:
    factories.a_contact("bob@acme.example", account=acme, first_name="Bob", last_name="B", external_id="7")

    run = bring_in("External id,E-mail\n8,bob@acme.example\n", actor=lead, key="external_id")

    assert "Bob B at Acme already has this e-mail address" in reasons(run)[2]


def test_external_id_finds_a_contact_whose_address_changed(lead: User) -> None:
    ann = factories.a_contact("ann@old.example", external_id="7")

    run = bring_in("External id,E-mail\n7,ann@new.example\n", actor=lead, key="external_id")

    ann.refresh_from_db()
    assert counts(run) == (0, 1, 0, 0)
    assert ann.email_key == "ann@new.example"


def test_contact_known_by_address_takes_the_external_id(lead: User) -> None:
    ann = factories.a_contact("ann@acme.example")

    bring_in("External id,E-mail\n7,ann@acme.example\n", actor=lead, key="external_id")

    ann.refresh_from_db()
    assert ann.external_id == "7"


@pytest.mark.parametrize(
    ("header", "cell"),
    [("Company ID", "A1"), ("Company", "ACME"), ("Company domain", "https://www.acme.example/en")],
)
def test_account_is_found_by_external_id_name_or_domain(
    lead: User, acme: Account, header: str, cell: str
) -> None:
    bring_in(f"E-mail,{header}\nann@acme.example,{cell}\n", actor=lead)

    assert Contact.objects.get().account == acme


def test_unknown_account_is_refused_or_made_as_chosen(lead: User, acme: Account) -> None:
    content = "E-mail,Company\nann@new.example,New Co\nbob@new.example,new co\neve@acme.example,Acme\n"

    refused = bring_in(content, actor=lead)
    made = bring_in(content, actor=lead, create_accounts=True)

    assert counts(refused) == (1, 0, 0, 2)
    assert "no account as named" in reasons(refused)[2]
    assert (counts(made), made.accounts_created, made.checked["counts"]["accounts_created"]) == (
        (2, 0, 1, 0),
        1,
        1,
    )
    new = Account.objects.get(name="New Co")
    assert new.contacts.count() == 2
    assert new.history.count() == 1
    assert Event.objects.filter(kind="account.created", account=new, origin=Origin.IMPORT).count() == 1


def test_two_accounts_of_one_name_are_not_guessed_between(lead: User, acme: Account) -> None:
    factories.an_account("Acme")

    run = bring_in(HEADER + "ann@acme.example,Ann,A,Acme\n", actor=lead)

    assert "2 accounts have this name" in reasons(run)[2]


def test_row_of_an_account_outside_sight_is_refused(lead: User, acme: Account) -> None:
    RoleScope.objects.update_or_create(role="lead", defaults={"scope": "own"})
    lead = User.objects.get(pk=lead.pk)
    mine = factories.an_account("Mine", owner=lead)
    theirs = factories.a_contact("bob@acme.example", account=acme, first_name="Bob")

    run = bring_in(
        HEADER
        + "ann@acme.example,Ann,A,Acme\nbob@acme.example,Bobby,B,Mine\neve@mine.example,Eve,E,Mine\nzoe@mine.example,Zoe,Z,\n",
        actor=lead,
    )

    assert counts(run) == (1, 0, 0, 3)
    assert "outside your view" in reasons(run)[2]
    assert "outside your view" in reasons(run)[3]
    assert "names no account" in reasons(run)[5]
    theirs.refresh_from_db()
    assert (theirs.first_name, theirs.account) == ("Bob", acme)
    assert mine.contacts.get().email == "eve@mine.example"


def test_empty_cells_keep_or_clear_as_chosen(lead: User) -> None:
    ann = factories.a_contact("ann@acme.example", phone="123", job_title="CEO")
    content = "E-mail,Phone,Job title\nann@acme.example,,CTO\n"

    bring_in(content, actor=lead)
    ann.refresh_from_db()
    assert (ann.phone, ann.job_title) == ("123", "CTO")

    bring_in(content, actor=lead, empty="clear")
    ann.refresh_from_db()
    assert ann.phone == ""


def test_custom_fields_are_read_by_their_type(lead: User) -> None:
    for key, label, kind in (
        ("vip", "VIP", "boolean"),
        ("since", "Since", "date"),
        ("score", "Points", "number"),
    ):
        CustomField.objects.create(target="contact", key=key, label=label, type=kind)

    run = bring_in(
        b"E-mail;VIP;Since;Points\nann@a.example;ja;31.12.2025;1.250,5\nbob@a.example;vielleicht;31.12.2025;1\n",
        actor=lead,
    )

    assert Contact.objects.get().custom == {"vip": True, "since": "2025-12-31", "score": 1250.5}
    assert reasons(run) == {3: "Column “VIP”: the cell must be yes or no."}


def test_words_of_four_languages_become_what_is_stored(lead: User) -> None:
    bring_in("Courriel;Prénom;Nom;Langue;Rôle\nann@a.example;Ann;A;Français;Décideur\n", actor=lead, columns={
        0: "email", 1: "first_name", 2: "last_name", 3: "language", 4: "role",
    })  # fmt: skip

    ann = Contact.objects.get()
    assert (ann.language, ann.role) == ("fr", "decision_maker")


def test_unsubscribed_column_is_never_imported(lead: User) -> None:
    run = upload("E-mail,Unsubscribed,Opt-in\nann@a.example,no,yes\n", actor=lead)

    assert run.mapping["columns"] == {"0": "email"}


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "+1",
        "-1+1",
        '"=HYPERLINK(""http://evil.example"")"',
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "'; DROP TABLE x",
    ],
)
def test_dangerous_text_is_stored_as_text(lead: User, cell: str) -> None:
    bring_in(f"E-mail,Last name\nann@a.example,{cell}\n", actor=lead)

    assert Contact.objects.get().last_name == cell.strip('"').replace('""', '"')


@pytest.mark.parametrize(
    "address",
    [
        "a@b",
        "a@@b.example",
        "a b@c.example",
        "<a@b.example>",
        '"a@b.example\nBcc: x@y.example"',
        "x" * 65 + "@a.example",
    ],
)
def test_what_is_no_address_is_refused(lead: User, address: str) -> None:
    run = bring_in(f"E-mail,Last name\n{address},A\n", actor=lead)

    assert counts(run) == (0, 0, 0, 1)
    assert reasons(run)[2].startswith("Column “E-mail”")


def test_domain_that_passes_for_another_is_refused_unless_it_is_meant(lead: User) -> None:
    content = (
        "E-mail,First name,Account: domain\nann@pаypal.com,Ann,\nbob@acme.example,Bob,аcme.example\nü@exämple.de,Eva,\n"
        "ivan@пример.рф,Ivan,\nmeant@xn--pypal-4ve.com,Mia,\n"
    )

    run = bring_in(content, actor=lead, create_accounts=True)

    assert counts(run) == (3, 0, 0, 2)
    assert "“E-mail”: The domain “pаypal.com” mixes Cyrillic (а) and Latin letters" in reasons(run)[2]
    assert reasons(run)[2].endswith("if it is meant, write it as xn--pypal-4ve.com.")
    assert "“Account: domain”: The domain “аcme.example” mixes" in reasons(run)[3]
    assert [each["line"] for each in run.checked["samples"]["refused"]] == [2, 3]


def test_null_characters_are_left_out_and_refused_cells_can_be_kept(lead: User) -> None:
    run = bring_in(
        "E-mail,Last name\nann@a.example,A\x00nn\nbad,B\x00\n"
        + "".join(f"p{i}@y.example,Long enough a name\n" for i in range(20)),
        actor=lead,
    )

    assert Contact.objects.get(email="ann@a.example").last_name == "Ann"
    assert ImportRow.objects.get(run=run).cells == ["bad", "B"]


def test_merged_contact_is_not_brought_back(lead: User) -> None:
    survivor = factories.a_contact("ann@a.example")
    factories.a_contact("old@a.example", external_id="7", merged_into=survivor)

    run = bring_in("External id,E-mail\n7,old@a.example\n", actor=lead, key="external_id")

    assert run.checked["counts"]["refused"] == 1
    assert Contact.objects.count() == 2


def test_header_without_rows_is_refused(lead: User) -> None:
    run = check(upload("E-mail,Name\n", actor=lead), actor=lead)

    assert run.state == "uploaded"
    assert "no rows" in run.error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {0: "email", 1: "email"}}, "two columns"),
        ({"columns": {1: "last_name"}}, "no column is “E-mail”"),
        ({"columns": {0: "nonsense"}}, "does not exist"),
        ({"columns": {0: "email", 1: "last_name", 2: "full_name"}}, "not both"),
        ({"key": ""}, "Choose by which field"),
    ],
)
def test_mapping_that_cannot_work_is_refused(lead: User, options: dict[str, object], message: str) -> None:
    run = upload("E-mail,Last name,Full name\nann@a.example,A,Ann A\n", actor=lead)

    with pytest.raises(Invalid, match=message):
        check(run, actor=lead, **options)


def test_date_order_is_asked_when_the_file_does_not_say(lead: User) -> None:
    CustomField.objects.create(target="contact", key="born", label="Since", type="date")
    run = upload("E-mail,Since\nann@a.example,04/05/2026\n", actor=lead)

    with pytest.raises(Invalid, match="day or the month"):
        check(run, actor=lead)
    check(run, actor=lead, dialect={"dates": "mdy"})
    start(run, actor=lead)

    assert Contact.objects.get().custom == {"born": "2026-04-05"}


def test_date_that_turns_up_ambiguous_later_is_refused_by_row(lead: User) -> None:
    CustomField.objects.create(target="contact", key="born", label="Since", type="date")
    rows = "".join(f"p{i}@a.example,2026-04-05\n" for i in range(300))

    run = bring_in("E-mail,Since\n" + rows + "x@a.example,04/05/2026\n", actor=lead)

    assert counts(run)[0] == 300
    assert "two ways" in reasons(run)[302]


def test_stopped_import_keeps_its_rows_and_can_be_carried_on(
    lead: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.imports.running.BATCH", 10)
    run = check(upload("E-mail\n" + "".join(f"p{i}@a.example\n" for i in range(45)), actor=lead), actor=lead)
    services.start_import(run=run, actor=lead)
    write, calls = writing.write, []

    def stop_after_two(*args: object, **more: object) -> None:
        write(*args, **more)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 2:
            Import.objects.filter(pk=run.pk).update(state="cancelled", job_key="")

    monkeypatch.setattr(writing, "write", stop_after_two)
    work()
    run.refresh_from_db()
    assert (run.state, run.rows_done, Contact.objects.count()) == ("cancelled", 20, 20)

    services.carry_on(run=run, actor=lead)
    work()
    run.refresh_from_db()

    assert (run.state, counts(run), Contact.objects.count()) == ("done", (45, 0, 0, 0), 45)


def test_repeated_address_is_found_across_a_stop(lead: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.imports.running.BATCH", 2)
    run = check(
        upload("E-mail\na@a.example\nb@a.example\nc@a.example\nA@a.example\n", actor=lead), actor=lead
    )
    services.start_import(run=run, actor=lead)
    Import.objects.filter(pk=run.pk).update(position=2)

    work()

    assert reasons(run) == {
        5: "The same e-mail address stands in line 2. The first row counts; remove one of them."
    }


def test_steps_are_refused_out_of_order(lead: User) -> None:
    run = upload("E-mail\nann@a.example\n", actor=lead)
    with pytest.raises(Refused, match="checked first"):
        services.start_import(run=run, actor=lead)
    check(run, actor=lead)
    services.start_import(run=run, actor=lead)

    with pytest.raises(Refused, match="running"):
        services.start_import(run=run, actor=lead)
    with pytest.raises(Refused, match="running"):
        services.delete_import(run=run, actor=lead)


def test_person_who_may_not_import_any_more_writes_nothing(lead: User) -> None:
    run = check(upload("E-mail\nann@a.example\n", actor=lead), actor=lead)
    services.start_import(run=run, actor=lead)
    User.objects.filter(pk=lead.pk).update(role="viewer")

    work()

    run.refresh_from_db()
    assert run.state == "failed"
    assert "may not import" in run.error
    assert not Contact.objects.exists()


def test_old_files_go_with_their_cells_and_counts_stay(lead: User, frozen: object) -> None:
    run = bring_in("E-mail\nann@a.example\nbad\n", actor=lead)
    storage, name = run.file.storage, run.file.name
    Import.objects.filter(pk=run.pk).update(created_at=timezone.now() - dt.timedelta(days=31))
    fresh = upload("E-mail\nann@a.example\n", actor=lead)

    with TestCase.captureOnCommitCallbacks(execute=True):
        assert services.clear_old(timezone.now().date()) == 1

    run.refresh_from_db()
    fresh.refresh_from_db()
    assert (run.file.name, run.headers, run.checked.get("samples"), counts(run)) == (
        "",
        [],
        None,
        (1, 0, 0, 1),
    )
    assert not ImportRow.objects.exists()
    assert not storage.exists(name)
    assert fresh.file.name
