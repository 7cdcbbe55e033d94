"""A new database as the migrations leave it: laid once a run for each product and kind of database, then copied."""

import atexit
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.postgres import programs

ROOT = Path(__file__).resolve().parent.parent.parent
SCRATCH = Path(tempfile.mkdtemp(prefix="nps_faults_"))
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


def lay(environment: dict[str, str]) -> None:
    """Fill the empty database that `environment` tells the product to use."""
    url = environment["DATABASE_URL"]
    kept = SCRATCH / f"{environment['DJANGO_SETTINGS_MODULE']}.{'sql' if url else 'sqlite3'}"
    if kept.exists():
        _bring(kept, environment)
        return
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--run-syncdb", "--verbosity", "0"],
        cwd=ROOT, env=environment, check=True,
    )  # fmt: skip
    _keep(kept, environment)


def _file(environment: dict[str, str]) -> Path:
    return Path(environment["NPS_DATA_DIR"]) / "nps_crm.sqlite3"


def _program(name: str, *arguments: str) -> None:
    folder = programs()
    assert folder is not None
    subprocess.run([str(folder / name), *arguments], check=True, stdout=subprocess.DEVNULL)


def _keep(kept: Path, environment: dict[str, str]) -> None:
    if url := environment["DATABASE_URL"]:
        _program("pg_dump", "--file", str(kept), url)
        return
    with sqlite3.connect(_file(environment)) as made, sqlite3.connect(kept) as copy:
        made.backup(copy)


def _bring(kept: Path, environment: dict[str, str]) -> None:
    if url := environment["DATABASE_URL"]:
        _program(
            "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--file", str(kept), url
        )
        return
    with sqlite3.connect(kept) as made, sqlite3.connect(_file(environment)) as copy:
        made.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
