"""The kill storm: workers, whole clusters and the database are killed while work with a lasting effect is done.

Promised: no effect twice, none lost without a trace. What was past its fence when it was struck is `in_doubt`, listed;
each kill can leave at most (workers it hit x batch) of those, and so can each crash of the database.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

import psutil
import psycopg

from tests.faults.apps import STORM_BATCH
from tests.faults.deployment import Deployment, wait_until
from tests.faults.postgres import PrivatePostgres


@dataclass
class Result:
    rows: int
    worker_kills: int = 0
    group_kills: int = 0
    database_crashes: int = 0
    states: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    lost: int = 0
    doubted_but_done: int = 0
    bound: int = 0
    calm_seconds: float = 0.0
    is_finished: bool = False


def storm(*, rows: int, seconds: float, workers: int, clusters: int, crashes: bool, seed: int) -> Result:
    chance = random.Random(seed)
    postgres = PrivatePostgres()
    deployment = None
    result = Result(rows=rows)
    try:
        deployment = Deployment(database_url=postgres.url, workers=workers)
        deployment.add("storm", range(rows))
        for _ in range(clusters):
            deployment.start("worker")
        _strike(deployment, postgres, result, chance, seconds, crashes=crashes)
        deployment.calm()
        calm = time.monotonic()

        def nudge() -> None:
            with contextlib.suppress(psycopg.Error):
                deployment.wake("tick")

        result.is_finished = wait_until(
            lambda: deployment.is_finished("storm"), 60, meanwhile=nudge,
            progress=lambda: deployment.sink.stat().st_size,
        )  # fmt: skip
        result.calm_seconds = round(time.monotonic() - calm, 1)
        deployment.stop()
        _compare(deployment, result)
        hits = result.worker_kills + (result.group_kills + result.database_crashes * clusters) * workers
        result.bound = hits * STORM_BATCH
        return result
    finally:
        if deployment is not None:
            deployment.stop()
        postgres.remove()


def _strike(
    deployment: Deployment,
    postgres: PrivatePostgres,
    result: Result,
    chance: random.Random,
    seconds: float,
    *,
    crashes: bool,
) -> None:
    began = time.monotonic()
    next_crash = began + 9
    wait_until(lambda: len(deployment.family("qcluster")) > 3, 30)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.2, 1.2))
        with contextlib.suppress(psycopg.Error):
            deployment.wake("tick")
        if crashes and time.monotonic() > next_crash:
            postgres.crash()
            postgres.start()
            result.database_crashes += 1
            next_crash = time.monotonic() + 9
            continue
        # Workers show in their title whether they work; the busy ones are where it hurts.
        busy = deployment.family("processing")
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if busy and chance.random() < 0.75:
                chance.choice(busy).send_signal(signal.SIGKILL)
                result.worker_kills += 1
            elif members := deployment.family("qcluster"):
                os.killpg(os.getpgid(chance.choice(members).pid), signal.SIGKILL)
                result.group_kills += 1


def _compare(deployment: Deployment, result: Result) -> None:
    effects = Counter(int(line) for line in deployment.sink.read_text().split())
    states = {
        int(number): state for number, state in deployment.sql("SELECT subject_id, state FROM core_job")
    }
    result.states = dict(Counter(states.values()))
    result.duplicates = sum(count - 1 for count in effects.values())
    result.lost = sum(state == "done" and number not in effects for number, state in states.items())
    result.doubted_but_done = sum(
        state == "in_doubt" and number in effects for number, state in states.items()
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=100)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--no-crashes", action="store_true", help="leave the database alone")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    result = storm(
        rows=options.rows, seconds=options.seconds, workers=options.workers, clusters=options.clusters,
        crashes=not options.no_crashes, seed=options.seed,
    )  # fmt: skip
    sys.stdout.write(json.dumps({**asdict(result), "seed": options.seed}, indent=2) + "\n")
    return int(bool(result.duplicates or result.lost or not result.is_finished))
