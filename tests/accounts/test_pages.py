"""The pages of customers: who sees what, what a list finds, what a form keeps."""

import csv
import datetime as dt
import io
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import timeline
from accounts.models import Account, Contact, Interaction, InteractionMail, LifecycleStage, Segment
from accounts.services import accounts as account_services
from accounts.services import interactions
from team.models import AuditEntry, RoleScope, User
from tests import factories


def listed(response: Any) -> list[str]:
    return [row.name if isinstance(row, Account) else row.email for row in response.context["page"]]


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# --- Who sees what -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["own", "team", "all"])
def test_page_export_and_count_are_cut_by_the_same_scope(
    browser_of: Callable[[User], Client], csm: User, stranger: User, scope: str
) -> None:
    RoleScope.objects.create(role="csm", scope=scope)
    mate = factories.user("mate@example.com", team=csm.team)
    for owner, name in ((csm, "Own"), (mate, "Team"), (stranger, "Other"), (None, "Nobody's")):
        account = factories.an_account(name, owner=owner)
        factories.a_contact(f"{name[:2].lower()}@x.example", account=account)
    factories.a_contact("loose@x.example")
    expected = {"own": ["Own"], "team": ["Own", "Team"], "all": ["Nobody's", "Other", "Own", "Team"]}[scope]
    client = browser_of(csm)

    page = client.get("/accounts/")
    export = b"".join(client.get("/accounts/export/").streaming_content).decode()
    people = client.get("/contacts/")

    assert listed(page) == expected
    assert page.context["page"].paginator.count == len(expected)
    assert [row["name"] for row in csv.DictReader(io.StringIO(export.lstrip("\ufeff")))] == expected
    assert people.context["page"].paginator.count == len(expected) + (scope == "all")


@pytest.mark.parametrize(
    "name",
    [
        "account_detail", "account_edit", "interaction_log", "contract_create", "contact_detail", "contact_edit",
        "contact_mail", "interaction_edit",
    ],
)  # fmt: skip
def test_what_is_outside_sight_is_not_there(
    as_stranger: Client, as_csm: Client, csm: User, name: str
) -> None:
    account = factories.an_account(owner=csm)
    contact = factories.a_contact(account=account)
    note = interactions.log_interaction(account=account, kind="note", body="x", actor=csm)
    thing = contact if name.startswith("contact_") else note if name == "interaction_edit" else account
    url = reverse(f"accounts:{name}", args=[thing.pk])

    assert as_csm.get(url).status_code == 200
    assert as_stranger.get(url).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/new/", "/accounts/{a}/edit/", "/accounts/export/", "/contacts/new/", "/contacts/{c}/edit/",
        "/contacts/{c}/mail/", "/accounts/{a}/interactions/new/", "/segments/new/", "/settings/stages/",
        "/settings/fields/",
    ],
)  # fmt: skip
def test_a_viewer_reads_and_does_not_write(as_viewer: Client, path: str) -> None:
    account = factories.an_account()
    contact = factories.a_contact(account=account)

    assert as_viewer.get(path.format(a=account.pk, c=contact.pk)).status_code == 403
    assert as_viewer.get(f"/accounts/{account.pk}/").status_code == 200
    assert as_viewer.get(f"/contacts/{contact.pk}/").status_code == 200


def test_only_leads_change_owners_in_bulk(as_csm: Client, csm: User) -> None:
    account = factories.an_account(owner=csm)

    response = as_csm.post("/accounts/owner/", {"ids": [account.pk], "owner": "none"})

    account.refresh_from_db()
    assert (response.status_code, account.owner) == (403, csm)


# --- Lists ---------------------------------------------------------------------------------------------------
@pytest.fixture
def shelf(frozen: Any, csm: User) -> None:
    today = dt.date(2026, 3, 17)
    adoption = LifecycleStage.objects.create(name="Adoption")
    factories.an_account(
        "Zebra",
        owner=csm,
        arr=Decimal(100),
        renewal_on=today + dt.timedelta(days=30),
        stage=adoption,
        country="DE",
    )
    factories.an_account(
        "Ärzte", arr=Decimal(300), renewal_on=today + dt.timedelta(days=31), plan="Scale", city="Köln"
    )
    factories.an_account("Mango", renewal_on=today - dt.timedelta(days=1), domain="mango.example")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?sort=-arr", ["Ärzte", "Zebra", "Mango"]),
        ("?sort=arr", ["Zebra", "Ärzte", "Mango"]),
        ("?sort=renewal", ["Mango", "Zebra", "Ärzte"]),
        ("?sort=owner__password", None),
        ("?renewal=30", ["Zebra"]),
        ("?renewal=overdue", ["Mango"]),
        ("?owner=me", ["Zebra"]),
        ("?owner=none&sort=arr", ["Ärzte", "Mango"]),
        ("?plan=Scale", ["Ärzte"]),
        ("?country=DE", ["Zebra"]),
        ("?q=ÄRZT+köln", ["Ärzte"]),
        ("?q=mango.ex", ["Mango"]),
        ("?q=%25", []),
        ("?page=99999999999999999999", None),
        ("?page=-1", None),
    ],
)
def test_the_list_filters_and_sorts(
    shelf: None, browser_of: Callable[[User], Client], csm: User, query: str, expected: list[str] | None
) -> None:
    RoleScope.objects.create(role="csm", scope="all")

    response = browser_of(csm).get(f"/accounts/{query}")

    assert response.status_code == 200
    if expected is not None:
        assert listed(response) == expected


@pytest.mark.parametrize(
    "query", ["?owner=x", "?plan=nowhere", "?saved=abc", "?saved=9999", "?q=a%00b", "?stage=1e9"]
)
def test_a_filter_that_cannot_be_read_empties_the_list_and_says_so(
    shelf: None, as_lead: Client, query: str
) -> None:
    response = as_lead.get(f"/accounts/{query}")

    assert response.status_code == 200
    assert listed(response) == []
    if "9999" not in query:
        assert "This filter cannot be used." in response.content.decode()


def test_a_saved_segment_cuts_list_export_and_bulk_change(
    shelf: None, as_lead: Client, lead: User, csm: User
) -> None:
    segment = Segment.objects.create(
        name="Scale",
        target="account",
        conditions={"all": [{"field": "plan", "op": "in", "value": ["Scale"]}]},
        owner=lead,
    )

    page = as_lead.get(f"/accounts/?saved={segment.pk}")
    as_lead.post(f"/accounts/owner/?saved={segment.pk}", {"all_matching": "1", "owner": csm.pk})

    assert listed(page) == ["Ärzte"]
    assert set(Account.objects.filter(owner=csm).values_list("name", flat=True)) == {"Ärzte", "Zebra"}
    assert AuditEntry.objects.get(action="account.owner_changed_in_bulk").detail["count"] == 1


def test_a_bulk_change_of_a_filter_that_cannot_be_read_changes_nothing(
    shelf: None, as_lead: Client, csm: User
) -> None:
    as_lead.post("/accounts/owner/?renewal=soon", {"all_matching": "1", "owner": csm.pk})

    assert Account.objects.filter(owner=csm).count() == 1


def test_the_ticked_accounts_get_the_new_owner_and_others_do_not(
    shelf: None, as_lead: Client, lead: User
) -> None:
    ticked = Account.objects.get(name="Mango")

    response = as_lead.post(
        "/accounts/owner/?sort=arr", {"ids": [ticked.pk, "x", 9**20], "owner": lead.pk}, follow=True
    )

    assert "1 account now belongs to Lea Lead." in response.content.decode()
    assert list(Account.objects.filter(owner=lead)) == [ticked]


def test_leaving_accounts_without_owner_has_to_be_chosen(shelf: None, as_lead: Client, csm: User) -> None:
    owned = Account.objects.get(name="Zebra")

    as_lead.post("/accounts/owner/", {"ids": [owned.pk], "owner": ""})
    assert Account.objects.filter(owner=csm).count() == 1
    as_lead.post("/accounts/owner/", {"ids": [owned.pk], "owner": "none"})

    assert Account.objects.filter(owner=csm).count() == 0


def test_an_export_neutralises_formulas_and_is_audited(as_lead: Client, lead: User) -> None:
    for name in ("=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(1)", " =1", "＝1", "Plain - name"):
        factories.an_account(name)

    body = b"".join(as_lead.get("/accounts/export/?q=").streaming_content).decode()

    rows = {row["name"] for row in csv.DictReader(io.StringIO(body.lstrip("\ufeff")))}
    assert rows == {"'=cmd|' /C calc'!A0", "'+1", "'-2+3", "'@SUM(1)", "' =1", "'＝1", "Plain - name"}
    entry = AuditEntry.objects.get(action="accounts.exported")
    assert (entry.actor, entry.detail["count"]) == (lead, 7)


@pytest.mark.parametrize(
    "path", ["/accounts/", "/contacts/", "/accounts/{a}/", "/accounts/{a}/?tab=contacts", "/segments/"]
)
def test_a_list_costs_the_same_however_long_it_is(as_lead: Client, lead: User, path: str) -> None:
    account = factories.an_account("Acme", owner=lead)

    def fill(n: int) -> None:
        other = factories.an_account(f"Other {n}", owner=factories.user(f"p{n}@example.com"), parent=account)
        contact = factories.a_contact(f"c{n}@x.example", account=account)
        factories.a_contact(f"o{n}@x.example", account=other)
        interactions.log_interaction(account=account, contact=contact, kind="note", body="x", actor=lead)
        account_services.update_account(
            account=account, values={"owner": other.owner, "custom": {}, "plan": f"P{n}"}, actor=lead
        )

    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert as_lead.get(path.format(a=account.pk)).status_code == 200
        return len(queries)

    fill(0)
    count()
    few = count()
    for n in range(1, 10):
        fill(n)

    assert count() == few


# --- Forms ---------------------------------------------------------------------------------------------------
def posted(client: Client, url: str, **changes: Any) -> Any:
    """The form of a page, sent back with some changes."""
    form = client.get(url).context["form"]
    data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    return client.post(url, {**data, **changes})


def test_an_account_is_edited(as_csm: Client, csm: User) -> None:
    account = factories.an_account("Acme", owner=csm, plan="Free")

    response = posted(as_csm, f"/accounts/{account.pk}/edit/", plan="Scale", renewal_on="2026-12-31")

    account.refresh_from_db()
    assert response.status_code == 302
    assert (account.plan, account.renewal_on) == ("Scale", dt.date(2026, 12, 31))


def test_a_second_tab_does_not_overwrite_the_first_and_loses_nothing(as_csm: Client, csm: User) -> None:
    account = factories.an_account("Acme", owner=csm, plan="Free")
    url = f"/accounts/{account.pk}/edit/"
    version = as_csm.get(url).context["form"]["version"].value()
    posted(as_csm, url, plan="Scale")

    refused = posted(as_csm, url, version=version, city="Köln", plan="Enterprise")

    account.refresh_from_db()
    assert (refused.status_code, account.plan, account.city) == (422, "Scale", "")
    page = refused.content.decode()
    assert "Somebody changed this account while you were editing it" in page
    assert 'value="Köln"' in page
    assert "Plan: <bdi>Scale</bdi>" in page
    again = as_csm.post(url, {**refused.context["form"].data.dict()})
    account.refresh_from_db()
    assert (again.status_code, account.plan, account.city) == (302, "Enterprise", "Köln")


def test_a_form_without_its_version_is_refused(as_csm: Client, csm: User) -> None:
    account = factories.an_account("Acme", owner=csm)

    assert posted(as_csm, f"/accounts/{account.pk}/edit/", version="", name="Other").status_code == 422


def test_a_parent_or_account_outside_sight_cannot_be_named(as_csm: Client, csm: User, stranger: User) -> None:
    account = factories.an_account("Acme", owner=csm)
    foreign = factories.an_account("Foreign", owner=stranger)

    for text in ("Foreign", f"#{foreign.pk}", "No such account"):
        response = posted(as_csm, f"/accounts/{account.pk}/edit/", parent=text)
        assert "There is no account of this name in your view" in response.content.decode()
        response = posted(as_csm, "/contacts/new/", email="a@b.example", account=text)
        assert "There is no account of this name in your view" in response.content.decode()
    assert not Contact.objects.exists()


def test_a_parent_that_cannot_be_seen_is_kept_when_the_account_is_edited(
    as_csm: Client, csm: User, stranger: User
) -> None:
    parent = factories.an_account("Hidden parent", owner=stranger)
    account = factories.an_account("Acme", owner=csm, parent=parent)

    response = posted(as_csm, f"/accounts/{account.pk}/edit/", plan="Scale")

    account.refresh_from_db()
    assert (response.status_code, account.parent) == (302, parent)
    assert "Hidden parent" not in as_csm.get(f"/accounts/{account.pk}/").content.decode()


def test_a_duplicate_address_is_said_beside_the_field(as_csm: Client, csm: User) -> None:
    account = factories.an_account("Acme", owner=csm)
    factories.a_contact("ann@acme.example", account=account, last_name="Lee")

    response = posted(as_csm, "/contacts/new/", email="ANN@acme.example", account="Acme")

    assert response.status_code == 422
    assert "Lee at Acme already has this e-mail address" in response.context["form"].errors["email"][0]


def test_names_are_shown_as_text_and_kept_apart_from_their_surroundings(as_lead: Client) -> None:
    account = factories.an_account("<script>alert(1)</script>{{7*7}}\u202e")
    contact = factories.a_contact(
        "x@y.example", account=account, last_name="<img src=x onerror=1>{% debug %}"
    )

    for path in (
        "/accounts/",
        "/contacts/",
        f"/accounts/{account.pk}/",
        f"/contacts/{contact.pk}/",
        "/accounts/options/",
    ):
        page = as_lead.get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "{{7*7}}" in page or "{% debug %}" in page


# --- What one does on a page ---------------------------------------------------------------------------------
def test_a_call_is_logged_from_the_page_and_leads_back(as_csm: Client, csm: User) -> None:
    account = factories.an_account(owner=csm)
    contact = factories.a_contact(account=account)
    url = f"/accounts/{account.pk}/interactions/new/"

    response = as_csm.post(
        url,
        {
            "kind": "call",
            "contact": contact.pk,
            "body": "Reports are slow",
            "next": f"/contacts/{contact.pk}/",
        },
    )

    assert response.headers["Location"] == f"/contacts/{contact.pk}/"
    assert "Reports are slow" in as_csm.get(f"/accounts/{account.pk}/").content.decode()


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_form_leads_back_to_our_own_pages_only(as_csm: Client, csm: User, target: str) -> None:
    account = factories.an_account(owner=csm)

    response = as_csm.post(
        f"/accounts/{account.pk}/interactions/new/", {"kind": "note", "body": "x", "next": target}
    )

    assert response.headers["Location"] == f"/accounts/{account.pk}/"


def test_a_mail_is_written_from_the_page(as_csm: Client, csm: User) -> None:
    contact = factories.a_contact(account=factories.an_account(owner=csm))

    response = as_csm.post(f"/contacts/{contact.pk}/mail/", {"subject": "Hello", "body": "We heard you."})

    assert response.status_code == 302
    assert Interaction.objects.get().kind == "mail"
    assert InteractionMail.objects.get().state == "pending"
    assert "on its way" in as_csm.get(f"/contacts/{contact.pk}/").content.decode()


def test_a_form_opens_in_the_dialog_when_htmx_asks(as_csm: Client, csm: User) -> None:
    account = factories.an_account(owner=csm)
    headers = {"HX-Request": "true", "HX-Target": "modal-body"}

    fragment = as_csm.get(
        f"/accounts/{account.pk}/interactions/new/?kind=call", headers=headers
    ).content.decode()

    assert "<html" not in fragment
    assert "dialog-head" in fragment


def test_the_timeline_pages_and_filters(as_csm: Client, csm: User, frozen: Any) -> None:
    account = factories.an_account(owner=csm)
    for n in range(35):
        frozen.shift(1)
        timeline.record(
            kind="account.updated", cause_key=f"x:{n}", account=account, data={"fields": ["plan"]}
        )
    interactions.log_interaction(account=account, kind="note", body="The only note", actor=csm)

    first = as_csm.get(f"/accounts/{account.pk}/")
    older = as_csm.get(f"/accounts/{account.pk}/", {"before": first.context["timeline"].older})
    notes = as_csm.get(f"/accounts/{account.pk}/?show=people")

    assert len(first.context["timeline"].entries) == 30
    assert len(older.context["timeline"].entries) == 6
    assert [e.event.kind for e in notes.context["timeline"].entries] == ["interaction.logged"]
    for broken in ("before=x", "before=2026-01-01_5", "before=9_9", "show=nothing", "tab=nothing"):
        assert as_csm.get(f"/accounts/{account.pk}/?{broken}").status_code == 200


def test_times_are_read_and_shown_in_the_persons_own_zone(as_csm: Client, csm: User, frozen: Any) -> None:
    account = factories.an_account(owner=csm)
    csm.time_zone = "America/New_York"
    csm.save(update_fields=["time_zone"])

    as_csm.post(
        f"/accounts/{account.pk}/interactions/new/",
        {"kind": "call", "body": "Early", "happened_at": "2026-03-10T08:30"},
    )

    assert Interaction.objects.get().happened_at == dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
    assert "10 Mar 2026, 08:30" in as_csm.get(f"/accounts/{account.pk}/").content.decode()


# --- Segments ------------------------------------------------------------------------------------------------
def rows_of(*rows: tuple[str, str, str]) -> dict[str, Any]:
    data: dict[str, Any] = {"groups": "1", "mode": "all", "g0-mode": "all", "g0-rows": str(len(rows))}
    for n, (field, op, value) in enumerate(rows):
        data |= {f"g0-r{n}-field": field, f"g0-r{n}-op": op, f"g0-r{n}-value": value}
    return data


def test_a_segment_is_made_without_script_or_json(as_csm: Client, csm: User) -> None:
    factories.an_account("Big", owner=csm, arr=Decimal(5000))
    factories.an_account("Small", owner=csm, arr=Decimal(5))
    url = "/segments/new/?target=account"

    grown = as_csm.post(url, {**rows_of(("arr", "gt", "100")), "name": "Big ones", "do": "add-row:0"})
    assert len(grown.context["groups"][0].rows) == 2
    assert grown.context["preview"]["count"] == 1
    assert grown.context["form"]["name"].value() == "Big ones"
    saved = as_csm.post(
        url,
        {**rows_of(("arr", "gt", "100"), ("", "", "")), "name": "Big ones", "sharing": "team", "do": "save"},
    )

    assert saved.status_code == 302
    segment = Segment.objects.get()
    assert segment.conditions == {"all": [{"field": "arr", "op": "gt", "value": "100"}]}
    assert "1 account" in text_of(as_csm.get("/segments/"))


def test_a_condition_that_cannot_be_read_is_named_and_the_row_stays(as_csm: Client) -> None:
    response = as_csm.post(
        "/segments/new/?target=account",
        {**rows_of(("arr", "gt", "much")), "name": "X", "sharing": "private", "do": "save"},
    )

    assert response.status_code == 422
    assert "ARR needs a number" in text_of(response)
    assert 'value="much"' in response.content.decode()
    assert not Segment.objects.exists()


def test_a_segment_of_somebody_else_is_looked_at_and_not_changed(
    as_csm: Client, csm: User, lead: User
) -> None:
    shared = Segment.objects.create(name="Shared", target="account", conditions={}, owner=lead)
    private = Segment.objects.create(
        name="Private", target="account", conditions={}, owner=lead, sharing="private"
    )

    assert as_csm.get(f"/segments/{shared.pk}/").status_code == 200
    assert as_csm.get(f"/segments/{private.pk}/").status_code == 404
    posted(as_csm, f"/segments/{shared.pk}/", name="Mine now", do="save", groups="0")
    as_csm.post(f"/segments/{shared.pk}/delete/")

    shared.refresh_from_db()
    assert shared.name == "Shared"


def test_a_segment_whose_field_is_gone_says_so_everywhere(as_lead: Client, lead: User) -> None:
    segment = Segment.objects.create(
        name="Old",
        target="account",
        conditions={"all": [{"field": "custom.gone", "op": "empty"}]},
        owner=lead,
    )

    for path in ("/segments/", f"/accounts/?saved={segment.pk}", f"/contacts/?saved={segment.pk}"):
        assert "There is no field “custom.gone”" in as_lead.get(path).content.decode()
    assert as_lead.get(f"/segments/{segment.pk}/").status_code == 200


# --- Settings ------------------------------------------------------------------------------------------------
def test_an_administrator_lays_down_stages_and_fields(as_administrator: Client) -> None:
    as_administrator.post("/settings/stages/", {"name": "Adoption", "is_customer": "on"})
    as_administrator.post(
        "/settings/fields/new/",
        {"target": "account", "label": "Contract type", "type": "choice", "choices": "a\nb"},
    )

    form = as_administrator.get("/accounts/new/").context["form"]
    assert [str(s) for s in form.fields["stage"].queryset] == ["Adoption"]
    assert [c[0] for c in form.fields["custom_contract_type"].choices] == ["", "a", "b"]
    again = as_administrator.post("/settings/stages/", {"name": "Adoption"})
    assert "There is a stage “Adoption” already" in again.content.decode()
