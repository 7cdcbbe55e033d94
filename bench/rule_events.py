"""Events a second through 50 active rules with two workers, beside what the queue does with nothing to do.

    .venv/bin/python bench/rule_events.py [--events 2000] [--rounds 3]

Own PostgreSQL, one cluster of two workers, in turns. Floor: jobs that do nothing, from the first row to the last done.
Product: events that are recorded with their facts, told to the engine, judged by 50 rules with conditions, of which two
hold: one creates a task in one step, one branches. From the first event to the last run done.

The processor, of the workers and of the database, is that of the same two stretches: what the clock would say of a machine
that does nothing else. The database does not wait for its disk (fsync is off).
"""

import argparse
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.benchlib import cpu_seconds
from tests.faults.deployment import ROOT, Deployment, wait_until
from tests.faults.postgres import PrivatePostgres

RULES = """
from accounts.models import Account, Contact
from workflows.models import Rule
Rule.objects.update(is_active=False)
task = {"kind": "create_task", "title": "Call {contact}", "due_business_days": 1}
asks = lambda field, value: {"all": [{"field": field, "op": "gte", "value": value}, {"field": "event.channel", "op": "in", "value": ["email"]}]}
for number in range(48):
    Rule.objects.create(name=f"Rule {number}", trigger="response.scored", conditions=asks("event.score", 11 + number), steps=[task])
Rule.objects.create(name="Calls", trigger="response.scored", conditions=asks("event.score", 0), steps=[task])
Rule.objects.create(name="Asks", trigger="response.scored", conditions=asks("arr", 0), steps=[
    {"kind": "branch", "conditions": asks("event.score", 3), "then": [task], "else": []}])
Account.objects.bulk_create([Account(name=f"Company {n}", arr=n) for n in range(500)])
Contact.objects.bulk_create([Contact(account=account, first_name="Ida") for account in Account.objects.order_by("pk")])
"""
EVENTS = """
from accounts import timeline
from accounts.models import Contact
from django.db import transaction
people = list(Contact.objects.select_related("account").order_by("pk"))
with transaction.atomic():
    for number in range({first}, {last}):
        person = people[number % len(people)]
        timeline.record(
            kind="response.scored", cause_key=f"bench:{{number}}", subject=("response", 1_000_000 + number), account=person.account, contact=person,
            data={{"metric": "nps", "score": number % 7, "category": "detractor", "channel": "email"}},
        )
"""


def shell(deployment: Deployment, text: str) -> None:
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", text]
    subprocess.run(command, cwd=ROOT, env=deployment.environment, check=True)


def floor(deployment: Deployment, first: int, rows: int) -> float:
    """Jobs without work, a second."""
    began = time.monotonic()
    deployment.add("quick", range(first, first + rows))
    deployment.wake("drain:quick")
    deployment.wake("drain:quick")
    assert wait_until(lambda: deployment.is_finished("quick"), 600)
    return rows / (time.monotonic() - began)


def product(deployment: Deployment, first: int, rows: int) -> tuple[float, float]:
    """Events a second from the commit that recorded them to the last run done, and steps a second."""
    before = int(deployment.sql("SELECT count(*) FROM workflows_runstep")[0][0])
    shell(deployment, EVENTS.format(first=first, last=first + rows))
    began = time.monotonic()
    for _ in range(2):
        deployment.wake("tick")

    def is_done() -> bool:
        waiting, ended = deployment.sql(
            "SELECT (SELECT count(*) FROM accounts_eventrelay) + (SELECT count(*) FROM accounts_eventdelivery),"
            " (SELECT count(*) FROM workflows_run WHERE state IN ('running', 'waiting'))"
        )[0]
        return waiting + ended == 0

    assert wait_until(is_done, 900)
    taken = time.monotonic() - began
    steps = int(deployment.sql("SELECT count(*) FROM workflows_runstep")[0][0]) - before
    return rows / taken, steps / taken


def processor(deployment: Deployment, postgres: PrivatePostgres) -> float:
    """Seconds that the cluster of workers and the database have used so far."""
    server = int((postgres.home / "data" / "postmaster.pid").read_text().split()[0])
    return sum(cpu_seconds(pid) for pid in (server, *(one.pid for one in deployment.processes)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    postgres = PrivatePostgres()
    deployment = None
    try:
        deployment = Deployment(
            database_url=postgres.url, watchdog=200, DJANGO_SETTINGS_MODULE="tests.faults.whole"
        )
        shell(deployment, RULES)
        deployment.start("worker")
        floor(deployment, 1, 200)
        ratios, by_processor = [], []
        for turn in range(options.rounds):
            used = [processor(deployment, postgres)]
            jobs = floor(deployment, 1000 + turn * 1_000_000, options.events)
            used.append(processor(deployment, postgres))
            events, steps = product(deployment, turn * options.events, options.events)
            used.append(processor(deployment, postgres))
            idle, busy = (1000 * (after - before) / options.events for before, after in pairwise(used))
            ratios.append(events / jobs)
            by_processor.append(idle / busy)
            print(f"round {turn + 1}: no-op {jobs:.0f} jobs/s ({idle:.1f} ms of processor each); rules {events:.0f} events/s"
                  f" and {steps:.0f} steps/s ({busy:.1f} ms an event); {100 * events / jobs:.1f} % of the floor", flush=True)  # fmt: skip
        print(
            f"median: {100 * statistics.median(ratios):.1f} % of the queue's own no-op rate, 50 rules an event"
            f" (by processor {100 * statistics.median(by_processor):.1f} %)"
        )
    finally:
        if deployment is not None:
            deployment.stop()
        postgres.remove()


if __name__ == "__main__":
    main()
