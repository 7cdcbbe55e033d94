"""Real processes are killed here. The long form of the storm is bench/storm.py."""

import signal
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.deployment import Deployment, wait_until
from tests.faults.postgres import PrivatePostgres, free_port
from tests.faults.storm import storm

pytestmark = pytest.mark.fault


@pytest.fixture
def postgres() -> Iterator[PrivatePostgres]:
    server = PrivatePostgres()
    yield server
    server.remove()


@pytest.fixture
def on_postgres(postgres: PrivatePostgres) -> Iterator[Deployment]:
    deployment = Deployment(database_url=postgres.url)
    yield deployment
    deployment.stop()


@pytest.fixture
def on_sqlite() -> Iterator[Deployment]:
    deployment = Deployment()
    yield deployment
    deployment.stop()


def works(deployment: Deployment, number: int = 1) -> None:
    """One quick row goes through: the cluster is up."""
    deployment.add("quick", [number])
    deployment.wake("drain:quick")
    assert wait_until(lambda: deployment.is_finished("quick"), 30), deployment.log.read_text()[-3000:]


@pytest.mark.postgres
def test_a_storm_of_kills_repeats_nothing_and_loses_nothing() -> None:
    result = storm(rows=600, seconds=25, workers=2, clusters=1, crashes=True, seed=20261121)
    assert result.is_finished
    assert result.duplicates == 0
    assert result.lost == 0
    assert set(result.states) <= {"done", "in_doubt"}
    assert result.states.get("in_doubt", 0) <= result.bound
    assert result.worker_kills + result.group_kills >= 3, "the storm was too mild to prove anything"


@pytest.mark.postgres
def test_a_hung_cluster_comes_back_by_itself(on_postgres: Deployment) -> None:
    on_postgres.start("worker")
    works(on_postgres)
    before = {process.pid for process in on_postgres.family("qcluster")}
    # An idle worker that dies holds the lock of the queue for ever: all others wait, and nothing looks wrong.
    for process in on_postgres.family("idle"):
        process.send_signal(signal.SIGKILL)
    on_postgres.add("quick", [2])
    on_postgres.wake("drain:quick")
    assert wait_until(lambda: on_postgres.is_finished("quick"), 60)
    assert not before & {process.pid for process in on_postgres.family("idle")}


@pytest.mark.postgres
def test_a_row_that_always_kills_its_worker_is_given_up_and_harms_no_other(on_postgres: Deployment) -> None:
    on_postgres.add("killer", range(1, 21))
    on_postgres.start("worker")
    finished = wait_until(
        lambda: on_postgres.is_finished("killer"),
        120,
        meanwhile=lambda: on_postgres.wake("tick"),
        progress=lambda: on_postgres.states("killer"),
    )
    assert finished
    assert on_postgres.states("killer") == {"done": 19, "dead": 1}
    assert on_postgres.sql("SELECT subject_id, attempts FROM core_job WHERE state = 'dead'") == [(13, 5)]


@pytest.mark.postgres
def test_work_goes_on_after_the_database_crashed(on_postgres: Deployment, postgres: PrivatePostgres) -> None:
    on_postgres.start("worker")
    works(on_postgres)
    worker = on_postgres.processes[0]
    on_postgres.add("storm", range(400))
    on_postgres.wake("drain:storm")
    assert wait_until(lambda: len(on_postgres.sink.read_text().split()) > 40, 20)
    postgres.crash()
    postgres.start()
    assert wait_until(
        lambda: on_postgres.is_finished("storm"),
        60,
        meanwhile=lambda: on_postgres.wake("tick"),
        progress=lambda: on_postgres.sink.stat().st_size,
    )
    done = [int(line) for line in on_postgres.sink.read_text().split()]
    assert len(done) == len(set(done))
    # What had been sent when the database went away is written down when it is back, so nothing is in doubt.
    assert on_postgres.states("storm") == {"done": 400}
    assert worker.poll() is None


def test_serve_answers_works_and_ends_with_nothing_left_running(on_sqlite: Deployment) -> None:
    port = free_port()
    server = on_sqlite.start("serve", "--port", str(port))

    def is_up() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
                return bool(answer.read() == b"here")
        except OSError:
            return False

    assert wait_until(is_up, 40), on_sqlite.log.read_text()[-3000:]
    works(on_sqlite)

    (web, *_) = on_sqlite.family("granian")
    web.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not web.is_running() or web.status() == psutil.STATUS_ZOMBIE, 10)
    assert wait_until(is_up, 30)

    family = on_sqlite.family()
    assert len(family) > 5
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=20) == 0
    assert not psutil.wait_procs(family, timeout=3)[1]


def test_everything_ends_when_the_supervisor_is_killed(on_sqlite: Deployment) -> None:
    worker = on_sqlite.start("worker")
    works(on_sqlite)
    family = on_sqlite.family()
    worker.kill()
    assert not psutil.wait_procs(family, timeout=25)[1]


def test_a_killed_guard_takes_its_workers_with_it_and_a_new_cluster_starts(on_sqlite: Deployment) -> None:
    on_sqlite.start("worker")
    works(on_sqlite)
    (leader,) = [
        process for process in on_sqlite.family("qcluster MainProcess") if process.parent().children(True)
    ][:1]
    old = on_sqlite.family("qcluster")
    guard = next(process for process in leader.children() if "MainProcess" in " ".join(process.cmdline()))
    guard.kill()
    assert not psutil.wait_procs(old, timeout=20)[1]
    assert wait_until(lambda: bool(on_sqlite.family("idle")), 30)
    works(on_sqlite, 2)
