"""Workers die while journeys are under way: every step is done once, and none is missing."""

import pytest

from tests.faults.rules import STEPS, TASKS, storm

pytestmark = pytest.mark.fault


def test_every_step_is_done_once_while_workers_are_killed() -> None:
    outcome = storm(events=200, seconds=30)

    assert outcome.is_calm, (outcome, outcome.log)
    assert outcome.worker_kills >= 3, "the storm was too mild to prove anything"
    assert (outcome.runs, outcome.run_states) == (200, {"done": 200})
    assert (outcome.steps, outcome.step_outcomes) == (200 * STEPS, {"done": 200 * STEPS})
    assert (outcome.tasks, outcome.alerts) == (200 * TASKS, 200)
    assert set(outcome.told.values()) == {1}
    assert len(outcome.told) == outcome.tasks
