"""Imports of real size in processes of their own: killed in the middle, weighed, and two at once."""

import dataclasses
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import close_old_connections, connections

from accounts.imports import services, writing
from accounts.models import Account, Contact
from core import outbox
from team.models import User
from tests.accounts.importing import check, counts, upload, work
from tests.faults import postgres
from tests.faults.deployment import ROOT, Deployment

PROGRAM = "tests.flows.import_process"


class Importing(Deployment):
    program = PROGRAM

    def __init__(self, database_url: str = "") -> None:
        # The whole product, where the fault tests of the ground need only its lowest apps.
        super().__init__(database_url=database_url, DJANGO_SETTINGS_MODULE="nps_crm.settings")

    def call(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", self.program, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def begin(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", self.program, *arguments], cwd=ROOT, env=self.environment
        )

    def position(self) -> int:
        return int(self.sql("SELECT position FROM accounts_import")[0][0])

    def show(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call("show"))
        return found

    def let_lease_run_out(self) -> None:
        past = "'2020-01-01 00:00:00+00'" if self.database_url else "'2020-01-01 00:00:00'"
        self.sql(f"UPDATE core_job SET lease_until = {past} WHERE state IN ('claimed', 'sending')")
        self.sql(f"UPDATE core_job SET next_at = {past} WHERE state = 'pending'")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    if postgres.programs() is None:
        pytest.skip("needs PostgreSQL's programs")
    server = postgres.PrivatePostgres()
    try:
        yield server.url
    finally:
        server.remove()


@pytest.mark.fault
def test_import_killed_at_random_points_ends_as_if_it_had_not_been(database_url: str) -> None:
    rows, kills = 6000, 4
    chance = random.Random()
    calm, struck = Importing(""), Importing(database_url)
    for one in (calm, struck):
        one.call("prepare", str(rows))
    calm.call("work", "250")
    positions = []
    for kill in range(kills):
        process = struck.begin("work", "250")
        aim = chance.randint(kill * rows // kills + 1, (kill + 1) * rows // kills - 500)
        deadline = time.monotonic() + 120
        while struck.position() < aim and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.wait()
        positions.append(struck.position())
        struck.let_lease_run_out()
    struck.call("work", "250")

    expected, found = calm.show(), struck.show()

    assert len(set(positions)) > 1, positions
    assert found["state"] == "done", (positions, found["error"], found["jobs"])
    for key in ("counts", "contacts", "accounts", "history", "events", "causes", "relays", "refused"):
        assert found[key] == expected[key], (key, positions)
    assert found["counts"] == list(expected["checked"].values())


@pytest.mark.fault
def test_hundred_thousand_rows_stay_under_300_megabytes() -> None:
    deployment = Importing()
    deployment.call("prepare", "100000")

    peak = int(deployment.call("work"))

    found = deployment.show()
    assert found["state"] == "done"
    assert found["counts"][0] == 100_000
    assert peak < 300_000, f"{peak:,} kB"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_people_importing_the_same_file_at_once_make_no_row_twice() -> None:
    people = [
        User.objects.create_user(
            f"lead{i}@example.com", "a password long enough", name=f"Lead {i}", role="lead"
        )
        for i in range(2)
    ]
    content = "E-mail,Last name,Company\n" + "".join(
        f"p{i}@a.example,A,Company {i % 7}\n" for i in range(1500)
    )
    runs = [check(upload(content, actor=person), actor=person, create_accounts=True) for person in people]
    for run, person in zip(runs, people, strict=True):
        services.start_import(run=run, actor=person)
    barrier = threading.Barrier(2)
    long_job = outbox.kind_named("long_job")
    assert long_job is not None
    kind = dataclasses.replace(long_job, max_running=0)

    def go() -> None:
        close_old_connections()
        try:
            batch = outbox.claim(kind)
            barrier.wait(timeout=30)
            assert batch is not None
            kind.handle(batch)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    for run in runs:
        run.refresh_from_db()
    assert [run.state for run in runs] == ["done", "done"], [run.error for run in runs]
    assert sum(run.created_count for run in runs) == 1500
    assert sum(run.unchanged_count for run in runs) == 1500
    assert sum(run.accounts_created for run in runs) == 7
    assert Contact.objects.count() == 1500
    assert Account.objects.count() == 7


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_contact_that_somebody_adds_at_the_same_moment_is_updated_not_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lead = User.objects.create_user("lead@example.com", "a password long enough", name="Lea", role="lead")
    run = check(upload("E-mail,Last name\nann@a.example,New\nbob@a.example,B\n", actor=lead), actor=lead)
    services.start_import(run=run, actor=lead)
    write, tries = writing.write, []

    def add_ann() -> None:
        Contact.objects.create(email="ann@a.example", email_key="ann@a.example", last_name="Old")
        connections.close_all()

    def write_late(*args: Any, **more: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            other = threading.Thread(target=add_ann)
            other.start()
            other.join(timeout=30)
        write(*args, **more)

    monkeypatch.setattr(writing, "write", write_late)
    work()

    run.refresh_from_db()
    assert (run.state, counts(run), len(tries)) == ("done", (1, 1, 0, 0), 2), run.error
    assert Contact.objects.get(email_key="ann@a.example").last_name == "New"
