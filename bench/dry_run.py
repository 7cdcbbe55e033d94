"""A rule tried on 1,000,000 past events, beside plain SQL that reads and counts the same events, in turns.

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/dry_run.py [--events 1000000] [--rounds 3]

Floor: one statement that scans the events of the window and counts those that fulfil the condition. Product: the whole
dry run, with the engine's judgement, the list of everything it would have done, and the figures of its page. Three rules:
one whose condition the database can be asked first, one for which every event is judged, and one that takes nobody
through it twice within 30 days. "MB" is the most that the process has held since its start.
"""

import argparse
import os
import resource
import time
from typing import Any

import benchlib

benchlib.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from core.models import Job  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User, Workspace  # noqa: E402
from workflows.models import DryRun, Rule  # noqa: E402
from workflows.queries import dry_runs as queries  # noqa: E402
from workflows.services import dry_runs  # noqa: E402

ACCOUNTS, CONTACTS, DAYS = 2_000, 20_000, 90
FLOOR = "floor: one SQL scan that counts"
TASK = {"kind": "create_task", "title": "Call", "due_business_days": 1, "priority": "high"}
DETRACTORS = {"all": [{"field": "event.category", "op": "in", "value": ["detractor"]}]}
LOW = {"any": [{"field": "event.score", "op": "lte", "value": 6}]}
RULES: dict[str, dict[str, Any]] = {
    "asks the database first": {"conditions": DETRACTORS},
    "judges every event": {"conditions": LOW},
    "once in 30 days a person": {
        "conditions": DETRACTORS, "one_run_per": "contact", "reentry": "after_days", "reentry_days": 30,
    },
}  # fmt: skip


def prepare(events: int) -> User:
    """Accounts, contacts and `events` answers spread over the window, a fifth of them by detractors."""
    call_command("migrate", verbosity=0)
    Workspace.objects.get_or_create(pk=1)
    user = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.LEAD
    )
    benchlib.sql("TRUNCATE accounts_account, accounts_event, workflows_rule CASCADE")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom)"
            " SELECT i, 'Customer ' || i, '', (ARRAY['Free','Team','Business'])[1 + i % 3], 'SMB', '', 'DE', '', 'EUR',"
            f" '{{}}' FROM generate_series(1, {ACCOUNTS}) i"
        )
        cursor.execute(
            "INSERT INTO accounts_contact (id, account_id, first_name, last_name, email, email_key, phone, job_title,"
            f" role, language, time_zone, custom) SELECT i, 1 + i % {ACCOUNTS}, 'F' || i, 'L' || i,"
            " 'user' || i || '@customer.example', 'user' || i || '@customer.example', '', '', 'user', 'en', '', '{}'"
            f" FROM generate_series(1, {CONTACTS}) i"
        )
        cursor.execute(
            "INSERT INTO accounts_event (kind, account_id, contact_id, subject_type, subject_id, cause_key, origin,"
            " occurred_at, recorded_at, facts, data) SELECT 'response.scored',"
            f" 1 + (1 + mod(i * 7, {CONTACTS})) % {ACCOUNTS}, 1 + mod(i * 7, {CONTACTS}), 'response', i,"
            " 'response:' || i || ':scored', 'live', at, at,"
            " jsonb_build_object('plan', (ARRAY['Free','Team','Business'])[1 + i % 3], 'arr', '12000.00', 'owner', NULL,"
            " 'segment', 'SMB', 'country', 'DE', 'stage', NULL, 'role', 'user'),"
            " jsonb_build_object('metric', 'nps', 'score', s, 'category', CASE WHEN s < 7 THEN 'detractor' WHEN s < 9"
            " THEN 'passive' ELSE 'promoter' END, 'survey', 1, 'channel', 'email', 'contact_score_before', NULL,"
            " 'contact_category_before', NULL) FROM (SELECT i, 10 - mod(i * 13, 5) AS s,"
            f" now() - interval '1 hour' - (i::float / {events}) * interval '{DAYS - 1} days' AS at"
            f" FROM generate_series(1, {events}) i) e"
        )
        cursor.execute("VACUUM ANALYZE")
    return user


def scan() -> dict[str, float]:
    """What reading and counting the events costs the database alone."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE data->>'category' = 'detractor'), count(DISTINCT account_id) FILTER"
            " (WHERE data->>'category' = 'detractor') FROM accounts_event WHERE kind IN ('response.scored',"
            f" 'response.updated') AND occurred_at >= now() - interval '{DAYS} days'"
        )
        (seen, held, _) = cursor.fetchone()
    seconds = time.perf_counter() - began
    return {"rps": seen / seconds, "errors": 0, "seconds": seconds, "found": held}


def rehearse(name: str, user: User) -> dict[str, float]:
    """One dry run from its start to the figures of its page."""
    Rule.objects.filter(key=None).delete()
    rule = Rule.objects.create(
        name=name, trigger="response.scored", steps=[TASK], is_active=False, **RULES[name]
    )
    with benchlib.Meter(os.getpid()) as meter:
        began = time.perf_counter()
        made = dry_runs.start(rule=rule, actor=user, days=DAYS)
        while not DryRun.objects.get(pk=made.pk).is_over:
            dry_runs.work_off(made.pk)
        made.refresh_from_db()
        found = queries.summary(made, user)
        seconds = time.perf_counter() - began
    Job.objects.all().delete()
    return {
        "rps": TOTAL / seconds, "errors": 0, "seconds": seconds, "found": found.fires, "cpu ms": meter.cpu / TOTAL * 1e3,
        "cpu s": meter.cpu, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "others": meter.others,
    }  # fmt: skip


TOTAL = 1_000_000


def main() -> None:
    global TOTAL
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=TOTAL)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    TOTAL = options.events
    user = prepare(TOTAL)
    ways: list[benchlib.Way] = [(FLOOR, lambda _: scan())]
    ways += [(name, lambda _, name=name: rehearse(name, user)) for name in RULES]  # type: ignore[misc]
    found = benchlib.rounds(ways, options.rounds, limit=FLOOR)
    columns = ["rps", "seconds", "found", "cpu ms", "cpu s", "MB", "others"]
    benchlib.table(f"Events a second, {options.rounds} rounds", found, limit=FLOOR, columns=columns)
    for name in RULES:
        print(f"{name}: {100 * benchlib.ratio(found, name, FLOOR):.1f} % of the scan")
    benchlib.save("dry_run", found)


if __name__ == "__main__":
    main()
