"""The door of answers on the connection that its threads share: the same refusals and the same exact rate."""

import datetime as dt
import random
import re
from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from psycopg.errors import UniqueViolation

from accounts.models import Event
from core import hotline
from core.models import RateBucket
from surveys import sql
from surveys.api import door as answer_door
from surveys.ingest import Answer, ingest
from surveys.models import ContactScore, FigureMark, Response, ResponseRevision
from team.authentication import new_key
from team.models import ApiKey, Workspace
from tests import factories

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


class Door:
    def __init__(self, **columns: Any) -> None:
        text, prefix, digest = new_key()
        self.text = text
        owner = factories.user("lead@example.com", role="lead")
        self.key = ApiKey.objects.create(
            name="door", user=owner, prefix=prefix, digest=digest,
            **{"scopes": ["responses:write"], "rate_limit": 3, **columns},
        )  # fmt: skip
        self.survey = factories.a_survey()

    def send(self, text: str = "", **more: Any) -> Any:
        return Client().post(
            "/api/v1/responses",
            {"survey": self.survey.pk, "score": 9, **more},
            content_type="application/json",
            headers={"Authorization": f"Bearer {text or self.text}"},
        )


def test_the_rate_of_a_key_is_exact_and_told() -> None:
    door = Door(rate_limit=1)  # the next one is a minute away
    factories.a_contact("ann@acme.example", account=factories.an_account())

    taken, refused = (door.send(email="ann@acme.example", external_id=f"x{n}") for n in range(2))

    assert (taken.status_code, refused.status_code) == (201, 429)
    assert (taken.headers["RateLimit-Limit"], taken.headers["RateLimit-Remaining"]) == ("1", "0")
    assert refused.headers["Retry-After"]
    assert Response.objects.count() == 1


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"revoked_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}, "revoked_key"),
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "expired_key"),
    ],
)
def test_a_key_that_is_over_takes_nothing_from_its_rate(columns: dict[str, Any], code: str) -> None:
    door = Door(**columns)

    refused = door.send()

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, code)
    assert not RateBucket.objects.filter(key=f"api:{door.key.pk}").exists()


def test_a_wrong_secret_takes_nothing_from_the_rate_of_the_key_it_names() -> None:
    door = Door()
    wrong = door.text[:-1] + ("A" if door.text[-1] != "A" else "B")

    assert door.send(wrong).status_code == 401
    assert not RateBucket.objects.filter(key=f"api:{door.key.pk}").exists()


def test_an_answer_again_changes_nothing_and_a_newer_one_updates() -> None:
    door = Door(rate_limit=100)
    ann = factories.a_contact("ann@acme.example", account=factories.an_account())

    said = {"email": ann.email, "external_id": "x1"}
    results = [
        door.send(**said).json()["result"],
        door.send(**said).json()["result"],
        door.send(**said, score=3, comment="Slow").json()["result"],
        door.send(email="nobody@acme.example", external_id="x2").json()["identity"],
    ]

    assert results == ["created", "unchanged", "updated", "inbox"]
    assert Response.objects.get(external_id="x1").score == 3


def what_is_known(prefix: str) -> tuple[Any, ...]:
    """Everything that follows from answers, without the keys that differ from one run to the next."""
    found = Response.objects.filter(external_id__startswith=prefix)
    names = {response.pk: response.external_id.removeprefix(prefix) for response in found}
    marks: Counter[tuple[Any, ...]] = Counter()
    keys = (
        "account_key",
        "survey_key",
        "channel",
        "score",
        "responded_at",
        "superseded_at",
        "plan",
        "owner_key",
    )
    for mark in FigureMark.objects.filter(account_key__in={response.account_id for response in found}):
        marks[tuple(getattr(mark, key) for key in keys[1:])] += mark.delta
    return (
        {names[response.pk]: (response.superseded_at, response.score) for response in found},
        sorted(
            (names[row.latest_id], row.latest_score, row.latest_at, names.get(row.previous_id), row.previous_score)
            for row in ContactScore.objects.filter(latest_id__in=names)
        ),
        {key: number for key, number in marks.items() if number},
        Counter(
            (event.kind, names[event.subject_id], event.data["score"])
            for event in Event.objects.filter(subject_type="response", subject_id__in=names)
        ),
        Counter(names[pk] for pk in ResponseRevision.objects.filter(response_id__in=names).values_list("response_id", flat=True)),
    )  # fmt: skip


def test_new_answers_take_the_same_places_in_one_statement_as_in_two() -> None:
    """In a transaction of somebody else's an answer is written and then put in its place; in its own, both at once."""
    survey = factories.a_survey()
    chance = random.Random(7)
    when = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    plans = [
        (chance.randrange(3), chance.randrange(11), when + dt.timedelta(days=chance.randrange(20)))
        for _ in range(40)
    ]
    known = []
    for prefix, own in (("a-", True), ("b-", False)):
        account = factories.an_account()
        emails = [factories.a_contact(f"{prefix}{n}@acme.example", account=account).email for n in range(2)]
        answers = [
            Answer(
                survey_id=survey.pk, score=score, source="test", channel="api", responded_at=at,
                external_id=f"{prefix}{n}", email=[*emails, f"{prefix}nobody@acme.example"][who],
            )
            for n, (who, score, at) in enumerate(plans)
        ]  # fmt: skip
        groups = [answers[:1], answers[1:2], answers[2:30], answers[28:]]
        for group in groups:
            with nullcontext() if own else transaction.atomic():
                ingest(group)
        known.append(what_is_known(prefix))

    assert known[0] == known[1]
    assert len(known[0][0]) == 40


def test_an_answer_that_another_writes_first_is_found_on_the_second_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    survey = factories.a_survey()
    ann = factories.a_contact("ann@acme.example", account=factories.an_account())
    answer = Answer(
        survey_id=survey.pk, score=9, source="test", channel="api", external_id="x1", email=ann.email,
        responded_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    look_up, looks = sql.look_up, []

    def looked_up_too_early(rows: Any) -> Any:
        looks.append(len(rows))
        found = look_up(rows)
        if len(looks) == 1:
            # As if that had been committed just behind our look.
            found = {n: {**row, "response_id": None} for n, row in found.items()}
        return found

    (first,) = ingest([answer])
    monkeypatch.setattr(sql, "look_up", looked_up_too_early)
    (second,) = ingest([answer])

    assert (second.result, second.response_id) == ("unchanged", first.response_id)
    assert len(looks) == 2
    assert ResponseRevision.objects.count() == Response.objects.count() == 1


def test_when_the_database_goes_away_at_the_commit_no_answer_is_sent_twice(monkeypatch: Any) -> None:
    """Whether they were stored is not known then; only the senders can say whether they want to risk a second one."""
    door = Door(rate_limit=100)
    factories.a_contact("ann@acme.example", account=factories.an_account())
    sent = hotline.trip

    def breaking(*statements: hotline.Statement) -> Any:
        found = sent(*statements)
        if any(text == "COMMIT" for text, _ in statements):
            connection.connection.close()
            raise OperationalError("server closed the connection unexpectedly")
        return found

    monkeypatch.setattr(hotline, "trip", breaking)
    slots = [
        answer_door._Slot(f"Bearer {door.text}", factories.answer_to(door.survey, 9, external_id=None), None)
        for _ in range(3)
    ]
    with answer_door.hotline_of_answers.held():
        answer_door._settle(slots)

    assert all(isinstance(slot.error, OperationalError) for slot in slots)
    assert Response.objects.count() == 3


def test_a_newcomer_whose_answer_lost_a_race_still_becomes_a_contact(monkeypatch: Any) -> None:
    Workspace.objects.update_or_create(pk=1, defaults={"creates_contacts": True})
    factories.an_account("Acme", domain="acme.example")
    survey = factories.a_survey()
    written, raced = sql.write, []

    def beaten(**arguments: Any) -> Any:
        if not raced:
            raced.append(1)
            cause = UniqueViolation("somebody was faster")
            raise IntegrityError("somebody was faster") from cause
        return written(**arguments)

    monkeypatch.setattr(sql, "write", beaten)
    ingest([factories.answer_to(survey, 9, external_id="x1", email="bob@acme.example")])

    response = Response.objects.get()
    assert (response.identity, response.contact and response.contact.email) == ("matched", "bob@acme.example")


@pytest.mark.parametrize(
    "statement",
    [sql._look_up_sql(True), sql._insert_in_chain_sql(()), sql._rechain_postgresql(())],
    ids=["look up", "write", "set right"],
)
def test_no_answer_is_taken_in_by_reading_all_answers(statement: str) -> None:
    """Each group of answers had read the whole table, as its plan was made while there were few."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")  # as on the line
        try:
            cursor.execute(f"EXPLAIN {statement}", ["{}" if "unnest" in statement else "[]"])
            plan = [line.strip() for (line,) in cursor.fetchall()]
        finally:
            cursor.execute("RESET enable_seqscan")

    reads = [k for k, line in enumerate(plan) if re.search(r"Scan .*on surveys_response\b", line)]
    assert reads
    assert all(re.match(r"(Index|Recheck) Cond", plan[k + 1]) for k in reads), "\n".join(plan)
