"""Imports of answers of real size in processes of their own: killed in the middle, and weighed."""

import random
import time

import pytest

from tests.flows import answer_import_process
from tests.flows.test_import_survives import Importing, database_url

__all__ = ["database_url"]  # a fixture


class ImportingAnswers(Importing):
    program = answer_import_process.__name__


@pytest.mark.fault
def test_import_of_answers_killed_at_random_points_ends_as_if_it_had_not_been(database_url: str) -> None:
    rows, kills = 4000, 4
    chance = random.Random()
    calm, struck = ImportingAnswers(""), ImportingAnswers(database_url)
    for one in (calm, struck):
        one.call("prepare", str(rows))
    calm.call("work", "200")
    positions = []
    for kill in range(kills):
        process = struck.begin("work", "200")
        aim = chance.randint(kill * rows // kills + 1, (kill + 1) * rows // kills - 400)
        deadline = time.monotonic() + 120
        while struck.position() < aim and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.wait()
        positions.append(struck.position())
        struck.let_lease_run_out()
    struck.call("work", "200")

    expected, found = calm.show(), struck.show()

    assert len(set(positions)) > 1, positions
    assert found["state"] == "done", (positions, found["error"], found["jobs"])
    for key in (
        "counts",
        "surveys",
        "answers",
        "ids",
        "made",
        "revisions",
        "scores",
        "events",
        "causes",
        "told",
        "refused",
    ):
        assert found[key] == expected[key], (key, positions)
    assert found["ids"] == found["made"] == found["counts"][1]
    assert found["told"] == 0


@pytest.mark.fault
def test_hundred_thousand_answers_stay_under_300_megabytes() -> None:
    deployment = ImportingAnswers()
    deployment.call("prepare", "100000")

    peak = int(deployment.call("work"))

    found = deployment.show()
    assert found["state"] == "done"
    assert found["counts"][0] == 100_000
    assert peak < 300_000, f"{peak:,} kB"
