"""What the queue costs beside the work it carries, for a campaign from the first release to the last mail sent (P20).

    .venv/bin/python bench/queue_overhead.py [--mails 10000] [--calls 2000] [--rounds 3]

Own PostgreSQL, one cluster of two workers, a local mail server that takes everything. In turns:
calls that find nothing to do (a call of django-q2, the look of a worker whether mail is due, its acknowledgement), a
hundred a second, less what the cluster uses while nothing happens; and a campaign whose mails all go out. The rows of ours
that say what is to be done are the work's own; the queue is what wakes the workers for them: the calls that were answered
meanwhile (deleted rows of its table), each at the processor time of an empty call of the same round. The database does not
wait for its disk, which makes the work cheaper and the share larger.
"""

import argparse
import multiprocessing
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.benchlib import cpu_seconds
from bench.sink import sink
from tests.faults.campaign import Mailing
from tests.faults.deployment import wait_until
from tests.faults.postgres import PrivatePostgres

CALL = "drain:survey_mail"
A_SECOND = 100


def processor(mailing: Mailing, postgres: PrivatePostgres) -> float:
    """Seconds that the cluster of workers and the database have used so far."""
    server = int((postgres.home / "data" / "postmaster.pid").read_text().split()[0])
    return sum(cpu_seconds(pid) for pid in (server, *(one.pid for one in mailing.processes)))


def answered(mailing: Mailing) -> int:
    """How many calls of the queue have been taken out of it; the database tells of it a moment later."""
    wait_until(lambda: False, 3)
    return int(mailing.sql("SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'django_q_ormq'")[0][0])


def waiting(mailing: Mailing) -> int:
    return int(mailing.sql("SELECT count(*) FROM django_q_ormq WHERE lock <= now()")[0][0])


def idle(mailing: Mailing, postgres: PrivatePostgres, seconds: float) -> float:
    """Processor seconds a second while nothing happens."""
    used = processor(mailing, postgres)
    time.sleep(seconds)
    return (processor(mailing, postgres) - used) / seconds


def empty_call(mailing: Mailing, postgres: PrivatePostgres, calls: int) -> float:
    """Processor seconds of a call that finds nothing."""
    resting = idle(mailing, postgres, 10)
    used, began = processor(mailing, postgres), time.monotonic()
    mailing.sql(
        f"INSERT INTO django_q_ormq (key, payload, lock) SELECT 'nps_crm', '{CALL}', now() + n * interval '1 s' / {A_SECOND}"
        f" FROM generate_series(1, {calls}) n"
    )
    time.sleep(calls / A_SECOND)
    assert settles(
        lambda: (
            mailing.sql("SELECT count(*) FROM django_q_ormq WHERE lock < now() + interval '9 s'") == [(0,)]
        )
    )
    return (processor(mailing, postgres) - used - resting * (time.monotonic() - began)) / calls


def settles(condition: Callable[[], bool], seconds: float = 300) -> bool:
    """As `wait_until`, looking once a second: each look costs the database a connection, which is counted as well."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(1)
    return True


def campaign(mailing: Mailing, postgres: PrivatePostgres) -> tuple[float, int]:
    """Processor seconds of a campaign whose mails all go out, and how many calls it took."""
    calls, used = answered(mailing), processor(mailing, postgres)
    mailing.sql("UPDATE surveys_campaign SET state = 'running'")
    mailing.wake("tick")
    assert settles(mailing.at_rest)
    used = processor(mailing, postgres) - used
    return used, answered(mailing) - calls


def turn(port: int, *, mails: int, calls: int) -> float:
    """One round on a new database; returns the share of the queue in what the work costs."""
    postgres = PrivatePostgres()
    mailing = None
    try:
        mailing = Mailing(port, people=mails, database_url=postgres.url, watchdog=200)
        mailing.sql("UPDATE surveys_campaign SET state = 'paused'")
        mailing.start("worker")
        assert wait_until(lambda: answered(mailing) > 0 and waiting(mailing) == 0, 120)
        empty_call(mailing, postgres, calls // 10)
        each = empty_call(mailing, postgres, calls)
        used, taken = campaign(mailing, postgres)
        share = taken * each / (used - taken * each)
        print(
            f"{mails:,} mails: {used:.1f} s of processor, {taken} calls at {1000 * each:.2f} ms: {100 * share:.2f} %",
            flush=True,
        )
        return share
    finally:
        if mailing is not None:
            mailing.stop()
        postgres.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=sink, args=(listener,), daemon=True)
    server.start()
    try:
        shares = [
            turn(listener.getsockname()[1], mails=options.mails, calls=options.calls)
            for _ in range(options.rounds)
        ]
    finally:
        server.terminate()
    print(f"median: the queue costs {100 * statistics.median(shares):.2f} % of its work")


if __name__ == "__main__":
    main()
