"""Merging contacts and accounts: one record of two, nothing lost, everything back when it is undone."""

import datetime as dt

import pytest

from accounts import queries
from accounts.models import Account, Contact, Event, Interaction, Merge
from accounts.services import contacts as contact_services
from accounts.services import merge as services
from core import clock
from core.errors import Refused
from surveys.models import AccountScore, Exclusion, Response
from team.models import AuditEntry
from tests import factories
from workflows.models import Task

URL = "/contacts/"


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def acme(csm):
    return factories.an_account("Acme", owner=csm, domain="acme.example", plan="Gold")


@pytest.fixture
def ann(acme):
    return factories.a_contact(account=acme, first_name="Ann", last_name="Lee", external_id="A-1")


@pytest.fixture
def double(acme):
    return factories.a_contact(
        "a.lee@acme.example", account=acme, first_name="Ann", last_name="Lee-Smith", external_id="B-2", job_title="CTO"
    )  # fmt: skip


@pytest.fixture
def history(survey, ann, double, acme, csm):
    """An answer of each, a note and a task of the double."""
    before = clock.now() - dt.timedelta(days=20)
    factories.respond(survey, 9, email=ann.email, responded_at=before)
    factories.respond(survey, 3, email=double.email, comment="Slow")
    Interaction.objects.create(account=acme, contact=double, kind="note", body="Rang her", happened_at=before)
    Task.objects.create(title="Call", contact=double, account=acme, assignee=csm)


def merged(ann, double, lead, **choices):
    return services.merge_contacts(survivor=ann, loser=double, actor=lead, choices=choices)


def test_everything_of_the_double_belongs_to_the_survivor(history, ann, double, lead, drain):
    merge = merged(ann, double, lead)
    drain()

    double.refresh_from_db()
    assert double.merged_into == ann
    for model in (Response, Interaction, Task):
        assert set(model.objects.values_list("contact", flat=True)) == {ann.pk}
    assert ann.scores.get().latest_score == 3
    assert ann.scores.get().previous_score == 9
    assert AccountScore.objects.get().people == 1
    assert merge.moved_count > 3
    assert Event.objects.filter(kind="contact.merged", contact=ann).count() == 1
    assert AuditEntry.objects.filter(action="contact.merged", object_id=ann.pk).count() == 1


def test_what_changed_is_told(history, ann, double, acme, lead):
    merge = merged(ann, double, lead)

    words = " ".join(services.extend.words_of_change(merge.effect["before"], merge.effect["after"], lead))
    assert "Account Acme: 6.0 → 3.0, 2 → 1 person." in words
    assert "NPS (90 days): 0 → −100, 2 → 1 person." in words
    assert "Ann Lee: latest score 9 → 3." in words


def test_undo_gives_back_what_was_moved_and_leaves_what_came_since(history, survey, ann, double, lead, drain):
    merge = merged(ann, double, lead)
    since = factories.respond(survey, 10, email=double.email)
    assert since.contact_id == ann.pk
    stolen = Interaction.objects.get()
    Interaction.objects.filter(pk=stolen.pk).update(contact=None)

    services.undo_merge(merge=merge, actor=lead)
    drain()

    double.refresh_from_db()
    assert double.merged_into is None
    assert sorted(Response.objects.filter(contact=double).values_list("score", flat=True)) == [3]
    assert sorted(Response.objects.filter(contact=ann).values_list("score", flat=True)) == [9, 10]
    assert Task.objects.get(title="Call").contact == double
    assert Interaction.objects.get().contact is None
    assert {s.contact_id: s.latest_score for s in [*ann.scores.all(), *double.scores.all()]} == {
        ann.pk: 10, double.pk: 3,
    }  # fmt: skip
    with pytest.raises(Refused):
        services.undo_merge(merge=merge, actor=lead)


def test_fields_are_chosen_one_by_one_and_come_back(ann, double, lead):
    preview = services.preview(survivor=ann, loser=double)
    assert {f.name: f.suggested for f in preview.fields if f.differs} == {
        "email": "survivor", "external_id": "survivor", "last_name": "survivor", "job_title": "loser",
    }  # fmt: skip

    merge = merged(ann, double, lead, last_name="loser", email="loser", external_id="loser")

    ann.refresh_from_db()
    assert (ann.last_name, ann.email, ann.external_id, ann.job_title) == (
        "Lee-Smith", "a.lee@acme.example", "B-2", "CTO",
    )  # fmt: skip
    services.undo_merge(merge=merge, actor=lead)
    ann.refresh_from_db()
    double.refresh_from_db()
    assert (ann.last_name, ann.email, ann.external_id, ann.job_title) == (
        "Lee", "ann@acme.example", "A-1", "",
    )  # fmt: skip
    assert (double.email, double.external_id) == ("a.lee@acme.example", "B-2")


def test_a_field_changed_since_is_left_when_undoing(ann, double, lead):
    merge = merged(ann, double, lead)
    contact_services.update_contact(contact=ann, values={"job_title": "CEO"}, actor=lead)

    services.undo_merge(merge=merge, actor=lead)

    ann.refresh_from_db()
    assert ann.job_title == "CEO"


@pytest.mark.parametrize("choice", ["survivor", "loser"])
@pytest.mark.parametrize(
    "said",
    [{"email": "ann@acme.example"}, {"email": "A.Lee@acme.example"}, {"contact_external_id": "A-1"},
     {"contact_external_id": "B-2"}, {"contact_id": "double"}],
)  # fmt: skip
def test_answers_to_either_record_reach_the_survivor(survey, ann, double, lead, said, choice):
    merged(ann, double, lead, email=choice, external_id=choice)
    said = {key: double.pk if value == "double" else value for key, value in said.items()}

    assert factories.respond(survey, 7, **said).contact_id == ann.pk


def test_a_row_that_would_be_there_twice_stays_with_the_tombstone(ann, double, lead, survey):
    from surveys.models import Campaign, SurveyVersion, Wave

    version = SurveyVersion.objects.create(survey=survey, number=1, content={})
    wave = Wave.objects.create(
        campaign=Campaign.objects.create(name="Spring", survey=survey), number=1, version=version
    )
    for contact in (ann, double):
        Exclusion.objects.create(wave=wave, contact=contact, reason="recently_asked")

    merge = merged(ann, double, lead)
    assert Exclusion.objects.filter(contact=ann).count() == 1
    services.undo_merge(merge=merge, actor=lead)

    assert Exclusion.objects.filter(contact=double).count() == 1


def test_tombstones_follow_when_the_survivor_is_merged_too(ann, double, acme, lead):
    third = factories.a_contact("third@acme.example", account=acme)
    first = merged(ann, double, lead)
    second = services.merge_contacts(survivor=third, loser=ann, actor=lead)
    double.refresh_from_db()
    assert double.merged_into == third

    with pytest.raises(Refused, match="Undo that merge first"):
        services.undo_merge(merge=first, actor=lead)
    services.undo_merge(merge=second, actor=lead)
    services.undo_merge(merge=first, actor=lead)

    assert not Contact.objects.filter(merged_into__isnull=False).exists()


def test_an_address_taken_since_keeps_the_merge(ann, double, lead):
    merge = merged(ann, double, lead)
    factories.a_contact(double.email)

    with pytest.raises(Refused, match="already has this e-mail"):
        services.undo_merge(merge=merge, actor=lead)

    double.refresh_from_db()
    assert double.merged_into == ann


def test_what_happened_elsewhere_stays_there(survey, ann, csm, lead):
    """Who changed company keeps the answers they gave at the old one, which keeps them too."""
    beta = factories.an_account("Beta", owner=csm)
    new = factories.a_contact("ann@beta.example", account=beta)
    factories.respond(survey, 2, email=ann.email)

    services.merge_contacts(survivor=new, loser=ann, actor=lead)

    answer = Response.objects.get()
    assert (answer.contact, answer.account.name) == (new, "Acme")


def test_rows_without_an_account_get_the_survivors(survey, ann, lead):
    free = factories.a_contact("free@example.net")
    answer = factories.respond(survey, 2, email=free.email)
    merge = services.merge_contacts(survivor=ann, loser=free, actor=lead)
    answer.refresh_from_db()
    assert answer.account == ann.account

    services.undo_merge(merge=merge, actor=lead)

    answer.refresh_from_db()
    assert (answer.contact, answer.account) == (free, None)


@pytest.mark.parametrize("what", ["same", "merged", "erased"])
def test_what_cannot_be_merged_is_refused(ann, double, lead, what):
    if what == "merged":
        merged(ann, double, lead)
    if what == "erased":
        Contact.objects.filter(pk=double.pk).update(erased_at=clock.now())
    other = ann if what == "same" else Contact.objects.get(pk=double.pk)

    with pytest.raises(Refused) as refusal:
        services.merge_contacts(survivor=ann, loser=other, actor=lead)
    assert refusal.value.code == what


# --- Accounts ------------------------------------------------------------------------------------------------
@pytest.fixture
def limited(csm):
    return factories.an_account("Acme Ltd", owner=csm, external_id="X-9", industry="Logistics", arr=5000)


def test_people_answers_and_contracts_come_along_and_go_back(
    history, survey, acme, limited, ann, lead, drain
):
    bob = factories.a_contact("bob@ltd.example", account=limited)
    factories.respond(survey, 10, email=bob.email)
    drain()

    merge = services.merge_accounts(survivor=acme, loser=limited, actor=lead)
    drain()

    bob.refresh_from_db()
    acme.refresh_from_db()
    assert bob.account == acme
    assert (acme.industry, acme.external_id, acme.arr) == ("Logistics", "X-9", 5000)
    assert AccountScore.objects.get().people == 3
    words = " ".join(services.extend.words_of_change(merge.effect["before"], merge.effect["after"], lead))
    assert "Account Acme: 6.0 → 7.3, 2 → 3 people." in words
    assert list(queries.list_accounts(lead)) == [acme]

    services.undo_merge(merge=merge, actor=lead)
    drain()

    bob.refresh_from_db()
    acme.refresh_from_db()
    limited.refresh_from_db()
    assert bob.account == limited
    assert (acme.industry, acme.external_id, acme.arr, limited.external_id) == ("", None, None, "X-9")
    assert {row.account_id: row.people for row in AccountScore.objects.all()} == {acme.pk: 2, limited.pk: 1}


def test_a_daughter_can_swallow_its_parent(acme, limited, lead):
    middle = factories.an_account("Middle", parent=limited)
    Account.objects.filter(pk=acme.pk).update(parent=middle)
    acme.refresh_from_db()

    merge = services.merge_accounts(survivor=acme, loser=limited, actor=lead)

    acme.refresh_from_db()
    middle.refresh_from_db()
    assert (acme.parent, middle.parent) == (None, acme)
    services.undo_merge(merge=merge, actor=lead)
    acme.refresh_from_db()
    middle.refresh_from_db()
    assert (acme.parent, middle.parent) == (middle, limited)


# --- Pages ---------------------------------------------------------------------------------------------------
def test_merging_on_the_pages(history, ann, double, as_lead):
    assert b"a.lee@acme.example" in as_lead.get(f"{URL}{ann.pk}/merge/?q=smith").content
    preview = as_lead.get(f"{URL}{ann.pk}/merge/", {"other": double.pk}).content.decode()
    assert "Lee-Smith" in preview

    page = as_lead.post(
        f"{URL}{ann.pk}/merge/", {"other": double.pk, "keep": ann.pk, "field-last_name": "loser"}, follow=True
    )

    assert "2 → 1 person" in page.content.decode()
    ann.refresh_from_db()
    assert ann.last_name == "Lee-Smith"
    assert as_lead.get(f"{URL}{double.pk}/").headers["Location"] == f"{URL}{ann.pk}/"
    assert "Undo the merge" in page.content.decode()
    undone = as_lead.post(f"/merges/{Merge.objects.get().pk}/undo/", follow=True)
    assert "Two records again" in undone.content.decode()
    assert as_lead.get("/merges/").status_code == 200


def test_only_what_is_in_sight_is_merged(ann, double, acme, as_stranger, as_csm, as_viewer, csm, stranger):
    assert as_stranger.get(f"{URL}{ann.pk}/merge/").status_code == 404
    assert as_viewer.get(f"{URL}{ann.pk}/merge/").status_code == 403
    hidden = factories.a_contact("x@else.example", account=factories.an_account("Else", owner=stranger))
    as_csm.post(f"{URL}{ann.pk}/merge/", {"other": hidden.pk, "keep": ann.pk})
    assert not Merge.objects.exists()
    assert as_csm.get(f"/accounts/{acme.pk}/merge/").status_code == 403


def test_undoing_is_refused_plainly_when_the_external_id_went_to_somebody_else(ann, acme, lead):
    double = factories.a_contact("ann2@acme.example", account=acme, external_id="B-2")
    plain = factories.a_contact("plain@acme.example", account=acme)
    merge = services.merge_contacts(survivor=plain, loser=double, actor=lead)
    plain.refresh_from_db()
    contact_services.update_contact(contact=plain, values={"external_id": "C-3"}, actor=lead)
    factories.a_contact("late@acme.example", account=acme, external_id="B-2")

    with pytest.raises(Refused, match="external id"):
        services.undo_merge(merge=merge, actor=lead)

    double.refresh_from_db()
    assert double.merged_into == plain
