"""Reading the history of another system: a million answers over HTTP, beside bulk insert of the same rows, in one run.

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/backfill.py [--answers 1000000]

Product: the whole way: a local server speaks a paged JSON API as SatisMeter's v3 does (cursor, 100 a page, projects' key
as Bearer), the job pulls page by page, and every answer is matched to its contact, taken in with revision, chain,
contact score, event and mark, kept as it came, and counted, a transaction for each page.
Floor: the same answers, made beforehand, written with `bulk_create` in batches of 1,000 into the two tables that hold
them (Response and RawAnswer), without any effect.
Memory is the worker's, looked at ten times along the way: it must not grow.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import benchlib

benchlib.setup()
os.environ["NPS_FETCH_ALLOW"] = "127.0.0.1"

import psutil  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from core import clock, jobs, outbox  # noqa: E402
from integrations import registry  # noqa: E402
from integrations.models import Connection, RawAnswer  # noqa: E402
from integrations.services import connections  # noqa: E402
from surveys.models import Response, Survey  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User, Workspace  # noqa: E402

PORT = int(os.environ.get("BENCH_PORT", "58491"))
CONTACTS, ACCOUNTS = 200_000, 20_000
SERVER = """
import datetime as dt, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
TOTAL, CONTACTS = int(sys.argv[2]), int(sys.argv[3])
BEGIN = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=150)
def answer(n):
    at = (BEGIN + dt.timedelta(seconds=n * 10_000_000 / TOTAL)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    said = "It works well and could be quicker" if n % 3 else None
    return {"id": "r%d" % n, "created": at, "rating": n % 11, "feedback": said, "campaign": "c1", "completed": True,
            "answers": [{"id": "q1", "label": "How likely are you", "value": n % 11}], "language": "en", "method": "Email",
            "user": {"userId": "", "email": "user%d@customer.example" % (1 + n * 7 % CONTACTS), "name": "User %d" % n,
                     "traits": {"plan": "pro", "seats": n % 50}}}
class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        split = urlsplit(self.path)
        if split.path.endswith("/campaigns"):
            said = {"data": [{"id": "c1", "name": "NPS", "type": "nps", "state": "live"}]}
        elif split.path.endswith("/responses"):
            query = parse_qs(split.query)
            size = max(1, min(100, int(query.get("pageSize", ["20"])[0])))
            first = int(query.get("pageCursor", ["0"])[0])
            end = min(first + size, TOTAL)
            said = {"data": [answer(n) for n in range(first, end)], "page": {"hasNextPage": end < TOTAL, "size": size}}
            if end < TOTAL:
                said["page"]["nextPageCursor"] = str(end)
        else:
            said = {"id": "p1", "name": "Bench"}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door).serve_forever()
"""


def prepare() -> Connection:
    """Contacts, and a connection that has not begun."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    Workspace.objects.get_or_create(pk=1)
    user = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.ADMINISTRATOR
    )
    User.objects.filter(pk=user.pk).update(role=Role.ADMINISTRATOR)
    survey, _ = Survey.objects.get_or_create(pk=1, defaults={"name": "Bench survey", "state": "active"})
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE surveys_response, integrations_connection, accounts_event, core_job CASCADE")
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
        cursor.execute("VACUUM ANALYZE")
    made = connections.create_connection(system="satismeter", actor=user)
    connections.change_connection(
        connection=made, actor=user, new_secrets={"api_key": "key"},
        options={"project": "p1", "base_url": f"http://127.0.0.1:{PORT}"},
    )  # fmt: skip
    choice = connections.SurveyChoice(remote_id="", survey=survey, remote_name="Everything")
    connections.choose_surveys(connection=made, choices=[choice], actor=user)
    made.refresh_from_db()
    return made


def rows_of_floor(number: int, made: Connection) -> Iterator[tuple[Response, RawAnswer]]:
    """The same rows without any effect, under another source."""
    now = clock.now()
    for n in range(number):
        at = now - dt.timedelta(days=150) + dt.timedelta(seconds=n * 10_000_000 / number)
        contact = 1 + n * 7 % CONTACTS
        said = "It works well and could be quicker" if n % 3 else ""
        raw = {"id": f"r{n}", "created": at.isoformat(), "rating": n % 11, "feedback": said, "campaign": "c1"}
        raw |= {"answers": [{"id": "q1", "label": "How likely are you", "value": n % 11}], "language": "en"}
        raw |= {
            "user": {"email": f"user{contact}@customer.example", "traits": {"plan": "pro", "seats": n % 50}}
        }
        response = Response(
            survey_id=1, contact_id=contact, account_id=1 + contact % ACCOUNTS, source="floor", external_id=f"r{n}",
            channel="email", score=n % 11, comment=said, language="en", state="completed", responded_at=at, received_at=now,
            finalised_at=now, locked_at=now, attributes={"plan": "pro", "seats": n % 50}, origin="backfill",
        )  # fmt: skip
        yield (
            response,
            RawAnswer(
                connection=made, external_id=f"r{n}", remote_survey="c1", responded_at=at, received_at=now, seen_at=now,
                digest="0" * 32, payload=raw, result="created",
            ),
        )  # fmt: skip


def floor(number: int, made: Connection) -> float:
    begun = time.perf_counter()
    spent = 0.0
    pairs = rows_of_floor(number, made)
    while batch := [pair for _, pair in zip(range(1_000), pairs, strict=False)]:
        at = time.perf_counter()
        responses = Response.objects.bulk_create([response for response, _ in batch])
        for response, (_, raw) in zip(responses, batch, strict=True):
            raw.response = response
        RawAnswer.objects.bulk_create([raw for _, raw in batch])
        spent += time.perf_counter() - at
    print(
        f"floor: {number:,} rows twice in {spent:,.1f} s ({time.perf_counter() - begun:,.1f} s with making them)"
    )
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE integrations_rawanswer, surveys_response CASCADE")
        cursor.execute("VACUUM ANALYZE")
    return number / spent


def product(number: int, made: Connection) -> float:
    """Run the job as a worker would, slice by slice; prints rate and memory along the way."""
    system = registry.get("satismeter")
    type(system).per_minute = 10_000_000  # the pace is the vendor's wish, not ours
    user = made.connected_by
    assert user is not None
    run = connections.activate(connection=made, actor=user)
    assert run is not None
    kind = outbox.kind_named("long_job")
    assert kind is not None
    me = psutil.Process()
    begun, shown, peaks = time.perf_counter(), 0, []
    jobs.JOB_SLICE_SECONDS = 5.0
    with benchlib.Meter(os.getpid()) as meter:
        while run.state not in {"done", "failed"}:
            if not outbox.work(kind):
                time.sleep(0.05)
            run.refresh_from_db()
            if run.received - shown >= number // 10 or run.state == "done":
                shown = run.received
                peaks.append(me.memory_info().rss / 1e6)
                print(
                    f"  {shown:,} answers after {time.perf_counter() - begun:,.0f} s, {peaks[-1]:,.0f} MB",
                    flush=True,
                )
    seconds = time.perf_counter() - begun
    assert (run.state, run.created) == ("done", number), run.error
    print(
        f"product: {number:,} answers in {seconds:,.1f} s; {run.unmatched:,} unmatched; memory {peaks[0]:,.0f} to"
        f" {peaks[-1]:,.0f} MB; others kept {meter.others:.1f} cores busy"
    )
    return number / seconds


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--answers", type=int, default=1_000_000)
    given = options.parse_args()
    settings.FETCH_ALLOW = ["127.0.0.1"]
    made = prepare()
    vendor = subprocess.Popen([sys.executable, "-c", SERVER, str(PORT), str(given.answers), str(CONTACTS)])
    try:
        time.sleep(1.0)
        limit = floor(given.answers, made)
        rate = product(given.answers, made)
    finally:
        vendor.terminate()
        vendor.wait()
    print(f"\nproduct {rate:,.0f} a second, floor {limit:,.0f}: {100 * rate / limit:.0f} %")


if __name__ == "__main__":
    main()
