"""What a system that only sends has sent is read again from what is kept of it."""

import datetime as dt
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings as SettingsWrapper

from accounts.models import Contact, Event
from core import jobs
from core.errors import Refused
from integrations import rereading
from integrations.models import Connection, HookDelivery, RawAnswer, RunLine, SyncRun
from integrations.services import connections, hooks
from integrations.systems.webhook import Webhook
from surveys.models import Response, ResponseRevision, Survey
from team.models import User
from tests import factories
from tests.conftest import Drain
from tests.racing import PATIENCE, Crossing, at_once

FIRST = {"id": ["r.id"], "score": ["r.score"]}
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def body(id: str, score: Any = 9, **more: Any) -> dict[str, Any]:
    return {"r": {"id": id, "score": score, "stars": 3}, **more}


@pytest.fixture
def survey(db: None) -> Survey:
    return factories.a_survey()


@pytest.fixture
def heard(administrator: User, survey: Survey, frozen: time_machine.Traveller) -> Connection:
    made = connections.create_connection(system="webhook", actor=administrator)
    choice = connections.SurveyChoice(remote_id="", survey=survey)
    connections.choose_surveys(connection=made, choices=[choice], actor=administrator)
    connections.activate(connection=made, actor=administrator)
    return made


@pytest.fixture
def read_as(heard: Connection, administrator: User) -> Callable[..., None]:
    """Choose what stands where, from now on."""

    def choose(options: Mapping[str, str] | None = None, **places: str) -> None:
        if options:
            connections.change_connection(connection=heard, actor=administrator, options=options)
        mapping = {"answer_id": ["r.id"], **{role: [path] for role, path in places.items()}}
        connections.set_mapping(connection=heard, mapping=mapping, actor=administrator)

    return choose


@pytest.fixture
def deliver(heard: Connection, drain: Drain) -> Callable[..., None]:
    url = connections.hook_url(heard).partition("//")[2]

    def post(*documents: Any) -> None:
        for document in documents:
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            answer = Client().post(url[url.index("/") :], data, content_type="application/json")
            assert answer.status_code == 200
        drain()

    return post


@pytest.fixture
def again(heard: Connection, administrator: User, drain: Drain) -> Callable[..., SyncRun]:
    def reread(since: dt.datetime = LONG_AGO) -> SyncRun:
        run = connections.rerun_since(connection=heard, since=since, actor=administrator)
        drain()
        run.refresh_from_db()
        return run

    return reread


def counts(run: SyncRun) -> tuple[int, int, int, int, int]:
    return (run.received, run.created, run.updated, run.unchanged, run.refused)


Do = Callable[..., None]
Again = Callable[..., SyncRun]


def test_another_field_for_the_score_corrects_what_came_before(
    read_as: Do, deliver: Do, again: Again
) -> None:
    read_as(score="r.score")
    deliver(body("1", 9), body("2", 3))
    read_as(score="r.stars")

    run = again()

    assert (run.title, run.state, counts(run)) == ("Kept answers read again", "done", (2, 0, 1, 1, 0))
    assert dict(Response.objects.values_list("external_id", "score")) == {"1": 3, "2": 3}
    corrected = Response.objects.get(external_id="1")
    assert [r.score for r in ResponseRevision.objects.filter(response=corrected).order_by("id")] == [9, 3]
    assert RawAnswer.objects.filter(run=run, result="updated").get().response == corrected


def test_read_the_same_way_nothing_changes(read_as: Do, deliver: Do, again: Again) -> None:
    read_as(score="r.score")
    deliver(body("1", 9), body("2", 3))
    before = list(Response.objects.order_by("pk").values())
    revisions = ResponseRevision.objects.count()

    runs = [again(), again()]

    assert [counts(run) for run in runs] == [(2, 0, 0, 2, 0)] * 2
    assert list(Response.objects.order_by("pk").values()) == before
    assert ResponseRevision.objects.count() == revisions


def test_what_was_refused_or_left_out_becomes_an_answer_once(read_as: Do, deliver: Do, again: Again) -> None:
    deliver(body("1", 9), {"r": {"id": "2"}, "no": "score"})
    read_as(score="r.score")
    deliver(body("3", "very good"))
    assert not Response.objects.exists()
    read_as(score="r.stars")

    first, second = again(), again()

    assert (first.created, first.skipped, second.created, second.unchanged) == (2, 1, 0, 2)
    assert set(Response.objects.values_list("external_id", "score", "origin")) == {
        ("1", 3, "backfill"),
        ("3", 3, "backfill"),
    }


def test_a_person_in_another_field_is_found(read_as: Do, deliver: Do, again: Again) -> None:
    ann = factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))
    read_as(score="r.score")
    deliver(body("1", 4, who="ann@acme.example"), body("2", 5, who="bob@elsewhere.example"))
    assert Response.objects.filter(contact=None).count() == 2
    read_as(score="r.score", email="who")

    again()

    first, second = Response.objects.order_by("external_id")
    assert (first.contact, first.identity) == (ann, "matched")
    assert (second.identity, second.identity_hint) == ("inbox", {"email": "bob@elsewhere.example"})


def test_a_moment_in_another_field_moves_the_answer_and_its_event(
    read_as: Do, deliver: Do, again: Again
) -> None:
    ann: Contact = factories.a_contact("ann@acme.example", account=factories.an_account("Acme"))
    read_as(score="r.score", email="who")
    deliver(body("1", 4, who="ann@acme.example", at="2026-03-02T10:00:00Z"))
    read_as(score="r.score", email="who", responded_at="at")
    given = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)

    first, second = again(), again()

    answer = Response.objects.get()
    assert (answer.responded_at, answer.redated_at is not None) == (given, True)
    assert Event.objects.get(kind="response.scored", contact=ann).occurred_at == given
    assert (first.updated, second.updated, second.unchanged) == (1, 0, 1)
    assert list(ResponseRevision.objects.order_by("id").values_list("responded_at", flat=True))[-1] == given


def test_an_older_time_in_another_field_does_not_keep_what_is_kept_from_being_read(
    read_as: Do, deliver: Do, again: Again
) -> None:
    read_as(score="r.score", updated_at="sent")
    deliver(body("1", 9, sent="2026-03-10T10:00:00Z", changed="2026-03-01T10:00:00Z"))
    read_as(score="r.stars", updated_at="changed")

    assert again().updated == 1
    assert Response.objects.get().score == 3


def test_an_id_in_another_field_renames_the_answer(
    heard: Connection, administrator: User, read_as: Do, deliver: Do, again: Again
) -> None:
    read_as(score="r.score")
    deliver(body("1", 9, number="A-7"))
    read_as(score="r.score", answer_id="number")

    again()
    deliver(body("1", 2, number="A-7"))

    assert list(Response.objects.values_list("external_id", "score")) == [("A-7", 2)]


def test_a_field_that_is_no_id_makes_no_one_answer_of_many(read_as: Do, deliver: Do, again: Again) -> None:
    read_as(score="r.score")
    deliver(*(body(str(n), n, form="f1") for n in range(4)))
    read_as(score="r.score", answer_id="form")

    run = again()

    assert sorted(Response.objects.values_list("score", flat=True)) == [0, 1, 2, 3]
    assert RunLine.objects.filter(run=run, field="external_id").count() == 3
    assert again().received == 4


def test_what_cannot_be_an_id_renames_nothing(read_as: Do, deliver: Do, again: Again) -> None:
    read_as(score="r.score")
    deliver(body("1", 9, number="A\x00" * 3), body("2", 8, number="x" * 201))
    read_as(score="r.score", answer_id="number")

    again()

    assert set(Response.objects.values_list("external_id", "score")) >= {("2", 8)}
    assert Response.objects.count() == 2


def test_a_list_that_was_read_as_one_answer_is_taken_apart(read_as: Do, deliver: Do, again: Again) -> None:
    read_as(score="r.score")
    rows = [{"r": {"id": str(n), "score": n}} for n in range(3)]
    deliver({"survey": "s1", "rows": rows})
    assert not Response.objects.exists()
    read_as({"records": "rows"}, score="r.score")

    assert again().created == 3
    assert again().created == 0


def test_what_stands_around_a_list_can_be_chosen_later(read_as: Do, deliver: Do, again: Again) -> None:
    read_as({"records": "data.rows"}, score="r.score")
    rows = [{"r": {"id": str(n), "score": n}} for n in range(2)]
    deliver({"sent": "2026-03-02T10:00:00Z", "data": {"rows": rows, "page": 1}})
    read_as(score="r.score", responded_at="sent")

    assert again().updated == 2
    assert {at.day for at in Response.objects.values_list("responded_at", flat=True)} == {2}


def test_deliveries_that_could_not_be_read_are_tried_again(
    heard: Connection, read_as: Do, deliver: Do, again: Again
) -> None:
    read_as({"records": "rows"}, score="r.score")
    deliver({"items": [{"r": {"id": "1", "score": 8}}]})
    assert HookDelivery.objects.get().verdict == "unreadable"
    read_as({"records": "items"}, score="r.score")

    run = again()

    assert Response.objects.get().score == 8
    assert "tried again" in RunLine.objects.get(run=run).message


def test_only_what_came_in_since_that_day_and_is_kept(
    heard: Connection,
    read_as: Do,
    deliver: Do,
    again: Again,
    frozen: time_machine.Traveller,
    settings: SettingsWrapper,
) -> None:
    read_as(score="r.score")
    deliver(body("1"))
    frozen.shift(dt.timedelta(days=10))
    deliver(body("2"))
    read_as(score="r.stars")
    kept_since = RawAnswer.objects.get(external_id="2").received_at

    assert again(kept_since - dt.timedelta(days=1)).updated == 1
    assert RawAnswer.objects.get(external_id="2").received_at == kept_since
    settings.RAW_ANSWER_DAYS = 5
    hooks.forget_old()
    assert again().received == 1
    assert Response.objects.get(external_id="1").score == 9


def test_a_person_erased_here_is_not_read_again(read_as: Do, deliver: Do, again: Again) -> None:
    read_as(score="r.score")
    deliver(body("1"))
    RawAnswer.objects.update(is_erased=True)

    assert again().received == 0


def test_a_kill_on_the_way_repeats_nothing(
    read_as: Do,
    deliver: Do,
    heard: Connection,
    administrator: User,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_as(score="r.score")
    deliver(*(body(str(n), n) for n in range(6)))
    read_as(score="r.stars")
    monkeypatch.setattr(rereading, "SLICE", 2)
    report, calls = jobs.JobContext.report, []

    def dies_once(self: jobs.JobContext, done: int, total: int | None = None) -> None:
        calls.append(done)
        if len(calls) == 2:
            raise SystemError("killed")
        report(self, done, total)

    monkeypatch.setattr(jobs.JobContext, "report", dies_once)
    run = connections.rerun_since(connection=heard, since=LONG_AGO, actor=administrator)
    drain()
    jobs.Job.objects.filter(state="pending").update(next_at=run.created_at)
    drain()

    run.refresh_from_db()
    assert (run.state, counts(run)) == ("done", (6, 0, 5, 1, 0))
    assert run.total == 6


def test_a_pause_stops_it_and_resuming_carries_on(
    read_as: Do, deliver: Do, heard: Connection, administrator: User, drain: Drain
) -> None:
    read_as(score="r.score")
    deliver(body("1", 9))
    read_as(score="r.stars")
    run = connections.rerun_since(connection=heard, since=LONG_AGO, actor=administrator)
    connections.pause(connection=heard, actor=administrator)
    drain()
    assert Response.objects.get().score == 9

    connections.resume(connection=heard, actor=administrator)
    drain()

    run.refresh_from_db()
    assert (run.state, Response.objects.get().score) == ("done", 3)


def test_it_plans_no_pull_and_sends_no_mail(
    read_as: Do, deliver: Do, again: Again, heard: Connection, mailoutbox: Any
) -> None:
    read_as(score="r.score")
    deliver(body("1", 9))

    again()

    heard.refresh_from_db()
    assert (heard.next_run_at, heard.first_sync_at, mailoutbox) == (None, None, [])


def test_a_paused_connection_reads_nothing_again(heard: Connection, administrator: User) -> None:
    connections.pause(connection=heard, actor=administrator)

    with pytest.raises(Refused, match="Resume"):
        connections.rerun_since(connection=heard, since=LONG_AGO, actor=administrator)


def test_the_page_says_what_is_kept_and_for_how_long(
    read_as: Do, deliver: Do, heard: Connection, as_administrator: Client, drain: Drain
) -> None:
    url = f"/connections/{heard.pk}/"
    assert "Nothing is kept yet" in as_administrator.get(url).content.decode()
    read_as(score="r.score")
    deliver(body("1"), body("2"))

    page = as_administrator.get(url).content.decode()
    assert "2 answers are kept as they came" in page
    assert "each for 365 days" in page
    as_administrator.post(f"{url}rerun/", {"since": "2026-01-01"})
    drain()

    run = SyncRun.objects.get(kind="reread")
    assert (run.state, run.received) == ("done", 2)
    assert "Kept answers read again" in as_administrator.get(url).content.decode()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_news_that_comes_while_kept_answers_are_read_is_not_overwritten(
    read_as: Do, deliver: Do, heard: Connection, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_as(score="r.score", updated_at="changed")
    deliver(body("1", 9, changed="2026-03-10T10:00:00Z"))
    run = connections.rerun_since(connection=heard, since=LONG_AGO, actor=administrator)
    address = connections.hook_url(heard).partition("//")[2]
    Client().post(
        address[address.index("/") :], json.dumps(body("1", 2, changed="2026-03-11T10:00:00Z")),
        content_type="application/json",
    )  # fmt: skip
    crossing, is_reading = Crossing(), threading.Event()
    read = Webhook.reread

    def reread_slowly(self: Webhook, link: Any, kept: Any) -> Any:
        is_reading.set()
        crossing.meet()
        return read(self, link, kept)

    monkeypatch.setattr(Webhook, "reread", reread_slowly)

    said = at_once(
        crossing.travel(lambda: Drain()("long_job")),
        crossing.travel(lambda: is_reading.wait(PATIENCE) and Drain()(hooks.DELIVERY)),
    )

    assert not [one for one in said if isinstance(one, Exception)]
    run.refresh_from_db()
    assert (run.state, Response.objects.get().score) == ("done", 2)
