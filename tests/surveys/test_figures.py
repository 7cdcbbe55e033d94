"""Figures: one definition, whether counted from tallies or from the visible answers."""

import datetime as dt
import random

import pytest

from core import clock
from surveys.choices import Unit
from surveys.filters import latest_within
from surveys.ingest import ingest
from surveys.insight import figures, rollups
from surveys.insight.figures import Question
from surveys.models import MetricDefinition, Response
from surveys.queries import figures as queries
from surveys.services import definitions
from team.models import RoleScope
from tests import factories


@pytest.fixture
def company(db, csm, lead, frozen):
    """Three accounts, twelve people, two surveys and a year and a half of answers."""
    rollups.state()
    surveys = [factories.a_survey("Relationship"), factories.a_survey("Support")]
    accounts = [
        factories.an_account("Gold", plan="Gold", country="DE", owner=csm),
        factories.an_account("Free", plan="Free", country="FR", owner=lead),
        factories.an_account("None"),
    ]
    people = [factories.a_contact(f"p{k}@example.com", account=accounts[k % 3]) for k in range(12)]
    dice = random.Random(7)
    ingest(
        [
            factories.answer_to(
                dice.choice(surveys), dice.randint(0, 10), contact_id=dice.choice(people).pk,
                channel=dice.choice(["api", "email"]),
                responded_at=clock.now() - dt.timedelta(days=dice.randint(0, 540), minutes=dice.randint(0, 1439)),
            )
            for _ in range(150)
        ]
    )  # fmt: skip
    ingest([factories.answer_to(surveys[0], 7, channel="link") for _ in range(3)])
    return surveys


def plain(user, *, days, as_of, unit=Unit.LATEST_PER_CONTACT, **filters):
    """A figure by the plainest reading of its definition, in Python."""
    histogram = [0] * 11
    zone = rollups.zone()
    for r in Response.objects.visible_to(user).counted().filter(**filters):
        day = r.responded_at.astimezone(zone).date()
        gone = r.superseded_at.astimezone(zone).date() if r.superseded_at else None
        is_inside = as_of - dt.timedelta(days=days) < day <= as_of
        if is_inside and (unit == Unit.ALL_RESPONSES or gone is None or gone > as_of):
            histogram[r.score] += 1
    return histogram


@pytest.mark.parametrize("unit", [Unit.LATEST_PER_CONTACT, Unit.ALL_RESPONSES])
@pytest.mark.parametrize("is_folded", [True, False])
def test_tallies_live_answers_and_a_plain_reading_agree(company, lead, unit, is_folded):
    while is_folded and rollups.fold():
        pass
    today = rollups.today()
    days = [today - dt.timedelta(days=back) for back in (0, 1, 30, 31, 89, 90, 200, 365, 600)]
    for window in rollups.SPANS:
        question = Question(lead, days=window, unit=unit)
        assert question.is_kept

        kept = figures.figures(question, days)

        assert {d: f.histogram for d, f in kept.items()} == {
            d: plain(lead, days=window, as_of=d, unit=unit) for d in days
        }
        assert figures._live_moves(question, sorted(days), "all", first=dt.date(2020, 1, 1))
        live = _live(question, days)
        assert live == {d: f.histogram for d, f in kept.items()}


def _live(question, days):
    """The same question, forced past the tallies."""
    width = dt.timedelta(days=question.days)
    is_all = question.unit == Unit.ALL_RESPONSES
    cuts = sorted({*days, *(d - width for d in days)} if is_all else set(days))
    moves = figures._live_moves(question, cuts, "all", first=min(days) - width).get("", {})
    starts = figures._running(moves.get(0, {}), cuts)
    ends = figures._running(moves.get(question.days, {}), cuts)
    return {
        d: [a - b for a, b in zip(starts[d], starts[d - width] if is_all else ends[d], strict=True)]
        for d in days
    }


def test_breakdowns_add_up_and_agree_with_narrowed_figures(company, lead):
    today = rollups.today()
    question = Question(lead, days=365)
    whole = figures.figure(question, today)

    for by in ("plan", "segment", "country", "owner", "channel"):
        parts = figures.breakdown(question, [today], by)

        assert [
            sum(column) for column in zip(*(p[today].histogram for p in parts.values()), strict=True)
        ] == (whole.histogram)
        for value, part in parts.items():
            narrowed = figures.figure(figures.narrowed(question, by, value), today)
            assert narrowed == part[today]


def test_two_attributes_at_once_are_counted_live_and_agree(company, lead):
    today = rollups.today()
    gold = figures.narrowed(Question(lead, days=365), "plan", "Gold")

    by_country = figures.breakdown(gold, [today], "country")

    assert list(by_country) == ["DE"]
    assert by_country["DE"][today] == figures.figure(gold, today)
    assert not figures.narrowed(gold, "channel", "api").is_kept


def test_a_survey_narrows_the_same_way_in_tallies_and_live(company, lead):
    today, (first, _) = rollups.today(), company

    kept = figures.figure(Question(lead, days=90, surveys=(first.pk,)), today)

    assert kept.histogram == plain(lead, days=90, as_of=today, survey=first)


def test_people_with_a_narrower_scope_see_figures_of_their_rows(company, csm, lead, stranger):
    RoleScope.objects.create(role="csm", scope="own")
    today = rollups.today()

    own = figures.figure(Question(csm, days=365), today)

    assert own.histogram == plain(csm, days=365, as_of=today)
    assert 0 < own.n < figures.figure(Question(lead, days=365), today).n
    assert figures.figure(Question(stranger, days=365), today).n == 0


def test_a_saved_segment_is_counted_live(company, lead):
    from accounts.models import Segment

    tree = {"all": [{"field": "plan", "op": "in", "value": ["Gold"]}]}
    saved = Segment(name="Gold", target="account", conditions=tree)
    today = rollups.today()

    found = figures.figure(Question(lead, days=90, saved=saved), today)

    assert found.histogram == plain(lead, days=90, as_of=today, account__plan="Gold")


def test_the_rows_behind_a_figure_are_exactly_those_counted(company, lead):
    today = rollups.today()
    for back in (0, 45, 200):
        as_of = today - dt.timedelta(days=back)
        rows = latest_within(Response.objects.visible_to(lead), days=90, as_of=as_of)

        figure = figures.figure(Question(lead, days=90), as_of)

        assert [sum(1 for r in rows if r.score == score) for score in range(11)] == figure.histogram


def test_figures_are_true_before_anything_is_folded(company, lead):
    ann = factories.a_contact("new@example.com")
    today = rollups.today()
    before = figures.figure(Question(lead), today).n

    factories.respond(company[0], 10, email=ann.email)

    assert figures.figure(Question(lead), today).n == before + 1


def test_the_window_is_half_open_in_the_zone_of_the_workspace(db, lead, frozen):
    survey, ann = factories.a_survey(), factories.a_contact()
    bea = factories.a_contact("bea@acme.example")
    # 17 March in Berlin begins at 23:00 UTC on the 16th; 90 days end there with 18 December.
    factories.respond(
        survey, 9, email=ann.email, responded_at=dt.datetime(2025, 12, 17, 23, 0, tzinfo=dt.UTC)
    )
    factories.respond(
        survey, 2, email=bea.email, responded_at=dt.datetime(2025, 12, 17, 22, 59, tzinfo=dt.UTC)
    )

    figure = figures.figure(Question(lead, days=90), dt.date(2026, 3, 17))

    assert figure.histogram[9] == 1
    assert figure.histogram[2] == 0


def test_no_answers_are_no_data(db, lead):
    figure = figures.figure(Question(lead), rollups.today())

    assert (figure.n, figure.counts.score, figure.mean, figure.median) == (0, None, None, None)


def test_every_deployment_has_the_named_definitions(db):
    found = {d.key: (d.unit, d.window_days) for d in MetricDefinition.objects.all()}

    assert found["company"] == ("latest_per_contact", 90)
    assert found["account"] == ("mean_per_account", 365)


def test_a_changed_definition_stays_as_it_was_changed(db, lead):
    MetricDefinition.objects.filter(key="company").update(window_days=180)

    definitions.ensure_definitions()

    assert queries.question_of(queries.definition("company"), lead).days == 180
