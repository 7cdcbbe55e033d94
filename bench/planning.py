"""Planning a wave beside one plain INSERT … SELECT, in turns within one run (P14, P15).

    createdb nps_bench_plan
    DATABASE_URL=postgres://user@127.0.0.1/nps_bench_plan NPS_DEBUG=1 python bench/planning.py \
        [--contacts 200000] [--rounds 3] [--asked 200000] [--rules default]

Contacts at accounts of ten, 3 % suppressed, 2 % of accounts churned, and a ledger of `--asked` earlier invitations of
which a part is within its quiet time. Every rule there is has something to judge; with `--rules default`, what a new deployment has.
Floor (P15): one INSERT … SELECT into the same surveys_invitation table with its indexes, of exactly the people our rules
choose, read from a table of their ids: creating alone, nothing decided, no exclusions.
Product: `planning.plan_wave`: eligibility by every rule, in committed slices of 20,000 people, with a line for everybody
left out and the wave's position in the same transaction.
Beside it a floor that writes the same rows, exclusions included, in two plain statements.
Choosing (P14): the preview, which decides about everybody and writes nothing, beside one plain count with the floor's
rules (suppression, churn, not asked for a while, at most five of an account).

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

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Contact  # noqa: E402
from surveys import eligibility, planning  # noqa: E402
from surveys.content import Content  # noqa: E402
from surveys.models import Campaign, Survey, SurveyVersion, Wave  # noqa: E402
from team.models import Workspace  # noqa: E402

PER_ACCOUNT = 10
EMPTY = (
    "TRUNCATE accounts_account, accounts_contact, surveys_survey, surveys_campaign, surveys_invitation,"
    " surveys_exclusion, surveys_suppression, surveys_externalask, surveys_preference, surveys_askrule, core_job, django_q_ormq CASCADE"
)
PEOPLE = """
INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom, churned_on)
SELECT n, 'Account ' || n, '', 'pro', 'SMB', '', 'DE', '', 'EUR', '{{}}',
 CASE WHEN n %% 50 = 0 THEN DATE '2025-01-01' END FROM generate_series(1, {accounts}) n;
INSERT INTO accounts_contact (id, account_id, first_name, last_name, email, email_key, address_key, phone, job_title,
 role, language, time_zone, custom)
SELECT n, 1 + (n - 1) / {per}, 'Jo', 'W', 'p' || n || '@example.com', 'p' || n || '@example.com',
 encode(sha256(convert_to('p' || n, 'UTF8')), 'hex'), '', '', 'user', 'en', '', '{{}}' FROM generate_series(1, {people}) n;
INSERT INTO surveys_suppression (address_key, channel, reason, detail)
SELECT address_key, 'email', 'unsubscribed', '' FROM accounts_contact WHERE id %% 33 = 0;
"""
LEDGER = """
INSERT INTO surveys_invitation (version_id, contact_id, account_id, recipient_key, cost, language, state, is_test, asked_at,
 scored_at, outcome_reason)
SELECT {version}, c.id, c.account_id, c.address_key, 10, 'en', CASE WHEN n %% 4 = 0 THEN 'answered' ELSE 'expired' END, FALSE,
 now() - make_interval(days => (n::bigint * 7919 %% 400)::int), CASE WHEN n %% 4 = 0 THEN now() - make_interval(days =>
 (n::bigint * 7919 %% 400)::int) END, '' FROM generate_series(1, {asked}) n
JOIN accounts_contact c ON c.id = 1 + n::bigint * 6151 %% {people};
"""
# So that no rule can be left out of the statement: asks of another kind and by another tool, what people chose, and
# a minimum time as a customer.
ALL_RULES = """
UPDATE surveys_invitation SET version_id = {support} WHERE id %% 10 = 0;
INSERT INTO surveys_externalask (source, external_id, contact_id, account_id, recipient_key, kind, channel, cost, asked_at)
SELECT 'bench', 'x' || c.id, c.id, c.account_id, c.address_key, 'transactional', 'email', 10, now() - make_interval(days => c.id::int %% 200)
FROM accounts_contact c WHERE c.id %% 20 = 7;
INSERT INTO surveys_preference (address_key, paused_until, unwanted)
SELECT address_key, CASE WHEN id %% 200 = 11 THEN now() + interval '30 days' END,
 CASE WHEN id %% 200 = 111 THEN '["relationship"]' ELSE '[]' END::jsonb FROM accounts_contact WHERE id %% 100 = 11;
UPDATE accounts_contact SET created_at = now() - make_interval(days => id::int %% 1000);
UPDATE team_workspace SET minimum_tenure_days = 30;
INSERT INTO surveys_askrule (scope, quiet_days_answered, quiet_days_declined, quiet_days_ignored, budget, budget_days)
VALUES ('all', 7, 7, 7, 40, 90), ('relationship', 90, 30, 30, 20, 180), ('transactional', 14, 30, 7, 20, 90);
"""
FLOOR = (
    "INSERT INTO surveys_invitation (wave_id, version_id, contact_id, account_id, recipient_key, cost, language, state,"
    " is_test, planned_at, outcome_reason) SELECT {wave}, {version}, c.id, c.account_id, c.address_key, 10, 'en', 'planned', FALSE,"
    " now(), '' FROM accounts_contact c JOIN bench_chosen b ON b.id = c.id ON CONFLICT DO NOTHING"
)
LEFT_OUT = (
    "INSERT INTO surveys_exclusion (wave_id, contact_id, reason) SELECT {wave}, c.id, 'account_limit' FROM accounts_contact c"
    " WHERE NOT EXISTS (SELECT 1 FROM bench_chosen b WHERE b.id = c.id) ON CONFLICT DO NOTHING"
)
COUNT = """
SELECT count(*) FROM (SELECT row_number() OVER (PARTITION BY c.account_id ORDER BY c.id) AS place FROM accounts_contact c
JOIN accounts_account a ON a.id = c.account_id WHERE c.email <> '' AND a.churned_on IS NULL
AND NOT EXISTS (SELECT 1 FROM surveys_suppression s WHERE s.address_key = c.address_key AND s.lifted_at IS NULL)
AND NOT EXISTS (SELECT 1 FROM surveys_invitation i WHERE i.contact_id = c.id AND i.asked_at > now() - interval '30 days')
) e WHERE place <= 5
"""


def run(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("%%", "%"))
        return cursor.rowcount


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def new_wave(survey: Survey) -> Wave:
    campaign = Campaign.objects.create(name=f"Bench {time.time_ns()}", survey=survey, state="running")
    assert survey.current
    return Wave.objects.create(campaign=campaign, number=1, version=survey.current)


def forget(wave: Wave) -> None:
    run(f"DELETE FROM surveys_invitation WHERE wave_id = {wave.pk}")
    run(f"DELETE FROM surveys_exclusion WHERE wave_id = {wave.pk}")
    run("VACUUM ANALYZE surveys_invitation")
    run("VACUUM ANALYZE surveys_exclusion")
    run("CHECKPOINT")


def fill(options: argparse.Namespace) -> None:
    """Customers, people, their ledger, and in `bench_chosen` whom a wave asks."""
    run(EMPTY)
    survey = Survey.objects.create(name="Bench", state="active")
    survey.current = SurveyVersion.objects.create(
        survey=survey, number=1, content=Content(brand_name="Bench").to_json()
    )
    survey.save()
    run(PEOPLE.format(accounts=options.contacts // PER_ACCOUNT, per=PER_ACCOUNT, people=options.contacts))
    run(LEDGER.format(version=survey.current.pk, asked=options.asked, people=options.contacts))
    Workspace.objects.get_or_create(pk=1)
    run("UPDATE team_workspace SET minimum_tenure_days = 0")
    if options.rules == "all":
        support = Survey.objects.create(name="Support", kind="transactional", state="active")
        version = SurveyVersion.objects.create(
            survey=support, number=1, content=Content(brand_name="Bench").to_json()
        )
        run(ALL_RULES.format(support=version.pk))
    run("VACUUM ANALYZE")
    first = planning.plan_wave(new_wave(survey).pk)
    run("DROP TABLE IF EXISTS bench_chosen")
    run(
        f"CREATE TABLE bench_chosen AS SELECT contact_id AS id FROM surveys_invitation WHERE wave_id = {first.pk}"
    )
    run("ANALYZE bench_chosen")
    forget(first)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--asked", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", choices=["all", "default"], default="all")
    parser.add_argument("--keep", action="store_true", help="the people and asks that are there")
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    if "bench" not in name or connection.vendor != "postgresql":
        raise SystemExit(
            f"This empties its database; {name!r} is no PostgreSQL database with “bench” in its name."
        )
    call_command("migrate", verbosity=0)
    if not options.keep:
        fill(options)
    survey = Survey.objects.get(name="Bench")
    planned = run("SELECT id FROM bench_chosen")
    left_out = options.contacts - planned

    people = Contact.objects.live()
    floor, same_rows, ours, counting, choosing = [], [], [], [], []
    for _ in range(options.rounds):
        wave = new_wave(survey)
        floor.append(timed(lambda wave=wave: run(FLOOR.format(wave=wave.pk, version=wave.version_id))))
        forget(wave)
        wave = new_wave(survey)
        texts = [text.format(wave=wave.pk, version=wave.version_id) for text in (FLOOR, LEFT_OUT)]
        same_rows.append(timed(lambda texts=texts: [run(text) for text in texts]))
        forget(wave)
        wave = new_wave(survey)
        ours.append(timed(lambda wave=wave: planning.plan_wave(wave.pk)))
        forget(wave)
        counting.append(timed(lambda: run(COUNT)))
        choosing.append(timed(lambda: eligibility.preview(people)))
        print(
            f"round: floor {floor[-1]:.1f} s, with exclusions {same_rows[-1]:.1f} s, product {ours[-1]:.1f} s, count {counting[-1]:.1f} s, preview {choosing[-1]:.1f} s",
            flush=True,
        )
    print(f"{options.contacts:,} contacts, {options.asked:,} earlier asks: {planned:,} planned, {left_out:,} left out with "
          f"the reason; {options.rounds} rounds, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")  # fmt: skip
    share = statistics.median(a / b for a, b in zip(floor, ours, strict=True))
    fair = statistics.median(a / b for a, b in zip(same_rows, ours, strict=True))
    times = statistics.median(a / b for a, b in zip(choosing, counting, strict=True))
    print("\n| way | seconds | invitations/s | ratio |\n|---|---|---|---|")
    for label, took, ratio in (
        ("floor: one INSERT … SELECT of the chosen", floor, "100 %"),
        ("floor with the exclusions too, two statements", same_rows, ""),
        (
            "product: planning in slices, every rule, exclusions",
            ours,
            f"{share:.0%} of the floor (P15: must 50 %, aim 80 %), {fair:.0%} of the second",
        ),
    ):
        middle = statistics.median(took)
        print(f"| {label} | {middle:.2f} | {planned / middle:,.0f} | {ratio} |")
    print(f"| plain count | {statistics.median(counting):.2f} | | 1 |")
    print(
        f"| preview: every rule, reasons counted | {statistics.median(choosing):.2f} | | {times:.1f} × the count (P14: must 2, aim 1.3) |"
    )


if __name__ == "__main__":
    main()
