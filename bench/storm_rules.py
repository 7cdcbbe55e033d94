"""The long form of tests/faults/test_rules_killed.py: 10,000 events through five-step journeys, killed all the way.

    .venv/bin/python bench/storm_rules.py [--events 10000] [--seconds 900] [--kills 120] [--seed 7]

Starts its own PostgreSQL, which is crashed too. Promised: one run for each event, every step of it done once with its
effect, and nothing missing.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.rules import STEPS, TASKS, storm


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--pause", type=float, default=2, help="seconds between two blows at the least")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    began = time.monotonic()
    outcome = storm(
        events=options.events, seconds=options.seconds, kills=options.kills, seed=options.seed, clusters=options.clusters,
        on_postgres=True, crashes=True, pause=(options.pause, options.pause * 3), watchdog=20,
    )  # fmt: skip
    events = options.events
    print(f"{events:,} events, {outcome.worker_kills} processes killed, {outcome.crashes} database crashes")
    print(f"at rest: {outcome.is_calm}; {time.monotonic() - began:.0f} s in all")
    print(f"runs {outcome.run_states} (promised {events:,} done)")
    print(f"steps {outcome.step_outcomes} (promised {events * STEPS:,} done)")
    print(f"tasks {outcome.tasks:,} (promised {events * TASKS:,}), each told of"
          f" {sorted(set(outcome.told.values()))} times; alerts {outcome.alerts:,} (promised {events:,})")  # fmt: skip
    kept = (
        outcome.is_calm
        and outcome.run_states == {"done": events}
        and outcome.step_outcomes == {"done": events * STEPS}
        and (outcome.tasks, outcome.alerts) == (events * TASKS, events)
        and set(outcome.told.values()) == {1}
        and len(outcome.told) == outcome.tasks
    )
    if not kept:
        print(outcome.log)
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
