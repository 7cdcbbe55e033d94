"""Survey mail end to end: real Delivery rows on PostgreSQL to a local sink, beside the floor, in turns (P16, P17).

    createdb nps_bench_mail
    DATABASE_URL=postgres://user@127.0.0.1/nps_bench_mail NPS_DEBUG=1 python bench/mailing_campaign.py \
        [--messages 2000] [--rounds 5] [--profile]

Floor ("pieces and kept connection"): the page cut into pieces, joined with escaped values, a header from a template, sent
by smtplib over one kept connection. No database. Its page has the same bytes as ours.
Product: `outbox.work` on the kind survey_mail until nothing is due: claim, eligibility of everybody in the batch, fence,
message, hand-over, and outcome with invitation, timeline event and relay row. In batches of 20 by one worker, by the two
that a deployment has by default, and one by one. Two commits of a batch (fence, outcome) are durable, so a batch
cannot be faster than two flushes of this disk: the time of one is printed, and what one worker does without waiting. Planning and release are outside the clock here (bench/planning.py).

The database's name must hold "bench": its tables are emptied.
"""

import argparse
import cProfile
import html
import multiprocessing
import os
import pstats
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nps_crm.settings")
os.environ.setdefault("NPS_DATA_DIR", tempfile.mkdtemp(prefix="nps_bench_"))
os.environ["NPS_BASE_URL"] = "https://ask.example"
os.environ["NPS_FROM_EMAIL"] = "Fleetdesk <ask@fleetdesk.example>"
os.environ.setdefault("NPS_LOG_LEVEL", "WARNING")

from bench.sink import sink

LISTENER = socket.create_server(("127.0.0.1", 0))
PORT = LISTENER.getsockname()[1]
SINK = multiprocessing.get_context("fork").Process(target=sink, args=(LISTENER,), daemon=True)
if __name__ == "__main__" and "--worker" not in sys.argv:
    SINK.start()

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Account, Contact  # noqa: E402
from core import outbox  # noqa: E402
from core.secrets import address_key  # noqa: E402
from surveys import pacing, planning, rendering  # noqa: E402
from surveys.content import Content  # noqa: E402
from surveys.models import Campaign, Delivery, Invitation, Survey, SurveyVersion, Wave  # noqa: E402
from surveys.rendering import Company  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User  # noqa: E402

HEAD = (
    "Subject: A quick question\r\nFrom: Fleetdesk <ask@fleetdesk.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nTo: {to}\r\n"
    "Message-ID: {id}\r\nList-Unsubscribe: <{stop}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n"
)


def empty() -> None:
    name = connection.settings_dict["NAME"]
    if "bench" not in name or connection.vendor != "postgresql":
        raise SystemExit(
            f"This empties its database; {name!r} is no PostgreSQL database with “bench” in its name."
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE accounts_account, accounts_contact, surveys_survey, surveys_campaign, surveys_invitation,"
            " surveys_delivery, accounts_event, accounts_eventrelay, core_job, django_q_ormq CASCADE"
        )


def people(count: int) -> None:
    """One contact at an account of its own each, and a CSM for every forty accounts."""
    owners = [
        User.objects.get_or_create(email=f"csm{n}@fleetdesk.example", defaults={"name": f"Sam Keeper {n}", "role": Role.CSM})[0]
        for n in range(40)
    ]  # fmt: skip
    accounts = Account.objects.bulk_create(
        [
            Account(name=f"Account <{n}>", owner=owners[n % 40], plan="pro", segment="SMB")
            for n in range(count)
        ],
        batch_size=1000,
    )
    Contact.objects.bulk_create(
        [
            Contact(
                account=account, first_name=f"Jonas {n % 997}" if n % 50 else "", last_name="Weber",
                email=f"user{n}@customer.example", email_key=f"user{n}@customer.example",
                address_key=address_key(f"user{n}@customer.example"), language="en",
            )
            for n, account in enumerate(accounts)
        ],
        batch_size=1000,
    )  # fmt: skip


def campaign() -> Wave:
    """A planned wave of everybody, with its deliveries."""
    survey = Survey.objects.create(name=f"Bench {time.time_ns()}", state="active")
    content = Content(brand_name="Fleetdesk & Co", sender_name="Fleetdesk", reply_to="care@fleetdesk.example")
    survey.current = SurveyVersion.objects.create(survey=survey, number=1, content=content.to_json())
    survey.save()
    made = Campaign.objects.create(name=survey.name, survey=survey, state="running")
    wave = Wave.objects.create(campaign=made, number=1, version=survey.current)
    planning.plan_wave(wave.pk)
    return wave


def release_all(wave: Wave) -> int:
    """Release everybody at once; the product keeps no more than a chunk waiting."""
    total, everybody = 0, wave.invitations.count()
    while released := pacing.release(wave.pk, chunk=everybody):
        total += released
    return total


def drain(batch: int) -> int:
    kind = outbox.kind_named(pacing.MAIL)
    assert kind is not None
    sized = replace(kind, batch=batch)
    total = 0
    while done := outbox.work(sized):
        total += done
    return total


def durable_commit_ms() -> float:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bench_flush (n int)")
        began = time.perf_counter()
        for number in range(50):
            cursor.execute("INSERT INTO bench_flush VALUES (%s)", [number])
        return (time.perf_counter() - began) / 50 * 1000


def worker() -> None:
    """A worker process: says that it is ready, waits for the word, drains."""
    settings.EMAIL_PORT = int(sys.argv[2])
    outbox.work(replace(outbox.kind_named(pacing.MAIL), batch=1))  # type: ignore[arg-type]  # registered
    print("ready", flush=True)
    sys.stdin.readline()
    drain(20)
    print("done", flush=True)


def in_parallel(number: int) -> float:
    """How long `number` worker processes take for all that is due."""
    command = [sys.executable, __file__, "--worker", str(PORT)]
    crew = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    for one in crew:
        assert one.stdout
        one.stdout.readline()
    began = time.perf_counter()
    for one in crew:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in crew:
        assert one.stdout
        one.stdout.readline()
    took = time.perf_counter() - began
    for one in crew:
        one.wait()
    return took


def without_waiting(run: Callable[[], object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        try:
            run()
        finally:
            cursor.execute("SET synchronous_commit = on")


def reset(wave: Wave) -> None:
    """Put the rows back as they were before sending."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE accounts_event, accounts_eventrelay, surveys_delivery, django_q_ormq, accounts_eventdelivery CASCADE"
        )
        cursor.execute(
            "UPDATE surveys_invitation SET state = 'planned', asked_at = NULL, delivered_at = NULL, expires_at = NULL"
        )
        cursor.execute("UPDATE surveys_wave SET state = 'sending'")
        cursor.execute("UPDATE surveys_campaign SET state = 'running', finished_at = NULL")
        cursor.execute("UPDATE surveys_waveday SET released = 0")
    release_all(wave)
    with connection.cursor() as cursor:
        for table in ("surveys_invitation", "surveys_delivery", "accounts_event", "accounts_eventrelay"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def floor_pieces() -> list[str]:
    """Our own page, cut where values stand."""
    version = SurveyVersion.objects.latest("pk")
    compiled = rendering.compiled_mail(version, "en", company=Company(name="Fleetdesk & Co"))
    out: list[str] = []
    for piece in compiled.html:
        text, name = (piece, None) if isinstance(piece, str) else ("", piece.name)
        if name is None:
            out += [text] if len(out) % 2 == 0 else ["", text]
        else:
            out += [name] if len(out) % 2 == 1 else ["", name]
    return out


def floor(pieces: list[str], count: int) -> None:
    server = smtplib.SMTP("127.0.0.1", PORT)
    server.ehlo()
    answer = settings.BASE_URL + "/r/"
    for number in range(count):
        token = f"{number:022x}"
        known = {
            "first_name": f"Jonas {number % 997}", "full_name": "Jonas Weber", "account_name": f"Account <{number}>",
            "owner_name": "Sam Keeper", "brand": "Fleetdesk & Co", "answer_url": f"{answer}{token}/",
            "open_url": f"{answer}{token}/o.gif", "trap_url": f"{answer}{token}/all/",
            "unsubscribe_url": f"https://ask.example/u/{token}/",
        }  # fmt: skip
        escaped = {name: html.escape(value) for name, value in known.items()}
        page = pieces[:]
        for index in range(1, len(page), 2):
            page[index] = escaped.get(page[index], "")
        to = f"user{number}@customer.example"
        head = HEAD.format(to=to, id=f"<{token}@fleetdesk.example>", stop=known["unsubscribe_url"])
        body = (head + "".join(page)).replace("\r\n", "\n").replace("\n", "\r\n").encode()
        server.sendmail("ask@fleetdesk.example", [to], body)
    server.quit()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    count = options.messages // 20 * 20
    settings.EMAIL_PORT = PORT
    call_command("migrate", verbosity=0)
    empty()
    people(count)
    began = time.perf_counter()
    wave = campaign()
    planned = time.perf_counter() - began
    release_all(wave)
    released = time.perf_counter() - began - planned
    pieces = floor_pieces()
    assert Delivery.objects.filter(state="pending").count() == count
    reset(wave)
    drain(20)  # the process warms up: mail compiled, statements prepared
    if options.profile:
        reset(wave)
        profile = cProfile.Profile()
        profile.enable()
        drain(20)
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return

    speeds: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}

    def timed(name: str, number: int, run: object) -> None:
        began, used = time.perf_counter(), time.process_time()
        run()  # type: ignore[operator]
        speeds.setdefault(name, []).append(number / (time.perf_counter() - began))
        cpu.setdefault(name, []).append((time.process_time() - used) / number * 1e6)

    few = max(20, count // 5)
    for _ in range(options.rounds):
        timed("floor: pieces and kept connection (smtplib)", count, lambda: floor(pieces, count))
        reset(wave)
        timed("product, batches of 20, one worker", count, lambda: drain(20))
        assert Invitation.objects.filter(state="sent").count() == count
        reset(wave)
        took = in_parallel(2)
        assert Invitation.objects.filter(state="sent").count() == count
        speeds.setdefault("product, batches of 20, two workers", []).append(count / took)
        reset(wave)
        timed(
            "the same, one worker, not waiting for the disk",
            count,
            lambda: without_waiting(lambda: drain(20)),
        )
        reset(wave)
        Delivery.objects.filter(pk__in=Delivery.objects.order_by("-pk").values("pk")[: count - few]).delete()
        timed("product, one by one", few, lambda: drain(1))
    SINK.terminate()
    base = speeds["floor: pieces and kept connection (smtplib)"]
    print(
        f"{count} messages, {options.rounds} rounds, client, PostgreSQL and sink on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"one durable commit takes {durable_commit_ms():.1f} ms")
    print("\n| way | messages/s | client cpu µs | of floor |\n|---|---|---|---|")
    for name, values in speeds.items():
        ratio = statistics.median(one / other for one, other in zip(values, base, strict=True))
        print(
            f"| {name} | {statistics.median(values):,.0f} | {statistics.median(cpu[name]) if name in cpu else 0:.0f} | {ratio:.0%} |"
        )
    print(
        f"\nplanned {count / planned:,.0f} people/s, released {count / released:,.0f}/s; P16: must 30 %, aim 70 % of the floor"
    )


if __name__ == "__main__":
    worker() if "--worker" in sys.argv else main()
