"""How long after a commit the reaction runs, on an idle machine (P21): one cluster, own PostgreSQL, rows one by one.

    .venv/bin/python bench/reaction.py --rows 300

Measured by the database's clock, from the statement that writes row and wake-up to the record that it was handled, so
the commit before and the outcome after the reaction are both inside.
"""

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

from tests.faults.deployment import Deployment, wait_until
from tests.faults.postgres import PrivatePostgres

WRITE = """
WITH woken AS (
    INSERT INTO django_q_ormq (key, payload, lock) SELECT 'nps_crm', 'drain:quick', statement_timestamp()
    WHERE NOT EXISTS (SELECT 1 FROM django_q_ormq WHERE key = 'nps_crm' AND payload = 'drain:quick'
                      AND lock <= statement_timestamp()))
INSERT INTO core_job (key, state, attempts, owner, epoch, error, kind, subject_id, payload, progress_done)
VALUES (%s, 'pending', 0, '', 1, '', 'quick', %s, '{}', 0)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    rows = parser.parse_args().rows
    postgres = PrivatePostgres()
    deployment = None
    try:
        deployment = Deployment(database_url=postgres.url, watchdog=120)
        deployment.start("worker")
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(WRITE, ["quick:0", 0])
            assert wait_until(lambda: deployment.is_finished("quick"), 60)
            for number in range(1, rows + 1):
                connection.execute(WRITE, [f"quick:{number}", number])
                time.sleep(random.uniform(0.1, 0.5))
        wait_until(lambda: deployment.is_finished("quick"), 30)
        taken = sorted(
            float(row[0]) * 1000
            for row in deployment.sql(
                "SELECT extract(epoch FROM finished_at - created_at) FROM core_job WHERE subject_id > 0"
            )
        )
        print(f"{len(taken)} reactions: median {taken[len(taken) // 2]:.0f} ms, p95 {taken[int(len(taken) * 0.95)]:.0f} ms,"
              f" p99 {taken[int(len(taken) * 0.99)]:.0f} ms, max {taken[-1]:.0f} ms")  # fmt: skip
    finally:
        if deployment is not None:
            deployment.stop()
        postgres.remove()


if __name__ == "__main__":
    main()
