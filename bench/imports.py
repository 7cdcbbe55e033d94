"""File import beside COPY into the same tables, in turns within one run (P6). Needs an empty PostgreSQL database of its own.

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1/nps_bench NPS_DEBUG=1 python bench/imports.py [--rows 100000] [--rounds 3] [--profile]

Product: the job that imports a CSV file of new contacts at 2,000 accounts, from opening the file to the last commit:
decode, parse, clean, normalise and hash addresses, look up accounts and existing contacts, and write contact, history
row, event and relay row of each, with progress and position in each transaction of 1,000 rows.
Floor 1 (P6): COPY of the finished contact rows into the same table with its indexes and foreign keys, one transaction.
Floor 2: COPY of all rows that the product writes (contact, history, event, relay) into their tables, one transaction.
The check (same code, nothing written) and a second import of the same file (all unchanged) are printed beside it.

The database's name must hold "bench": its customer tables are emptied.
"""

import argparse
import cProfile
import csv
import io
import json
import os
import pstats
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")
os.environ.setdefault("NPS_DATA_DIR", tempfile.mkdtemp(prefix="nps_bench_"))

import django
import psutil

django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.imports import services  # noqa: E402
from accounts.imports.mapping import Columns  # noqa: E402
from accounts.imports.reading import Dialect  # noqa: E402
from accounts.models import Account, Contact, Import  # noqa: E402
from core import bulk, outbox  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402

ACCOUNTS = 2_000
TABLES = ("accounts_contact", "accounts_historicalcontact", "accounts_event", "accounts_eventrelay")
FIRST = ("Ann", "Björn", "Chloé", "Dmitri", "Eva", "Farid", "Grete", "Hélène", "Ines", "Jürgen")
LAST = ("Müller", "O'Neill", "García", "Smith", "Kowalski", "Østergaard", "Nguyen", "Rossi", "Weiß", "Yılmaz")


def contact_file(rows: int, seed: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(
        ["Contact ID", "First name", "Last name", "E-mail", "Phone", "Job title", "Language", "Company ID"]
    )
    for i in range(rows):
        writer.writerow(
            [
                f"{seed}-{i * 7919 % rows:07d}", FIRST[i % 10], f"{LAST[i // 10 % 10]} {i}", f"person{i * 7919 % rows}@{seed}{i % 5000}.example",
                f"+49 40 {i:07d}", "Head of Operations", ("en", "de", "fr")[i % 3], f"A{i * 31 % ACCOUNTS}",
            ]
        )  # fmt: skip
    return text.getvalue().encode()


def drain() -> None:
    kind = outbox.kind_named("long_job")
    assert kind is not None
    while outbox.work(kind):
        pass


def timed(action: object) -> tuple[float, float]:
    """Seconds by the clock, and of processor in this process and its database backend together."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    processes = (backend, psutil.Process())
    before = sum(sum(process.cpu_times()[:2]) for process in processes)
    started = time.perf_counter()
    action()  # type: ignore[operator]
    seconds = time.perf_counter() - started
    return seconds, sum(sum(process.cpu_times()[:2]) for process in processes) - before


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        cursor.execute("CHECKPOINT")


def take(table: str) -> bytes:
    out = io.BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY 1) TO STDOUT") as source,
    ):
        for piece in source:
            out.write(piece)
    return out.getvalue()


def put(kept: dict[str, bytes], tables: tuple[str, ...]) -> tuple[float, float]:
    def copy() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for table in tables:
                with cursor.copy(f"COPY {table} FROM STDIN") as sink:
                    sink.write(kept[table])
            cursor.execute("COMMIT")

    return timed(copy)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    database = connection.settings_dict["NAME"]
    if connection.vendor != "postgresql" or "bench" not in str(database):
        raise SystemExit("Give DATABASE_URL of a PostgreSQL database with “bench” in its name.")
    call_command("migrate", verbosity=0)
    actor = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", "a password long enough", name="Bench", role=Role.ADMINISTRATOR
    )
    if Account.objects.count() < ACCOUNTS:
        bulk.insert(Account, [Account(name=f"Company {i}", external_id=f"A{i}") for i in range(ACCOUNTS)])
    found: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}

    def note(name: str, spent: tuple[float, float]) -> None:
        found.setdefault(name, []).append(options.rows / spent[0])
        cpu.setdefault(name, []).append(spent[1] / options.rows * 1_000_000)

    for turn in range(options.rounds):
        data = contact_file(options.rows, f"r{turn}")
        empty()
        run = services.upload_import(
            file=SimpleUploadedFile("contacts.csv", data), target="contact", actor=actor
        )
        services.start_check(
            run=run, dialect=Dialect.of(run.dialect), columns=Columns.of(run.mapping), actor=actor
        )
        note("check", timed(drain))
        run.refresh_from_db()
        assert run.created_count == options.rows, (run.state, run.error, run.checked.get("counts"))
        services.start_import(run=run, actor=actor)
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        note("import", timed(drain))
        if options.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(28)
        assert Contact.objects.count() == options.rows
        again = services.upload_import(
            file=SimpleUploadedFile("contacts.csv", data), target="contact", actor=actor
        )
        Import.objects.filter(pk=again.pk).update(state="checked")
        services.start_import(run=again, actor=actor)
        note("the same file again, all unchanged", timed(drain))
        again.refresh_from_db()
        assert again.unchanged_count == options.rows, again.error
        kept = {table: take(table) for table in TABLES}
        empty()
        note("floor 1: COPY, contacts only", put(kept, TABLES[:1]))
        empty()
        note("floor 2: COPY, all rows that are written", put(kept, TABLES))
        print(
            f"round {turn + 1}: "
            + ", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in found.items()),
            flush=True,
        )
    median = {name: statistics.median(values) for name, values in found.items()}
    ratios = {
        floor: statistics.median(
            ours / theirs for ours, theirs in zip(found["import"], found[floor], strict=True)
        )
        for floor in found
        if floor.startswith("floor")
    }
    print(f"\n{options.rows:,} rows, median of {options.rounds} rounds")
    processor = {name: statistics.median(values) for name, values in cpu.items()}
    for name, rate in median.items():
        print(
            f"{name:45} {rate:10,.0f} rows/s {processor[name]:8.0f} µs of processor a row (ours and the database's)"
        )
    for floor, ratio in ratios.items():
        print(
            f"import over {floor:37} {ratio:8.0%} by the clock, {processor[floor] / processor['import']:6.0%} by processor"
        )
    print(json.dumps({"rows": options.rows, "rates": median, "ratios": ratios, "cpu": processor}))


if __name__ == "__main__":
    main()
