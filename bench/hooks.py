"""Deliveries over HTTP at the door for other systems, beside the floor, in turns within one run.

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/hooks.py [--rounds 5] [--seconds 5] [--clients 8]

Product: `POST /hooks/in/<token>/` of a generic webhook with an HMAC-SHA256 signature, through granian as `manage.py web`
starts it: connection by its token, secrets opened, raw bytes verified, one durable row, a wake-up, 200.
Floor: the smallest WSGI program on the same server that does the two things that cannot be left out, verify the
signature and commit one durable row (psycopg, prepared, one connection a thread).
Both get bodies of about 600 bytes, each signed and none sent twice within a turn; both tables are emptied before each.
Needs wrk. `others` is what other programs kept busy meanwhile (bench/benchlib.py).
"""

import argparse
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path

import benchlib

benchlib.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from integrations import vault  # noqa: E402
from integrations.models import Connection, HookDelivery  # noqa: E402
from integrations.services import connections  # noqa: E402
from surveys.models import Survey  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402

PORT = int(os.environ.get("BENCH_PORT", "58490"))
SECRET = "bench-secret"
PRODUCT, FLOOR = "product: the door", "floor: verify and one durable row"
BODIES = 60_000


def prepare() -> str:
    """A connection that hears; returns its path."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    user = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.ADMINISTRATOR
    )
    survey, _ = Survey.objects.get_or_create(pk=1, defaults={"name": "Bench survey", "state": "active"})
    Connection.objects.all().delete()
    made = connections.create_connection(system="webhook", actor=user)
    connections.change_connection(
        connection=made,
        actor=user,
        options={"scheme": "hmac", "header": "X-Sign"},
        new_secrets={"hook": SECRET},
    )
    connections.choose_surveys(
        connection=made, choices=[connections.SurveyChoice(remote_id="", survey=survey)], actor=user
    )
    connections.activate(connection=made, actor=user)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS floor_delivery")
        cursor.execute(
            "CREATE TABLE floor_delivery (id bigserial PRIMARY KEY, body bytea NOT NULL, at timestamptz)"
        )
    return f"/hooks/in/{vault.open_token(made)}/"


def bodies(path: Path) -> None:
    """Signed bodies for wrk, one a line."""
    with path.open("w") as file:
        for n in range(BODIES):
            body = json.dumps(
                {
                    "id": f"r{n}", "score": n % 11, "comment": "It works well and could be quicker. " * 13,
                    "email": f"user{n}@customer.example", "answered_at": "2026-03-01T10:00:00Z",
                },
                separators=(",", ":"),
            )  # fmt: skip
            file.write(f"{hmac.digest(SECRET.encode(), body.encode(), hashlib.sha256).hex()} {body}\n")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--threads", type=int, default=8, help="blocking threads of each of the two workers")
    given = options.parse_args()
    path = prepare()
    file = Path(os.environ["NPS_DATA_DIR"]) / "bodies.txt"
    bodies(file)

    def over_http(app: str, where: str, table: str, env: dict[str, str]) -> Callable[[int], dict[str, float]]:
        def run(_: int) -> dict[str, float]:
            url = f"http://127.0.0.1:{PORT}{where}"
            with benchlib.Server(benchlib.granian(app, PORT, threads=given.threads), PORT, env) as server:
                benchlib.wrk(url, "hooks.lua", clients=given.clients, seconds=2, args=(file, 0))
                benchlib.sql(f"TRUNCATE {table}")
                with benchlib.Meter(server.pid) as meter:
                    found = benchlib.wrk(
                        url, "hooks.lua", clients=given.clients, seconds=given.seconds, args=(file, 0)
                    )
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {table}")
                (rows,) = cursor.fetchone()
            # wrk counts what it got an answer for; a few rows more were written for what it no longer waited for.
            assert rows >= min(found["n"], BODIES), (rows, found["n"])
            return {**found, "cpu ms": meter.cpu / found["n"] * 1e3, "others": meter.others}

        return run

    floor = {"PYTHONPATH": str(benchlib.HERE), "BENCH_HOOK_SECRET": SECRET}
    product = {"PYTHONPATH": str(benchlib.ROOT)}
    ways: list[benchlib.Way] = [
        (FLOOR, over_http("hooks_floor:application", "/", "floor_delivery", floor)),
        (PRODUCT, over_http("nps_crm.wsgi:application", path, HookDelivery._meta.db_table, product)),
    ]
    found = benchlib.rounds(ways, given.rounds, limit=FLOOR)
    benchlib.table(
        f"One delivery a request, {given.clients} clients, {given.rounds} rounds of {given.seconds:g} s",
        found, limit=FLOOR, columns=["rps", "p50", "p99", "cpu ms", "errors", "others"],
    )  # fmt: skip
    print(f"\nproduct / floor {100 * benchlib.ratio(found, PRODUCT, FLOOR):.0f} %")
    benchlib.save("hooks", found)


if __name__ == "__main__":
    main()
