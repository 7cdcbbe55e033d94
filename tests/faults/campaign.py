"""A campaign under fire: workers, whole clusters and the database are killed while its mail goes out."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.core.smtp_server import MailServer
from tests.faults.deployment import ROOT, Deployment, wait_until
from tests.faults.postgres import PrivatePostgres

SEED = """
import datetime as dt
from accounts.models import Account, Contact
from core.secrets import address_key
from surveys import pacing, planning
from surveys.content import Content
from surveys.models import Campaign, Survey, SurveyVersion, Wave
survey = Survey.objects.create(name="Storm", state="active")
survey.current = SurveyVersion.objects.create(survey=survey, number=1, content=Content(brand_name="Nordlicht").to_json())
survey.save()
Account.objects.bulk_create([Account(name=f"Company {{n}}") for n in range({people})], batch_size=1000)
accounts = list(Account.objects.order_by("pk"))
mails = [f"p{{n}}@fjord.example" for n in range({people})]
Contact.objects.bulk_create([
    Contact(account=account, first_name="Ida", email=mail, email_key=mail, address_key=address_key(mail))
    for account, mail in zip(accounts, mails)
], batch_size=1000)
campaign = Campaign.objects.create(name="Storm", survey=survey, state="running", launched_at=dt.datetime.now(dt.UTC))
planning.plan_wave(Wave.objects.create(campaign=campaign, number=1, version=survey.current).pk)
pacing.release_due()
"""
BATCH = 20


class Mailing(Deployment):
    """The whole product on its own database, sending to the server of the test."""

    def __init__(self, port: int, *, people: int, database_url: str = "", watchdog: float = 4.0) -> None:
        super().__init__(
            database_url=database_url,
            watchdog=watchdog,
            DJANGO_SETTINGS_MODULE="nps_crm.settings",
            NPS_EMAIL_HOST="127.0.0.1",
            NPS_EMAIL_PORT=str(port),
            NPS_BASE_URL="https://ask.example",
            NPS_FROM_EMAIL="Ask <ask@nordlicht.example>",
        )
        self.people = people
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", SEED.format(people=people)],
            cwd=ROOT, env=self.environment, check=True,
        )  # fmt: skip

    def deliveries(self) -> dict[str, int]:
        rows = self.sql("SELECT state, count(*) FROM surveys_delivery GROUP BY state")
        return {state: int(count) for state, count in rows}

    def at_rest(self) -> bool:
        """Nothing is under way, and everybody has a delivery."""
        states = self.deliveries()
        return not {"pending", "claimed", "sending"} & set(states) and sum(states.values()) == self.people

    def let_leases_run_out(self) -> None:
        """The leases of dead workers would run out by themselves in five minutes; a test does not wait for that."""
        past = "'2020-01-01 00:00:00+00'" if self.database_url else "'2020-01-01 00:00:00'"
        self.sql(f"UPDATE surveys_delivery SET lease_until = {past} WHERE lease_until IS NOT NULL")
        self.sql("DELETE FROM django_q_ormq")

    def sent(self) -> set[str]:
        return {row[0] for row in self.sql(
            "SELECT c.email FROM surveys_delivery d JOIN surveys_invitation i ON i.id = d.invitation_id"
            " JOIN accounts_contact c ON c.id = i.contact_id WHERE d.state = 'done'"
        )}  # fmt: skip


@dataclass
class Outcome:
    """What a storm left behind. `bound` is the most that may be in doubt: a batch for each worker killed."""

    people: int
    received: Counter[str] = field(repr=False)
    states: dict[str, int]
    sent: set[str] = field(repr=False)
    is_calm: bool
    worker_kills: int = 0
    crashes: int = 0
    log: str = field(default="", repr=False)

    @property
    def twice(self) -> int:
        return sum(count > 1 for count in self.received.values())

    @property
    def in_doubt(self) -> int:
        return self.states.get("in_doubt", 0)

    @property
    def bound(self) -> int:
        return (self.worker_kills + self.crashes * 4) * BATCH

    @property
    def unnoticed(self) -> int:
        """Mails that arrived although their rows neither say so nor are in doubt; must be 0."""
        return max(0, len(set(self.received) - self.sent) - self.in_doubt)


@contextmanager
def slow_server(seconds: float) -> Iterator[MailServer]:
    """A mail server that takes its time for every recipient, so that there is something to interrupt."""

    def takes_a_moment(number: int, command: bytes) -> str:
        time.sleep(seconds)
        return "250 2.1.5 ok"

    with MailServer(rcpt=takes_a_moment) as running:
        yield running


def storm(
    *, people: int, seconds: float, clusters: int = 1, on_postgres: bool = False, crashes: bool = False,
    kills: int = 12, seed: int = 20261121, pause: float = 0.004,
) -> Outcome:  # fmt: skip
    """Send to `people` while processes, whole clusters and (`crashes`) the database are killed; then let it end."""
    chance = random.Random(seed)
    database = PrivatePostgres() if on_postgres else None
    with slow_server(pause) as server:
        mailing = Mailing(server.port, people=people, database_url=database.url if database else "")
        try:
            for _ in range(clusters):
                mailing.start("worker")
            assert wait_until(
                lambda: len(server.messages) > BATCH, 90, meanwhile=lambda: mailing.wake("tick")
            ), Path(mailing.log).read_text()[-3000:]
            killed, crashed = _strike(
                mailing, server, chance, seconds=seconds, kills=kills, clusters=clusters,
                database=database if crashes else None,
            )  # fmt: skip
            mailing.stop()
            mailing.let_leases_run_out()
            mailing.calm()
            mailing.start("worker")
            calm = wait_until(
                mailing.at_rest, 120, meanwhile=lambda: mailing.wake("tick"), progress=mailing.deliveries
            )
            states = mailing.deliveries()
            mailing.stop()
            received = Counter(rcpt.split(b"<")[1].split(b">")[0].decode() for rcpt, _ in server.messages)
            return Outcome(
                people, received, states, mailing.sent(), calm, killed, crashed,
                Path(mailing.log).read_text()[-3000:],
            )  # fmt: skip
        finally:
            mailing.stop()
            if database:
                database.remove()


def _strike(
    mailing: Mailing, server: MailServer, chance: random.Random, *, seconds: float, kills: int, clusters: int,
    database: PrivatePostgres | None,
) -> tuple[int, int]:  # fmt: skip
    """Kill one process after the other while mail goes out; returns how many, and how often the database."""
    killed = crashed = 0
    ends = time.monotonic() + seconds
    while len(server.messages) < mailing.people * 0.8 and time.monotonic() < ends:
        time.sleep(chance.uniform(0.2, 0.6))
        if database and chance.random() < 0.1:
            database.crash()
            time.sleep(chance.uniform(0.1, 0.5))
            database.start()
            crashed += 1
        victims = [process for process in mailing.family() if process.pid != os.getpid()]
        if victims and killed < kills:
            killed += _kill(chance.choice(victims), with_children=chance.random() < 0.3)
        if not mailing.family():
            for _ in range(clusters):
                mailing.start("worker")
    return killed, crashed


def _kill(victim: psutil.Process, *, with_children: bool) -> int:
    try:
        doomed = [*(victim.children(recursive=True) if with_children else []), victim]
    except psutil.NoSuchProcess:
        return 0
    count = 0
    for process in doomed:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
        count += 1
    return count
