"""One answer over HTTP with all its effects, beside the floor and the naive peer, in turns within one run (P1, P2).

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/ingest.py [--rounds 5] [--seconds 5] [--clients 8]

Floor: pgbench with one prepared statement (find the contact, insert the answer, its contact's latest score, one rollup).
Naive: the same in a DRF create view over the ORM (bench/naive.py), on the same web server.
Product: `POST /api/v1/responses` through granian as `manage.py web` starts it, with an API key whose rate limit is raised
and with every check on: authentication, scope, exact rate, strict JSON, matching, response, revision, chain, contact
score, event, relay row, figure mark, wake-up.
Needs wrk and pgbench. Printed beside: CPU of server and database for each
request, and with the load generator's ("all ms"), which move less on a busy machine than the clock.
"""

import argparse
import os
import uuid

import benchlib

benchlib.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from surveys.models import Response, Survey  # noqa: E402
from team.authentication import new_key  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import ApiKey, User, Workspace  # noqa: E402

CONTACTS, ACCOUNTS = 200_000, 20_000
PORT = int(os.environ.get("BENCH_PORT", "58490"))
LIMIT = "floor: pgbench, one statement"
PRODUCT, NAIVE = "product: POST /api/v1/responses", "naive: DRF create view"


def prepare() -> str:
    """Fill the database once; returns a key for everything."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    Workspace.objects.get_or_create(pk=1)
    user = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.LEAD
    )
    text, prefix, digest = new_key()
    ApiKey.objects.create(
        name="bench",
        user=user,
        prefix=prefix,
        digest=digest,
        scopes=["responses:write"],
        rate_limit=1_000_000_000,
    )
    for pk in range(1, 6):
        Survey.objects.get_or_create(pk=pk, defaults={"name": f"Bench survey {pk}", "state": "active"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM accounts_contact")
        if cursor.fetchone()[0] < CONTACTS:
            cursor.execute(
                "INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom)"
                " SELECT i, 'Customer ' || i, '', (ARRAY['Free','Team','Business','Enterprise'])[1 + i % 4],"
                " (ARRAY['SMB','Mid','Large'])[1 + i % 3], '', (ARRAY['DE','FR','US','GB','AT'])[1 + i % 5], '', 'EUR', '{}'"
                f" FROM generate_series(1, {ACCOUNTS}) i ON CONFLICT DO NOTHING"
            )
            cursor.execute(
                "INSERT INTO accounts_contact (id, account_id, first_name, last_name, email, email_key, phone, job_title,"
                " role, language, time_zone, custom) SELECT i, 1 + i % 20000, 'F' || i, 'L' || i,"
                " 'user' || i || '@customer.example', 'user' || i || '@customer.example', '', '', 'user', 'en', '', '{}'"
                f" FROM generate_series(1, {CONTACTS}) i ON CONFLICT DO NOTHING"
            )
        cursor.execute((benchlib.HERE / "floor.sql").read_text())
        cursor.execute(f"INSERT INTO floor.account SELECT i, i % 4 FROM generate_series(1, {ACCOUNTS}) i")
        cursor.execute(
            "INSERT INTO floor.contact SELECT i, 1 + i % 20000, 'user' || i || '@customer.example'"
            f" FROM generate_series(1, {CONTACTS}) i"
        )
        cursor.execute("CREATE TABLE floor.naive_key (key text PRIMARY KEY, user_name text NOT NULL)")
        cursor.execute("INSERT INTO floor.naive_key VALUES (%s, 'bench')", [text])
        cursor.execute("VACUUM ANALYZE")
    return text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="processes of the web server")
    parser.add_argument("--threads", type=int, default=8, help="blocking threads of each of them")
    parser.add_argument("--without", default="", help="naive: leave it out")
    options = parser.parse_args()
    key = prepare()
    load = {"clients": options.clients, "seconds": options.seconds}

    def spent(meter: benchlib.Meter, n: float) -> dict[str, float]:
        both = meter.cpu + meter.load
        return {"cpu ms": meter.cpu / n * 1e3, "all ms": both / n * 1e3, "others": meter.others}

    def floor(_: int) -> dict[str, float]:
        with benchlib.Meter() as meter:
            found = benchlib.pgbench("floor.pgbench", **load)
        return {**found, **spent(meter, found["n"])}

    def over_http(app: str, path: str, *, env: dict[str, str]):  # type: ignore[no-untyped-def]
        def run(_: int) -> dict[str, float]:
            tag = uuid.uuid4().hex[:12]
            url = f"http://127.0.0.1:{PORT}{path}"
            args = (1, CONTACTS, f"Bearer {key}")
            command = benchlib.granian(app, PORT, threads=options.threads, workers=options.workers)
            with benchlib.Server(command, PORT, env) as server:
                benchlib.wrk(url, "answers.lua", clients=options.clients, seconds=2, args=("w" + tag, *args))
                with benchlib.Meter(server.pid) as meter:
                    found = benchlib.wrk(url, "answers.lua", **load, args=(tag, *args))
            return {**found, **spent(meter, found["n"])}

        return run

    product = {"PYTHONPATH": str(benchlib.ROOT)}
    ways: list[benchlib.Way] = [
        (LIMIT, floor),
        (PRODUCT, over_http("nps_crm.wsgi:application", "/api/v1/responses", env=product)),
    ]
    if "naive" not in options.without:
        naive = {"PYTHONPATH": str(benchlib.HERE), "DJANGO_SETTINGS_MODULE": ""}
        ways.append((NAIVE, over_http("naive:application", "/responses", env=naive)))
    before = Response.objects.count()
    found = benchlib.rounds(ways, options.rounds, limit=LIMIT)
    benchlib.table(
        f"One answer a request, {options.clients} clients, {options.rounds} rounds of {options.seconds:g} s",
        found, limit=LIMIT, columns=["rps", "p50", "p99", "cpu ms", "all ms", "errors", "others"],
    )  # fmt: skip
    by_clock, by_processor = benchlib.ratio, benchlib.processor_ratio
    print(
        f"\nP1 product / floor {by_clock(found, PRODUCT, LIMIT):.0%} by the clock,"
        f" {by_processor(found, PRODUCT, LIMIT):.0%} by processor (must 20, aim 35)"
    )
    if NAIVE in found:
        print(
            f"P2 product / naive {by_clock(found, PRODUCT, NAIVE):.1f} by the clock,"
            f" {by_processor(found, PRODUCT, NAIVE):.1f} by processor (must 5, aim 8)"
        )
    print(f"{Response.objects.count() - before:,} answers written by the product, warm-up included")
    benchlib.save("ingest", found)


if __name__ == "__main__":
    main()
