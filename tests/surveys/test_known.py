"""Figures as they were known on a date, and restatements whose causes add up."""

import datetime as dt

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis.extra.django import TestCase
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from accounts.services import merge
from core import clock
from surveys.choices import Unit
from surveys.insight import figures, known, rollups
from surveys.insight.figures import Question
from surveys.models import Response
from surveys.services import inbox, responses
from tests import factories
from tests.surveys.test_identity_figures import IdentityMachine
from tests.surveys.test_rollups import fold_all, present_accounts

DAY = dt.timedelta(days=1)


@pytest.fixture
def survey(db):
    return factories.a_survey()


@pytest.fixture
def people(csm):
    account = factories.an_account("Acme", owner=csm)
    return [factories.a_contact(f"p{k}@acme.example", account=account) for k in range(4)]


def said(survey, person, score, **fields):
    return factories.respond(survey, score, email=person.email, **fields)


def test_a_restatement_says_why(survey, people, lead, frozen):
    a, b, c, d = people
    first = said(survey, a, 9)
    said(survey, b, 9)
    moved = said(survey, c, 2, responded_at=clock.now() - dt.timedelta(hours=1))
    said(survey, d, 8)
    waiting = factories.respond(survey, 0, email="who@else.example")
    day = rollups.today()
    frozen.shift(3 * DAY)
    said(survey, d, 3, responded_at=clock.now() - 3 * DAY)
    responses.exclude_responses(responses=Response.objects.filter(pk=first.pk), reason="A test", actor=lead)
    inbox.link_response(response=moved, contact=b, actor=lead)
    inbox.link_response(response=waiting, contact=a, actor=lead)

    found = known.restatement(Question(lead), day, day)

    assert (found.then.counts.score, found.then.n) == (25, 4)
    assert (found.now.counts.score, found.now.n) == (-33, 3)
    assert {part.cause: part.number for part in found.parts} == {
        "late": 1, "excluded": 1, "linked": 1, "moved": 1, "replaced": 1,
    }  # fmt: skip
    assert found.summary.startswith("25 → −33: 1 came in later, 1 excluded from figures since")


def test_an_answer_of_another_time_is_named_where_it_was_counted_before(survey, people, lead, frozen):
    a, b, *_ = people
    moved = said(survey, a, 2)
    said(survey, b, 9)
    day = rollups.today()
    frozen.shift(DAY)

    assert responses.correct_times(times={moved.pk: clock.now() - 200 * DAY}) == {moved.pk}
    assert responses.correct_times(times={moved.pk: clock.now() - 200 * DAY}) == set()

    found = known.restatement(Question(lead, days=90), day, day)
    assert (found.then.n, found.now.n) == (2, 1)
    assert [(part.cause, part.number) for part in found.parts] == [("redated", 1)]
    assert found.summary == "0 → 100: 1 answered at another time than was thought"


def test_causes_add_up_to_the_difference(survey, people, lead, frozen):
    for k, person in enumerate(people):
        said(survey, person, 10 - 3 * k)
    day = rollups.today()
    frozen.shift(DAY)
    merge.merge_contacts(survivor=people[0], loser=people[3], actor=lead)
    responses.mark_deleted_upstream(responses=Response.objects.filter(contact=people[1]))

    found = known.restatement(Question(lead), day, day)

    for name in ("promoters", "passives", "detractors"):
        difference = getattr(found.now.counts, name) - getattr(found.then.counts, name)
        assert sum(getattr(part, name) for part in found.parts) == difference


def test_deletion_at_the_source_is_undone_by_a_newer_version_only(survey, people, lead, frozen):
    person = people[0]
    at = clock.now()
    said(survey, person, 9, external_id="s1", source_updated_at=at)
    rows = Response.objects.filter(external_id="s1")
    responses.mark_deleted_upstream(responses=rows, at=at + dt.timedelta(seconds=10))
    frozen.shift(dt.timedelta(minutes=5))

    said(survey, person, 9, external_id="s1", comment="Late", source_updated_at=at + dt.timedelta(seconds=5))
    assert rows.get().deleted_upstream_at is not None
    assert not person.scores.exists()

    said(survey, person, 4, external_id="s1", source_updated_at=at + dt.timedelta(seconds=60))
    assert rows.get().deleted_upstream_at is None
    assert person.scores.get().latest_score == 4

    responses.mark_deleted_upstream(responses=rows, at=at + dt.timedelta(seconds=30))
    assert rows.get().deleted_upstream_at is None
    responses.mark_deleted_upstream(responses=rows)
    assert responses.restore_upstream(responses=rows) == 1
    assert person.scores.get().latest_score == 4


class KnownMachine(IdentityMachine):
    """As the identity machine, on a clock: each day's figures are written down, and must be found again at the end."""

    def __init__(self, traveller):
        super().__init__()
        self.traveller = traveller
        self.written = {}

    def question(self, unit=Unit.LATEST_PER_CONTACT):
        return Question(self.lead, days=365, unit=unit)

    @rule()
    def a_day_passes(self):
        day = rollups.today()
        for unit in (Unit.LATEST_PER_CONTACT, Unit.ALL_RESPONSES):
            self.written[day, unit] = figures.figure(self.question(unit), day).histogram
        self.traveller.shift(DAY)
        self.health_before = present_accounts()  # what leaves the window by itself waits for the night

    @invariant()
    def what_is_known_now_is_the_figure(self):
        fold_all()
        today = rollups.today()
        for unit in (Unit.LATEST_PER_CONTACT, Unit.ALL_RESPONSES):
            question = self.question(unit)
            now = figures.figure(question, today).histogram
            assert known.figure_as_known(question, today, today).histogram == now

    def teardown(self):
        for (day, unit), histogram in self.written.items():
            assert known.figure_as_known(self.question(unit), day, day).histogram == histogram
            found = known.restatement(self.question(unit), day, day)
            changes = found.now.counts.promoters - found.then.counts.promoters
            assert sum(part.promoters for part in found.parts) == changes


class KnownTest(TestCase):
    def test_the_past_is_found_again_whatever_came_since(self):
        import time_machine

        def machine():
            return _Rolled(time_machine.travel(dt.datetime(2026, 3, 17, 10, tzinfo=dt.UTC), tick=True))

        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=10, stateful_step_count=14, deadline=None, phases=[Phase.explicit, Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            ),
        )  # fmt: skip


class _Rolled(KnownMachine):
    """Each example in a savepoint and a time of its own."""

    def __init__(self, travel):
        self.travel = travel
        super().__init__(travel.start())
        self.savepoint = transaction.savepoint()

    def teardown(self):
        try:
            super().teardown()
        finally:
            transaction.savepoint_rollback(self.savepoint)
            self.travel.stop()
