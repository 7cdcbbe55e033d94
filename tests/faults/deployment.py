"""The product running as an operator runs it: own database, own processes, which the tests then kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.faults.laid import ROOT, SCRATCH, lay

__all__ = ["ROOT", "Deployment", "wait_until"]


class Deployment:
    def __init__(
        self, *, database_url: str = "", workers: int = 2, watchdog: float = 4.0, **environment: str
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=SCRATCH))
        self.sink = self.folder / "sink"
        self.sink.touch()
        self.database_url = database_url
        self.log = self.folder / "log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NPS_")},
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "DATABASE_URL": database_url,
            "NPS_SECRET_KEY": "only-for-fault-tests-" + "z" * 40,
            "NPS_ADDRESS_KEY": "only-for-fault-tests",
            "NPS_FIELD_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
            "NPS_DATA_DIR": str(self.folder),
            "NPS_STATIC_STORAGE": "django.contrib.staticfiles.storage.StaticFilesStorage",
            "NPS_WORKERS": str(workers),
            "NPS_WATCHDOG_SECONDS": str(watchdog),
            "FAULTS_SINK": str(self.sink),
            **environment,
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        lay(self.environment)

    # -- processes --
    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def family(self, title: str = "") -> list[psutil.Process]:
        """All living processes below those we started, by a part of their title."""
        found = []
        for process in self.processes:
            try:
                below = psutil.Process(process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                continue
            for child in below:
                try:
                    if child.status() != psutil.STATUS_ZOMBIE and title in " ".join(child.cmdline()):
                        found.append(child)
                except psutil.NoSuchProcess:
                    continue
        return found

    def calm(self) -> None:
        """No more blows fall: what is started from now on may take its time, as it does in an hour of much work."""
        self.environment["NPS_WATCHDOG_SECONDS"] = "60"

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                for child in self.family():
                    child.kill()
                process.kill()

    # -- database --
    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        if self.database_url:
            with psycopg.connect(self.database_url, autocommit=True) as connection:
                cursor = connection.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        with sqlite3.connect(self.folder / "nps_crm.sqlite3", timeout=20, isolation_level=None) as database:
            return database.execute(statement).fetchall()

    @property
    def now(self) -> str:
        return "statement_timestamp()" if self.database_url else "STRFTIME('%Y-%m-%d %H:%M:%f', 'now')"

    def add(self, kind: str, numbers: "range | list[int]") -> None:
        values = ", ".join(
            f"('{kind}:{number}', 'pending', 0, '', 1, '', '{kind}', {number}, '{{}}', 0)"
            for number in numbers
        )
        self.sql(
            "INSERT INTO core_job (key, state, attempts, owner, epoch, error, kind, subject_id, payload, progress_done)"
            f" VALUES {values}"
        )

    def wake(self, payload: str) -> None:
        """Call the workers, unless so many calls wait already that the beats of the cluster would not get through."""
        if int(self.sql("SELECT count(*) FROM django_q_ormq")[0][0]) >= 6:
            return
        self.sql(
            f"INSERT INTO django_q_ormq (key, payload, lock) VALUES ('nps_crm', '{payload}', {self.now})"
        )

    def states(self, kind: str) -> dict[str, int]:
        rows = self.sql(f"SELECT state, count(*) FROM core_job WHERE kind = '{kind}' GROUP BY state")
        return {state: int(count) for state, count in rows}

    def is_finished(self, kind: str) -> bool:
        return not {"pending", "claimed", "sending"} & set(self.states(kind))


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    *,
    meanwhile: Callable[[], object] = lambda: None,
    progress: Callable[[], object] = lambda: None,
) -> bool:
    """Whether `condition` came true before `seconds` went by without any `progress`: a busy machine is given the time it
    takes, work that stands still is not."""
    seen, since = progress(), time.monotonic()
    while time.monotonic() - since < seconds:
        if condition():
            return True
        meanwhile()
        time.sleep(0.2)
        if (now := progress()) != seen:
            seen, since = now, time.monotonic()
    return condition()
