"""Recomputing the health of all accounts beside one plain UPDATE, in turns within one run (P18, P19).

    createdb nps_bench_health
    DATABASE_URL=postgres://user@127.0.0.1/nps_bench_health NPS_DEBUG=1 python bench/health.py \
        [--accounts 100000] [--rounds 5]

Eight components of eight sources over real tables: answers (kept scores of two metrics), silence (three answers and five
asks an account), the last human touch (three interactions), sentiment, two metrics of four points each, days to renewal.
Floor: eight values an account in one narrow table, weighed by one UPDATE of a table of accounts with a history row each.
Product: `compute.recompute()`: from the sources to scores, bands, confidence and contributions, comparing with what is
stored, the day's snapshot, and an event for every change of band. Taken once with every account changed (P18: floor over
product) and once with one in a hundred (P19: over computing only, the same statement writing nothing).

The database's name must hold "bench": its tables are emptied.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")
os.environ.setdefault("NPS_DATA_DIR", tempfile.mkdtemp(prefix="nps_bench_"))
os.environ.setdefault("NPS_LOG_LEVEL", "WARNING")

import django
import psutil

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from accounts.models import Metric  # noqa: E402
from surveys.models import Survey, SurveyVersion  # noqa: E402
from team.models import User  # noqa: E402
from workflows.health import compute, defaults, versions  # noqa: E402
from workflows.health.dialect import for_all_accounts  # noqa: E402
from workflows.health.sources import Frame, present  # noqa: E402
from workflows.health.statement import computed  # noqa: E402

EMPTY = (
    "TRUNCATE accounts_account, surveys_survey, surveys_invitation, workflows_accounthealth, workflows_healthsnapshot,"
    " workflows_healthsentiment, workflows_healthmark, accounts_metric, accounts_event, accounts_eventrelay, team_user,"
    " core_job, django_q_ormq CASCADE"
)
FILL = """
INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom, seats, arr, renewal_on)
SELECT n, 'Account ' || n, '', 'pro', 'SMB', '', 'DE', '', 'EUR', '{{}}', 20 + n % 200, 1000 + n % 9000, current_date + (n * 7 % 365)
FROM generate_series(1, {n}) n;
INSERT INTO surveys_accountscore (account_id, metric, people, promoters, detractors, mean, median, latest_at, changes_on)
SELECT n, m, 3, 1, 1, CASE m WHEN 'nps' THEN 4 + n % 6 ELSE 1 + n % 4 END, 7, now() - make_interval(days => n % 300), current_date + 60
FROM generate_series(1, {n}) n, unnest(ARRAY['nps', 'csat']) m;
INSERT INTO surveys_response (survey_id, account_id, source, channel, metric, scale_min, scale_max, score, responded_at, comment,
 language, state, excluded_reason, identity, identity_hint, attributes, origin, loop_status, may_contact)
SELECT {survey}, n, 'bench', 'email', 'nps', 0, 10, n % 11, now() - make_interval(days => 30 + k * 90 + n % 60), '', 'en', 'scored', '',
 'matched', '{{}}', '{{}}', 'live', 'open', FALSE FROM generate_series(1, {n}) n, generate_series(0, 2) k;
INSERT INTO surveys_invitation (version_id, account_id, recipient_key, cost, language, state, is_test, planned_at, asked_at, outcome_reason)
SELECT {version}, n, 'k' || n || '-' || k, 10, 'en', 'expired', FALSE, now() - make_interval(days => 10 + k * 60),
 now() - make_interval(days => 10 + k * 60), '' FROM generate_series(1, {n}) n, generate_series(0, 4) k;
INSERT INTO accounts_interaction (account_id, user_id, kind, subject, body, outcome, happened_at)
SELECT n, {person}, 'call', '', '', '', now() - make_interval(days => n % 90 + k * 40) FROM generate_series(1, {n}) n, generate_series(0, 2) k;
INSERT INTO workflows_healthsentiment (account_id, value, note, by_id, at)
SELECT n, 1 + n % 5, '', {person}, now() - make_interval(days => n % 170) FROM generate_series(1, {n}) n;
INSERT INTO accounts_metricpoint (metric_id, account_id, value, observed_at, recorded_at)
SELECT m, n, (n * (k + 3) * m) % 18, now() - make_interval(days => 1 + k * 7), now() - make_interval(days => 1 + k * 7)
FROM generate_series(1, {n}) n, generate_series(1, 2) m, generate_series(0, 3) k;
CREATE TABLE bench_component (account_id bigint, kind smallint, value real, PRIMARY KEY (account_id, kind));
INSERT INTO bench_component SELECT n, k, CASE WHEN (hashint4((n * 7 + k)::int) & 1023) < 900
 THEN ((hashint4((n * 31 + k * 7)::int) & 1023) % 101) END FROM generate_series(1, {n}) n, generate_series(0, 7) k;
CREATE TABLE bench_account AS SELECT id, name, plan, segment, country, seats, arr, NULL::real AS health, NULL::smallint AS health_band,
 NULL::timestamptz AS health_at FROM accounts_account;
ALTER TABLE bench_account ADD PRIMARY KEY (id);
CREATE TABLE bench_log (account_id bigint, at timestamptz, score real, band smallint);
"""
WEIGHTS = ", ".join(f"({kind}, {weight})" for kind, weight in enumerate((25, 8, 12, 10, 10, 10, 15, 10)))
BAND = "CASE WHEN s.s >= 70 THEN 2 WHEN s.s >= 40 THEN 1 ELSE 0 END"
FLOOR = f"""
WITH s AS (SELECT c.account_id, round((sum(c.value * w.w) / nullif(sum(w.w) FILTER (WHERE c.value IS NOT NULL), 0))::numeric, 1)::real s
  FROM bench_component c JOIN (VALUES {WEIGHTS}) w (k, w) ON w.k = c.kind GROUP BY 1),
u AS (UPDATE bench_account a SET health = s.s, health_band = {BAND}, health_at = now() FROM s WHERE a.id = s.account_id
  AND (a.health IS DISTINCT FROM s.s OR a.health_band IS DISTINCT FROM {BAND}) RETURNING a.id, a.health, a.health_band)
INSERT INTO bench_log SELECT id, now(), health, health_band FROM u
"""
TABLES = (
    "bench_component", "bench_account", "surveys_accountscore", "accounts_metricpoint", "workflows_accounthealth",
    "workflows_healthsnapshot",
)  # fmt: skip


def run(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.rowcount


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that passed, and seconds of processor of this process and of its database connection."""
    backend = psutil.Process(connection.connection.info.backend_pid)

    def processor() -> float:
        times = backend.cpu_times()
        return float(times.user + times.system) + time.process_time()

    began, used = time.perf_counter(), processor()
    work()
    return time.perf_counter() - began, processor() - used


def fill(accounts: int) -> None:
    run(EMPTY)
    for table in ("bench_component", "bench_account", "bench_log"):
        run(f"DROP TABLE IF EXISTS {table}")
    survey = Survey.objects.create(name="Bench", state="active")
    version = SurveyVersion.objects.create(survey=survey, number=1, content={})
    person = User.objects.create(email="bench@example.com", name="Bench", role="csm")
    Metric.objects.create(id=1, key="open_tickets", label="Open tickets")
    Metric.objects.create(id=2, key="active_users", label="Active users")
    for text in FILL.format(n=accounts, survey=survey.pk, version=version.pk, person=person.pk).split(";\n"):
        if text.strip():
            run(text)
    defaults.ensure()
    run("VACUUM ANALYZE")


def change(share: int) -> None:
    """What changed since last time: of every account, or of one in so many; and yesterday is another day."""
    run(f"UPDATE bench_component SET value = (value::int + 7) % 101 WHERE account_id % {share} = 0")
    run(
        f"UPDATE accounts_metricpoint SET value = value % 17 + 1 WHERE metric_id = 2 AND account_id % {share} = 0"
    )
    run("TRUNCATE bench_log")
    run("TRUNCATE workflows_healthsnapshot")
    run("UPDATE workflows_accounthealth SET kept_on = current_date - 2")
    run("TRUNCATE accounts_event CASCADE")
    for table in TABLES:
        run(f"VACUUM ANALYZE {table}")
    run("CHECKPOINT")


def only_compute() -> None:
    version = versions.in_force()
    assert version is not None
    text, params = computed(versions.config_of(version), version.number, present())
    with transaction.atomic(), connection.cursor() as cursor:
        for_all_accounts()
        cursor.execute(
            f"SELECT COUNT(score), AVG(score), COUNT(parts), MAX(LENGTH(parts)) FROM ({text}) c", params
        )
        cursor.fetchone()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", action="store_true", help="the rows that are there")
    parser.add_argument("--explain", action="store_true", help="show the plan of computing and stop")
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    if "bench" not in name or connection.vendor != "postgresql":
        raise SystemExit(
            f"This empties its database; {name!r} is no PostgreSQL database with “bench” in its name."
        )
    call_command("migrate", verbosity=0)
    if not options.keep:
        fill(options.accounts)
    if options.explain:
        explain()
        return
    compute.recompute()
    run(FLOOR)
    told: list[int] = []
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ("floor", "all", "only", "one")}
    for _ in range(options.rounds):
        change(1)
        took["floor"].append(timed(lambda: run(FLOOR)))
        took["all"].append(timed(lambda: told.append(compute.recompute().told)))
        change(100)
        took["only"].append(timed(only_compute))
        took["one"].append(timed(compute.recompute))
        print(
            ", ".join(f"{key} {rows[-1][0]:.2f} s ({rows[-1][1]:.2f})" for key, rows in took.items()),
            flush=True,
        )

    def ratio(first: str, second: str, kind: int) -> float:
        return statistics.median(a[kind] / b[kind] for a, b in zip(took[first], took[second], strict=True))

    load = os.getloadavg()[0]
    print(
        f"\n{options.accounts:,} accounts, 8 components, {options.rounds} rounds, load {load:.1f} on {os.cpu_count()} cores"
    )
    print("\n| way | seconds | of processor |\n|---|---|---|")
    for key, label in (
        ("floor", "floor: one UPDATE of plain values, history row each"),
        ("all", f"product: all changed, {int(statistics.median(told)):,} events of bands"),
        ("only", "computing only"),
        ("one", "product: one in a hundred changed"),
    ):
        elapsed, used = (statistics.median(row[kind] for row in took[key]) for kind in (0, 1))
        print(f"| {label} | {elapsed:.2f} | {used:.2f} |")
    print(f"\nP18 {ratio('floor', 'all', 0):.0%} of the floor (by processor {ratio('floor', 'all', 1):.0%})")
    print(f"P19 {ratio('one', 'only', 0):.2f}x computing only (by processor {ratio('one', 'only', 1):.2f}x)")


def explain() -> None:
    version = versions.in_force()
    assert version is not None
    text, params = computed(versions.config_of(version), version.number, Frame(present().at))
    with transaction.atomic(), connection.cursor() as cursor:
        for_all_accounts()
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {text}", params)
        print("\n".join(row[0] for row in cursor.fetchall()))


if __name__ == "__main__":
    main()
