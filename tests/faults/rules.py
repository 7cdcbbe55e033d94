"""Journeys under fire: workers and whole clusters are killed while events go through rules of five steps."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.campaign import _kill
from tests.faults.deployment import ROOT, Deployment, wait_until
from tests.faults.postgres import PrivatePostgres

SEED = """
from accounts import timeline
from accounts.models import Account, Contact, Event
from core import clock
from workflows.models import Rule
Rule.objects.update(is_active=False)
task = {{"kind": "create_task", "title": "Call {{contact}}", "due_business_days": 1}}
asks = {{"all": [{{"field": "event.score", "op": "lt", "value": 4}}]}}
Rule.objects.create(name="Storm", trigger="response.scored", steps=[
    task,
    {{"kind": "branch", "conditions": asks, "then": [task], "else": [task]}},
    {{"kind": "create_alert", "alert": "detractor"}},
    {{"kind": "wait", "until": "duration", "amount": 1, "unit": "hours"}},
    task,
])
Account.objects.bulk_create([Account(name=f"Company {{n}}") for n in range({events})], batch_size=1000)
accounts = list(Account.objects.order_by("pk"))
Contact.objects.bulk_create([Contact(account=account, first_name="Ida") for account in accounts], batch_size=1000)
people = list(Contact.objects.select_related("account").order_by("pk"))
facts = timeline.facts_of_many([(contact.account, contact) for contact in people])
timeline.record_many([
    Event(
        kind="response.scored", cause_key=f"response:{{number}}:scored", subject_type="response", subject_id=number,
        account=contact.account, contact=contact, origin="live", occurred_at=clock.now(), facts=known,
        data={{"metric": "nps", "score": number % 7, "category": "detractor"}},
    )
    for number, (contact, known) in enumerate(zip(people, facts), 1)
])
"""
TASKS, STEPS = 3, 6
"""What a run makes, and how many of its steps are done: of the branch itself and of one of its ways."""


class Journeys(Deployment):
    """The whole product on its own database, with one rule and the events that start it."""

    def __init__(self, *, events: int, database_url: str = "", watchdog: float = 4.0) -> None:
        super().__init__(
            database_url=database_url, watchdog=watchdog, DJANGO_SETTINGS_MODULE="nps_crm.settings"
        )
        self.events = events
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", SEED.format(events=events)],
            cwd=ROOT, env=self.environment, check=True,
        )  # fmt: skip

    def count(self, table: str, where: str = "TRUE") -> int:
        return int(self.sql(f"SELECT count(*) FROM {table} WHERE {where}")[0][0])

    def done(self) -> int:
        return self.count("workflows_runstep", "outcome = 'done'")

    def let_time_pass(self) -> None:
        """The hour of a wait, and the leases of dead workers, run out by themselves; a test does not wait for that."""
        past = "'2020-01-01 00:00:00+00'" if self.database_url else "'2020-01-01 00:00:00'"
        self.sql(
            f"UPDATE workflows_runstep SET next_at = {past}"
            f" WHERE kind = 'wait' AND state = 'pending' AND next_at > {self.now}"
        )
        self.wake("workflow_step")

    def let_leases_run_out(self) -> None:
        past = "'2020-01-01 00:00:00+00'" if self.database_url else "'2020-01-01 00:00:00'"
        for table in ("workflows_runstep", "accounts_eventdelivery"):
            self.sql(f"UPDATE {table} SET lease_until = {past} WHERE lease_until IS NOT NULL")
        self.sql("DELETE FROM django_q_ormq")


@dataclass
class Outcome:
    """What a storm left behind. `told` is how often it was said of each task that it was made."""

    events: int
    is_calm: bool
    worker_kills: int
    crashes: int
    runs: int
    run_states: dict[str, int]
    steps: int
    step_outcomes: dict[str, int]
    tasks: int
    alerts: int
    told: Counter[int]
    log: str = field(default="", repr=False)


def storm(
    *, events: int, seconds: float, kills: int = 12, seed: int = 20261122, clusters: int = 1,
    on_postgres: bool = False, crashes: bool = False, pause: tuple[float, float] = (0.2, 0.8),
    watchdog: float = 4.0,
) -> Outcome:  # fmt: skip
    """Let `events` go through the rule while processes, whole clusters and (`crashes`) the database are killed, with a
    `pause` of so many seconds between blows; then let it end."""
    chance = random.Random(seed)
    database = PrivatePostgres() if on_postgres else None
    try:
        return _storm(
            Journeys(events=events, database_url=database.url if database else "", watchdog=watchdog), chance,
            seconds=seconds, kills=kills, clusters=clusters, database=database if crashes else None, pause=pause,
        )  # fmt: skip
    finally:
        if database:
            database.remove()


def _storm(
    journeys: Journeys, chance: random.Random, *, seconds: float, kills: int, clusters: int,
    database: PrivatePostgres | None, pause: tuple[float, float],
) -> Outcome:  # fmt: skip
    events = journeys.events
    try:
        for _ in range(clusters):
            journeys.start("worker")
        begun = wait_until(lambda: journeys.done() > 10, 90, meanwhile=lambda: journeys.wake("tick"))
        assert begun, Path(journeys.log).read_text()[-3000:]
        killed, crashed = _strike(
            journeys, chance, seconds=seconds, kills=kills, clusters=clusters, database=database, pause=pause
        )
        journeys.stop()
        journeys.let_leases_run_out()
        journeys.calm()
        journeys.start("worker")
        calm = wait_until(
            lambda: journeys.count("workflows_run", "state = 'done'") == events,
            120,
            meanwhile=lambda: _nudge(journeys),
            progress=journeys.done,
        )
        journeys.stop()
        told = journeys.sql(
            "SELECT subject_id, count(*) FROM accounts_event WHERE kind = 'task.created' GROUP BY subject_id"
        )
        return Outcome(
            events=events,
            is_calm=calm,
            worker_kills=killed,
            crashes=crashed,
            runs=journeys.count("workflows_run"),
            run_states=dict(journeys.sql("SELECT state, count(*) FROM workflows_run GROUP BY state")),  # type: ignore[arg-type]
            steps=journeys.count("workflows_runstep"),
            step_outcomes=dict(
                journeys.sql("SELECT outcome, count(*) FROM workflows_runstep GROUP BY outcome")
            ),  # type: ignore[arg-type]
            tasks=journeys.count("workflows_task"),
            alerts=journeys.count("workflows_alertcause"),
            told=Counter({int(pk): int(times) for pk, times in told}),
            log=Path(journeys.log).read_text()[-3000:],
        )
    finally:
        journeys.stop()


def _nudge(journeys: Journeys) -> None:
    journeys.let_time_pass()
    journeys.wake("tick")


def _strike(
    journeys: Journeys, chance: random.Random, *, seconds: float, kills: int, clusters: int,
    database: PrivatePostgres | None, pause: tuple[float, float],
) -> tuple[int, int]:  # fmt: skip
    """Kill one process after the other while steps are done; returns how many, and how often the database."""
    killed = crashed = 0
    ends = time.monotonic() + seconds
    enough = journeys.events * STEPS * 0.8
    while (seen := journeys.done()) < enough and time.monotonic() < ends and killed < kills:
        time.sleep(chance.uniform(*pause))
        # On a busy machine a cluster takes long to stand up: a blow falls only where work is being done.
        wait_until(lambda: journeys.done() > seen, 60, meanwhile=lambda: _nudge(journeys))
        if database and chance.random() < 0.1:
            database.crash()
            time.sleep(chance.uniform(0.1, 0.5))
            database.start()
            crashed += 1
        _nudge(journeys)
        victims = [process for process in journeys.family() if process.pid != os.getpid()]
        if victims:
            killed += _kill(chance.choice(victims), with_children=chance.random() < 0.3)
        if not journeys.family():  # the supervisor waits before it starts another; an operator would not
            journeys.stop()
            for _ in range(clusters):
                journeys.start("worker")
    return killed, crashed
