"""Kept figures: tallies plus marks are always what a recount of the answers gives."""

import datetime as dt
import threading
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from django.db import close_old_connections, connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core import clock
from core.errors import Refused
from core.models import Job
from surveys import domain
from surveys.ingest import ingest
from surveys.insight import rollups
from surveys.models import AccountScore, FigureMark, FigureState, Response, Survey, Tally
from surveys.services import inbox, responses
from team.models import Workspace
from tests import factories

ZONE = ZoneInfo("Europe/Berlin")


def kept() -> dict[tuple, int]:
    """Tallies as (breakdown, span, day, survey, value, score) → number, without zeros."""
    found: dict[tuple, int] = {}
    for row in Tally.objects.all():
        for score in domain.SCORES:
            if number := getattr(row, f"s{score}"):
                found[row.breakdown, row.span, row.day, row.survey_key, row.value, score] = number
    return found


def recounted(zone: ZoneInfo = ZONE) -> dict[tuple, int]:
    """The same from the answers, by a plain reading of the definition."""
    found: Counter[tuple] = Counter()
    for r in Response.objects.counted():
        day = r.responded_at.astimezone(zone).date()
        gone = r.superseded_at.astimezone(zone).date() if r.superseded_at else None
        values = {
            "all": "", "channel": r.channel, "plan": r.attributes.get("plan") or "",
            "segment": r.attributes.get("segment") or "", "country": r.attributes.get("country") or "",
            "owner": str(r.attributes.get("owner") or ""),
        }  # fmt: skip
        for breakdown, value in values.items():
            found[breakdown, 0, day, r.survey_id, value, r.score] += 1
            for span in rollups.SPANS:
                end = day + dt.timedelta(days=span)
                found[breakdown, span, min(end, gone or end), r.survey_id, value, r.score] += 1
    return dict(found)


def present_accounts(zone: ZoneInfo = ZONE) -> dict[int, tuple]:
    today = clock.now().astimezone(zone).date()
    people: dict[int, list[int]] = {}
    for r in Response.objects.counted().filter(account__isnull=False):
        day = r.responded_at.astimezone(zone).date()
        if r.superseded_at is None and today - dt.timedelta(days=365) < day <= today:
            people.setdefault(r.account_id, []).append(r.score)
    found = {}
    for account, scores in people.items():
        histogram = [scores.count(score) for score in domain.SCORES]
        counts = domain.counts(histogram)
        found[account] = (
            counts.n, counts.promoters, counts.detractors, round(domain.mean(histogram), 6), domain.median(histogram),
        )  # fmt: skip
    return found


def kept_accounts() -> dict[int, tuple]:
    return {
        row.account_id: (row.people, row.promoters, row.detractors, round(row.mean, 6), row.median)
        for row in AccountScore.objects.all()
    }


def fold_all() -> None:
    while rollups.fold(limit=7):
        pass


class FiguresMachine(RuleBasedStateMachine):
    """Any mix of answers, late ones, edits, exclusions, restorations, relinking and deletion."""

    @initialize()
    def start(self):
        Workspace.objects.update_or_create(pk=1, defaults={"time_zone": "Europe/Berlin"})
        rollups.rebuild()
        self.lead = factories.user(f"lead{clock.now().timestamp()}@example.com", role="lead")
        self.surveys = [factories.a_survey(f"Survey {k}") for k in range(2)]
        accounts = [
            factories.an_account("Gold", plan="Gold", country="DE", owner=self.lead),
            factories.an_account("Free", plan="Free", segment="SMB"),
        ]
        self.people = [factories.a_contact(f"p{k}@example.com", account=accounts[k % 2]) for k in range(4)]
        self.start_at = clock.now() - dt.timedelta(days=500)
        self.number = 0

    def pick(self, k: int) -> Response | None:
        ids = list(Response.objects.order_by("pk").values_list("pk", flat=True))
        return Response.objects.get(pk=ids[k % len(ids)]) if ids else None

    @rule(
        batch=st.lists(
            st.tuples(
                st.integers(0, 5), st.integers(0, 499), st.integers(0, 23), st.integers(0, 10), st.integers(0, 1)
            ),
            min_size=1, max_size=4,
        )
    )  # fmt: skip
    def answers_arrive(self, batch):
        answers = []
        for who, day, hour, score, survey in batch:
            self.number += 1
            fields = {}
            if who < 4:
                fields["contact_id"] = self.people[who].pk
            elif who == 4:
                fields["email"] = f"unknown{self.number}@example.com"
            answers.append(
                factories.answer_to(
                    self.surveys[survey], score, external_id=f"x{self.number}",
                    channel="link" if who == 5 else "api",
                    responded_at=self.start_at + dt.timedelta(days=day, hours=hour), **fields,
                )
            )  # fmt: skip
        ingest(answers)

    @rule(k=st.integers(0, 50), score=st.integers(0, 10))
    def one_is_changed(self, k, score):
        if row := self.pick(k):
            survey = Survey.objects.get(pk=row.survey_id)
            ingest([factories.answer_to(survey, score, external_id=row.external_id)])

    @rule(k=st.integers(0, 50))
    def one_is_excluded(self, k):
        if row := self.pick(k):
            responses.exclude_responses(
                responses=Response.objects.filter(pk=row.pk), reason="A test", actor=self.lead
            )

    @rule(k=st.integers(0, 50))
    def one_is_restored(self, k):
        if row := self.pick(k):
            responses.restore_responses(responses=Response.objects.filter(pk=row.pk), actor=self.lead)

    @rule(k=st.integers(0, 50), who=st.integers(0, 3))
    def one_is_relinked(self, k, who):
        if row := self.pick(k):
            inbox.link_response(response=row, contact=self.people[who], actor=self.lead)

    @rule(k=st.integers(0, 50))
    def one_is_set_aside(self, k):
        if row := self.pick(k):
            try:
                inbox.ignore_response(response=row, actor=self.lead)
            except Refused:
                assert row.identity != "inbox"

    @rule(k=st.integers(0, 50))
    def one_is_deleted_at_its_source(self, k):
        if row := self.pick(k):
            responses.mark_deleted_upstream(responses=Response.objects.filter(pk=row.pk))

    @rule()
    def marks_are_folded(self):
        rollups.fold(limit=3)

    @invariant()
    def kept_figures_are_a_recount(self):
        fold_all()
        assert kept() == recounted()
        assert kept_accounts() == present_accounts()


class FiguresTest(TestCase):
    def test_figures_equal_recomputation_after_any_mix_of_changes(self):
        from hypothesis.stateful import run_state_machine_as_test

        run_state_machine_as_test(
            lambda: _Rolled(self),
            settings=settings(
                max_examples=20, stateful_step_count=12, deadline=None, phases=[Phase.explicit, Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )  # fmt: skip


class _Rolled(FiguresMachine):
    """Each example in a savepoint of its own."""

    def __init__(self, case):
        super().__init__()
        self.savepoint = transaction.savepoint()

    def teardown(self):
        transaction.savepoint_rollback(self.savepoint)


# --- Single promises -----------------------------------------------------------------------------------------
@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def ann(db):
    return factories.a_contact(account=factories.an_account(plan="Gold"))


def test_a_rebuild_gives_what_folding_gave(survey, ann, frozen):
    for days in (200, 100, 10):
        factories.respond(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(days=days))
    fold_all()
    folded, accounts = kept(), kept_accounts()

    rollups.rebuild()

    assert kept() == folded == recounted()
    assert kept_accounts() == accounts


def test_a_new_time_zone_rebuilds_the_days_in_a_job(survey, ann, frozen, drain):
    frozen.move_to(dt.datetime(2026, 3, 17, 23, 30, tzinfo=dt.UTC))
    factories.respond(survey, 9, email=ann.email)
    fold_all()
    assert {row.day for row in Tally.objects.filter(span=0)} == {dt.date(2026, 3, 18)}
    Workspace.objects.filter(pk=1).update(time_zone="America/New_York")

    # The tick only queues it, and once.
    assert rollups.check_zone() is True
    assert rollups.check_zone() is True
    assert {row.day for row in Tally.objects.filter(span=0)} == {dt.date(2026, 3, 18)}
    job = Job.objects.get(kind=rollups.REBUILD)
    assert rollups.moving() == job

    drain()

    job.refresh_from_db()
    assert (job.state, job.progress_done, job.progress_total) == ("done", 1, 1)
    assert rollups.moving() is None
    assert {row.day for row in Tally.objects.filter(span=0)} == {dt.date(2026, 3, 17)}
    assert FigureState.objects.get().zone == "America/New_York"
    assert rollups.check_zone() is False

    # Back again is another change, with a job of its own.
    Workspace.objects.filter(pk=1).update(time_zone="Europe/Berlin")
    rollups.check_zone()
    drain()
    assert {row.day for row in Tally.objects.filter(span=0)} == {dt.date(2026, 3, 18)}


def test_a_rebuild_that_failed_is_said_and_not_tried_every_minute(survey, as_lead, monkeypatch, drain):
    rollups.state()
    Workspace.objects.update_or_create(pk=1, defaults={"time_zone": "America/New_York"})
    monkeypatch.setattr(rollups, "rebuild", refuse)

    rollups.check_zone()
    assert "being counted anew" in as_lead.get("/nps/").content.decode()
    drain()
    rollups.check_zone()

    assert Job.objects.get(kind=rollups.REBUILD).state == "failed"
    assert "Counting them anew failed" in as_lead.get("/nps/").content.decode()


def refuse(**_: object) -> int:
    raise Refused("The disk is full.")


def test_an_account_forgets_an_answer_when_it_is_a_year_old(survey, ann, frozen):
    factories.respond(survey, 9, email=ann.email)
    fold_all()
    frozen.shift(dt.timedelta(days=364))
    rollups.expire_accounts()
    assert AccountScore.objects.count() == 1
    frozen.shift(dt.timedelta(days=1))

    rollups.expire_accounts()

    assert not AccountScore.objects.exists()


def test_the_worker_folds_what_is_marked(survey, ann, drain):
    factories.respond(survey, 9, email=ann.email)

    drain("figures_fold")

    assert not FigureMark.objects.exists()
    assert kept() == recounted()


def test_an_answer_superseded_on_its_own_day_never_counts_as_latest(survey, ann, frozen):
    factories.respond(survey, 9, email=ann.email, responded_at=clock.now() - dt.timedelta(hours=2))
    factories.respond(survey, 3, email=ann.email)
    fold_all()

    today = clock.now().astimezone(ZONE).date()
    ended = Tally.objects.get(breakdown="all", span=90, day=today)
    assert (ended.s9, ended.s3) == (1, 0)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_mark_committed_while_a_fold_runs_is_taken_by_the_next():
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())
    bea = factories.a_contact("bea@acme.example", account=ann.account)
    rollups.state()
    written, folded = threading.Barrier(2), threading.Barrier(2)
    errors = []

    def late():
        try:
            with transaction.atomic():
                factories.respond(survey, 2, email=ann.email)
                written.wait(10)
                folded.wait(10)  # the fold runs while this answer is not committed yet
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            connection.close()

    other = threading.Thread(target=late)
    other.start()
    written.wait(10)
    # The later key commits first: a cursor over keys would skip the earlier one for ever.
    factories.respond(survey, 9, email=bea.email)
    assert rollups.fold() == 1
    folded.wait(10)
    other.join()

    assert not errors
    assert FigureMark.objects.count() == 1
    fold_all()
    assert kept() == recounted()
    assert kept_accounts() == present_accounts()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_folds_and_writers_at_once_lose_nothing():
    survey = factories.a_survey()
    account = factories.an_account(plan="Gold")
    people = [factories.a_contact(f"p{k}@acme.example", account=account) for k in range(6)]
    rollups.state()
    barrier = threading.Barrier(6)
    errors = []

    def work(k):
        try:
            barrier.wait(10)
            for turn in range(12):
                if k < 4:
                    person = people[(k + turn) % 6]
                    at = clock.now() - dt.timedelta(days=(turn * 31 + k * 7) % 300)
                    factories.respond(survey, (turn + k) % 11, email=person.email, responded_at=at)
                else:
                    rollups.fold(limit=5)
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors, errors
    fold_all()
    assert kept() == recounted()
    assert kept_accounts() == present_accounts()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_rebuild_waits_for_the_answers_on_their_way():
    survey = factories.a_survey()
    ann = factories.a_contact(account=factories.an_account())
    rollups.state()
    written = threading.Barrier(2)
    release = threading.Event()
    errors = []

    def late():
        try:
            with transaction.atomic():
                factories.respond(survey, 2, email=ann.email)
                written.wait(10)
                release.wait(10)
        except Exception as error:
            errors.append(error)
        finally:
            close_old_connections()
            connection.close()

    other = threading.Thread(target=late)
    other.start()
    written.wait(10)
    threading.Timer(0.3, release.set).start()
    rollups.rebuild()
    other.join()

    assert not errors
    fold_all()
    assert kept() == recounted()
