"""Linking a full inbox to its people beside one plain UPDATE of the same rows, in turns within one run.

    createdb nps_bench_link
    DATABASE_URL=postgres://user@127.0.0.1/nps_bench_link NPS_DEBUG=1 python bench/linking.py [--rows 10000] [--rounds 3]

Answers that wait, each from an address that a contact has with a tag added, at accounts of ten people.
Floor: one UPDATE that sets contact, account and identity of these rows from a joined table of pairs: no revision, no
event, no figures, no journal, no suggestion.
Product: the bulk decision of the inbox, "link to who is suggested", as its job does it in slices: suggestions are found, each
answer with revision, event, relay row, marks and journal, chains and scores of all contacts, figures before and after.
Beside it the undo of the same decision.

The database's name must hold "bench": its tables are emptied.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")
os.environ.setdefault("NPS_DATA_DIR", tempfile.mkdtemp(prefix="nps_bench_"))
os.environ.setdefault("NPS_LOG_LEVEL", "WARNING")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from core import clock, jobs, outbox  # noqa: E402
from surveys.ingest import Answer, ingest  # noqa: E402
from surveys.insight import rollups  # noqa: E402
from surveys.models import IdentityAction, Response, Survey  # noqa: E402
from surveys.services import inbox  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402

PER_ACCOUNT = 10
EMPTY = (
    "TRUNCATE accounts_account, accounts_contact, surveys_survey, surveys_response, surveys_identityaction,"
    " surveys_figuremark, surveys_tally, core_job, django_q_ormq, team_auditentry CASCADE"
)
PEOPLE = """
INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom)
SELECT n, 'Account ' || n, 'a' || n || '.example', 'pro', 'SMB', '', 'DE', '', 'EUR', '{{}}'
 FROM generate_series(1, {accounts}) n;
INSERT INTO accounts_contact (id, account_id, first_name, last_name, email, email_key, address_key, phone, job_title,
 role, language, time_zone, custom)
SELECT n, 1 + (n - 1) / {per}, 'Jo', 'W' || n, 'p' || n || '@a' || 1 + (n - 1) / {per} || '.example',
 'p' || n || '@a' || 1 + (n - 1) / {per} || '.example', NULL, '', '', 'user', 'en', '', '{{}}'
 FROM generate_series(1, {people}) n;
"""
PAIRS = """
CREATE TEMPORARY TABLE IF NOT EXISTS bench_pairs (response bigint, contact bigint, account bigint);
TRUNCATE bench_pairs;
INSERT INTO bench_pairs SELECT r.id, c.id, c.account_id FROM surveys_response r JOIN accounts_contact c
 ON c.email_key = replace(r.identity_hint ->> 'email', '+nps', '');
"""
FLOOR = (
    "UPDATE surveys_response r SET contact_id = b.contact, account_id = b.account, identity = 'matched',"
    " identity_hint = '{}' FROM bench_pairs b WHERE b.response = r.id"
)
BACK = (
    "UPDATE surveys_response SET contact_id = NULL, account_id = NULL, identity = 'inbox',"
    " identity_hint = jsonb_build_object('email', 'p' || external_id || '+nps@a' ||"
    " 1 + (external_id::int - 1) / 10 || '.example')"
)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def fill(rows: int, survey: Survey) -> None:
    now = clock.now()
    answers = [
        Answer(
            survey_id=survey.pk, score=n % 11, source="bench", channel="api", origin="import", external_id=str(n),
            responded_at=now, email=f"p{n}+nps@a{1 + (n - 1) // PER_ACCOUNT}.example",
        )
        for n in range(1, rows + 1)
    ]  # fmt: skip
    for start in range(0, rows, 5_000):
        ingest(answers[start : start + 5_000])
    while rollups.fold():
        pass


def decide(actor: User) -> IdentityAction:
    action = inbox.decide_many(
        response_ids=list(Response.objects.values_list("pk", flat=True)), mode="suggested", actor=actor
    )
    work()
    return IdentityAction.objects.get(pk=action.pk)


def work() -> None:
    kind = outbox.kind_named(jobs.LONG_JOB)
    assert kind is not None
    while outbox.work(kind):
        pass


def timed(do: "object") -> float:
    started = time.perf_counter()
    do()  # type: ignore[operator]
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    name = str(connection.settings_dict["NAME"])
    if "bench" not in name or connection.vendor != "postgresql":
        raise SystemExit(
            "Name a PostgreSQL database with “bench” in its name in DATABASE_URL: it is emptied."
        )
    call_command("migrate", verbosity=0)
    run(EMPTY)
    run(PEOPLE.format(accounts=options.rows // PER_ACCOUNT, per=PER_ACCOUNT, people=options.rows))
    User.objects.filter(email="lead@bench.example").delete()
    lead = User.objects.create_user("lead@bench.example", "x" * 20, name="Lead", role=Role.LEAD)
    survey = Survey.objects.create(name="Bench", state="active")
    fill(options.rows, survey)
    run("ANALYZE")
    run(PAIRS)
    floors, products, undos = [], [], []
    for _ in range(options.rounds):
        floors.append(timed(lambda: run(FLOOR)))
        run(BACK)
        run("VACUUM ANALYZE surveys_response")
        made: list[IdentityAction] = []
        products.append(timed(lambda made=made: made.append(decide(lead))))
        assert made[0].number == options.rows, made[0].number
        while rollups.fold():
            pass

        def undo(action: IdentityAction = made[0]) -> None:
            inbox.undo(action=action, actor=lead)
            work()

        undos.append(timed(undo))
        assert Response.objects.filter(identity="inbox").count() == options.rows
        while rollups.fold():
            pass
        run("VACUUM ANALYZE surveys_response")
    floor, product, back = (statistics.median(times) for times in (floors, products, undos))
    print(f"rows                 {options.rows:>9,}")
    print(f"floor: plain UPDATE  {floor:>9.2f} s  {options.rows / floor:>10,.0f} rows/s")
    print(
        f"link all             {product:>9.2f} s  {options.rows / product:>10,.0f} rows/s  ratio {product / floor:.1f}"
    )
    print(
        f"undo all             {back:>9.2f} s  {options.rows / back:>10,.0f} rows/s  ratio {back / floor:.1f}"
    )


if __name__ == "__main__":
    main()
