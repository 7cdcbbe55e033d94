"""The engine over one table: what is claimed, fenced, settled, taken back and given up."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from core import jobs, outbox
from core.errors import Refused
from core.models import Instance, Job
from core.outbox import Batch, Kind, State

pytestmark = pytest.mark.django_db

NAME = "test_kind"


def rows(*numbers: int, **fields: Any) -> list[Job]:
    outbox.add([Job(key=f"test:{number}", kind="test", subject_id=number, **fields) for number in numbers])
    return list(Job.objects.filter(kind="test").order_by("subject_id"))


def states() -> dict[int | None, str]:
    return dict(Job.objects.filter(kind="test").values_list("subject_id", "state"))


def expire_leases() -> None:
    Job.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - dt.timedelta(minutes=1))


def make_due() -> None:
    Job.objects.filter(state=State.PENDING).update(next_at=timezone.now() - dt.timedelta(minutes=1))


Register = Callable[..., Kind]


@pytest.fixture
def kind() -> Iterator[Register]:
    def register(handle: Callable[[Batch[Any]], None] = lambda batch: None, **options: Any) -> Kind:
        return outbox.register(Kind(NAME, Job, handle, scope=Q(kind="test"), **options))

    for name in (jobs.JOB, jobs.LONG_JOB):  # they would claim the same table's rows
        outbox.unregister(name)
    yield register
    outbox.unregister(NAME)
    jobs.register_job_kinds()


def test_the_same_work_written_twice_is_one_row() -> None:
    rows(1, 2)
    assert len(rows(2, 3)) == 3


def test_rows_of_a_transaction_that_fails_are_never_there() -> None:
    def write() -> None:
        with transaction.atomic():
            rows(1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert not Job.objects.exists()


def test_a_batch_goes_from_claim_over_fence_to_done(kind: Register) -> None:
    seen: list[tuple[str, int]] = []

    def handle(batch: Batch[Job]) -> None:
        assert states() == {1: "claimed", 2: "claimed"}
        sent = batch.fence(batch.rows)
        seen.extend((row.state, row.attempts) for row in sent)
        assert states() == {1: "sending", 2: "sending"}
        assert batch.done(sent, progress_done=7) == 2

    rows(1, 2)
    assert outbox.work(kind(handle)) == 2
    assert seen == [("sending", 1), ("sending", 1)]
    assert list(Job.objects.values_list("state", "progress_done", "error")) == [("done", 7, "")] * 2
    assert outbox.work(kind(handle)) == 0


def test_a_claimed_row_belongs_to_one_batch(kind: Register) -> None:
    rows(1, 2, 3)
    first, second, third = (outbox.claim(kind(batch=2)) for _ in range(3))
    assert first is not None
    assert second is not None
    assert [len(first.rows), len(second.rows), third] == [2, 1, None]
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}


def test_rows_that_are_not_due_or_filtered_out_wait(kind: Register) -> None:
    rows(1, next_at=timezone.now() + dt.timedelta(minutes=5))
    rows(2, 3)
    only_three = kind(filter=lambda: Q(subject_id=3))
    batch = outbox.claim(only_three)
    assert batch is not None
    assert [row.subject_id for row in batch.rows] == [3]
    assert not outbox.is_due(only_three)
    assert outbox.is_due(kind())


def test_the_fence_refuses_what_was_taken_cancelled_or_no_longer_allowed(kind: Register) -> None:
    rows(1, 2, 3, 4)
    batch = outbox.claim(kind())
    assert batch is not None
    one, two, three, four = batch.rows
    Job.objects.filter(pk=one.pk).update(state=State.CANCELLED)
    Job.objects.filter(pk=two.pk).update(owner="someone else")
    Job.objects.filter(pk=three.pk).update(lease_until=timezone.now())
    assert [row.pk for row in batch.fence([one, two, three, four], ~Q(subject_id=99))] == [four.pk]
    assert batch.fence([four]) == []
    Job.objects.filter(pk=four.pk).update(state=State.CLAIMED, attempts=0)
    assert batch.fence([four], Q(subject_id=99)) == []


def test_a_stale_worker_cannot_settle_a_row_that_another_has_now(kind: Register) -> None:
    rows(1)
    stale = outbox.claim(kind(idempotent=True))
    assert stale is not None
    expire_leases()
    assert outbox.reap() == 1
    fresh = outbox.claim(kind(idempotent=True))
    assert fresh is not None
    assert stale.fence(stale.rows) == []
    assert stale.done(stale.rows) == 0
    assert fresh.done(fresh.rows) == 1


def test_retry_backs_off_on_a_growing_and_jittered_pause_until_the_row_is_dead(kind: Register) -> None:
    dead: list[int | None] = []
    rows(1)
    register = kind(max_attempts=3, on_dead=lambda row: dead.append(row.subject_id))
    pauses = []
    for attempt in (1, 2, 3):
        batch = outbox.claim(register)
        assert batch is not None
        batch.retry(batch.fence(batch.rows), "451 busy")
        row = Job.objects.get(subject_id=1)
        assert row.attempts == attempt
        pauses.append((row.next_at - timezone.now()).total_seconds())
        make_due()
    assert 29 < pauses[0] < 91
    assert 59 < pauses[1] < 181
    assert dead == [1]
    assert states() == {1: "dead"}
    assert outbox.claim(register) is None
    assert outbox.retry_by_hand(Job.objects.all()) == 1
    assert outbox.claim(register) is not None


def test_retry_after_a_given_pause_and_release_without_counting(kind: Register) -> None:
    rows(1, 2)
    batch = outbox.claim(kind())
    assert batch is not None
    fenced = batch.fence(batch.rows)
    batch.retry(fenced[:1], "429", after=3600)
    batch.release(fenced[1:])
    one, two = Job.objects.order_by("subject_id")
    assert (one.attempts, two.attempts) == (1, 0)
    assert 3590 < (one.next_at - timezone.now()).total_seconds() < 3610
    assert (two.state, two.owner) == ("pending", "")


@pytest.mark.parametrize(("idempotent", "after_fence"), [(False, "in_doubt"), (True, "pending")])
def test_leases_of_lost_workers_are_taken_back(kind: Register, *, idempotent: bool, after_fence: str) -> None:
    rows(1, 2)
    batch = outbox.claim(kind(idempotent=idempotent))
    assert batch is not None
    batch.fence(batch.rows[1:])
    assert outbox.reap() == 0
    expire_leases()
    assert outbox.reap() == 2
    assert states() == {1: "pending", 2: after_fence}
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}


def test_who_sent_it_may_still_resolve_the_doubt(kind: Register) -> None:
    rows(1)
    batch = outbox.claim(kind())
    assert batch is not None
    batch.fence(batch.rows)
    expire_leases()
    outbox.reap()
    assert states() == {1: "in_doubt"}
    assert batch.done(batch.rows) == 1
    assert states() == {1: "done"}


def test_a_row_that_kills_its_worker_is_isolated_and_given_up(kind: Register) -> None:
    """A kill leaves no trace but the expired lease, so that is what is played here."""
    rows(*range(1, 6))
    register = kind(idempotent=True)
    rounds = 0
    while (batch := outbox.claim(register)) is not None:
        rounds += 1
        if any(row.subject_id == 3 for row in batch.rows):
            expire_leases()
            outbox.reap()
        else:
            batch.done(batch.rows)
    assert states() == {1: "done", 2: "done", 3: "dead", 4: "done", 5: "done"}
    assert rounds == 1 + 4 + 4


def test_the_rows_of_a_dead_cluster_come_back_without_waiting_for_the_lease(
    kind: Register, settings: Any
) -> None:
    settings.WORKER_TOKEN = "aaaa1111"
    rows(1, 2)
    assert outbox.claim(kind(batch=1)) is not None
    settings.WORKER_TOKEN = "bbbb2222"
    assert outbox.claim(kind(batch=1)) is not None
    assert outbox.reap(token="aaaa1111") == 1
    assert sorted(states().values()) == ["claimed", "pending"]


def test_a_handler_that_breaks_off_blocks_nothing(kind: Register) -> None:
    def handle(batch: Batch[Job]) -> None:
        if any(row.subject_id == 2 for row in batch.rows):
            raise ValueError("bad value 'jo@example.com'")
        batch.done(batch.rows)

    rows(1, 2, 3)
    register = kind(handle, max_attempts=2)
    while outbox.work(register):
        make_due()
    assert states() == {1: "done", 2: "dead", 3: "done"}
    assert Job.objects.get(subject_id=2).error == "ValueError: bad value …"


def test_a_handler_that_forgets_a_row_gets_it_again(kind: Register) -> None:
    rows(1)
    outbox.work(kind())
    row = Job.objects.get()
    assert (row.state, row.attempts) == ("pending", 1)
    assert "unsettled" in row.error


def test_after_the_fence_a_broken_handler_leaves_doubt(kind: Register) -> None:
    def handle(batch: Batch[Job]) -> None:
        batch.fence(batch.rows)
        raise ConnectionResetError

    rows(1)
    outbox.work(kind(handle))
    assert states() == {1: "in_doubt"}


def test_per_row_work_is_one_transaction_each(kind: Register) -> None:
    def write(row: Job) -> None:
        Job.objects.create(key=f"made by {row.key}", kind="made")
        if row.subject_id == 2:
            raise Refused("Not this one.")
        if row.subject_id == 3:
            raise KeyError("secret")

    rows(1, 2, 3)
    outbox.work(kind(outbox.per_row(write)))
    assert states() == {1: "done", 2: "failed", 3: "pending"}
    assert list(Job.objects.filter(kind="made").values_list("key", flat=True)) == ["made by test:1"]
    assert Job.objects.get(subject_id=2).error == "Not this one."


@pytest.mark.parametrize("keep_done", [True, False])
@pytest.mark.parametrize("flush", [True, False])
def test_only_work_that_may_be_forgotten_whole_does_not_wait_for_the_disk(
    kind: Register, *, flush: bool, keep_done: bool
) -> None:
    rows(1)
    lazy = kind(outbox.per_row(lambda row: None), flush=flush, keep_done=keep_done)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL synchronous_commit = on")
        assert outbox.work(lazy) == 1
        assert states() == ({1: "done"} if keep_done else {})
        if connection.vendor == "postgresql":
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on" if flush else "off",)


def test_per_row_work_is_undone_when_the_lease_was_lost(kind: Register) -> None:
    def write(row: Job) -> None:
        Job.objects.create(key="made", kind="made")
        Job.objects.filter(pk=row.pk).update(owner="someone else")

    rows(1)
    outbox.work(kind(outbox.per_row(write)))
    assert not Job.objects.filter(kind="made").exists()


def test_finished_rows_may_be_deleted_instead_of_kept(kind: Register) -> None:
    rows(1)
    outbox.work(kind(lambda batch: batch.done(batch.rows), keep_done=False))
    assert not Job.objects.exists()


def test_a_limit_on_what_runs_at_once(kind: Register) -> None:
    rows(1, 2)
    limited = kind(batch=1, max_running=1)
    first = outbox.claim(limited)
    assert first is not None
    assert outbox.claim(limited) is None
    first.done(first.rows)
    assert outbox.claim(limited) is not None


def test_a_copied_database_does_nothing_until_it_is_released(kind: Register, settings: Any) -> None:
    outbox.adopt()
    rows(1)
    settings.INSTANCE_ID = "staging"
    assert outbox.claim(kind()) is None
    outbox.adopt()
    assert outbox.claim(kind()) is None
    settings.INSTANCE_ID = "default"
    assert outbox.claim(kind()) is not None
    assert Instance.objects.get().epoch == 1
