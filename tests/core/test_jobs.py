"""Wake-ups, the tick, and jobs with progress."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from core import jobs, outbox
from core.broker import Broker
from core.errors import Refused
from core.models import Heartbeat, Instance, Job
from core.outbox import Kind, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def kinds() -> Iterator[dict[str, Any]]:
    """Handlers registered in a test are gone after it."""
    before = dict(jobs._handlers)
    yield jobs._handlers
    jobs._handlers.clear()
    jobs._handlers.update(before)


def queued() -> list[str]:
    return list(OrmQ.objects.order_by("id").values_list("payload", flat=True))


def test_wake_ups_of_a_kind_are_one_row_until_one_is_taken() -> None:
    jobs.wake("a")
    jobs.wake("b")
    jobs.wake("a")
    assert queued() == ["drain:a", "drain:b"]
    OrmQ.objects.filter(payload="drain:a").update(lock=timezone.now() + dt.timedelta(minutes=15))
    jobs.wake("a")
    assert queued() == ["drain:a", "drain:b", "drain:a"]


def test_a_wake_up_goes_with_its_transaction() -> None:
    def write() -> None:
        with transaction.atomic():
            jobs.wake("a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert queued() == []


def test_the_queue_holds_words_and_takes_nothing_else() -> None:
    """Whoever could write to the queue's table, or call django-q2, still cannot make us run what he likes."""
    with pytest.raises(ValueError, match=r"core\.jobs"):
        async_task("os.system", "true")
    jobs.wake("a")
    broker = Broker(list_key=jobs.QUEUE)
    (pk, _), *rest = broker.dequeue() or []
    assert (OrmQ.objects.get(pk=pk).payload, rest) == ("drain:a", [])
    assert broker.dequeue() is None
    broker.acknowledge(pk)
    assert queued() == []
    OrmQ.objects.create(key=jobs.QUEUE, payload="gASVos.system", lock=timezone.now())
    jobs.run("gASVos.system")


def test_djangos_scheduler_queues_the_tick_and_nothing_stands_beside_it() -> None:
    Schedule.objects.create(name="bad", func="os.system", args="foo(")
    jobs.ensure_schedule()
    jobs.ensure_schedule()
    assert list(Schedule.objects.values_list("name", "minutes", "repeats")) == [("tick", 1, -1)]
    async_task(Schedule.objects.get().func, broker=Broker(list_key=jobs.QUEUE))
    assert queued() == ["tick"]


def test_the_tick_takes_back_wakes_and_goes_on_past_a_failing_step(kinds: dict[str, Any]) -> None:
    ran: list[str] = []
    jobs.on_tick("broken", lambda: 1 / 0)
    jobs.on_tick("fine", lambda: ran.append("fine"))
    jobs.handler("test")(lambda job: None)
    try:
        job = jobs.submit("test", 1)
        OrmQ.objects.all().delete()
        Job.objects.filter(pk=job.pk).update(
            state=State.CLAIMED, lease_until=timezone.now() - dt.timedelta(seconds=1), owner="gone"
        )
        jobs.run("tick")
    finally:
        del jobs._tick_functions["broken"], jobs._tick_functions["fine"]
    assert ran == ["fine"]
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("pending", 1)
    assert "drain:job" in queued()
    assert Heartbeat.objects.filter(name="tick").exists()
    assert Instance.objects.get().fingerprint == outbox.fingerprint()


def test_a_job_shows_its_progress_and_ends(kinds: dict[str, Any], drain: Any) -> None:
    seen: list[dict[str, Any]] = []

    @jobs.handler("test")
    def work(job: jobs.JobContext) -> None:
        job.save(position=3)
        job.report(3, 3)
        seen.append({**job.payload, "subject": job.subject_id})

    first = jobs.submit("test", 7, key="once", payload={"of": 1}, requested_by=5)
    assert jobs.submit("test", 7, key="once").pk == first.pk
    jobs.drain("job")
    first.refresh_from_db()
    assert (first.state, first.progress_done, first.progress_total, first.requested_by) == ("done", 3, 3, 5)
    assert seen == [{"of": 1, "position": 3, "subject": 7}]


def test_a_job_that_was_interrupted_carries_on_from_what_it_saved(
    kinds: dict[str, Any], monkeypatch: Any
) -> None:
    written: list[int] = []

    @jobs.handler("test", long=True)
    def work(job: jobs.JobContext) -> None:
        position = job.payload.get("position", 0)
        while position < 5:
            written.append(position)
            position += 1
            job.save(position=position)
            if position == 2 and job.job.attempts == 0:
                raise ConnectionError
            job.report(position, 5)

    job = jobs.submit("test", 1)
    jobs.drain("long_job")
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == ("pending", 1, "ConnectionError")
    Job.objects.update(next_at=timezone.now() - dt.timedelta(seconds=1))
    jobs.drain("long_job")
    job.refresh_from_db()
    assert (job.state, written) == ("done", [0, 1, 2, 3, 4])


@pytest.mark.django_db(transaction=True)
def test_a_long_job_makes_room_when_its_time_is_up(kinds: dict[str, Any], monkeypatch: Any) -> None:
    slices: list[int] = []

    @jobs.handler("test", long=True)
    def work(job: jobs.JobContext) -> None:
        position = job.payload.get("position", 0)
        slices.append(position)
        while position < 3:
            position += 1
            job.save(position=position)
            job.report(position, 3)

    monkeypatch.setattr(jobs, "JOB_SLICE_SECONDS", -1)
    job = jobs.submit("test", 1)
    jobs.drain("long_job")
    job.refresh_from_db()
    assert (job.state, job.attempts, slices) == ("done", 0, [0, 1, 2])


def test_a_refused_job_fails_with_its_message_and_tells(kinds: dict[str, Any]) -> None:
    told: list[str] = []

    @jobs.handler("test", on_failed=lambda job: told.append(job.error))
    def work(job: jobs.JobContext) -> None:
        raise Refused("The file has no header row.")

    job = jobs.submit("test", 1)
    jobs.drain("job")
    job.refresh_from_db()
    assert (job.state, job.error, told) == (
        "failed",
        "The file has no header row.",
        ["The file has no header row."],
    )


def test_a_job_nobody_can_do_is_refused_when_submitted_and_fails_when_found() -> None:
    with pytest.raises(LookupError):
        jobs.submit("unknown", 1)
    outbox.add([Job(key="old", kind="unknown")])
    jobs.drain("job")
    assert Job.objects.get().state == "failed"


def test_what_a_drain_wakes_is_done_by_it_at_once(kinds: dict[str, Any]) -> None:
    done: list[str] = []

    @jobs.handler("second")
    def second(job: jobs.JobContext) -> None:
        done.append("second")

    def first(batch: outbox.Batch[Job]) -> None:
        jobs.submit("second")
        batch.done(batch.rows)

    outbox.register(Kind("first", Job, first, scope=Q(kind="first")))
    try:
        outbox.unregister(jobs.JOB)
        outbox.register(Kind(jobs.JOB, Job, jobs._work_jobs, scope=Q(kind="second"), batch=1))
        outbox.add([Job(key="first", kind="first")])
        jobs.drain("first")
    finally:
        outbox.unregister("first")
        jobs.register_job_kinds()
    assert done == ["second"]


def test_a_restored_database_is_released_with_what_was_due_in_doubt(settings: Any) -> None:
    outbox.adopt()
    outbox.register(Kind("mailing", Job, lambda batch: None, scope=Q(kind="mailing")))
    try:
        outbox.add([Job(key="due", kind="mailing")])
        outbox.add([Job(key="later", kind="mailing", next_at=timezone.now() + dt.timedelta(days=1))])
        settings.INSTANCE_ID = "restored"
        assert outbox.is_held()
        call_command("release_outbox")
        assert not outbox.is_held()
        assert dict(Job.objects.values_list("key", "state")) == {"due": "in_doubt", "later": "pending"}
        call_command("release_outbox", "--hold")
        assert outbox.is_held()
        call_command("release_outbox")
        assert Job.objects.get(key="later").state == "pending"
    finally:
        outbox.unregister("mailing")
