"""Many answers in one call, beside COPY into the same table with its indexes and foreign keys, in turns (P5).

    createdb nps_bench
    DATABASE_URL=postgres://user@127.0.0.1:5432/nps_bench python bench/batch.py [--rounds 3]

Floor: COPY of finished rows into surveys_response, one transaction of 100,000.
Product: `POST /api/v1/responses/bulk/` with 100 and with 1,000 answers a call from 4 clients, every effect included
(matching, response, revision, chain, contact score, event, relay row, figure mark); and `ingest` called in-process.
"""

import argparse
import datetime as dt
import os
import random
import time
import uuid

import benchlib

benchlib.setup()

import ingest as single  # noqa: E402
from django.db import connection  # noqa: E402

from surveys.ingest import Answer, ingest  # noqa: E402

PORT = int(os.environ.get("BENCH_PORT", "58493"))
LIMIT = "floor: COPY, same table"
COLUMNS = (
    "survey_id, contact_id, account_id, source, external_id, channel, metric, scale_min, scale_max, score, comment,"
    " language, state, may_contact, responded_at, received_at, finalised_at, locked_at, excluded_reason, identity,"
    " identity_hint, attributes, origin, loop_status"
)


def copy(rows: int) -> dict[str, float]:
    run, now = uuid.uuid4().hex[:10], dt.datetime.now(dt.UTC).isoformat()
    lines = []
    for k in range(rows):
        contact = random.randint(1, single.CONTACTS)
        at = f"2026-{random.randint(1, 9):02d}-{random.randint(1, 28):02d} 12:00:00+00"
        lines.append(
            f"{random.randint(1, 5)}\t{contact}\t{1 + contact % 20000}\tcopy\t{run}-{k}\tapi\tnps\t0\t10\t{k % 11}\t"
            f"Works well, the export could be quicker\ten\tcompleted\tf\t{at}\t{now}\t{now}\t{now}\t\tmatched\t{{}}\t"
            '{"plan": "Team", "owner": null, "stage": null, "country": "DE", "segment": "SMB"}\tlive\topen\n'
        )
    data = "".join(lines)
    connection.ensure_connection()
    raw = connection.connection
    with benchlib.Meter(os.getpid()) as meter:
        began = time.perf_counter()
        with (
            raw.transaction(),
            raw.cursor() as cursor,
            cursor.copy(f"COPY surveys_response ({COLUMNS}) FROM STDIN") as to,
        ):
            to.write(data)
        seconds = time.perf_counter() - began
    return {"rps": rows / seconds, "errors": 0, "cpu ms": meter.cpu / rows * 1e3}


def in_process(rows: int) -> dict[str, float]:
    now, run = dt.datetime.now(dt.UTC), uuid.uuid4().hex[:10]
    answers = [
        Answer(
            survey_id=random.randint(1, 5), score=k % 11, source="bench", channel="import",
            responded_at=now - dt.timedelta(minutes=random.randint(1, 400_000)), external_id=f"{run}-{k}",
            email=f"user{random.randint(1, single.CONTACTS)}@customer.example",
            comment="Works well, the export could be quicker", origin="import",
        )
        for k in range(rows)
    ]  # fmt: skip
    with benchlib.Meter(os.getpid()) as meter:
        began = time.perf_counter()
        for start in range(0, rows, 1_000):
            ingest(answers[start : start + 1_000])
        seconds = time.perf_counter() - began
    return {"rps": rows / seconds, "errors": 0, "cpu ms": meter.cpu / rows * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rows", type=int, default=50_000)
    options = parser.parse_args()
    key = single.prepare()

    def calls(size: int):  # type: ignore[no-untyped-def]
        def run(_: int) -> dict[str, float]:
            server = benchlib.Server(benchlib.granian("nps_crm.wsgi:application", PORT, threads=4), PORT)
            url = f"http://127.0.0.1:{PORT}/api/v1/responses/bulk/"
            with server as started:
                args = (size, single.CONTACTS, f"Bearer {key}", "list")
                benchlib.wrk(url, "answers.lua", clients=4, seconds=3, args=(uuid.uuid4().hex[:12], *args))
                with benchlib.Meter(started.pid) as meter:
                    found = benchlib.wrk(
                        url,
                        "answers.lua",
                        clients=4,
                        seconds=options.seconds,
                        args=(uuid.uuid4().hex[:12], *args),
                    )
            return {
                **found, "rps": found["rps"] * size, "cpu ms": meter.cpu / max(1, found["n"] * size) * 1e3,
                "others": meter.others,
            }  # fmt: skip

        return run

    ways: list[benchlib.Way] = [
        (LIMIT, lambda _: copy(options.rows)),
        ("product: 100 a call", calls(100)),
        ("product: 1,000 a call", calls(1_000)),
        ("product: ingest in-process, 1,000 a transaction", lambda _: in_process(20_000)),
    ]
    found = benchlib.rounds(ways, options.rounds, limit=LIMIT)
    benchlib.table(
        f"Answers a second, {options.rounds} rounds", found, limit=LIMIT,
        columns=["rps", "p50", "p99", "cpu ms", "errors", "others"],
    )  # fmt: skip
    print(
        f"\nP5 100 a call over COPY {100 * benchlib.ratio(found, 'product: 100 a call', LIMIT):.0f} % (must 25, aim 40)"
    )
    benchlib.save("batch", found)


if __name__ == "__main__":
    main()
