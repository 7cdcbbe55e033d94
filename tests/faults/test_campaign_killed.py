"""A campaign of 600 mails whose workers are killed as it goes out: nobody gets two, nobody is forgotten."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.core.smtp_server import MailServer
from tests.faults.deployment import ROOT, Deployment, wait_until

pytestmark = pytest.mark.fault
PEOPLE = 600
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
for n in range({people}):
    mail = f"p{{n}}@fjord.example"
    account = Account.objects.create(name=f"Company {{n}}")
    Contact.objects.create(account=account, first_name="Ida", email=mail, email_key=mail, address_key=address_key(mail))
campaign = Campaign.objects.create(name="Storm", survey=survey, state="running", launched_at=dt.datetime.now(dt.UTC))
planning.plan_wave(Wave.objects.create(campaign=campaign, number=1, version=survey.current).pk)
pacing.release_due()
"""


class Mailing(Deployment):
    """The whole product on its own database, sending to the server of the test."""

    def __init__(self, port: int) -> None:
        super().__init__(
            DJANGO_SETTINGS_MODULE="nps_crm.settings",
            NPS_EMAIL_HOST="127.0.0.1",
            NPS_EMAIL_PORT=str(port),
            NPS_BASE_URL="https://ask.example",
            NPS_FROM_EMAIL="Ask <ask@nordlicht.example>",
        )

    def run(self, *command: str) -> None:
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, check=True)

    def deliveries(self) -> dict[str, int]:
        rows = self.sql("SELECT state, count(*) FROM surveys_delivery GROUP BY state")
        return {state: int(count) for state, count in rows}

    def at_rest(self) -> bool:
        return not {"pending", "claimed", "sending"} & set(self.deliveries())


@pytest.fixture
def server() -> Iterator[MailServer]:
    def takes_a_moment(number: int, command: bytes) -> str:
        time.sleep(0.004)
        return "250 2.1.5 ok"

    with MailServer(rcpt=takes_a_moment) as running:
        yield running


@pytest.fixture
def mailing(server: MailServer) -> Iterator[Mailing]:
    deployment = Mailing(server.port)
    deployment.run("shell", "--verbosity", "0", "-c", SEED.format(people=PEOPLE))
    yield deployment
    deployment.stop()


def strike(mailing: Mailing, server: MailServer, chance: random.Random) -> int:
    """Kill one process of the cluster after the other while mail goes out; returns how many."""
    kills = 0
    ends = time.monotonic() + 60
    while len(server.messages) < PEOPLE * 0.8 and time.monotonic() < ends:
        time.sleep(chance.uniform(0.2, 0.6))
        victims = [process for process in mailing.family() if process.pid != os.getpid()]
        if victims and kills < 12:
            with_children = chance.random() < 0.3
            victim = chance.choice(victims)
            try:
                for process in [*(victim.children(recursive=True) if with_children else []), victim]:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
            except psutil.NoSuchProcess:
                continue
        if not mailing.family():
            mailing.start("worker")
    return kills


def test_a_campaign_survives_its_workers_being_killed(mailing: Mailing, server: MailServer) -> None:
    chance = random.Random(20261121)
    mailing.start("worker")
    assert wait_until(lambda: len(server.messages) > 20, 60, meanwhile=lambda: mailing.wake("tick"))
    kills = strike(mailing, server, chance)
    mailing.stop()
    # The dead workers' leases would run out by themselves in five minutes; the test does not wait for that.
    mailing.sql(
        "UPDATE surveys_delivery SET lease_until = '2020-01-01 00:00:00' WHERE lease_until IS NOT NULL"
    )
    mailing.sql("DELETE FROM django_q_ormq")
    mailing.start("worker")
    calm = wait_until(mailing.at_rest, 120, meanwhile=lambda: mailing.wake("tick"))
    states = mailing.deliveries()
    mailing.stop()

    received = Counter(rcpt.split(b"<")[1].split(b">")[0].decode() for rcpt, _ in server.messages)
    assert calm, (states, Path(mailing.log).read_text()[-3000:])
    assert kills >= 3, "the storm was too mild to prove anything"
    assert max(received.values()) == 1
    assert set(states) <= {"done", "in_doubt"}
    assert sum(states.values()) == PEOPLE
    sent = {row[0] for row in mailing.sql(
        "SELECT c.email FROM surveys_delivery d JOIN surveys_invitation i ON i.id = d.invitation_id"
        " JOIN accounts_contact c ON c.id = i.contact_id WHERE d.state = 'done'"
    )}  # fmt: skip
    doubted = states.get("in_doubt", 0)
    assert sent <= set(received)
    assert len(received) - len(sent) <= doubted <= kills * 20
