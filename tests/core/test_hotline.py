"""The connection that the threads of a web process lend each other, and its statements sent in one trip."""

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from core import hotline
from team.models import Team

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def line() -> Iterator[hotline.Hotline]:
    line = hotline.Hotline()
    yield line
    line.close()


def named(number: int, name: str) -> hotline.Statement:
    return "INSERT INTO team_team (id, name) VALUES ($1, $2)", [str(number).encode(), name.encode()]


def backend() -> int:
    [[(pid,)]] = hotline.trip(("SELECT pg_backend_pid()", ()))
    return int(pid)


def test_threads_share_one_connection_and_keep_their_own(line: hotline.Hotline) -> None:
    own, pids = connection.connection, []

    def work() -> None:
        with line.held():
            pids.append(backend())

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
    work()

    assert pids == [pids[0]] * 3
    assert connection.connection is own
    assert not hotline.is_held()


def test_in_a_transaction_a_thread_keeps_its_own_connection(line: hotline.Hotline) -> None:
    with transaction.atomic(), line.held():
        assert not hotline.is_held()


def test_statements_of_one_trip_are_answered_each(line: hotline.Hotline) -> None:
    with line.held():
        for _ in range(2):
            assert hotline.trip(
                ("SELECT $1::bigint + 1", [b"41"]), ("SELECT 1 WHERE FALSE", ()), ("SELECT $1::text", [None])
            ) == [[(42,)], [], [(None,)]]


@pytest.mark.parametrize("number", [7, 7_000_000_000])
def test_values_of_python_are_sent_with_their_types(line: hotline.Hotline, number: int) -> None:
    at, day = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC), dt.timedelta(days=1)
    with line.held():
        for _ in range(2):
            assert hotline.trip_with(("SELECT $1 - interval '1 day', $2 + 1", [at, number]), ("SELECT 1", [])) == [
                [(at - day, number + 1)], [(1,)],
            ]  # fmt: skip


def test_the_orm_and_trips_are_one_transaction(line: hotline.Hotline) -> None:
    with line.held():
        with transaction.atomic():
            hotline.trip(named(7001, "North"))
            Team.objects.create(name="South")
            assert Team.objects.count() == 2
            transaction.set_rollback(True)
        assert not Team.objects.exists()


def test_a_commit_on_the_way_ends_the_transaction_of_the_block(line: hotline.Hotline) -> None:
    with line.held(), transaction.atomic():
        hotline.trip(named(7001, "North"), ("COMMIT", ()))
    assert Team.objects.count() == 1


def test_an_error_is_raised_as_django_would_and_the_line_goes_on(line: hotline.Hotline) -> None:
    with line.held():
        with pytest.raises(DataError), transaction.atomic():
            hotline.trip(("SELECT $1::int", [b"x"]), ("SELECT 'never prepared'", ()))
        with pytest.raises(IntegrityError), transaction.atomic():
            hotline.trip(named(7001, "North"), named(7001, "South"))
        assert hotline.trip(("SELECT $1::int", [b"7"]), ("SELECT 'never prepared'", ())) == [
            [(7,)],
            [("never prepared",)],
        ]


def test_a_dead_connection_is_an_operational_error_and_the_next_one_is_new(line: hotline.Hotline) -> None:
    with line.held():
        dead = backend()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [dead])
    with line.held():
        connection.health_check_done = True
        with pytest.raises(OperationalError):
            hotline.trip(("SELECT 1", ()))
    with line.held():
        assert backend() != dead


def test_a_statement_larger_than_the_socket_holds_arrives(line: hotline.Hotline) -> None:
    text = b"x" * 3_000_000
    with line.held():
        assert (
            hotline.trip(("SELECT $1::text", [text]), ("SELECT $1::text", [text])) == [[(text.decode(),)]] * 2
        )


def test_two_who_hold_a_line_at_once_have_one_each(line: hotline.Hotline) -> None:
    inside, pids = threading.Barrier(2), []

    def work() -> None:
        with line.held():
            inside.wait(20)
            pids.append(backend())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(set(pids)) == 2
