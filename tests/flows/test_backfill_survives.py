"""A backfill in a process of its own, killed in the middle: it goes on where it was, loses and doubles nothing."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import postgres
from tests.faults.deployment import ROOT, Deployment
from tests.integrations.engine.fake import Shelf, item
from tests.integrations.vendor import serving

PROGRAM = "tests.flows.backfill_process"
ANSWERS, PAGE, KILLS = 3_000, 50, 3


class Reading(Deployment):
    def __init__(self, database_url: str = "") -> None:
        super().__init__(
            database_url=database_url, DJANGO_SETTINGS_MODULE="nps_crm.settings", NPS_FETCH_ALLOW="127.0.0.1"
        )

    def call(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAM, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def begin(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-m", PROGRAM, "work"], cwd=ROOT, env=self.environment)

    def received(self) -> int:
        return int(self.sql("SELECT received FROM integrations_syncrun")[0][0])

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
def test_a_backfill_killed_at_random_points_ends_as_if_it_had_not_been(database_url: str) -> None:
    chance = random.Random()
    with serving() as vendor:
        shelf = Shelf(vendor)
        shelf.size = PAGE
        when = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 30 * 86_400))
        shelf.items = [item(f"a{n}", n % 11, at=when, email=f"p{n}@x.example") for n in range(ANSWERS)]
        struck = Reading(database_url)
        struck.call("prepare", vendor.url)
        positions = []
        for kill in range(KILLS):
            process = struck.begin()
            aim = chance.randint(kill * ANSWERS // KILLS + 1, (kill + 1) * ANSWERS // KILLS - 500)
            deadline = time.monotonic() + 120
            while struck.received() < aim and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            process.wait()
            positions.append(struck.received())
            struck.let_lease_run_out()
        struck.call("work")
        found = struck.show()

    assert positions[0] < ANSWERS, positions
    assert found["state"] == "done", (positions, found)
    # A page that was in hand when it was killed is asked for again; it was not counted, as it was not taken in.
    assert found["counts"] == [ANSWERS, ANSWERS, 0, 0, 0, ANSWERS // PAGE], positions
    assert found["answers"] == [ANSWERS, sum(n % 11 for n in range(ANSWERS))]
    assert found["revisions"] == found["raw"] == ANSWERS
