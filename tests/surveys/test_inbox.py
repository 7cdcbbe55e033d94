"""Whose answers are whose: the rules of arrival, suggestions, decisions about one and about many, and undoing them."""

import datetime as dt

import pytest

from accounts.models import Contact, Event
from accounts.services import merge
from core import clock
from core.errors import Refused
from surveys import arrivals, identity
from surveys.ingest import ingest
from surveys.models import IdentityAction, IdentityMove, Response
from surveys.queries import inbox as queries
from surveys.services import inbox
from team.models import AuditEntry, Workspace
from tests import factories
from tests.surveys.test_rollups import fold_all, kept, recounted
from workflows.models import Alert

API = "/api/v1/inbox/"


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def acme(csm):
    return factories.an_account("Acme", owner=csm, domain="acme.example", plan="Gold")


@pytest.fixture
def ann(acme):
    return factories.a_contact(account=acme, first_name="Ann", last_name="Lee", external_id="crm-17")


@pytest.fixture
def creating(db):
    Workspace.objects.update_or_create(pk=1, defaults={"creates_contacts": True})


def said(survey, score=9, **fields):
    return factories.respond(survey, score, **fields)


# --- Who becomes a contact by themselves ---------------------------------------------------------------------
def test_an_unknown_person_at_a_certain_account_becomes_a_contact(creating, survey, acme):
    answer = said(survey, email="Bob.Ray@Acme.Example", name="Ray, Bob", contact_external_id="b-1")

    bob = answer.contact
    assert (bob.first_name, bob.last_name, bob.account, bob.external_id) == ("Bob", "Ray", acme, "b-1")
    assert (answer.identity, answer.account, answer.attributes["plan"]) == ("matched", acme, "Gold")
    assert Event.objects.filter(kind="contact.created", contact=bob).count() == 1
    assert said(survey, 3, email="bob.ray@acme.example").contact == bob


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"email": "bob@gmail.com"}, "public domain"),
        ({"email": "bob@mail.gmx.de"}, "below a public domain"),
        ({"email": "info@acme.example"}, "a shared mailbox"),
        ({"email": "support+x@acme.example"}, "a shared mailbox with a tag"),
        ({"email": "ann+nps@acme.example"}, "a contact's address with a tag"),
        ({"email": "bob@eu.acme.example"}, "another domain"),
        ({"email": "bob@two.example"}, "the domain of two accounts"),
        ({"email": "a.lee@acme.example", "name": "ANN LEE"}, "somebody there has this name"),
        ({"email": "old@acme.example"}, "somebody's address of before"),
        ({"email": "bob@acme.example", "channel": "link"}, "anybody can claim that on a public link"),
        ({"phone": "+49 30 1"}, "no address"),
    ],
)
def test_whoever_is_not_certain_waits(creating, survey, acme, ann, fields, why):
    for name in ("Two", "Zwei"):
        factories.an_account(name, domain="two.example")
    ann.former_addresses.create(email_key="old@acme.example", until=clock.now())
    if why == "public domain":
        factories.an_account("Gmail users", domain="gmail.com")

    assert said(survey, **fields).identity == "inbox"
    assert Contact.objects.count() == 1


def test_by_default_everybody_unknown_waits(survey, acme):
    assert said(survey, email="bob@acme.example").identity == "inbox"


def test_a_batch_makes_one_contact_of_one_person(creating, survey, acme):
    answers = [
        factories.answer_to(survey, k % 11, external_id=f"x{k}", email=f"p{k % 3}@acme.example")
        for k in range(12)
    ]

    outcomes = ingest(answers)

    assert {outcome.identity for outcome in outcomes} == {"matched"}
    assert Contact.objects.count() == 3
    fold_all()
    assert kept() == recounted()


def test_a_key_that_does_not_see_the_account_makes_nobody(creating, survey, acme, stranger):
    ingest([factories.answer_to(survey, email="bob@acme.example")], visible_to=stranger)

    assert Response.objects.get().identity == "inbox"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("ANN@Acme.Example", "ann@acme.example", True), ("Jörg@münchen.example", "jo\u0308rg@xn--mnchen-3ya.example", True),
     ("ａｎｎ@acme.example", "ann@acme.example", True), ("ann+a@acme.example", "ann@acme.example", False),
     ("a.nn@acme.example", "ann@acme.example", False)],
)  # fmt: skip
def test_when_two_writings_are_one_address(one, other, same):
    assert (identity.email_key(one) == identity.email_key(other)) is same


# --- Suggestions ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "reason", "sure"),
    [
        ({"email": "ann+x@acme.example"}, "same e-mail address without the tag", True),
        ({"email": "ann@old.example"}, "had this e-mail address before", True),
        (
            {"email": "al@acme.example", "name": "Lee, Ann"},
            "same name, and the account has this domain",
            True,
        ),
        ({"email": "al@web.de", "name": "ann lee"}, "same name", False),
        (
            {"email": "x@acme.example", "name": "A. Lee"},
            "similar name, and the account has this domain",
            False,
        ),
        ({"email": "x@acme.example", "name": "Anne Lee"}, None, False),
        (
            {"email": "ann.lee@acme.example"},
            "the address reads like this name, and the account has its domain",
            False,
        ),
        ({"contact_external_id": "CRM-17:web"}, "the external id begins the same", False),
        ({"email": "x@eu.acme.example"}, "works at acme.example", False),
    ],
)
def test_suggestions_say_why(survey, ann, lead, fields, reason, sure):
    ann.former_addresses.create(email_key="ann@old.example", until=clock.now())
    from accounts.services import contacts

    contacts.update_contact(contact=ann, values={"phone": "+49 30 5551234"}, actor=lead)
    waiting = said(survey, **fields)

    looked = queries.look([waiting], lead)[waiting.pk]

    if reason is not None:
        assert looked.suggestions[0].contact == ann
        assert looked.suggestions[0].reason == reason
    assert (looked.sure == ann.pk) is sure


def test_a_number_of_two_people_is_suggested_for_both(survey, ann, acme, lead):
    from accounts.services import contacts

    bob = factories.a_contact("bob@acme.example", account=acme, last_name="Ray")
    for contact in (ann, bob):
        contacts.update_contact(contact=contact, values={"phone": "+49 30 5551234"}, actor=lead)
    waiting = said(survey, phone="+49 (30) 555-1234")

    looked = queries.look([waiting], lead)[waiting.pk]

    assert {one.contact for one in looked.suggestions} == {ann, bob}
    assert {one.reason for one in looked.suggestions} == {"same phone number"}
    assert looked.sure is None


def test_two_equally_likely_people_are_nobody_surely(survey, ann, acme, lead):
    factories.a_contact("other.ann@acme.example", account=acme, first_name="Ann", last_name="Lee")
    waiting = said(survey, email="al@acme.example", name="Ann Lee")

    assert queries.look([waiting], lead)[waiting.pk].sure is None


# --- One decision --------------------------------------------------------------------------------------------
def test_linking_tells_what_it_changes_and_can_be_undone(survey, ann, lead, drain):
    said(survey, 9, email=ann.email)
    waiting = said(
        survey, 2, email="who@else.example", name="Ann L", responded_at=clock.now() - dt.timedelta(days=1)
    )

    action = inbox.link(pairs={waiting.pk: ann.pk}, actor=lead)

    assert queries.words_of(action, lead) == ["NPS (90 days): 100, as before, from 1 person."]
    waiting.refresh_from_db()
    assert (waiting.contact, waiting.identity_hint) == (ann, {})
    inbox.undo(action=action, actor=lead)
    waiting.refresh_from_db()
    assert (waiting.contact, waiting.account, waiting.identity) == (None, None, "inbox")
    assert waiting.identity_hint["email"] == "who@else.example"
    drain()
    assert kept() == recounted()
    with pytest.raises(Refused):
        inbox.undo(action=action, actor=lead)


def test_a_decision_says_which_figures_it_moved_and_undoing_moves_them_back(survey, ann, lead):
    said(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=2))
    waiting = said(survey, 2, email="who@else.example")

    action = inbox.link(pairs={waiting.pk: ann.pk}, actor=lead)

    assert queries.words_of(action, lead) == [
        "NPS (90 days): 100 → −100, 1 → 1 person.",
        "Account Acme: 9.0 → 2.0, 1 person.",
        f"{ann}: latest score 9 → 2.",
    ]
    action = inbox.undo(action=action, actor=lead)
    assert queries.words_of(action, lead)[1:] == [
        "Account Acme: 2.0 → 9.0, 1 person.",
        f"{ann}: latest score 2 → 9.",
    ]


def test_who_moves_to_another_account_leaves_their_answers_where_they_were_given(survey, ann, acme, lead):
    from accounts.services import contacts

    first = said(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=2))
    beta = factories.an_account("Beta", domain="beta.example")

    contacts.update_contact(
        contact=ann, values={"account": beta, "email": "ann@beta.example", "external_id": "a-1"}, actor=lead
    )
    second = said(survey, 3, email="ann@beta.example")
    third = said(survey, 4, email="ann.lee@beta.example", contact_external_id="a-1")

    for answer, account in ((first, acme), (second, beta), (third, beta)):
        answer.refresh_from_db()
        assert (answer.contact, answer.account) == (ann, account)
    waiting = said(survey, 5, email="ann@acme.example")
    assert waiting.identity == "inbox"


def test_a_forwarded_link_is_taken_away_and_stays_away(survey, ann, acme, lead, drain):
    """The colleague who answered is somebody else; a later version of the answer does not give it back."""
    bob = factories.a_contact("bob@acme.example", account=acme)
    answer = said(survey, 2, email=ann.email, external_id="s1")
    drain()
    assert Alert.objects.get().contact == ann

    inbox.unlink(responses=[answer], actor=lead)
    said(survey, 2, email=ann.email, external_id="s1", comment="More")
    answer.refresh_from_db()
    assert (answer.identity, answer.contact, answer.comment) == ("inbox", None, "More")
    assert not ann.scores.exists()

    inbox.link_response(response=answer, contact=bob, actor=lead)
    drain()
    assert bob.scores.get().latest_score == 2
    assert Alert.objects.get().contact == bob
    assert Event.objects.filter(kind="response.scored", contact=bob).count() == 1


def test_what_was_taken_away_comes_back_with_its_events_and_alerts(survey, ann, acme, lead, drain):
    answer = said(survey, 2, contact_external_id="crm-17")
    drain()
    inbox.unlink(responses=[answer], actor=lead)
    drain()
    assert (Alert.objects.get().account, Event.objects.filter(kind="response.scored").get().contact) == (
        None,
        None,
    )

    inbox.undo(action=IdentityAction.objects.get(), actor=lead)
    drain()
    assert Event.objects.filter(kind="response.scored", contact=ann, account=acme).count() == 1
    assert Alert.objects.get().account == acme

    bob = factories.a_contact("bob@acme.example", account=acme)
    inbox.unlink(responses=[answer], actor=lead)
    inbox.link_response(response=answer, contact=bob, actor=lead)
    drain()
    assert Event.objects.get(kind="response.scored").contact == bob
    assert (Alert.objects.get().account, Alert.objects.get().contact) == (acme, bob)


def test_undoing_an_earlier_decision_leaves_a_later_one_that_says_the_same(survey, ann, lead):
    answer = said(survey, email="who@else.example")
    inbox.link_response(response=answer, contact=ann, actor=lead)
    inbox.unlink(responses=[answer], actor=lead)
    inbox.link_response(response=answer, contact=ann, actor=lead)
    first, _, last = IdentityAction.objects.order_by("pk")

    inbox.undo(action=first, actor=lead)
    answer.refresh_from_db()
    assert answer.contact == ann

    inbox.undo(action=last, actor=lead)
    answer.refresh_from_db()
    assert answer.contact is None


def test_undoing_leads_to_the_survivors_of_merges_since(survey, ann, acme, lead):
    answer = said(survey, contact_external_id="crm-17")
    inbox.unlink(responses=[answer], actor=lead)
    bob = factories.a_contact("bob@acme.example", account=acme, last_name="Ray")
    bigger = factories.an_account("Acme Group")
    merge.merge_contacts(survivor=bob, loser=ann, actor=lead)
    merge.merge_accounts(survivor=bigger, loser=acme, actor=lead)

    inbox.undo(action=IdentityAction.objects.get(), actor=lead)

    answer.refresh_from_db()
    assert (answer.contact, answer.account, answer.identity) == (bob, bigger, "matched")
    fold_all()
    assert kept() == recounted()


def test_undo_leaves_what_was_decided_since(survey, ann, acme, lead):
    bob = factories.a_contact("bob@acme.example", account=acme)
    rows = [said(survey, 5, email=f"w{k}@else.example") for k in range(2)]
    action = inbox.link(pairs={row.pk: ann.pk for row in rows}, actor=lead)
    inbox.link_response(response=Response.objects.get(pk=rows[0].pk), contact=bob, actor=lead)

    inbox.undo(action=action, actor=lead)

    assert [Response.objects.get(pk=row.pk).contact for row in rows] == [bob, None]


def test_a_made_contact_goes_with_the_decision_unless_something_came(survey, acme, lead):
    rows = [said(survey, 5, email=f"w{k}@acme.example", name=f"W {k}") for k in range(2)]
    action = inbox.decide_many(response_ids=[row.pk for row in rows], mode="create", actor=lead)
    assert action.contacts_made == 2
    said(survey, 7, email="w1@acme.example")

    inbox.undo(action=action, actor=lead)

    assert list(Contact.objects.values_list("email", flat=True)) == ["w1@acme.example"]
    assert Response.objects.get(contact__isnull=False).score == 7


def test_a_shared_mailbox_is_split(survey, acme, lead):
    office = factories.a_contact("office@acme.example", account=acme, last_name="Office")
    _, second = (said(survey, score, email=office.email) for score in (9, 2))

    action, other = inbox.split(
        contact=office, response_ids=[second.pk], values={"first_name": "Cy", "last_name": "Dee"}, actor=lead
    )

    assert (other.account, other.scores.get().latest_score) == (acme, 2)
    assert office.scores.get().latest_score == 9
    assert "Account Acme: 2.0 → 5.5, 1 → 2 people." in " ".join(queries.words_of(action, lead))
    inbox.undo(action=action, actor=lead)
    assert office.scores.get().latest_score == 2
    assert not Contact.objects.filter(last_name="Dee").exists()


def test_old_decisions_are_sealed_and_forget(survey, ann, lead, frozen):
    waiting = said(survey, 2, email="who@else.example")
    action = inbox.link(pairs={waiting.pk: ann.pk}, actor=lead)
    frozen.shift(dt.timedelta(days=31))

    assert inbox.seal_old() == 1

    assert IdentityMove.objects.get().hint == {}
    with pytest.raises(Refused, match="30 days"):
        inbox.undo(action=action, actor=lead)


# --- Many ----------------------------------------------------------------------------------------------------
def test_a_whole_filter_is_linked_by_a_job_and_undone(survey, ann, acme, lead, drain, monkeypatch):
    monkeypatch.setattr(inbox, "AT_ONCE", 10)
    monkeypatch.setattr(inbox, "SLICE", 25)
    ingest(
        [
            factories.answer_to(
                survey, k % 11, external_id=f"x{k}", email=f"ann+{k}@acme.example", origin="import",
                responded_at=clock.now() - dt.timedelta(hours=k),
            )
            for k in range(60)
        ]
    )  # fmt: skip
    ids = list(Response.objects.values_list("pk", flat=True))

    action = inbox.decide_many(response_ids=ids, mode="suggested", actor=lead)
    with pytest.raises(Refused, match="still being done"):
        inbox.undo(action=action, actor=lead)
    drain()

    action.refresh_from_db()
    assert (action.number, Response.objects.filter(contact=ann).count()) == (60, 60)
    assert any("Account Acme" in text for text in queries.words_of(action, lead))
    assert kept() == recounted()

    inbox.undo(action=action, actor=lead)
    drain()

    action.refresh_from_db()
    assert action.effect["undo"]["moved"] == 60
    assert Response.objects.filter(identity="inbox").count() == 60
    assert kept() == recounted() == {}


# --- Pages ---------------------------------------------------------------------------------------------------
def test_an_undo_that_fails_leaves_the_decision_standing_and_can_be_carried_on(
    survey, ann, lead, administrator, drain, monkeypatch, as_administrator
):
    monkeypatch.setattr(inbox, "AT_ONCE", 10)
    monkeypatch.setattr(inbox, "SLICE", 10)
    rows = [
        factories.answer_to(survey, k % 11, external_id=f"x{k}", email=f"ann+{k}@acme.example")
        for k in range(30)
    ]
    ingest(rows)
    ids = list(Response.objects.values_list("pk", flat=True))
    action = inbox.decide_many(response_ids=ids, mode="suggested", actor=lead)
    drain()
    action.refresh_from_db()
    inbox.undo(action=action, actor=lead)
    action.refresh_from_db()
    assert action.undone_at is None
    with pytest.raises(Refused, match="being undone already"):
        inbox.undo(action=action, actor=lead)

    put_back, calls = inbox._put_back, []

    def breaks(*args):
        calls.append(args)
        if len(calls) == 2:
            raise Refused("The worker stumbled.")
        return put_back(*args)

    monkeypatch.setattr(inbox, "_put_back", breaks)
    drain()
    action.refresh_from_db()
    assert action.undone_at is None
    assert action.effect["undo"]["state"] == "failed"
    page = as_administrator.get(f"/feedback/inbox/decisions/{action.pk}/").content.decode()
    assert "The worker stumbled." in page
    assert "Carry on undoing" in page
    assert "Undo stopped" in as_administrator.get("/feedback/inbox/decisions/").content.decode()
    lead.is_active = False
    lead.save()

    as_administrator.post(f"/feedback/inbox/decisions/{action.pk}/undo/")
    drain()

    action.refresh_from_db()
    assert action.undone_at is not None
    assert action.undone_by == administrator
    assert action.effect["undo"]["moved"] == 30
    assert Response.objects.filter(identity="inbox").count() == 30
    assert kept() == recounted() == {}


def test_the_page_filters_confirms_decides_and_undoes(survey, ann, acme, as_lead, lead):
    said(survey, 3, email="ann+a@acme.example", name="Ann")
    said(survey, 4, email="zoe@web.de", name="Zoe Gray", comment="Hm")
    url = "/feedback/inbox/"
    assert len(as_lead.get(url, {"domain": "web.de"}).context["rows"]) == 1
    assert len(as_lead.get(url, {"q": "zoe hm"}).context["rows"]) == 1
    assert len(as_lead.get(url, {"known": "phone"}).context["rows"]) == 0

    asked = as_lead.post(f"{url}bulk/", {"all_matching": "1", "action": "suggested"})
    assert "Link 1" in asked.content.decode()
    done = as_lead.post(
        f"{url}bulk/", {"all_matching": "1", "action": "suggested", "confirmed": "1"}, follow=True
    )
    assert "1 answer linked" in done.content.decode()
    assert "Account Acme" in done.content.decode()
    action = IdentityAction.objects.get()
    assert "Undone" in as_lead.post(f"{url}decisions/{action.pk}/undo/", follow=True).content.decode()
    assert as_lead.get(f"{url}decisions/").status_code == 200


def test_the_answer_shows_the_customer_at_that_time(survey, ann, acme, lead, as_lead):
    answer = said(survey, 3, email=ann.email)
    acme.plan = "Free"
    acme.save()

    page = as_lead.get(f"/feedback/{answer.pk}/").content.decode()

    assert "The customer at that time" in page
    assert "Gold" in page
    assert "Carla Csm" in page


def test_splitting_on_the_page(survey, ann, as_lead, as_csm):
    answer = said(survey, 3, email=ann.email)
    url = f"/contacts/{ann.pk}/split/"
    assert as_csm.get(url).status_code == 403
    assert as_lead.post(url, {"last_name": "Two", "role": "user"}).status_code == 422
    as_lead.post(
        url,
        {"last_name": "Two", "role": "user", "responses": [answer.pk], "account": f"Acme #{ann.account_id}"},
    )

    assert Response.objects.get().contact.last_name == "Two"


def test_as_known_on_a_date_has_a_page(survey, ann, as_lead, as_csm, frozen):
    said(survey, 9, email=ann.email)
    frozen.shift(dt.timedelta(days=2))
    said(survey, 2, email=ann.email, responded_at=clock.now() - dt.timedelta(days=2))

    page = as_lead.get("/nps/known/", {"as_of": "2026-03-17", "known_on": "2026-03-17"}).content.decode()

    assert "100 → −100: 1 came in later" in page
    of_quarter = as_lead.get("/nps/known/", {"quarter": "2026-1", "known_on": "2026-03-17"})
    assert "Q1 2026: 100 → −100: 1 came in later" in of_quarter.content.decode()
    assert "The 78 days to 19 Mar 2026" in of_quarter.content.decode()
    assert as_csm.get("/nps/known/", {"as_of": "nonsense"}).status_code == 200


# --- API -----------------------------------------------------------------------------------------------------
@pytest.fixture
def call(client, lead):
    key = factories.an_api_key(lead, "responses:write", "accounts:write")

    def send(path, body=None, key=key):
        head = {"headers": {"Authorization": key}}
        if body is None:
            return client.get(path, **head)
        return client.post(path, body, content_type="application/json", **head)

    return send


def test_the_inbox_over_the_api(survey, ann, acme, call, csm):
    rows = [said(survey, 2, email=f"ann+{k}@acme.example", name="Ann") for k in range(4)]
    listed = call(API).json()
    assert {row["id"] for row in listed["results"]} == {row.pk for row in rows}
    one = call(f"{API}{rows[0].pk}/").json()
    assert one["suggestions"][0] == {
        "contact": ann.pk, "reasons": ["same e-mail address without the tag", "works at acme.example"], "is_sure": True,
    }  # fmt: skip

    linked = call(f"{API}{rows[0].pk}/link/", {"contact": ann.pk}).json()
    assert (linked["kind"], linked["number"], linked["state"]) == ("link", 1, "done")
    assert any("Account Acme" in text for text in linked["changes"])
    assert call(f"{API}{rows[1].pk}/create/", {"account": acme.pk, "name": "B C"}).status_code == 201
    assert call(f"{API}{rows[2].pk}/ignore/", {}).json()["kind"] == "ignore"
    bulk = call(
        f"{API}bulk/?domain=acme.example&state=waiting", {"action": "suggested", "all_matching": True}
    )
    assert (bulk.status_code, bulk.json()["number"]) == (202, 1)
    undone = call(f"/api/v1/inbox-decisions/{linked['id']}/undo/", {}).json()
    assert undone["state"] == "undone"
    assert call(f"{API}{rows[3].pk}/link/", {"contact": ann.pk}).status_code == 404
    hidden = factories.an_api_key(csm, "responses:write")
    assert call(API, key=hidden).json()["results"] == []
    assert call(f"{API}{rows[0].pk}/link/", {"contact": ann.pk}, key=hidden).status_code in {403, 404}
    assert AuditEntry.objects.filter(action="response.linked").exists()


def test_taking_away_giving_and_splitting_over_the_api(survey, ann, acme, call, csm):
    api = "/api/v1/inbox-decisions/"
    bob = factories.a_contact("bob@acme.example", account=acme, last_name="Ray")
    rows = [said(survey, score, email=ann.email) for score in (9, 2, 4)]

    taken = call(f"{api}unlink/", {"responses": [rows[0].pk]})
    assert (taken.status_code, taken.json()["kind"], taken.json()["number"]) == (201, "unlink", 1)
    given = call(f"{api}relink/", {"responses": [rows[0].pk, rows[1].pk], "contact": bob.pk})
    assert (given.status_code, given.json()["number"]) == (201, 2)
    parted = call(
        f"{api}split/",
        {"contact": bob.pk, "responses": [rows[1].pk], "last_name": "Dee", "email": "dee@acme.example"},
    ).json()
    dee = Contact.objects.get(pk=parted["contact_made"])
    assert (dee.last_name, dee.account, parted["kind"]) == ("Dee", acme, "split")
    assert [Response.objects.get(pk=row.pk).contact for row in rows] == [bob, dee, ann]
    assert call(f"{api}{parted['id']}/undo/", {}).json()["state"] == "undone"
    assert not Contact.objects.filter(pk=dee.pk).exists()

    for path, body, field in (
        ("unlink", {"responses": []}, "responses"),
        ("unlink", {"responses": [999_999]}, "responses"),
        ("relink", {"responses": [rows[0].pk], "contact": 999_999}, "contact"),
        ("split", {"contact": ann.pk, "responses": [rows[0].pk], "last_name": "X"}, "responses"),
    ):
        refused = call(f"{api}{path}/", body)
        assert (refused.status_code, refused.json()["errors"][0]["attr"].partition(".")[0]) == (400, field)
    hidden = factories.an_api_key(csm, "responses:write")
    assert call(f"{api}unlink/", {"responses": [rows[2].pk]}, key=hidden).status_code == 403


def test_a_restatement_over_the_api(survey, ann, call, frozen):
    said(survey, 9, email=ann.email)
    frozen.shift(dt.timedelta(days=2))
    said(survey, 2, email=ann.email, responded_at=clock.now() - dt.timedelta(days=2))

    found = call("/api/v1/nps/restatement/?as_of=2026-03-17&known_on=2026-03-17").json()

    assert (found["then"]["nps"], found["now"]["nps"]) == (100, -100)
    assert {cause["cause"]: cause["answers"] for cause in found["causes"]} == {"late": 1, "replaced": 1}
    assert call("/api/v1/nps/restatement/").status_code == 400


def test_merging_erasing_and_exporting_over_the_api(survey, ann, acme, call, client, csm, stranger, drain):
    double = factories.a_contact("a.lee@acme.example", account=acme, last_name="Lee", external_id="crm-18")
    said(survey, 2, email=double.email)
    body = {"target": "contact", "survivor": ann.pk, "loser": double.pk}
    preview = call("/api/v1/merges/preview/", body).json()
    assert preview["rows"]["responses"] == 1

    made = call("/api/v1/merges/", {**body, "choices": {"first_name": "survivor"}})
    assert (made.status_code, made.json()["state"]) == (201, "done")
    assert call("/api/v1/contacts/by-external-id/crm-18/").json()["id"] == ann.pk
    assert call("/api/v1/merges/?target=contact").json()["results"][0]["survivor"] == ann.pk
    assert call(f"/api/v1/merges/{made.json()['id']}/undo/", {}).json()["state"] == "undone"
    hidden = factories.an_api_key(stranger, "accounts:write")
    assert call("/api/v1/merges/", body, key=hidden).status_code == 400
    assert call(f"/api/v1/contacts/{ann.pk}/export/", key=hidden).status_code == 404

    assert call(f"/api/v1/contacts/{ann.pk}/export/").json()["data"]["person"][0]["email"] == ann.email
    assert (
        call(
            f"/api/v1/contacts/{ann.pk}/erasure/", {}, key=factories.an_api_key(csm, "accounts:write")
        ).status_code
        == 403
    )
    assert call(f"/api/v1/contacts/{ann.pk}/erasure/", {}).status_code == 202
    drain()
    ann.refresh_from_db()
    assert ann.erased_at is not None


def test_an_external_id_that_somebody_has_by_now_does_not_stop_the_others(survey, acme, lead):
    rows = [
        said(survey, 5, email=f"w{k}@acme.example", name=f"W {k}", contact_external_id=f"w-{k}")
        for k in range(3)
    ]
    late = factories.a_contact("other@acme.example", account=acme, external_id="w-1")

    action = inbox.decide_many(response_ids=[row.pk for row in rows], mode="create", actor=lead)

    assert (action.number, action.contacts_made) == (3, 2)
    assert Response.objects.get(pk=rows[1].pk).contact == late


def test_an_id_or_address_on_a_tombstone_leads_to_its_survivor(survey, acme, lead):
    rows = [
        said(survey, 5, email="w0@acme.example", name="W 0", contact_external_id="w-0"),
        said(survey, 6, email="w1@acme.example", name="W 1"),
    ]
    kept = factories.a_contact("kept@acme.example", account=acme, external_id="kept")
    gone = factories.a_contact("w1@acme.example", account=acme, external_id="w-0")
    merge.merge_contacts(survivor=kept, loser=gone, actor=lead)

    inbox.decide_many(response_ids=[row.pk for row in rows], mode="create", actor=lead)

    assert {Response.objects.get(pk=row.pk).contact for row in rows} == {kept}


def test_a_name_or_number_is_not_taken_for_an_external_id(survey, acme, lead):
    named = said(survey, 5, name="Prince", source="csv", external_id="n1")
    factories.a_contact("other@acme.example", account=acme, external_id="Prince")

    inbox.decide_many(response_ids=[named.pk], mode="create", account=acme, actor=lead)

    assert Response.objects.get(pk=named.pk).contact.full_name == "Prince"


def test_a_decision_that_cannot_go_on_ends_and_may_be_undone(survey, acme, lead, drain, monkeypatch):
    monkeypatch.setattr(inbox, "AT_ONCE", 1)
    rows = [said(survey, 5, email=f"w{k}@else.example", name=f"W {k}") for k in range(2)]
    other = factories.an_account("Other")
    action = inbox.decide_many(response_ids=[row.pk for row in rows], mode="create", account=acme, actor=lead)
    merge.merge_accounts(survivor=other, loser=acme, actor=lead)
    drain()

    action.refresh_from_db()
    assert not action.effect.get("job")
    inbox.undo(action=action, actor=lead)


@pytest.mark.parametrize("clash", ["b1@acme.example", ""])
def test_newcomers_beside_one_who_was_made_this_moment_become_contacts_too(
    creating, survey, acme, monkeypatch, clash
):
    looked = arrivals._names_at

    def meanwhile(accounts):
        found = looked(accounts)
        if not Contact.objects.filter(last_name="Meanwhile").exists():
            factories.a_contact(clash, account=acme, last_name="Meanwhile", external_id="b-1")
        return found

    monkeypatch.setattr(arrivals, "_names_at", meanwhile)
    ingest(
        [
            factories.answer_to(
                survey, 5, external_id=f"x{k}", email=f"b{k}@acme.example", contact_external_id=f"b-{k}"
            )
            for k in range(3)
        ]
    )

    assert [row.identity for row in Response.objects.all()] == ["matched"] * 3
    assert Response.objects.get(external_id="x1").contact.last_name == "Meanwhile"
    assert Contact.objects.count() == 3
