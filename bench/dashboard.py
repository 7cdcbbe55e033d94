"""The NPS page at 1 and at 10 million answers of the same customers: flat or not (P8), and HTTP over its SQL (P10).

    createdb nps_bench
    DATABASE_URL=postgres://superuser@127.0.0.1:5432/nps_bench python bench/dashboard.py [--sizes 1000000,10000000]

Answers are made set-based over three years: 200,000 contacts at 20,000 accounts, 5 surveys, 4 plans, 5 countries, 20
owners, chains included; figures by `manage.py rebuild_figures`. Asks are not made: the funnel grows with asks, not with
answers. Printed for each size: rows and time of the rebuild, time of each statement of the page, the page over HTTP, and
apart from it a saved segment and a person who sees own accounts only, which are counted live and do grow.
Needs a superuser (foreign keys are not checked while answers are made) and about 8 GB for ten million.
"""

import argparse
import os
import statistics
import time

import benchlib

benchlib.setup()

import ingest  # noqa: E402
import requests  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Segment  # noqa: E402
from surveys.insight import rollups  # noqa: E402
from surveys.insight.figures import Question  # noqa: E402
from surveys.models import Response  # noqa: E402
from surveys.queries import figures  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import RoleScope, User  # noqa: E402

PORT = int(os.environ.get("BENCH_PORT", "58492"))
OWNERS = 20
TABLES = ("surveys_response", "surveys_responserevision", "surveys_contactscore", "surveys_accountscore",
          "surveys_figuremark", "surveys_tally")  # fmt: skip


def people() -> tuple[User, User]:
    lead = User.objects.get(email="bench@example.com")
    for k in range(OWNERS):
        User.objects.filter(email=f"owner{k}@example.com").exists() or User.objects.create_user(
            f"owner{k}@example.com", None, name=f"Owner {k}", role=Role.CSM
        )
    RoleScope.objects.update_or_create(role=Role.CSM, defaults={"scope": "own"})
    first = User.objects.get(email="owner0@example.com")
    benchlib.sql(
        f"UPDATE accounts_account SET owner_id = {first.pk} + id % {OWNERS}, arr = 1000 + id % 50000"
        " WHERE owner_id IS NULL OR arr IS NULL"
    )
    return lead, first


def fill(answers: int) -> None:
    """Make the answers anew, indexes dropped and built again."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'surveys_response'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            f"""
INSERT INTO surveys_response (survey_id, contact_id, account_id, source, external_id, channel, metric, scale_min,
  scale_max, score, comment, language, state, may_contact, responded_at, received_at, finalised_at, locked_at,
  excluded_reason, superseded_at, identity, identity_hint, attributes, origin, loop_status)
SELECT 1 + k % 5, q.contact_id, a.id, 'bench', 'b' || k, (ARRAY['email','api','link','import'])[1 + k % 4], 'nps', 0, 10,
  score, CASE WHEN k % 3 = 0 THEN 'Works well, the export could be quicker' ELSE '' END, 'en', 'completed', FALSE, at, at,
  at, at, '', LEAD(at) OVER (PARTITION BY q.contact_id ORDER BY at, k), 'matched', '{{}}',
  jsonb_build_object('plan', a.plan, 'segment', a.segment, 'country', a.country, 'owner', a.owner_id, 'stage', NULL),
  'import', 'open'
FROM (
  SELECT k, 1 + (random() * {ingest.CONTACTS - 1})::int AS contact_id,
    LEAST(10, (random() * 12)::int) AS score, now() - random() * interval '1095 days' AS at
  FROM generate_series(1, {answers}) k) q
JOIN accounts_contact c ON c.id = q.contact_id JOIN accounts_account a ON a.id = c.account_id"""
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE surveys_response")


def timed(work, runs: int = 7) -> tuple[float, dict[str, float]]:  # type: ignore[no-untyped-def]
    """Median seconds of `work`, and of its statements together, after one run to warm up."""
    whole, in_sql = [], []
    for turn in range(runs + 1):
        spent = [0.0]

        def measure(execute, statement, params, many, context, spent=spent):  # type: ignore[no-untyped-def]
            began = time.perf_counter()
            try:
                return execute(statement, params, many, context)
            finally:
                spent[0] += time.perf_counter() - began

        began = time.perf_counter()
        with connection.execute_wrapper(measure):
            work()
        if turn:
            whole.append(time.perf_counter() - began)
            in_sql.append(spent[0])
    return statistics.median(whole), {"sql": statistics.median(in_sql)}


def session_of(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def over_http(user: User, path: str, runs: int = 11) -> float:
    cookies = {settings.SESSION_COOKIE_NAME: session_of(user)}
    env = {"NPS_STATIC_STORAGE": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with benchlib.Server(benchlib.granian("nps_crm.wsgi:application", PORT, threads=2, workers=1), PORT, env):
        spent = []
        for turn in range(runs + 3):
            began = time.perf_counter()
            response = requests.get(
                f"http://127.0.0.1:{PORT}{path}", cookies=cookies, timeout=120, allow_redirects=False
            )
            if response.status_code != 200:
                raise SystemExit(f"{path} answered {response.status_code}")
            if turn > 2:
                spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def size_of(*tables: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(pg_total_relation_size(t::regclass)) FROM unnest(%s::text[]) t", [list(tables)]
        )
        return int(cursor.fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--keep", action="store_true", help="measure the answers that are there, as one size")
    options = parser.parse_args()
    ingest.prepare()
    lead, csm = people()
    saved = Segment(
        name="Bench",
        target="account",
        conditions={"all": [{"field": "plan", "op": "in", "value": ["Business"]}]},
    )
    found: dict[int, dict[str, float]] = {}
    for size in [Response.objects.count()] if options.keep else map(int, options.sizes.split(",")):
        began = time.perf_counter()
        if not options.keep:
            fill(size)
            print(f"{size:,} answers made in {time.perf_counter() - began:,.0f} s", flush=True)
        began = time.perf_counter()
        rows = rollups.rebuild()
        spent = time.perf_counter() - began
        benchlib.vacuum("surveys_tally", "surveys_accountscore")
        page, part = timed(lambda: figures.nps_page(Question(lead)))
        own, _ = timed(lambda: figures.nps_page(Question(csm)), 3)
        live, _ = timed(lambda: figures.nps_page(Question(lead, saved=saved)), 3)
        http = over_http(lead, "/nps/")
        found[size] = {
            "tally rows": rows,
            "rebuild s": spent,
            "share of disk %": 100
            * size_of("surveys_tally", "surveys_accountscore")
            / size_of("surveys_response"),
            "page SQL ms": part["sql"] * 1e3,
            "page ms": page * 1e3,
            "HTTP ms": http * 1e3,
            "own accounts ms": own * 1e3,
            "saved segment ms": live * 1e3,
        }
        print(", ".join(f"{k} {v:,.1f}" for k, v in found[size].items()), flush=True)
    sizes = list(found)
    print(
        "\n| | " + " | ".join(f"{size:,}" for size in sizes) + " | ratio |\n|---|" + "---|" * (len(sizes) + 1)
    )
    for name in found[sizes[0]]:
        values = [found[size][name] for size in sizes]
        print(f"| {name} | " + " | ".join(f"{v:,.1f}" for v in values) + f" | {values[-1] / values[0]:.2f} |")
    last = found[sizes[-1]]
    print(f"\nP8 page SQL, {sizes[-1]:,} over {sizes[0]:,}: {last['page SQL ms'] / found[sizes[0]]['page SQL ms']:.2f}"
          " (must 1.5, aim 1.2)")  # fmt: skip
    print(
        f"P10 HTTP over SQL at {sizes[-1]:,}: {last['HTTP ms'] / last['page SQL ms']:.2f} (must 2, aim 1.3)"
    )
    benchlib.save("dashboard", found)


if __name__ == "__main__":
    main()
