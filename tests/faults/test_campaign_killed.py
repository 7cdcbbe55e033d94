"""Workers and databases die while a campaign goes out: nobody gets two mails, nobody is forgotten.

The long form, ten thousand mails, is bench/storm_campaign.py.
"""

import pytest

from tests.faults.campaign import Outcome, storm

pytestmark = pytest.mark.fault


def _check(outcome: Outcome) -> None:
    assert outcome.is_calm, (outcome, outcome.log)
    assert outcome.worker_kills >= 3, "the storm was too mild to prove anything"
    assert outcome.twice == 0
    assert set(outcome.states) <= {"done", "in_doubt"}
    assert sum(outcome.states.values()) == outcome.people
    assert outcome.sent <= set(outcome.received)
    assert outcome.unnoticed == 0
    assert outcome.in_doubt <= outcome.bound


def test_a_campaign_survives_its_workers_being_killed() -> None:
    _check(storm(people=600, seconds=60))


@pytest.mark.postgres
def test_a_campaign_of_two_clusters_survives_kills_and_a_database_that_crashes() -> None:
    _check(storm(people=1200, seconds=45, clusters=2, on_postgres=True, crashes=True))
