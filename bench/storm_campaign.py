"""The long form of tests/faults/test_campaign_killed.py: 10,000 mails, two clusters, kills and crashes all the way.

    .venv/bin/python bench/storm_campaign.py [--people 10000] [--seconds 240] [--kills 60] [--seed 7]

Starts its own PostgreSQL and its own mail server. Promised: nobody is asked twice, every message whose fate is unknown is
marked, at most one batch of 20 for each worker killed, and nothing else is lost.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.campaign import storm


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    began = time.monotonic()
    outcome = storm(
        people=options.people, seconds=options.seconds, clusters=2, on_postgres=True, crashes=True,
        kills=options.kills, seed=options.seed, pause=0.002,
    )  # fmt: skip
    print(
        f"{options.people:,} people, {outcome.worker_kills} processes killed, {outcome.crashes} database crashes"
    )
    print(f"states {outcome.states}; at rest: {outcome.is_calm}; {time.monotonic() - began:.0f} s in all")
    print(f"asked twice {outcome.twice}; arrived unnoticed {outcome.unnoticed}; in doubt {outcome.in_doubt}"
          f" (bound {outcome.bound})")  # fmt: skip
    lost = options.people - len(set(outcome.received)) - outcome.in_doubt
    print(f"neither arrived nor in doubt {max(0, lost)}")


if __name__ == "__main__":
    main()
