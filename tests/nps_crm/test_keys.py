"""Without its keys the product refuses to run, and still lets a checkout compare its models with the migrations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def keyless(tmp_path: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NPS_", "DJANGO_", "DATABASE_URL"))
    }
    return {**kept, "NPS_DATA_DIR": str(tmp_path)}


def manage(environment: dict[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_models_are_compared_with_migrations(keyless: dict[str, str]) -> None:
    done = manage(keyless, "makemigrations", "--check", "--dry-run")

    assert (done.returncode, done.stdout.strip()) == (0, "No changes detected"), done.stderr


@pytest.mark.parametrize("command", ["check", "migrate", "serve"])
def test_everything_else_names_the_key_that_is_missing(keyless: dict[str, str], command: str) -> None:
    done = manage(keyless, command)

    assert done.returncode != 0
    assert "Set NPS_SECRET_KEY" in done.stderr
