"""Whatever is decided about whose answers are whose, and undone again: kept figures are a recount of the answers."""

import datetime as dt

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from accounts.models import Account, Contact, Event, Merge
from accounts.services import contacts as contact_services
from accounts.services import erase
from accounts.services import merge as merging
from core import clock
from core.errors import Refused
from surveys.ingest import ingest
from surveys.insight import rollups
from surveys.models import ContactScore, IdentityAction, Response
from surveys.services import inbox, responses
from team.models import Workspace
from tests import factories
from tests.surveys.test_rollups import fold_all, kept, kept_accounts, present_accounts, recounted
from workflows.health import compute
from workflows.models import HealthMark


def kept_contacts() -> dict[int, tuple]:
    return {
        row.contact_id: (row.latest_id, row.latest_score, row.previous_id, row.previous_score)
        for row in ContactScore.objects.all()
    }


def recounted_contacts() -> dict[int, tuple]:
    found: dict[int, list[Response]] = {}
    for r in Response.objects.counted().filter(contact__isnull=False).order_by("responded_at", "pk"):
        found.setdefault(r.contact_id, []).append(r)
    return {
        contact: (
            rows[-1].pk, rows[-1].score, rows[-2].pk if rows[1:] else None, rows[-2].score if rows[1:] else None,
        )
        for contact, rows in found.items()
    }  # fmt: skip


class IdentityMachine(RuleBasedStateMachine):
    """Answers that come, are linked, taken away, created for, set aside, excluded; people and accounts merged; undo of all."""

    @initialize()
    def start(self):
        Workspace.objects.update_or_create(
            pk=1, defaults={"time_zone": "Europe/Berlin", "creates_contacts": True}
        )
        rollups.rebuild()
        self.lead = factories.user(f"lead{clock.now().timestamp()}@example.com", role="lead")
        self.survey = factories.a_survey()
        self.accounts = [
            factories.an_account("Acme", plan="Gold", domain="acme.example", owner=self.lead),
            factories.an_account("Beta", plan="Free", segment="SMB", domain="beta.example"),
            factories.an_account("Acme Ltd", plan="Gold", country="DE"),
        ]
        self.people = [
            factories.a_contact(f"p{k}@acme.example", account=self.accounts[k % 3], last_name=f"P{k}")
            for k in range(4)
        ]
        self.people.append(factories.a_contact("free@example.net", account=None, last_name="Free"))
        self.start_at = clock.now() - dt.timedelta(days=500)
        self.number = 0
        self.health_before = {}
        self.last_event = 0
        self.anonymous = set()  # announced as nobody's; a version that names somebody is told as an update

    def pick(self, k, model=Response, **where):
        ids = list(model.objects.filter(**where).order_by("pk").values_list("pk", flat=True))
        return model.objects.get(pk=ids[k % len(ids)]) if ids else None

    def attempt(self, do, *args, **values):
        """Refusals are part of the game; nothing may be half done after one."""
        try:
            with transaction.atomic():
                do(*args, **values)
        except Refused:
            pass

    @rule(
        batch=st.lists(
            st.tuples(st.integers(0, 7), st.integers(0, 499), st.integers(0, 10)), min_size=1, max_size=4
        )
    )
    def answers_arrive(self, batch):
        answers = []
        for who, day, score in batch:
            self.number += 1
            said = {"email": f"who{self.number % 3}@nobody.example"}
            if who < 5:
                said = {"email": self.people[who].email}
            elif who == 5:
                said = {"email": f"new{self.number % 4}@beta.example", "name": "New Body"}
            elif who == 6:
                said = {"channel": "link"}
            answers.append(
                factories.answer_to(
                    self.survey, score, external_id=f"x{self.number}",
                    responded_at=self.start_at + dt.timedelta(days=day), **said,
                )
            )  # fmt: skip
        ingest(answers)

    @rule(k=st.integers(0, 50), who=st.integers(0, 6))
    def one_is_linked(self, k, who):
        row, person = self.pick(k), self.pick(who, Contact)
        if row:
            self.attempt(inbox.link_response, response=row, contact=person, actor=self.lead)

    @rule(k=st.integers(0, 50))
    def one_is_taken_away(self, k):
        if row := self.pick(k, identity="matched"):
            self.attempt(inbox.unlink, responses=[row], actor=self.lead)

    @rule(mode=st.sampled_from(["suggested", "create", "ignore", "restore"]), place=st.integers(0, 3))
    def many_are_decided(self, mode, place):
        account = self.pick(place, Account, merged_into=None) if place < 3 else None
        self.attempt(
            inbox.decide_many,
            response_ids=list(
                Response.objects.filter(identity__in=["inbox", "ignored"]).values_list("pk", flat=True)
            ),
            mode=mode, actor=self.lead, account=account if mode == "create" else None,
        )  # fmt: skip

    @rule(k=st.integers(0, 9), one=st.integers(0, 20))
    def a_contact_is_split(self, k, one):
        contact = self.pick(k, Contact, merged_into=None)
        answers = Response.objects.filter(contact=contact)
        if row := answers.order_by("pk")[one % max(1, answers.count()) :].first():
            self.number += 1
            self.attempt(
                inbox.split, contact=contact, response_ids=[row.pk], actor=self.lead,
                values={"last_name": f"Split {self.number}"},
            )  # fmt: skip

    @rule(k=st.integers(0, 50), days=st.booleans())
    def one_is_excluded_or_restored(self, k, days):
        if row := self.pick(k):
            rows = Response.objects.filter(pk=row.pk)
            if days:
                responses.exclude_responses(responses=rows, reason="A test", actor=self.lead)
            else:
                responses.restore_responses(responses=rows, actor=self.lead)

    @rule(k=st.integers(0, 50), day=st.integers(0, 499))
    def one_was_given_at_another_time(self, k, day):
        if row := self.pick(k):
            responses.correct_times(times={row.pk: self.start_at + dt.timedelta(days=day)})

    @rule(k=st.integers(0, 50), score=st.integers(0, 10), day=st.integers(0, 499), who=st.integers(0, 5))
    def its_source_says_it_anew(self, k, score, day, who):
        """A newer version, or one that is older than what is known and must change nothing; of a person or of nobody."""
        if row := self.pick(k):
            before = (row.score, row.source_updated_at)
            if row.identity == "anonymous":
                self.anonymous.add(row.pk)
            said = {"email": self.people[who].email} if who < 5 else {}
            at = self.start_at + dt.timedelta(days=day)
            ingest(
                [
                    factories.answer_to(
                        self.survey, score, external_id=row.external_id, responded_at=at, source_updated_at=at,
                        origin="correction", **said,
                    )
                ]
            )  # fmt: skip
            row.refresh_from_db()
            if before[1] is not None and at < before[1]:
                assert (row.score, row.source_updated_at) == before

    @rule(k=st.integers(0, 50), back=st.booleans())
    def its_source_deletes_it_or_has_it_again(self, k, back):
        if row := self.pick(k):
            rows = Response.objects.filter(pk=row.pk)
            (responses.restore_upstream if back else responses.mark_deleted_upstream)(responses=rows)

    @rule(k=st.integers(0, 9), place=st.integers(0, 3))
    def somebody_changes_company(self, k, place):
        contact = self.pick(k, Contact, merged_into=None, erased_at=None)
        account = self.pick(place, Account, merged_into=None) if place < 3 else None
        contact_services.update_contact(contact=contact, values={"account": account}, actor=self.lead)

    @rule(k=st.integers(0, 30))
    def somebody_is_erased(self, k):
        if contact := self.pick(k, Contact, merged_into=None, erased_at=None) if k < 7 else None:
            erase.erase_contact(contact=contact, actor=self.lead)

    @rule(a=st.integers(0, 9), b=st.integers(0, 9))
    def contacts_are_merged(self, a, b):
        self.attempt(
            merging.merge_contacts, survivor=self.pick(a, Contact), loser=self.pick(b, Contact), actor=self.lead
        )  # fmt: skip

    @rule(a=st.integers(0, 2), b=st.integers(0, 2))
    def accounts_are_merged(self, a, b):
        self.attempt(
            merging.merge_accounts, survivor=self.pick(a, Account), loser=self.pick(b, Account), actor=self.lead
        )  # fmt: skip

    @rule(k=st.integers(0, 9))
    def a_merge_is_undone(self, k):
        if merge := self.pick(k, Merge, undone_at=None):
            self.attempt(merging.undo_merge, merge=merge, actor=self.lead)

    @rule(k=st.integers(0, 9))
    def a_decision_is_undone(self, k):
        if action := self.pick(k, IdentityAction, undone_at=None):
            self.attempt(inbox.undo, action=action, actor=self.lead)

    @invariant()
    def figures_are_a_recount(self):
        fold_all()
        assert kept() == recounted()
        assert kept_accounts() == present_accounts()
        assert kept_contacts() == recounted_contacts()
        assert not Response.objects.filter(contact__merged_into__isnull=False).exists()
        assert not Contact.objects.filter(merged_into__merged_into__isnull=False).exists()
        assert not Account.objects.filter(merged_into__merged_into__isnull=False).exists()
        assert not Response.objects.filter(account__merged_into__isnull=False).exists()

    @invariant()
    def events_are_where_their_answers_are(self):
        theirs = Event.objects.filter(subject_type="response").exclude(kind="response.unlinked")
        place = dict(Response.objects.filter(contact__isnull=False).values_list("pk", "contact"))
        told = set()
        for kind, pk, contact in theirs.values_list("kind", "subject_id", "contact"):
            assert contact in {None, place.get(pk)}, (kind, pk)
            if kind == "response.scored" and contact is not None:
                told.add(pk)
        counted = {r.pk for r in Response.objects.counted().filter(contact__isnull=False)}
        assert counted <= told | self.anonymous

    @invariant()
    def every_account_whose_score_is_another_is_computed_anew(self):
        now = present_accounts()
        for event in Event.objects.filter(pk__gt=self.last_event, kind__in=compute.WATCHED, origin="live"):
            compute.on_event(event)
        self.last_event = Event.objects.order_by("pk").values_list("pk", flat=True).last() or 0
        marked = set(HealthMark.objects.values_list("account_key", flat=True))
        HealthMark.objects.all().delete()
        gone = set(Account.objects.filter(merged_into__isnull=False).values_list("pk", flat=True))
        was = self.health_before
        assert {pk for pk in {*was, *now} if was.get(pk) != now.get(pk)} <= marked | gone
        self.health_before = now


class IdentityTest(TestCase):
    def test_figures_equal_recomputation_whatever_is_decided_and_undone(self):
        from hypothesis.stateful import run_state_machine_as_test

        run_state_machine_as_test(
            _Rolled,
            settings=settings(
                max_examples=15, stateful_step_count=14, deadline=None, phases=[Phase.explicit, Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            ),
        )  # fmt: skip


class _Rolled(IdentityMachine):
    """Each example in a savepoint of its own."""

    def __init__(self):
        super().__init__()
        self.savepoint = transaction.savepoint()

    def teardown(self):
        transaction.savepoint_rollback(self.savepoint)
