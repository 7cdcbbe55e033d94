"""What the benches of answers and figures share: servers by pid, load, CPU of process trees, ratios taken in turns.

Rules: ways are taken in turn within every round, ratios are taken round by round, and their median is printed. Figures
of two runs must not be compared. `others` is how many cores were busy with what is not ours: above 0.3 the ratios of
ways that use many processes suffer.
"""

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEYS = {
    "NPS_SECRET_KEY": "bench-" + "x" * 60,
    "NPS_ADDRESS_KEY": "bench-" + "y" * 60,
    "NPS_FIELD_KEYS": "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmU=",
    "NPS_LOG_LEVEL": "WARNING",
}


def setup() -> None:
    """Make Django ready; refuses a database whose name does not say that it is for this."""
    sys.path.insert(0, str(ROOT))
    for name, value in KEYS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")
    os.environ.setdefault("NPS_DATA_DIR", f"/tmp/nps_bench_{os.getpid()}")
    Path(os.environ["NPS_DATA_DIR"]).mkdir(parents=True, exist_ok=True)
    import django

    django.setup()
    from django.db import connection

    if connection.vendor != "postgresql" or "bench" not in str(connection.settings_dict["NAME"]):
        raise SystemExit(
            'Set DATABASE_URL to a PostgreSQL database with "bench" in its name: its tables are emptied.'
        )


def dsn() -> dict[str, str]:
    """The database for libpq's own programs."""
    from django.db import connection

    found = connection.settings_dict
    return {
        "PGHOST": found["HOST"] or "127.0.0.1",
        "PGPORT": str(found["PORT"] or 5432),
        "PGUSER": found["USER"],
        "PGPASSWORD": found["PASSWORD"],
        "PGDATABASE": found["NAME"],
    }


def sql(text: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(text)


def vacuum(*tables: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM ANALYZE {table}")


# --- Processes -----------------------------------------------------------------------------------------------
def cpu_seconds(pid: int) -> float:
    """CPU of a process, its children that run, and those it has waited for."""
    total = 0.0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess:
        return total
    return total


def postmaster() -> int | None:
    """The server behind the connection, when it runs on this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    try:
        parent = psutil.Process(pid).parent()
    except psutil.NoSuchProcess:
        return None
    return parent.pid if parent else None


class Meter:
    """CPU that given trees and the database used in a block, and the cores that others kept busy."""

    def __init__(self, *pids: int) -> None:
        self.pids = [pid for pid in pids if pid]
        self.database = postmaster()

    def _own(self) -> float:
        return sum(cpu_seconds(pid) for pid in self.pids) + (
            cpu_seconds(self.database) if self.database else 0
        )

    def _load(self) -> float:
        # The servers that are measured are children of this process too.
        return cpu_seconds(os.getpid()) - sum(cpu_seconds(pid) for pid in self.pids if pid != os.getpid())

    def __enter__(self) -> "Meter":
        self.load0 = self._load()
        self.own0, self.all0, self.t0 = self._own(), psutil.cpu_times(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        now = psutil.cpu_times()
        self.seconds = time.perf_counter() - self.t0
        self.cpu = self._own() - self.own0
        busy = sum(
            getattr(now, k) - getattr(self.all0, k) for k in ("user", "nice", "system", "irq", "softirq")
        )
        # This process and the load generators it has waited for.
        self.load = self._load() - self.load0
        self.others = max(0.0, (busy - self.cpu - self.load) / self.seconds)


class Server:
    """A web server of ours in a process group of its own, ended by its pid."""

    def __init__(
        self, command: Sequence[str], port: int, env: dict[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        # A server left over would share the port with ours and answer half of what is measured.
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise SystemExit(f"Something listens on port {port} already. End it, or choose another port.")
        self.process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.port = port

    def __enter__(self) -> "Server":
        for _ in range(1_200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.3).close()
                time.sleep(1.0)
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()  # Python does not call it when entering fails
        raise SystemExit(f"Nothing listens on port {self.port}")

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def pid(self) -> int:
        return self.process.pid


def granian(app: str, port: int, *, threads: int, workers: int = 2) -> list[str]:
    """The product's own web server (core/web.py), with the access log off as there."""
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", app, "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads), "--log-level", "error", "--no-ws", "--http", "1",
    ]  # fmt: skip


# --- Load ----------------------------------------------------------------------------------------------------
def wrk(url: str, script: str, *, clients: int, seconds: float, args: Sequence[object]) -> dict[str, float]:
    """Run wrk with one of our scripts; answers other than 2xx count as errors."""
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "10s",
        "-s",
        str(HERE / script),
        url,
        "--",
    ]
    run = subprocess.run([*command, *map(str, args)], capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if line.startswith("JSON ")]
    if not lines:
        raise SystemExit(f"wrk said: {run.stdout}{run.stderr}")
    found: dict[str, float] = json.loads(lines[-1][5:])
    return found


def pgbench(script: str, *, clients: int, seconds: float) -> dict[str, float]:
    """Run one prepared statement from `clients` connections."""
    waits: list[int] = []
    first, last = float("inf"), 0.0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(int(seconds)), "-f",
             str(HERE / script), "-l", "--log-prefix", f"{folder}/pgbench"],
            env={**os.environ, **dsn()}, capture_output=True, check=True,
        )  # fmt: skip
        for path in Path(folder).iterdir():
            for line in path.read_text().splitlines():
                parts = line.split()
                waits.append(int(parts[2]))
                at = int(parts[4]) + int(parts[5]) / 1e6
                first, last = min(first, at), max(last, at)
    waits.sort()
    return {
        "rps": len(waits) / max(last - first, 1e-9),
        "n": len(waits),
        "p50": waits[len(waits) // 2] / 1e3,
        "p99": waits[int(len(waits) * 0.99)] / 1e3,
        "errors": 0,
    }


# --- Rounds --------------------------------------------------------------------------------------------------
Way = tuple[str, Callable[[int], dict[str, float]]]


def rounds(ways: Sequence[Way], number: int, *, limit: str) -> dict[str, list[dict[str, float]]]:
    """Take the ways in turn, `number` times; prints each as it comes."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name, _ in ways}
    for turn in range(number):
        for name, run in ways:
            found[name].append(run(turn))
        line = ", ".join(f"{name} {rows[-1]['rps']:,.0f}" for name, rows in found.items())
        print(f"round {turn + 1}: {line}", flush=True)
    return found


def ratio(found: dict[str, list[dict[str, float]]], name: str, limit: str) -> float:
    return statistics.median(
        row["rps"] / base["rps"] for row, base in zip(found[name], found[limit], strict=True)
    )


def processor_ratio(found: dict[str, list[dict[str, float]]], name: str, limit: str) -> float:
    """The same by processor, that of the load generator included: what the clock would say where nothing but this runs
    and every core is busy. Among others the clock favours what has more processes waiting for a core."""
    return statistics.median(
        base["all ms"] / row["all ms"] for row, base in zip(found[name], found[limit], strict=True)
    )


def table(
    title: str, found: dict[str, list[dict[str, float]]], *, limit: str, columns: Sequence[str]
) -> None:
    print(f"\n{title}\n")
    print("| way | " + " | ".join(columns) + f" | of {limit} |")
    print("|---|" + "---|" * (len(columns) + 1))
    for name, rows in found.items():
        cells = []
        for column in columns:
            values = [row[column] for row in rows if row.get(column) is not None]
            value = statistics.median(values) if values else None
            cells.append("–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}")
        print(f"| {name} | " + " | ".join(cells) + f" | {100 * ratio(found, name, limit):.0f} % |")


def save(name: str, found: Any) -> None:
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1, default=str))


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
