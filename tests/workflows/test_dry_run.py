"""What a rule would have done, beside what the engine really did over the same events."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts import timeline
from accounts.domain import Origin
from accounts.models import Contact, Event
from core.errors import Refused
from surveys.models import Response
from team.domain import Role
from team.models import User
from tests import factories
from tests.conftest import FROZEN_AT, Drain
from workflows.models import Alert, DryRun, DryRunHit, Rule, Run, Task
from workflows.queries import dry_runs as queries
from workflows.rules import catalogue, checking, fields
from workflows.services import authoring, dry_runs

pytestmark = pytest.mark.django_db
TASK = {"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}
WAIT = {"kind": "wait", "until": "duration", "amount": 3, "unit": "days"}


def needs(*kinds: str) -> None:
    """Skip where this installation has no such step."""
    if missing := [kind for kind in kinds if kind not in catalogue.step_types]:
        pytest.skip(f"no step of kind {', '.join(missing)} is registered")


def detractors(*fields: Any) -> dict[str, Any]:
    return {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}, *fields]}


def a_rule(actor: User, **values: Any) -> Rule:
    described = {
        "name": "Tried",
        "trigger": "response.scored",
        "conditions": detractors(),
        "steps": [TASK],
        **values,
    }
    return authoring.create_rule(values=described, actor=actor)


def scored(
    contact: Contact | None,
    score: int,
    at: dt.datetime,
    *,
    cause: str = "",
    origin: Origin = Origin.LIVE,
    **more: Any,
) -> Event:
    """An answer as it is recorded, at a time of the past."""
    category = "detractor" if score < 7 else "passive" if score < 9 else "promoter"
    number = Event.objects.count() + 1
    event = timeline.record(
        kind="response.scored",
        cause_key=cause or f"response:{number}:scored",
        account=contact.account if contact else None,
        contact=contact,
        subject=("response", number),
        origin=origin,
        occurred_at=at,
        data={"metric": "nps", "score": score, "category": category, "channel": "email", **more},
    )
    Event.objects.filter(pk=event.pk).update(recorded_at=at)
    return event


def ago(days: float) -> dt.datetime:
    return FROZEN_AT - dt.timedelta(days=days)


def verdicts(dry_run: DryRun) -> list[str]:
    return list(
        DryRunHit.objects.filter(dry_run=dry_run)
        .order_by("occurred_at", "pk")
        .values_list("verdict", flat=True)
    )


@pytest.fixture
def ann(csm: User) -> Contact:
    return factories.a_contact(account=factories.an_account(owner=csm), first_name="Ann", last_name="Vogt")


def test_it_counts_what_would_have_happened_and_does_none_of_it(
    frozen: Any, ann: Contact, lead: User
) -> None:
    other = factories.a_contact("bo@other.example", account=factories.an_account("Other"))
    for days, person, score in ((3, ann, 2), (40, ann, 6), (41, ann, 9), (80, other, 0), (95, other, 1)):
        scored(person, score, ago(days))

    made = dry_runs.start(rule=a_rule(lead), actor=lead)

    found = queries.summary(made, lead)
    assert (found.fires, found.accounts, found.most, found.most_account) == (3, 2, 2, ann.account)
    assert made.reach == 1
    assert not Run.objects.exists()
    assert not Task.objects.exists()
    assert not Alert.objects.exists()


def test_people_see_what_is_on_their_accounts(frozen: Any, ann: Contact, csm: User, lead: User, as_csm: Client, as_lead: Client) -> None:  # fmt: skip
    other = factories.a_contact("bo@other.example", account=factories.an_account("Hidden Ltd"))
    scored(ann, 2, ago(3))
    scored(other, 2, ago(4))
    scored(None, 2, ago(5))
    rule = a_rule(lead)
    made = dry_runs.start(rule=rule, actor=lead)

    assert queries.summary(made, lead).fires == 3
    assert queries.summary(made, csm).fires == 1
    address = reverse("workflows:rule_dry_run", args=[rule.pk])
    assert "Hidden Ltd" in as_lead.get(address).content.decode()
    mine = as_csm.get(address).content.decode()
    assert "Ann Vogt" in mine
    assert "Hidden Ltd" not in mine


def test_imported_history_counts_where_asked_and_not_where_it_must_equal_the_log(frozen: Any, ann: Contact, lead: User) -> None:  # fmt: skip
    scored(ann, 2, ago(3), origin=Origin.IMPORT)
    scored(ann, 2, ago(4))
    rule = a_rule(lead)

    assert queries.summary(dry_runs.start(rule=rule, actor=lead), lead).fires == 2
    assert queries.summary(dry_runs.start(rule=rule, actor=lead, as_if_live=False), lead).fires == 1


def test_nobody_goes_through_it_again_before_the_days_are_over(frozen: Any, ann: Contact, lead: User) -> None:
    for days in (50, 45, 10):
        scored(ann, 2, ago(days))
    rule = a_rule(lead, reentry="after_days", reentry_days=30)

    assert verdicts(dry_runs.start(rule=rule, actor=lead)) == ["fires", "reentry", "fires"]


def test_one_at_a_time_means_until_its_waits_are_over(frozen: Any, ann: Contact, lead: User) -> None:
    needs("wait")
    for days in (20, 18, 10):
        scored(ann, 2, ago(days))
    rule = a_rule(lead, steps=[TASK, WAIT, TASK], one_run_per="contact")

    assert verdicts(dry_runs.start(rule=rule, actor=lead)) == ["fires", "under_way", "fires"]


def test_above_the_cap_of_a_day_they_are_held(frozen: Any, ann: Contact, lead: User) -> None:
    for hours in (0.1, 0.2, 0.3):
        scored(ann, 2, ago(3 + hours))
    rule = a_rule(lead, max_runs_per_day=2)

    assert sorted(verdicts(dry_runs.start(rule=rule, actor=lead))) == ["fires", "fires", "held"]


def test_a_run_that_is_held_stands_in_the_way_of_the_next(frozen: Any, ann: Contact, lead: User) -> None:
    other = factories.a_contact("bo@other.example", account=factories.an_account("Other"))
    scored(other, 2, ago(3.2))
    scored(ann, 2, ago(3.1))
    scored(ann, 2, ago(1))
    rule = a_rule(lead, max_runs_per_day=1, one_run_per="contact")

    assert verdicts(dry_runs.start(rule=rule, actor=lead)) == ["fires", "held", "under_way"]


def test_messages_are_counted_and_left_out_with_the_reason(frozen: Any, ann: Contact, lead: User) -> None:
    needs("email_contact")
    silent = factories.a_contact("", account=ann.account, first_name="Bo")
    scored(ann, 2, ago(3))
    scored(silent, 2, ago(4))
    mail = {"kind": "email_contact", "subject": "Sorry", "body": "Hello {{ first_name|there }}"}

    made = dry_runs.start(rule=a_rule(lead, steps=[mail]), actor=lead)

    found = queries.summary(made, lead)
    assert (found.fires, found.mails, found.people, found.left_out_count) == (2, 1, 1, 1)
    assert ("no_address", "Message left out: there is no address", 1) in found.reasons


def test_what_an_erased_comment_said_is_unknown(frozen: Any, ann: Contact, lead: User) -> None:
    survey = factories.a_survey()
    for text in ("The price is high", "All fine"):
        answer = factories.respond(survey, 3, email=ann.email, comment=text)
    Event.objects.update(occurred_at=ago(2))
    Response.objects.filter(pk=answer.pk).update(comment="")
    rule = a_rule(
        lead, trigger="comment.contains", trigger_settings={"words": "price"}, conditions={}, steps=[TASK]
    )

    made = dry_runs.start(rule=rule, actor=lead)

    assert sorted(verdicts(made)) == ["fires", "unknown"]
    assert queries.summary(made, lead).unknown == 1


def test_an_unfinished_rule_is_not_tried(lead: User) -> None:
    draft = authoring.create_rule(values={"name": "Half"}, actor=lead, is_draft=True)

    with pytest.raises(checking.NotReady):
        dry_runs.start(rule=draft, actor=lead)


@pytest.mark.parametrize("days", [0, 731, -5])
def test_the_window_has_bounds(lead: User, days: int) -> None:
    with pytest.raises(Refused):
        dry_runs.start(rule=a_rule(lead), actor=lead, days=days)


def test_a_large_history_is_looked_through_in_slices(
    frozen: Any, ann: Contact, lead: User, as_lead: Client, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "AT_ONCE", 2)
    for days in range(1, 9):
        scored(ann, 2, ago(days))
    rule = a_rule(lead, reentry="after_days", reentry_days=3)

    made = dry_runs.start(rule=rule, actor=lead, days=10)
    page = as_lead.get(reverse("workflows:rule_dry_run", args=[rule.pk])).content.decode()
    assert "Looking through the past" in page

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        dry_runs.work_off(made.pk, after_day=kill)
    drain()
    made.refresh_from_db()
    assert (made.state, made.days_done, made.events_seen) == ("done", 10, 8)
    assert verdicts(made).count("fires") == 3


def test_old_looks_at_the_past_go(frozen: Any, ann: Contact, lead: User) -> None:
    scored(ann, 2, ago(1))
    rule = a_rule(lead)

    for _ in range(5):
        dry_runs.start(rule=rule, actor=lead)

    assert DryRun.objects.filter(rule=rule).count() == dry_runs.KEPT
    assert DryRunHit.objects.count() == dry_runs.KEPT


# --- Switching on ------------------------------------------------------------------------------------------------
def test_switching_on_shows_first_what_it_would_have_done(frozen: Any, ann: Contact, lead: User, as_lead: Client) -> None:  # fmt: skip
    scored(ann, 2, ago(3))
    rule = a_rule(lead)

    page = as_lead.post(reverse("workflows:rule_switch", args=[rule.pk]), {"is_active": "1"}, follow=True)
    assert "Would have run <b>1 time</b> in 90 days" in page.content.decode()
    rule.refresh_from_db()
    assert not rule.is_active

    as_lead.post(reverse("workflows:rule_switch_on", args=[rule.pk]), {"confirm": "1"})
    rule.refresh_from_db()
    assert rule.is_active


# --- The same as the log -----------------------------------------------------------------------------------------
_BOUNDS = st.sampled_from([None, 3, 5, 8])
_events = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 10), st.integers(1, 60), st.integers(0, 3), st.sampled_from(["live", "live", "import"])),
    max_size=6,
)  # fmt: skip
_WORK = ("timeline_relay", "timeline_deliver", "workflow_step")
_rules = st.fixed_dictionaries(
    {
        "low": _BOUNDS,
        "plan": st.sampled_from([None, "Team"]),
        "mode": st.sampled_from(["all", "any"]),
        "reentry": st.sampled_from(["always", "never", "after_days"]),
        "one_run_per": st.sampled_from(["cause", "contact", "account"]),
        "waits": st.booleans(),
        "exits": st.sampled_from([[], ["replied"], ["answered"], ["replied", "unsubscribed"]]),
    }
)
_others = st.lists(
    st.tuples(
        st.sampled_from(["reply of a person", "reply to nobody", "declined"]), st.integers(0, 3), st.integers(1, 60)
    ),
    max_size=4,
)  # fmt: skip


class Differential(TestCase):
    """Random rules over random events: the dry run finds what the engine did, event for event."""

    @settings(max_examples=15, deadline=None)
    @given(_rules, _events, _others, st.randoms(use_true_random=False))
    def test_the_dry_run_finds_what_the_engine_did(
        self, described: dict[str, Any], events: list[Any], others: list[Any], random: Any
    ) -> None:
        Rule.objects.all().delete()
        if (
            "wait" not in catalogue.step_types
        ):  # an engine that knows no journeys keeps nobody from running again
            described = {**described, "reentry": "always", "one_run_per": "cause"}
        lead = factories.user("lead@example.com", role=Role.LEAD)
        people = []
        for number in range(3):
            account = factories.an_account(f"A{number}", plan="Team" if number else "Free", owner=lead)
            people.append(factories.a_contact(f"p{number}@example.com", account=account))
        people.append(factories.a_contact("p3@example.com", account=people[0].account))
        parts: list[Any] = []
        if described["low"] is not None:
            parts.append({"field": "event.score", "op": "lte", "value": described["low"]})
        if described["plan"]:
            is_listed = fields.known("response.scored")["plan"].kind == "choice"
            parts.append(
                {
                    "field": "plan",
                    "op": "in" if is_listed else "is",
                    "value": ["Team"] if is_listed else "Team",
                }
            )
        with time_machine.travel(FROZEN_AT - dt.timedelta(days=40), tick=False) as clock:
            rule = a_rule(
                lead,
                conditions={described["mode"]: parts} if parts else {},
                steps=[TASK, WAIT, TASK] if described["waits"] and "wait" in catalogue.step_types else [TASK],
                reentry=described["reentry"],
                reentry_days=9 if described["reentry"] == "after_days" else None,
                one_run_per=described["one_run_per"],
                exit_on=described["exits"],
            )
            Rule.objects.filter(pk=rule.pk).update(is_active=True)
            drain = Drain()
            happenings = [*events, *others]
            random.shuffle(happenings)
            for happening in happenings:
                _time_passes(clock, happening[2], drain)
                at = dt.datetime.now(dt.UTC)
                if len(happening) == 5:
                    who, score, _, late, origin = happening
                    event = scored(
                        people[who], score, at - dt.timedelta(days=3 * late), origin=Origin(origin)
                    )
                else:
                    event = _something_else(happening[0], people[happening[1]])
                Event.objects.filter(pk=event.pk).update(recorded_at=at)
                drain(*_WORK)
            clock.shift(dt.timedelta(minutes=1))  # what happens at the moment itself belongs to the next look
            made = dry_runs.start(rule=rule, actor=lead, days=120, as_if_live=False)

        acted = _causes(Run.objects.filter(rule=rule))
        assert acted == _causes(DryRunHit.objects.filter(dry_run=made, verdict__in=["fires", "held"]))


def _causes(rows: QuerySet[Any]) -> set[str]:
    return set(rows.values_list("cause_key", flat=True))


def _something_else(what: str, person: Contact) -> Event:
    number = Event.objects.count() + 1
    kind = "survey.declined" if what == "declined" else "message.received"
    return timeline.record(
        kind=kind, cause_key=f"other:{number}", account=person.account,
        contact=None if what == "reply to nobody" else person,
        data={"reason": "unsubscribed"} if what == "declined" else {},
    )  # fmt: skip


def _time_passes(clock: Any, hours: int, drain: Drain) -> None:
    """Hour after hour, as the tick does every minute: steps whose time has come are done."""
    from workflows.models import RunStep

    for _ in range(hours):
        clock.shift(dt.timedelta(hours=1))
        due = RunStep.objects.filter(state="pending", due_at__lte=dt.datetime.now(dt.UTC))
        if due.update(next_at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)):
            drain(*_WORK)
