"""Each source says what it promises, now and as known on a day in the past."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from accounts.models import Account, CustomField, Interaction, LifecycleStage, TrackedEvent
from core import clock
from surveys.insight import rollups
from surveys.models import Invitation, Response, SurveyVersion
from surveys.queries import figures
from surveys.services import responses
from team.models import User
from tests import factories
from tests.workflows.health.builders import component, config, in_force, point, profile
from workflows.health import compute, defaults, queries
from workflows.health import config as configuration
from workflows.health.domain import Config
from workflows.models import AccountHealth, HealthSentiment, HealthSnapshot, Task
from workflows.services import health

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

WIDE = {"kind": "linear", "worst": -100000, "best": 100000}
Said = Callable[..., Any]


def one(source: str, transform: dict[str, Any] | None = None, **settings: Any) -> Config:
    return configuration.read(
        config(profile(component("c", source, settings=settings, transform=transform or WIDE)))
    )


def said(checked: Config, account: Account, *, at: dt.datetime | None = None) -> Any:
    """The value that the only component has, now or as known at a moment."""
    (row,) = compute.at(checked, at or clock.now(), accounts=[account.pk], is_past=at is not None)
    stored = AccountHealth(parts=row.parts).said()
    (reading,) = queries.readings_of(checked.profiles[0], stored, at or clock.now())
    return reading.value


def interaction(account: Account, user: User | None, kind: str, days_ago: float) -> None:
    Interaction.objects.create(
        account=account, user=user, kind=kind, subject="x", happened_at=clock.now() - dt.timedelta(days=days_ago),
        created_at=clock.now() - dt.timedelta(days=days_ago),
    )  # fmt: skip


def test_metrics_give_their_latest_their_trend_and_their_share() -> None:
    account = factories.an_account(seats=40)
    for value, days in ((10, 60), (20, 31), (30, 2)):
        point(account, "use", value, days_ago=days)
    point(account, "paid", 60, days_ago=1)
    assert said(one("metric", metric="use"), account) == 30
    assert said(one("metric_trend", metric="use", days=30, measure="percent"), account) == 50
    assert said(one("metric_trend", metric="use", days=30, measure="difference"), account) == 10
    assert said(one("metric_share", metric="use"), account) == 75
    assert said(one("metric_share", metric="use", whole="paid"), account) == 50
    assert said(one("metric", metric="unknown"), account) is None


def test_a_metric_is_known_from_its_recording_on_and_as_it_was_before_its_correction() -> None:
    account = factories.an_account()
    point(account, "use", 10, days_ago=20, recorded_days_ago=20)
    point(account, "use", 99, days_ago=20, recorded_days_ago=5)
    point(account, "use", 50, days_ago=10, recorded_days_ago=3)
    ago = [clock.now() - dt.timedelta(days=days) for days in (21, 12, 8, 4, 1)]
    checked = one("metric", metric="use")
    # The account's own history begins when it was made; it was there all along.
    account.history.update(history_date=clock.now() - dt.timedelta(days=400))
    assert [said(checked, account, at=at) for at in ago] == [None, 10, 10, 99, 50]


def test_the_last_touch_is_one_by_a_person_of_the_chosen_kinds(csm: User) -> None:
    account = factories.an_account()
    interaction(account, csm, "note", 1)
    interaction(account, None, "mail", 2)
    interaction(account, csm, "call", 9.5)
    kinds = ["call", "meeting", "mail"]
    assert said(one("touch", kinds=kinds), account) == 9
    assert said(one("touch", kinds=["note"]), account) == 1
    assert said(one("touch", kinds=["meeting"]), account) is None


def test_scores_count_as_their_definition_does_and_as_known_then(
    frozen: time_machine.Traveller, lead: User
) -> None:
    figures.definition("account").save()
    account = factories.an_account()
    survey = factories.a_survey()
    people = [factories.a_contact(f"p{n}@acme.example", account=account) for n in range(3)]
    moments = []
    for score, person in ((2, 0), (9, 1), (10, 2), (8, 0)):
        frozen.shift(dt.timedelta(days=1))
        last = factories.respond(survey, score, contact_id=people[person].pk)
        moments.append(clock.now() + dt.timedelta(seconds=1))
    frozen.shift(dt.timedelta(days=1))
    mean, nps = ({"definition": "account", "figure": figure, "min_people": 1} for figure in ("mean", "nps"))
    assert said(one("score", **mean), account) == 9
    assert said(one("score", **nps), account) == pytest.approx(100 * 2 / 3)
    assert [said(one("score", **mean), account, at=at) for at in moments] == [2, 5.5, 7, 9]
    assert said(one("score", **{**mean, "min_people": 4}), account) is None
    responses.exclude_responses(responses=Response.objects.filter(pk=last.pk), reason="A test", actor=lead)
    assert said(one("score", **mean), account) == 7
    assert said(one("score", **mean), account, at=moments[-1]) == 9


def test_silence_grows_only_after_enough_asks_without_an_answer(frozen: time_machine.Traveller) -> None:
    account = factories.an_account()
    survey = factories.a_survey()
    ann = factories.a_contact(account=account)
    version = SurveyVersion.objects.create(survey=survey, number=1, content={})

    def ask(key: str) -> None:
        Invitation.objects.create(
            version=version, account=account, contact=ann, recipient_key=key, asked_at=clock.now(),
            planned_at=clock.now(),
        )  # fmt: skip

    quiet = one("silence", asks=2)
    assert said(quiet, account) is None
    factories.respond(survey, 9, contact_id=ann.pk)
    assert said(quiet, account) == 0
    seen = []
    for key in "ab":
        frozen.shift(dt.timedelta(days=30))
        ask(key)
        seen.append(said(quiet, account))
        assert said(quiet, account, at=clock.now()) == seen[-1]
    assert seen == [0, 60]
    never = factories.an_account("Never")
    Invitation.objects.create(
        version=version, account=never, recipient_key="n", asked_at=clock.now() - dt.timedelta(days=9),
        planned_at=clock.now(),
    )  # fmt: skip
    assert [said(one("silence", asks=asks), never) for asks in (1, 2)] == [9, 0]


def test_overdue_tasks_are_counted_also_those_that_were_finished_since(
    frozen: time_machine.Traveller, csm: User
) -> None:
    account = factories.an_account()
    overdue = one("tasks_overdue")
    task = Task.objects.create(
        title="Call", account=account, assignee=csm, due_at=clock.now() + dt.timedelta(days=1)
    )
    assert said(overdue, account) == 0
    frozen.shift(dt.timedelta(days=2))
    then = clock.now()
    assert said(overdue, account) == 1
    frozen.shift(dt.timedelta(days=1))
    task.state, task.completed_at = "done", clock.now()
    task.save()
    assert said(overdue, account) == 0
    assert said(overdue, account, at=then) == 1


def test_open_tickets_are_those_opened_less_those_closed() -> None:
    account, other = factories.an_account(), factories.an_account("Other")
    tickets = one("tickets", opened="ticket.created", closed="ticket.solved", days=90)
    assert said(tickets, account) is None
    for name, days in (
        ("ticket.created", 200),
        ("ticket.created", 8),
        ("ticket.created", 5),
        ("ticket.solved", 1),
    ):
        when = clock.now() - dt.timedelta(days=days)
        TrackedEvent.objects.create(
            name=name, account=account, source="desk", occurred_at=when, received_at=when
        )
    assert (said(tickets, account), said(tickets, other)) == (1, 0)
    account.history.update(history_date=clock.now() - dt.timedelta(days=400))
    assert said(tickets, account, at=clock.now() - dt.timedelta(days=2)) == 2


def test_dates_sentiment_and_arr_of_the_account(frozen: time_machine.Traveller, csm: User) -> None:
    stage = LifecycleStage.objects.create(name="Growth")
    account = factories.an_account(
        renewal_on=dt.date(2026, 4, 16), stage=stage, stage_since=dt.date(2026, 3, 10), arr=1000
    )
    health.set_sentiment(account=account, value=4, note="", actor=csm)
    before = clock.now()
    assert said(one("renewal_days"), account) == 30
    assert said(one("stage_days"), account) == 7
    assert said(one("sentiment"), account) == 4
    assert said(one("arr_change", days=30), account) is None
    frozen.shift(dt.timedelta(days=40))
    account.arr, account.renewal_on = 1250, dt.date(2027, 4, 16)
    account.save()
    HealthSentiment.objects.create(account=account, value=1, at=clock.now())
    assert said(one("arr_change", days=30), account) == 25
    assert said(one("renewal_days"), account, at=before) == 30
    assert said(one("sentiment"), account, at=before) == 4
    assert said(one("sentiment"), account) == 1


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", 12.5, 12.5), ("number", "12", None), ("number", 1e300, None), ("boolean", True, "yes"),
        ("boolean", False, "no"), ("date", "2026-03-27", 10), ("date", "soon", None), ("choice", "paid", "paid"),
        ("text", 'a "b" 100%', 'a "b" 100%'), ("choice", None, None),
    ],
)  # fmt: skip
def test_custom_fields_give_numbers_days_or_words(kind: str, value: Any, expected: Any) -> None:
    CustomField.objects.create(target="account", key="x", label="X", type=kind)
    account = factories.an_account(custom={} if value is None else {"x": value})
    words = {"kind": "categories", "scores": {"paid": 100, "yes": 80, 'a "b" 100%': 3}, "other": 0}
    checked = one("custom", words if isinstance(expected, str) else None, field="x")
    assert said(checked, account) == expected
    compute.preview(checked)


def test_the_past_up_to_now_is_the_present(csm: User, frozen: time_machine.Traveller) -> None:
    """Replaying for this moment gives what computing gives: every source has one meaning."""
    defaults.ensure()
    figures.definition("account").save()
    survey = factories.a_survey()
    accounts = [
        factories.an_account(f"Account {n}", seats=10 + n, plan="big" if n % 2 else "small",
                             renewal_on=dt.date(2026, 3, 1) + dt.timedelta(days=40 * n))
        for n in range(6)
    ]  # fmt: skip
    for n, account in enumerate(accounts):
        ann = factories.a_contact(f"ann{n}@acme.example", account=account)
        if n % 3:
            factories.respond(survey, 3 * n % 11, contact_id=ann.pk)
        interaction(account, csm, "call", 10.25 * n)
        point(account, "active_users", n, days_ago=n)
        point(account, "open_tickets", 2 * n, days_ago=5 * n)
        if n % 2:
            health.set_sentiment(account=account, value=1 + n % 5, note="", actor=csm)
    only_big = {"field": "plan", "op": "in", "value": ["big"]}
    raw = {**defaults.CONFIG, "profiles": [
        {**defaults.CONFIG["profiles"][0], "key": "big", "conditions": only_big}, defaults.CONFIG["profiles"][0],
    ]}  # fmt: skip
    checked = in_force(raw)
    frozen.shift(dt.timedelta(seconds=1))
    rollups.fold()
    compute.recompute()
    now = {row.account: row for row in compute.at(checked, clock.now(), is_past=False)}
    then = {row.account: row for row in compute.at(checked, clock.now())}
    assert now == then
    assert {row.profile for row in now.values()} == {"big", "standard"}
    kept = AccountHealth.objects.values_list("account_id", "score", "parts")
    assert list(kept) == [(row.account, row.score, row.parts) for row in now.values()]


def test_backfilled_days_are_kept_once_and_never_over_what_was_kept(frozen: time_machine.Traveller) -> None:
    in_force(config(profile(component("use"))))
    account = factories.an_account()
    account.history.update(history_date=clock.now() - dt.timedelta(days=400))
    for days, value in ((20, 10), (10, 40)):
        point(account, "use", value, days_ago=days)
    compute.recompute()
    today = dt.date(2026, 3, 17)
    days = [today - dt.timedelta(days=back) for back in (28, 21, 14, 7)]
    assert compute.backfill(days) == 3
    scores = HealthSnapshot.objects.order_by("day").values_list("day", "score")
    assert list(scores) == [(days[0], None), (days[2], 10), (days[3], 40), (today, 40)]
    compute.backfill(days)
    assert HealthSnapshot.objects.count() == 4
