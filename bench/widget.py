"""The widget's decision over HTTP, beside the no-database floor of the same server, in turns within one run (P22).

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/widget.py [--rounds 3] [--seconds 5] [--clients 16]

Floor: a Django view without middleware and database that reads the same body (bench/widget_floor.py).
Decision: `POST /w/<key>/decide` of signed contacts among 100,000, with signature, origin, exact limits (raised) and all
rules of eligibility judged. Kept: the same with the signed "nothing for you" that the script brings back.
Needs wrk.
"""

import argparse
import json
import os
from pathlib import Path

import benchlib

benchlib.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from core import clock  # noqa: E402
from surveys.models import Campaign, Survey, SurveyVersion, Widget  # noqa: E402
from surveys.widget import identity, manage  # noqa: E402
from team.domain import Role  # noqa: E402
from team.models import User, Workspace  # noqa: E402

CONTACTS, BODIES = 100_000, 5_000
PORT = int(os.environ.get("BENCH_PORT", "58914"))
ORIGIN = "https://app.bench.example"
RATES = dict.fromkeys(("NPS_WIDGET_ADDRESS_RATE", "NPS_WIDGET_RATE"), "100000000")
FLOOR, DECISION, KEPT = "floor: no database", "decision: two statements", "kept: nothing for you"


def prepare() -> tuple[str, Path, Path]:
    """Fill the database once; returns the widget's key and the files of bodies."""
    call_command("migrate", verbosity=0)
    Workspace.objects.get_or_create(pk=1)
    lead = User.objects.filter(email="bench@example.com").first() or User.objects.create_user(
        "bench@example.com", None, name="Bench", role=Role.LEAD
    )
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_account, accounts_contact, surveys_survey, surveys_widget CASCADE")
        cursor.execute(
            "INSERT INTO accounts_account (id, name, domain, plan, segment, industry, country, city, currency, custom)"
            " SELECT i, 'Customer ' || i, '', '', '', '', 'DE', '', 'EUR', '{}' FROM generate_series(1, 10000) i"
        )
        cursor.execute(
            "INSERT INTO accounts_contact (id, account_id, external_id, first_name, last_name, email, email_key,"
            " address_key, phone, job_title, role, language, time_zone, custom) SELECT i, 1 + i % 10000, 'u-' || i,"
            " 'F' || i, 'L' || i, 'u' || i || '@c.example', 'u' || i || '@c.example', MD5(i::text) || MD5(i::text),"
            f" '', '', 'user', 'en', '', '{{}}' FROM generate_series(1, {CONTACTS}) i"
        )
    survey = Survey.objects.create(name="Bench", state="active")
    survey.current = SurveyVersion.objects.create(survey=survey, number=1, content={"brand_name": "Bench"})
    survey.save()
    manage_campaign = Campaign.objects.create(
        name="Bench", survey=survey, channels=["in_app"], state="running", launched_at=clock.now()
    )
    widget, secret = manage.create_widget(name="Bench", origins=[ORIGIN], actor=lead)
    # Nobody is on this page: everyone is judged and told to ask again elsewhere.
    manage.save_placement(campaign=manage_campaign, widget=widget, actor=lead, url_pattern="/nowhere")
    with connection.cursor() as cursor:
        # Each was asked three times; the last half of them just now.
        for days in (300, 200, 100):
            cursor.execute(
                "INSERT INTO surveys_wave (campaign_id, number, version_id, state, planned_through, planned_count,"
                " excluded_count) VALUES (%s, %s, %s, 'finished', 0, 0, 0) RETURNING id",
                [manage_campaign.pk, days, survey.current.pk],
            )
            (wave,) = cursor.fetchone()
            cursor.execute(
                "INSERT INTO surveys_invitation (wave_id, version_id, contact_id, account_id, recipient_key, language,"
                " state, is_test, planned_at, asked_at, outcome_reason) SELECT %s, %s, i, 1 + i %% 10000,"
                " MD5(i::text) || MD5(i::text), 'en', 'expired', FALSE, now() - %s * interval '1 day',"
                " now() - %s * interval '1 day', '' FROM generate_series(1, %s) i",
                [wave, survey.current.pk, days, days, CONTACTS],
            )
        cursor.execute(
            "UPDATE surveys_invitation SET asked_at = now() - interval '2 days' WHERE wave_id = %s AND contact_id > %s",
            [wave, CONTACTS // 2],
        )
        cursor.execute("VACUUM ANALYZE")
    return widget.key, *bodies(widget, secret)


def bodies(widget: Widget, secret: str) -> tuple[Path, Path]:
    folder = Path(os.environ["NPS_DATA_DIR"])
    plain, kept = folder / "decide.txt", folder / "kept.txt"
    client = Client(HTTP_ORIGIN=ORIGIN, HTTP_HOST="127.0.0.1")
    with plain.open("w") as to_judge, kept.open("w") as to_honour:
        for n in range(1, BODIES + 1):
            ident = f"u-{n * (CONTACTS // BODIES)}"
            body = {
                "visitor": f"visitor-{n:012d}", "session": f"session-{n:012d}", "url": f"{ORIGIN}/home",
                "device": "desktop", "language": "en", "traits": {"plan": "pro"}, "events": [],
                "identity": {"id": ident, "signature": identity.sign(ident, secret)},
            }  # fmt: skip
            to_judge.write(json.dumps(body, separators=(",", ":")) + "\n")
            if n > BODIES // 2 and n % 10 == 0:
                told = client.post(
                    f"/w/{widget.key}/decide", json.dumps(body), content_type="text/plain"
                ).json()
                assert told["scope"] == "visitor", told
                to_honour.write(json.dumps(body | {"nothing": told["nothing"]}, separators=(",", ":")) + "\n")
    return plain, kept


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--threads", type=int, default=8, help="blocking threads of each of the two workers")
    options = parser.parse_args()
    key, plain, kept = prepare()
    load = {"clients": options.clients, "seconds": options.seconds}

    def over_http(app: str, path: str, file: Path, env: dict[str, str]):  # type: ignore[no-untyped-def]
        def run(_: int) -> dict[str, float]:
            url = f"http://127.0.0.1:{PORT}{path}"
            with benchlib.Server(benchlib.granian(app, PORT, threads=options.threads), PORT, env) as server:
                benchlib.wrk(url, "bodies.lua", clients=options.clients, seconds=2, args=(file, ORIGIN))
                with benchlib.Meter(server.pid) as meter:
                    found = benchlib.wrk(url, "bodies.lua", **load, args=(file, ORIGIN))
            return {**found, "cpu ms": meter.cpu / found["n"] * 1e3, "others": meter.others}

        return run

    # Every visitor comes back more often than people would.
    product = {"PYTHONPATH": str(benchlib.ROOT), "NPS_WIDGET_VISITOR_RATE": "1000000", **RATES}
    path = f"/w/{key}/decide"
    ways: list[benchlib.Way] = [
        (FLOOR, over_http("widget_floor:application", "/decide", plain, {"PYTHONPATH": str(benchlib.HERE), "DJANGO_SETTINGS_MODULE": ""})),
        (DECISION, over_http("nps_crm.wsgi:application", path, plain, product)),
        (KEPT, over_http("nps_crm.wsgi:application", path, kept, product)),
    ]  # fmt: skip
    found = benchlib.rounds(ways, options.rounds, limit=FLOOR)
    benchlib.table(
        f"Widget decision, {options.clients} clients, {options.rounds} rounds of {options.seconds:g} s",
        found, limit=FLOOR, columns=["rps", "p50", "p99", "cpu ms", "errors", "others"],
    )  # fmt: skip
    print(f"\nP22 decision / floor {100 * benchlib.ratio(found, DECISION, FLOOR):.0f} % (must 25)")
    print(f"P22 kept / floor {100 * benchlib.ratio(found, KEPT, FLOOR):.0f} % (aim 60)")
    benchlib.save("widget", found)


if __name__ == "__main__":
    main()
