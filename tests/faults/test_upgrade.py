"""A database that people have worked with is upgraded: what they wrote and chose is kept, in today's form."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import postgres
from tests.faults.deployment import ROOT


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.sqlite3"
        return
    server = postgres.PrivatePostgres()
    yield server.url
    server.remove()


def test_a_filled_database_is_upgraded(database_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.upgrade"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATABASE_URL": database_url},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "preferences": {"ann": {"alert": ["app"], "task": ["app", "mail"]}, "ben": {}},
        "sharing": {"mine": "private", "ours": "everybody"},
        "live": [["detractor", "", 2], ["connection_broken", "connection:7", 1]],
        "closed": ["detractor"],
        "causes": ["rule:response:0:0", "rule:response:1:0", "connection:7:broken:1"],
        "steps": [[f"response:{number}", path] for number in range(2) for path in ("0", "1")],
        "tasks": [["Call Ann", "open"]],
        "told": [["ann", "alert.detractor"], ["ann", "alert.detractor"], ["ben", "task_given"]],
        "unread": 0,
        "mails as old as they were": 3,
        "rules": 3,
    }
